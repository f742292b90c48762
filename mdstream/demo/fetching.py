"""Fetches what the demo needs and packages do not bring, and says how far it is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from mdstream.runtime.engine import live_jars
from mdstream.runtime.jars import KAFKA_SERVER_PACKAGE, are_cached, fetch_jars, fetched_bytes
from mdstream.runtime.java import Java

_SAID_EVERY_SECONDS = 3.0
_MEGABYTE = 1_000_000


def fetch_jars_of_demo(connectors: tuple[str, ...], java: Java, say: Callable[[str], None]) -> None:
    """Fetch the Kafka server and Spark's connectors, and compile the live engine, as far as they are not there.

    Args:
        connectors: Maven coordinates of Spark's connectors.
        java: What fetches and compiles.
        say: Called with each step, and every few seconds with how much has come.

    Raises:
        ServerError: A package cannot be fetched, the cache cannot be written, or the engine does not compile.
    """
    for packages in ((KAFKA_SERVER_PACKAGE,), connectors):
        if packages and not are_cached(packages):
            say(f"fetching {', '.join(packages)}; this happens once")
            with ThreadPoolExecutor(1) as pool:
                fetching = pool.submit(fetch_jars, packages, java)
                while not wait([fetching], _SAID_EVERY_SECONDS).done:
                    say(f"{fetched_bytes(packages) / _MEGABYTE:.0f} MB have come")
                fetching.result()
    if connectors:
        say("looking for the live engine; the first time it is compiled")
        live_jars(connectors, java)
