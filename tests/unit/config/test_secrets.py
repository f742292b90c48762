"""A secret goes to the server it is for, and nowhere else."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from mdstream.config import RedisSettings, Settings, SparkSettings, load_settings
from mdstream.errors import ConfigError

SECRET = "hunter2"


def test_is_handed_out_when_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PASSWORD", SECRET)
    settings = load_settings()

    assert settings.stores.timescaledb.password.get_secret_value() == SECRET
    for shown in (
        repr(settings),
        str(settings),
        f"{settings.stores}",
        settings.model_dump_json(),
        str(settings.model_dump()),
    ):
        assert SECRET not in shown
    assert "**********" in repr(settings)


def test_secrets_of_spark_are_hidden_by_their_names() -> None:
    spark = SparkSettings(
        conf={
            "spark.hadoop.fs.s3a.secret.key": SECRET,
            "spark.hadoop.fs.s3a.access.key": SECRET,
            "spark.ssl.keyStorePassword": SECRET,
            "spark.hadoop.auth.token": SECRET,
            "spark.executor.memory": "2g",
        }
    )

    assert SECRET not in repr(spark) + spark.model_dump_json()
    assert spark.model_dump(mode="json")["conf"]["spark.executor.memory"] == "2g"
    assert spark.conf["spark.ssl.keyStorePassword"] == SECRET


@pytest.mark.parametrize(
    "content",
    [
        # Each is a mistake right beside the secret.
        f"stores: {{redis: {{password: [{SECRET}]}}}}",
        f"stores: {{redis: {{port: {SECRET}}}}}",
        f"stores: {{redis: {{password: {SECRET}, prt: 1}}}}",
        f"stores: {{redis: {SECRET}}}",
        f"stores:\n  redis: {{password: '{SECRET}\n",
        f"stores: {{redis: {{password: *{SECRET}}}}}",
        f"stores: {{redis: {{password: !{SECRET} x}}}}",
        f"stores: {{redis: {{password: {SECRET}: x}}}}",
        f"stores: {{redis: {{password: {SECRET}}}}}\n\tkafka: 1",
    ],
)
def test_is_in_no_error_and_in_no_traceback(conf: Path, content: str) -> None:
    conf.write_text(content)

    with pytest.raises(ConfigError) as caught:
        load_settings()

    assert SECRET not in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "name", ["MDSTREAM_STORES__REDIS__PORT", "MDSTREAM_STORES", "MDSTREAM_STROES__REDIS__PASSWORD"]
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_is_in_no_error_about_a_variable(project: Path, monkeypatch: pytest.MonkeyPatch, where: str, name: str) -> None:
    if where == "environment":
        monkeypatch.setenv(name, SECRET)
    else:
        (project / ".env").write_text(f"{name}={SECRET}\n")

    with pytest.raises(ConfigError) as caught:
        load_settings()

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_is_in_no_error_of_a_section_built_by_hand() -> None:
    with pytest.raises(ValueError, match="port") as caught:
        RedisSettings(port=SECRET)

    assert SECRET not in str(caught.value)


def test_the_example_of_a_dotenv_lists_every_secret() -> None:
    example = (Path(__file__).parents[3] / ".env.example").read_text()

    secrets = [
        f"MDSTREAM_STORES__{store.upper()}__{name.upper()}"
        for store, section in Settings().stores
        if hasattr(section, "model_dump")
        for name, value in section
        if hasattr(value, "get_secret_value")
    ]
    assert len(secrets) >= 2
    assert [name for name in secrets if f"{name}=\n" not in example] == []
