"""What errors of PostgreSQL mean."""

from __future__ import annotations

import psycopg2
import pytest

from mdstream.config import TimescaleSettings
from mdstream.errors import StoreUnavailableError
from mdstream.stores.timescaledb.connection import translated


def test_of_a_full_disk_the_server_and_the_remedy_are_named() -> None:
    said = 'could not extend file "base/16384/16402": No space left on device'
    settings = TimescaleSettings(host="db.example.com", port=5433)
    with pytest.raises(StoreUnavailableError) as found, translated(settings):
        raise psycopg2.errors.DiskFull(said)
    assert "PostgreSQL at db.example.com:5433" in str(found.value)
    assert f"has a full disk: {said}; free some on the server's machine" in str(found.value)
    assert "stores.timescaledb.retention_days" in str(found.value)
