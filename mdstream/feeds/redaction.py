"""Keys are blacked out of what vendors say: some of them send ours back to us."""

from __future__ import annotations

from collections.abc import Sequence

from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import shown

_BLACK = "***"


def redacted(text: str, secrets: Sequence[str]) -> str:
    """Return the text without the secrets.

    Example:
        >>> redacted("your API key k3y is not valid", ["k3y"])
        'your API key *** is not valid'
    """
    for secret in secrets:
        text = text.replace(secret, _BLACK)
    return text


def shown_message(message: object, secrets: Sequence[str]) -> str:
    """Return what a vendor told us as logs and errors show it; what is cut off is cut behind the secrets' going.

    Example:
        >>> shown_message(None, ["k3y"]), shown_message("k3y?", ["k3y"])
        ('None', '***?')
    """
    return shown(redacted(str(message), secrets))


def redacted_reject(reject: Reject, secrets: Sequence[str]) -> Reject:
    """Return the reject with neither reason nor payload holding a secret: it ends in a topic that many read."""
    payload = reject.payload
    for secret in secrets:
        payload = payload.replace(secret.encode(), _BLACK.encode())
    return Reject(redacted(reject.reason, secrets), payload, reject.row)
