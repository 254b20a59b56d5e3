"""What the registry says: the registered models, page by page, and their versions.

One registered model for each region-item. Aliases ``candidate`` and ``production`` name versions; tags hold what
else is known, each fact its own (``region_item_tags``). MLflow does not date alias moves or tags, so the registered
model is dated after each: one query finds what changed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import requests

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem
from demand_assets.forecasting.registry.entry import CANDIDATE, RegistryEntry, card_of, entry_of
from demand_assets.forecasting.registry.region_item_tags import DecisionFact, moment
from demand_assets.forecasting.registry.session import NotRegisteredError, RegistryDownError, Session

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_LARGEST_PAGE = 1000
MEASURES = ("wape", "rmsse", "bias", "coverage")
"""How the names of what a backtest and the gate measure begin."""


@dataclass(frozen=True)
class Page:
    """Some of the registered models, in the order in which they changed last, newest first."""

    entries: list[tuple[int, RegistryEntry]]
    """Those of this dataset's region-items, with the time of their last change in milliseconds."""
    newest: int = 0
    oldest: int = 0
    """Times of the first and last model of the page, whatever it is of; 0 when there is none."""
    token: str = ""
    """Asks for the next page; empty when there is none."""


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a region-item's model, as its tags tell it."""

    region_item: RegionItem
    version: int
    made_at: datetime
    decided_at: datetime | None
    decision: str
    """``promote``, ``keep`` or none that is known."""
    reason: str
    request_id: str
    run_id: str
    """Of Dagster."""
    numbers: dict[str, Any]
    """Of its backtest and of the gate's decision."""


@dataclass(frozen=True)
class RegisteredPage:
    """Some of all versions."""

    versions: list[RegisteredVersion]
    token: str = ""
    """Asks for the next page; empty when there is none."""


class RegisteredModels:
    """What is registered of one dataset.

    Args:
        uri: MLflow's tracking server, or a database URL to use its store without a server.
        dataset: the dataset's name.
        artifacts: where the artifacts of new experiments go; the server's default unless given.
        stock: whether to use nothing but MLflow's public parts, which is slower.
    """

    def __init__(self, uri: str, dataset: str, artifacts: str | None = None, stock: bool = False) -> None:
        self.session = Session(uri, dataset, artifacts, stock)
        self.dataset = dataset

    def is_up(self) -> bool:
        """Whether the tracking server answers; always true without a server."""
        return self.session.is_up()

    def entry(self, region_item: RegionItem) -> RegistryEntry | None:
        """What the registry says of the region-item; None when no model was ever registered for it."""
        found = self.session.model(region_item.model_name(self.dataset))
        if found is None:
            return None
        candidate = found.aliases.get(CANDIDATE)
        if candidate is None or any(str(version.version) == str(candidate) for version in found.latest_versions or ()):
            return entry_of(found, self.dataset)
        try:
            tags = dict(self.session.version(found.name, int(candidate)).tags)
        except NotRegisteredError:
            tags = {}
        return entry_of(found, self.dataset, tags)

    def entries(self) -> list[RegistryEntry]:
        """Everything that is registered.

        Raises: RegistryDownError: MLflow does not answer.
        """
        self.session.check_up()
        page = self.page(_LARGEST_PAGE)
        entries = page.entries
        while page.token:
            page = self.page(_LARGEST_PAGE, page.token)
            entries += page.entries
        return [entry for _, entry in entries]

    def page(self, size: int, token: str = "") -> Page:
        """The models that changed last, in one query and nothing else; or those behind an earlier page.

        Raises: RegistryDownError: MLflow does not answer; soon only in a process that called ``ask_once``.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self.session.client.search_registered_models(
                max_results=size, order_by=["last_updated_timestamp DESC"], page_token=token or None)
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self.session.uri} does not answer: {error}") from error
        times = [int(model.last_updated_timestamp) for model in found]
        entries = [(changed, entry) for changed, model in zip(times, found, strict=True)
                   if (entry := entry_of(model, self.dataset))]
        return Page(entries, max(times, default=0), min(times, default=0), found.token or "")

    def is_registered(self, region_item: RegionItem) -> bool:
        """Whether there is a model of the region-item: people may delete or rename one.

        Raises: RegistryDownError: MLflow does not answer.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self.session.model(region_item.model_name(self.dataset)) is not None
        except (MlflowException, requests.RequestException) as error:
            raise RegistryDownError(f"MLflow at {self.session.uri} does not answer: {error}") from error

    def versions(self, region_item: RegionItem) -> list["ModelVersion"]:
        """All versions of the region-item's model, newest first."""
        name = region_item.model_name(self.dataset)
        found = self.session.client.search_model_versions(f"name='{name}'", max_results=1000)
        return sorted(found, key=lambda version: -int(version.version))

    def registered(self, token: str = "") -> RegisteredPage:
        """Some of all versions of region-items' models, in one query; or those behind an earlier page.

        Raises: RegistryDownError: MLflow does not answer.
        """
        return self._registered(None, token)

    def made_for(self, tag: Literal["request_id", "dagster_run_id"], value: str, token: str = "") -> RegisteredPage:
        """Some of the versions of region-items' models that one retrain made, in one query; or those behind an earlier
        page. None of a value with a quotation mark, for which MLflow cannot be asked.

        Raises: RegistryDownError: MLflow does not answer.
        """
        if "'" in value:
            return RegisteredPage([])
        return self._registered(f"tags.{tag} = '{value}'", token)

    def all_made_for(self, tag: Literal["request_id", "dagster_run_id"], value: str) -> Iterator[RegisteredVersion]:
        """All versions that one retrain made, page by page; the more there are, the longer it takes.

        Raises: RegistryDownError: MLflow does not answer.
        """
        page = self.made_for(tag, value)
        yield from page.versions
        while page.token:
            page = self.made_for(tag, value, page.token)
            yield from page.versions

    def _registered(self, which: str | None, token: str) -> RegisteredPage:
        with self.session.asked_once():
            found = self.session.client.search_model_versions(which, max_results=_LARGEST_PAGE,
                                                              page_token=token or None)
        return RegisteredPage([one for version in found if (one := registered_version(version, self.dataset))],
                              found.token or "")

    def tags(self, region_item: RegionItem, version: int) -> dict[str, str]:
        """The tags of one version.

        Raises: NotRegisteredError: there is no such version.
        """
        return dict(self.session.version(region_item.model_name(self.dataset), version).tags)


def registered_version(version: "ModelVersion", dataset: str) -> RegisteredVersion | None:
    """What a version tells of itself; None when it is of no region-item of the dataset.

    Tags that people edited so that they cannot be read are as if they were not there.
    """
    try:
        _, region_item = RegionItem.from_model_name(version.name)
    except BadNameError:
        return None
    if region_item.model_name(dataset) != version.name:
        return None
    tags = dict(version.tags)
    try:
        told = DecisionFact.of(tags)
        measured = json.loads(tags.get("decision_numbers") or "{}")
    except ValueError:
        told, measured = None, {}
    numbers = card_of(tags)
    return RegisteredVersion(
        region_item, int(version.version), datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        moment(told.at) if told and told.at else None, told.verdict if told else "", told.reason if told else "",
        tags.get("request_id", ""), tags.get("dagster_run_id", ""),
        {**numbers, **{name: value for name, value in (measured if isinstance(measured, dict) else {}).items()
                       if name not in ("decided_at", "request_id") and _is_meant(name, value)}})


def _is_meant(name: str, value: object) -> bool:
    """Whether a measured number is one; what is no measure may be a text."""
    return value is None or isinstance(value, int | float) or (
        isinstance(value, str) and not name.startswith(MEASURES))
