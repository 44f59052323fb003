"""An empty tick cache of each kind, and its files past the package."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from rangebar_polars._disk.cache_root import CacheRoot, cache_root
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.caches import tick_cache
from support.assertions import tree
from support.object_server import bucket_of, sizes_of
from support.published_days import SERIES


@dataclass(frozen=True)
class CacheFiles:
    """The files of a cache, by their names below its root."""

    root: CacheRoot

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        if isinstance(self.root, Path):
            return (self.root / name).read_bytes()
        return bytes(bucket_of(self.root.url).get(name).bytes())

    def write(self, name: str, data: bytes) -> None:
        """Give a file other bytes."""
        if isinstance(self.root, Path):
            (self.root / name).write_bytes(data)
        else:
            bucket_of(self.root.url).put(name, data)

    def names(self) -> list[str]:
        """Return the names of all files, in order."""
        if isinstance(self.root, Path):
            return sorted(tree(self.root))
        return sorted(sizes_of(self.root.url))

    def every(self) -> dict[str, bytes]:
        """Return the bytes of all files."""
        return {name: self.read(name) for name in self.names()}


@dataclass(frozen=True)
class KeptTicks:
    """The cache of a series that calls fill by default, and its files."""

    cache: TickCache
    files: CacheFiles

    @classmethod
    def of_environment(cls) -> "KeptTicks":
        """Return those of the cache that the environment names."""
        root = cache_root()
        return cls(tick_cache(root, SERIES), CacheFiles(root))


@pytest.fixture(params=["disk", "objects"])
def kept(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KeptTicks]:
    """Return an empty cache, of each kind in turn, which is the default of every call."""
    if request.param == "objects":
        url: str = request.getfixturevalue("objects_url")
        local = tmp_path / "local"
        monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: local)
        monkeypatch.setenv("RANGEBAR_CACHE_DIR", url)
    yield KeptTicks.of_environment()
    if request.param == "objects":
        # Whatever a test does, no download stays, and nothing else is kept on this machine.
        assert tree(local) == {}


@pytest.fixture
def cache_url(objects_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty cache in a bucket, whose downloads lie in ``tmp_path / "local"``.

    It is no default: calls name it.
    """
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path / "local"))
    return objects_url
