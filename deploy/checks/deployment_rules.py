"""What is wanted of the Compose file and the manifests beyond their schemas.

Who has which secret, who is reached by whom, how each process is probed, and which images can change unnoticed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

RUNNING = frozenset({"code", "daemon", "dagster-web", "worker", "first-training"})
OPENING_DAGSTER = RUNNING | {"metrics"}
WITH_FILES = RUNNING | {"stores", "mlflow", "web", "web-sync"}
SECRETS_OF_SERVICES: Mapping[str, frozenset[str]] = {
    "POSTGRES_PASSWORD": frozenset({"postgres"}), "MINIO_ROOT_PASSWORD": frozenset({"s3"}),
    "MINIO_ROOT_USER": frozenset({"s3"}), "REDISCLI_AUTH": frozenset({"redis"}),
    "POSTGRES_ADMIN_URL": frozenset({"stores"}), "DAGSTER_DATABASE_URL": OPENING_DAGSTER | {"stores"},
    "CELERY_BROKER_URL": OPENING_DAGSTER, "MLFLOW_DATABASE_URL": frozenset({"stores", "mlflow"}),
    "WEB_DATABASE_URL": frozenset({"stores", "web-migrate", "web", "web-sync", "metrics"}),
    "WEB_DATABASE_OWNER_URL": frozenset({"stores", "web-migrate"}), "AWS_ACCESS_KEY_ID": WITH_FILES,
    "AWS_SECRET_ACCESS_KEY": WITH_FILES, "WEB_SECRET_KEY": frozenset({"web"}),
    "WEB_MAIL_PASSWORD": frozenset({"web", "web-sync"}),
    "WEB_OIDC_CLIENT_SECRET": frozenset({"web"}), "WEB_RATE_LIMIT_STORAGE_URL": frozenset({"web"}),
    "METRICS_TOKEN": frozenset({"web", "metrics"}), "GF_SECURITY_ADMIN_PASSWORD": frozenset({"grafana"}),
}
"""Variable -> the services of the Compose file that need it."""
SECRETS_AS_FILES: Mapping[str, frozenset[str]] = {"metrics-token": frozenset({"prometheus"})}
"""Secret of the Compose file -> the services that need it as a file."""
SECRETS_OF_CONTAINERS: Mapping[str, frozenset[str]] = {
    "stores": frozenset({"demand-database-admin", "demand-object-store", "demand-mlflow-database",
                         "demand-web-database", "demand-web-owner", "demand-dagster"}),
    **{name: frozenset({"demand-object-store", "demand-dagster"}) for name in RUNNING},
    "migrate-dagster": frozenset({"demand-dagster"}), "migrate-mlflow": frozenset({"demand-mlflow-database"}),
    "metrics": frozenset({"demand-dagster", "demand-web-database", "demand-metrics"}),
    **{name: frozenset({"demand-dev-stores"}) for name in ("postgres", "redis", "s3")},
    "mlflow": frozenset({"demand-object-store", "demand-mlflow-database"}),
    "migrate": frozenset({"demand-web-database", "demand-web-owner"}),
    "web": frozenset({"demand-object-store", "demand-web-database", "demand-web", "demand-mail", "demand-metrics"}),
    "web-sync": frozenset({"demand-object-store", "demand-web-database", "demand-mail"}),
}
"""Container of the manifests -> the secrets that it needs."""
_SECRET = re.compile(r"\$\{\w*(PASSWORD|SECRET|TOKEN|S3_USER|STORAGE_URL)\w*(?!\w|:\+)")
"""But for whether it is set."""
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def compose_rules(text: str) -> list[str]:
    """What is wrong with a Compose file, a line each."""
    described = yaml.safe_load(text)
    problems = []
    for name, service in described["services"].items():
        for variable, value in service.get("environment", {}).items():
            is_secret = variable in SECRETS_OF_SERVICES or _SECRET.search(str(value))
            if is_secret and name not in SECRETS_OF_SERVICES.get(variable, frozenset()):
                problems.append(f"{name} is given {variable}, which it does not need")
        problems += [f"{name} has a secret in its {part}, which everybody on the host can read"
                     for part in ("command", "entrypoint", "healthcheck", "labels")
                     if _SECRET.search(str(service.get(part, "")))]
        problems += [f"{name} is given the secret {secret}, which it does not need"
                     for secret in service.get("secrets", []) if name not in SECRETS_AS_FILES.get(secret, frozenset())]
        ends = service.get("restart") in ("no", "on-failure")
        if not ends and "test" not in service.get("healthcheck", {}):
            problems.append(f"{name} goes on for ever and nothing probes it")
        problems += [f"{name} publishes {port} beyond this host; it has no sign-in"
                     for port in service.get("ports", []) if name != "web" and not str(port).startswith("127.0.0.1:")]
    return problems


def manifest_rules(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the manifests, a line each."""
    objects = list(objects)
    problems = []
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    for one in objects:
        if one["kind"] not in ("Deployment", "Job", "StatefulSet", "DaemonSet"):
            continue
        template = one["spec"]["template"]
        labels = template["metadata"]["labels"]
        for container in [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]:
            wanted = SECRETS_OF_CONTAINERS.get(container["name"], frozenset())
            problems += [f"container {container['name']} is given the secret {name}, which it does not need"
                         for name in _secrets_of(container) if name not in wanted]
        if not any(_selects(policy, labels) for policy in policies):
            problems.append(f"{one['metadata']['name']} has no network policy: every pod reaches it")
        for container in template["spec"]["containers"]:
            ports = container.get("ports", [])
            if one["kind"] != "Job":
                # Without a port nobody is sent there: ready is what has started.
                problems += [f"container {container['name']} has no {probe}" for probe in
                             ("startupProbe", "livenessProbe", *(("readinessProbe",) if ports else ()))
                             if probe not in container]
            problems += [f"no network policy says who may reach port {port['containerPort']} of {container['name']}"
                         for port in ports if not any(_names(policy, labels, port) for policy in policies)]
    return problems


def confinement_rules(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a pod could do that it need not, a line each: as root, on the root file system, with the cluster's API."""
    problems = []
    for one, pod in _pods(objects):
        whole, name = pod.get("securityContext", {}), one["metadata"]["name"]
        if not whole.get("runAsNonRoot"):
            problems.append(f"{name} may run as root")
        if pod.get("automountServiceAccountToken", True):
            problems.append(f"{name} is given a token of the cluster's API")
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            own = container.get("securityContext", {})
            problems += [f"container {container['name']} {what}" for what, is_so in (
                ("may write to its root file system", not own.get("readOnlyRootFilesystem")),
                ("may gain privileges", own.get("allowPrivilegeEscalation", True)),
                ("keeps capabilities", own.get("capabilities", {}).get("drop") != ["ALL"]),
                ("asks for no memory, or may take all",
                 not {"requests", "limits"} <= container.get("resources", {}).keys()),
            ) if is_so]
    return problems


def scaling_rules(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Autoscalers and budgets that nothing stands behind, or that hold a node for ever, a line each."""
    objects = list(objects)
    deployments = {one["metadata"]["name"]: one for one in objects if one["kind"] == "Deployment"}
    problems = []
    for one in objects:
        name = one["metadata"]["name"]
        if one["kind"] == "HorizontalPodAutoscaler":
            scaled = one["spec"]["scaleTargetRef"]["name"]
            looks_at = [metric["resource"]["name"] for metric in one["spec"]["metrics"] if metric["type"] == "Resource"]
            if scaled not in deployments:
                problems.append(f"the autoscaler {name} scales {scaled}, which is not there")
            elif "replicas" in deployments[scaled]["spec"]:
                problems.append(f"{scaled} has a number of pods, to which each upgrade sets it back, and an autoscaler")
            elif any(resource not in container["resources"].get("requests", {}) for resource in looks_at
                     for container in deployments[scaled]["spec"]["template"]["spec"]["containers"]):
                problems.append(f"the autoscaler {name} compares with what a container does not request")
        elif one["kind"] == "PodDisruptionBudget":
            labels = [each["spec"]["template"]["metadata"]["labels"] for each in deployments.values()]
            wanted = one["spec"]["selector"]["matchLabels"]
            if not any(wanted.items() <= each.items() for each in labels):
                problems.append(f"the budget {name} is for no pods")
            if one["spec"].get("maxUnavailable") == 0:
                problems.append(f"the budget {name} lets no pod go: no node that has one can be emptied")
    return problems


def name_problems(objects: Iterable[Mapping[str, Any]], secrets: Iterable[Mapping[str, Any]]) -> list[str]:
    """Config maps, secrets, claims and services that objects name and nothing defines, a line each.

    Args:
        secrets: those that people make; each with its keys.
    """
    objects, secrets = list(objects), list(secrets)
    defined = {(one["kind"], one["metadata"]["name"]) for one in [*objects, *secrets]}
    keys = {one["metadata"]["name"]: one.get("stringData", {}).keys() for one in secrets}
    kinds = {"configMapRef": "ConfigMap", "secretRef": "Secret", "configMap": "ConfigMap", "secretKeyRef": "Secret",
             "credentials": "Secret"}
    wanted, problems = set(), []
    for key, value in (pair for one in objects for pair in _pairs(one)):
        if key in kinds and isinstance(value, dict) and "name" in value:
            wanted.add((kinds[key], value["name"]))
            if kinds[key] == "Secret" and "key" in value and value["key"] not in keys.get(value["name"], ()):
                problems.append(f"secret {value['name']} has no key {value['key']}")
        elif key == "persistentVolumeClaim":
            wanted.add(("PersistentVolumeClaim", value["claimName"]))
        elif key == "service" and isinstance(value, dict) and "port" in value:
            wanted.add(("Service", value["name"]))
    return problems + [f"{kind} {name} is named but no manifest has it" for kind, name in sorted(wanted - defined)]


def values_rules(values: Mapping[str, Any], objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the values of Dagster's chart, a line each."""
    problems = [f"the values give {part} no livenessProbe" for part in ("dagsterWebserver", "dagsterDaemon")
                if "livenessProbe" not in values.get(part, {})]
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    for one in values["dagster-user-deployments"]["deployments"]:
        if "livenessProbe" not in one:
            problems.append(f"the values give {one['name']} no livenessProbe")
        problems += [f"{one['name']} is given the secret {secret['name']}, which it does not need"
                     for secret in one.get("envSecrets", []) if secret["name"] != "demand-object-store"]
        labels = {"component": "user-deployments", **one["labels"]}
        if not any(_names(policy, labels, {"containerPort": one["port"]}) for policy in policies):
            problems.append(f"no network policy says who may reach port {one['port']} of {one['name']}")
    for component in ("dagster-webserver", "dagster-daemon"):
        labels = {"app.kubernetes.io/name": "dagster", "component": component}
        if not any(_selects(policy, labels) for policy in policies):
            problems.append(f"{component} has no network policy: every pod reaches it")
    return problems


def unpinned(dockerfile: str, compose: str, objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Images that are named by a tag, which can be moved to another image, and not by their digest."""
    images = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", dockerfile, re.MULTILINE)
    for service in yaml.safe_load(compose)["services"].values():
        if "build" not in service:  # ours are built here
            images.append(re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", service["image"]))
    images += [value for one in objects for key, value in _pairs(one) if key == "image" and isinstance(value, str)]
    return sorted({image for image in images if not _DIGEST.search(image)})


def _pods(objects: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each object that makes pods, and what it makes them of."""
    return ((one, one["spec"]["template"]["spec"]) for one in objects
            if one["kind"] in ("Deployment", "Job", "StatefulSet", "DaemonSet"))


def _secrets_of(container: Mapping[str, Any]) -> list[str]:
    return [value["name"] for key, value in _pairs(container)
            if key in ("secretRef", "secretKeyRef") and isinstance(value, dict)]


def _selects(policy: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = policy["spec"]["podSelector"].get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items())


def _names(policy: Mapping[str, Any], labels: Mapping[str, str], port: Mapping[str, Any]) -> bool:
    known = {port["containerPort"], port.get("name")} - {None}
    return _selects(policy, labels) and any(each["port"] in known for rule in policy["spec"].get("ingress", [])
                                            for each in rule.get("ports", []))


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)
