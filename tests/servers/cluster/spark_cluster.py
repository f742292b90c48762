"""A standalone Spark cluster of this machine: a master and workers as processes."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdstream.embedded.server import HOST, free_port
from mdstream.runtime import use_java
from mdstream.runtime.jars import spark_home
from mdstream.runtime.java import QUICK_COMPILING, WITHOUT_TRACES
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder
from tests.waiting import until

_START_SECONDS = 120
_OUR_VARIABLES = ("MDSTREAM_", "PYTHON", "PYSPARK")


class LocalSparkCluster:
    """One master, and workers that come and go.

    Attributes:
        url: What `spark.master` must be.
        folder: Where the workers keep the applications' files and logs, one folder a worker.
    """

    def __init__(self, run: RunFolder) -> None:
        java = use_java()
        self._run = run
        self.folder = run.path / "spark"
        self.folder.mkdir()
        self._ui_port = free_port()
        port = free_port()
        self.url = f"spark://{HOST}:{port}"
        # What we are configured with is no business of the machines.
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OUR_VARIABLES)}
        self._environment = {
            **own,
            "JAVA_HOME": str(java.home),
            "SPARK_HOME": str(spark_home()),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": f"{QUICK_COMPILING} {WITHOUT_TRACES}",
            "SPARK_LAUNCHER_OPTS": f"{QUICK_COMPILING} {WITHOUT_TRACES}",
        }
        self._launch("master", "master.Master", ("--port", str(port), "--webui-port", str(self._ui_port)))

    def start_workers(self, names: Sequence[str], cores: int) -> dict[str, Child]:
        """Start workers and return when the master knows them."""
        workers = {name: self._worker(name, cores) for name in names}
        until(lambda: self._alive() >= len(names), _START_SECONDS)
        return workers

    def state(self) -> dict[str, Any]:
        """What the master says of itself, its workers and applications."""
        with urllib.request.urlopen(f"http://{HOST}:{self._ui_port}/json/", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def logs(self) -> list[Path]:
        """All that the processes of the cluster and of its applications have logged."""
        return [*self._run.path.glob("*.log"), *self.folder.rglob("std*")]

    def _worker(self, name: str, cores: int) -> Child:
        options = ("--cores", str(cores), "--memory", "4g", "--work-dir", str(self.folder / name))
        ports = ("--port", str(free_port()), "--webui-port", str(free_port()))
        return self._launch(name, "worker.Worker", (*options, *ports, self.url))

    def _launch(self, name: str, program: str, options: Sequence[str]) -> Child:
        spark_class = spark_home() / "bin" / "spark-class"
        command = (str(spark_class), f"org.apache.spark.deploy.{program}", "--host", HOST, *options)
        return self._run.start(name, command, environment=self._environment)

    def _alive(self) -> int:
        try:
            return sum(worker["state"] == "ALIVE" for worker in self.state()["workers"])
        except (OSError, ValueError):
            return 0
