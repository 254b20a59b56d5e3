"""Which classes of model compete with XGBoost, and where: the entries ``[challengers]`` of the dataset file."""

from typing import Any, Literal

from pydantic import Field

from demand_assets.forecasting.dataset.strict_entry import StrictEntry

DemandClass = Literal["smooth", "erratic", "intermittent", "lumpy"]


class Where(StrictEntry):
    """Other classes for some region-items."""

    compete: tuple[str, ...]
    """In place of ``[challengers] compete``; ``[]``: XGBoost alone."""
    demand_class: tuple[DemandClass, ...] = ()
    """Those of these classes of demand; of any unless given."""
    attribute: dict[str, tuple[str, ...]] = Field(default={})
    """Attribute -> its values, as they are written in the source; each attribute named must have one of them."""


class Challengers(StrictEntry):
    """Which classes of model compete with XGBoost."""

    compete: tuple[str, ...] = ()
    """Their names; none: XGBoost alone, and none of their libraries is imported."""
    blend: bool = True
    """Whether the equal-weight mean of XGBoost and all that compete is a challenger as well."""
    seconds: float = Field(default=10.0, gt=0, le=3600)
    """Of processor time that one class may take for one region-item; one that takes more is out of its contest."""
    options: dict[str, dict[str, Any]] = Field(default={})
    """Class -> what it is told, as in ``[challengers.options.chronos] path = "/models/chronos"``."""
    where: tuple[Where, ...] = ()
    """The first that fits a region-item counts; where none does, ``compete``."""

    def names_for(self, demand_class: str, attributes: dict[str, str]) -> tuple[str, ...]:
        """The classes that compete for a region-item.

        Args:
            demand_class: as ``series.demand_class``.
            attributes: its attributes, as texts.
        """
        for one in self.where:
            if one.demand_class and demand_class not in one.demand_class:
                continue
            if all(attributes.get(name) in values for name, values in one.attribute.items()):
                return tuple(dict.fromkeys(one.compete))
        return tuple(dict.fromkeys(self.compete))

    @property
    def all_names(self) -> tuple[str, ...]:
        """Every class that is named."""
        return tuple(dict.fromkeys([*self.compete, *(name for one in self.where for name in one.compete)]))
