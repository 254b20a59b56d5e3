"""What ``benchmarks.readers`` measures, each as a process of its own that writes JSON.

``python -m benchmarks.support.readers_workers product|product-checked|duckdb|polars --file FILE --store FOLDER
--json FILE``. The engines import nothing of the product, so that an environment with them alone runs them.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any


def main() -> None:
    given = _parser().parse_args()
    work = {"product": product, "product-checked": product_checked, "duckdb": bare_duckdb, "polars": bare_polars}
    given.json.write_text(json.dumps(work[given.worker](given)))


def product(given: argparse.Namespace) -> dict[str, Any]:
    """From the file to validated demand in a store, in runs of as many region-items as Dagster's are."""
    from demand_assets.forecasting.contract.clock import Clock
    from demand_assets.forecasting.contract.run_sizes import PER_RUN
    from demand_assets.forecasting.registry.registry import Registry
    from demand_assets.forecasting.store.demand_store import DemandStore
    from demand_assets.pipeline.outcomes import RequestedBy
    from demand_assets.pipeline.run import Pipeline
    from demand_assets.sources import open_source

    dataset = _dataset(given)
    store = DemandStore(str(given.store))
    registry = Registry(f"sqlite:///{given.store}/none.db", dataset.name, artifacts=f"{given.store}/none")
    clock, done = Clock(), 0
    with _Timed() as timed:
        pipeline = Pipeline(dataset, open_source(dataset), store, registry, os.cpu_count() or 1)
        with clock("catalogue"):
            region_items = pipeline.source.catalogue().region_items
        for start in range(0, len(region_items), PER_RUN):
            outcomes = list(pipeline.carry(region_items[start:start + PER_RUN], ("raw_demand", "demand"), RequestedBy(),
                                           clock))
            done += sum(outcome.asset == "demand" and outcome.status == "done" for outcome in outcomes)
    if done != len(region_items):
        raise RuntimeError(f"{len(region_items) - done} of {len(region_items)} region-items have no validated demand")
    return {**timed.taken, "region_items": done, "phases": clock.seconds}


def product_checked(given: argparse.Namespace) -> dict[str, Any]:
    """From the file to validated demand in memory, on all cores, as many region-items at a time as a worker takes."""
    from collections.abc import Iterator

    from demand_assets.forecasting.contract.clock import Clock
    from demand_assets.pipeline.parallel import side_by_side, warm_up
    from demand_assets.pipeline.run import PROCESSES_FROM, TAKEN_IN_TOGETHER
    from demand_assets.sources import open_source

    dataset = _dataset(given)
    clock, units, rows = Clock(), 0.0, 0
    with _Timed() as timed:
        warm_up(os.cpu_count() or 1, ["demand_assets.forecasting.validation.rows_to_demand"])
        source = open_source(dataset)
        with clock("catalogue"):
            catalogue = source.catalogue()

        def tasks() -> Iterator[tuple[Any, ...]]:
            for start in range(0, len(catalogue.region_items), TAKEN_IN_TOGETHER):
                some = catalogue.region_items[start:start + TAKEN_IN_TOGETHER]
                with clock("read"):
                    raw = source.read(some)
                yield raw, dataset, some, catalogue.last_date, source.today()

        for units_read, rows_read, seconds in side_by_side(checked, tasks(), os.cpu_count() or 1,
                                                           len(catalogue.region_items) >= PROCESSES_FROM):
            units, rows = units + units_read, rows + rows_read
            clock.add(seconds)
    return {**timed.taken, "rows": rows, "units": units, "phases": clock.seconds}


def checked(task: tuple[Any, ...]) -> tuple[float, int, Any]:
    """Units and rows of what the validation makes of some region-items, and what it took."""
    from demand_assets.forecasting.contract.clock import Clock
    from demand_assets.forecasting.validation.rows_to_demand import validate_panel

    clock = Clock()
    with clock("validate"):
        found = validate_panel(*task)
    units = sum(float(one.demand["demand"].sum()) for one in found if one.demand is not None)
    return units, sum(one.counts["rows"] for one in found), clock.seconds


def bare_duckdb(given: argparse.Namespace) -> dict[str, Any]:
    """The rows added up by region, item and date; what is no number is left out."""
    import duckdb

    with _Timed() as timed:
        read = (duckdb.read_csv(str(given.file), header=True, delimiter=",", columns={
            "region": "VARCHAR", "item": "VARCHAR", "date": "DATE", "demand": "VARCHAR", "price": "DOUBLE"})
            if given.file.suffix == ".csv" else duckdb.read_parquet(str(given.file)))
        found = read.aggregate("region, item, date, sum(try_cast(demand AS DOUBLE)) AS demand, avg(price) AS price",
                               "region, item, date").to_arrow_table()
    return {**timed.taken, "rows": found.num_rows, "version": duckdb.__version__}


def bare_polars(given: argparse.Namespace) -> dict[str, Any]:
    """The rows added up by region, item and date; what is no number is left out."""
    import polars as pl

    with _Timed() as timed:
        if given.file.suffix == ".csv":
            read = pl.scan_csv(given.file, schema={"region": pl.String, "item": pl.String, "date": pl.Date,
                                                   "demand": pl.String, "price": pl.Float64})
        else:
            read = pl.scan_parquet(given.file)
        found = read.group_by("region", "item", "date").agg(
            pl.col("demand").cast(pl.Float64, strict=False).sum(), pl.col("price").mean()).collect(engine="streaming")
    return {**timed.taken, "rows": found.height, "version": pl.__version__}


class _Timed:
    """Wall and processor seconds of a block, children that ended in it included."""

    def __enter__(self) -> "_Timed":
        self._wall, self._cpu = time.perf_counter(), _processor_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.taken = {"wall_seconds": time.perf_counter() - self._wall,
                      "cpu_seconds": _processor_seconds() - self._cpu}


def _processor_seconds() -> float:
    """Of this process and all that it has started, those that still run included."""
    try:
        import psutil
    except ImportError:
        return time.process_time()
    own = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (own, *own.children(recursive=True)))


def _dataset(given: argparse.Namespace) -> Any:
    from benchmarks.readers import DATASET
    from demand_assets.forecasting.dataset.dataset_file import load_dataset

    file: Path = given.store.parent / "readers.toml"
    file.write_text(DATASET.format(path=given.file))
    return load_dataset(file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.support.readers_workers", description=__doc__)
    parser.add_argument("worker", choices=["product", "product-checked", "duckdb", "polars"])
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    return parser


if __name__ == "__main__":
    main()
