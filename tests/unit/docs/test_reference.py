"""The generated reference has every setting, command, endpoint, message, metric, record and error that the code has."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from docs.reference import commands, errors, metrics, python, records, rest, settings, websocket
from docs.reference.__main__ import main
from mdstream.config import Settings
from mdstream.errors import MdstreamError
from mdstream.telemetry.metrics import ALL_METRICS
from tests.unit.cli.test_help import ALL
from tests.unit.docs.pages import ROOT
from tests.unit.test_surface import MODULES

SECTIONLESS = {"technical_indicators", "window_configurations", "calendars"}
"""Keys whose value is a mapping or a list of the user's own."""


def keys_of(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, value in values.items():
        key = (*path, name)
        if isinstance(value, dict) and name not in SECTIONLESS | {"columns", "conf"}:
            yield from keys_of(value, key)
        else:
            yield ".".join(key)


def sources(folder: str) -> Iterator[ast.Module]:
    for file in sorted((ROOT / folder).rglob("*.py")):
        yield ast.parse(file.read_text(encoding="utf-8"))


def test_every_setting_is_there_with_its_variable_and_meaning() -> None:
    page = settings.page()
    found = {each.key: each for each in settings.settings_of()}
    assert set(found) == set(keys_of(Settings.model_construct().model_dump()))
    assert [key for key, each in found.items() if not each.meaning] == []
    assert [key for key, each in found.items() if f"| `{key}`<br>`{each.variable}` |" not in page] == []

    own = {"GRAFANA_ADMIN_PASSWORD", "INFLUXDB_ADMIN_PASSWORD", "INGEST"}
    listed = dotenv_values(ROOT / ".env.example").keys() - own
    assert listed <= {each.variable for each in found.values()}


def test_defaults_are_those_that_the_configuration_file_repeats() -> None:
    written = yaml.safe_load((ROOT / "conf" / "mdstream.yaml").read_text(encoding="utf-8"))
    found = {each.key: each.default for each in settings.settings_of()}
    for key in keys_of(written):
        value: Any = written
        for name in key.split("."):
            value = value[name]
        if not isinstance(value, list | dict):
            assert found[key].lower() == str(value).lower(), key


def test_every_command_is_there_with_its_options() -> None:
    page = commands.page()
    assert len(ALL) > 30
    for path, command in ALL.items():
        heading = " ".join(("mdstream", *path))
        part = re.split(r"^#{2,3} ", page.split(f"# `{heading}`\n")[1], flags=re.MULTILINE)[0]
        for option in command.params:
            if option.name not in {"install_completion", "show_completion"}:
                assert all(name in part for name in option.opts if name.startswith("-")), f"{heading} {option.name}"


def test_every_endpoint_is_there() -> None:
    from mdstream.serving.rest.app import create_app

    page = rest.page()
    paths = create_app(Settings.model_construct()).openapi()["paths"]
    assert len(paths) > 8
    assert [path for path in paths if f"## `GET {path}`" not in page] == []


def test_every_message_and_error_of_the_websocket_server_is_there() -> None:
    """What the code says by a literal; refusals before the handshake are named after what is counted."""
    said = dict.fromkeys(["encode", "encode_error", "RefusedMessageError"], frozenset[str]())
    for module in sources("mdstream/serving/websocket"):
        for node in ast.walk(module):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(value)), *_]) if name in said:
                    said[name] |= {value}
    assert said["encode"] == websocket.ANSWERS.keys()
    assert said["encode_error"] | said["RefusedMessageError"] <= websocket.CODES.keys()
    page = websocket.page()
    assert [name for name in (*websocket.ANSWERS, *websocket.CODES) if f"| `{name}` |" not in page] == []


def test_every_metric_is_there() -> None:
    page = metrics.page()
    rows = {line.split("`")[1] for line in page.split("## Buckets")[0].splitlines() if line.startswith("| `")}
    assert rows == {each.name for each in ALL_METRICS}


def test_every_record_is_there_and_each_field_explained() -> None:
    page = records.page()
    declared = Settings.model_construct()
    for record in (*declared.topic_records, *declared.table_records):
        title = f"## {record.name[0].upper()}{record.name[1:]}\n"
        part = page.split(title)[1].split("\n## ")[0]
        for field in record.schema:
            row = next(line for line in part.splitlines() if line.startswith(f"| `{field.name}` |"))
            assert row.rstrip(" |").split(" | ")[-1] not in {"", "may be null"}, f"{record.name}.{field.name}"


def test_every_error_is_there_with_what_to_do() -> None:
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for module in sources("mdstream")
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
    }
    ours = {MdstreamError.__name__}
    while more := {name for name, of in bases.items() if of & ours} - ours:
        ours |= more
    named = {kind.__name__ for kind in (*errors.REMEDIES, *errors.OTHERS)}
    assert named == {name for name in ours if not name.startswith("_")}
    page = errors.page()
    assert [name for name in named if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_of_python_is_there(name: str) -> None:
    module = importlib.import_module(name)
    text = "\n".join(text for _, text in python.pages())
    for public in module.__all__:
        thing = getattr(module, public)
        place = f"::: {thing.__module__}.{thing.__qualname__}" if inspect.isclass(thing) else f"{public}"
        assert place in text or issubclass(thing, MdstreamError), public


def test_it_is_written_to_a_folder_without_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("gone", encoding="utf-8")
    main(tmp_path)
    written = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    navigation = set(re.findall(r"- reference/(\S+)", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert written == navigation | {"openapi.json", "asyncapi.json"}
