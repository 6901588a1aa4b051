"""What an operator sets: typed, read from the environment alone, failing closed.

`docs/operators/settings.md` explains each variable; the names there are the fields here, in capitals.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent

CommaSeparated = Annotated[list[str], NoDecode]


class Environment(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    # Each of the two is for one's own machine: what protects people then has a harmless default.
    debug: bool = Field(False, description="for developers: errors show the code")
    demo: bool = Field(False, description="for a look: errors look as they do on a server; public passwords")
    secret_key: SecretStr | None = None
    allowed_hosts: CommaSeparated = []
    site_url: str = Field(
        "", description="https://competition.example.org: for links in e-mails and by workers"
    )

    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    data_dir: Path = Field(ROOT / "var", description="database of the demo, uploads, serverless broker")
    releases_dir: Path | None = Field(None, description="folder of releases, default DATA_DIR/releases")
    static_root: Path = Field(ROOT / "staticfiles", description="where collectstatic writes")

    # How a release's file leaves the site: through nginx (a location marked `internal`) or through Django.
    accel_redirect: str = Field("", description="/protected/releases/ where nginx serves RELEASES_DIR there")
    # Behind a proxy that sets X-Forwarded-Proto and replaces what clients send.
    trust_proxy: bool = False
    secure_cookies: bool = Field(True, description="false only where the site is served over plain http")

    max_upload_bytes: int = Field(512 * 1024**2, gt=0)
    scoring_device: Literal["auto", "cpu", "cuda"] = "auto"
    lease_seconds: float = Field(
        30, gt=0, description="a worker silent for this long has lost its submission"
    )
    reclaim_seconds: float = Field(
        10, gt=0, description="period of the search for submissions nobody works on"
    )
    scoring_seconds: float = Field(
        900, gt=0, description="a scoring that takes longer is stuck: its worker process ends"
    )

    # What one call of an organizer's own metric may use; see docs/operators/own-metrics.md.
    metric_seconds: float = Field(60, gt=0, le=3600)
    metric_memory_bytes: int = Field(2 * 1024**3, ge=512 * 1024**2)
    metric_scratch_bytes: int = Field(64 * 1024**2, ge=0)
    metric_output_bytes: int = Field(1024**2, ge=1024, le=64 * 1024**2)

    email_url: SecretStr | None = None
    default_from_email: str = "Tamago <tamago@localhost>"
    # A server without a mail relay could confirm nobody: it has to say so explicitly.
    email_to_console: bool = False

    orcid_client_id: str = ""
    orcid_client_secret: SecretStr | None = None
    sentry_dsn: SecretStr | None = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def split_at_commas(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("allowed_hosts")
    @classmethod
    def refuse_the_wildcard(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if "*" in value:
            raise ValueError("'*' would answer to any Host header; name the hosts, separated by commas")
        return value

    @property
    def own_machine(self) -> bool:
        return self.debug or self.demo

    @field_validator("site_url")
    @classmethod
    def refuse_half_an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("expected an address such as https://competition.example.org")
        return value

    @model_validator(mode="after")
    def fail_closed(self) -> "Environment":
        """On a server nothing that protects people has a default."""
        if self.own_machine:
            return self
        missing = [
            name
            for name, value in {
                "SECRET_KEY": self.secret_key,
                "ALLOWED_HOSTS": self.allowed_hosts,
                "SITE_URL": self.site_url,
                "DATABASE_URL": self.database_url,
            }.items()
            if not value
        ]
        if self.email_url is None and not self.email_to_console:
            missing.append("EMAIL_URL (or EMAIL_TO_CONSOLE=true)")
        if missing:
            raise ValueError(
                f"set {', '.join(missing)} in the environment, or DEBUG=true on your own machine"
            )
        return self
