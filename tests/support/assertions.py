"""What several test files ask of results: whole messages, whole folders."""

import re
from pathlib import Path

import pytest

# Polars before 2.0 puts this before every error of a source, for each source that it passes.
_OF_A_SOURCE = r"(caught exception during execution of a Python source, exception: \w+: )*"


def says(kind: type[Exception], text: str) -> pytest.RaisesExc[Exception]:
    """Expect an exception whose whole text is `text`."""
    return pytest.RaisesExc(kind, match=f"^{_OF_A_SOURCE}{re.escape(text)}$")


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a folder, and its bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


SORT = (
    "(sort by timestamp and trade id; without ids, reverse trades that come newest first; a join, "
    "unique or group_by before needs maintain_order)"
)
"""The remedy for trades whose time goes back."""
TWICE = (
    "(if it is the same record twice, drop duplicates; if it is of two venues, make bars of each, "
    "with by=; else sort by timestamp and trade id)"
)
"""The remedy for an id that does not rise."""
