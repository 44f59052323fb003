"""What several test files ask of results: whole messages, whole folders."""

import re
from pathlib import Path

import pytest


def says(kind: type[Exception], text: str) -> pytest.RaisesExc[Exception]:
    """Expect an exception whose whole text is `text`."""
    return pytest.RaisesExc(kind, match=f"^{re.escape(text)}$")


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a folder, and its bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
