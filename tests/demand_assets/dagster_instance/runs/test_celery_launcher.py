"""What workers and the launcher say to each other, through a real Redis."""

import json
import time

import dagster as dg
import pytest
import redis
import yaml
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from pydantic import ValidationError

from demand_assets.dagster_instance.instance import RESUMES, instance_settings, open_instance, prepare_home
from demand_assets.dagster_instance.runs.celery_launcher import (
    DagsterUserCodeUnreachableError,
    LaunchRunContext,
    ResumeRunContext,
    WarmWorkerLauncher,
    WorkerStatus,
    lost_starts,
)
from demand_assets.dagster_instance.runs.celery_queue import (
    QUEUE_TAG,
    SILENT_SECONDS,
    Heartbeats,
    is_empty,
    launcher_config,
)
from demand_assets.defs.jobs import promote
from demand_assets.settings import Settings
from deploy.state_directory.unfinished_runs import close_unfinished_runs

PREFIX = "launcher_"


@dg.op
def nothing() -> None: ...


@dg.job
def a_job() -> None:
    nothing()


@pytest.fixture
def settings(services, monkeypatch, tiny_dataset) -> Settings:
    services.add_databases(PREFIX)
    for name, value in services.environment(PREFIX).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUN_LAUNCHER", "celery")
    monkeypatch.setenv("WORKERS", "3")
    monkeypatch.setenv("DAGSTER_WORKERS", "watched")
    monkeypatch.setenv("DAGSTER_FAILURES", "reported")
    return Settings(dataset=tiny_dataset)


@pytest.fixture
def launcher(settings):
    with redis.Redis.from_url(settings.celery_broker_url) as broker:
        broker.flushdb()
        yield WarmWorkerLauncher(**launcher_config(settings))
        broker.flushdb()


@pytest.fixture
def instance(settings, tmp_path):
    prepare_home(tmp_path / "home", settings)
    with open_instance(tmp_path / "home") as instance:
        yield instance


def test_launcher_and_workers_have_one_configuration(settings, tmp_path):
    written = yaml.safe_load(instance_settings(tmp_path, settings))

    assert written["run_launcher"]["class"] == "WarmWorkerLauncher"
    by_name = {name: {"env": "CELERY_BROKER_URL"} for name in ("broker", "backend")}
    assert written["run_launcher"]["config"] == launcher_config(settings) | by_name
    assert written["run_launcher"]["config"]["default_queue"].startswith("demand.tiny.")
    assert written["concurrency"]["runs"]["max_concurrent_runs"] == 6


def test_celery_without_a_broker_is_refused(monkeypatch):
    monkeypatch.setenv("RUN_LAUNCHER", "celery")
    monkeypatch.setenv("CELERY_BROKER_URL", "")

    with pytest.raises(ValidationError, match="RUN_LAUNCHER=celery needs CELERY_BROKER_URL"):
        Settings()


def test_without_a_worker_the_launcher_says_how_to_start_one(launcher):
    assert launcher.problem().endswith("No worker is alive at all. Start one: make worker.")


def test_a_worker_of_another_version_is_named(launcher):
    launcher.heartbeats.beat("worker-1@old", "demand.tiny.0000000000")

    assert "must be restarted: worker-1@old (demand.tiny.0000000000)" in launcher.problem()


def test_a_worker_of_this_version_is_no_problem(launcher):
    launcher.heartbeats.beat("worker-1@old", "demand.tiny.0000000000")
    launcher.heartbeats.beat("worker-2@new", launcher.default_queue)

    assert launcher.problem() == ""


def test_a_worker_that_ended_is_not_alive(launcher, settings):
    heartbeats = Heartbeats(settings.celery_broker_url)
    heartbeats.beat("worker-1@here", launcher.default_queue)
    assert launcher.heartbeats.alive() == {"worker-1@here": launcher.default_queue}

    heartbeats.end("worker-1@here")

    assert launcher.heartbeats.alive() == {}


@pytest.mark.parametrize(("state", "said", "status"), [
    ("STARTED", {"hostname": "worker-1@here"}, WorkerStatus.RUNNING),
    ("STARTED", {"hostname": "worker-2@lost"}, WorkerStatus.NOT_FOUND),
    ("SUCCESS", 0, WorkerStatus.FAILED),
    ("REVOKED", None, WorkerStatus.FAILED),
    ("PENDING", None, WorkerStatus.NOT_FOUND),
])
def test_a_run_is_as_well_as_its_worker(launcher, state, said, status):
    launcher.heartbeats.beat("worker-1@here", launcher.default_queue)
    launcher.celery.backend.store_result("task", said, state)
    with dg.DagsterInstance.ephemeral() as ephemeral:
        run = ephemeral.create_run_for_job(a_job, tags={DAGSTER_CELERY_TASK_ID_TAG: "task"})

        assert launcher.check_run_worker_health(run).status is status


@pytest.fixture
def starting(launcher, instance):
    """Runs that count as starting, by how they stand with Celery."""
    launcher.heartbeats.beat("worker-1@here", launcher.default_queue)
    backend = launcher.celery.backend
    backend.store_result("taken-here", {"hostname": "worker-1@here"}, "STARTED")
    backend.store_result("taken-there", {"hostname": "worker-2@lost"}, "STARTED")
    launcher.celery.send_task("nobody's", task_id="waiting", queue=launcher.default_queue)
    launcher.celery.send_task("nobody's", task_id="urgent", queue=launcher.default_queue, priority=3)
    tasks = ["vanished", "taken-here", "taken-there", "waiting"]
    for task in tasks:  # in the order in which they were sent
        launcher.deliveries.sent(launcher.default_queue, "0", task)
    launcher.deliveries.sent(launcher.default_queue, "3", "urgent")
    launcher.deliveries.taken("taken-here", "worker-1@here")
    launcher.deliveries.taken("taken-there", "worker-2@lost")
    tasks.append("urgent")
    return {task: instance.create_run_for_job(a_job, status=dg.DagsterRunStatus.STARTING,
                                              tags={DAGSTER_CELERY_TASK_ID_TAG: task}) for task in tasks}


def test_a_run_that_its_worker_lost_before_it_began_and_that_no_queue_had_is_reported_failed(starting, instance):
    first = lost_starts(dg.build_sensor_context(instance=instance))
    assert set(json.loads(first.cursor)) == {starting["taken-there"].run_id, starting["vanished"].run_id}
    assert not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))

    long_ago = {run_id: since - SILENT_SECONDS for run_id, since in json.loads(first.cursor).items()}
    lost_starts(dg.build_sensor_context(instance=instance, cursor=json.dumps(long_ago)))

    status = {task: instance.get_run_by_id(run.run_id).status for task, run in starting.items()}
    assert {task for task, one in status.items() if one is dg.DagsterRunStatus.FAILURE} == {"taken-there", "vanished"}


def test_a_run_that_looks_lost_since_before_the_clock_was_put_back_looks_so_since_now(starting, instance):
    run_id, ahead = starting["vanished"].run_id, time.time() + 86_400

    told = lost_starts(dg.build_sensor_context(instance=instance, cursor=json.dumps({run_id: ahead})))

    assert json.loads(told.cursor)[run_id] <= time.time()


def test_a_run_that_is_the_only_one_sent_is_lost_when_the_queue_is_empty(launcher, instance):
    launcher.register_instance(instance)
    launcher.deliveries.sent(launcher.default_queue, "0", "alone")
    run = instance.create_run_for_job(a_job, status=dg.DagsterRunStatus.STARTING,
                                      tags={DAGSTER_CELERY_TASK_ID_TAG: "alone"})
    launcher.celery.send_task("nobody's", task_id="alone", queue=launcher.default_queue)
    assert launcher.lost_start(run) == ""

    with launcher.celery.connection_for_write() as connection:
        connection.default_channel.queue_purge(launcher.default_queue)

    assert launcher.lost_start(run) == "it was taken from the queue, and no worker has it (Celery: PENDING, None)"


@pytest.mark.parametrize("priority", [0, 3])
def test_whatever_its_priority_a_task_that_waits_is_seen(launcher, priority):
    assert is_empty(launcher.celery, launcher.default_queue)

    launcher.celery.send_task("nobody's", task_id="waiting", queue=launcher.default_queue, priority=priority)

    assert not is_empty(launcher.celery, launcher.default_queue)


def test_a_task_taken_with_another_priority_says_nothing_of_those_that_wait(launcher):
    for priority, task in (("0", "patient"), ("0", "later"), ("9", "urgent")):
        launcher.deliveries.sent("a queue", priority, task)

    launcher.deliveries.taken("urgent", "worker-1@here")
    assert not launcher.deliveries.is_overtaken("a queue", "0", "patient")
    launcher.deliveries.taken("later", "worker-1@here")

    assert launcher.deliveries.is_overtaken("a queue", "0", "patient")
    assert not launcher.deliveries.is_overtaken("a queue", "0", "later")
    assert not launcher.deliveries.is_overtaken("a queue", "0", "sent by an earlier version")


def test_a_run_is_put_in_the_queue_with_what_tells_where_it_is(launcher, instance):
    launcher.register_instance(instance)
    run = instance.create_run_for_job(promote, job_code_origin=dg.reconstructable(promote).get_python_origin())

    launcher.launch_run(LaunchRunContext(dagster_run=instance.get_run_by_id(run.run_id), workspace=None))

    sent = instance.get_run_by_id(run.run_id)
    task = sent.tags[DAGSTER_CELERY_TASK_ID_TAG]
    assert sent.tags[QUEUE_TAG] == launcher.default_queue
    assert launcher.lost_start(sent) == ""
    launcher.deliveries.sent(launcher.default_queue, "0", "the next")
    launcher.deliveries.taken("the next", "worker-1@here")
    assert launcher.deliveries.is_overtaken(launcher.default_queue, "0", task)


def test_a_run_whose_worker_is_gone_waits_for_another_and_is_lost_where_nobody_takes_it(launcher, instance):
    launcher.register_instance(instance)
    run = instance.create_run_for_job(promote, status=dg.DagsterRunStatus.STARTED,
                                      tags={DAGSTER_CELERY_TASK_ID_TAG: "the first"},
                                      job_code_origin=dg.reconstructable(promote).get_python_origin())

    launcher.resume_run(ResumeRunContext(dagster_run=run, workspace=None, resume_attempt_number=1))

    waiting = instance.get_run_by_id(run.run_id)
    assert waiting.tags[DAGSTER_CELERY_TASK_ID_TAG] != "the first"
    assert not is_empty(launcher.celery, launcher.default_queue)
    assert launcher.check_run_worker_health(waiting).status is WorkerStatus.RUNNING
    assert "dagster/max_retries" not in waiting.tags
    with launcher.celery.connection_for_write() as connection:
        connection.default_channel.queue_purge(launcher.default_queue)
    assert launcher.check_run_worker_health(waiting).status is WorkerStatus.NOT_FOUND

    launcher.resume_run(ResumeRunContext(dagster_run=waiting, workspace=None, resume_attempt_number=RESUMES))
    assert instance.get_run_by_id(run.run_id).tags["dagster/max_retries"] == "0"


def test_a_run_that_waits_for_a_worker_of_an_earlier_version_is_sent_to_those_of_this_one(launcher, instance):
    launcher.register_instance(instance)
    run = instance.create_run_for_job(a_job, status=dg.DagsterRunStatus.STARTED, tags={
        DAGSTER_CELERY_TASK_ID_TAG: "waits", QUEUE_TAG: "demand.tiny.0000000000"})

    health = launcher.check_run_worker_health(run)

    assert health.status is WorkerStatus.NOT_FOUND
    assert "queue demand.tiny.0000000000" in health.msg


def test_a_run_that_looked_lost_for_an_instant_is_left_alone(starting, launcher, instance):
    first = lost_starts(dg.build_sensor_context(instance=instance))
    launcher.heartbeats.beat("worker-2@lost", launcher.default_queue)
    launcher.celery.backend.store_result("vanished", {"hostname": "worker-1@here"}, "STARTED")

    second = lost_starts(dg.build_sensor_context(instance=instance, cursor=first.cursor))

    assert json.loads(second.cursor) == {}
    assert second.skip_reason.skip_message == "no run is lost"


def test_while_redis_is_down_a_run_goes_back_into_dagsters_queue(settings, monkeypatch, instance):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    launcher = WarmWorkerLauncher(**launcher_config(Settings(dataset=settings.dataset)))
    launcher.register_instance(instance)
    run = instance.create_run_for_job(a_job)

    with pytest.raises(DagsterUserCodeUnreachableError, match=r"Redis .* does not answer"):
        launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))

    assert instance.get_concurrency_config().run_queue_config.max_user_code_failure_retries == 1000


def test_a_restart_leaves_runs_to_their_workers(instance):
    queue = instance.run_launcher.default_queue
    runs = {name: instance.create_run_for_job(a_job, status=status, tags=tags) for name, status, tags in (
        ("going on", dg.DagsterRunStatus.STARTED, {QUEUE_TAG: "demand.tiny.0000000000"}),
        ("waiting", dg.DagsterRunStatus.STARTING, {QUEUE_TAG: queue}),
        ("waiting for nobody", dg.DagsterRunStatus.STARTING, {QUEUE_TAG: "demand.tiny.0000000000"}))}

    assert close_unfinished_runs(instance) == 1

    status = {name: instance.get_run_by_id(run.run_id).status for name, run in runs.items()}
    assert status == {"going on": dg.DagsterRunStatus.STARTED, "waiting": dg.DagsterRunStatus.STARTING,
                      "waiting for nobody": dg.DagsterRunStatus.FAILURE}
