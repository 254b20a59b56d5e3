"""Whom the server asks, and with whose token, from the environment."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class AgentSettings(BaseSettings):
    """The settings of ``make mcp``."""

    model_config = SettingsConfigDict(extra="ignore")

    demand_url: str = Field(default="http://127.0.0.1:8000")
    """The web app."""
    demand_api_token: SecretStr = SecretStr("")
    """A token of its account page; it decides what the tools may do."""
    demand_timeout_seconds: float = Field(default=60, gt=0, le=600)
    """How long an answer of the app may take."""

    @field_validator("demand_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError(f"DEMAND_URL is the web app's address, as in https://demand.example.com, not {value!r}")
        return value.rstrip("/")

    @property
    def is_loopback(self) -> bool:
        """Whether the web app is on this machine."""
        return urlsplit(self.demand_url).hostname in ("127.0.0.1", "::1", "localhost")

    @property
    def is_in_the_clear(self) -> bool:
        """Whether the token would go over a network unencrypted."""
        return urlsplit(self.demand_url).scheme == "http" and not self.is_loopback
