"""Which farm the client talks to: OPTFARM_* variables, a TOML file, or the embedded farm of this machine."""

import os
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import TomlConfigSettingsSource

from optfarm.embedded.place import current_folder
from optfarm.errors import BadRequest
from optfarm_tasks.schema.settings import FarmSettings, SettingsSource, config_file, settings_faults


def client_config_file() -> Path:
    """The TOML file that the client reads.

    $OPTFARM_CONFIG, else the embedded farm in $OPTFARM_FOLDER, else the user's optfarm.toml, else the embedded farm
    that was started last.

    Raises:
        BadRequest: $OPTFARM_CONFIG names no file.
    """
    if os.environ.get("OPTFARM_CONFIG"):
        return _named_file()
    folder = current_folder()
    named = bool(os.environ.get("OPTFARM_FOLDER"))
    if folder is not None and (named or not config_file().is_file()):
        return folder / "optfarm.toml"
    return config_file()


def _named_file() -> Path:
    if not config_file().is_file():
        raise BadRequest(f"OPTFARM_CONFIG names {config_file()}, and there is no such file")
    return config_file()


def read_settings(given: dict[str, Any]) -> "ClientSettings":
    """The settings of this user, with what the caller gives before all else.

    Raises:
        BadRequest: a variable, or the TOML file, holds something that is no setting's value.
    """
    try:
        return ClientSettings.model_validate(given)
    except ValidationError as error:
        if any(isinstance(fault.get("ctx", {}).get("error"), tomllib.TOMLDecodeError) for fault in error.errors()):
            raise BadRequest(f"{client_config_file()} is no TOML: {'; '.join(settings_faults(error))}") from error
        raise BadRequest(f"the client's settings do not fit: {'; '.join(settings_faults(error))}") from error


class ClientSettings(FarmSettings):
    """Where the farm is, what the client shows it, and how long it waits for it."""

    url: str = "http://127.0.0.1:8580"
    token: SecretStr = SecretStr("")
    retry_s: float = Field(default=60, ge=0)
    """How long a request is tried again while the farm does not answer."""

    @classmethod
    def file(cls) -> Path:
        """The client finds the embedded farm of this machine too."""
        return client_config_file()

    @classmethod
    def ordered(
        cls, given: SettingsSource, environment: SettingsSource, file: TomlConfigSettingsSource
    ) -> tuple[SettingsSource, ...]:
        """Leaves the file out where the URL is not from it, so that its token is never sent elsewhere."""
        elsewhere = {**environment(), **given()}
        if "url" in elsewhere and elsewhere["url"] != file.toml_data.get("url"):
            return given, environment
        return given, environment, file

    @model_validator(mode="after")
    def _url_is_http(self) -> Self:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"OPTFARM_URL is {self.url!r}; write http://host:port")
        return self

    @property
    def is_chosen(self) -> bool:
        """Whether anyone said where the farm is."""
        return "url" in self.model_fields_set
