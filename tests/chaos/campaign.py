"""A campaign: the rounds of a schedule, done to one running product, with the auditor on the way and at rests."""

import contextlib
import heapq
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.registry.entry import PRODUCTION
from demand_assets.forecasting.registry.session import RegistryDownError
from tests.chaos.auditor import audit, on_the_way
from tests.chaos.faults import Faults, chosen
from tests.chaos.observed import Accepted, Observed
from tests.chaos.observer import Observer
from tests.chaos.planner import Planner, Reply, key_in_url
from tests.chaos.product import STOP_SECONDS, Product, ProductError
from tests.chaos.schedule import CUT_TRAINING, RUN, WHOLE, Act, Round

REST_EVERY = 10
"""Rounds between two rests, in which everything must come to its end and is audited."""
REST_SECONDS = 300
"""How long that may take: an act of the product that was cut off is tried again after up to two minutes."""
SAME_SECONDS = 20
"""So long what is found must stay the same before it is a finding that nothing more is going to change."""
ANSWER_SECONDS = 90
"""How long the web app is waited for between two rounds."""
TRAINING_SECONDS = 45
"""How long a training that is to be cut is waited for."""
UNREADABLE = (MlflowException, SQLAlchemyError, RegistryDownError, OSError)
"""What looking at databases and files may meet while they are busy, or change under the reader."""
STEP_SECONDS = 0.1
LOOK_SECONDS = 2.0
RESENT = 6
MAY_PASS = ("not ended", "alias", "files", "no forecast", "forecast", "growth", "failed", "untrue")
"""Findings that the product may yet put right by itself while it comes to rest."""


@dataclass
class Result:
    """What came of a campaign."""

    findings: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    """What was done, and what was accepted -> how often."""
    rounds: int = 0
    cut_in_training: int = 0
    """Rounds in which a run was killed that was training."""
    round_seconds: list[float] = field(default_factory=list)
    """Of each round, without rests."""
    rest_seconds: list[float] = field(default_factory=list)


class Campaign:
    """The rounds of one seed on one product."""

    def __init__(self, seed: int, product: Product, faults: Faults, say: Callable[[str], None],
                 record_in: Path | None = None) -> None:
        self._seed, self.product, self._faults, self._say = seed, product, faults, say
        self._record_in = record_in
        self.observer = Observer(product)
        self.accepted: list[Accepted] = []
        self._ids: list[int] = []
        """Of accepted retrains."""
        self._batches: list[str] = []
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._known: set[str] = set()
        self._round = Round(0, ())
        self._marked = 0
        self._answered = True
        """Whether the web app answered when the round began."""
        self._ends = False
        """Whether the launcher was told to end, or its runner was."""
        self.result = Result(done=faults.done)
        link = product.wait_for(r"make the first one at (http://\S+)").group(1)
        product.wait_for(r"(\d+) of \1 decided|nothing is missing", 300)
        self._planner = Planner(product.url, link)
        self._keys = self.observer.region_items
        told = self._planner.get("/forecasts", key=self._keys[:1]).told
        self._first = date.fromisoformat(told["forecasts"][0]["periods"][0]["date"])
        self._first_look: Observed | None = None

    def run(self, rounds: Sequence[Round]) -> Result:
        """Do all rounds, and come to rest at the end."""
        self._rest("before the first round")
        self._first_look = self.observer.at_rest(self._planner)
        for place, one in enumerate(rounds, start=1):
            self._do(one)
            if place % REST_EVERY == 0 or place == len(rounds):
                since = rounds[(place - 1) // REST_EVERY * REST_EVERY].number
                self._rest(f"round {since}" if since == one.number else f"rounds {since} to {one.number}")
        return self.result

    def _do(self, one: Round) -> None:
        """Do one round, undo what lasts, and look at what can be looked at in the middle of everything."""
        started = time.monotonic()
        self._round, self._marked = one, 0
        for act in one.acts:
            self._at(started + act.at, lambda act=act: self._act(act))
        while self._later:
            self._do_what_is_due()
            time.sleep(STEP_SECONDS)
        self._faults.undo()
        self._start_again()
        self._wait_for_answer()
        self.result.rounds += 1
        self._look_on_the_way()
        self.result.round_seconds.append(time.monotonic() - started)
        self._say(f"round {one.number}: {self.result.round_seconds[-1]:.0f} s; "
                  f"{', '.join(f'{act.kind} {act.target}'.rstrip() for act in one.acts)}")

    def _at(self, moment: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._later, (moment, next(self._number), do))

    def _do_what_is_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    def _act(self, act: Act) -> None:
        """Do one act; what lasts is undone in time, by what is put among what is to be done later."""
        ends = time.monotonic() + act.seconds
        if act.kind in ("kill", "stop"):
            self._kill(act)
        elif act.kind == "freeze":
            self._faults.freeze(act)
            self._at(ends, self._faults.thaw)
        elif act.kind == "slow clients":
            self._faults.connect_slowly(act)
            self._expect_answer()
            self._at(ends, self._faults.disconnect)
        elif act.kind == "clock":
            self._faults.step_clock(act)
            self._at(ends, self._faults.right_clocks)
        elif act.kind == "full disk":
            self._faults.fill_disk()
            self._at(ends, self._faults.free_disk)
        elif act.kind == "damage":
            self._faults.damage(act)
        elif act.kind == "cut database":
            self._faults.cut_database(act)
        elif act.kind == CUT_TRAINING:
            self._cut_training(act)
        else:
            REQUEST_OF[act.kind](self, act)

    # Faults that need to know what is going on.

    def _kill(self, act: Act) -> None:
        number = signal.SIGKILL if act.kind == "kill" else signal.SIGTERM
        hit = self._faults.signal(number, [act.target], act.picks[0], act.kind)
        self._ends = self._ends or bool(hit and act.target in WHOLE)

    def _cut_training(self, act: Act) -> None:
        """Kill a run in the middle of a training, and what is killed with it."""
        self._retrain(self._keys)
        deadline = time.monotonic() + TRAINING_SECONDS
        while not (training := self._training()) and time.monotonic() < deadline:
            self._do_what_is_due()
            time.sleep(STEP_SECONDS)
        time.sleep(act.seconds if training else 0.0)
        training = self._training()
        hit = self._faults.signal(signal.SIGKILL, act.target.split(" + "), act.picks[0], "kill")
        self.result.cut_in_training += RUN in hit and training

    def _training(self) -> bool:
        """Whether the process of a run is there, and has taken a region-item up that is not decided yet."""
        try:
            at_work = self.observer.rows("SELECT 1 FROM retrain_item WHERE state IN ('training', 'judging') LIMIT 1")
        except SQLAlchemyError:
            return False
        return bool(at_work) and bool(self.product.processes().get(RUN))

    def _expect_answer(self) -> None:
        """Slow connections hold nobody up, unless something else is done to the web app in this round, or it had not
        come back from what was done before."""
        reply = self._planner.read("/health")
        is_hurt = any("web" in act.target or act.kind in ("full disk", "cut database") or act.target in WHOLE
                      for act in self._round.acts)
        if not reply.is_accepted and self._answered and not is_hurt and self.product.is_started:
            self._find([f"no answer: /health answers {reply.status} beside slow connections"],
                       f"round {self._round.number}")

    def _start_again(self) -> None:
        """Type `make run` again where the launcher was killed or stopped."""
        deadline = time.monotonic() + STOP_SECONDS
        while self._ends and self.product.is_started and time.monotonic() < deadline:
            time.sleep(STEP_SECONDS)  # it ends by itself once it sees that its runner is gone, or was told to stop
        if not self.product.is_started:
            if not self._ends:
                last = (self.product.output.splitlines() or [""])[-1]
                self._find([f"ended: the product ended by itself: {last}"], f"round {self._round.number}")
            self.result.done["make run again"] += 1
            try:
                self.product.start()
            except ProductError as error:
                self._find([f"not started: {error}"], f"round {self._round.number}")
                raise
        self._ends = False

    def _wait_for_answer(self) -> None:
        """Let the next round begin with a web app that answers; that it does at all is looked at when at rest."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (answered := self._planner.read("/health").is_accepted) and time.monotonic() < deadline:
            time.sleep(STEP_SECONDS)
        self._answered = answered

    # Requests.

    def _retrain(self, keys: Sequence[str], key: str | None = None) -> Reply:
        marker = self._marker("retrain")
        reply = self._planner.post("/retrains", {"keys": list(keys), "reason": marker, "pinned": "include"}, key)
        self._note("retrain", marker, reply)
        if reply.is_accepted:
            self._ids.append(reply.told["id"])
        return reply

    def _retrain_some(self, act: Act) -> None:
        number = {"retrain one": 1, "retrain some": 3, "retrain all": len(self._keys)}[act.kind]
        self._retrain(chosen(self._keys, act.picks[0], number))

    def _retrain_keyed(self, act: Act) -> None:
        """The same request under the same key twice, of which the second gets the answer of the first."""
        keys, once = chosen(self._keys, act.picks[0], 2), self._once()
        marker = self._marker("retrain")
        body = {"keys": keys, "reason": marker, "pinned": "include"}
        if act.kind == "cut retrain":
            self._planner.post_and_leave("/retrains", body, once, act.picks[1])
        first = self._resent(body, once)
        again = self._resent(body, once)
        self._note("retrain", marker, again if again.is_accepted else first)
        if first.is_accepted and again.is_accepted and first.told["id"] != again.told["id"]:
            self._find([f"doubled: the key {once} got retrain {first.told['id']} and then {again.told['id']}"],
                       f"round {self._round.number}")

    def _resent(self, body: object, once: str) -> Reply:
        """The answer to a keyed request, sent until there is one."""
        reply = Reply(0)
        for _ in range(RESENT):
            reply = self._planner.post("/retrains", body, once, seconds=3.0)
            self._check(reply, "retrain")
            if reply.is_accepted or (reply.is_refused and reply.status != 409):
                return reply
            if reply.status == 409 and "being carried out" not in str(reply.told.get("detail")):
                return reply
            self._wait(0.5)
        return reply

    def _cancel(self, act: Act) -> None:
        if self._ids:
            reply = self._planner.post(f"/retrains/{self._newest(act)}/cancel", {})
            self._count("cancel", reply)

    def _retry(self, act: Act) -> None:
        if self._ids:
            number = self._newest(act)
            self._count("retry", self._planner.send_form(
                f"/retrains/{number}", f"/retrains/{number}/retry", {"unchanged": "include"}))

    def _newest(self, act: Act) -> int:
        newest = self._ids[-4:]
        return newest[int(act.picks[0] * len(newest))]

    def _scenario(self, act: Act) -> None:
        marker = self._marker("scenario")
        reply = self._planner.post("/scenarios", {
            "keys": chosen(self._keys, act.picks[0], 3), "name": marker, "changes": [{
                "driver": "price", "action": "percent", "value": round(act.picks[1] * 40 - 20, 1) or 1.0,
                "first": str(self._first), "last": str(self._first + timedelta(days=6))}]})
        self._note("scenario", marker, reply)

    def _override(self, act: Act) -> None:
        marker = self._marker("override")
        first = self._first + timedelta(days=int(act.picks[1] * 10))
        reply = self._planner.post("/overrides", {
            "keys": chosen(self._keys, act.picks[0], 2), "first": str(first), "last": str(first + timedelta(days=2)),
            "way": "percent", "amount": round(act.picks[2] * 60 - 30, 1) or 1.0, "comment": marker})
        self._note("override", marker, reply)
        if reply.is_accepted:
            self._batches.append(reply.told["batch"])

    def _undo_override(self, act: Act) -> None:
        if self._batches:
            batch = self._batches.pop(int(act.picks[0] * len(self._batches)))
            self._count("undo override", self._planner.delete(f"/override-batches/{batch}"))

    def _model_act(self, act: Act) -> None:
        key = self._keys[int(act.picks[0] * len(self._keys))]
        told = self._planner.get(f"/region-items/{key_in_url(key)}/versions", limit=10)
        if not told.is_accepted or told.told["production_version"] is None:
            return
        production = told.told["production_version"]
        others = [one["version"] for one in told.told["versions"] if not one["is_production"]]
        if act.kind == "roll back" and not others:
            return
        version = {"pin": production, "unpin": None,
                   "roll back": others[int(act.picks[1] * len(others))] if others else None}[act.kind]
        marker = self._marker("act")
        reply = self._planner.post(f"/region-items/{key_in_url(key)}/acts", {
            "kind": act.kind.replace(" ", "_"), "version": version, "reason": marker})
        self._note("act", marker, reply)

    def _promote_by_hand(self, act: Act) -> None:
        """Move the alias in MLflow, as an engineer does there."""
        registry, one = self.observer.registry, RegionItem.from_key(self._keys[int(act.picks[0] * len(self._keys))])
        with contextlib.suppress(*UNREADABLE):
            versions = [int(version.version) for version in registry.versions(one)
                        if version.tags.get("decision")]
            if versions:
                name = one.model_name(registry.dataset)
                registry.session.set_alias(name, PRODUCTION, versions[int(act.picks[1] * len(versions))])
                registry.session.date(name)
                self.result.done["promote by hand"] += 1

    def _read(self, act: Act) -> None:
        key = self._keys[int(act.picks[0] * len(self._keys))]
        for path, query in (("/", {}), ("/retrains", {}), ("/forecasts", {"ri": key}), ("/scenarios", {}),
                            ("/models/region-item", {"ri": key}), ("/health", {})):
            self._check(self._planner.read(path, **query), path)
        self._check(self._planner.get("/totals", all="true"), "/totals")

    # Bookkeeping.

    def _marker(self, kind: str) -> str:
        self._marked += 1
        return f"seed {self._seed}, round {self._round.number}, {kind} {self._marked}"

    def _once(self) -> str:
        return f"{self._seed}-{self._round.number}-{self._marked}-{self.product.pid}-key"

    def _note(self, kind: str, marker: str, reply: Reply) -> None:
        self._count(kind, reply)
        if not reply.is_refused:
            self.accepted.append(Accepted(marker, kind, self._round.number, reply.is_accepted))

    def _count(self, what: str, reply: Reply) -> None:
        self._check(reply, what)
        said = "accepted" if reply.is_accepted or reply.status == 303 else "refused" if reply.is_refused else (
            "without an answer" if not reply.status else f"answered {reply.status}")
        self.result.done[f"{what} {said}"] += 1

    def _check(self, reply: Reply, what: str) -> None:
        if reply.is_unexplained:
            self._find([f"{reply.status} without a word: {what}: {str(reply.told)[:200]}"],
                       f"round {self._round.number}")

    def _wait(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self._do_what_is_due()
            time.sleep(STEP_SECONDS)

    # Findings.

    def _rest(self, where: str) -> None:
        """Let everything come to its end, and audit it."""
        started = time.monotonic()
        before: list[str] = []
        same_since = started
        while True:
            self._start_again()
            seen, found = self._look_at_rest()
            if not found:
                break
            if found != before:
                before, same_since = found, time.monotonic()
            may_pass = any(one.startswith(MAY_PASS) for one in found)
            is_final = not any(one.startswith("not ended") for one in found) and (
                time.monotonic() - same_since > SAME_SECONDS)
            if not may_pass or time.monotonic() - started > REST_SECONDS or (
                    is_final and not any(one.startswith(("alias", "no forecast", "files")) for one in found)):
                break
            time.sleep(LOOK_SECONDS)
        if seen == Observed():
            self._find(found, where)
        else:
            seen = self.observer.verified(seen)
            self._find(audit(self.accepted, seen, self._first_look, self._faults.spent), where)
        self.result.rest_seconds.append(time.monotonic() - started)
        if self._record_in is not None:
            seen.write(self._record_in / "observed.json")
        self._say(f"rest after {where}: {self.result.rest_seconds[-1]:.0f} s; {len(self.result.findings)} findings")

    def _look_at_rest(self) -> tuple[Observed, list[str]]:
        """The product as it is, and what is wrong with it that is not known yet."""
        try:
            seen = self.observer.at_rest(self._planner)
        except UNREADABLE as error:
            return Observed(), [f"not ended: the product cannot be looked at: {type(error).__name__}: {error}"[:300]]
        found = audit(self.accepted, seen, self._first_look, self._faults.spent)
        return seen, [one for one in found if one not in self._known]

    def _look_on_the_way(self) -> None:
        """Find what is wrong already; what cannot be looked at now, as its database is busy, is looked at later."""
        with contextlib.suppress(*UNREADABLE):
            self._find(on_the_way(self.accepted, self.observer.on_the_way()), f"round {self._round.number}")

    def _find(self, found: Sequence[str], where: str) -> None:
        for one in found:
            if one not in self._known:
                self._known.add(one)
                self.result.findings.append(f"seed {self._seed}, {where}: {one}")
                self._say(f"FINDING {self.result.findings[-1]}")


REQUEST_OF: dict[str, Callable[[Campaign, Act], None]] = {
    "retrain one": Campaign._retrain_some, "retrain some": Campaign._retrain_some,
    "retrain all": Campaign._retrain_some, "keyed retrain": Campaign._retrain_keyed,
    "cut retrain": Campaign._retrain_keyed, "cancel": Campaign._cancel, "retry": Campaign._retry,
    "scenario": Campaign._scenario, "override": Campaign._override, "undo override": Campaign._undo_override,
    "pin": Campaign._model_act, "unpin": Campaign._model_act, "roll back": Campaign._model_act,
    "promote by hand": Campaign._promote_by_hand, "read": Campaign._read}
