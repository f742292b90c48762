"""What runs without Spark does not import it."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_SPARK = [
    "mdstream.alerting",
    "mdstream.cli",
    "mdstream.cli.alerts",
    "mdstream.cli.api",
    "mdstream.cli.dashboard",
    "mdstream.config",
    "mdstream.feeds",
    "mdstream.schemas",
    "mdstream.stores.timescaledb.definitions",
    "mdstream.schemas.wire",
    "mdstream.serving",
    "mdstream.serving.dashboard",
    "mdstream.serving.rest",
    "mdstream.serving.server",
    "mdstream.stores",
]


@pytest.mark.parametrize("module", WITHOUT_SPARK)
def test_leaves_spark_alone(module: str) -> None:
    code = f"import {module}, sys; print('pyspark' in sys.modules, 'py4j' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]


def test_importing_the_api_starts_nothing() -> None:
    code = (
        "import threading, socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('connects on import')\n"
        "socket.socket.connect = refuse\n"
        "from mdstream.serving.rest import create_app\n"
        "from mdstream.config import Settings\n"
        "create_app(Settings())\n"
        "print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1"]
