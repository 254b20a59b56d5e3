"""The drivers of a dataset: their kinds, what they do to demand, and where their future comes from."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from demand_assets.forecasting.dataset.driver_kinds import KINDS, DriverKind, Kind
from demand_assets.forecasting.dataset.strict_entry import NAME_PATTERN, Name, StrictEntry

RESERVED_COLUMNS = frozenset({"date", "region", "item", "demand", "row", "region_item", "lead", "forecast", "lower_80",
                              "upper_80", "calendar", "limits"})

Effect = Literal["increasing", "decreasing", "none"]


class Driver(StrictEntry):
    """An exogenous variable whose future is known, repeated or given."""

    name: Name
    kind: Kind
    effect: Effect = "none"
    """What demand does when the driver rises; the model is held to it."""
    future: Literal["known", "repeat_last", "repeat_season", "given", "calendar"] = "known"
    """Where values beyond the last demand come from.

    ``known``: rows of the source beyond the last demand; ``repeat_last``: the last value goes on; ``repeat_season``:
    the value one year (the longest season) earlier; ``given``: ``default`` unless a scenario says otherwise.
    A future value that ``known`` does not find is the last value for numbers and categories and "no" for yes/no,
    and the forecast says so. ``calendar``: what ``[calendar]`` makes, for the past too; no file says it of a driver.
    """
    default: float | bool | str | None = None
    placeholders: tuple[float | str, ...] | None = None
    """Values that mean "not known", as in ``[0]``; of a price 0 and less do, unless given."""
    label: str = ""
    """Words for the page; the name with spaces unless given."""
    unit: str = ""
    read_as: Annotated[str, Field(pattern=f"^({NAME_PATTERN})?$")] = ""
    """The plug-in that reads the source's values; they are read as ``kind`` says unless given."""

    @model_validator(mode="after")
    def _check(self) -> "Driver":
        if self.name in RESERVED_COLUMNS:
            raise ValueError(f"a driver may not be called {self.name!r}; that name is taken")
        if not self.of_kind.is_ordered and self.effect != "none":
            raise ValueError("a category has no order, so its effect can only be 'none'")
        if self.future == "given" and self.default is None:
            raise ValueError("future = 'given' needs a default, the value when no scenario says otherwise")
        if self.default is not None and not self.of_kind.fits(self.default):
            raise ValueError(f"default = {self.default!r} does not fit kind = {self.kind!r}: a number such as 0.5, "
                             "true or false, or a category's text is expected")
        return self

    @property
    def of_kind(self) -> DriverKind:
        """What is true of its kind."""
        return KINDS[self.kind]

    @property
    def title(self) -> str:
        """The driver in words."""
        return self.label or self.name.replace("_", " ")
