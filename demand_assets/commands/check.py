"""``make check``: what would be refused of a dataset's demand, what is not used, what is suspicious; in seconds."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from demand_assets.forecasting.challengers.model_classes import ChallengerError, check_installed
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError, load_dataset
from demand_assets.forecasting.validation.rows_to_demand import RawDemandError
from demand_assets.pipeline.unusable_demand import problems
from demand_assets.proposals.columns.unused_money import unused_money
from demand_assets.proposals.draft import written
from demand_assets.proposals.trial_reading import look_through
from demand_assets.sources import open_source
from demand_assets.sources.beside_demand.attributes import AttributeReader
from demand_assets.sources.beside_demand.predecessors import is_declared, read_predecessors

UNUSABLE = 2
"""Exit status when the dataset file or its source cannot be used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Look through a dataset's demand; 0 only when something could be used and no threshold is passed."""
    given = _parser().parse_args(arguments)
    try:
        dataset = load_dataset(given.dataset, given.horizon)
        source = open_source(dataset)
        seen = look_through(dataset, source)
        notices = [*AttributeReader(dataset, source).read().notices] if dataset.attributes else []
        notices += read_predecessors(dataset, source.catalogue()).notices if is_declared(dataset) else []
    except (DatasetFileError, SourceError, RawDemandError) as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    console = Console(emoji=False)  # :tea: is a name
    for line in (*seen.lines(), *notices):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for name in dataset.challengers.all_names:
        try:
            check_installed(name, to_fit=True)
        except ChallengerError as error:
            console.print(f"[challengers]: {str(error).rstrip('.')}; without it the other classes compete",
                          markup=False, highlight=False, soft_wrap=True)
    for amount in unused_money(dataset):
        name = amount.entry["column"]
        console.print(f"the column {name!r} may be the {amount.kind} of a unit ({amount.why}); to have demand told in "
                      f"money, write {amount.kind} = {{ column = {written(name)} }} under [money]",
                      markup=False, highlight=False, soft_wrap=True)
    found = problems(len(seen.validated), len(seen.usable), seen.refused_units_share,
                     dataset.rules.refused_units_share, is_trained=False)
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        console.print("nothing keeps it from being trained on", markup=False, highlight=False)
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make check", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="dataset file (TOML)")
    parser.add_argument("--horizon", type=int, help="periods; the dataset file's unless given")
    return parser


if __name__ == "__main__":
    sys.exit(main())
