"""What a unit is sold for and what it costs: where the dataset file says that this stands."""

from collections.abc import Iterable, Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from demand_assets.forecasting.dataset.attributes import Attribute
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.dataset.strict_entry import Name, StrictEntry

Kind = Literal["price", "cost"]
KINDS: tuple[Kind, ...] = ("price", "cost")
COLUMNS: dict[Kind, str] = {"price": "unit_price", "cost": "unit_cost"}
"""Under which a table of demand has them by period, where they stand in the rows of the source."""


class UnitAmount(StrictEntry):
    """Where the price, or the cost, of one unit stands: exactly one of its entries is given."""

    column: str | None = Field(default=None, min_length=1)
    """Of the rows of demand; ``{item}`` and ``{region}`` in it stand for the row's own, as for drivers."""
    expression: str | None = Field(default=None, min_length=1)
    """Over columns of the rows of demand, as in ``amount / quantity``."""
    attribute: Name | None = None
    """An attribute of kind number."""
    driver: Name | None = None
    """A driver of kind number."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise ValueError("give one of column, expression, attribute and driver"
                             f"{f', not {len(given)}: ' + ', '.join(given) if given else ''}; as in "
                             "price = { column = \"VK-Preis\" }")
        return self

    @property
    def is_by_row(self) -> bool:
        """Whether it stands in the rows of demand, for each period."""
        return self.column is not None or self.expression is not None


class Money(StrictEntry):
    """The price and the cost of one unit, in the dataset's currency."""

    price: UnitAmount | None = None
    """The dataset's price driver, if there is one, unless given."""
    cost: UnitAmount | None = None

    def of(self, kind: Kind) -> UnitAmount | None:
        """Where the price, or the cost, stands as the file says; None where it says nothing."""
        return self.price if kind == "price" else self.cost

    @property
    def by_row(self) -> dict[str, UnitAmount]:
        """Our column -> where it stands, of those that are read from the rows of demand."""
        return {COLUMNS[kind]: amount for kind in KINDS if (amount := self.of(kind)) is not None and amount.is_by_row}

    def as_drivers(self, currency: str) -> tuple[Driver, ...]:
        """What a source has to have for it, read and held to rules as drivers are; no model sees them."""
        return tuple(Driver(name=name, kind="number", future="repeat_last", placeholders=(0.0,), unit=currency)
                     for name in self.by_row)

    def check(self, drivers: Iterable[Driver], attributes: Iterable[Attribute], is_simulated: bool) -> None:
        """Check that it fits the drivers, the attributes and the source.

        Raises: ValueError: it does not.
        """
        listed = list(drivers)
        numbers: Mapping[str, list[str]] = {
            "driver": [one.name for one in listed if one.kind == "number" and one.future != "calendar"],
            "attribute": [one.name for one in attributes if one.kind == "number"]}
        for kind in KINDS:
            amount = self.of(kind)
            if amount is None:
                continue
            for entry, there in numbers.items():
                name = getattr(amount, entry)
                if name is not None and name not in there:
                    raise ValueError(f"money.{kind} names the {entry} {name!r}, which is none of kind 'number'; there "
                                     f"{'is' if len(there) == 1 else 'are'} {', '.join(there) or 'none'}")
            if amount.is_by_row and is_simulated:
                raise ValueError(f"money.{kind} names a column, and simulated demand has none; name a driver or an "
                                 "attribute")
            if amount.is_by_row and COLUMNS[kind] in {one.name for one in listed}:
                raise ValueError(f"a driver may not be called {COLUMNS[kind]!r} where money.{kind} is read from the "
                                 f"rows of demand; rename the driver, or say money.{kind} = {{ driver = "
                                 f"\"{COLUMNS[kind]}\" }}")
