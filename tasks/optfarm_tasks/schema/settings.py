"""Settings from the environment (OPTFARM_*) and a TOML file, the same for every part of the farm."""

import os
from pathlib import Path
from typing import Any, ClassVar

import platformdirs
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from optfarm_tasks.schema.faults import Place, dotted, faults_of, shown

SettingsSource = PydanticBaseSettingsSource
_SECRETS = ("token", "key", "password", "broker_url", "database_url")


def config_file() -> Path:
    """The TOML file that is read: $OPTFARM_CONFIG, or optfarm.toml in the user's configuration folder."""
    named = os.environ.get("OPTFARM_CONFIG")
    return Path(named) if named else platformdirs.user_config_path("optfarm") / "optfarm.toml"


def settings_faults(error: ValidationError) -> tuple[str, ...]:
    """What is wrong with settings, a line each, by the names of their variables; secrets are not repeated."""
    return faults_of(error, name=_variable, show=_unless_secret)


def _variable(place: Place) -> str:
    return f"OPTFARM_{dotted(place).upper()}" if place else ""


def _unless_secret(value: Any, place: Place) -> str:
    return "something else" if place and str(place[0]).endswith(_SECRETS) else shown(value)


class FarmSettings(BaseSettings):
    """Base of a part's settings: arguments win over OPTFARM_* variables, these over the TOML file."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="OPTFARM_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: SettingsSource,
        env_settings: SettingsSource,
        dotenv_settings: SettingsSource,  # noqa: ARG003 (the signature is pydantic's)
        file_secret_settings: SettingsSource,  # noqa: ARG003 (the signature is pydantic's)
    ) -> tuple[SettingsSource, ...]:
        """Puts the TOML file behind the environment."""
        return cls.ordered(init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.file()))

    @classmethod
    def file(cls) -> Path:
        """The TOML file that this part reads."""
        return config_file()

    @classmethod
    def ordered(
        cls, given: SettingsSource, environment: SettingsSource, file: TomlConfigSettingsSource
    ) -> tuple[SettingsSource, ...]:
        """The sources that count, the strongest first."""
        return given, environment, file
