"""Settings, from environment variables only. Each is documented here and nowhere else."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Role = Literal["api", "worker", "all"]


class Settings(BaseSettings):
    """What one process needs to know. Secrets are `SecretStr`, so they never reach a log."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    database_url: str = Field("", description="SQLAlchemy URL of the service's own database")
    bus_url: str = Field(
        "",
        description="kafka://host:port[,host:port], kafka+tls://[user:password@]host:port[?ca=FILE&mechanism=PLAIN], "
        "SCRAM-SHA-512 unless told, or eventlog:///path/to/file.db",
    )
    role: Role = Field("all", description="api: HTTP only; worker: consumers, relay and jobs; all: both")
    pool_size: int = Field(8, ge=1, description="database connections that a process may hold")

    issuer: str = Field("urn:ieum:issuer", description="`iss` that access tokens must carry")
    audience: str = Field("urn:ieum:api", description="`aud` that access tokens must carry")
    jwks_url: str = Field("http://issuer/.well-known/jwks.json", description="where the issuer's public keys are")
    token_leeway: int = Field(60, ge=0, description="seconds of clock skew allowed when a token is checked")

    services: str = Field(
        "",
        description="addresses of the other services: name=http://host:port, comma separated; else http://<name>:8000",
    )
    keyring: SecretStr = Field(
        SecretStr(""), description="kid=base64 of 32 bytes, comma separated; the first one encrypts, all decrypt"
    )
    state_dir: Path = Field(Path("var"), description="where the one-machine issuer keeps its keys and clients")
    console_client_secret: SecretStr = Field(SecretStr(""), description="secret of the console's own client")
    console_session_key: SecretStr = Field(SecretStr(""), description="key that signs the console's session cookies")
    console_sign_in_code: SecretStr = Field(SecretStr(""), description="one-time code of the first sign-in link")
    webhook_allow_hosts: str = Field(
        "", description="host:port, comma separated, that webhooks may reach over plain HTTP or on a private address"
    )
    rate_limit_per_second: float = Field(500.0, gt=0, description="requests per second and client at the gateway")
    rate_limit_burst: int = Field(1000, ge=1, description="requests that a client may send at once")

    otel_exporter_otlp_endpoint: str = Field("", description="where traces go; empty: nowhere")
    log_level: str = "INFO"

    @cached_property
    def addresses(self) -> dict[str, str]:
        """Service name → base URL, where one was given."""
        pairs = (item.split("=", 1) for item in self.services.split(",") if "=" in item)
        return {name.strip(): url.strip().rstrip("/") for name, url in pairs}

    @cached_property
    def webhook_hosts(self) -> frozenset[str]:
        return frozenset(host.strip() for host in self.webhook_allow_hosts.split(",") if host.strip())

    def address(self, service: str) -> str:
        return self.addresses.get(service, f"http://{service}:8000")
