"""How an override of several region-items and periods is spread over them: a percent for each, a value by forecasts."""

from collections.abc import Collection, Mapping
from datetime import date

from demand_assets.forecasting.forecast.overrides import shares
from demand_assets.forecasting.forecast.totals import Part
from webapp.language.translations import gettext as _
from webapp.overrides.wanted_override import MOST_AT_ONCE, OverrideError, WantedOverride, too_many


def spread(wanted: WantedOverride, parts: Mapping[str, Part]) -> list[tuple[str, date, float]]:
    """Key, period and amount of each override."""
    days = {key: part.dates.astype("datetime64[D]").tolist() for key, part in parts.items()}
    first, last = (min((each[0] for each in days.values() if each), default=None),
                   max((each[-1] for each in days.values() if each), default=None))
    if first is None or last is None:
        raise OverrideError(_("There is no forecast to override yet."))
    if wanted.first < first or wanted.last > last:
        raise OverrideError(_("Only periods ahead can be overridden, as far as they are forecast: from %(first)s to "
                              "%(last)s, not from %(wanted_first)s to %(wanted_last)s.", first=first, last=last,
                              wanted_first=wanted.first, wanted_last=wanted.last))
    forecasts = forecasts_on(parts, {at for each in days.values() for at in each if wanted.first <= at <= wanted.last})
    count = sum(len(each) for each in forecasts.values())
    if not count:
        raise OverrideError(_("No period begins from %(first)s to %(last)s; choose other dates.", first=wanted.first,
                              last=wanted.last))
    if count > MOST_AT_ONCE:
        raise too_many(count)
    return shared_out(wanted, forecasts)


def forecasts_on(parts: Mapping[str, Part], dates: Collection[date]) -> dict[date, dict[str, float]]:
    """Period -> key -> the model's forecast in units, of those of the dates that are forecast."""
    found: dict[date, dict[str, float]] = {}
    for key, part in parts.items():
        for at, units in zip(part.dates.astype("datetime64[D]").tolist(), part.forecast.tolist(), strict=True):
            if at in dates:
                found.setdefault(at, {})[key] = units
    return found


def shared_out(wanted: WantedOverride, forecasts: Mapping[date, Mapping[str, float]]) -> list[tuple[str, date, float]]:
    """Key, period and amount of each override: a percent for each, a value spread over them."""
    if wanted.way == "percent":
        return [(key, at, wanted.amount) for at, each in forecasts.items() for key in each]
    return [(key, at, wanted.amount * share) for at, each in forecasts.items() for key, share in shares(each).items()]
