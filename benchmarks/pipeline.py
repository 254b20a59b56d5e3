"""From raw demand to promoted models: where the time goes, and what the same work costs elsewhere, in one run.

    python -m benchmarks.pipeline [--region-items 500 | --dataset file.toml] [--json out.json] [--only-product]

Side by side on this machine: the product (``make train``); (a) the bare loop, the same features and fits on the same
cores without Dagster, MLflow or files; (b) the graph run the naive way, a run for each partition and ``log_model`` with
its defaults, on 5 partitions, extended to all; (c) one LightGBM over the same demand (mlforecast).
"""

import argparse
import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.measured_process import PROJECT, Measured, bytes_in, measured
from demand_assets.dagster_instance.instance import open_instance
from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.store.demand_store import DemandStore

PARTITIONS_THE_NAIVE_WAY = 5
ITEMS_OF_A_REGION = 50
PEERS_PYTHON = PROJECT / ".venv-benchmarks" / "bin" / "python"
PEER_AT_MOST = 2000
BARE_AT_MOST = 2000


@dataclass(frozen=True)
class Place:
    """Where a run of the benchmark works."""

    dataset: Path
    folder: Path
    state: Path
    """The product's state directory."""

    def log(self, name: str) -> Path:
        """What a process prints goes there."""
        return self.folder / f"{name}.log"


def main() -> int:
    """Measure, report, and write JSON; the exit status of the product."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="demand-pipeline-", dir=given.scratch) as scratch:
        place = Place(given.dataset.resolve() if given.dataset else _simulated(given.region_items, Path(scratch)),
                      Path(scratch), given.state or Path(scratch) / "state")
        taken, result = _product(place)
        if taken.status not in (0, 1) or "seconds" not in result:
            print(place.log("product").read_text()[-4000:])
            return taken.status or 1
        if not given.only_product:
            subprocess.run(["sh", str(PROJECT / "deploy" / "separate_environment.sh"), "benchmarks"],
                           check=False)  # for (c)
            try:
                result |= _bare(place, result)
                result |= _naive(place, result)
                result |= _peer(place, result)
            except BaseException:
                _write(result, given.json)  # what was measured before a rival failed
                raise
        _print(result)  # before the files of whole M5 are removed, which takes minutes
        _write(result, given.json)
    return taken.status


def _write(result: dict[str, Any], file: Path | None) -> None:
    if file:
        file.write_text(json.dumps(result, indent=2) + "\n")


def _simulated(region_items: int, folder: Path) -> Path:
    """The simulated dataset with so many region-items, or the next larger number that fills its regions."""
    items = min(region_items, ITEMS_OF_A_REGION)
    text = (PROJECT / "datasets" / "simulated.toml").read_text()
    regions = -(-region_items // items)
    text = text.replace("regions = 4", f"regions = {regions}").replace("items = 12", f"items = {items}")
    file = folder / f"simulated_{region_items}.toml"
    file.write_text(text)
    return file


def _product(place: Place) -> tuple[Measured, dict[str, Any]]:
    summary_file = place.folder / "summary.json"
    taken = measured(["demand_assets.commands.train", "--dataset", str(place.dataset), "--state", str(place.state),
                      "--json", str(summary_file)], place.log("product"))
    if not summary_file.exists():
        return taken, {}
    summary = json.loads(summary_file.read_text())
    count, state = summary["region_items"], place.state / load_dataset(place.dataset).name
    workers = summary["worker_seconds"]
    phases = {name: spent for name, spent in summary["seconds"].items() if name != "total"}
    after_pooled = taken.cpu_seconds - summary["cpu_seconds"].get("pooled model", 0.0)
    return taken, {
        "machine": described(), "dataset": load_dataset(place.dataset).name, "region_items": count,
        **{name: summary[name] for name in ("promoted", "kept", "quarantined", "failed", "wape",
                                            "wape_seasonal_naive")},
        "total_seconds": taken.seconds, "total_cpu_seconds": taken.cpu_seconds,
        "seconds": {"start-up": taken.seconds - summary["seconds"]["total"], **phases}, "stages": workers,
        "seconds_per_region_item": taken.seconds / count, "cpu_seconds_per_region_item": taken.cpu_seconds / count,
        "cpu_seconds_per_region_item_without_pooled": after_pooled / count,
        "peak_memory_mib": taken.peak_memory_mib,
        "bytes": {part.name: bytes_in(part) for part in sorted(state.iterdir()) if part.is_dir()},
    }


def _rival(place: Place, name: str, *arguments: str, python: Path | None = None) -> tuple[Measured, dict[str, Any]]:
    answer = place.folder / f"{name}.json"
    command = ["benchmarks.support.pipeline_rivals", name, "--dataset", str(place.dataset), "--state", str(place.state),
               "--json", str(answer), *arguments]
    taken = measured(command, place.log(name), *([str(python)] if python else []))
    if taken.status:
        raise RuntimeError(f"{name} failed:\n{place.log(name).read_text()[-4000:]}")
    return taken, json.loads(answer.read_text())


def _bare(place: Place, product: dict[str, Any]) -> dict[str, Any]:
    _, bare = _rival(place, "bare", "--at-most", str(BARE_AT_MOST))
    total = bare["pooled_seconds"] + bare["fit_seconds"]
    return {"bare_loop": {**bare, "seconds": total}, "ratio_to_bare_loop": product["total_seconds"] / total}


def _naive(place: Place, product: dict[str, Any]) -> dict[str, Any]:
    state = place.state / load_dataset(place.dataset).name
    home = place.folder / "naive-dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    open_instance(home).dispose()  # two that make the tables at once get in each other's way
    catalogue = DemandStore(str(state / "demand")).read_catalogue()
    step = max(1, len(catalogue) // PARTITIONS_THE_NAIVE_WAY)
    keys = [one.key for one in catalogue[::step]][:PARTITIONS_THE_NAIVE_WAY]
    cores = os.cpu_count() or 1

    def run(key: str) -> float:
        answer = place.folder / f"naive-{abs(hash(key))}.json"
        taken = measured(["benchmarks.support.pipeline_rivals", "naive", "--dataset", str(place.dataset), "--state",
                          str(place.state), "--json", str(answer), "--key", key, "--home", str(home)],
                         place.log("naive"))
        if taken.status:
            raise RuntimeError(f"naive failed:\n{place.log('naive').read_text()[-4000:]}")
        return taken.seconds

    with ThreadPoolExecutor(cores) as runs:
        seconds = list(runs.map(run, keys))
    each = sum(seconds) / len(seconds)
    pooled = product["seconds"].get("pooled model", 0.0)
    total = pooled + each * product["region_items"] / cores
    return {"naive": {"partitions": len(keys), "seconds_each": each, "runs_at_a_time": cores,
                      "extrapolated_seconds": total},
            "speedup_over_naive": total / product["total_seconds"]}


def _peer(place: Place, product: dict[str, Any]) -> dict[str, Any]:
    if not PEERS_PYTHON.exists():
        return {"mlforecast_lightgbm": "not measured: `sh deploy/separate_environment.sh benchmarks` comes first"}
    taken, peer = _rival(place, "mlforecast", "--at-most", str(PEER_AT_MOST), python=PEERS_PYTHON)
    return {"mlforecast_lightgbm": {**peer, "peak_memory_mib": taken.peak_memory_mib, "threads": 1}}


def _print(result: dict[str, Any]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    console.print(f"{result['dataset']}: {result['region_items']} region-items, {result['promoted']} promoted, "
                  f"{result['kept']} kept, {result['quarantined']} quarantined, {result['failed']} failed")
    table = Table("stage", "wall s", "CPU s", "CPU ms each", title="product, by stage (of workers: summed)")
    for name, spent in result["seconds"].items():
        table.add_row(name, f"{spent:.1f}", "", "")
    for name, spent in result["stages"].items():
        table.add_row(f"  {name}", f"{spent['wall']:.1f}", f"{spent['cpu']:.1f}",
                      f"{1000 * spent['cpu'] / result['region_items']:.1f}")
    table.add_row("total", f"{result['total_seconds']:.1f}", f"{result['total_cpu_seconds']:.1f}",
                  f"{1000 * result['cpu_seconds_per_region_item']:.1f}")
    console.print(table)
    console.print(f"peak memory {result['peak_memory_mib']:.0f} MiB; bytes " + ", ".join(
        f"{name} {size / 2**20:.0f} MiB" for name, size in result["bytes"].items()))
    sides = Table("side by side", "seconds", "", title="the same work")
    sides.add_row("product", f"{result['total_seconds']:.1f}", "from raw demand to promoted models")
    if "bare_loop" in result:
        bare, naive, peer = result["bare_loop"], result["naive"], result["mlforecast_lightgbm"]
        sides.add_row("(a) bare loop", f"{bare['seconds']:.1f}", f"pooled {bare['pooled_seconds']:.1f}, fits "
                      f"{bare['fit_seconds']:.1f}; ratio {result['ratio_to_bare_loop']:.2f}")
        sides.add_row("(b) naive", f"{naive['extrapolated_seconds']:.0f}", f"EXTRAPOLATED from {naive['partitions']} "
                      f"partitions of {naive['seconds_each']:.1f} s; {result['speedup_over_naive']:.0f} x slower")
        if isinstance(peer, dict):
            sides.add_row("(c) mlforecast + LightGBM", f"{peer['seconds']:.1f}",
                          f"one model for {peer['region_items']} region-items, fit and forecast, one thread, "
                          f"{peer['peak_memory_mib']:.0f} MiB")
        else:
            sides.add_row("(c) mlforecast + LightGBM", "", peer)
    console.print(sides)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--region-items", type=int, default=500, help="of simulated demand")
    parser.add_argument("--dataset", type=Path, help="a dataset file instead")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only-product", action="store_true", help="without the rivals")
    parser.add_argument("--scratch", type=Path, help="folder for the temporary state; whole M5 needs some 8 GB")
    parser.add_argument("--state", type=Path, help="keep the state there, and go on where an earlier call was stopped")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
