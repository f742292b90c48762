"""The scripts in examples/, as modules."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "examples"
NAMES = sorted(file.stem for file in FOLDER.glob("*.py"))


def script(name: str) -> ModuleType:
    """Import a script, which runs nothing by itself."""
    found = importlib.util.spec_from_file_location(f"examples_{name}", FOLDER / f"{name}.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def first_sentence(name: str) -> str:
    """What a script says that it shows."""
    words = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return words.partition("\n")[0]
