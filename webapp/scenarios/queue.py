"""Scenarios that wait to be computed: small ones at once, large ones by the background process, one after the other."""

import logging

from demand_assets.forecasting.forecast.forecaster import ForecastError
from demand_assets.forecasting.whatif.scenario import ScenarioError
from webapp.db.database import db
from webapp.scenarios.compute import compute
from webapp.scenarios.repository import (
    begin_attempt,
    by_token,
    first_wanted,
    forget_attempt,
    keep_result,
    note_done,
    stamp,
    want,
)
from webapp.scenarios.request import Asked
from webapp.services import Services

log = logging.getLogger(__name__)

MOST_AT_ONCE = 50
"""Region-items up to which a scenario is computed while its sender waits: a second or two."""
MOST_ATTEMPTS = 3


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


def compute_wanted(services: Services) -> bool:
    """Compute the scenario that has waited longest; whether one was waiting.

    One that broke the process some times before is given up.

    Raises: OSError: the demand store cannot be read; it goes on waiting.
    """
    scenario = first_wanted()
    if scenario is None:
        db.session.rollback()
        return False
    token, seen = scenario.token, stamp(scenario)
    if begin_attempt(token) > MOST_ATTEMPTS:
        log.error("the scenario %s broke off %s times and is given up", token, MOST_ATTEMPTS)
        keep_result(token, seen, None, f"Computing it broke off {MOST_ATTEMPTS} times. The log of the background "
                                       "process says why.")
        return True
    try:
        _compute(services, token)
    except OSError:
        forget_attempt(token)
        raise
    return True


def _compute(services: Services, token: str) -> None:
    """Compute it and keep what came of it, unless somebody changed it meanwhile."""
    scenario = by_token(token)
    if scenario is None:
        return
    seen, asked = stamp(scenario), Asked.from_json(scenario.asked)
    report = (lambda done: note_done(token, done)) if scenario.wanted_at else (lambda done: None)
    try:
        result = compute(services, asked, report)
    except (ScenarioError, ForecastError) as error:
        keep_result(token, seen, None, str(error))
    else:
        keep_result(token, seen, result)
