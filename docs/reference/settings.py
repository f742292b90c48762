"""Every setting: its key, type, default, meaning and variable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.reference.markdown import code, prose, table
from mdstream.config import Settings

_HEAD = """# Settings

From the environment over `.env` over `conf/mdstream.yaml`, which may be named by `--config` or `MDSTREAM_CONFIG`.
Every key is optional. `mdstream config show` prints what holds, `mdstream config check` says what cannot be used.
In the environment lists and mappings are JSON; symbols may be listed with commas. Secrets belong in the environment
or `.env`: they are not printed, and not in errors.

Packages add sections of their own to `feeds`, `stores` and `alerts`: [extending mdstream](../extending.md).
"""
_PREFIX = str(Settings.model_config["env_prefix"])
_BETWEEN = str(Settings.model_config["env_nested_delimiter"])
_OWN_VARIABLES = {"alerts.slack_webhook_url": "SLACK_WEBHOOK_URL"}
_LONGEST_PATTERN = 40


@dataclass(frozen=True)
class Setting:
    """One key.

    Attributes:
        key: Its path, with dots.
        kind: What it may be, in words.
        default: What holds without it, as YAML has it.
        meaning: What it is for.
    """

    key: str
    kind: str
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it."""
        return _OWN_VARIABLES.get(self.key, _PREFIX + self.key.replace(".", _BETWEEN).upper())


def settings_of(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield every setting of a section, those of its sections behind its own.

    Example:
        >>> next(setting.variable for setting in settings_of() if setting.key == "kafka.partitions")
        'MDSTREAM_KAFKA__PARTITIONS'
    """
    kinds = model.model_json_schema()["properties"]
    sections = []
    for name, field in model.model_fields.items():
        if (section := _section(field)) is not None:
            sections.append((section, (*path, name)))
        else:
            key = ".".join((*path, name))
            yield Setting(key, _kind(kinds[name]), _default(field), field.description or "")
    for section, inner in sections:
        yield from settings_of(section, inner)


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for heading, meaning, settings in _groups():
        rows = [(f"{code(s.key)}<br>{code(s.variable)}", s.kind, code(s.default), prose(s.meaning)) for s in settings]
        head = ["key, and variable", "type", "default", "meaning"]
        parts.append(f"## {heading}\n\n{prose(meaning)}\n\n{table(head, rows)}")
    return "\n".join(parts)


def _groups() -> Iterator[tuple[str, str, list[Setting]]]:
    found: dict[str, list[Setting]] = {}
    for setting in settings_of():
        found.setdefault(setting.key.rpartition(".")[0], []).append(setting)
    for section, settings in found.items():
        model: type[BaseModel] = Settings
        for name in filter(None, section.split(".")):
            model = _section(model.model_fields[name]) or model
        meaning = "At the top." if not section else str(model.__doc__).split("\n\n")[0]
        yield code(section) or "Without a section", meaning, settings


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _kind(schema: Mapping[str, Any]) -> str:
    """Return in words what a JSON schema allows."""
    if kinds := schema.get("anyOf"):
        return " or ".join("null" if kind.get("type") == "null" else _kind(kind) for kind in kinds)
    if "enum" in schema:
        return "one of " + ", ".join(code(value) or "nothing" for value in schema["enum"])
    if schema.get("format") == "password":
        return "secret"
    name = {"string": "text", "array": "list", "boolean": "true or false", "object": "mapping"}
    kind = "path" if schema.get("format") == "path" else name.get(schema.get("type", ""), schema.get("type", "mapping"))
    if kind == "list" and "type" in schema.get("items", {}):
        kind = f"list of {_kind(schema['items'])}"
    return " ".join([kind, *_bounds(schema)])


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    yield from (f"{sign} {schema[name]:g}" for name, sign in signs.items() if name in schema)
    pattern = schema.get("pattern", "")
    if 0 < len(pattern) <= _LONGEST_PATTERN:
        yield f"like {code(pattern)}"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if "SecretStr" in str(field.annotation):
        return ""
    plain = json.loads(_Holder(value=value).model_dump_json())["value"]
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False).replace('"', "")


class _Holder(BaseModel):
    value: Any
