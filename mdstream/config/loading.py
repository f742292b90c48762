"""Reads settings from the configuration file, `.env` and the environment, and explains what cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from mdstream.config.extensible import ExtensibleSection
from mdstream.config.paths import paths_from_file
from mdstream.config.problems import problem_list
from mdstream.config.settings import Settings
from mdstream.config.spark_defaults import SPARK_DEFAULTS, read_spark_defaults
from mdstream.config.yaml_file import read_yaml
from mdstream.errors import ConfigError, did_you_mean

CONFIG_VARIABLE = "MDSTREAM_CONFIG"
"""Environment variable that names the configuration file."""

# Tests find by them what they need; they are nothing to us.
_OF_TESTS = "MDSTREAM_TEST_"

SLACK_WEBHOOK_VARIABLE = "SLACK_WEBHOOK_URL"
"""Environment variable that holds the secret address alerts are sent to, by the name users of Slack know."""

DEFAULT_CONFIG = Path("conf/mdstream.yaml")
"""The configuration file that is read if none is named and it exists."""


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings: environment over `.env` over the configuration file over the defaults.

    Relative paths in the file are from where it is; those of the environment, `.env` and the defaults are from the
    working folder. `conf/spark-defaults.conf`, if it exists, holds other defaults for the section `spark`.

    Args:
        path: Configuration file; None for the one `MDSTREAM_CONFIG` names, or `conf/mdstream.yaml` if it exists.

    Raises:
        ConfigError: A file cannot be read, a key is unknown, or a value is not usable.

    Example:
        >>> load_settings().kafka.partitions >= 1
        True
    """
    source = path or _configured_path()
    from_file = paths_from_file(_read_sections(source), source.parent, Settings) if source else {}
    spark_defaults = {"spark": read_spark_defaults(SPARK_DEFAULTS)} if SPARK_DEFAULTS.is_file() else {}
    _refuse_unknown_variables(os.environ, "environment variable")

    class _Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            dotenv = _OwnDotEnv(settings_cls, env_file=".env")
            return (
                EnvSettingsSource(settings_cls),
                dotenv,
                InitSettingsSource(settings_cls, init_kwargs=_slack_webhook(dotenv)),
                InitSettingsSource(settings_cls, init_kwargs=from_file),
                InitSettingsSource(settings_cls, init_kwargs=spark_defaults),
            )

    try:
        layered = _Layered()
    except ValidationError as exc:
        raise ConfigError(_explain(exc, source)) from exc
    except SettingsError as exc:
        raise ConfigError(
            f'{exc}; a list or section in one variable is JSON, e.g. MDSTREAM_SYMBOLS=\'["AAPL", "MSFT"]\''
        ) from exc
    return Settings.model_construct(**{name: getattr(layered, name) for name in Settings.model_fields})


class _OwnDotEnv(DotEnvSettingsSource):
    """A `.env` that other programs share: variables without our prefix are not ours to refuse."""

    def __call__(self) -> dict[str, Any]:
        _refuse_unknown_variables((name.upper() for name in self.env_vars), ".env:")
        known = Settings.model_fields
        return {name: value for name, value in super().__call__().items() if name in known}


def _slack_webhook(dotenv: DotEnvSettingsSource) -> dict[str, Any]:
    """Return the setting that Slack's own variable stands for."""
    url = os.environ.get(SLACK_WEBHOOK_VARIABLE) or dotenv.env_vars.get(SLACK_WEBHOOK_VARIABLE.lower())
    return {"alerts": {"slack_webhook_url": url}} if url else {}


def _configured_path() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def _read_sections(path: Path) -> dict[str, Any]:
    content = read_yaml(path, "configuration file")
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds a {type(content).__name__}; expected a mapping of settings")
    for key in content:
        if not isinstance(key, str):
            raise ConfigError(f"{path}: unknown key {key}; {did_you_mean(str(key), Settings.model_fields)}")
    return content


def _refuse_unknown_variables(names: Iterable[str], where: str) -> None:
    for name in names:
        if not name.startswith("MDSTREAM_") or name == CONFIG_VARIABLE or name.startswith(_OF_TESTS):
            continue
        section = name.removeprefix("MDSTREAM_").split("__")[0].lower()
        if section not in Settings.model_fields:
            raise ConfigError(
                f"{where} {name}: unknown setting '{section}'; {did_you_mean(section, Settings.model_fields)}"
            )


def _explain(error: ValidationError, source: Path | None) -> str:
    places = f"{source}, .env and environment" if source else ".env and environment"
    return problem_list(
        f"the configuration cannot be used ({places}):",
        [_explain_one(problem) for problem in error.errors(include_input=False, include_url=False)],
    )


def _explain_one(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        return f"{where}: unknown key; {did_you_mean(str(problem['loc'][-1]), known)}"
    hint = "; in YAML put numbers and words like ON in quotes" if problem["type"] == "string_type" else ""
    return f"{where}: {problem['msg']}{hint}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        if not isinstance(part, str):
            continue
        if part not in model.model_fields and issubclass(model, ExtensibleSection):
            model = model.settings_class(part)
        else:
            model = next(_models_in(model.model_fields[part].annotation))
    return model.known_names() if issubclass(model, ExtensibleSection) else list(model.model_fields)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
