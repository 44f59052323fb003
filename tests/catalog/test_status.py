"""What is cached can be looked at and cleared, in whatever state it is."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says, tree
from support.cached_trades import DAYS, PER_DAY, SOURCE, SYMBOL, give, one_pass, trades_of
from support.clickhouse_server import ask
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._catalog.status import STATUS_SCHEMA
from rangebar_polars._disk.locked_file import locked, spill_folder
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars.errors import CacheError, StoreError
from rangebar_polars.schema import BAR_SCHEMA, RULE_VERSION, Series
from rangebar_polars.store import BarStore, ClickHouseStore, ParquetStore

OF_TICKS = {
    "threshold_decimal_bps": None,
    "prevent_same_timestamp_close": None,
    "reset": None,
    "origin": None,
    "rule_version": None,
}
GARBAGE = b"PAR1 and no more"


def bars_of(root: Path, store: BarStore, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of all days."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "symbol": SYMBOL} | options
    return rb.get_range_bars(
        start_date=DAYS[0], end_date=DAYS[-1], source=SOURCE, store=store, cache_dir=root, **asked
    )


def fill(root: Path, store: BarStore) -> None:
    """Cache two series of trades and four chains of bars."""
    give(root, trades_of(DAYS[:3], seed=1), symbol="ETH-USD", market="um")
    bars_of(root, store, threshold_decimal_bps=[30, 50])
    bars_of(root, store, reset="day")
    eth: dict[str, Any] = {"symbol": "ETH-USD", "market": "um", "source": SOURCE}
    rb.get_range_bars(**eth, start_date=DAYS[1], end_date=DAYS[2], store=store, cache_dir=root)


def status_of(root: Path, store: BarStore, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return what is cached."""
    return rb.cache_status(store=store, cache_dir=root, **options)


def series(root: Path, symbol: str = SYMBOL, market: str = "spot") -> TickCache:
    """Return a series of trades."""
    return TickCache(root, Series(SOURCE, market, symbol))


# Looking


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
    chain |= {"prevent_same_timestamp_close": True, "reset": None, "message": None}
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
            "bytes": series(cache).size(), "message": None,
        },
        {
            "kind": "ticks", "source": SOURCE, "market": "um", "symbol": "ETH-USD", **OF_TICKS,
            "days": 3, "first_day": DAYS[0], "last_day": DAYS[2], "rows": 3 * PER_DAY,
            "bytes": series(cache, "ETH-USD", "um").size(), "message": None,
        },
        chain | {"threshold_decimal_bps": 30, "origin": None, "reset": "day", "rows": whole.height},
        chain | {"threshold_decimal_bps": 30, "origin": DAYS[0], "rows": bars[30]},
        chain | {"threshold_decimal_bps": 50, "origin": DAYS[0], "rows": bars[50]},
        chain | {
            "threshold_decimal_bps": 250, "origin": DAYS[1], "market": "um", "symbol": "ETH-USD",
            "days": 2, "first_day": DAYS[1], "last_day": DAYS[2], "rows": eth.height,
        },
    ]  # fmt: skip
    for row in rows[2:]:
        origin = row["reset"] or row["origin"]
        of_key = f"rule=range-{row['threshold_decimal_bps']}/origin={origin}/"
        files = [path for path in cache.parent.glob("store/**/*.parquet") if of_key in str(path)]
        is_known = isinstance(store, ParquetStore)
        assert row.pop("bytes") == (sum(p.stat().st_size for p in files) if is_known else None)
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


# Clearing


def test_bars_stay_valid_when_their_trades_are_cleared(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    want = bars_of(cache, store, include_microstructure=True)
    read.clear()

    shown = rb.cache_clear("ticks", store=store, cache_dir=cache)

    assert shown.select("kind", "days", "rows").rows() == [("ticks", 14, 14 * PER_DAY)]
    assert series(cache).days() == []
    assert status_of(cache, store)["kind"].to_list() == ["bars"]
    assert_same(want, bars_of(cache, store, include_microstructure=True))
    assert read == []


def test_a_chain_whose_trades_are_cleared_continues_with_the_days_that_come(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    want = bars_of(cache, store, include_incomplete=True)
    rb.cache_clear("bars", store=store, cache_dir=cache)
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[8], 30, **own)
    rb.cache_clear("ticks", cache_dir=cache)
    give(cache, trades_of(DAYS[9:]))
    read.clear()

    assert_same(want, bars_of(cache, store, include_incomplete=True))
    assert read == DAYS[9:]


def test_bars_that_are_cleared_are_made_again_and_the_trades_stay(
    store: BarStore, cache: Path
) -> None:
    fill(cache, store)
    before, want = tree(cache), bars_of(cache, store)

    shown = rb.cache_clear("bars", symbol=SYMBOL, store=store, cache_dir=cache)

    assert shown["threshold_decimal_bps"].sort().to_list() == [30, 30, 50]
    (kept,) = store.keys()
    assert kept.series.symbol == "ETH-USD"
    assert store.scan_bars(symbol=SYMBOL).collect().is_empty()
    assert tree(cache) == before
    assert_same(want, bars_of(cache, store))


def test_a_symbol_whose_name_another_begins_with_is_cleared_alone(cache: Path) -> None:
    give(cache, trades_of(DAYS[:2]), symbol="BTC")
    want = tree(series(cache).folder)

    rb.cache_clear("ticks", symbol="BTC", cache_dir=cache)

    assert tree(series(cache).folder) == want
    assert rb.cache_status(cache_dir=cache)["symbol"].to_list() == [SYMBOL]


def test_bars_of_another_version_of_the_rule_are_shown_and_cleared(
    store: BarStore, cache: Path
) -> None:
    bars_of(cache, store)
    (key,) = store.keys()
    older = replace(key, version=RULE_VERSION + 1)
    for month in store.find(key).values():
        bars = store.read(key, month, list(BAR_SCHEMA))
        assert bars is not None
        store.write(older, month, bars)

    shown = rb.cache_clear("bars", store=store, cache_dir=cache)

    assert shown["rule_version"].sort().to_list() == [RULE_VERSION, RULE_VERSION + 1]
    assert shown["rows"].n_unique() == 1
    assert store.keys() == []


def test_what_killed_processes_left_is_cleared_too(cache: Path) -> None:
    store = ParquetStore(cache)
    bars_of(cache, store)
    (key,) = store.keys()
    month = store.path(key, dt.date(2024, 3, 1))
    ticks = series(cache).path(dt.date(2024, 3, 1))
    never = TickCache(cache, Series("binance", "spot", "BTCUSDT")).unfinished("a.zip")
    left = [path.with_name(f".{path.name}.part") for path in (month, ticks)]
    left += [series(cache).unfinished("import"), never]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(GARBAGE)
    spill_folder(never).mkdir()
    (spill_folder(never) / "2024-03-01-000000.arrow").touch()

    rb.cache_clear("bars", cache_dir=cache)
    rb.cache_clear("ticks", symbol=SYMBOL, cache_dir=cache)

    assert [path for path in left if path.exists()] == [never]
    rb.cache_clear("ticks", cache_dir=cache)
    assert tree(cache) == {}


def test_what_another_process_is_fetching_is_left_to_it(tmp_path: Path) -> None:
    part = TickCache(tmp_path, Series("binance", "spot", "BTCUSDT")).unfinished("a.zip")

    with locked(part):
        rb.cache_clear("ticks", cache_dir=tmp_path)
        assert part.exists()


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
        told = f"{path} cannot be read: "
    else:
        damage = "ALTER TABLE coverage UPDATE links = 'x' WHERE key = {key:String}"
        ask(store.address, f"{damage} SETTINGS mutations_sync = 2", key=key.path)
        assert isinstance(store, ClickHouseStore)
        told = f"ClickHouse at {store.url.split('@')[1].split('/')[0]}: reading 2024-01 of "

    bad = status_of(cache, store, threshold_decimal_bps=30)
    good = status_of(cache, store, threshold_decimal_bps=50)

    assert bad.select("days", "rows", "bytes").row(0) == (None, None, None)
    assert bad["message"].item().startswith(told)
    assert (good["days"].item(), good["message"].item()) == (14, None)
    shown = rb.cache_clear("bars", threshold_decimal_bps=30, store=store, cache_dir=cache)
    assert_same(bad, shown)
    (kept,) = store.keys()
    assert kept.rule.threshold_decimal_bps == 50
    want = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30)
    assert_same(want, bars_of(cache, store))


def test_a_folder_that_cannot_be_cleared_is_named(cache: Path) -> None:
    folder = series(cache).folder
    (folder / "2024-03-01.parquet").mkdir()

    with says(
        CacheError,
        f"{folder / '2024-03-01.parquet'} cannot be removed: a folder is in its place (move it "
        "away)",
    ):
        rb.cache_clear("ticks", cache_dir=cache)


def test_a_store_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("clickhouse_connect")
    with pytest.raises(StoreError, match="no connection"):
        rb.cache_status(store="clickhouse://127.0.0.1:1", cache_dir=tmp_path)
    with pytest.raises(StoreError, match="no connection"):
        rb.cache_clear("bars", store="clickhouse://127.0.0.1:1", cache_dir=tmp_path)


# Arguments


@pytest.mark.parametrize(
    ("kind", "options", "error", "text"),
    [
        ("bar", {}, ValueError, "kind is 'bar': expected 'ticks' or 'bars'"),
        (["bars"], {}, ValueError, "kind is ['bars']: expected 'ticks' or 'bars'"),
        (None, {}, ValueError, "kind is None: expected 'ticks' or 'bars'"),
        ("bars", {"source": 1}, TypeError, "source is 1 (give a name, or None for all)"),
        ("ticks", {"market": b"um"}, TypeError, "market is b'um' (give a name, or None for all)"),
        ("bars", {"symbol": ["A"]}, TypeError, "symbol is ['A'] (give a name, or None for all)"),
        (
            "bars",
            {"threshold_decimal_bps": 0},
            ValueError,
            "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
        ),
        (
            "ticks",
            {"threshold_decimal_bps": 250},
            ValueError,
            "threshold_decimal_bps is of bars: trades have none (leave it out)",
        ),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_cleared(
    kind: Any, options: dict[str, Any], error: type[Exception], text: str, cache: Path  # noqa: ANN401
) -> None:  # fmt: skip
    before = tree(cache)

    with says(error, text):
        rb.cache_clear(kind, cache_dir=cache, **options)

    assert tree(cache) == before


@pytest.mark.parametrize(
    "words", [(b'"day":', b'"dax":'), (b"rangebar.series", b"rangebar.serien")]
)
def test_trades_whose_file_describes_nothing_are_reported_and_can_be_cleared(
    tmp_path: Path, words: tuple[bytes, bytes]
) -> None:
    give(tmp_path, trades_of(DAYS[:2]))
    path = TickCache(tmp_path, Series(SOURCE, "spot", SYMBOL)).path(DAYS[0])
    path.write_bytes(path.read_bytes().replace(*words))

    (told,) = rb.cache_status(cache_dir=tmp_path)["message"]

    assert told.startswith(f"{path} cannot be read: what it says of itself is damaged (")
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

    told = rb.cache_status(threshold_decimal_bps=30, cache_dir=tmp_path)["message"].item()

    text = f"{path} cannot be read: what it says of itself is damaged "
    assert told == text + "(delete it, and its bars are computed again)"
    with pytest.raises(StoreError, match="what it says of itself is damaged"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question)
    rb.cache_clear("bars", cache_dir=tmp_path)
    assert bars.equals(rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question))


def test_files_of_other_names_are_nobodys(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS[:2]))
    question: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}
    bars = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question)
    before = rb.cache_status(cache_dir=tmp_path).drop("bytes")
    (path,) = (tmp_path / "bars").rglob("*.parquet")
    for folder, name in [
        (TickCache(tmp_path, Series(SOURCE, "spot", SYMBOL)).folder, "copy-of-ab.parquet"),
        (path.parent, "2024-99.parquet"),
    ]:
        (folder / name).write_bytes(b"a stray file")

    assert_same(before, rb.cache_status(cache_dir=tmp_path).drop("bytes"))
    assert_same(bars, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **question))
    with rb.open_store(tmp_path) as store:
        assert store.scan_bars().collect().height == bars.height
