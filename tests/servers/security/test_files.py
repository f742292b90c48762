"""What local servers write is for nobody else on the machine."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import redis

from mdstream.embedded import LocalRedis

pytestmark = pytest.mark.servers


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_of_redis() -> None:
    with LocalRedis() as server:
        with redis.Redis(port=server.port) as client:
            client.set("secret", "1")
        assert server._run is not None
        written = list(server._run.path.rglob("*"))
        names = {path.name: oct(mode(path)) for path in written if mode(path) & 0o077}
        assert any(path.suffix == ".aof" for path in written)
        assert mode(server._run.path) & 0o007 == 0
    assert names == {}
