"""The model registry and the app's rows: new production versions come in, roll backs and pins go out."""

from typing import Protocol

from demand_assets.forecasting.registry.session import RegistryDownError
from webapp.background.pacing import QUIET, Paced
from webapp.db.written_since import rest_of
from webapp.models.actions import ActingRegistry, carry_out
from webapp.models.lost_decisions import ListsVersionsOfRequest, LostDecisions
from webapp.models.lost_files import LostFiles
from webapp.models.new_pooled_versions import NewPooledVersions, PooledRegistry
from webapp.models.new_versions import NewVersions
from webapp.models.registry_change_sign import ChangeSign
from webapp.models.registry_follower import ListsModels, RegistryFollower
from webapp.models.versions_in_registry import ListsVersions, RegisteredVersions
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.systems.signs_of_life import Heard

SECONDS, RESTING_SECONDS = 0.1, 0.25
"""Between two turns, and after one that found nothing to do."""
LOOK_SECONDS, BUSY_LOOK_SECONDS, BETWEEN_SECONDS = 1.1, 3.3, 12.0
"""The registry is asked what changed every 1.1 s, unless it is known that nothing can have; every 3.3 s while a large
retrain changes much of it, for which the processor is wanted; and for something else at most every 12 s, between two
looks: one query a second in all."""
EARLY_SECONDS = 0.3
"""So soon after a look it is asked again where its database's file, on this machine, was written since, but not while
a large retrain writes it: then three queries a second for as long as it is written."""
SWEEP_SECONDS = 600.0
POOLED_SECONDS = 30.0
CACHE_SECONDS = 20.0
"""How often is looked whether the files of what is in production are still here."""
RETRY_SECONDS = 5.0
"""How late a version that could not be taken up is tried again, at most, while nothing else happens."""
ACT_SECONDS = 0.5
"""How often is looked for a roll back or a pin that a person asked for."""


class Registry(ListsModels, PooledRegistry, ListsVersions, ListsVersionsOfRequest, ActingRegistry, Protocol):
    """What the app asks of the model registry; every method raises RegistryDownError when it does not answer."""


class RegistryLoop:
    """Production versions of the registry -> announced versions."""

    def __init__(self, services: Services, registry: Registry) -> None:
        files = ModelFiles(registry, services.models)
        self._registry, self._services, self._files = registry, services, files
        self._acts = Paced(ACT_SECONDS)
        self._heard = Heard("mlflow")
        self._rest_of_acts, self._rest = (rest_of(services.settings.database_url, RETRY_SECONDS) for _ in range(2))
        self._follower = RegistryFollower(registry, services.models)
        self._new_versions = NewVersions(services, files)
        self._new_pooled_versions = NewPooledVersions(registry, services, files)
        self._registered = RegisteredVersions(registry)
        self._lost_decisions = LostDecisions(registry)
        self._lost_files = LostFiles(services)
        self._cache = Paced(CACHE_SECONDS)
        self._look = Paced(LOOK_SECONDS)
        self._sign = ChangeSign(services.settings.mlflow_database_file)
        self._pooled_sign = ChangeSign(services.settings.mlflow_database_file, SWEEP_SECONDS)
        self.between = Paced(BETWEEN_SECONDS)
        self.sweep = Paced(SWEEP_SECONDS)
        self._sweeping = False
        self.pooled = Paced(POOLED_SECONDS)
        self._is_announcing = True

    def step(self) -> float | None:
        """Ask the registry one thing when that is due; announce what waits until the next look. For how long the loop
        rests then; None: as it does between two turns."""
        asked = looked = False
        try:
            self._carry_out_acts()
            if self._cache.is_due():
                self._lost_files.look()
                self._is_announcing = True
            if (self._look.seconds_left < LOOK_SECONDS - EARLY_SECONDS and not self._follower.is_busy
                    and self._sign.has_changed):
                self._look.again()
            if looked := self._look.is_due():
                if asked := self._may_have_changed():
                    self._look_or_begin()
                else:
                    self._look.again()  # to look at files costs nothing: what changes is asked for in the next turn
            if not asked and (looked or self._look.seconds_left > LOOK_SECONDS / 3) and self.between.is_due():
                asked = self.ask_something_else()
            self._announce(asked or (looked and self._rest.is_over()))
        except RegistryDownError as error:
            self._sign.forget()
            self._rest_of_acts.end()
            self._rest.end()
            self._heard.failed(str(error))
        else:
            if asked:
                self._heard.well()
        if asked or self._is_announcing:
            return None
        return QUIET if looked and self._rest.is_settled and self._rest_of_acts.is_settled else RESTING_SECONDS

    def _carry_out_acts(self) -> None:
        if self._acts.is_due() and self._rest_of_acts.is_over() and carry_out(
                self._registry, self._services, self._files):
            self._rest_of_acts.end()
            self._sign.forget()
            self._look.again()  # what it changed is seen at once

    def _may_have_changed(self) -> bool:
        if not self._follower.is_settled:
            self._sign.forget()
        return self._sign.must_be_asked()

    def _look_or_begin(self) -> None:
        """Look for what changed; as long as not everything was seen once, see the next part of it instead."""
        if self._follower.is_new_here:
            if self._follower.sweep():
                self.sweep.start()
        elif not self._follower.look():
            self.sweep.again()
        if self._follower.is_busy:
            self._look.start(BUSY_LOOK_SECONDS)

    def _announce(self, is_anything_new: bool) -> None:
        """Announce what is wanted until the next look, and write down what a sweep brought in what is left of that."""
        seconds = self._look.seconds_left or LOOK_SECONDS / 2
        if is_anything_new or self._is_announcing:
            self._is_announcing = False
            self._new_pooled_versions.announce_wanted()
            self._is_announcing = self._new_versions.announce_wanted(seconds)
        if not self._is_announcing:
            self._follower.note_swept(seconds)

    def ask_something_else(self) -> bool:
        """Whether the registry was asked one thing besides what changed: all versions, those of a retrain that was
        closed here, the pooled model, models that a sweep missed, a sweep."""
        if not self._follower.is_new_here and self._registered.is_due():
            self._registered.read_some()
            return True
        if self._lost_decisions.is_due():
            self._lost_decisions.read_some()
            return True
        if self.pooled.is_due() and self._pooled_sign.must_be_asked():
            try:
                self._new_pooled_versions.look()
            except RegistryDownError:
                self.pooled.again()
                self._pooled_sign.forget()
                raise
            return True
        if self._follower.is_any_missing and not self._sweeping:
            self._follower.ask_for_missing()
            return True
        if self._sweeping or (not self._follower.is_new_here and self.sweep.is_due()):
            self._sweeping = True
            if self._follower.sweep():
                self._sweeping = False
                self._new_pooled_versions.forget_others()
            return True
        return False
