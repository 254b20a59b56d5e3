"""The chart, as Helm itself renders it."""

import json
import re
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.checks import helm
from deploy.container import EXTRA, TOLD, commands
from deploy.documentation.settings_page import settings
from deploy.processes import Folders
from deploy.settings import PROJECT, RunSettings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    helm.helm() is None, reason="Helm is not installed (make lint-deploy installs it)")]
ALL = helm.VARIANTS["everything that can be asked for, web apart"]
OF_OTHERS = {"HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "MLFLOW_S3_ENDPOINT_URL",
             "MLFLOW_SERVER_ALLOWED_HOSTS", "POSTGRES_USER", "PGDATA", "POSTGRES_PASSWORD", "REDISCLI_AUTH",
             "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"}
"""Variables that are no settings of ours, but of what is started or stored with."""
PORTS = RunSettings(metrics_port=9464).ports


@cache
def made(*given: str, release: str) -> str:
    return "---\n".join(helm.rendered(*given, release=release).values())


def objects(*given: str, release: str = helm.RELEASE) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(made(*given, release=release)) if one]


def pods(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name of what makes them -> the pods."""
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in found
            if one["kind"] in ("Deployment", "Job", "StatefulSet")}


def containers(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for pod in pods(found).values() for each in [*pod.get("initContainers", []), *pod["containers"]]]


def test_the_plain_manifests_are_what_the_chart_makes() -> None:
    assert helm.out_of_date() == []


def test_a_manifest_that_was_changed_by_hand_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in helm.manifests().items():
        (tmp_path / name).write_text(text.replace("replicas: 2", "replicas: 3"))
    (tmp_path / "gone.yaml").write_text(helm.HEAD)
    (tmp_path / "secrets.example.yaml").write_text("of people")
    monkeypatch.setattr(helm, "MANIFESTS", tmp_path)

    assert [line.split()[0] for line in helm.out_of_date()] == [
        "deploy/kubernetes/gone.yaml", "deploy/kubernetes/workers.yaml"]
    assert helm.main() == 0
    assert helm.out_of_date() == []
    assert not (tmp_path / "gone.yaml").exists()
    assert (tmp_path / "secrets.example.yaml").read_text() == "of people"


def test_helm_finds_nothing_to_say_of_the_chart() -> None:
    told = helm.run("lint", "--strict", str(helm.CHART))

    assert "1 chart(s) linted, 0 chart(s) failed" in told
    assert "[WARNING]" not in told


def test_a_package_of_the_chart_has_the_alert_rules_and_dashboards(tmp_path: Path) -> None:
    helm.run("package", str(helm.CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("demand-*.tgz")
    with tarfile.open(package) as archive:
        rules = archive.extractfile("demand/files/alerts.yaml")
        assert rules is not None
        assert rules.read() == (PROJECT / "deploy" / "observability" / "alerts.yaml").read_bytes()
        names = archive.getnames()

    assert sum(name.endswith(".json") for name in names) == 1 + len(
        list((PROJECT / "deploy" / "observability" / "dashboards").glob("*.json")))


GIVEN = [
    ("worker.replica=3", "additional properties 'replica' not allowed"),
    ("web.storage.accessMode=ReadWriteSometimes", "value must be one of"),
    ("images.web.digest=latest", "does not match pattern"),
    ("settings.DEMAND_KEEP_RUNS_DAYS=1000000", "want boolean or string"),
    ("settings.demand_cores=x", "does not match pattern"),
    ("web.replicas=2", "more than one pod of web needs web.storage.accessMode ReadWriteMany"),
    ("web.autoscaling.enabled=true", "more than one pod of web needs web.storage.accessMode ReadWriteMany"),
    ("worker.autoscaling.enabled=true,worker.autoscaling.targetCPUUtilizationPercentage=0", "looks at nothing"),
    ("worker.autoscaling.enabled=true,worker.autoscaling.targetRuns=1", "set metrics.enabled"),
    ("runs.by=pods,firstTraining.enabled=true", "firstTraining needs runs.by workers"),
]


def test_the_commands_of_the_how_to_install_what_its_values_say(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "how-to" / "install-with-helm.md").read_text()
    values, commands = (re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
                        for language in ("yaml", "sh"))
    (tmp_path / "values.yaml").write_text(*values)
    (tmp_path / "shop.toml").write_text('title = "Shop"\n')
    said = [line.replace("values.yaml", str(tmp_path / "values.yaml")).replace(
        "shop.toml", str(tmp_path / "shop.toml")).replace("deploy/chart", str(helm.CHART)).split()[1:]
        for line in commands[0].splitlines()]
    lint, template, install = said
    # An installation renders the same, and asks the cluster besides.
    assert install[:2] == ["upgrade", "--install"]
    install = ["template", *(word for word in install[2:] if word != "--create-namespace")]

    assert "0 chart(s) failed" in helm.run(*lint)
    for told in (helm.run(*template), helm.run(*install)):
        found = [one for one in yaml.safe_load_all(told) if one]
        kinds = {(one["kind"], one["metadata"]["name"]) for one in found}
        assert {("HorizontalPodAutoscaler", "demand-worker"), ("Service", "demand-metrics")} <= kinds
        assert {each["image"].rpartition("@")[2][-4:] for each in containers(found)} == {"0001", "0002"}
        (dataset,) = [one for one in found if one["metadata"]["name"] == "demand-dataset"]
        assert dataset["data"]["dataset.toml"] == 'title = "Shop"\n'
        (told_settings,) = [one for one in found if one["metadata"]["name"] == "demand-settings"]
        assert "AWS_ENDPOINT_URL" not in told_settings["data"]


@pytest.mark.parametrize(("given", "words"), GIVEN)
def test_values_that_cannot_be_meant_are_refused_in_words(given: str, words: str) -> None:
    with pytest.raises(helm.ChartError, match=re.escape(words)):
        helm.rendered(given)


def test_every_process_of_the_product_has_a_pod() -> None:
    folders, told = Folders(Path("/srv")), RunSettings(listen_host="0.0.0.0", demand_start="exec", metrics_port=9464)
    asked = {each["command"][3] for each in containers(objects(*ALL)) if "deploy.container" in each.get("command", ())}

    assert asked == set(commands(told, folders))
    assert asked >= set(EXTRA)


def test_every_setting_that_is_named_is_one() -> None:
    found = objects(*ALL)
    maps = [one for one in found if one["kind"] == "ConfigMap" and one["metadata"]["name"].endswith("-settings")]
    secrets = yaml.safe_load_all((helm.MANIFESTS / "secrets.example.yaml").read_text())
    named = {name for one in maps for name in one["data"]} | {
        each["name"] for container in containers(found) for each in container["env"]} | {
        name for one in secrets for name in one["stringData"]} - {"postgresql-password"}

    assert named - settings().keys() - OF_OTHERS - set(TOLD) == set()
    assert {"WORKERS", "DEMAND_MAX_CONCURRENT_RUNS", "METRICS_COUNTED", "WEB_DATABASE_URL"} <= named


def test_ports_are_the_products_and_each_address_leads_to_a_service() -> None:
    found = objects(*ALL)
    open_ports = {each["name"]: [port["containerPort"] for port in each.get("ports", [])] for each in containers(found)}
    (told,) = [one["data"] for one in found if one["metadata"]["name"] == "demand-settings"]
    services = {(one["metadata"]["name"], port["port"]) for one in found if one["kind"] == "Service"
                for port in one["spec"]["ports"]}

    assert {"mlflow": [PORTS["MLFLOW_PORT"]], "code": [PORTS["CODE_PORT"]], "dagster-web": [PORTS["DAGSTER_PORT"]],
            "web": [PORTS["WEB_PORT"]], "metrics": [PORTS["METRICS_PORT"]], "web-sync": [], "daemon": [], "worker": [],
            }.items() <= open_ports.items()
    for url in (told["MLFLOW_URL"], told["DAGSTER_URL"], f"http://{told['CODE_HOST']}:{told['CODE_PORT']}"):
        host, port = url.removeprefix("http://").split(":")
        assert (host, int(port)) in services


def test_each_service_and_policy_finds_pods_and_ports_that_are_there() -> None:
    found = objects(*ALL)
    labelled = [(one["spec"]["template"]["metadata"]["labels"], [
        name for each in one["spec"]["template"]["spec"]["containers"] for port in each.get("ports", [])
        for name in (port["name"], port["containerPort"])]) for one in found
        if one["kind"] in ("Deployment", "Job", "StatefulSet")]

    def those(wanted: dict[str, str]) -> list[list[object]]:
        return [names for labels, names in labelled if wanted.items() <= labels.items()]

    for one in found:
        if one["kind"] == "Service":
            (names,) = those(one["spec"]["selector"])
            assert {port["targetPort"] for port in one["spec"]["ports"]} <= set(names)
        elif one["kind"] == "NetworkPolicy":
            reached = those(one["spec"]["podSelector"]["matchLabels"])
            assert reached, one["metadata"]["name"]
            for rule in one["spec"]["ingress"]:
                assert all({port["port"] for port in rule["ports"]} & set(names) for names in reached)
                for peer in rule.get("from", []):
                    assert peer == {"namespaceSelector": {}} or those(peer["podSelector"]["matchLabels"]), peer


def test_who_asks_mlflow_and_dagster_is_let_in() -> None:
    def let_in(name: str, *given: str) -> set[str]:
        (policy,) = [one for one in objects(*given)
                     if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", name)]
        return {peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"].removeprefix("demand-")
                for rule in policy["spec"]["ingress"] for peer in rule["from"]}

    assert let_in("demand-mlflow") == {"web", "code", "worker"}
    assert let_in("demand-mlflow", *ALL) == {"web-sync", "code", "worker", "first-training"}
    assert let_in("demand-dagster-webserver", *ALL) == {"web-sync", "first-training"}
    assert let_in("demand-code", *ALL) == {"dagster-web", "daemon"}


def test_names_follow_the_release() -> None:
    found = objects(*ALL, release="shop")
    secrets = {one["metadata"]["name"]
               for one in yaml.safe_load_all((helm.MANIFESTS / "secrets.example.yaml").read_text())}

    assert [one["metadata"]["name"] for one in found if not one["metadata"]["name"].startswith("shop-")] == []
    told = json.dumps([one["spec"] for one in found if one["kind"] in (
        "Deployment", "Job", "StatefulSet", "Service", "NetworkPolicy", "HorizontalPodAutoscaler")])
    assert set(re.findall(r"\bdemand-[a-z-]+", told)) - secrets <= {"demand-pipeline", "demand-web"}


def test_web_is_apart_where_the_volume_is_for_many_and_web_sync_is_one_in_both_forms() -> None:
    together, apart = objects(), objects("web.storage.accessMode=ReadWriteMany", "web.replicas=3")

    assert [each["name"] for each in pods(together)["demand-web"]["containers"]] == ["web", "web-sync"]
    assert [each["name"] for each in pods(apart)["demand-web"]["containers"]] == ["web"]
    assert "initContainers" not in pods(apart)["demand-web"]  # one migration, not three at a time
    for found, name in ((together, "demand-web"), (apart, "demand-web-sync")):
        (one,) = [one for one in found if one["kind"] == "Deployment" and one["metadata"]["name"] == name]
        assert (one["spec"]["replicas"], one["spec"]["strategy"]) == (1, {"type": "Recreate"})
        assert [each["name"] for each in pods(found)[name]["initContainers"]] == ["migrate"]


def test_dagster_takes_as_many_runs_as_there_may_be_workers_for() -> None:
    def most(*given: str) -> str:
        (daemon,) = pods(objects(*given))["demand-daemon"]["containers"]
        return str(next(each["value"] for each in daemon["env"] if each["name"] == "DEMAND_MAX_CONCURRENT_RUNS"))

    assert most("worker.replicas=3", "worker.runsAtOnce=2") == "6"
    assert most("worker.autoscaling.enabled=true", "worker.autoscaling.maxReplicas=9", "worker.runsAtOnce=2") == "18"


def test_an_image_by_digest_is_named_by_it() -> None:
    digest = "sha256:" + "a" * 64
    images = {each["image"] for each in containers(objects(f"images.web.digest={digest}"))}

    assert images == {"registry.example.com/demand-pipeline:1", f"registry.example.com/demand-web@{digest}"}


def test_what_the_operator_is_told_is_ours() -> None:
    found = {(one["kind"], one["metadata"]["name"]): one for one in objects(*ALL)}
    alerts = yaml.safe_load((PROJECT / "deploy" / "observability" / "alerts.yaml").read_text())

    assert found["PrometheusRule", "demand-metrics"]["spec"] == alerts
    for dashboard in (PROJECT / "deploy" / "observability" / "dashboards").glob("*.json"):
        told = found["ConfigMap", f"demand-dashboard-{dashboard.stem}"]["data"][dashboard.name]
        assert json.loads(told) == json.loads(dashboard.read_text())
    for name in ("demand-metrics", "demand-web"):
        (endpoint,) = found["ServiceMonitor", name]["spec"]["endpoints"]
        ports = [port["name"] for port in found["Service", name]["spec"]["ports"]]
        assert endpoint["port"] in ports
        assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "demand"}]


def test_the_oldest_kubernetes_is_the_one_that_the_schemas_are_of() -> None:
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text())
    code = (PROJECT / "deploy" / "checks" / "kubernetes_schemas.py").read_text()
    oldest = re.search(r'^OLDEST = "([\d.]+)"$', code, re.MULTILINE)

    assert oldest is not None
    assert chart["kubeVersion"] == f">={oldest[1]}.0-0"
