"""Kubernetes' own schemas find what is planted. They are in .venv-deploy, so the check is run there."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.settings import PROJECT

PYTHON = PROJECT / ".venv-deploy" / "bin" / "python"
WORKER = PROJECT / "deploy" / "kubernetes" / "workers.yaml"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    not PYTHON.exists(), reason=".venv-deploy is not there (make lint-deploy makes it)")]


def told(*files: Path) -> str:
    done = subprocess.run([PYTHON, "-m", "deploy.checks.kubernetes_schemas", *files], cwd=PROJECT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == (1 if done.stderr else 0)
    return done.stderr


def test_the_manifests_are_as_the_schemas_say() -> None:
    files = [file for file in WORKER.parent.glob("*.yaml") if file.name != "dagster-values.yaml"]

    assert told(*files) == ""


MISTAKES: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    "a misspelt field": (lambda one, _: one["spec"].update(replica=2), "'replica' was unexpected"),
    "a misspelt field of a container": (lambda _, box: box.update(volumeMount=box.pop("volumeMounts")),
                                        "'volumeMount' was unexpected"),
    "a field where it does not belong": (lambda one, box: one["spec"]["template"]["spec"].update(
        livenessProbe=box.pop("livenessProbe")), "'livenessProbe' was unexpected"),
    "a word for a number": (lambda one, _: one["spec"].update(replicas="two"), "spec.replicas: 'two' is not of type"),
    "one where a list is wanted": (lambda _, box: box.update(command="python"), "'python' is not of type"),
    "a field that is missing": (lambda one, _: one["spec"].pop("selector"), "'selector' is a required property"),
    "a group that is no more": (lambda one, _: one.update(apiVersion="extensions/v1beta1"), "Couldn't find schema"),
    "a version that never was": (lambda one, _: one.update(apiVersion="apps/v3"), "Couldn't find schema"),
    "a kind that there is not": (lambda one, _: one.update(kind="Deploymet"), "Couldn't find schema"),
    "no version": (lambda one, _: one.pop("apiVersion"), "apiVersion is missing"),
    "a probe of two kinds of words": (lambda _, box: box["startupProbe"].update(exec=["python"]), "is not of type"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake: str, tmp_path: Path) -> None:
    objects = list(yaml.safe_load_all(WORKER.read_text()))
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    change, words = MISTAKES[mistake]
    change(deployment, deployment["spec"]["template"]["spec"]["containers"][0])
    file = tmp_path / "workers.yaml"
    file.write_text(yaml.safe_dump_all(objects))

    assert words in told(file)
