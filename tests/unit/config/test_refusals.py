"""What cannot be used is refused with its place, what was expected and the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdstream.config import load_settings
from mdstream.errors import ConfigError


def refusal() -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("symbls: [AAPL]", "symbls: unknown key; did you mean 'symbols'?"),
        ("kafka: {bootstrap_server: x}", "kafka.bootstrap_server: unknown key; did you mean 'bootstrap_servers'?"),
        ("stores: {redis: {pasword: x}}", "stores.redis.pasword: unknown key; did you mean 'password'?"),
        ("stores: {postgres: {}}", "stores.postgres: unknown key; known are: "),
        (
            "window_configurations: [{name: 1min, duration: 60}, {name: 2min, length: 120}]",
            "window_configurations.1.length: unknown key; known are: duration, name",
        ),
        ("window_configurations: [{name: 1min}]", "window_configurations.0.duration: Field required"),
        ("window_configurations: [{name: 1min, duration: 0}]", "window_configurations.0.duration: Input should be gr"),
        ("window_configurations: []", "window_configurations: "),
        (
            "window_configurations: [{name: a, duration: 1}, {name: a, duration: 2}]",
            "two windows have the same name: a, a",
        ),
        ("symbols: []", "symbols: "),
        ("symbols: ''", "symbols: "),
        ("symbols: [ON]", "symbols.0: Input should be a valid string; in YAML put numbers and words like ON in quotes"),
        ("symbols: [' A']", "symbols.0: Value error, expected a symbol: 1 to 64 printable characters"),
        ("window_configurations: [{name: 60d, duration: 5184000}]", "window 60d is longer than 50 days"),
        (
            "window_configurations: [{name: 1min, duration: 60}, {name: 60s, duration: 60}]",
            "two of the windows 1min, 60s are equally long",
        ),
        ("spark: {micro_batch_trigger: 1 secund}", "spark.micro_batch_trigger: "),
        ("serving: {rest_port: 65536}", "serving.rest_port: Input should be less than or equal to 65535"),
        ("serving: {rest_port: http}", "serving.rest_port: Input should be a valid integer"),
        ("kafka: {compression: brotli}", "kafka.compression: Input should be 'none', 'gzip'"),
        ("kafka: 3", "kafka: Input should be a valid dictionary"),
        ("1: 2", "unknown key 1; known are: "),
        ("- symbols", "holds a list; expected a mapping of settings"),
        ("just text", "holds a str; expected a mapping of settings"),
        ("kafka: {partitions: 2", "is not YAML: look at line 1"),
        ("kafka:\n\tpartitions: 2", "is not YAML: look at line 2, column 1"),
        ("kafka: !!python/object/apply:os.system [true]", "is not YAML: look at line 1"),
    ],
)
def test_in_the_file(conf: Path, content: str, expected: str) -> None:
    conf.write_text(content)

    message = refusal()

    assert expected in message
    assert "conf/mdstream.yaml" in message


def test_every_mistake_is_told_at_once(conf: Path) -> None:
    conf.write_text("symbls: [AAPL]\nkafka: {partitions: 0}\nserving: {rest_prt: 1}\n")

    lines = refusal().splitlines()

    assert [line.split(":")[0].strip() for line in lines[1:]] == ["kafka.partitions", "serving.rest_prt", "symbls"]


def test_bytes_that_are_no_text(conf: Path) -> None:
    conf.write_bytes(b"symbols: [\xff\xfe]")

    assert refusal() == "conf/mdstream.yaml is not YAML"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "MDSTREAM_KAFAK__PARTITIONS",
            "3",
            "MDSTREAM_KAFAK__PARTITIONS: unknown setting 'kafak'; did you mean 'kafka'?",
        ),
        ("MDSTREAM_KAFKA__PARTITION", "3", "kafka.partition: unknown key; did you mean 'partitions'?"),
        ("MDSTREAM_KAFKA__PARTITIONS", "many", "kafka.partitions: Input should be a valid integer"),
        ("MDSTREAM_KAFKA", "many", 'field "kafka"'),
        ("MDSTREAM_SYMBOLS", "[1,", "symbols: "),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_in_variables(
    project: Path, monkeypatch: pytest.MonkeyPatch, where: str, name: str, value: str, expected: str
) -> None:
    if where == "environment":
        monkeypatch.setenv(name, value)
    else:
        (project / ".env").write_text(f"{name}={value}\n")

    assert expected in refusal()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["kafka", "stores", "redis", "symbols", "spark", "conf", "x"]), inner, max_size=3
            )
        ),
        max_leaves=6,
    )
)
def test_any_content_is_settings_or_a_config_error(conf: Path, content: object) -> None:
    import yaml

    conf.write_text(yaml.safe_dump(content))
    try:
        loaded = load_settings()
    except ConfigError:
        return
    assert loaded.symbols
