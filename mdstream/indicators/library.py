"""Where TA-Lib's C library is, for who calls it without Python."""

from __future__ import annotations

import ctypes.util
import importlib.util
from pathlib import Path

from mdstream.errors import MissingDependencyError

_WHERE = ("../ta_lib.libs/*ta*lib*", ".dylibs/*ta*lib*", "../ta_lib.libs/*.dll")
"""Beside the package `talib`: what wheels for Linux, macOS and Windows bring along."""


def talib_library() -> Path:
    """Return the file of TA-Lib's C library, the very one that `talib` computes with.

    Raises:
        MissingDependencyError: There is none in TA-Lib's wheel nor on the machine.

    Example:
        >>> talib_library().is_file()
        True
    """
    package = importlib.util.find_spec("talib")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent
        for pattern in _WHERE:
            found = sorted(folder.parent.glob(pattern[3:]) if pattern.startswith("../") else folder.glob(pattern))
            if found:
                return found[0]
    of_machine = ctypes.util.find_library("ta-lib")
    if of_machine is None:
        raise MissingDependencyError(
            "TA-Lib's C library is not there, which indicators of live bars are computed with; expected it in the "
            "wheel of TA-Lib (pip install TA-Lib), or installed on the machine"
        )
    return Path(of_machine)
