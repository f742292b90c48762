"""Paths in a configuration file are meant from where the file is, wherever a command is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel

from mdstream.config.extensible import ExtensibleSection

_FOLDERS_OR_URLS = frozenset({("spark", "checkpoint_location"), ("stores", "lake", "path")})

Place = tuple[str, ...]


def paths_from_file(content: Mapping[str, Any], folder: Path, model: type[BaseModel]) -> dict[str, Any]:
    """Return what a file holds with its relative paths made absolute; a leading `~` is the home folder.

    Args:
        content: Sections and settings as the file has them, checked by nobody yet.
        folder: Where the file is.
        model: What the settings are read into: its fields say which are paths.

    Example:
        >>> from mdstream.config import Settings
        >>> paths_from_file({"rules_file": "rules.yaml"}, Path("/etc/mdstream"), Settings)
        {'rules_file': '/etc/mdstream/rules.yaml'}
    """
    changed = dict(content)
    for place in _places(model, content):
        _change(changed, place, folder.absolute())
    return changed


def _places(model: type[BaseModel], content: object, above: Place = ()) -> Iterator[Place]:
    """Yield where settings are that hold a path, those of extensions that `content` has included."""
    configured = content if isinstance(content, Mapping) else {}
    if issubclass(model, ExtensibleSection):
        for name in (configured.keys() - model.model_fields.keys()) & model.extension_point.installed().keys():
            yield from _places(model.settings_class(name), configured[name], (*above, name))
    for name, field in model.model_fields.items():
        place = (*above, name)
        kinds = {field.annotation, *get_args(field.annotation)}
        if Path in kinds or place in _FOLDERS_OR_URLS:
            yield place
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _places(kind, configured.get(name), place)


def _change(section: dict[str, Any], place: Place, folder: Path) -> None:
    first, *rest = place
    found = section.get(first)
    if rest and isinstance(found, dict):
        section[first] = dict(found)
        _change(section[first], tuple(rest), folder)
    elif not rest and isinstance(found, str) and found and not urlsplit(found).scheme:
        section[first] = str(folder / Path(found).expanduser())
