"""Looks at the product from outside: its databases, its files, the registry, the API, its processes."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
from sqlalchemy import Engine, create_engine, event, text

from demand_assets.dagster_instance.instance import open_instance
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.registry.version_files import NOT_OF_THE_MODEL
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError
from deploy.settings import PROJECT
from tests.chaos.observed import Group, Item, Observed, Retrain, Serving, Version
from tests.chaos.planner import Planner
from tests.chaos.product import Product

GOING_ON = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
DATABASES_OF_RUNS = 20
"""So many of the newest are checked; each run has a database of its own."""
VERIFY_SECONDS = 120


class Observer:
    """What a campaign's product is like now."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._dataset = load_dataset(product.dataset)
        self._store = DemandStore(product.store_url)
        os.environ.update({name: value for name, value in product.settings.items() if name.startswith("AWS_")})
        if "AWS_ENDPOINT_URL" in product.settings:
            os.environ["MLFLOW_S3_ENDPOINT_URL"] = product.settings["AWS_ENDPOINT_URL"]
        self.registry = Registry(product.registry_url, self._dataset.name)
        self._engine = _read_only(product.app_database_url)

    @cached_property
    def region_items(self) -> list[str]:
        """The keys of all region-items, as they were when they were first asked for: the catalogue is damaged too."""
        return [one.key for one in self._store.read_catalogue()]

    def rows(self, query: str, **values: object) -> list[Any]:
        """Rows of the web app's database.

        Raises: sqlalchemy.exc.SQLAlchemyError: it cannot be read now.
        """
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def on_the_way(self) -> Observed:
        """What can be looked at in the middle of everything."""
        return Observed(
            retrains=self._retrains(), versions=self._versions(),
            overrides=tuple(sorted({(comment, batch) for comment, batch in self.rows(
                "SELECT DISTINCT comment, batch FROM override")})),
            scenarios=tuple((name, at is not None, problem) for name, at, problem in self.rows(
                "SELECT name, computed_at, problem FROM scenario WHERE archived_at IS NULL")),
            acts=tuple((reason, state, problem) for reason, state, problem in self.rows(
                "SELECT reason, state, problem FROM model_action WHERE kind <> 'fetch'")))

    def at_rest(self, planner: Planner | None) -> Observed:
        """All but what takes long; ``verified`` adds that.

        Args:
            planner: through whom forecasts are looked at; None where the product does not run.
        """
        seen = self.on_the_way()
        return Observed(
            retrains=seen.retrains, versions=seen.versions, overrides=seen.overrides, scenarios=seen.scenarios,
            acts=seen.acts, serving=self.serving(planner), processes=self.processes(),
            unfinished_runs=self.unfinished_runs(),
            audit_entries=tuple((act, kind, f"{reason} {subject}") for act, kind, reason, subject in self.rows(
                "SELECT act, kind, reason, subject FROM audit_entry")))

    def verified(self, seen: Observed) -> Observed:
        """The same, with what the product's own checks say."""
        return Observed(**{**vars(seen), "audit_problem": self.audit_problem(), "databases": self.databases()})

    def serving(self, planner: Planner | None) -> dict[str, Serving]:
        """What forecasts each region-item."""
        aliases = {entry.region_item.key: entry for entry in self.registry.entries()}
        announced = dict(self.rows("SELECT key, production_version FROM region_item_catalogue "
                                   "JOIN region_item_production USING (id)"))
        told, missing = _forecasts(planner, self.region_items)
        made = Forecaster(self._dataset, self._store)
        return {key: self._serving(RegionItem.from_key(key), aliases.get(key), announced.get(key), told.get(key),
                                   missing.get(key, ""), made) for key in self.region_items}

    def _serving(self, one: RegionItem, entry: Any, announced: int | None, told: Mapping[str, Any] | None,
                 problem: str, made: Forecaster) -> Serving:
        alias = entry.production if entry else None
        files: dict[str, str] = {}
        cached: dict[str, str] = {}
        reproduced: tuple[float, ...] = ()
        try:
            if alias is not None:
                with self.registry._files(one.model_name(self._dataset.name), alias) as (folder, _):
                    files = hashes(folder)
                cached = hashes(self._product.folder / "web" / "models" / one.model_name(self._dataset.name)
                                / str(alias))
            if told and told["served_by"] != "baseline":
                model = (self.registry.load(one, told["version"]) if told["served_by"] == "production"
                         else self.registry.load_pooled(told["version"]))
                reproduced = tuple(map(float, made.forecast(one, model, len(told["periods"])).part.forecast))
        except (ModelFilesError, NotRegisteredError, NotInStoreError) as error:
            problem = problem or str(error)
        if told is None:
            return Serving(alias, announced, files, cached, problem=problem or "there was no answer")
        shown = tuple(float(period["model"]) for period in told["periods"])
        return Serving(alias, announced, files, cached, told["served_by"], told["version"], shown,
                       shown if told["served_by"] == "baseline" else reproduced, problem)

    def _retrains(self) -> tuple[Retrain, ...]:
        items: dict[int, list[Item]] = {}
        for retrain_id, key, state, version, presumed, reason, run_id in self.rows(
                "SELECT retrain_id, key, state, version, closed_by_us, reason, run_id FROM retrain_item "
                "ORDER BY position"):
            items.setdefault(retrain_id, []).append(Item(key, state, version, bool(presumed), reason, run_id))
        return tuple(Retrain(number, request, source, reason, state, cancel is not None, tuple(items.get(number, ())))
                     for number, request, source, reason, state, cancel in self.rows(
                         "SELECT id, request_id, source, reason, state, cancel_asked_at FROM retrain ORDER BY id"))

    def _versions(self) -> tuple[Version, ...]:
        page = self.registry.registered()
        found = list(page.versions)
        while page.token:
            page = self.registry.registered(page.token)
            found += page.versions
        return tuple(Version(one.region_item.key, one.version, one.request_id, one.decision)
                     for one in sorted(found, key=lambda one: (one.region_item.key, one.version)))

    def unfinished_runs(self) -> int:
        """Runs that Dagster believes are going on or waiting."""
        with open_instance(self._product.folder / "dagster") as instance:
            return len(instance.get_run_records(dg.RunsFilter(statuses=GOING_ON)))

    def audit_problem(self) -> str:
        """What the command that verifies the audit log complains of; empty when it does not."""
        environment = {**self._product.environment, "DEMAND_DATASET": str(self._product.dataset),
                       "DEMAND_STATE": str(self._product.state)}
        verified = subprocess.run([sys.executable, "-m", "flask", "--app", "webapp", "audit", "verify"], cwd=PROJECT,
                                  env=environment, capture_output=True, text=True, check=False, timeout=VERIFY_SECONDS)
        return "" if verified.returncode == 0 else verified.stderr.strip()[-300:] or f"status {verified.returncode}"

    def databases(self) -> dict[str, str]:
        """Name -> ``ok``, or what SQLite's own check says."""
        root = self._product.folder
        runs = sorted((root / "dagster" / "history" / "runs").glob("*.db"), key=lambda file: file.stat().st_mtime)
        others = [file for file in root.rglob("*.db") if file.parent.name != "runs" or file.parent.parent.name
                  != "history"]
        return {str(file.relative_to(root)): _checked(file) for file in (*others, *runs[-DATABASES_OF_RUNS:])}

    def processes(self) -> dict[str, Group]:
        """Kind -> how many there are, and what the largest of them has."""
        found = {}
        for kind, processes in self._product.processes().items():
            sizes = []
            for process in processes:
                with suppress(psutil.Error):
                    sizes.append((process.num_fds(), process.memory_info().rss / 2**20))
            if sizes:
                found[kind] = Group(len(sizes), max(files for files, _ in sizes), round(max(
                    megabytes for _, megabytes in sizes), 1))
        return found


def hashes(folder: Path) -> dict[str, str]:
    """File -> SHA-256 of the files that a version's model is loaded from; none where there is no such folder."""
    if not folder.is_dir():
        return {}
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())
            if file.suffix in (".ubj", ".json") and file.name not in NOT_OF_THE_MODEL}


def _forecasts(planner: Planner | None, keys: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Key -> forecast as the API tells it, and key -> why there is none."""
    if planner is None:
        return {}, {}
    answer = planner.get("/forecasts", key=keys, limit=100)
    if not answer.is_accepted:
        return {}, dict.fromkeys(keys, f"the API answers {answer.status}")
    return ({one["key"]: one for one in answer.told["forecasts"]},
            {one["key"]: one["reason"] for one in answer.told["missing"]})


def _read_only(url: str) -> Engine:
    engine = create_engine(url, pool_size=1, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        @event.listens_for(engine, "connect")
        def _never_write(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA query_only = ON")
    return engine


def _checked(file: Path) -> str:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            return "; ".join(row[0] for row in connection.execute("PRAGMA integrity_check(3)"))
    except sqlite3.Error as error:
        return str(error)
