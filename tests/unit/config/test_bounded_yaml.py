"""Files that grow when they are read, or that no parser comes to the end of: refused at once, in a line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from mdstream.config.yaml_file import MOST_BYTES, MOST_DEPTH, read_yaml
from mdstream.errors import ConfigError

LAUGHS = "- &a0 ha\n" + "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
KEYS = "a: &a0 {x: 1}\n" + "".join(
    f"b{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(10))}}}\n" for n in range(1, 12)
)
MERGES = "- &a0 {x: 1}\n" + "".join(f"- &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (LAUGHS, "holds more than 50,000 values, aliases included: look at line 6"),
        (KEYS, "aliases included"),
        (MERGES, "aliases included"),
        ("&a [*a]", "aliases included"),
        ("a: &a {b: *a}", "aliases included"),
        ("[" * 5000, f"is nested more than {MOST_DEPTH} deep: look at line 1"),
        ("[" * 5000 + "]" * 5000, "deep"),
        ("{a: " * 5000, "deep"),
        ("- " * 5000 + "x", "deep"),
        ("\n".join(" " * n + "a:" for n in range(500)), "deep"),
        ("[" + "1," * 60_000 + "]", "holds more than 50,000 values"),
        ("x" * (MOST_BYTES + 1), "is longer than 262,144 bytes"),
        ("a: " + "9" * 5000, "a number or a date that cannot be"),
        ("a: 2026-13-45", "a number or a date that cannot be"),
        ("a: *nowhere", "is not YAML"),
    ],
    ids=lambda value: value[:12],
)
def test_refused_in_a_line(tmp_path: Path, content: str, expected: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(content)
    began = time.process_time()

    with pytest.raises(ConfigError) as caught:
        read_yaml(file, "rules file")

    assert expected in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(file))
    assert time.process_time() - began < 30


def test_aliases_as_people_use_them(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    content = (
        "- &spike {severity: high, message: up}\n- {<<: *spike, name: a}\n- {<<: *spike, name: b}\n- [*spike, *spike]\n"
    )
    file.write_text(content)

    assert read_yaml(file, "rules file") == yaml.safe_load(content)


def test_the_deepest_that_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("[" * (MOST_DEPTH - 1) + "1" + "]" * (MOST_DEPTH - 1))

    assert read_yaml(file, "rules file")
