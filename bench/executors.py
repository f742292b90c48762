"""Catch-up of `mdstream run live_bars` on a standalone Spark cluster of this machine, with 1, 2 and 4 executors.

python -m bench.executors --ticks 2000000 --executors 1 --executors 2 --executors 4

Eight task slots, as 4 partitions and 4 shuffle partitions hold, are shared by as many executors, each a process of its
own: between two of them rows go through a socket. All share the processors of this machine with the broker, so what
tells is CPU a tick, of all processes of Spark.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.live_bars import Stage, catch_up, cpu_seconds
from mdstream.config import load_settings
from mdstream.embedded import LocalServers
from tests.servers.cluster.spark_cluster import LocalSparkCluster

_TASKS_OF_A_KIND = 4
_SLOTS = 2 * _TASKS_OF_A_KIND


def measure(servers: LocalServers, executors: int, windows: Sequence[str], ticks: int, folder: Path) -> None:
    cluster = LocalSparkCluster(servers.run)
    workers = cluster.start_workers([f"worker-{number}" for number in range(executors)], cores=_SLOTS // executors)
    conf = {"spark.driver.host": "127.0.0.1", "spark.executor.memory": "2g"}
    environment = {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "MDSTREAM_SPARK__MASTER": cluster.url,
        "MDSTREAM_SPARK__CONF": json.dumps(conf),
        "MDSTREAM_SPARK__CHECKPOINT_LOCATION": folder.as_uri(),
        "MDSTREAM_SPARK__SHUFFLE_PARTITIONS": str(_TASKS_OF_A_KIND),
        "MDSTREAM_KAFKA__PARTITIONS": str(_TASKS_OF_A_KIND),
    }
    stage = Stage(servers, windows, environment, folder)
    stage.load("--count", str(ticks))
    _, command, topic = stage.contestants()[0]
    with stage.running(*command) as driver:
        processes = [driver, *(psutil.Process(worker.pid) for worker in workers.values())]
        rates, cores = catch_up(stage, topic, ticks, lambda: sum(map(cpu_seconds, processes)))
        print(f"| {executors} | {_SLOTS // executors} | {rates} | {cores:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executors", type=int, action="append")
    parser.add_argument("--ticks", type=int, default=2_000_000)
    options = parser.parse_args()
    windows = [window.name for window in load_settings().windows]
    print("| executors | slots each | ticks/s | cores |\n| ---: | ---: | --- | ---: |")
    for executors in options.executors or [1, 2, 4]:
        with LocalServers() as servers, tempfile.TemporaryDirectory(prefix="mdstream-bench-") as folder:
            measure(servers, executors, windows, options.ticks, Path(folder))


if __name__ == "__main__":
    main()
