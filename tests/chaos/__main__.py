"""``make chaos SEED=1 ROUNDS=200``: a campaign of faults on the whole product; exit status 1 when anything is found.

The product is started once, as ``make run`` starts it, in a folder that goes at the end; docs/chaos.md says what is
done to it, what is checked, and how to read a finding.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from demand_assets.dagster_instance.instance import referred_to
from demand_assets.settings import Settings
from deploy.services import running
from tests.chaos.campaign import Campaign, Result
from tests.chaos.faults import Faults
from tests.chaos.product import Product, ProductError, private_folder, small_disk
from tests.chaos.schedule import Round, round_of, schedule
from tests.chaos.stepped_clock import SteppedClock
from tests.services import free_ports

SECONDS_A_ROUND = 90
SECONDS_FOR_ALL = 1500
"""Beside the rounds: starting, the first training, the last rest."""


def main() -> int:
    """Run a campaign; the exit status."""
    given = _parser().parse_args()
    rounds = _rounds(given)
    if given.show:
        print(*rounds, sep="\n")
        return 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, _end)
    signal.alarm(given.seconds or SECONDS_FOR_ALL + SECONDS_A_ROUND * len(rounds))
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DAGSTER_DISABLE_TELEMETRY": "yes", "OMP_NUM_THREADS": "1",
                   "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    started = time.monotonic()

    def say(words: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        print(f"{minutes:3d}:{seconds:02d}  {words}", flush=True)

    try:
        with campaign(given.seed, given.profile, say, given.record) as made:
            try:
                made.run(rounds)
            finally:
                report(made.result, say)
            return 1 if made.result.findings else 0
    except KeyboardInterrupt:
        say("ended before its time")
        return 130
    except ProductError as error:
        say(str(error))
        return 1


@contextlib.contextmanager
def campaign(seed: int, profile: str, say: Callable[[str], None], record: Path | None = None) -> Iterator[Campaign]:
    """A campaign on a product that is started for it, and of which nothing is left afterwards."""
    with contextlib.ExitStack() as made:
        folder = made.enter_context(private_folder())
        settings = {"PROFILE": profile}
        if profile != "embedded":
            folder.chmod(0o755)  # PostgreSQL runs as another user when root tries this
            services = folder / "services"
            services.mkdir()
            settings |= made.enter_context(running(services, **free_ports(
                ("postgres_port", "redis_port", "s3_port")))).environment()
            urls = {name: settings[name] for name in ("DAGSTER_DATABASE_URL", "CELERY_BROKER_URL") if name in settings}
            os.environ.update(referred_to(Settings(**urls)))  # for who opens Dagster's instance here
        has_small_disk = made.enter_context(small_disk(folder / "state"))
        clock = SteppedClock(folder / "clock")
        for is_there, words in ((has_small_disk, "full disks: this user may not mount one"),
                                (clock.is_there, "clock steps: there is no C compiler")):
            if not is_there:
                say(f"left out: {words}")
        product = Product(folder, settings | clock.environment())
        faults = Faults(product, clock, has_small_disk)
        try:
            product.start()
            yield Campaign(seed, product, faults, say, record)
            product.stop()
        finally:
            with _undisturbed():
                faults.undo()
                left = product.clean_up()
                say(f"everything is ended ({left} processes had to be)" if left else "everything is ended")


def report(result: Result, say: Callable[[str], None]) -> None:
    """Print what was done and found."""
    rounds = result.round_seconds or [0.0]
    say(f"{result.rounds} rounds, {sum(rounds) / len(rounds):.1f} s each and {sum(result.rest_seconds):.0f} s of "
        f"rests; runs killed while they trained in {result.cut_in_training} of them")
    for what, times in sorted(result.done.items()):
        say(f"  {times:4d}  {what}")
    say(f"{len(result.findings)} findings" + (":" if result.findings else ""))
    for one in result.findings:
        say(f"  {one}")


def _rounds(given: argparse.Namespace) -> list[Round]:
    if given.only:
        return [round_of(given.seed, int(number)) for number in given.only.split(",")]
    return schedule(given.seed, given.rounds)[given.rounds_from - 1:]


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """What ends processes is not itself ended by another Ctrl-C."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--rounds-from", type=int, default=1, help="the first round that is done")
    parser.add_argument("--only", default="", help="numbers of the rounds that are done, as in 17,23")
    parser.add_argument("--profile", choices=("embedded", "stores", "celery"), default="embedded")
    parser.add_argument("--seconds", type=int, default=0, help="after which everything is ended, whatever is open")
    parser.add_argument("--show", action="store_true", help="print the schedule and end")
    parser.add_argument("--record", type=Path, help="a folder for what was observed at the last rest")
    return parser


if __name__ == "__main__":
    sys.exit(main())
