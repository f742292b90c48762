"""Who is let in: hashes and headers are those of other tools."""

from __future__ import annotations

import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.datastructures import Headers

from mdstream.config import ServingSettings
from mdstream.errors import ConfigError
from mdstream.serving.access import ANONYMOUS, AccessList, entry_for, key_of, new_key

# printf %s open-sesame | sha256sum
SESAME = "desk:d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7"


def access(*entries: str, **settings: object) -> AccessList:
    return AccessList(ServingSettings.model_validate({"api_keys": entries, **settings}))


def test_the_entry_is_the_sha256_of_the_key() -> None:
    assert entry_for("desk", "open-sesame") == SESAME
    assert access(SESAME).name_of("open-sesame") == "desk"


def test_a_key_is_256_random_bits_and_fits_into_a_header() -> None:
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(re.fullmatch(r"mds_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_everybody_is_told_apart_by_name() -> None:
    first, second, renewed = new_key(), new_key(), new_key()
    listed = access(entry_for("desk", first), entry_for("bot", second), entry_for("desk", renewed))

    assert [listed.name_of(key) for key in (first, second, renewed)] == ["desk", "bot", "desk"]
    assert not listed.is_open


@pytest.mark.parametrize("key", [None, "", "open-sesam", "open-sesame ", "OPEN-SESAME", "\ud800", "é" * 5000])
def test_nobody_elses_key_is_taken(key: str | None) -> None:
    assert access(SESAME).name_of(key) is None


@given(st.text())
def test_no_text_is_taken_for_a_key(text: str) -> None:
    assert access(entry_for("desk", new_key())).name_of(text) is None


def test_the_hash_itself_is_no_key() -> None:
    assert access(SESAME).name_of(SESAME.partition(":")[2]) is None


def test_every_entry_is_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    compare = hmac.compare_digest

    def note(first: str, second: str) -> bool:
        compared.append(first)
        return compare(first, second)

    monkeypatch.setattr(hmac, "compare_digest", note)
    listed = access(SESAME, entry_for("bot", "b"), entry_for("tape", "c"))

    for key in ("open-sesame", "c", "neither"):
        compared.clear()
        listed.name_of(key)
        assert len(compared) == 3


def test_without_keys_everybody_may_ask() -> None:
    everybody = access()

    assert everybody.is_open
    assert everybody.name_of(None) == everybody.name_of("any") == ANONYMOUS


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 65, "dé", "desk\n"])
def test_a_name_that_the_configuration_refuses(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a key"):
        entry_for(name, "key")


@pytest.mark.parametrize("entry", ["open-sesame", "desk:open-sesame", SESAME.upper(), SESAME[:-1], f"{SESAME}\n"])
def test_an_entry_that_is_no_hash_is_refused_and_not_repeated(entry: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        ServingSettings(api_keys=(entry,))

    assert entry not in str(refusal.value)


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, None),
        ({"Authorization": "Bearer k-1"}, "k-1"),
        ({"authorization": "bearer  k-1 "}, "k-1"),
        ({"X-API-Key": "k-2"}, "k-2"),
        ({"Authorization": "Bearer k-1", "X-API-Key": "k-2"}, "k-1"),
        ({"Authorization": "Basic dXNlcjpw", "X-API-Key": "k-2"}, "k-2"),
        ({"Authorization": "Basic dXNlcjpw"}, None),
        ({"Authorization": "Bearer "}, None),
        ({"Authorization": "Bearer"}, None),
        ({"X-API-Key": ""}, None),
    ],
)
def test_where_a_request_carries_its_key(headers: dict[str, str], key: str | None) -> None:
    assert key_of(Headers(headers)) == key


LISTED = ("https://desk.example.com", "HTTPS://Other.example.com:443", "http://plain.example.com:8080")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://desk.example.com", True),
        ("https://DESK.example.com:443", True),
        ("https://other.example.com", True),
        ("http://plain.example.com:8080", True),
        ("http://localhost:8050", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:3000", True),
        ("http://10.1.2.3:8050", True),
        ("http://desk.example.com", False),
        ("https://desk.example.com:8443", False),
        ("https://desk.example.com.evil.example", False),
        ("https://evil.example/https://desk.example.com", False),
        ("http://plain.example.com", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://10.1.2.4", False),
        ("http://[::1", False),
        ("null", False),
        ("", False),
        ("*", False),
    ],
)
def test_which_web_pages_may_ask(origin: str | None, allowed: bool) -> None:
    listed = access(allowed_origins=LISTED, host="10.1.2.3")

    assert listed.allows_origin(origin) is allowed


@given(st.text())
def test_any_origin_is_allowed_or_not(origin: str) -> None:
    assert access().allows_origin(f"http://{origin}.example") in {True, False}


@pytest.mark.parametrize("origin", ["*", "desk.example.com", "https://", "https://a/b", "ftp://a", "https://u@a"])
def test_an_origin_that_no_browser_states_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError):
        ServingSettings(allowed_origins=(origin,))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        (None, True),
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("desk.example.com", True),
        ("rebound.evil.example:8000", False),
        ("10.0.0.7", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_a_site_cannot_resolve_its_name_to_this_machine(host: str | None, allowed: bool) -> None:
    private = access(allowed_origins=LISTED)
    assert private.allows_host(host) is allowed
    # With keys, or for other machines to ask, any name may be ours.
    assert access(SESAME).allows_host(host)
    assert access(host="0.0.0.0").allows_host(host)  # noqa: S104


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("API:8000", True),
        ("desk.lan", True),
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        (None, True),
        ("rebound.evil.example:8000", False),
        ("10.0.0.7:8000", False),
    ],
)
def test_a_server_for_other_machines_can_be_told_its_names(host: str | None, allowed: bool) -> None:
    assert access(host="0.0.0.0", allowed_hosts=["api", "Desk.lan"]).allows_host(host) is allowed  # noqa: S104
    assert access(SESAME, host="0.0.0.0", allowed_hosts=["api"]).allows_host(host)  # noqa: S104


@pytest.mark.parametrize("name", ["", "api:8000", "http://api", "a b"])
def test_a_name_is_without_port_and_scheme(name: str) -> None:
    with pytest.raises(ValidationError, match="allowed_hosts"):
        ServingSettings(allowed_hosts=(name,))


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("127.0.0.1", False),
        ("localhost", False),
        ("::1", False),
        ("[::1]", False),
        ("0.0.0.0", True),  # noqa: S104
        ("::", True),
        ("db7", True),
    ],
)
def test_open_to_other_machines(host: str, exposed: bool) -> None:
    assert access(host=host).is_exposed is exposed
    assert not access(SESAME, host=host).is_exposed
