"""Whom servers run as: PostgreSQL refuses to run as root."""

from __future__ import annotations

import logging
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mdstream.errors import ServerError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A user of this machine that a process runs as, instead of us."""

    user: int
    group: int

    @classmethod
    def unprivileged(cls) -> Account | None:
        """Return whom a server runs as that refuses to be root: nobody if we are root, else None for us.

        Raises:
            ServerError: We are root and this machine has no user nobody.
        """
        if os.geteuid() != 0:
            return None
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as exc:
            raise ServerError("we run as root and there is no user 'nobody'; run mdstream as another user") from exc
        return cls(nobody.pw_uid, nobody.pw_gid)

    def can(self, *command: str | Path) -> bool:
        """Say whether a command succeeds for this user."""
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, cwd="/", user=self.user, group=self.group, extra_groups=[]
            )
        except OSError as exc:
            logger.info("user %d cannot run %s: %s", self.user, command[0], exc)
            return False
        return done.returncode == 0

    def own(self, folder: Path) -> None:
        """Give a folder and all in it to this user."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.user, self.group, follow_symlinks=False)
