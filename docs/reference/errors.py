"""Every error that mdstream raises, with what to do."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from docs.reference.markdown import code, prose, table
from mdstream import errors
from mdstream.errors import MdstreamError
from mdstream.feeds.alphavantage.failures import LaterError, NotEntitledError, QuotaSpentError
from mdstream.feeds.massive.rest import AccessError
from mdstream.feeds.websocket.vendor import EvictedError
from mdstream.schemas.checking import MalformedRecordError
from mdstream.serving.dashboard.history import HistoryError
from mdstream.serving.rest.errors import ApiError
from mdstream.serving.websocket.messages import RefusedMessageError
from mdstream.stores.timescaledb.reading import ReadingError

_HEAD = """# Errors

Every error is a `MdstreamError`, and its message says what was found, what was expected and what to do. A command
that fails prints it in a line and ends with exit code 1 ([exit codes](../operations.md#exit-codes-signals-logs)).
What messages of the running pipeline mean, one by one: [troubleshooting](../operations.md#troubleshooting).

REST and WebSocket answer with errors of their own: [REST](rest.md#refusals), [WebSocket](websocket.md#errors).

"""

REMEDIES: Mapping[type[MdstreamError], str] = {
    MdstreamError: "catch it to catch all of the following",
    errors.ConfigError: "change the key that the message names; `mdstream config check` looks at all of them",
    errors.MissingDependencyError: "install the extra that it names, e.g. `pip install 'mdstream-spark[jobs]'`",
    errors.ExtensionError: "`mdstream extensions` says what is installed, and why one cannot be used; after a change "
    "of entry points install the package again",
    errors.InvalidInputError: "change the argument, file or column that the message names; rows of a file are counted "
    "by reason instead, and trades of a frame dropped by `filter_usable_trades`",
    errors.FeedError: "check key, plan, symbols and address, and start it again: it does not try again by itself",
    errors.DeliveryError: "`mdstream doctor`: is Kafka there, with its topics? Start again; what was not acknowledged "
    "can be read again from the file, or back-filled",
    errors.StoreError: "`mdstream doctor`, then `mdstream maintain`: the message says what the store refused",
    errors.StoreUnavailableError: "bring the server back; jobs wait for it (`stores.retry_seconds`), a command is "
    "started again",
    errors.SinkError: "the same write would be refused again: mostly tables of another release (`mdstream maintain`), "
    "or rights",
    errors.SinkUnavailableError: "bring the server back: the same write is tried again, and repeats are harmless",
    errors.AlertError: "check the address of the channel (`SLACK_WEBHOOK_URL`) and Kafka",
    errors.AlertDelayedError: "nothing: the alert is sent again, until it is `alerts.max_age_seconds` old",
    errors.ModelError: "`mdstream train`: there is no model for that symbol and horizon, or it cannot be read",
    errors.ServerError: "`mdstream servers status`, and the log that it names; is a port taken, or memory short?",
    errors.QueryFailedError: "the last line says why, the trace file the rest: troubleshooting has what to do",
}
"""What to do about each error that is for users to catch."""

OTHERS: Mapping[type[MdstreamError], str] = {
    MalformedRecordError: "something else than mdstream writes to that topic or key; the record is left out",
    LaterError: "nothing: the feed asks again",
    QuotaSpentError: "wait for tomorrow, or raise `feeds.alphavantage.calls_per_day` with the plan",
    NotEntitledError: "another plan, or another `feeds.alphavantage.entitlement`",
    AccessError: "check `feeds.massive.api_key`, and whether the plan has trades, or aggregates alone (`--kind bars`)",
    EvictedError: "the account has one connection: stop the other process that uses it",
    ReadingError: "REST answers 503: `mdstream doctor`; if the database is too slow, a shorter range",
    ApiError: "the body of the answer says what",
    RefusedMessageError: "the answer's code and message say what",
    HistoryError: "the dashboard says it on its page: is the API running, and its key right?",
}
"""What to do about those that stand where they are raised."""


def page() -> str:
    """Return the page."""
    tree = (errors.__doc__ or "").split("::\n\n")[1]
    own = table(["error", "means", "do"], [_row(kind, remedy) for kind, remedy in REMEDIES.items()])
    head = ["error", "is a", "of", "means", "do"]
    others = table(
        head,
        [
            (code(kind.__name__), code(kind.__bases__[0].__name__), code(kind.__module__), _meaning(kind), remedy)
            for kind, remedy in OTHERS.items()
        ],
    )
    return "\n".join(
        [
            f"{_HEAD}```text\n{inspect.cleandoc(tree)}\n```\n",
            f"## Of `mdstream.errors`\n\nFor users to catch.\n\n{own}",
            f"## Raised within\n\nThey stand where they are raised, and reach users as a message.\n\n{others}",
        ]
    )


def _row(kind: type[MdstreamError], remedy: str) -> tuple[str, str, str]:
    return code(kind.__name__), _meaning(kind), remedy


def _meaning(kind: type[MdstreamError]) -> str:
    return prose(" ".join((kind.__doc__ or "").split("\n\n")[0].split()))
