"""A flipped bit in a day of the cache gives right bars or an error, and nothing wrong is stored."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from support.cached_trades import SOURCE, SYMBOL, give, trades_of
from support.damaged import ENTRY_POINTS, FIRST, LAST, MIDDLE, THREE, outcome

import rangebar_polars as rb
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache


@pytest.fixture
def cache(tmp_path: Path) -> DiskTickCache:
    """Return a cache of three days."""
    give(tmp_path, trades_of(THREE))
    return DiskTickCache(tmp_path, Series(SOURCE, "spot", SYMBOL))


def pages(path: Path) -> tuple[int, int]:
    """Return where the pages of a Parquet file begin and end; the rest of it is its footer."""
    whole = path.read_bytes()
    return 4, len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")


def written_plain(path: Path) -> None:
    """Write a day's file again without compression, and keep its metadata."""
    metadata = {k: v for k, v in pl.read_parquet_metadata(path).items() if k != "ARROW:schema"}
    pl.read_parquet(path).write_parquet(
        path, compression="uncompressed", statistics=False, metadata=metadata
    )


@pytest.mark.parametrize(
    ("part", "count", "plain"),
    [("pages", 80, False), ("pages", 50, True), ("footer", 30, False)],
    ids=["pages", "pages that are not compressed", "footer"],
)
def test_a_flipped_bit_gives_right_bars_or_an_error_and_nothing_wrong_is_stored(
    cache: DiskTickCache, part: str, count: int, *, plain: bool
) -> None:
    root, path = cache.root, cache.path(MIDDLE)
    if plain:
        written_plain(path)
    want = {name: bars(root) for name, bars in ENTRY_POINTS.items()}
    size, (begin, end) = path.stat().st_size, pages(path)
    begin, end = (begin, end) if part == "pages" else (end, size)
    whole, refused = path.read_bytes(), 0

    for place in range(begin, end, (end - begin) // count):
        damaged = bytearray(whole)
        # Not the lowest bit: in one byte of each page it makes Polars ask for more memory than
        # there is, which ends the process.
        damaged[place] ^= 1 << 1 + place % 7
        path.write_bytes(damaged)
        shutil.rmtree(root / "bars")
        got = {name: outcome(bars, root) for name, bars in ENTRY_POINTS.items()}
        status = rb.archive_quality(SYMBOL, FIRST, LAST, source=SOURCE, cache_dir=root)["status"]
        path.write_bytes(whole)

        errors = [each for each in got.values() if isinstance(each, str)]
        assert status.to_list() == ["ok", "damaged" if errors else "ok", "ok"], place
        assert len(errors) in {0, len(got)}, (place, got)
        assert all(error.startswith(f"{path} ") for error in errors), errors
        refused += bool(errors)
        for name, bars in got.items():
            assert isinstance(bars, str) or want[name].equals(bars), place
        # Of a chain that ends with each day, the bars of the other days may be stored.
        assert (not errors) or not list((root / "bars").rglob("*noreset*")), place
        assert want["get_n"].equals(ENTRY_POINTS["get_n"](root)), place
    assert refused > count // 2
    assert all(want[name].equals(bars(root)) for name, bars in ENTRY_POINTS.items())
