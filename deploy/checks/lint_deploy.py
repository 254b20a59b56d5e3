"""``make lint-deploy``: Dockerfile, Compose file and Kubernetes manifests against their schemas. Run in .venv-deploy.

Of the values for Dagster's chart, whose schema is in no package, the parts that become Kubernetes objects are checked
as such, and that they name what the manifests define. With ``--pinned`` every image must be named by its digest.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from compose_spec import PyCompose

from deploy.checks.deployment_rules import compose_rules, manifest_rules, unpinned, values_rules

FOLDER = Path(__file__).resolve().parents[1]
KUBERNETES = "1.31"
"""The oldest version that the manifests are held to."""


def main() -> int:
    """0 when nothing is wrong; 1 with one line for each thing that is."""
    hadolint = Path(sys.executable).parent / "hadolint"
    problems = [] if subprocess.run([hadolint, FOLDER.parent / "Dockerfile"], check=False).returncode == 0 else [
        "Dockerfile: see hadolint above"]
    problems += compose_problems(FOLDER / "compose.yaml", FOLDER / ".env.example")
    values = FOLDER / "kubernetes" / "dagster-values.yaml"
    manifests = [file for file in sorted((FOLDER / "kubernetes").glob("*.yaml")) if file != values]
    objects = [(file.name, one) for file in manifests for one in yaml.safe_load_all(file.read_text())]
    for name, one in objects:
        problems += object_problems(name, one)
    for one in objects_of_values(yaml.safe_load(values.read_text())):
        problems += object_problems(values.name, one)
    problems += name_problems([one for _, one in objects])
    compose, documents = (FOLDER / "compose.yaml").read_text(), [one for _, one in objects]
    problems += compose_rules(compose) + manifest_rules(documents)
    problems += values_rules(yaml.safe_load(values.read_text()), documents)
    moving = unpinned((FOLDER.parent / "Dockerfile").read_text(), compose, documents)
    if "--pinned" in sys.argv[1:]:
        problems += [f"{image} has no digest; `docker buildx imagetools inspect {image}` tells it" for image in moving]
    elif moving:
        print(f"deploy: {len(moving)} images are named by a tag that can be moved, and not by their digest: "
              f"{', '.join(moving)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"deploy: Dockerfile, Compose file and {len(objects)} Kubernetes objects are well-formed")
    return 1 if problems else 0


def compose_problems(file: Path, example: Path) -> list[str]:
    """What is wrong with a Compose file: its schema, what it waits for, and variables that the example leaves out."""
    text = file.read_text()
    # As Compose does before it reads the file: a variable is its default, or some value where it must be given.
    described = yaml.safe_load(re.sub(r"\$\{[A-Z0-9_]+:[?][^}]*\}", "given",
                                      re.sub(r"\$\{[A-Z0-9_]+:-([^}]*)\}", r"\1", text)))
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
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    return problems + [f"{example.name} and {file.name} differ in {name}" for name in sorted(named ^ used)]


def object_problems(where: str, one: dict[str, Any]) -> list[str]:
    """What the schema of its kind refuses in a Kubernetes object."""
    try:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(map(str, error.path))
        return [f"{where}: {one.get('kind')} {one.get('metadata', {}).get('name')}: {place}: {error.message}"]
    except (kubernetes_validate.InvalidSchemaError, kubernetes_validate.SchemaNotFoundError) as error:
        return [f"{where}: {error}"]
    return []


def objects_of_values(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Pods with the fragments that Dagster's chart puts into pods of its own."""
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    run = launcher["runK8sConfig"]
    pods = [_pod("run", {"image": "run", "resources": launcher["resources"], **run["containerConfig"]},
                 run["podSpecConfig"])]
    for one in values["dagster-user-deployments"]["deployments"]:
        container = {"image": one["image"]["repository"], "args": one["dagsterApiGrpcArgs"],
                     "ports": [{"containerPort": one["port"]}], "resources": one["resources"],
                     "volumeMounts": one["volumeMounts"], "securityContext": one["securityContext"],
                     "envFrom": [{"configMapRef": source} for source in one["envConfigMaps"]]
                     + [{"secretRef": source} for source in one["envSecrets"]]}
        pods.append(_pod(one["name"], container,
                         {"volumes": one["volumes"], "securityContext": one["podSecurityContext"]}))
    return pods


def name_problems(objects: list[dict[str, Any]]) -> list[str]:
    """Config maps, secrets and claims that pods name and no manifest defines."""
    defined = {(one["kind"], one["metadata"]["name"]) for one in objects}
    values = yaml.safe_load((FOLDER / "kubernetes" / "dagster-values.yaml").read_text())
    kinds = {"configMapRef": "ConfigMap", "secretRef": "Secret", "configMap": "ConfigMap"}
    wanted = {("Secret", values["global"]["postgresqlSecretName"])}
    for one in [*objects, *objects_of_values(values)]:
        for key, value in _pairs(one):
            if key in kinds and isinstance(value, dict) and "name" in value:
                wanted.add((kinds[key], value["name"]))
            elif key == "persistentVolumeClaim":
                wanted.add(("PersistentVolumeClaim", value["claimName"]))
    return [f"{kind} {name} is named but no manifest has it" for kind, name in sorted(wanted - defined)]


def _pod(name: str, container: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {**spec, "containers": [{"name": name, **container}]}}


def _pairs(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [*value.items(), *(pair for inner in value.values() for pair in _pairs(inner))]
    return [pair for inner in value for pair in _pairs(inner)] if isinstance(value, list) else []


if __name__ == "__main__":
    sys.exit(main())
