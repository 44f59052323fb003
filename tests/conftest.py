"""Fixtures of the tests that fetch from a server of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_server import ArchiveServer

from rangebar_polars import download


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Retry at once, with a cache of the test's own and no proxy."""
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """Serve nothing yet."""
    with ArchiveServer() as running:
        yield running
