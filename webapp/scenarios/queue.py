"""Scenarios that wait to be computed: small ones at once, large ones by the background process, one after the other."""

import logging
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from demand_assets.forecasting.forecast.forecaster import ForecastError
from demand_assets.forecasting.whatif.scenario import ScenarioError
from webapp.db.database import db, writing
from webapp.language.translations import in_language
from webapp.region_items.open_overrides import open_overrides
from webapp.scenarios import states
from webapp.scenarios.compute import compute
from webapp.scenarios.fingerprint import Fingerprint, digest_of_dataset, digests, of_others, plan_of
from webapp.scenarios.repository import by_token
from webapp.scenarios.request import ScenarioRequest
from webapp.scenarios.result import Result
from webapp.services import Services
from webapp.tables import Override, SavedScenario

log = logging.getLogger(__name__)

MOST_AT_ONCE = 50
"""Region-items up to which a scenario is computed while its sender waits: a second or two."""


def compute_or_want(services: Services, token: str) -> None:
    """Compute a small scenario now; leave a large one to the background process."""
    scenario = by_token(token)
    if scenario is None:
        return
    if scenario.size > MOST_AT_ONCE:
        want(token)
        return
    try:
        _compute(services, token)
    except OSError as error:
        log.warning("the demand store cannot be read, so the scenario %s waits: %s", token, error)
        want(token)


def want(token: str) -> None:
    """Let the background process compute a scenario."""
    with writing():
        states.want(states.hold(token))


def compute_wanted(services: Services) -> bool:
    """Compute the scenario that has waited longest; whether one was waiting.

    One that broke the process some times before is given up.

    Raises: OSError: the demand store cannot be read; it goes on waiting.
    """
    token = db.session.scalar(select(SavedScenario.token).where(SavedScenario.wanted_at.is_not(None)).order_by(
        SavedScenario.wanted_at, SavedScenario.id).limit(1))
    db.session.rollback()
    if token is None:
        return False
    with writing():
        scenario = states.hold(token)
        if not states.is_waiting(scenario):
            return True  # changed or computed meanwhile
        attempt = states.begin(scenario)
    if attempt is None:
        log.error("the scenario %s broke off %s times and is given up", token, states.MOST_ATTEMPTS)
        return True
    try:
        _compute(services, token, attempt)
    except OSError:
        with writing():
            states.put_back(states.hold(token), attempt)
        raise
    return True


def _compute(services: Services, token: str, attempt: int | None = None) -> None:
    """Compute it and keep what came of it, unless somebody changed it meanwhile.

    Args:
        attempt: of the background process, which tells how far it is.
    """
    scenario = by_token(token)
    if scenario is None:
        return
    seen, asked = states.stamp(scenario), ScenarioRequest.from_json(scenario.asked)

    def report(done: int) -> None:
        if attempt is not None:
            with writing():
                states.note_done(states.hold(token), attempt, done)

    result: Result | str
    made_of: Fingerprint | None = None
    try:
        overrides = {key: of_others(token, held) for key, held in open_overrides(asked.keys).items()}
        with in_language(None):  # what it says is stored
            result = compute(services, asked, report)
        made_of = _fingerprint(services, result, overrides)
    except (ScenarioError, ForecastError) as error:
        result = str(error)
    with writing():
        states.end(states.hold(token), seen, result, attempt, made_of)


def _fingerprint(services: Services, result: Result, overrides: Mapping[str, Sequence[Override]]) -> Fingerprint:
    """What a result was made of.

    Args:
        overrides: key -> those that held before it was computed.
    """
    first, last = result.dates[0], result.dates[-1]
    return Fingerprint(
        digest_of_dataset(services.dataset), max(len(line.dates) for line in result.lines), first, last,
        {line.key: plan_of(line.plan, line.known_as) for line in result.lines},
        digests(overrides, first, last))
