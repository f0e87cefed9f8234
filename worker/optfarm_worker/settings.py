"""The settings of a worker: where the farm is, which device it serves, where its folders are."""

import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator

from optfarm_tasks.benchmark.host import nvml
from optfarm_tasks.schema.settings import FarmSettings, config_file, settings_faults
from optfarm_worker.devices import named
from optfarm_worker.errors import BadSettings
from optfarm_worker.idle import shared_lock
from optfarm_worker.toolchains import built, default_folder

GIB = 1 << 30
_EXAMPLE = """{"torch": "/opt/torch/bin/python"}"""


def _this_host() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0]).strip("-_")[:63] or "host"


class WorkerSettings(FarmSettings):
    """Settings of one worker, which serves one device."""

    url: str = "http://127.0.0.1:8580"
    """The scheduler."""
    worker_token: SecretStr = Field(default=SecretStr(""), validate_default=True)
    broker_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    s3_endpoint: str | None = None
    """None is AWS."""
    s3_bucket: str = "farm"
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")

    host: str = Field(default_factory=_this_host, pattern=r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$")
    nvml_library: Path | None = None
    """Another libnvidia-ml than the driver's."""
    device: str = "cpu"
    """cpu, gpu:NUMBER, gpu:NUMBER-INSTANCE, or a GPU or an instance by its UUID: gpu:UUID."""
    labels: dict[str, str] = Field(default_factory=dict)
    toolchain_dir: Path = Field(default_factory=default_folder)
    """Where `optfarm-worker toolchain add` builds them."""
    toolchains: dict[str, Path] = Field(default_factory=dict, validate_default=True)
    """Name → Python interpreter in which optfarm is installed; `default` is this one unless it is given."""

    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("optfarm") / "blobs")
    """Shared by all workers of a host."""
    cache_bytes: int = Field(default=20 * GIB, ge=0)
    scratch_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("optfarm") / "scratch")
    idle_lock: Path = Field(default_factory=shared_lock)
    """Held while a child runs, alone by benchmarks; the same file for all workers of a machine."""
    idle_wait_s: float = Field(default=600, ge=0)
    """How long a benchmark waits for the other workers of its machine."""
    isolate_network: bool = True
    """Whether children lose the network, where the kernel allows it."""

    @field_validator("worker_token")
    @classmethod
    def _token_is_there(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("is empty; take it from the scheduler's settings")
        return value

    @field_validator("url")
    @classmethod
    def _url_is_http(cls, value: str) -> str:
        if not re.match(r"^https?://[^/]+", value):
            raise ValueError(f"is {value!r}; write http://host:port")
        return value.rstrip("/")

    @field_validator("broker_url")
    @classmethod
    def _broker_is_redis(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"^(rediss?|redis\+socket)://", value.get_secret_value()):
            raise ValueError("is no redis URL; write redis://:password@host:6379/0")
        return value

    @field_validator("nvml_library")
    @classmethod
    def _library_is_loaded_from_there(cls, value: Path | None) -> Path | None:
        if value is not None:
            os.environ[nvml.LIBRARY] = str(value.absolute())
        return value

    @field_validator("toolchains", mode="before")
    @classmethod
    def _toolchains_are_named(cls, value: Any, info: ValidationInfo) -> Any:
        found = {"default": sys.executable} | built(info.data["toolchain_dir"])
        try:
            return found | (json.loads(value) if isinstance(value, str) else value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"is {value!r}, no JSON object; write {_EXAMPLE}") from error

    @field_validator("device")
    @classmethod
    def _device_is_served(cls, value: str) -> str:
        return named(value)

    @model_validator(mode="after")
    def _interpreters_exist(self) -> Self:
        for name, python in self.toolchains.items():
            if not python.is_file():
                raise ValueError(f"toolchain {name}: there is no interpreter {python}")
        return self

    @property
    def slot(self) -> str:
        """The device as a part of names: gpu:0 is gpu-0."""
        return self.device.replace(":", "-")

    @property
    def name(self) -> str:
        """host.slot: how the farm calls this device."""
        return f"{self.host}.{self.slot}"


def read_settings(**given: object) -> WorkerSettings:
    """The settings from arguments, environment and file.

    Raises:
        BadSettings: a value does not hold; the message names each with its variable.
    """
    try:
        return WorkerSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by the model itself
    except ValidationError as error:
        faults = "\n".join(f"  {fault}" for fault in settings_faults(error))
        raise BadSettings(f"the settings do not hold ({config_file()} was read if it exists):\n{faults}") from error
    except (OSError, ValueError) as error:
        raise BadSettings(f"{config_file()} cannot be read: {error}") from error
