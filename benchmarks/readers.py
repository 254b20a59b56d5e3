"""Files of demand, read and validated, beside engines that only add the same rows up, in one run.

    python -m benchmarks.readers [--rows 10000000] [--kinds csv,parquet] [--order date|region-item]
                                 [--only-product] [--json out.json] [--scratch folder]

Writes a CSV and a Parquet file of made-up demand (region, item, date, demand, a price), some of whose rows are to be
refused, and reads each in processes of their own: the product (from the file to validated demand in a demand store, as
``raw_demand`` and ``demand`` do it, and once without storing anything), bare DuckDB and bare polars (read, and the sum
of each region, item and date). The product on a tenth of the rows shows how its memory grows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.measured_process import PROJECT, measured

PEERS_PYTHON = PROJECT / ".venv-benchmarks" / "bin" / "python"
DAYS = 2000
"""Of each region-item, as in M5; so ten million rows are 5,000 region-items."""
ITEMS_OF_A_REGION = 500
FIRST_DAY = np.datetime64("2020-01-01")
ROWS_A_PIECE = 1_000_000
ONE_REFUSED_IN = 1000
DATASET = """
title = "Readers"
frequency = "D"
horizon = 28

[source]
kind = "file"
path = "{path}"

[[drivers]]
name = "price"
kind = "number"
effect = "decreasing"
future = "repeat_last"
"""
WORKERS = {"product": "read, validated, stored", "product-checked": "read, validated", "duckdb": "read, added up",
           "polars": "read, added up"}


def main() -> int:
    """Write the files, measure, report."""
    given = _parser().parse_args()
    python = given.rivals_python or PEERS_PYTHON
    if not given.only_product and not given.rivals_python:
        subprocess.run(["sh", str(PROJECT / "deploy" / "separate_environment.sh"), "benchmarks"], check=False)
    told: dict[str, Any] = {"machine": described(), "rows": given.rows, "order": given.order}
    with tempfile.TemporaryDirectory(prefix="demand-readers-", dir=given.scratch) as scratch:
        folder = Path(scratch)
        for kind in given.kinds.split(","):
            told[kind] = _of_kind(kind, given, folder, python)
    _print(told)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2) + "\n")
    return 0


def _of_kind(kind: str, given: argparse.Namespace, folder: Path, python: Path) -> dict[str, Any]:
    file = folder / f"demand.{kind}"
    write_demand(file, given.rows, given.order)
    found: dict[str, Any] = {"bytes": file.stat().st_size}
    for worker in WORKERS:
        if worker.startswith("product"):
            found[worker] = _measured(worker, file, folder, Path(sys.executable))
        elif not given.only_product:
            found[worker] = _measured(worker, file, folder, python) if _has(python, worker) else {
                "skipped": f"{python} has no {worker}: `sh deploy/separate_environment.sh benchmarks` comes first"}
    write_demand(file, given.rows // 10, given.order)
    found["product, a tenth"] = _measured("product", file, folder, Path(sys.executable))
    file.unlink()
    rivals = [found[name]["wall_seconds"] for name in ("duckdb", "polars") if "wall_seconds" in found.get(name, {})]
    if rivals:
        found["times_the_faster"] = {name: found[name]["wall_seconds"] / min(rivals) for name in WORKERS
                                     if name.startswith("product")}
    return found


def _measured(worker: str, file: Path, folder: Path, python: Path) -> dict[str, Any]:
    """What a worker took, by the clock of its process."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        answer, log = Path(scratch) / "answer.json", Path(scratch) / "log"
        taken = measured(["benchmarks.support.readers_workers", worker, "--file", str(file), "--json", str(answer),
                          "--store", f"{scratch}/store"], log, str(python))
        if taken.status:
            raise RuntimeError(f"{worker} failed:\n{log.read_text()[-4000:]}")
        return {"seconds_of_process": taken.seconds, "cpu_seconds_of_process": taken.cpu_seconds,
                "peak_memory_mib": taken.peak_memory_mib, **json.loads(answer.read_text())}


def _has(python: Path, module: str) -> bool:
    return python.exists() and subprocess.run([python, "-c", f"import {module}"], capture_output=True,
                                              check=False).returncode == 0


def write_demand(file: Path, rows: int, order: str) -> None:
    """Write a CSV or Parquet file with so many rows of made-up demand; one in some is to be refused."""
    days = min(DAYS, rows)
    series = max(1, rows // days)
    writer: Any = None
    for start in range(0, series * days, ROWS_A_PIECE):
        at = np.arange(start, min(start + ROWS_A_PIECE, series * days))
        owner, day = (at % series, at // series) if order == "date" else (at // days, at % days)
        piece = _piece(owner, day, at, file.suffix == ".csv")
        if writer is None:
            writer = (pv.CSVWriter(file, piece.schema, write_options=pv.WriteOptions(quoting_style="needed"))
                      if file.suffix == ".csv" else pq.ParquetWriter(file, piece.schema))
        writer.write_table(piece)
    writer.close()


def _piece(owner: np.ndarray, day: np.ndarray, at: np.ndarray, is_text: bool) -> pa.Table:
    """Rows of these region-items and days. What is refused: negative demand and, in text, what is no number."""
    random = np.random.default_rng(int(at[0]))
    demand = random.poisson(4 + 3 * np.sin(day / 58) + owner % 7)
    refused = np.flatnonzero(random.integers(0, ONE_REFUSED_IN, len(at)) == 0)
    demand[refused] = -1 - demand[refused]
    price = np.round(2 + owner % 400 / 20 - 0.5 * (random.integers(0, 10, len(at)) == 0), 2)
    written: Any = pa.array(demand)
    if is_text:
        texts = demand.astype(str).astype(object)
        texts[refused[::2]] = "see note"
        written = pa.array(texts, pa.string())
    regions = [f"region {number:03}" for number in range(int(owner.max()) // ITEMS_OF_A_REGION + 1)]
    items = [f"article {number:05}" for number in range(ITEMS_OF_A_REGION)]
    return pa.table({
        "region": pa.array(np.array(regions)[owner // ITEMS_OF_A_REGION]),
        "item": pa.array(np.array(items)[owner % ITEMS_OF_A_REGION]),
        "date": pa.array((FIRST_DAY + day).astype("datetime64[D]")), "demand": written, "price": pa.array(price)})


def _print(told: dict[str, Any]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in told["machine"].items()))
    for kind in ("csv", "parquet"):
        if kind not in told:
            continue
        found = told[kind]
        table = Table("", "", "wall s", "CPU s", "start s", "peak MiB", "x the faster",
                      title=f"{told['rows']:,} rows of {kind} by {told['order']}, {found['bytes'] / 2**20:.0f} MiB")
        for name, words in {**WORKERS, "product, a tenth": "of the rows"}.items():
            row = found.get(name)
            if row is None:
                continue
            if "skipped" in row:
                table.add_row(name, row["skipped"])
                continue
            times = found.get("times_the_faster", {}).get(name)
            table.add_row(f"{name} {row.get('version', '')}", words, f"{row['wall_seconds']:.2f}",
                          f"{row['cpu_seconds']:.2f}", f"{row['seconds_of_process'] - row['wall_seconds']:.1f}",
                          f"{row['peak_memory_mib']:.0f}", "" if times is None else f"{times:.1f}")
        console.print(table)
        phases = found["product"]["phases"]
        console.print("product by phase, s (of workers: summed): " + ", ".join(
            f"{name} {wall:.1f}" for name, (wall, _) in phases.items()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--kinds", default="csv,parquet")
    parser.add_argument("--order", choices=["date", "region-item"], default="date", help="of the files' rows")
    parser.add_argument("--only-product", action="store_true", help="without the rivals")
    parser.add_argument("--rivals-python", type=Path, help="a Python that has duckdb and polars, in place of "
                                                           ".venv-benchmarks")
    parser.add_argument("--scratch", type=Path, help="folder for the files; ten million rows need some 2 GB")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
