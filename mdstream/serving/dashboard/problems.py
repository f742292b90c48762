"""What is wrong, and what to do about it, for whoever looks at the dashboard."""

from __future__ import annotations

from websockets.exceptions import ConnectionClosed, InvalidStatus

_ADVICE = {
    "rest": "History is missing. Is it running? `mdstream api`",
    "database": "Until it is back there is no history; live bars go on. `mdstream doctor` says more.",
    "websocket": "Bars come late, from the database. Is it running? `mdstream websocket`",
    "redis": "Prices come from the database instead. `mdstream doctor` says more.",
}
NO_KAFKA = "Kafka cannot be reached: no bars come until it is back. `mdstream doctor` says more."

_UNAUTHORIZED = (401, 403)
_KEY = "Give the dashboard a key: `mdstream config key` makes one, MDSTREAM_SERVING__DASHBOARD__API_KEY holds it."
_NAMES = {"database": "The database", "redis": "Redis"}


def explain_server(name: str, found: str, status: int | None = None) -> str:
    """Return a sentence about a server that does not do what it should, and what to do.

    Args:
        name: `rest`, or a server behind the API as `/health/ready` calls it.
        found: What was found.
        status: HTTP status of the refusal, if it was one.

    Example:
        >>> print(explain_server("redis", "refused"))
        Redis cannot be reached (refused). Prices come from the database instead. `mdstream doctor` says more.
    """
    if status in _UNAUTHORIZED:
        return f"{found} {_KEY}"
    if name == "rest":
        return f"{found} {_ADVICE[name]}"
    return f"{_NAMES.get(name, name)} cannot be reached ({found}). {_ADVICE.get(name, '')}".rstrip()


def explain_failure(found: str) -> str:
    """Return a sentence about a part of the dashboard itself that failed.

    Example:
        >>> explain_failure("charts failed (KeyError) and was begun again")[:55]
        'A part of the dashboard failed: charts failed (KeyError'
    """
    return f"A part of the dashboard failed: {found}. What is shown may be old; its log says more."


def explain_live(url: str, failure: Exception | None) -> str:
    """Return a sentence about the WebSocket server, and what to do.

    Args:
        url: Where it is.
        failure: Why the connection could not be made, or ended; None if the server ended it as it should.

    Example:
        >>> explain_live("ws://127.0.0.1:8001", None)[:64]
        'The WebSocket server at ws://127.0.0.1:8001 closed the connectio'
    """
    who = f"The WebSocket server at {url}"
    if isinstance(failure, InvalidStatus) and failure.response.status_code in _UNAUTHORIZED:
        return f"{who} refuses the dashboard's key. {_KEY}"
    if failure is None or isinstance(failure, ConnectionClosed):
        said = failure.rcvd.reason if failure and failure.rcvd else ""
        return f"{who} closed the connection{f' ({said})' if said else ''}. {_ADVICE['websocket']}"
    return f"{who} does not answer ({failure or type(failure).__name__}). {_ADVICE['websocket']}"
