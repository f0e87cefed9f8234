"""The settings of the scheduler, from OPTFARM_* variables and the TOML file."""

from pydantic import Field, SecretStr

from optfarm_tasks.schema.settings import FarmSettings


class SchedulerSettings(FarmSettings):
    """Settings of optfarm-scheduler."""

    token: SecretStr
    """The token of people."""
    worker_token: SecretStr
    """The token of workers."""
    listen_host: str = "127.0.0.1"
    listen_port: int = Field(default=8580, ge=1, le=65535)
    database_url: str = "sqlite:///optfarm.db"
    broker_url: SecretStr
    s3_endpoint: str | None = None
    """None means AWS."""
    s3_public_endpoint: str | None = None
    """What presigned URLs name, where people reach the store by another address."""
    s3_bucket: str
    s3_region: str = "us-east-1"
    s3_access_key: str
    s3_secret_key: SecretStr
    presence_s: float = Field(default=15, gt=0)
    """How long a lease lasts without a heartbeat, and a device counts as alive without registering."""
    claim_s: float = Field(default=5, gt=0)
    """After how long a message that an idle device did not claim is sent again."""
    canary_every_s: float = Field(default=86_400, ge=0)
    """How often a device's canary runs, besides once after its worker's start; 0 is never."""
    canary_again_s: float = Field(default=600, gt=0)
    """The same while too few have run, in quarantine, and after an A/A twin that failed."""
    canary_idle_s: float = Field(default=60, ge=0)
    """How long a device has to have been idle for it."""
