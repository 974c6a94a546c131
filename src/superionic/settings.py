"""Settings of the installation, as opposed to those of a campaign.

Values come from ``SUPERIONIC_*`` environment variables, then from ``~/.superionic.yaml`` (or the
file named by ``SUPERIONIC_CONFIG_FILE``), then from the defaults below.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from superionic.errors import InputError


def config_file() -> Path:
    """Path of the settings file, which need not exist."""
    return Path(os.environ.get("SUPERIONIC_CONFIG_FILE", "~/.superionic.yaml")).expanduser()


class SuperionicSettings(BaseSettings):
    """What superionic needs to know about this installation.

    Examples
    --------
    ``export SUPERIONIC_MONGO_URI=mongodb://user:password@host/?authSource=admin`` sends every
    campaign to that server; ``n_workers: 4`` in ``~/.superionic.yaml`` starts four local workers.
    """

    model_config = SettingsConfigDict(env_prefix="SUPERIONIC_", extra="forbid", validate_assignment=True)

    mongo_uri: SecretStr | None = Field(None, description="URI of your own MongoDB server; nothing is started then")
    mongod: Path | None = Field(None, description="mongod executable for the private server")
    n_workers: int = Field(2, ge=1, description="number of rapidfire workers that `run` and `demo` start")
    device: str = Field("cpu", description="torch device of potentials and training: cpu, cuda, cuda:1, mps")
    threads_per_worker: int = Field(1, ge=1, description="torch and BLAS threads of one worker")
    cache_dir: Path = Field(
        default_factory=lambda: Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "superionic",
        description="folder for potentials fetched from the database and for the list of trusted files",
    )
    training_dir: Path | None = Field(
        None,
        description="folder of the files of running and interrupted trainings, which all workers should see and which "
        "must allow file locks; default: trainings in cache_dir",
    )

    md_dir: Path | None = Field(
        None,
        description="folder of the files of running and interrupted production MD, which all workers should see and "
        "which must allow file locks; default: md in cache_dir",
    )
    max_hours_per_job: float | None = Field(
        None, gt=0, description="production MD hands what is left to a new job after so many hours; default: no limit"
    )

    @property
    def md_root(self) -> Path:
        """Folder of the production runs."""
        return self.cache_dir / "md" if self.md_dir is None else self.md_dir.expanduser()

    @property
    def training_root(self) -> Path:
        """Folder of the trainings."""
        return self.cache_dir / "trainings" if self.training_dir is None else self.training_dir.expanduser()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (not used: one file is enough)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, file."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=config_file())


def load_settings(**overrides: Any) -> SuperionicSettings:  # noqa: ANN401 (values of any setting)
    """Read the settings.

    Raises
    ------
    InputError
        If a variable or the file holds an unknown name or an unusable value.
    """
    try:
        return SuperionicSettings(**overrides)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InputError(
            f"settings (SUPERIONIC_* variables or {config_file()}): {problems}. "
            f"Known settings: {', '.join(SuperionicSettings.model_fields)}"
        ) from error
