"""`mdstream config key`: what it prints is taken by the configuration and opens the door."""

from __future__ import annotations

import json
from pathlib import Path

from mdstream.config import ServingSettings
from mdstream.serving.access import AccessList
from tests.unit.cli.test_frame import run


def test_the_key_and_its_entry_belong_together(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "key", "desk")

    key, entry = done.stdout.splitlines()
    assert done.returncode == 0
    assert key not in done.stderr
    access = AccessList(ServingSettings(api_keys=(json.loads(entry),)))
    assert access.name_of(key) == "desk"
    assert run(tmp_path, "config", "key", "desk").stdout.splitlines()[0] != key


def test_the_entry_goes_into_the_file_or_the_environment(tmp_path: Path) -> None:
    _, entry = run(tmp_path, "config", "key").stdout.splitlines()
    file = tmp_path / "mdstream.yaml"
    file.write_text(f"serving:\n  api_keys:\n    - {entry}\n")

    from_file = run(tmp_path, "config", "show", "--config", str(file))
    from_environment = run(tmp_path, "config", "show", MDSTREAM_SERVING__API_KEYS=f"[{entry}]")

    for shown in (from_file, from_environment):
        assert json.loads(shown.stdout)["serving"]["api_keys"] == [json.loads(entry)]


def test_a_name_that_cannot_be_used(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "key", "the desk")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: 'the desk' cannot name a key; expected ")
