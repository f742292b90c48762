"""What processes that were killed have left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mdstream.config import SparkSettings
from mdstream.streaming.leftovers import own_temporary_folder, remove_unfinished

_OWNER = """
import sys, time
from mdstream.config import SparkSettings
from mdstream.streaming.leftovers import own_temporary_folder
print(own_temporary_folder(SparkSettings(conf={"spark.local.dir": sys.argv[1]})), flush=True)
time.sleep(600)
"""


def _owner(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", _OWNER, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    living, theirs = _owner(tmp_path)
    killed, left = _owner(tmp_path)
    try:
        (left / "userFiles").mkdir()
        (left / "userFiles" / "connector.jar").touch()
        killed.kill()
        killed.wait()
        assert left.is_dir()
        own = own_temporary_folder(SparkSettings(conf={"spark.local.dir": str(tmp_path)}))
        assert sorted(tmp_path.iterdir()) == sorted([theirs, own])
    finally:
        for process in (living, killed):
            process.send_signal(signal.SIGKILL)
            process.communicate()


def test_unnamed_files_of_a_checkpoint_go_unless_they_are_being_written(tmp_path: Path) -> None:
    old, new, named = (tmp_path / "offsets" / name for name in (".7.aa.tmp", ".8.bb.tmp", "7"))
    old.parent.mkdir()
    for file in (old, new, named):
        file.touch()
    before = time.time() - 60
    os.utime(old, (before, before))
    remove_unfinished(str(tmp_path))
    assert sorted(old.parent.iterdir()) == [new, named]
    remove_unfinished("s3a://bucket/checkpoints")
