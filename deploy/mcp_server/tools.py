"""What an agent can do: small answers, each with its unit and dates; what is not known is left out of them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

from deploy.mcp_server.api import Api, in_path

MOST_KEYS = 20
"""Region-items of one answer that are told one by one."""
MOST_PERIODS = 60
"""Periods of one answer."""
MOST_RETRAINED = 200
DIGITS = 6
"""Significant ones of each number."""
PERIODS = {"D": "day", "W": "week", "M": "month", "Q": "quarter"}
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
STARTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
STOPS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)

Answer = dict[str, Any]
Key = Annotated[str, Field(min_length=3, max_length=255, description="Key of a region-item, as find gives it")]
Keys = Annotated[tuple[Key, ...], Field(min_length=1, max_length=MOST_KEYS, description="Keys of region-items, as find "
                                                                                        "gives them")]
Name = Annotated[str, Field(max_length=255)]
Names = Annotated[tuple[Name, ...], Field(max_length=MOST_KEYS)]
Attributes = Annotated[Names, Field(description="As in category:Food")]
Flags = Annotated[Names, Field(description="All of: drifting, refused_rows, stand_in, retrain_running, pinned, stale, "
                                           "new_demand, promoted, kept, failed, moved")]
Words = Annotated[str, Field(max_length=200, description="Parts of region or item, in any case")]
EachPeriod = Annotated[bool, Field(description="Each period too")]
Horizon = Annotated[int | None, Field(ge=1, le=400, description="Periods ahead; the dataset's horizon unless given")]
Coverage = Annotated[Literal[50, 80, 95], Field(description="Of the interval from lower to upper, in percent")]
Limit = Annotated[int, Field(ge=1, le=50, description="At most so many rows")]
Cursor = Annotated[str | None, Field(description="next of the answer before, to go on from there")]


class Change(BaseModel):
    """One driver changed on the dates from first to last."""

    model_config = ConfigDict(extra="forbid")

    driver: str = Field(description="Name of a driver, as about lists them")
    action: Literal["percent", "set", "add"] = Field(description="percent and add are for numbers only")
    value: bool | float | str
    first: date
    last: date


class Tools:
    """The tools, over one API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def add_to(self, server: MCPServer[Any]) -> None:
        """Offer these tools through a server; each says whether it reads, starts or stops something."""
        reading: list[Callable[..., Answer]] = [self.about, self.find, self.total, self.forecast, self.demand,
                                                self.explain, self.what_if, self.compare_totals, self.compare_models,
                                                self.follow]
        for tool in reading:
            server.add_tool(tool, annotations=READS)
        server.add_tool(self.retrain, annotations=STARTS)
        server.add_tool(self.cancel_retrain, annotations=STOPS)

    def about(self) -> Answer:
        """What is forecast, in which unit, how far ahead; the drivers that what_if can change; what this token may do.

        Call it first."""
        return self._told(**self._api.dataset, you=self._api.get("/me"))

    def find(self, words: Words = "", region: Name = "", item: Name = "", attributes: Attributes = (),
             flags: Flags = (), limit: Limit = 20, cursor: Cursor = None) -> Answer:
        """Region-items and how each stands: key, forecast of the next horizon with its 80 % interval, last date of
        demand, error of published forecasts. Keys are what the other tools take."""
        page = self._api.get("/region-items", q=words or None, region=region or None, item=item or None,
                             attribute=attributes, flag=flags, limit=limit, cursor=cursor)
        return self._told(coverage=80, horizon=self._api.dataset["horizon"], region_items=[_some(one, (
            "key", "region", "item", "status", "last_date", "last_demand", "forecast", "lower", "upper", "model",
            "live_wape", "live_skill", "live_bias", "live_periods", "drift", "production_version", "pinned_by",
            "quarantine_reason", "quarantined_rows", "price", "price_date", "revenue", "margin",
            "attributes")) for one in page["region_items"]], next=page["next"])

    def total(self, everything: bool = False, regions: Names = (), items: Names = (),
              attributes: Attributes = (), keys: Annotated[tuple[Key, ...], Field(max_length=100)] = (),
              horizon: Horizon = None, coverage: Coverage = 80, periods: EachPeriod = False) -> Answer:
        """The forecast of a sum: of everything, whole regions, items, attributes, or keys; those given add up. Its
        interval is that of the sum. Planners' overrides are included; model is without them."""
        found = self._api.get("/totals", all=str(everything).lower(), region=regions, item=items, attribute=attributes,
                              key=keys, horizon=horizon, coverage=coverage)
        return self._told(**_dated(found["periods"]), **_some(found, (
            "coverage", "region_items", "missing", "includes_overrides", "overrides", "total", "model", "money")),
            **(_periods(found["periods"]) if periods else {}))

    def forecast(self, keys: Keys, horizon: Horizon = None, coverage: Coverage = 80,
                 periods: EachPeriod = False) -> Answer:
        """The forecast of each region-item, with what serves it, what was assumed of drivers, and overrides."""
        found = self._api.get("/forecasts", key=keys, horizon=horizon, coverage=coverage, limit=MOST_KEYS)
        return self._told(coverage=coverage, includes_overrides=found["includes_overrides"],
                          forecasts=[_forecast(one, periods) for one in found["forecasts"]],
                          cannot_be_forecast=found["missing"] or None)

    def demand(self, key: Key, first: date | None = None, last: date | None = None,
               limit: Annotated[int, Field(ge=1, le=MOST_PERIODS)] = MOST_PERIODS, cursor: Cursor = None) -> Answer:
        """What was sold of one region-item by period, oldest first, with the drivers then. censored: out of stock, at
        least so much was wanted."""
        found = self._api.get(f"/region-items/{in_path(key)}/demand", limit=limit, cursor=cursor,
                              first=str(first) if first else None, last=str(last) if last else None)
        return self._told(**_some(found, ("key", "region", "item")), next=found["next"],
                          periods=[_known(one) for one in found["periods"]])

    def explain(self, key: Key, horizon: Horizon = None) -> Answer:
        """Why one region-item's forecast is what it is: what drivers and recent demand add, in units, adding up to the
        model's own forecast; which model serves, why the gate chose it, and how right its forecasts were.

        Contributions tell what the model has learned, not what causes demand."""
        place = f"/region-items/{in_path(key)}"
        row = self._api.get(place)
        found = self._api.get("/forecasts", key=[key], horizon=horizon)
        if not found["forecasts"]:
            raise ToolError(f"It cannot be forecast: {found['missing'][0]['reason']}")
        forecast = found["forecasts"][0]
        versions = self._api.get(f"{place}/versions", limit=5)["versions"]
        serving = next((one for one in versions if one["is_production"]), None)
        why: Answer = {"contributions": None,
                       "why_none": "Seasonal naive repeats past demand; there is nothing more to explain."}
        if forecast["served_by"] != "baseline":
            told = self._api.get("/explanations", key=[key], horizon=horizon)
            why = {"contributions": [_known(one) for one in sorted(told["contributions"],
                                                                   key=lambda one: -abs(one["units"]))]}
        return self._told(
            **_forecast(forecast, False), coverage=80, **why,
            decision=_some(serving, ("version", "decided_at", "decision", "reason")) if serving else None,
            newest_decision=_some(versions[0], ("version", "decided_at", "decision", "reason")) if (
                versions and versions[0] is not serving) else None,
            published_forecasts=_some(row, ("live_wape", "live_skill", "live_bias", "live_periods")),
            backtest=_some(row, ("backtest_wape", "backtest_wape_seasonal_naive")))

    def what_if(self, keys: Keys, changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=20)],
                horizon: Horizon = None, coverage: Coverage = 80) -> Answer:
        """What changed drivers (prices, promotions …) would do to the forecasts of up to 20 region-items: plan and
        scenario beside each other, in units and money. Nothing is stored. Needs a planner's token.

        Plan and scenario are the models' own, without overrides. Read assumed and flags: where a driver leaves what was
        seen, the answer is uncertain."""
        found = self._api.post("/forecasts", {"keys": keys, "horizon": horizon, "coverage": coverage,
                                              "changes": [one.model_dump(mode="json") for one in changes]})
        each = found["region_items"]
        return self._told(
            coverage=coverage, **_dated(each[0]["plan"]["periods"] if each else []), plan=_known(found["plan"]),
            scenario=_known(found["scenario"]),
            difference=_number(found["scenario"]["forecast"] - found["plan"]["forecast"]),
            plan_money=_money(found["plan_money"]), scenario_money=_money(found["scenario_money"]),
            region_items=[{**_some(one["plan"], ("key", "served_by", "assumed")), **_known({
                "plan": one["plan"]["total"], "scenario": one["scenario"]["total"], "flags": one["scenario"]["flags"]})}
                for one in each], cannot_be_forecast=found["missing"] or None)

    def compare_totals(self, by: Annotated[str, Field(max_length=200, description="region, item, or an attribute")],
                       within: Annotated[str, Field(max_length=300, description="Only the parts of this value of an "
                                                                                "attribute, as in category:Food")] = "",
                       limit: Limit = 20, cursor: Cursor = None) -> Answer:
        """Totals of regions, items or values of an attribute beside each other, by name: forecast of the horizon, the
        same periods last year, the relative change on those sold then (0.1 is 10 % more)."""
        found = self._api.get("/totals/groups", by=by, within=within or None, limit=limit, cursor=cursor)
        return self._told(by=by, coverage=80, horizon=self._api.dataset["horizon"],
                          totals=[{**_known({name: value for name, value in one.items() if name != "money"}),
                                   **_money(one["money"])} for one in found["totals"]],
                          rest=_known(found["rest"]) if found["rest"] else None, next=found["next"])

    def compare_models(self, key: Key, limit: Annotated[int, Field(ge=1, le=10)] = 5, cursor: Cursor = None) -> Answer:
        """The versions of one region-item's model, newest first: what the gate decided of each and why, its error in
        the backtest beside seasonal naive's; and how right published forecasts were, by lead. Errors are shares."""
        place = f"/region-items/{in_path(key)}"
        found = self._api.get(f"{place}/versions", limit=limit, cursor=cursor)
        accuracy = self._api.get(f"{place}/accuracy")
        return self._told(
            **_some(found, ("key", "region", "item", "production_version", "pinned_by", "pinned_reason")),
            versions=[{**_some(one, ("version", "is_production", "trained_at", "decided_at", "decision", "reason")),
                       **_some(one["numbers"], ("wape", "wape_seasonal_naive", "wape_production", "bias",
                                                "coverage_80", "trained_to"))} for one in found["versions"]],
            published_forecasts=_known(accuracy["overall"]), by_lead=[
                _some(one, ("lead", "wape", "wape_seasonal_naive", "forecasts")) for one in accuracy["leads"]
                if one["forecasts"]][:MOST_PERIODS], next=found["next"])

    def retrain(self, request_name: Annotated[str, Field(
            min_length=3, max_length=100, description="A name for this request, as in prices-of-july-2026. The same "
                                                      "name and arguments start nothing twice.")],
                reason: Annotated[str, Field(min_length=3, max_length=300, description="Why; people read it")],
                keys: Annotated[tuple[Key, ...], Field(max_length=MOST_RETRAINED)] = (), regions: Names = (),
                items: Names = (), pinned: Literal["include", "leave", "refuse"] = "refuse",
                unchanged: Literal["include", "leave", "refuse"] = "leave") -> Answer:
        """CHANGES SOMETHING: have models trained anew; a better one is promoted by itself and changes forecasts for
        everybody. Needs a planner's token. Ask the person first, and say of how many region-items.

        pinned, unchanged: what becomes of region-items whose version a person pinned, and of those with nothing new to
        learn. follow tells what comes of it."""
        if not (keys or regions or items):
            raise ToolError("Say of which region-items: with keys, regions or items. find gives them.")
        body = {"keys": keys, "regions": regions, "items": items, "reason": reason, "pinned": pinned,
                "unchanged": unchanged}
        once = sha256(f"{request_name}\n{sorted(body.items())!r}".encode()).hexdigest()
        return self._retrain(self._api.post("/retrains", body, once=f"mcp-{once}"))

    def follow(self, retrain_id: Annotated[int | None, Field(ge=1, description="The newest few unless given")] = None,
               state: Annotated[str | None, Field(description="Only region-items in this state, as in failed")] = None,
               limit: Limit = 20, cursor: Cursor = None) -> Answer:
        """How far a retrain is, and what came of each of its region-items and why: promoted, kept, failed. Do not ask
        more often than ask_again_in_seconds says."""
        if retrain_id is None:
            found = self._api.get("/retrains", limit=limit, cursor=cursor)
            return self._told(next=found["next"], retrains=[_of_retrain(one) for one in found["retrains"]])
        told = self._retrain(self._api.get(f"/retrains/{retrain_id}"))
        items = self._api.get(f"/retrains/{retrain_id}/region-items", state=state, limit=limit, cursor=cursor)
        return told | {"region_items": [_known(one) for one in items["region_items"]], "next": items["next"]}

    def cancel_retrain(self, retrain_id: Annotated[int, Field(ge=1)]) -> Answer:
        """CHANGES SOMETHING: stop what is not decided yet of a retrain, whoever asked for it. Needs a planner's token.
        Ask the person first."""
        return self._retrain(self._api.post(f"/retrains/{retrain_id}/cancel", {}))

    def _retrain(self, told: Answer) -> Answer:
        is_over = told["state"] in ("finished", "cancelled", "refused")
        return self._told(retrain=_of_retrain(told), ask_again_in_seconds=None if is_over else 10)

    def _told(self, **answer: Any) -> Answer:
        """An answer with the units that it is in, and when it was given, in UTC."""
        dataset = self._api.dataset
        return {"unit": dataset["unit"], "currency": dataset["currency"], "period": PERIODS[dataset["frequency"]],
                "answered_at": datetime.now(UTC).isoformat(timespec="seconds"),
                **{name: _number(value) for name, value in answer.items() if value is not None}}


def _forecast(one: Answer, periods: bool) -> Answer:
    return {**_some(one, ("key", "region", "item", "origin", "served_by", "version", "notice", "total", "model",
                          "overrides", "revenue", "margin", "assumed", "flags")), **_dated(one["periods"]),
            **({} if not periods else _periods(one["periods"]))}


def _periods(periods: list[Answer]) -> Answer:
    """Periods, as many as an answer holds."""
    shown: Answer = {"periods": [_known(one) for one in periods[:MOST_PERIODS]]}
    return shown if len(periods) <= MOST_PERIODS else {**shown, "periods_left_out": len(periods) - MOST_PERIODS}


def _dated(periods: list[Answer]) -> Answer:
    return {"first_date": periods[0]["date"], "last_date": periods[-1]["date"]} if periods else {}


def _of_retrain(told: Answer) -> Answer:
    return _some(told, ("id", "state", "outcome", "source", "asked_by", "asked_at", "reason", "size", "done", "counts",
                        "finished_at", "cancel_asked_at", "problem", "left_out", "nothing_new"))


def _money(told: Answer) -> Answer:
    return _some(told, ("revenue", "margin")) if told.get("priced") else {}


def _some(told: Answer, names: tuple[str, ...]) -> Answer:
    return _known({name: told.get(name) for name in names})


def _known(told: Answer) -> Answer:
    """Without what is not known or empty."""
    return {name: _number(value) for name, value in told.items() if value is not None and value not in ("", [], {})}


def _number(value: Any) -> Any:
    """Numbers with as many digits as mean something, however deep."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _number(each) for name, each in value.items()}
    return [_number(each) for each in value] if isinstance(value, list) else value
