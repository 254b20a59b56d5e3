"""``python -m deploy.checks.kubernetes_schemas FILE...``: Kubernetes objects against the schemas of Kubernetes itself.

In .venv-deploy, whose ``kubernetes-validate`` carries them. Each object is held to the oldest version that the chart is
for and to the newest whose schemas are there; a field that a schema does not know is refused.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

OLDEST = "1.29"
"""The chart's ``kubeVersion`` says the same."""
OF_OTHERS = ("ServiceMonitor", "PrometheusRule")
"""Kinds of the Prometheus operator: their schemas are in no package."""


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """The objects of a file, without what is empty in it."""
    return (one for one in yaml.safe_load_all(text) if one)


def object_problems(where: str, one: Mapping[str, Any]) -> list[str]:
    """What the schemas of its kind refuse in a Kubernetes object, a line each."""
    if one.get("kind") in OF_OTHERS:
        return []
    name = f"{where}: {one.get('kind')} {one.get('metadata', {}).get('name')}"
    if missing := [part for part in ("apiVersion", "kind", "metadata") if part not in one]:
        return [f"{name}: {', '.join(missing)} is missing"]
    problems = []
    for version in (OLDEST, kubernetes_validate.latest_version()):
        try:
            kubernetes_validate.validate(dict(one), version, strict=True)
        except kubernetes_validate.ValidationError as error:
            problems.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message}")
        except (kubernetes_validate.InvalidSchemaError, kubernetes_validate.SchemaNotFoundError) as error:
            problems.append(f"{name}: {error.message}")
    return problems


def main(files: list[str]) -> int:
    """0 when nothing is wrong; 1 with one line for each thing that is."""
    problems = [problem for file in files for one in objects_in(Path(file).read_text())
                for problem in object_problems(Path(file).name, one)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
