"""`cache_status` shows what is cached, files that cannot be read included."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import tree
from support.cached_bars import GARBAGE, bars_of, fill, series, sizes_in, status_of
from support.cached_trades import DAYS, PER_DAY, SOURCE, SYMBOL, give, one_pass, trades_of
from support.clickhouse_server import ask
from support.entry_points import assert_same
from support.object_server import bucket_of

import rangebar_polars as rb
from rangebar_polars._catalog.status import STATUS_SCHEMA
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import CacheError, StoreError
from rangebar_polars.schema import RULE_VERSION
from rangebar_polars.store import BarStore, ClickHouseStore, ObjectStore, ParquetStore

OF_TICKS = {
    "rule": None,
    "threshold_decimal_bps": None,
    "prevent_same_timestamp_close": None,
    "reset": None,
    "max_gap": None,
    "features": None,
    "lookback": None,
    "vpin": None,
    "footprint_settings": None,
    "origin": None,
    "rule_version": None,
}


def test_nothing_cached_is_no_rows(store: BarStore, tmp_path: Path) -> None:
    root = tmp_path / "not there"
    empty = pl.DataFrame(schema=STATUS_SCHEMA)

    assert_same(empty, status_of(root, store))
    assert_same(empty, rb.cache_clear("ticks", store=store, cache_dir=root))
    assert_same(empty, rb.cache_clear("bars", store=store, cache_dir=root))
    assert_same(empty, rb.cache_status(cache_dir=root))
    assert not root.exists()


def test_every_series_and_every_chain_has_a_row(store: BarStore, cache: Path) -> None:
    fill(cache, store)

    rows = status_of(cache, store).to_dicts()

    chain: dict[str, Any] = {
        "kind": "bars",
        "source": SOURCE,
        "market": "spot",
        "symbol": SYMBOL,
        "days": 14,
    }
    chain |= {"first_day": DAYS[0], "last_day": DAYS[-1], "rule_version": RULE_VERSION}
    chain |= {"prevent_same_timestamp_close": True, "reset": None, "max_gap": None}
    chain |= {"rule": "range-30", "features": None, "message": None}
    chain |= {"lookback": None, "vpin": None, "footprint_settings": None}
    bars = {
        threshold: one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=threshold).height
        for threshold in (30, 50)
    }
    whole = one_pass(
        cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30, reset="day", include_incomplete=True
    )
    eth = one_pass(cache, DAYS[1], DAYS[2], symbol="ETH-USD", market="um")
    expected = [
        {
            "kind": "ticks", "source": SOURCE, "market": "spot", "symbol": SYMBOL, **OF_TICKS,
            "days": 14, "first_day": DAYS[0], "last_day": DAYS[-1], "rows": 14 * PER_DAY,
            "bytes": sum(series(cache).sizes().values()), "message": None,
        },
        {
            "kind": "ticks", "source": SOURCE, "market": "um", "symbol": "ETH-USD", **OF_TICKS,
            "days": 3, "first_day": DAYS[0], "last_day": DAYS[2], "rows": 3 * PER_DAY,
            "bytes": sum(series(cache, "ETH-USD", "um").sizes().values()), "message": None,
        },
        chain | {"threshold_decimal_bps": 30, "origin": None, "reset": "day", "rows": whole.height},
        chain | {"threshold_decimal_bps": 30, "origin": DAYS[0], "rows": bars[30]},
        chain | {
            "rule": "range-50", "threshold_decimal_bps": 50, "origin": DAYS[0], "rows": bars[50],
        },
        chain | {
            "rule": "range-250",
            "threshold_decimal_bps": 250, "origin": DAYS[1], "market": "um", "symbol": "ETH-USD",
            "days": 2, "first_day": DAYS[1], "last_day": DAYS[2], "rows": eth.height,
        },
    ]  # fmt: skip
    for row in rows[2:]:
        origin, reset = (row[name] or "none" for name in ("origin", "reset"))
        of_key = f"rule={row['rule']}/reset={reset}/max_gap=none/origin={origin}/"
        sizes = [size for path, size in sizes_in(store).items() if of_key in path]
        is_known = not isinstance(store, ClickHouseStore)
        assert row.pop("bytes") == (sum(sizes) if is_known else None)
    order = ["kind", "market", "threshold_decimal_bps", "origin"]
    assert sorted(rows, key=lambda row: [str(row[name]) for name in order]) == sorted(
        expected, key=lambda row: [str(row[name]) for name in order]
    )


@pytest.mark.parametrize(
    ("asked", "ticks", "bars"),
    [
        ({}, 2, 4),
        ({"source": SOURCE}, 2, 4),
        ({"source": "binance"}, 0, 0),
        ({"market": "um"}, 1, 1),
        ({"symbol": SYMBOL}, 1, 3),
        ({"symbol": "BTC"}, 0, 0),
        ({"threshold_decimal_bps": 30}, 0, 2),
        ({"symbol": SYMBOL, "market": "spot", "threshold_decimal_bps": 50}, 0, 1),
        ({"symbol": SYMBOL, "market": "um"}, 0, 0),
    ],
)
def test_only_what_is_asked_for_is_shown_and_cleared(
    asked: dict[str, Any], ticks: int, bars: int, cache: Path
) -> None:
    store = ParquetStore(cache)
    fill(cache, store)
    whole = status_of(cache, store)

    shown = status_of(cache, store, **asked)

    assert (shown["kind"] == "ticks").sum() == ticks
    assert (shown["kind"] == "bars").sum() == bars
    cleared = [rb.cache_clear("bars", cache_dir=cache, **asked)]
    if "threshold_decimal_bps" not in asked:
        cleared.insert(0, rb.cache_clear("ticks", cache_dir=cache, **asked))
    assert_same(shown, pl.concat(cleared))
    assert_same(whole.join(shown, on=whole.columns, how="anti", nulls_equal=True),
                status_of(cache, store))  # fmt: skip


def test_the_store_may_be_given_by_folder_url_or_object(cache: Path) -> None:
    store = ParquetStore(cache / "elsewhere")
    bars_of(cache, store)

    for given in (store, str(store.root), store.root, f"parquet://{store.root}"):
        assert rb.cache_status(store=given, cache_dir=cache)["kind"].to_list() == ["ticks", "bars"]
    assert rb.cache_status(cache_dir=cache)["kind"].to_list() == ["ticks"]
    assert rb.cache_clear("bars", store=f"parquet://{store.root}", cache_dir=cache).height == 1
    assert store.keys() == []


# What cannot be read


def test_trades_that_cannot_be_read_are_reported_and_can_be_cleared(cache: Path) -> None:
    damaged, foreign = (series(cache).path(day) for day in DAYS[3:5])
    damaged.write_bytes(GARBAGE)
    pl.DataFrame({"a": [1]}).write_parquet(foreign)

    (row,) = rb.cache_status(cache_dir=cache).to_dicts()

    assert (row["days"], row["rows"]) == (14, 12 * PER_DAY)
    first, second = row["message"].split("; ")
    assert first.startswith(f"{damaged} cannot be read: ")
    assert second == f"{foreign} has layout version None, expected 3 ({series(cache).remedy})"
    assert rb.cache_clear("ticks", cache_dir=cache)["message"].item() == row["message"]
    assert tree(cache) == {}


def test_bars_that_cannot_be_read_are_reported_and_can_be_cleared(
    store: BarStore, cache: Path
) -> None:
    bars_of(cache, store, threshold_decimal_bps=[30, 50])
    (key, _) = store.keys()
    if isinstance(store, ParquetStore):
        path = store.path(key, dt.date(2024, 1, 1))
        path.write_bytes(GARBAGE)
        message = f"{path} cannot be read: "
    elif isinstance(store, ObjectStore):
        name = f"bars/{key.path}/2024-01.parquet"
        bucket_of(store.url).put(name, GARBAGE)
        message = f"{store.url}/{name} cannot be read: "
    else:
        damage = "ALTER TABLE coverage UPDATE links = 'x' WHERE key = {key:String}"
        ask(store.address, f"{damage} SETTINGS mutations_sync = 2", key=key.path)
        assert isinstance(store, ClickHouseStore)
        message = f"ClickHouse at {store.url.split('@')[1].split('/')[0]}: reading 2024-01 of "

    bad = status_of(cache, store, threshold_decimal_bps=30)
    good = status_of(cache, store, threshold_decimal_bps=50)

    assert bad.select("days", "rows", "bytes").row(0) == (None, None, None)
    assert bad["message"].item().startswith(message)
    assert (good["days"].item(), good["message"].item()) == (14, None)
    shown = rb.cache_clear("bars", threshold_decimal_bps=30, store=store, cache_dir=cache)
    assert_same(bad, shown)
    (kept,) = store.keys()
    assert kept.rule == rb.RangeRule(50)
    want = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30)
    assert_same(want, bars_of(cache, store))


@pytest.mark.parametrize(
    "words", [(b'"day":', b'"dax":'), (b"rangebar.series", b"rangebar.serien")]
)
def test_trades_whose_file_describes_nothing_are_reported_and_can_be_cleared(
    tmp_path: Path, words: tuple[bytes, bytes]
) -> None:
    give(tmp_path, trades_of(DAYS[:2]))
    path = DiskTickCache(tmp_path, Series(SOURCE, "spot", SYMBOL)).path(DAYS[0])
    path.write_bytes(path.read_bytes().replace(*words))

    (message,) = rb.cache_status(cache_dir=tmp_path)["message"]

    assert message.startswith(f"{path} cannot be read: what it says of itself is damaged (")
    with pytest.raises(CacheError, match="what it says of itself is damaged"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], source=SOURCE, cache_dir=tmp_path)
    rb.cache_clear("ticks", cache_dir=tmp_path)
    assert rb.cache_status(cache_dir=tmp_path).height == 0


@pytest.mark.parametrize("word", [b"rangebar.key", b"rangebar.month", b"rangebar.checksums"])
def test_bars_whose_file_describes_nothing_are_reported_and_can_be_cleared(
    tmp_path: Path, word: bytes
) -> None:
    give(tmp_path, trades_of(DAYS[:2]))
    question: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}
    bars = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question)
    (path,) = (tmp_path / "bars").rglob("*.parquet")
    path.write_bytes(path.read_bytes().replace(word, word[:-1] + b"_"))

    message = rb.cache_status(threshold_decimal_bps=30, cache_dir=tmp_path)["message"].item()

    text = f"{path} cannot be read: what it says of itself is damaged "
    assert message == text + "(delete it, and its bars are computed again)"
    with pytest.raises(StoreError, match="what it says of itself is damaged"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question)
    rb.cache_clear("bars", cache_dir=tmp_path)
    assert bars.equals(rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question))


def test_files_of_other_names_are_ignored(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS[:2]))
    question: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}
    bars = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question)
    before = rb.cache_status(cache_dir=tmp_path).drop("bytes")
    (path,) = (tmp_path / "bars").rglob("*.parquet")
    for folder, name in [
        (DiskTickCache(tmp_path, Series(SOURCE, "spot", SYMBOL)).folder, "copy-of-ab.parquet"),
        (path.parent, "2024-99.parquet"),
    ]:
        (folder / name).write_bytes(b"a stray file")

    assert_same(before, rb.cache_status(cache_dir=tmp_path).drop("bytes"))
    assert_same(bars, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question))
    with rb.open_store(tmp_path) as store:
        assert store.scan_bars().collect().height == bars.height


def test_a_store_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("clickhouse_connect")
    with pytest.raises(StoreError, match="no connection"):
        rb.cache_status(store="clickhouse://127.0.0.1:1", cache_dir=tmp_path)
    with pytest.raises(StoreError, match="no connection"):
        rb.cache_clear("bars", store="clickhouse://127.0.0.1:1", cache_dir=tmp_path)
