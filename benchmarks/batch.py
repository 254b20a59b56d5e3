"""The batch cost of a retrain: the same stages for the same region-items in one process, without servers or queue.

    python -m benchmarks.batch --dataset file.toml --state dir --keys keys.txt

As ``make train`` does it, on a state in which the pooled model is there already; prints the seconds of each stage.
"""

import argparse
from pathlib import Path

import dagster as dg

from demand_assets.dagster_instance.instance import prepare_home
from demand_assets.defs.assets import region_item
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.contract.dagster_names import SECONDS_TAG, run_config
from demand_assets.settings import Settings


def main() -> None:
    """Carry the region-items from demand to decision."""
    given = _parser().parse_args()
    keys = given.keys.read_text().splitlines()
    home = Settings(dataset=given.dataset, state=given.state).folder / "dagster"
    prepare_home(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = dg.materialize(
            [region_item], selection=dg.AssetSelection.assets(region_item).without_checks(), instance=instance,
            resources={"pipeline": PipelineResource(dataset=str(given.dataset), state=str(given.state))},
            run_config=run_config(keys) | {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
        print(instance.get_run_by_id(result.run_id).tags[SECONDS_TAG])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True, help="a file with one partition key a line")
    return parser


if __name__ == "__main__":
    main()
