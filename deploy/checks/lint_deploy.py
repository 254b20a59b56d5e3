"""``make lint-deploy``: Dockerfile, Compose file, Kubernetes manifests, our chart and dashboards against their schemas.
Run in .venv-deploy.

The chart is rendered by Helm as each of ``helm.VARIANTS``, and each is checked as the manifests are; without Helm a
line says that it was not. Of the values for Dagster's chart, whose schema is in no package, the parts that become
Kubernetes objects are checked as such, and that they name what the chart and people define. With ``--pinned`` every
image must be named by its digest.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from compose_spec import PyCompose

from deploy.checks import helm
from deploy.checks.dashboard_schemas import dashboard_problems
from deploy.checks.deployment_rules import (
    compose_rules,
    confinement_rules,
    manifest_rules,
    name_problems,
    scaling_rules,
    unpinned,
    values_rules,
)
from deploy.checks.kubernetes_schemas import object_problems, objects_in

FOLDER = Path(__file__).resolve().parents[1]
MANIFESTS = FOLDER / "kubernetes"
SECRETS, VALUES = MANIFESTS / "secrets.example.yaml", MANIFESTS / "dagster-values.yaml"


def main() -> int:
    """0 when nothing is wrong; 1 with one line for each thing that is."""
    hadolint = Path(sys.executable).parent / "hadolint"
    problems = [] if subprocess.run([hadolint, FOLDER.parent / "Dockerfile"], check=False).returncode == 0 else [
        "Dockerfile: see hadolint above"]
    problems += compose_problems(FOLDER / "compose.yaml", FOLDER / ".env.example")
    problems += [f"{file.name}: {problem}" for file in sorted((FOLDER / "observability" / "dashboards").glob("*.json"))
                 for problem in dashboard_problems(file.read_text())]
    values = yaml.safe_load(VALUES.read_text())
    objects = [(file.name, one) for file in sorted(MANIFESTS.glob("*.yaml")) if file != VALUES
               for one in objects_in(file.read_text())]
    documents, secrets = [one for _, one in objects], list(objects_in(SECRETS.read_text()))
    for name, one in [*objects, *((VALUES.name, one) for one in objects_of_values(values))]:
        problems += object_problems(name, one)
    compose = (FOLDER / "compose.yaml").read_text()
    problems += compose_rules(compose) + manifest_rules(documents) + confinement_rules(documents)
    problems += scaling_rules(documents) + name_problems(documents, secrets)
    checked, told = chart_problems(values, secrets)
    problems += told
    moving = unpinned((FOLDER.parent / "Dockerfile").read_text(), compose, documents)
    if "--pinned" in sys.argv[1:]:
        problems += [f"{image} has no digest; `docker buildx imagetools inspect {image}` tells it" for image in moving]
    elif moving:
        print(f"deploy: {len(moving)} images are named by a tag that can be moved, and not by their digest: "
              f"{', '.join(moving)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"deploy: Dockerfile, Compose file, {len(objects)} Kubernetes objects and {checked} of the chart are as "
              "their schemas and our rules say")
    return 1 if problems else 0


def compose_problems(file: Path, example: Path) -> list[str]:
    """What is wrong with a Compose file: its schema, what it waits for, and variables that the example leaves out."""
    text = file.read_text()
    # As Compose does before it reads the file: a variable is its default, or some value where it must be given, or what
    # stands for it where it is.
    described = yaml.safe_load(re.sub(r"\$\{[A-Z0-9_]+:[?][^}]*\}", "given",
                                      re.sub(r"\$\{[A-Z0-9_]+:[-+]([^}]*)\}", r"\1", text)))
    try:
        PyCompose.from_yaml(yaml.safe_dump(described))
    except Exception as error:  # noqa: BLE001 (the package documents none)
        return [f"{file.name}: {error}"]
    services = described["services"]
    problems = [f"{file.name}: {name} waits for {other}, which is no service or has no health check"
                for name, service in services.items() for other, how in service.get("depends_on", {}).items()
                if other not in services or (how["condition"] == "service_healthy"
                                             and "test" not in services[other].get("healthcheck", {}))]
    named = set(re.findall(r"^#?([A-Z0-9_]+)=", example.read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", text)) | {
        one["environment"] for one in described.get("secrets", {}).values() if "environment" in one}
    problems += [f"{file.name}: {name} mounts {source}, which is not there" for name, service in services.items()
                 for source in re.findall(r"^(\./[^:]+):", "\n".join(service.get("volumes", [])), re.MULTILINE)
                 if not (file.parent / source).exists()]
    return problems + [f"{example.name} and {file.name} differ in {name}" for name in sorted(named ^ used)]


def chart_problems(values: dict[str, Any], secrets: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """How many objects of the chart were looked at, and what is wrong with them.

    Args:
        values: for Dagster's own chart, which one of the variants is installed beside.
        secrets: those that people make.
    """
    if helm.helm() is None:
        print("deploy: the chart was not rendered, for there is no Helm")
        return 0, []
    count, problems = 0, helm.out_of_date()
    for name, settings in helm.VARIANTS.items():
        objects = [one for text in helm.rendered(*settings).values() for one in objects_in(text)]
        count += len(objects)
        told = [problem for one in objects for problem in object_problems("chart", one)]
        if "networkPolicies.enabled=false" not in settings:
            told += manifest_rules(objects)
        told += confinement_rules(objects) + scaling_rules(objects) + name_problems(objects, secrets)
        if "runs.by=pods" in settings:
            told += name_problems([*objects, *objects_of_values(values)], secrets)
            told += values_rules(values, objects) if "networkPolicies.enabled=false" not in settings else []
        problems += [f"{name}: {problem}" for problem in told]
    return count, problems


def objects_of_values(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Pods with the fragments that Dagster's chart puts into pods of its own."""
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    run = launcher["runK8sConfig"]
    password = {"name": "DAGSTER_PG_PASSWORD", "valueFrom": {"secretKeyRef": {
        "name": values["global"]["postgresqlSecretName"], "key": "postgresql-password"}}}
    pods = [_pod("run", {"image": "run", "resources": launcher["resources"],
                         "env": [password, *run["containerConfig"]["env"]]}, run["podSpecConfig"])]
    for one in values["dagster-user-deployments"]["deployments"]:
        container = {"image": one["image"]["repository"], "args": one["dagsterApiGrpcArgs"],
                     "ports": [{"containerPort": one["port"]}], "resources": one["resources"],
                     "volumeMounts": one["volumeMounts"], "securityContext": one["securityContext"],
                     "envFrom": [{"configMapRef": source} for source in one["envConfigMaps"]]
                     + [{"secretRef": source} for source in one["envSecrets"]]}
        pods.append(_pod(one["name"], container,
                         {"volumes": one["volumes"], "securityContext": one["podSecurityContext"]}))
    return pods


def _pod(name: str, container: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {**spec, "containers": [{"name": name, **container}]}}


if __name__ == "__main__":
    sys.exit(main())
