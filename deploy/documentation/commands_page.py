"""docs/reference/commands.md: what can be typed, as the commands say it of themselves."""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from io import StringIO
from unittest.mock import patch

import click

from deploy.documentation.made_up_app import made_up_app
from deploy.documentation.words_of_code import table
from deploy.settings import PROJECT

TARGET = re.compile(r"^([a-z-]+):(?!=).*?## (.*)$", re.MULTILINE)
COMMANDS = {"demand-run": "deploy.run", "demand-worker": "deploy.worker",
            "demand-train": "demand_assets.commands.train",
            "demand-dataset": "demand_assets.commands.dataset", "demand-check": "demand_assets.commands.check"}
"""Command of an installed product -> its module. ``demand-mcp`` has no arguments."""
ABOUT = """\
# Commands

## make

In a checkout. `make` alone lists the targets; each makes or renews the environment first, which is instant when nothing
changed. Settings are given as `make run WEB_PORT=8001`; [all of them](settings.md).

"""
INSTALLED = """
## Of an installed product

As `make` calls them. Settings of `demand-run` and `demand-worker` are environment variables. `demand-mcp`
([for agents](../agents.md)) takes no arguments.
"""
OF_THE_WEB_APP = """
## Of the web app

In the environment of the web app: in a container of the image `web` as they stand; beside `make run` with `.venv/bin/`
before them, and `DEMAND_DATASET`, `DEMAND_STATE` set to what `DATASET` and `STATE` are. Migrations are Flask-Migrate's:
`flask --app webapp db upgrade`, `… db downgrade <revision>`.
"""


def commands_page() -> str:
    """The page of the commands and their arguments, in Markdown."""
    targets = TARGET.findall((PROJECT / "Makefile").read_text(encoding="utf-8"))
    parts = [ABOUT, table(("target", "what it does"), *((f"`{name}`", _plain(words)) for name, words in targets)),
             INSTALLED]
    parts += [f"\n### {command}\n\n```text\n{_help_of(command, module)}```\n" for command, module in COMMANDS.items()]
    parts.append(OF_THE_WEB_APP)
    parts += [f"\n### {name}\n\n```text\n{words}\n```\n" for name, words in _of_the_app()]
    return "".join(parts)


def _plain(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")


def _help_of(command: str, module: str) -> str:
    """What the command prints when it is asked for help, as wide as a page."""
    printed = StringIO()
    with (patch.object(sys, "argv", [command, "--help"]), patch.dict(os.environ, COLUMNS="100"),
          redirect_stdout(printed), suppress(SystemExit)):
        importlib.import_module(module).main()
    return printed.getvalue()


def _of_the_app() -> Iterator[tuple[str, str]]:
    with made_up_app() as app:
        for name, command in sorted(app.cli.commands.items()):
            within = command.commands if isinstance(command, click.Group) else {}
            for label, one in {name: command, **{f"{name} {part}": each for part, each in within.items()}}.items():
                if getattr(one.callback, "__module__", "").startswith("webapp."):
                    yield label, one.get_help(click.Context(one, info_name=f"flask --app webapp {label}",
                                                            max_content_width=100, terminal_width=100))
