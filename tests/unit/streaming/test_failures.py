"""What ends queries, as Spark 4.3 words it, in one line with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.streaming.failures import explain_failure, torn_file

_TASK = (
    "[STREAM_FAILED] Query [id = a, runId = b] terminated with exception: Job aborted due to stage failure: Task 0 in "
    "stage 3.0 failed 1 times, most recent failure: Lost task 0.0 in stage 3.0 (TID 3) (127.0.0.1 executor driver): "
)
_WORKER = (
    "org.apache.spark.api.python.PythonException: Traceback (most recent call last):\n"
    '  File "/x/foreach_batch.py", line 103, in write_partition\n'
    "{}\n\n\tat org.apache.spark.api.python.BasePythonRunner.handlePythonException(PythonRunner.scala:1)\n"
    'Caused by: java.lang.NullPointerException: Cannot invoke "Object.hashCode()" because "this" is null\n'
)


@pytest.mark.parametrize(
    ("said", "reason", "passes"),
    [
        (
            _TASK + _WORKER.format("mdstream.errors.SinkUnavailableError: Redis at r:6379 cannot be used now: refused"),
            "Redis at r:6379 cannot be used now: refused",
            True,
        ),
        (
            _TASK + _WORKER.format("mdstream.errors.SinkError: PostgreSQL at p:1, database 'm' has no table that fits"),
            "PostgreSQL at p:1, database 'm' has no table that fits",
            False,
        ),
        (
            _TASK + "Python worker failed to connect back.\nCaused by: java.net.SocketTimeoutException: Timed out",
            "a Python worker of Spark did not come up, or was killed; the machine is overloaded",
            True,
        ),
        (
            _TASK + "org.apache.kafka.common.errors.TimeoutException: Timeout of 60000ms expired before the position",
            "Kafka does not answer (TimeoutException: Timeout of 60000ms expired before the position); bring",
            True,
        ),
        (
            "Some data may have been lost because they are not available in Kafka any more; either the\n data was aged",
            "Kafka has dropped records, or the topic was made anew",
            False,
        ),
        (
            _TASK + "java.lang.ArithmeticException: long overflow\n\tat x\n",
            "java.lang.ArithmeticException: long overflow",
            False,
        ),
        ("without an error", "without an error", False),
    ],
)
def test_the_reason_stands_first_in_one_line(said: str, reason: str, passes: bool) -> None:
    failure = explain_failure(said)
    assert failure.reason.startswith(reason)
    assert "\n" not in failure.reason
    assert failure.passes is passes


def test_of_a_full_disk_the_folder_is_named(tmp_path: Path) -> None:
    named = f"java.io.FileNotFoundException: {tmp_path}/blockmgr-1/0c/temp_shuffle (No space left on device)"
    assert explain_failure(_TASK + named).reason.startswith(f"the disk of {tmp_path} (")
    unnamed = explain_failure(_TASK + "java.io.IOException: No space left on device\n\tat x", ["/proc", tmp_path])
    assert unnamed.reason.startswith("the disk of /proc (0 MB free): no space left on device")
    assert unnamed.passes
    # Of a server's disk it is not this machine's that is named.
    database = "PostgreSQL at db:5432, database 'm' has a full disk: could not extend file \"base/1/2\": No space left"
    told = explain_failure(f"{_TASK}mdstream.errors.StoreUnavailableError: {database} on device; free some", ["/proc"])
    assert told.reason == f"{database} on device; free some"
    assert told.passes


@pytest.mark.parametrize("content", [b"", b"v1", b'v1\n{"batchWatermarkMs":0', b"\0" * 40])
def test_a_torn_file_of_a_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "offsets").mkdir()
    (tmp_path / "offsets" / "9").write_bytes(b'v1\n{"batchWatermarkMs":0}\n{"tick_data":{"0":5}}')
    assert torn_file(tmp_path) is None
    torn = tmp_path / "offsets" / "10"
    torn.write_bytes(content)
    failure = explain_failure("java.lang.IllegalStateException: Incomplete log file", checkpoint=tmp_path)
    assert failure.reason.startswith(f"the file {torn} is torn")
    assert not failure.passes
