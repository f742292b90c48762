"""What clients may say, and the answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mdstream.errors import InvalidInputError, did_you_mean
from mdstream.schemas.limits import SYMBOL_PATTERN

ChannelName = Literal["tick", "bar", "indicator", "anomaly", "prediction", "quote"]
SubscribedSymbol = Annotated[str, Field(pattern=rf"^(\*|(?:{SYMBOL_PATTERN})\*?)$")]
TYPES = ("subscribe", "unsubscribe", "ping", "auth")


class RefusedMessageError(InvalidInputError):
    """A client's message is refused.

    Attributes:
        code: A word for programs, e.g. `unknown_type`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class _Selection(_Message):
    symbols: list[SubscribedSymbol] = Field(min_length=1)
    channels: list[ChannelName] | None = Field(None, min_length=1)
    windows: list[str] | None = Field(None, min_length=1)


class Subscribe(_Selection):
    """Wants symbols; without channels the usual ones, without windows all of them.

    Attributes:
        since: The last number that it has, of one channel and window: of every symbol, or of each by its name.
        server: The server that gave those numbers.
    """

    type: Literal["subscribe"]
    since: Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)]] | None = None
    server: str | None = Field(None, max_length=64)

    def since_of(self, symbol: str) -> int | None:
        """Return the last number that it has of a symbol; None if it says none."""
        return self.since.get(symbol) if isinstance(self.since, dict) else self.since


class Unsubscribe(_Selection):
    """Wants symbols no more; without channels or windows nothing of them."""

    type: Literal["unsubscribe"]


class Ping(_Message):
    """Asks whether the server is there."""

    type: Literal["ping"]


class Auth(_Message):
    """Says who it is: a web page cannot set headers."""

    type: Literal["auth"]
    key: str = Field(repr=False)


ClientMessage = Subscribe | Unsubscribe | Ping | Auth
_ADAPTER: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])


def parse_message(text: str | bytes) -> ClientMessage:
    """Read a client's message.

    Raises:
        RefusedMessageError: It is not JSON, of no known type, or not as its type has to be.

    Example:
        >>> parse_message('{"type":"ping"}')
        Ping(type='ping')
    """
    if isinstance(text, bytes):
        raise RefusedMessageError("not_text", "a binary message; expected JSON in a text message")
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise RefusedMessageError("not_json", f"not JSON: {exc.msg} at character {exc.pos}") from exc
    if not isinstance(fields, dict):
        raise RefusedMessageError("not_an_object", f'expected a JSON object like {{"type":"ping"}}, found {text[:40]}')
    kind = fields.get("type")
    if kind not in TYPES:
        shown = str(kind)[:40]
        raise RefusedMessageError(
            "unknown_type", f"type '{shown}' is none of {', '.join(TYPES)}; {did_you_mean(shown, TYPES)}"
        )
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as exc:
        raise RefusedMessageError("invalid_message", f"{kind}: {_explained(exc)}") from exc


def _explained(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    # The type stands first in the place, and is in front of the sentence already.
    place = ".".join(str(part) for part in first["loc"][1:])
    return f"{place}: {first['msg']}"


def encode(kind: str, **fields: Any) -> str:  # noqa: ANN401 any JSON
    """Return a message of the server.

    Example:
        >>> encode("pong")
        '{"type":"pong"}'
    """
    return orjson.dumps({"type": kind, **fields}).decode()


def encode_error(code: str, message: str, **fields: Any) -> str:  # noqa: ANN401 any JSON
    """Return a message that says what was wrong.

    Example:
        >>> encode_error("not_json", "not JSON")
        '{"type":"error","code":"not_json","message":"not JSON"}'
    """
    return encode("error", code=code, message=message, **fields)


def known_windows(windows: Iterable[str] | None, known: Iterable[str]) -> list[str]:
    """Return the windows that were asked for, or all.

    Raises:
        RefusedMessageError: One of them is not known.

    Example:
        >>> known_windows(None, ["1min", "5min"]), known_windows(["5min"], ["1min", "5min"])
        (['1min', '5min'], ['5min'])
    """
    all_known = list(known)
    if windows is None:
        return all_known
    wanted = list(dict.fromkeys(windows))
    for window in wanted:
        if window not in all_known:
            raise RefusedMessageError("unknown_window", f"window '{window[:40]}'; known are: {', '.join(all_known)}")
    return wanted
