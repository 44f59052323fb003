"""A day of the cache with other trades than were written to it is an error, and nothing lasting."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, publish
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.damaged import (
    EDITS,
    ENTRY_POINTS,
    FIRST,
    LAST,
    MIDDLE,
    REMEDY,
    THREE,
    THRESHOLD,
    get,
    outcome,
    rewrite,
)

import rangebar_polars as rb
from rangebar_polars._catalog import assemble
from rangebar_polars._disk.fingerprint import TableHash, fingerprint
from rangebar_polars._series import Series
from rangebar_polars._ticks import cache as ticks
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import CacheError, QualityError, RangeBarWarning, StoreError


@pytest.fixture
def cache(tmp_path: Path) -> DiskTickCache:
    """Return a cache of three days."""
    give(tmp_path, trades_of(THREE))
    return DiskTickCache(tmp_path, Series(SOURCE, "spot", SYMBOL))


# Other rows under the same metadata


@pytest.mark.parametrize("edit", EDITS)
def test_a_day_that_was_edited_is_an_error_that_names_its_file(
    cache: DiskTickCache, edit: str
) -> None:
    root, path = cache.root, cache.path(MIDDLE)
    whole, rows = path.read_bytes(), pl.read_parquet(path)
    edited = EDITS[edit](rows)
    assert edited.schema != rows.schema or not edited.equals(rows)

    rewrite(path, edited)

    text = f"{path} holds other trades than were written to it ({REMEDY})"
    for name, bars in ENTRY_POINTS.items():
        assert (name, outcome(bars, root)) == (name, text)
    status = rb.archive_quality(SYMBOL, FIRST, LAST, source=SOURCE, cache_dir=root)
    assert status["message"].to_list() == [None, text, None]
    path.write_bytes(whole)
    want = {name: bars(root) for name, bars in ENTRY_POINTS.items()}
    shutil.rmtree(root / "bars")
    for name, bars in ENTRY_POINTS.items():
        assert want[name].equals(bars(root)), name


def test_a_row_that_was_moved_to_the_next_day_is_an_error(cache: DiskTickCache) -> None:
    paths = [cache.path(day) for day in THREE[1:]]
    before, after = (pl.read_parquet(path) for path in paths)
    rewrite(paths[0], before[:-1])
    rewrite(paths[1], pl.concat([before[-1:], after]))

    with says(CacheError, f"{paths[0]} holds other trades than were written to it ({REMEDY})"):
        get(cache.root)


@pytest.mark.parametrize("name", ["rows_after", "missing_ids"])
def test_a_number_that_a_file_says_of_itself_is_not_another(
    cache: DiskTickCache, name: str
) -> None:
    path = cache.path(MIDDLE)
    whole = path.read_bytes()
    text = f'"{name}":'.encode()
    place = whole.index(text) + len(text)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])

    with says(CacheError, f"{path} cannot be read: what it says of itself is damaged ({REMEDY})"):
        get(cache.root)


def test_a_number_that_stored_bars_say_of_their_days_is_not_another(cache: DiskTickCache) -> None:
    want = get(cache.root)
    path = next((cache.root / "bars").rglob("2024-01.parquet"))
    # In the links: how many trades a day has.
    path.write_bytes(path.read_bytes().replace(b'",200,{', b'",201,{'))

    with says(
        StoreError,
        f"{path} cannot be read: what it says of itself is damaged (delete it, and its bars are "
        "computed again)",
    ):
        get(cache.root)
    path.unlink()
    assert want.equals(get(cache.root))


# What is stored, and when


def test_populate_reports_a_damaged_day_and_fills_the_other_symbols(cache: DiskTickCache) -> None:
    root, path = cache.root, cache.path(MIDDLE)
    give(root, trades_of(THREE), symbol="ETH-USD")
    rewrite(path, EDITS["a price"](pl.read_parquet(path)))

    with pytest.warns(RangeBarWarning, match="1 of 2 symbols were not filled"):
        report = rb.populate(
            [SYMBOL, "ETH-USD"], FIRST, LAST, THRESHOLD, source=SOURCE, cache_dir=root
        )

    assert report["status"].to_list() == ["failed", "ok"]
    assert report["message"][0] == (
        f"CacheError: {path} holds other trades than were written to it ({REMEDY})"
    )
    stored = rb.open_store(cache_dir=root).scan_bars().collect()
    assert stored["symbol"].unique().to_list() == ["ETH-USD"]


def test_bars_of_several_thresholds_are_refused_together_by_one_reading(
    cache: DiskTickCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = list[int]()

    class Spied:
        def __init__(self, schema: pl.DataFrame) -> None:
            self._hash = TableHash(schema)
            self.hexdigest = self._hash.hexdigest

        def push(self, table: pl.DataFrame) -> None:
            hashed.append(table.height)
            self._hash.push(table)

    monkeypatch.setattr(ticks, "TableHash", Spied)
    want = rb.get_range_bars(
        SYMBOL, FIRST, LAST, [30, 50], source=SOURCE, cache_dir=cache.root, use_cache=False
    )
    assert sum(hashed) == trades_of(THREE).height

    whole = cache.path(MIDDLE).read_bytes()
    rewrite(cache.path(MIDDLE), EDITS["a quantity"](pl.read_parquet(cache.path(MIDDLE))))
    with pytest.raises(CacheError, match="holds other trades than were written to it"):
        rb.get_range_bars(SYMBOL, FIRST, LAST, [30, 50], source=SOURCE, cache_dir=cache.root)
    assert not (cache.root / "bars").exists()
    cache.path(MIDDLE).write_bytes(whole)
    again = rb.get_range_bars(SYMBOL, FIRST, LAST, [30, 50], source=SOURCE, cache_dir=cache.root)
    assert want.equals(again)


def test_a_plan_that_stops_early_gives_only_whole_days(cache: DiskTickCache) -> None:
    want = get(cache.root, use_cache=False)
    last = cache.path(LAST)
    rewrite(last, EDITS["a price"](pl.read_parquet(last)))
    plan = rb.scan_range_bars(SYMBOL, FIRST, LAST, THRESHOLD, source=SOURCE, cache_dir=cache.root)

    # The damaged day is the only one of its month, and bars come month by month.
    assert want.head(3).equals(plan.head(3).collect())
    assert [path.name for path in (cache.root / "bars").rglob("*.parquet")] == ["2024-01.parquet"]
    text = "holds other trades than were written to it"
    assert text in str(outcome(lambda _: plan.collect(), cache.root))

    first = cache.path(FIRST)
    shutil.rmtree(cache.root / "bars")
    rewrite(first, EDITS["a price"](pl.read_parquet(first)))
    assert text in str(outcome(lambda _: plan.head(1).collect(), cache.root))
    assert not (cache.root / "bars").exists()


@pytest.mark.parametrize("rows", [0, 1, 199])
def test_a_day_of_which_only_the_first_rows_come_is_an_error(
    cache: DiskTickCache, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(plan: pl.LazyFrame, *_: object) -> Iterator[pl.DataFrame]:
        return iter([plan.head(rows).collect()])

    monkeypatch.setattr(assemble, "batches", cut)

    with says(
        CacheError,
        f"{cache.path(FIRST)} holds other trades than were written to it ({REMEDY})",
    ):
        get(cache.root)


def test_damage_after_bars_were_stored_leaves_them_valid(cache: DiskTickCache) -> None:
    want = get(cache.root)
    for day in THREE:
        rewrite(cache.path(day), EDITS["a price"](pl.read_parquet(cache.path(day))))

    assert want.equals(get(cache.root))
    give(cache.root, trades_of([DAYS[7]]))
    more = rb.get_range_bars(SYMBOL, FIRST, DAYS[7], THRESHOLD, source=SOURCE, cache_dir=cache.root)
    assert want.equals(more[: want.height])
    assert more.height > want.height


def test_trades_that_are_as_written_and_no_trades_are_a_quality_error(cache: DiskTickCache) -> None:
    early = pl.read_parquet(cache.path(LAST)).with_columns(pl.col("timestamp").dt.offset_by("-2d"))
    report = cache.report(LAST)
    assert report is not None
    cache.write(early, replace(report, fingerprint=fingerprint(early)))

    for _ in range(2):
        with pytest.raises(
            QualityError,
            match=f"^mine spot BTC-USD {LAST}: trades are not sorted by time at row 400",
        ):
            get(cache.root)


# The remedies, as a user follows them


def test_what_was_imported_is_imported_again(cache: DiskTickCache) -> None:
    want = get(cache.root, use_cache=False)
    rewrite(cache.path(MIDDLE), EDITS["a price"](pl.read_parquet(cache.path(MIDDLE))))
    assert REMEDY in str(outcome(get, cache.root))

    rb.import_trades(
        trades_of([MIDDLE]), symbol=SYMBOL, source=SOURCE, cache_dir=cache.root, replace=True
    )

    assert want.equals(get(cache.root))


@pytest.mark.parametrize("remedy", ["delete the file", "call scan_ticks with refresh=True"])
@pytest.mark.parametrize("damage", ["other rows", "other bytes", "another layout", "no report"])
def test_what_was_fetched_is_fetched_again(
    server: ArchiveServer,
    tmp_path: Path,
    remedy: str,
    damage: str,
) -> None:
    publish(server, THREE)
    question: dict[str, Any] = {"archive": server.url, "cache_dir": tmp_path}
    want = rb.get_range_bars("BTCUSDT", FIRST, LAST, 100, **question)
    shutil.rmtree(tmp_path / "bars")
    path = DiskTickCache(tmp_path, Series("binance", "spot", "BTCUSDT")).path(MIDDLE)
    whole = path.read_bytes()
    match damage:
        case "other rows":
            rewrite(path, EDITS["a price"](pl.read_parquet(path)))
        case "other bytes":
            path.write_bytes(whole[:100] + b"\xff" * 300 + whole[400:])
        case "another layout":
            pl.read_parquet(path).write_parquet(path, metadata={"rangebar.version": "2"})
        case _:
            path.write_bytes(whole.replace(b"rangebar.report", b"rangebar.reporx"))
    with pytest.raises(
        CacheError,
        match=r"\(delete the file, or call scan_ticks with refresh=True, to have it made again\)$",
    ):
        rb.get_range_bars("BTCUSDT", FIRST, LAST, 100, **question)

    if remedy == "delete the file":
        path.unlink()
    else:
        rb.scan_ticks("BTCUSDT", FIRST, LAST, refresh=True, **question)

    assert want.equals(rb.get_range_bars("BTCUSDT", FIRST, LAST, 100, **question))
    assert path.read_bytes() == whole
