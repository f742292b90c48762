"""Who may use the servers: clients by API key, web pages by origin."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from mdstream.config import ServingSettings
from mdstream.config.serving import API_KEY_NAME
from mdstream.errors import ConfigError

ANONYMOUS = "anonymous"
"""Name of everybody, as long as no key is configured."""

_KEY_PREFIX = "mds_"
_KEY_BYTES = 32
_BEARER = "bearer "
_DEFAULT_PORTS = {"http": 80, "https": 443}


def new_key() -> str:
    """Return a new API key: 256 random bits, with a prefix by which scanners of leaked secrets can know it.

    Example:
        >>> len(new_key()), new_key() != new_key()
        (47, True)
    """
    return f"{_KEY_PREFIX}{secrets.token_urlsafe(_KEY_BYTES)}"


def entry_for(name: str, key: str) -> str:
    """Return what `serving.api_keys` holds of a key: its owner's name and its SHA-256.

    A slow, salted hash protects passwords, which can be guessed. A key of 256 random bits cannot, so that one
    round of SHA-256 keeps it as safe, and a request is checked in microseconds.

    Raises:
        ConfigError: The name is not usable.

    Example:
        >>> entry_for("desk", "a key")[:20]
        'desk:8fa3aab2faa9b79'
    """
    if not re.fullmatch(API_KEY_NAME, name):
        raise ConfigError(f"'{name}' cannot name a key; expected 1 to 64 letters, digits, dots, dashes and underscores")
    return f"{name}:{_digest(key)}"


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the key that a request carries, None without one.

    Args:
        headers: The request's headers, looked up without regard to case: `Authorization: Bearer KEY` or `X-API-Key`.

    Example:
        >>> from starlette.datastructures import Headers
        >>> key_of(Headers({"Authorization": "Bearer mds_x"})), key_of(Headers({"X-API-Key": "mds_y"}))
        ('mds_x', 'mds_y')
    """
    authorization = headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip() or None
    return headers.get("x-api-key") or None


class AccessList:
    """Knows the configured keys by their hashes, and the web pages that may ask.

    Several entries may bear one name: a client's old and new key while it changes over.

    Example:
        >>> key = new_key()
        >>> access = AccessList(ServingSettings(api_keys=(entry_for("desk", key),)))
        >>> access.name_of(key), access.name_of("a guess"), access.name_of(None)
        ('desk', None, None)
        >>> access.allows_origin("http://localhost:8050"), access.allows_origin("https://elsewhere.example")
        (True, False)
    """

    def __init__(self, settings: ServingSettings) -> None:
        entries = (entry.rpartition(":") for entry in settings.api_keys)
        self._keys = [(name, digest) for name, _, digest in entries]
        self._own_host = settings.host.strip("[]").lower()
        self._origins = frozenset(map(_normal_origin, settings.allowed_origins))
        self._listed_hosts = frozenset(name.lower() for name in settings.allowed_hosts)
        origin_hosts = filter(None, (urlsplit(origin).hostname for origin in self._origins))
        self._hosts = self._listed_hosts.union(origin_hosts)

    @property
    def is_open(self) -> bool:
        """Whether everybody may ask, for want of configured keys."""
        return not self._keys

    @property
    def is_exposed(self) -> bool:
        """Whether everybody may ask and other machines can."""
        return self.is_open and not _is_loopback(self._own_host)

    def name_of(self, key: str | None) -> str | None:
        """Return whose key it is, for logs and limits; None if it is nobody's and the request is to be refused.

        Without configured keys everybody is `ANONYMOUS`. The time taken does not depend on the key.
        """
        if self.is_open:
            return ANONYMOUS
        if key is None:
            return None
        given = _digest(key)
        found = None
        for name, digest in self._keys:
            if hmac.compare_digest(digest, given):
                found = name
        return found

    def allows_origin(self, origin: str | None) -> bool:
        """Return whether a web page of `origin`, as the browser states it, may ask; None: it is not a browser, and may.

        Besides `serving.allowed_origins`, pages of this machine itself and of `serving.host` may.
        """
        if origin is None:
            return True
        normal = _normal_origin(origin)
        if normal in self._origins:
            return True
        host = _host_of(normal)
        return host is not None and (host == self._own_host or _is_loopback(host))

    def allows_host(self, host: str | None) -> bool:
        """Return whether a request may be addressed to `host`, its `Host` header.

        A page of another site can have its own name resolved to 127.0.0.1 and then ask in its own name, without
        an `Origin`. Where no key is asked for such names are refused, unless other machines can ask and
        `serving.allowed_hosts` does not say under which names.
        """
        if not self.is_open or host is None or (self.is_exposed and not self._listed_hosts):
            return True
        name = _host_of(f"http://{host}")
        return name is not None and (_is_loopback(name) or name in self._hosts)


def _digest(key: str) -> str:
    # JSON may hold half a surrogate pair: no key of anybody's, and no reason to fail.
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def _normal_origin(origin: str) -> str:
    """Return the origin as browsers write it: in small letters, without a scheme's usual port."""
    lower = origin.lower()
    scheme, _, _ = lower.partition("://")
    return lower.removesuffix(f":{_DEFAULT_PORTS.get(scheme)}")


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
