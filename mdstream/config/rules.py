"""Reads the anomaly rules."""

from __future__ import annotations

import reprlib
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mdstream.config.problems import problem_list
from mdstream.config.settings import Settings
from mdstream.config.yaml_file import read_yaml
from mdstream.errors import ConfigError, InvalidInputError, did_you_mean
from mdstream.schemas.rules import Rule

DEFAULT_RULES = Path("conf/rules.yaml")
"""The rules that are read if no others are named and the file exists."""

SHIPPED_RULES = Path(__file__).with_name("rules.yaml")
"""The rules that come with mdstream: the `conf/rules.yaml` of its sources."""

RULES_OF_QUOTES = Path(__file__).with_name("rules_of_quotes.yaml")
"""Examples on quotes, sides of trades and volatility, for stored bars with such columns: off unless they are named."""

MOST_RULES = 500
"""Most rules: every bar is looked at by each of them."""


def _number_as_text(found: object) -> object:
    """Take a bare number for the expression that it is."""
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else found


_Expression = Annotated[str, Field(min_length=1)]
_Number = Annotated[_Expression, BeforeValidator(_number_as_text)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: _Expression
    predicate: _Expression
    severity: _Expression
    message: _Expression
    value: _Number = "NULL"
    threshold: _Number = "NULL"
    on: Literal["revision", "close"] = "revision"


_ROWS = TypeAdapter(Annotated[list[_Row], Field(max_length=MOST_RULES)])


def load_rules(settings: Settings) -> tuple[Rule, ...]:
    """Read the rules from `settings.rules_file`, or else `conf/rules.yaml`, or else those that come with mdstream.

    The file is the whole list: a rule that is not in it does not run. Expressions are not looked at here;
    `mdstream.streaming.check_rules` does that.

    Raises:
        ConfigError: The file cannot be read, a key is unknown or missing, or a name is not usable or stands twice.

    Example:
        >>> [rule.name for rule in load_rules(Settings(rules_file=SHIPPED_RULES))][:2]
        ['price_spike', 'volume_spike']
    """
    path = settings.rules_file or (DEFAULT_RULES if DEFAULT_RULES.is_file() else SHIPPED_RULES)
    content = read_yaml(path, "rules file")
    try:
        rows = _ROWS.validate_python([] if content is None else content)
    except ValidationError as exc:
        raise ConfigError(_explain(exc, content, path)) from exc
    rules = []
    for number, row in enumerate(rows, start=1):
        try:
            rules.append(Rule(**row.model_dump()))
        except InvalidInputError as exc:
            raise ConfigError(f"the rules in {path} cannot be used: {_called(row.name, number)}: {exc}") from exc
    repeated = [name for name, times in Counter(rule.name for rule in rules).items() if times > 1]
    if repeated:
        raise ConfigError(f"the rules in {path} cannot be used: several rules are called {', '.join(repeated)}")
    return tuple(rules)


def _explain(error: ValidationError, content: object, path: Path) -> str:
    problems = error.errors(include_url=False)
    return problem_list(
        f"the rules in {path} cannot be used:", [_explain_one(problem, content) for problem in problems]
    )


def _explain_one(problem: ErrorDetails, content: object) -> str:
    if not problem["loc"]:
        if problem["type"] == "too_long":
            return f"there are {len(problem['input']):,} rules; expected at most {MOST_RULES}"
        return f"expected a list of rules, found a {type(content).__name__}"
    number, *keys = problem["loc"]
    row = content[int(number)] if isinstance(content, list) else None
    where = _called(row.get("name") if isinstance(row, dict) else None, int(number) + 1)
    key = ".".join(map(str, keys))
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key '{key}'; {did_you_mean(key, _Row.model_fields)}"
    if problem["type"] == "missing":
        return f"{where}: {key} is missing"
    if not keys:
        return f"{where}: expected keys {', '.join(_Row.model_fields)}, found {reprlib.repr(row)}"
    return f"{where}: {key} is {reprlib.repr(problem['input'])}; expected a text that is not empty"


def _called(name: object, number: int) -> str:
    return f"rule '{name}'" if isinstance(name, str) and name else f"rule number {number}"
