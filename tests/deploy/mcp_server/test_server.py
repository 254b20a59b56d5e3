"""How the server starts: what it needs, and what it says where that is missing."""

import pytest
from pydantic import ValidationError

from deploy.mcp_server.server import main
from deploy.mcp_server.settings import AgentSettings


def test_without_a_token_it_says_where_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMAND_API_TOKEN", raising=False)

    with pytest.raises(SystemExit, match=r"DEMAND_API_TOKEN is not set\. Create a token on the app's account page"):
        main()


@pytest.mark.parametrize("url", ["demand.example.com", "ftp://demand.example.com", "http://", "https://a:b@c.example",
                                 "https://demand.example.com/?token=1"])
def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DEMAND_URL", url)

    with pytest.raises(ValidationError, match="DEMAND_URL is the web app's address"):
        AgentSettings()
    with pytest.raises(SystemExit, match="demand-mcp: DEMAND_URL is the web app's address"):
        main()


@pytest.mark.parametrize(("url", "clear"), [("http://127.0.0.1:8000", False), ("http://[::1]:8000", False),
                                            ("https://demand.example.com", False), ("http://demand.example.com", True)])
def test_a_token_in_the_clear_is_noticed(url: str, clear: bool) -> None:
    assert AgentSettings(demand_url=url).is_in_the_clear is clear


def test_the_token_is_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMAND_API_TOKEN", "demand_s3cr3t")

    assert "s3cr3t" not in repr(AgentSettings())
