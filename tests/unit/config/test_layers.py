"""Where a setting comes from: the environment over `.env` over the file over the default."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mdstream.config import Settings, load_settings
from mdstream.errors import ConfigError
from mdstream.schemas import BarWindow

SHIPPED = Path(__file__).parents[3] / "conf" / "mdstream.yaml"
VARIABLE = "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS"


def test_nothing_configured() -> None:
    settings = load_settings()

    assert settings == Settings()
    assert settings.serving.host == "127.0.0.1"
    assert settings.windows == (BarWindow("1min", 60), BarWindow("5min", 300), BarWindow("15min", 900))


def test_the_later_layer_wins(project: Path, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> str:
        return load_settings().kafka.bootstrap_servers

    assert seen() == "127.0.0.1:9092"
    conf.write_text("kafka: {bootstrap_servers: file:1}")
    assert seen() == "file:1"
    (project / ".env").write_text(f"{VARIABLE}=dotenv:2\n")
    assert seen() == "dotenv:2"
    monkeypatch.setenv(VARIABLE, "environment:3")
    assert seen() == "environment:3"


def test_layers_are_merged_key_by_key(project: Path, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text("stores: {redis: {host: cache, port: 7000}, timescaledb: {host: db}}")
    (project / ".env").write_text("MDSTREAM_STORES__REDIS__PASSWORD=one\n")
    monkeypatch.setenv("MDSTREAM_STORES__REDIS__PORT", "7001")

    stores = load_settings().stores

    assert (stores.redis.host, stores.redis.port, stores.timescaledb.host) == ("cache", 7001, "db")
    assert stores.redis.password.get_secret_value() == "one"


def test_a_file_named_by_argument_goes_before_one_named_by_variable(
    project: Path, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("argument", "variable"):
        (project / f"{name}.yaml").write_text(f"kafka: {{bootstrap_servers: {name}}}")
    conf.write_text("kafka: {bootstrap_servers: conf}")

    assert load_settings().kafka.bootstrap_servers == "conf"
    monkeypatch.setenv("MDSTREAM_CONFIG", "variable.yaml")
    assert load_settings().kafka.bootstrap_servers == "variable"
    assert load_settings(Path("argument.yaml")).kafka.bootstrap_servers == "argument"


@pytest.mark.parametrize("content", ["", "\n# only a comment\n", "---\n"])
def test_an_empty_file_changes_nothing(conf: Path, content: str) -> None:
    conf.write_text(content)

    assert load_settings() == Settings()


def test_the_shipped_file_says_what_the_defaults_are() -> None:
    assert load_settings(SHIPPED) == Settings()


def test_a_dotenv_of_several_programs(project: Path) -> None:
    (project / ".env").write_text("AWS_REGION=eu-central-1\nMDSTREAM_SERVING__REST_PORT=9000\nSYMBOLS=x\n")

    assert load_settings().serving.rest_port == 9000


def test_lists_in_variables_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_SYMBOLS", '["ON", "BRK.B", "EUR/USD"]')
    monkeypatch.setenv("MDSTREAM_WINDOW_CONFIGURATIONS", '[{"name": "2min", "duration": 120}]')

    settings = load_settings()

    assert settings.symbols == ("ON", "BRK.B", "EUR/USD")
    assert settings.windows == (BarWindow("2min", 120),)


def test_a_section_in_one_variable_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_KAFKA", '{"partitions": 7}')
    monkeypatch.setenv("MDSTREAM_KAFKA__LINGER_MS", "3")

    kafka = load_settings().kafka

    assert (kafka.partitions, kafka.linger_ms) == (7, 3)


def test_settings_travel_and_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_KAFKA__PARTITIONS", "7")
    settings = load_settings()

    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes
    with pytest.raises(ValueError, match="frozen"):
        settings.kafka.partitions = 8  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.symbols = ()  # type: ignore[misc]


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration file nowhere\.yaml: No such file"):
        load_settings(Path("nowhere.yaml"))


def test_a_variable_that_names_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_CONFIG", "nowhere.yaml")

    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_settings()


def test_a_folder_in_place_of_a_file(project: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load_settings(project)
