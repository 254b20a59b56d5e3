"""What happens in a campaign, drawn from its seed alone: no clock, no process, no product is looked at.

A round is drawn from the seed and its own number, so that it can be replayed alone, and is the same however many
rounds there are. What a round cannot know beforehand (which versions there are, which process id) it leaves to
``picks``: numbers in [0, 1) by which the driver chooses among what it finds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

Server = Literal["mlflow", "dagster-code", "dagster-daemon", "dagster-web", "run-starter", "web", "web-sync"]
SERVERS: tuple[Server, ...] = ("mlflow", "dagster-code", "dagster-daemon", "dagster-web", "run-starter", "web",
                               "web-sync")
"""Of `run-starter` there is none with ``PROFILE=celery``, where nothing is hit then."""
CHILDREN = ("web child", "web-sync child")
"""Processes that servers start: gunicorn's workers, and whoever makes stored forecasts."""
WHOLE = ("runner", "launcher")
"""Processes whose end means a new `make run`."""
RUN = "run"
"""The processes in which Dagster's runs are carried out."""
WITH_A_RUN = ((RUN,), (RUN, "dagster-code"), (RUN, "dagster-daemon"), (RUN, "web-sync"), (RUN, "mlflow"))
"""What is killed together when a training is cut off."""
FILES = ("demand", "raw", "catalogue", "journal", "cached model", "cached pooled model")
"""What is damaged."""

REQUESTS = ("retrain one", "retrain some", "retrain all", "keyed retrain", "cut retrain", "cancel", "retry",
            "scenario", "override", "undo override", "pin", "unpin", "roll back", "promote by hand", "read")
FAILURES = ("kill", "stop", "freeze", "slow clients", "damage", "clock", "full disk", "cut database")
CUT_TRAINING = "cut training"
WEIGHT_OF_REQUEST = (4, 3, 1, 3, 2, 2, 2, 2, 2, 1, 1, 2, 2, 1, 3)
WEIGHT_OF_FAULT = (8, 4, 3, 2, 4, 2, 1, 2)
CLOCK_STEPS = (-200.0, -90.0, -5.0, 5.0, 90.0, 200.0)
LONGEST_ROUND = 6.0
KILLS_FOR_A_WHOLE = 20
"""Of so many processes killed or stopped, one means that everything is started again, which takes half a minute."""
LATEST_CUT = 1.0
"""Seconds after a training was seen to go on."""
PICKS = 4


@dataclass(frozen=True)
class Act:
    """Something that is done in a round."""

    at: float
    """Seconds after the round's start."""
    kind: str
    """Of ``REQUESTS`` or ``FAILURES``, or ``CUT_TRAINING``."""
    target: str = ""
    """A process, a kind of file, or the processes that are killed together, joined by " + "."""
    seconds: float = 0.0
    """How long it lasts."""
    amount: float = 0.0
    """Seconds by which a clock is stepped; connections."""
    picks: tuple[float, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.at:.1f} s: {self.kind}", self.target, f"for {self.seconds:.1f} s" if self.seconds else "",
                 f"by {self.amount:g}" if self.amount else ""]
        return " ".join(filter(None, parts))


@dataclass(frozen=True)
class Round:
    """What happens in one round, in the order of time."""

    number: int
    """From 1."""
    acts: tuple[Act, ...]

    @property
    def cuts_training(self) -> bool:
        """Whether a run is killed while it trains."""
        return any(act.kind == CUT_TRAINING for act in self.acts)

    def __str__(self) -> str:
        return "\n".join([f"round {self.number}", *(f"  {act}" for act in self.acts)])


def schedule(seed: int, rounds: int) -> list[Round]:
    """The rounds of a campaign, from the first on."""
    return [round_of(seed, number) for number in range(1, rounds + 1)]


def round_of(seed: int, number: int) -> Round:
    """One round of a campaign; the first is 1."""
    random = Random(f"{seed}/{number}")
    acts = [_request(random) for _ in range(random.randint(2, 4))]
    acts += [_fault(random) for _ in range(random.randint(1, 2))]
    if number % 5 in (1, 3):
        together = random.choice(WITH_A_RUN)
        acts.append(_act(random, CUT_TRAINING, " + ".join(together), seconds=random.uniform(0, LATEST_CUT)))
    return Round(number, tuple(sorted(acts, key=lambda act: act.at)))


def _request(random: Random) -> Act:
    return _act(random, random.choices(REQUESTS, WEIGHT_OF_REQUEST)[0])


def _fault(random: Random) -> Act:
    kind = random.choices(FAILURES, WEIGHT_OF_FAULT)[0]
    return FAULT_OF[kind](random, kind)


def _of_a_process(random: Random, kind: str) -> Act:
    if random.random() < 1 / KILLS_FOR_A_WHOLE:
        return _act(random, kind, random.choice(WHOLE))
    return _act(random, kind, random.choice((*SERVERS, *CHILDREN, RUN)))


def _freeze(random: Random, kind: str) -> Act:
    return _act(random, kind, random.choice((*SERVERS, RUN)), seconds=random.uniform(1, 5))


def _slow_clients(random: Random, kind: str) -> Act:
    return _act(random, kind, random.choice(("head", "body")), seconds=random.uniform(2, 5),
                amount=float(random.randint(10, 60)))


def _damage(random: Random, kind: str) -> Act:
    return _act(random, kind, random.choice(FILES))


def _clock(random: Random, kind: str) -> Act:
    return _act(random, kind, random.choice(("web-sync", "web", "dagster-daemon")), seconds=random.uniform(2, 5),
                amount=random.choice(CLOCK_STEPS))


def _full_disk(random: Random, kind: str) -> Act:
    return _act(random, kind, seconds=random.uniform(2, 5))


def _cut_database(random: Random, kind: str) -> Act:
    return _act(random, kind, random.choice(("web", "mlflow", "dagster")))


def _act(random: Random, kind: str, target: str = "", seconds: float = 0.0, amount: float = 0.0) -> Act:
    return Act(round(random.uniform(0, LONGEST_ROUND), 2), kind, target, round(seconds, 2), amount,
               tuple(round(random.random(), 6) for _ in range(PICKS)))


FAULT_OF: dict[str, Callable[[Random, str], Act]] = {
    "kill": _of_a_process, "stop": _of_a_process, "freeze": _freeze, "slow clients": _slow_clients, "damage": _damage,
    "clock": _clock, "full disk": _full_disk, "cut database": _cut_database}
