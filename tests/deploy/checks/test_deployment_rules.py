"""The files that deploy the product, held to rules beyond their schemas; and that the rules notice what breaks them."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from deploy.checks import helm
from deploy.checks.deployment_rules import (
    compose_rules,
    confinement_rules,
    manifest_rules,
    name_problems,
    scaling_rules,
    unpinned,
    values_rules,
)
from deploy.settings import PROJECT

COMPOSE = (PROJECT / "deploy" / "compose.yaml").read_text()
VALUES = PROJECT / "deploy" / "kubernetes" / "dagster-values.yaml"
SECRETS: list[dict[str, Any]] = list(yaml.safe_load_all((VALUES.parent / "secrets.example.yaml").read_text()))
OBJECTS: list[dict[str, Any]] = [one for file in sorted(VALUES.parent.glob("*.yaml"))
                                 if file not in (VALUES, VALUES.parent / "secrets.example.yaml")
                                 for one in yaml.safe_load_all(file.read_text())]
needs_helm = pytest.mark.skipif(helm.helm() is None, reason="Helm is not installed (make lint-deploy installs it)")


def pod_of(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [one for one in objects if one["kind"] in ("Deployment", "Job") and one["metadata"]["name"] == name]
    return found["spec"]["template"]["spec"]


def of_chart(*settings: str) -> list[dict[str, Any]]:
    return [one for text in helm.rendered(*settings).values() for one in yaml.safe_load_all(text) if one]


def test_the_files_keep_the_rules() -> None:
    assert compose_rules(COMPOSE) + manifest_rules(OBJECTS) + confinement_rules(OBJECTS) + scaling_rules(OBJECTS) == []
    assert name_problems(OBJECTS, SECRETS) == []


@needs_helm
@pytest.mark.slow
@pytest.mark.parametrize("variant", sorted(helm.VARIANTS.keys() - {"little"}))
def test_what_can_be_made_of_the_chart_keeps_the_rules(variant: str) -> None:
    objects = of_chart(*helm.VARIANTS[variant])
    assert manifest_rules(objects) + confinement_rules(objects) + scaling_rules(objects) == []
    assert name_problems(objects, SECRETS) == []


def test_runs_of_dagsters_own_chart_are_tried_again_and_ended_as_those_of_make_run_are() -> None:
    daemon = yaml.safe_load(VALUES.read_text())["dagsterDaemon"]
    ours = yaml.safe_load((PROJECT / "deploy" / "dagster.yaml").read_text().replace("$", ""))

    assert daemon["runRetries"] == {"enabled": True, "maxRetries": ours["run_retries"]["max_retries"],
                                    "retryOnAssetOrOpFailure": ours["run_retries"]["retry_on_asset_or_op_failure"]}
    assert daemon["runMonitoring"]["maxRuntimeSeconds"] == ours["run_monitoring"]["max_runtime_seconds"]


@needs_helm
@pytest.mark.slow
def test_the_chart_lets_dagsters_own_chart_in_where_that_makes_the_runs() -> None:
    values, objects = yaml.safe_load(VALUES.read_text()), of_chart("runs.by=pods")

    assert values_rules(values, objects) == []
    without = [one for one in objects if one["kind"] != "NetworkPolicy"]
    assert {"dagster-webserver has no network policy: every pod reaches it",
            "no network policy says who may reach port 4000 of demand-assets"} <= set(values_rules(values, without))


@pytest.mark.parametrize(("old", "new", "words"), [
    ('"/etc/demand/redis.conf"]', '"--requirepass", "${REDIS_PASSWORD:?}"]', "redis has a secret in its command"),
    ("    <<: [*settings, *s3-secrets, *web-secrets]\n", "    <<: [*settings, *web-secrets, *web-owner-secrets]\n",
     "web is given WEB_DATABASE_OWNER_URL"),
    ("      <<: [*settings, *s3-secrets, *mlflow-secrets]\n", "      <<: [*settings, *dagster-secrets]\n",
     "mlflow is given DAGSTER_DATABASE_URL"),
    ("  MLFLOW_URL: http", "  SOME_URL: x${WEB_MAIL_PASSWORD}\n  MLFLOW_URL: http", "web-sync is given SOME_URL"),
    ('["127.0.0.1:${DAGSTER_PORT', '["${DAGSTER_PORT', "dagster-web publishes"),
    ('["127.0.0.1:${PROMETHEUS_PORT', '["${PROMETHEUS_PORT', "prometheus publishes"),
    ("      PROMETHEUS_MULTIPROC_DIR: ${METRICS_TOKEN:+/run/counted/web-sync}\n", "      X: ${METRICS_TOKEN:-}\n",
     "web-sync is given X"),
    ("    secrets: [metrics-token]\n", "    secrets: [metrics-token, web-key]\n", "is given the secret web-key"),
    ("      GF_USERS_ALLOW_SIGN_UP: ", "      METRICS_TOKEN: ${METRICS_TOKEN:-}\n      GF_USERS_ALLOW_SIGN_UP: ",
     "grafana is given METRICS_TOKEN"),
    ("    healthcheck:\n      test: [\"CMD\", \"python\", \"-m\", \"deploy.health\", \"daemon\"]\n", "    probe:\n",
     "daemon goes on for ever and nothing probes it"),
])
def test_a_compose_file_that_breaks_a_rule_is_told(old: str, new: str, words: str) -> None:
    assert old in COMPOSE
    told = compose_rules(COMPOSE.replace(old, new))
    assert any(words in one for one in told)


@pytest.mark.parametrize(("pod", "change", "words"), [
    ("demand-web", lambda pod: pod["containers"][1].pop("livenessProbe"), "container web-sync has no livenessProbe"),
    ("demand-mlflow", lambda pod: pod["containers"][0].pop("readinessProbe"), "container mlflow has no readinessProbe"),
    ("demand-worker", lambda pod: pod["containers"][0].pop("startupProbe"), "container worker has no startupProbe"),
    ("demand-worker",
     lambda pod: pod["containers"][0]["envFrom"].append({"secretRef": {"name": "demand-web-database"}}),
     "container worker is given the secret demand-web-database"),
    ("demand-web", lambda pod: pod["containers"][1]["envFrom"].append({"secretRef": {"name": "demand-web"}}),
     "container web-sync is given the secret demand-web"),
    ("demand-web", lambda pod: pod["containers"][0]["env"].append(
        {"name": "X", "valueFrom": {"secretKeyRef": {"name": "demand-web-owner", "key": "x"}}}),
     "container web is given the secret demand-web-owner"),
    ("demand-web", lambda pod: pod["containers"][1].update(ports=[{"containerPort": 9000}]),
     "who may reach port 9000 of web-sync"),
    ("demand-mlflow", lambda pod: pod["containers"][0]["ports"][0].update(name="other", containerPort=5001),
     "who may reach port 5001 of mlflow"),
])
def test_manifests_that_break_a_rule_are_told(pod: str, change: Callable[[dict[str, Any]], object], words: str) -> None:
    changed = copy.deepcopy(OBJECTS)
    change(pod_of(changed, pod))
    assert any(words in one for one in manifest_rules(changed))


@pytest.mark.parametrize(("pod", "change", "words"), [
    ("demand-code", lambda pod: pod.pop("securityContext"), "demand-code may run as root"),
    ("demand-web", lambda pod: pod.pop("automountServiceAccountToken"), "demand-web is given a token"),
    ("demand-web", lambda pod: pod["initContainers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
     "container migrate may write to its root file system"),
    ("demand-daemon", lambda pod: pod["containers"][0]["securityContext"].update(allowPrivilegeEscalation=True),
     "container daemon may gain privileges"),
    ("demand-worker", lambda pod: pod["containers"][0]["securityContext"].update(capabilities={"drop": ["NET_RAW"]}),
     "container worker keeps capabilities"),
    ("demand-mlflow", lambda pod: pod["containers"][0]["resources"].pop("limits"),
     "container mlflow asks for no memory"),
])
def test_a_pod_that_may_do_more_than_it_needs_is_told(
        pod: str, change: Callable[[dict[str, Any]], object], words: str) -> None:
    changed = copy.deepcopy(OBJECTS)
    change(pod_of(changed, pod))
    assert any(words in one for one in confinement_rules(changed))


@needs_helm
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "change", "words"), [
    ("HorizontalPodAutoscaler", lambda one: one["spec"]["scaleTargetRef"].update(name="demand-workers"),
     "scales demand-workers, which is not there"),
    ("Deployment", lambda one: one["spec"].update(replicas=3), "has a number of pods"),
    ("Deployment", lambda one: one["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"].pop("cpu"),
     "compares with what a container does not request"),
    ("PodDisruptionBudget", lambda one: one["spec"].update(maxUnavailable=0), "lets no pod go"),
    ("PodDisruptionBudget", lambda one: one["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/name": "x"}),
     "is for no pods"),
])
def test_what_scales_nothing_or_holds_a_node_for_ever_is_told(
        kind: str, change: Callable[[dict[str, Any]], object], words: str) -> None:
    objects = of_chart("worker.autoscaling.enabled=true")
    (one,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == "demand-worker"]
    change(one)

    assert any(words in told for told in scaling_rules(objects))


def test_names_that_nothing_has_are_told() -> None:
    changed = copy.deepcopy(OBJECTS)
    container = pod_of(changed, "demand-worker")["containers"][0]
    container["envFrom"].append({"secretRef": {"name": "demand-dagsters"}})
    container["env"].append({"name": "X", "valueFrom": {"secretKeyRef": {"name": "demand-web", "key": "WEB_SECRET"}}})
    pod_of(changed, "demand-web")["volumes"].append({"name": "x", "persistentVolumeClaim": {"claimName": "demand-x"}})
    (ingress,) = [one for one in changed if one["kind"] == "Ingress"]
    ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "demand-webs"

    assert set(name_problems(changed, SECRETS)) == {
        "Secret demand-dagsters is named but no manifest has it", "secret demand-web has no key WEB_SECRET",
        "PersistentVolumeClaim demand-x is named but no manifest has it",
        "Service demand-webs is named but no manifest has it"}


def test_no_policy_is_told() -> None:
    without = [one for one in OBJECTS if one["kind"] != "NetworkPolicy"]

    assert "demand-worker has no network policy: every pod reaches it" in manifest_rules(without)


def test_images_without_a_digest_are_told() -> None:
    digest = "@sha256:" + "0" * 64
    compose = "services: {a: {image: 'x/a:1'}, b: {image: '${B:-x/b:1" + digest + "}'}, c: {image: 'ours:1', build: .}}"

    assert unpinned(f"ARG PYTHON_IMAGE=x/python:3.11{digest}\n", compose, [{"image": "x/d"}]) == ["x/a:1", "x/d"]


def test_images_take_named_folders_only() -> None:
    text = (PROJECT / "Dockerfile").read_text()
    lines = re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
    taken = {source for line in lines for source in line.split()[:-1]}

    assert taken <= {"demand_assets/", "webapp/", "datasets/", "deploy/", "webapp/package.json",
                     "webapp/package-lock.json", "webapp/vendored_files.py", *(
                         f"requirements/{name}" for name in ("uv.txt", "install.sh", "base.txt", "assets.txt"))}
