"""Every screen that the browser tests visit: a new one is one line here."""

from dataclasses import dataclass
from urllib.parse import quote

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import KETTLE, ODD

RUN = "run-of-the-browser-tests"
SALE, LONG_SALE, FAIR = "a" * 32, "b" * 32, "c" * 32
"""Tokens of saved scenarios."""
WHAT_IF = "&change-0-driver=price&change-0-action=percent&change-0-value=-20&change-0-first=2026-08-01" \
          "&change-0-last=2026-08-07"


@dataclass(frozen=True)
class Screen:
    """One screen, with something on it."""

    name: str
    url: str
    has_chart: bool = False
    is_public: bool = False
    """Whether it is seen without signing in."""
    is_admin: bool = False
    """Whether only an administrator sees it."""


def of(region_item: RegionItem, path: str) -> str:
    """The URL of a region-item's page."""
    return f"{path}?ri={quote(region_item.key)}"


SCREENS = (
    Screen("sign in", "/sign-in", is_public=True),
    Screen("overview", "/?size=50"),
    Screen("overview with the tour", "/?tour=2"),
    Screen("terms", "/guide/terms"),
    Screen("overview without a match", "/?q=nobody"),
    Screen("work", "/work?state=all"),
    Screen("work of one cause", "/work?state=all&cause=1"),
    Screen("forecasts", "/forecasts"),
    Screen("forecast", of(KETTLE, "/forecasts"), has_chart=True),
    Screen("forecast of all, with the past", "/forecasts?all=1&past=1&layout=measures", has_chart=True),
    Screen("what-if and why", of(KETTLE, "/forecasts") + WHAT_IF + "&why=1", has_chart=True),
    Screen("totals", "/totals"),
    Screen("totals of what is filtered", "/totals?by=item&attribute=region:north&attribute=item:kettle"),
    Screen("heat map", "/heat-map"),
    Screen("heat map of what is filtered", "/heat-map?attribute=region:north"),
    Screen("scenarios", "/scenarios"),
    Screen("scenario", f"/scenarios/{SALE}", has_chart=True),
    Screen("edit a scenario", f"/scenarios/{SALE}/edit"),
    Screen("apply a scenario", f"/scenarios/{FAIR}/apply"),
    Screen("scenarios compared", f"/scenarios/compare?s={SALE}&s={LONG_SALE}", has_chart=True),
    Screen("models", "/models"),
    Screen("model", of(KETTLE, "/models/region-item")),
    Screen("versions compared", of(KETTLE, "/models/compare") + "&a=1&b=2"),
    Screen("roll back", of(KETTLE, "/models/act") + "&kind=roll_back&version=1", is_admin=True),
    Screen("overrides", "/overrides"),
    Screen("scores of overrides", "/overrides/helped"),
    Screen("published plans", "/published-plans"),
    Screen("order up to", "/order-up-to"),
    Screen("publish", "/published-plans/new"),
    Screen("published plan", "/published-plans/2"),
    Screen("published plans compared", "/published-plans/compare?before=1&after=2"),
    Screen("retrains", "/retrains"),
    Screen("retrain", "/retrains/1"),
    Screen("data by rule", "/data"),
    Screen("data by region-item", "/data/region-items"),
    Screen("loads", "/data/loads"),
    Screen("load", f"/data/loads/{RUN}"),
    Screen("refused rows", of(ODD, "/data/quarantine")),
    Screen("drift", "/data/drift"),
    Screen("distributions", of(KETTLE, "/data/drift/region-item"), has_chart=True),
    Screen("freshness", "/data/freshness"),
    Screen("search", "/search?q=kettle"),
    Screen("account", "/account"),
    Screen("password", "/password"),
    Screen("users", "/admin/users", is_admin=True),
    Screen("user", "/admin/users/1", is_admin=True),
    Screen("oneself among the users", "/admin/users/3", is_admin=True),
    Screen("add a user", "/admin/users/new", is_admin=True),
    Screen("everybody's tokens", "/admin/tokens", is_admin=True),
    Screen("rules of work", "/admin/work", is_admin=True),
    Screen("value added", "/value-added", has_chart=True),
    Screen("scenarios judged", "/value-added/scenarios"),
    Screen("targets", "/admin/targets", is_admin=True),
    Screen("notices", "/notices"),
    Screen("webhooks", "/admin/webhooks", is_admin=True),
    Screen("settings", "/admin/settings", is_admin=True),
    Screen("audit log", "/admin/audit", is_admin=True),
    Screen("no such page", "/nowhere"),
)
