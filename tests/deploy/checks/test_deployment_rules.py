"""The files that deploy the product, held to rules beyond their schemas; and that the rules notice what breaks them."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from deploy.checks.deployment_rules import compose_rules, manifest_rules, unpinned, values_rules
from deploy.settings import PROJECT

COMPOSE = (PROJECT / "deploy" / "compose.yaml").read_text()
VALUES = PROJECT / "deploy" / "kubernetes" / "dagster-values.yaml"
OBJECTS: list[dict[str, Any]] = [one for file in sorted(VALUES.parent.glob("*.yaml")) if file != VALUES
                                 for one in yaml.safe_load_all(file.read_text())]


def pod_of(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [one for one in objects if one["kind"] in ("Deployment", "Job") and one["metadata"]["name"] == name]
    return found["spec"]["template"]["spec"]


def test_the_files_keep_the_rules() -> None:
    values = yaml.safe_load(VALUES.read_text())
    assert compose_rules(COMPOSE) + manifest_rules(OBJECTS) + values_rules(values, OBJECTS) == []


@pytest.mark.parametrize(("old", "new", "words"), [
    ('"/etc/demand/redis.conf"]', '"--requirepass", "${REDIS_PASSWORD:?}"]', "redis has a secret in its command"),
    ("    <<: [*settings, *s3-secrets, *web-secrets]\n", "    <<: [*settings, *web-secrets, *web-owner-secrets]\n",
     "web is given WEB_DATABASE_OWNER_URL"),
    ("      <<: [*settings, *s3-secrets, *mlflow-secrets]\n", "      <<: [*settings, *dagster-secrets]\n",
     "mlflow is given DAGSTER_DATABASE_URL"),
    ("  MLFLOW_URL: http", "  SOME_URL: x${WEB_MAIL_PASSWORD}\n  MLFLOW_URL: http", "web-sync is given SOME_URL"),
    ('["127.0.0.1:${DAGSTER_PORT', '["${DAGSTER_PORT', "dagster-web publishes"),
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


def test_no_policy_is_told() -> None:
    without = [one for one in OBJECTS if one["kind"] != "NetworkPolicy"]
    values = yaml.safe_load(VALUES.read_text())

    assert "demand-stores has no network policy: every pod reaches it" in manifest_rules(without)
    assert {"dagster-webserver has no network policy: every pod reaches it",
            "no network policy says who may reach port 4000 of demand-assets"} <= set(values_rules(values, without))


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
