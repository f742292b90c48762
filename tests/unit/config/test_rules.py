"""Rules come from a file, whose mistakes are told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdstream.config import Settings, load_rules, load_settings
from mdstream.config.rules import SHIPPED_RULES
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.schemas.rules import Placeholder, Rule

PROJECT = Path(__file__).parents[3]
GOOD = "- {name: dear, predicate: close > 150, severity: low, message: dear}\n"


@pytest.fixture
def file(project: Path) -> Path:
    """Where rules are looked for; it is not there yet."""
    (project / "conf").mkdir()
    return project / "conf" / "rules.yaml"


def refusal(configured: Settings | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_rules(configured or Settings())
    return str(caught.value)


def test_without_a_file_those_that_come_with_mdstream_are_there() -> None:
    assert [rule.name for rule in load_rules(Settings())] == [
        "price_spike",
        "volume_spike",
        "rsi_overbought",
        "rsi_oversold",
        "high_latency",
    ]


def test_the_rules_are_declared_once() -> None:
    assert SHIPPED_RULES.resolve() == PROJECT / "conf" / "rules.yaml"


def test_a_file_is_the_whole_list(file: Path) -> None:
    file.write_text(GOOD)

    assert load_rules(Settings()) == (Rule("dear", "close > 150", "low", "dear", "NULL", "NULL"),)


def test_a_file_that_is_named_goes_before(file: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(GOOD)
    (project / "mine.yaml").write_text(GOOD.replace("dear", "cheap"))
    monkeypatch.setenv("MDSTREAM_RULES_FILE", "mine.yaml")

    assert [rule.name for rule in load_rules(load_settings())] == ["cheap"]


def test_numbers_need_no_quotes(file: Path) -> None:
    file.write_text("- {name: a, predicate: close > 1, severity: low, message: m, value: 1.5, threshold: -3}\n")

    (rule,) = load_rules(Settings())
    assert (rule.value, rule.threshold) == ("1.5", "-3")


@pytest.mark.parametrize("content", ["", "# none\n", "[]"])
def test_no_rules_at_all(file: Path, content: str) -> None:
    file.write_text(content)

    assert load_rules(Settings()) == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (GOOD.replace("predicate", "predicat"), "rule 'dear': unknown key 'predicat'; did you mean 'predicate'?"),
        (GOOD.replace("predicate", "predicat"), "rule 'dear': predicate is missing"),
        ("- {predicate: close > 1, severity: low, message: m}", "rule number 1: name is missing"),
        (GOOD.replace("severity: low", "severity: 3"), "rule 'dear': severity is 3; expected a text"),
        (GOOD.replace("close > 150", "''"), "rule 'dear': predicate is ''; expected a text that is not empty"),
        (GOOD.replace("close > 150", "true"), "rule 'dear': predicate is True; expected a text"),
        (GOOD.replace("low,", "low, value: true,"), "rule 'dear': value is True; expected a text"),
        (GOOD + GOOD, "several rules are called dear"),
        (
            GOOD.replace("name: dear", "name: Dear Rule"),
            "rule 'Dear Rule': the name 'Dear Rule' is not usable; expected",
        ),
        (GOOD.replace("name: dear", "name: " + "x" * 64), "is not usable"),
        (GOOD.replace("message: dear", "message: '{close'"), "rule 'dear': the message '{close' is not usable"),
        (
            GOOD.replace("message: dear", "message: '{close:%}'"),
            "has a placeholder that is not usable; expected {column}",
        ),
        (GOOD.replace("message: dear", "message: '{}'"), "has a placeholder that is not usable"),
        (GOOD.replace("message: dear", "message: '{close.real}'"), "has a placeholder that is not usable"),
        (GOOD.replace("message: dear", "message: '{close!r}'"), "has a placeholder that is not usable"),
        (GOOD.replace("message: dear", "message: '{close:{open}}'"), "has a placeholder that is not usable"),
        ("rules: []", "expected a list of rules, found a dict"),
        ("price_spike", "expected a list of rules, found a str"),
        (
            "- price_spike",
            "rule number 1: expected keys name, predicate, severity, message, value, threshold, on, found",
        ),
        ("- {1: 2}", "rule number 1: name is missing"),
        ("- {", "is not YAML: look at line"),
    ],
)
def test_mistakes(file: Path, content: str, problem: str) -> None:
    file.write_text(content)

    message = refusal()
    assert problem in message
    assert "conf/rules.yaml" in message


def test_every_mistake_is_told_at_once(file: Path) -> None:
    file.write_text("- {name: a, severity: low, message: m}\n- {name: b, predicate: x, severity: low}\n")

    assert refusal().splitlines()[1:] == ["  rule 'a': predicate is missing", "  rule 'b': message is missing"]


def test_a_named_file_that_is_not_there() -> None:
    assert "cannot read the rules file nowhere.yaml: No such file" in refusal(Settings(rules_file=Path("nowhere.yaml")))


def test_the_parts_of_a_message() -> None:
    rule = Rule("a", "true", "low", "{{{close:,.2f}}} at {symbol}")

    assert rule.message_parts == ("{", Placeholder("close", ",.2f"), "}", " at ", Placeholder("symbol"))


@pytest.mark.parametrize(
    ("predicate", "severity", "is_so"),
    [
        ("rsi_14 > 70", "low", True),
        ("`RSI_14`>70", "low", True),
        ("close > 1", "CASE WHEN close > rsi_14 THEN 'high' ELSE 'low' END", True),
        ("close > rsi_14_overbought OR close > rsi_1", "high", False),
    ],
)
def test_what_judges_a_bar_is_in_predicate_and_severity(predicate: str, severity: str, *, is_so: bool) -> None:
    rule = Rule("a", predicate, severity, "{rsi_14}", "rsi_14", "rsi_14")
    assert rule.is_judged_by(["sma_20", "rsi_14"]) is is_so
    assert not rule.is_judged_by([])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "predicate", "severity", "message", "value", "threshold", "x"])
                | st.integers(),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_content_is_rules_or_a_config_error(project: Path, content: object) -> None:
    (project / "any.yaml").write_text(yaml.safe_dump(content))
    try:
        rules = load_rules(Settings(rules_file=Path("any.yaml")))
    except ConfigError:
        return
    assert all(isinstance(rule, Rule) for rule in rules)


@given(st.lists(st.text() | st.sampled_from([Placeholder("close"), Placeholder("value", ",.2f")])))
def test_any_message_comes_apart_as_it_was_put_together(parts: list[str | Placeholder]) -> None:
    template = ""
    for part in parts:
        if isinstance(part, str):
            template += part.replace("{", "{{").replace("}", "}}")
        else:
            template += f"{{{part.column}:{part.number_format}}}" if part.number_format else f"{{{part.column}}}"

    found = Rule("a", "true", "low", template).message_parts
    assert "".join(map(str, found)) == "".join(map(str, parts))


@given(st.from_regex(r"[a-z_{}:.,0-9f!]{0,20}", fullmatch=True))
def test_any_message_is_one_or_refused(message: str) -> None:
    try:
        parts = Rule("a", "true", "low", message).message_parts
    except InvalidInputError:
        assert "{" in message or "}" in message
    else:
        assert all(part.column.isidentifier() for part in parts if isinstance(part, Placeholder))
