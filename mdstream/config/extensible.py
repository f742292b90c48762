"""Sections of the settings that packages may add sections of their own to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from mdstream.config.section import Section
from mdstream.errors import ConfigError
from mdstream.extensions import ExtensionPoint


@dataclass(frozen=True, kw_only=True)
class Extension:
    """What the entry point of a feed, a store or a channel gives.

    Attributes:
        settings: Class of its section of the settings, e.g. `feeds.acme`; unknown keys are the class's to refuse.
    """

    settings: type[Section] = Section


class ExtensibleSection(Section):
    """A section that has, besides its own fields, a section for each extension that is configured."""

    model_config = ConfigDict(extra="allow")

    extension_point: ClassVar[ExtensionPoint]

    @model_validator(mode="before")
    @classmethod
    def _checked_by_their_packages(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        checked, problems = dict(values), list[InitErrorDetails]()
        for name in values:
            if name in cls.model_fields:
                continue
            if name not in cls.extension_point.installed():
                problems.append(InitErrorDetails(type=_UNKNOWN, loc=(str(name),), input=None))
                continue
            try:
                checked[name] = cls.settings_class(name).model_validate(values[name])
            except ValidationError as exc:
                problems += [_within(str(name), error) for error in exc.errors(include_url=False, include_input=False)]
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, problems, hide_input=True)
        return checked

    @classmethod
    def settings_class(cls, name: str) -> type[Section]:
        """Return the class of the section of what is installed by this name.

        Raises:
            ExtensionError: Nothing is, or it cannot be used.
        """
        return cls.extension_point.load(name, Extension).settings

    @classmethod
    def known_names(cls) -> list[str]:
        """Return the names of all settings and sections that there may be."""
        return [*cls.model_fields, *(name for name in cls.extension_point.installed() if name not in cls.model_fields)]

    def extensions(self) -> list[str]:
        """Return the names of those that are configured and not among the section's own fields."""
        return list(self.__pydantic_extra__ or {})

    def section_of(self, name: str) -> Section:
        """Return the section of what is installed by this name; its defaults if nothing is configured.

        Raises:
            ConfigError: Nothing is configured, and something has to be.
            ExtensionError: Nothing is installed by this name, or it cannot be used.

        Example:
            >>> from mdstream.config import Settings
            >>> Settings().feeds.section_of("binance").url
            'wss://stream.binance.com:9443/stream'
        """
        found = getattr(self, name, None)
        if isinstance(found, Section):
            return found
        try:
            return self.settings_class(name)()
        except ValidationError as exc:
            missing = ", ".join(".".join(map(str, error["loc"])) for error in exc.errors(include_input=False))
            raise ConfigError(f"the {self.extension_point.what} {name} has to be configured: {missing}") from exc


_UNKNOWN = PydanticCustomError("extra_forbidden", "unknown key")


def _within(name: str, error: Any) -> InitErrorDetails:  # noqa: ANN401 - ErrorDetails, as pydantic gives it
    kind = PydanticCustomError(error["type"], error["msg"])
    return InitErrorDetails(type=kind, loc=(name, *error["loc"]), input=None)
