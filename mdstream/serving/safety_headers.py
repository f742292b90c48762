"""Headers that keep what we answer from being taken for something else, by browsers or through other sites' pages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOTHING_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""Content security policy of what is not a page: a browser that shows it loads and runs nothing."""


def safety_headers(policy: str = NOTHING_POLICY) -> Mapping[str, str]:
    """Return the headers of an answer.

    Args:
        policy: Its content security policy.

    Example:
        >>> safety_headers()["X-Content-Type-Options"]
        'nosniff'
    """
    return MappingProxyType(
        {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
    )
