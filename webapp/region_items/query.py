"""Which region-items are shown, in which order and with which columns: the URL says it all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql.elements import ColumnElement

from webapp.db.database import now
from webapp.tables import DRIFT_TOLD, OPEN_STATES, RegionItemRow, RetrainItem

PAGE_SIZES = (25, 50, 100, 250)
STATUSES = {"production": "in production", "pooled": "pooled model", "baseline": "baseline",
            "quarantined": "quarantined", "untrained": "not trained yet", "retraining": "retraining"}
MOVED_TOLD = 0.1
"""Part of the forecast by which it must have moved to be flagged."""
SINCE_DAYS = {1: "yesterday", 3: "three days ago", 7: "a week ago"}
MOST_SORTS = 4


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    title: str
    words: str
    """What it tells, where there is room to say so."""
    order: ColumnElement[Any]
    is_usual: bool = False
    """Whether it is shown unless told otherwise."""
    is_number: bool = True


COLUMNS: dict[str, Column] = {
    "status": Column("Status", "status and flags", RegionItemRow.status.expression, True, False),
    "last_date": Column("Last period", "last period with known demand", RegionItemRow.last_date.expression, True,
                        False),
    "last_demand": Column("Sold last", "units sold in the last period", RegionItemRow.last_demand.expression),
    "volume": Column("Sold lately", "units sold over the last horizon", RegionItemRow.volume.expression),
    "total": Column("Forecast", "units forecast by the model, without overrides, over the next horizon, with the 80 %"
                    " interval",
                    RegionItemRow.outlook_total.expression, True),
    "last_year": Column("Last year", "units sold in the same periods a year earlier",
                        RegionItemRow.last_year.expression),
    "change": Column("On last year", "the forecast against last year",
                     RegionItemRow.change_on_last_year.expression, True),
    "live_wape": Column("WAPE", "error of the forecasts as they stood, on periods known since",
                        RegionItemRow.live_wape.expression, True),
    "live_skill": Column("Skill", "how much smaller that error is than seasonal naive's",
                         RegionItemRow.live_skill.expression, True),
    "live_bias": Column("Bias", "how much too much (+) or too little (−) those forecasts were",
                        RegionItemRow.live_bias.expression, True),
    "wape": Column("Backtest WAPE", "error on the backtest of the version in production",
                   RegionItemRow.wape.expression, True),
    "naive": Column("Backtest naive", "error of seasonal naive on that backtest",
                    RegionItemRow.wape_seasonal_naive.expression),
    "coverage": Column("Coverage", "share of the backtest inside its 80 % interval",
                       RegionItemRow.coverage_80.expression),
    "version": Column("Version", "version in production and its age", RegionItemRow.production_version.expression,
                      True),
    "promoted": Column("Promoted", "when it was promoted", RegionItemRow.promoted_at.expression, False, False),
    "moved": Column("Moved", "units by which the forecast changed since the period before; sorted by size",
                    func.abs(RegionItemRow.moved.expression)),
    "missed": Column("Missed", "units sold minus forecast, newest periods; sorted by size",
                     func.abs(RegionItemRow.missed.expression)),
    "drift": Column("Drift", "largest population stability index since the training", RegionItemRow.drift.expression),
    "quarantined": Column("Refused rows", "rows refused at the last look at its demand",
                          RegionItemRow.quarantined_rows.expression),
}
ORDERS: dict[str, ColumnElement[Any]] = {
    "region_item": RegionItemRow.position.expression, "item": RegionItemRow.item.expression,
    **{name: column.order for name, column in COLUMNS.items()}}
USUAL_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.is_usual)


@dataclass(frozen=True)
class Flag:
    """Something by which region-items are found."""

    words: str
    which: Callable[[datetime], ColumnElement[bool]]
    """The condition, given since when it is asked."""
    is_new: bool = False
    """Whether it is about what happened lately."""


def _is_behind() -> ColumnElement[bool]:
    newest = select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue).scalar_subquery()
    return RegionItemRow.last_date < newest


def _is_retrained() -> ColumnElement[bool]:
    waiting = select(RetrainItem.key).where(RetrainItem.state.in_(OPEN_STATES))
    return (RegionItemRow.activity != "") | RegionItemRow.key.in_(waiting)


def _failed(since: datetime) -> ColumnElement[bool]:
    """Whether a retrain of it failed, also one whose run never came to say so, or its new demand could not be read."""
    failed = select(RetrainItem.key).where(RetrainItem.state == "failed", RetrainItem.finished_at >= since)
    told = (RegionItemRow.step == "failed") & (
        RegionItemRow.step_at >= since.astimezone(UTC).isoformat(timespec="milliseconds"))
    return told | RegionItemRow.key.in_(failed)


FLAGS: dict[str, Flag] = {
    "drifting": Flag("demand or a driver drifts", lambda _: RegionItemRow.drift > DRIFT_TOLD),
    "refused_rows": Flag("rows quarantined", lambda _: RegionItemRow.quarantined_rows > 0),
    "stand_in": Flag("served by the pooled model or the baseline", lambda _: RegionItemRow.production_version.is_(None)
                     & RegionItemRow.outlook_total.is_not(None)),
    "retrain_running": Flag("a retrain waits or runs", lambda _: _is_retrained()),
    "pinned": Flag("version pinned", lambda _: RegionItemRow.pinned_by != ""),
    "stale": Flag("demand ends before the newest", lambda _: _is_behind()),
    "new_demand": Flag("new demand", lambda since: RegionItemRow.demand_at >= since, True),
    "promoted": Flag("promoted", lambda since: RegionItemRow.promoted_at >= since, True),
    "kept": Flag("candidate refused", lambda since: (RegionItemRow.decision == "keep")
                 & (RegionItemRow.decided_at >= since), True),
    "failed": Flag("training failed", _failed, True),
    "moved": Flag("forecast moved", lambda since: (RegionItemRow.moved_at >= since)
                  & (func.abs(RegionItemRow.moved) >= MOVED_TOLD * RegionItemRow.outlook_total), True),
}


@dataclass(frozen=True)
class View:
    """Which region-items are shown, and how."""

    search: str = ""
    status: str = ""
    flags: tuple[str, ...] = ()
    sort: tuple[str, ...] = ("region_item",)
    """Names of ``ORDERS``, the first first; with ``-`` before it the largest first."""
    page: int = 1
    size: int = PAGE_SIZES[0]
    columns: tuple[str, ...] = USUAL_COLUMNS
    since_days: int = 1
    """Flags about what happened lately go so far back."""

    @property
    def since(self) -> datetime:
        """Since when things are new."""
        return now() - timedelta(days=self.since_days)

    @property
    def is_narrowed(self) -> bool:
        """Whether some region-items may be left out."""
        return bool(self.search or self.status or self.flags)

    def query(self, **changes: object) -> dict[str, Any]:
        """The URL's arguments for this view with changes; defaults are left out."""
        return {name: text for name, text in (self.fields() | {name: _text(value) for name, value in changes.items()}
                                              ).items() if text != _PLAIN.get(name, "")}

    def fields(self) -> dict[str, str]:
        """Every argument of the URL."""
        return {"q": self.search, "status": self.status, "flag": _text(self.flags),
                "sort": _text(self.sort), "page": str(self.page), "size": str(self.size),
                "columns": _text(self.columns), "since": str(self.since_days)}

    def sorted_by(self, name: str) -> dict[str, Any]:
        """The URL's arguments for this view sorted by a column alone; the other way round when it already is."""
        return self.query(sort=f"-{name}" if self.sort[0] == name else name, page=1)

    def sorted_also_by(self, name: str) -> dict[str, Any]:
        """The same sorted by a column after those it is sorted by; the other way round when it already is."""
        turned = tuple(f"-{name}" if each == name else name if each == f"-{name}" else each for each in self.sort)
        if turned == self.sort:
            turned = (*(each for each in self.sort if each != "region_item"), name)[:MOST_SORTS]
        return self.query(sort=turned, page=1)

    def place_in_sort(self, name: str) -> int:
        """1 for the column that is sorted by first; 0 for one that is not sorted by."""
        return next((place for place, each in enumerate(self.sort, 1) if each.removeprefix("-") == name), 0)


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


_PLAIN: Mapping[str, str] = View().fields()
