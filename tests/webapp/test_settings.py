import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from webapp.settings import Settings

SECRET = "kq7-a-secret"


@pytest.mark.parametrize("given", [
    {"WEB_SECRET_KEY": SECRET},  # too short
    {"WEB_OIDC_CLIENT_SECRET": SECRET},  # not all three
    {"WEB_MAIL_PASSWORD": SECRET, "WEB_DATABASE_URL": f"postgresql://app:{SECRET}@db/app", "WEB_PORT": "none"},
    {"WEB_ADMIN_PASSWORD": SECRET, "WEB_PUBLIC_URL": f"ftp://ada:{SECRET}@example.com"},
])
def test_an_error_at_the_start_prints_no_secret(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError) as error:
        Settings()

    assert SECRET not in str(error.value)
    assert "kq7" not in repr(error.value)


def test_what_the_app_writes_is_its_owners_alone(tmp_path: Path) -> None:
    open_folder = tmp_path / "simulated" / "web"
    open_folder.mkdir(parents=True)
    open_folder.chmod(0o755)

    assert stat.S_IMODE(Settings(demand_state=tmp_path).folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(("host", "listens_on", "url"), [
    ("127.0.0.1", "127.0.0.1:8001", "http://127.0.0.1:8001"), ("0.0.0.0", "0.0.0.0:8001", "http://127.0.0.1:8001"),
    ("::1", "[::1]:8001", "http://[::1]:8001"), ("::", "[::]:8001", "http://127.0.0.1:8001")])
def test_an_address_of_ipv6_stands_in_brackets_before_the_port(host: str, listens_on: str, url: str) -> None:
    settings = Settings(web_host=host, web_port=8001)

    assert (settings.listens_on, settings.url) == (listens_on, url)
