from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.config import load_settings


def test_paths_of_a_file_are_relative_to_it_wherever_a_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "mdstream.yaml").write_text(
        "rules_file: mine.yaml\nticks: {conditions_table: tables/codes.csv}\nforecasting: {models: ../models}\n"
        "spark: {checkpoint_location: checkpoints}\nstores: {lake: {path: 's3://bucket/lake'}}\n"
        "kafka: {security: {protocol: SSL, ca_file: /etc/ca.pem}}\n"
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = load_settings(Path("../desk/mdstream.yaml"))
    assert found.rules_file is not None
    assert found.rules_file.resolve() == folder / "mine.yaml"
    assert found.ticks.conditions_table is not None
    assert found.ticks.conditions_table.resolve() == folder / "tables" / "codes.csv"
    assert found.forecasting.models.resolve() == tmp_path / "models"
    assert Path(found.spark.checkpoint_location).resolve() == folder / "checkpoints"
    assert found.stores.lake.path == "s3://bucket/lake"
    assert found.kafka.security.ca_file == Path("/etc/ca.pem")

    monkeypatch.setenv("MDSTREAM_RULES_FILE", "other.yaml")
    assert load_settings(folder / "mdstream.yaml").rules_file == Path("other.yaml")
