"""How servers are asked, and what is said where they cannot be."""

import pytest

from deploy.observability import process_health
from deploy.observability.exporter import Exporter
from deploy.observability.process_health import Checks, Health, checks
from deploy.settings import RunSettings


def broken() -> bool:
    raise OSError("the disk is gone")


@pytest.mark.parametrize("each", [Checks.one(broken), Checks(broken, lambda: True), Checks(lambda: True, broken)])
def test_a_check_that_breaks_says_no_and_why_in_the_log(each: Checks, caplog: pytest.LogCaptureFixture) -> None:
    assert each.made() == Health(is_live=False, is_ready=False)
    assert "OSError: the disk is gone" in caplog.text


@pytest.mark.parametrize(("host", "asked"), [
    ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("192.0.2.7", "192.0.2.7"), ("::", "[::1]"),
    ("2001:db8::7", "[2001:db8::7]")])
def test_the_web_app_is_asked_where_it_listens(host: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    urls: list[str] = []
    monkeypatch.setattr(process_health, "answers_http", lambda url: bool(urls.append(url)) or True)

    checks(RunSettings(web_host=host, web_port=8000), ["web"], lambda: True, lambda _: True)["web"].made()

    assert urls == [f"http://{asked}:8000/health/live", f"http://{asked}:8000/health/ready"]


def test_celerys_workers_are_not_waited_for_as_long_as_where_only_they_are_asked(
        monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(process_health, "worker_lives", lambda seconds=10.0: bool(waits.append(seconds)))

    checks(RunSettings(), ["worker"], lambda: True, lambda _: True)["worker"].made()

    assert waits == [process_health.WORKER_SECONDS]


def test_metrics_do_not_wait_for_who_asks_for_health() -> None:
    exporter = Exporter({}, {"web": Checks.one(lambda: not exporter._lock.locked())})

    assert exporter.health("web/live")[0] == 200
