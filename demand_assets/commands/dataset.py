"""``make dataset``: look at data, write the dataset file that describes it, and say why each entry stands there."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from demand_assets.forecasting.dataset.dataset_file import DatasetFileError, load_dataset
from demand_assets.forecasting.dataset.strict_entry import name_of
from demand_assets.proposals.cannot_propose import CannotProposeError, one_line
from demand_assets.proposals.proposal import propose_for_files
from demand_assets.proposals.terminal_questions import default_answers, in_terminal

UNUSABLE = 2
"""Exit status when no dataset file can be made, or it is not written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Propose and write a dataset file; 0 only when one was written that can be trained on."""
    given = _parser().parse_args(arguments)
    is_url = "://" in given.file
    source = given.file if is_url else os.path.abspath(given.file)  # noqa: PTH100  a glob is no path
    target = Path(os.path.abspath(given.to or _beside(given.file, is_url)))  # noqa: PTH100
    ask = in_terminal if sys.stdin.isatty() and not given.yes else default_answers
    try:
        if target.exists() and not given.overwrite:
            raise CannotProposeError(f"{target} is there already; give TO=another.toml, or OVERWRITE=yes")
        draft, seen = propose_for_files(source, name_of(target.stem), ask, lambda path: _written(path, target))
        target.write_text(draft.text(), encoding="utf-8")
        load_dataset(target)
    except (CannotProposeError, DatasetFileError, OSError, UnicodeEncodeError) as error:
        print(one_line(error), file=sys.stderr)
        return UNUSABLE
    print(draft.text())
    print("\n".join(seen.lines()))
    print(f"\nwritten to {target}. Train on it with\n    make train DATASET={shlex.quote(str(target))}")
    return 0


def _beside(given: str, is_url: bool) -> Path:
    """Next to the data; in the current folder where that is not on this machine or cannot be written."""
    stem = name_of(Path(given.split("*")[0].rstrip("/")).stem or "dataset")
    folder = Path.cwd() if is_url or "*" in given else Path(given).absolute().parent
    return (folder if os.access(folder, os.W_OK) else Path.cwd()) / f"{stem}.toml"


def _written(path: str, target: Path) -> str:
    """The path as the dataset file has it: from its folder where the data is in it."""
    return str(Path(path).relative_to(target.parent)) if "://" not in path and Path(path).is_relative_to(
        target.parent) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make dataset", description=__doc__)
    parser.add_argument("--file", required=True, help="a file, a folder, a glob or a zip; no database")
    parser.add_argument("--to", type=Path, help="the dataset file to write; next to the data unless given")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--overwrite", action="store_true", help="write over a dataset file that is there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
