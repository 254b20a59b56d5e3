"""The batch cost of a retrain: the same stages for the same region-items in one process, without servers or queue.

    python -m benchmarks.batch --dataset file.toml --state dir --keys keys.txt

As ``make train`` does it, on a state in which the pooled model is there already; prints the seconds of each stage.
"""

import argparse
import json
from pathlib import Path

import dagster as dg

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.assets import region_item
from demand_assets.defs.events import seconds_of
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import run_config
from demand_assets.settings import Settings


def main() -> None:
    """Carry the region-items from demand to decision."""
    given = _parser().parse_args()
    keys = given.keys.read_text().splitlines()
    home = Settings(dataset=given.dataset, state=given.state).folder / "dagster"
    prepare_home(home)
    with open_instance(home) as instance:
        result = dg.materialize(
            [region_item], selection=dg.AssetSelection.assets(region_item).without_checks(), instance=instance,
            resources={"pipeline": PipelineResource(dataset=str(given.dataset), state=str(given.state))},
            run_config=run_config(keys) | {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
        print(json.dumps(seconds_of(result)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True, help="a file with one partition key a line")
    return parser


if __name__ == "__main__":
    main()
