"""A catalog answers as the functions of one call do, for one symbol and for several."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars.errors import QualityError, RangeBarWarning
from rangebar_polars.store import BarStore

OTHER = "ETH-USD"
FIRST, LAST = DAYS[0], DAYS[3]
BOTH = [SYMBOL, OTHER]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[rb.Catalog]:
    """Return a catalog with two symbols."""
    give(tmp_path, trades_of(DAYS[:4]))
    give(tmp_path, trades_of(DAYS[:4], seed=1), symbol=OTHER)
    with rb.Catalog(SOURCE, cache_dir=tmp_path) as opened:
        yield opened


def of_each(frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return frames one after another, each with its symbol."""
    return pl.concat(
        frame.select(pl.lit(symbol).alias("symbol"), pl.all()) for symbol, frame in frames.items()
    )


ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "several thresholds": {"threshold_decimal_bps": [30, 50]},
    "everything": {
        "threshold_decimal_bps": 30,
        "include_microstructure": True,
        "include_incomplete": True,
        "prevent_same_timestamp_close": False,
        "reset": "day",
    },
    "without a store": {"use_cache": False},
}


@pytest.mark.parametrize("name", ASKED)
def test_bars_are_those_of_the_functions(name: str, catalog: rb.Catalog, tmp_path: Path) -> None:
    mine: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}
    options = ASKED[name]
    want = {each: rb.get_range_bars(each, FIRST, LAST, **options, **mine) for each in BOTH}

    assert_same(want[SYMBOL], catalog.bars(SYMBOL, FIRST, LAST, **options))
    assert_same(want[SYMBOL], catalog.scan_bars(SYMBOL, FIRST, LAST, **options).collect())
    assert_same(of_each(want), catalog.bars(BOTH, FIRST, LAST, **options))
    assert_same(of_each(want), catalog.scan_bars(BOTH, FIRST, LAST, **options).collect())
    assert_same(of_each(want), rb.get_range_bars(BOTH, FIRST, LAST, **options, **mine))
    assert_same(of_each(want), rb.scan_range_bars(BOTH, FIRST, LAST, **options, **mine).collect())


def test_trades_and_their_quality_are_those_of_the_functions(
    catalog: rb.Catalog, tmp_path: Path
) -> None:
    mine: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}
    trades = {each: rb.scan_ticks(each, FIRST, LAST, **mine).collect() for each in BOTH}
    quality = {each: rb.archive_quality(each, FIRST, LAST, **mine) for each in BOTH}

    assert_same(trades[OTHER], catalog.trades(OTHER, FIRST, LAST).collect())
    assert_same(of_each(trades), catalog.trades(BOTH, FIRST, LAST).collect())
    assert_same(quality[OTHER], catalog.quality(OTHER, FIRST, LAST))
    assert_same(of_each(quality), catalog.quality(BOTH, FIRST, LAST))


def test_the_last_bars_are_those_of_the_function(catalog: rb.Catalog, tmp_path: Path) -> None:
    mine: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}

    assert_same(
        rb.get_n_range_bars(SYMBOL, 7, 30, end_date=LAST, **mine),
        catalog.last_bars(SYMBOL, 7, 30, end=LAST),
    )
    assert_same(rb.get_n_range_bars(SYMBOL, 7, 30, **mine), catalog.last_bars(SYMBOL, 7, 30))


def test_filling_status_and_clearing_are_those_of_the_functions(
    catalog: rb.Catalog, tmp_path: Path
) -> None:
    filled = catalog.populate(BOTH, FIRST, LAST, [30, 50], processes=1)
    assert filled["status"].to_list() == ["ok"] * 4

    of_source: dict[str, Any] = {"source": SOURCE, "market": "spot", "cache_dir": tmp_path}
    assert_same(rb.cache_status(**of_source), catalog.status())
    assert catalog.status(OTHER, 30)["rows"].to_list() == [filled["bars"][2]]
    shown = catalog.clear("bars", OTHER)
    assert shown["threshold_decimal_bps"].sort().to_list() == [30, 50]
    assert catalog.status()["kind"].to_list() == ["ticks", "ticks", "bars", "bars"]


def test_a_plan_of_several_symbols_reads_the_columns_it_uses(catalog: rb.Catalog) -> None:
    plan = catalog.scan_bars(BOTH, FIRST, LAST, 30).filter(pl.col("symbol") == OTHER)

    got = plan.select("symbol", "close").collect()

    assert_same(
        catalog.bars(OTHER, FIRST, LAST, 30).select(pl.lit(OTHER).alias("symbol"), "close"), got
    )


def test_a_plan_runs_after_the_catalog_is_closed(catalog: rb.Catalog) -> None:
    plan = catalog.scan_bars(SYMBOL, FIRST, LAST, 30)
    want = catalog.bars(SYMBOL, FIRST, LAST, 30)

    catalog.close()

    assert_same(want, plan.collect())
    assert_same(want, catalog.bars(SYMBOL, FIRST, LAST, 30))


def test_a_store_is_opened_once_and_closed_by_its_owner(
    catalog: rb.Catalog, tmp_path: Path
) -> None:
    opened = catalog.store
    assert catalog.store is opened
    catalog.close()
    assert catalog.store is not opened

    with rb.open_store(tmp_path / "bars of mine") as own:
        with rb.Catalog(SOURCE, cache_dir=tmp_path, store=own) as other:
            assert other.store is own
            other.bars(SYMBOL, FIRST, LAST, 30)
        (key,) = own.keys()
        assert key.series.symbol == SYMBOL
        assert isinstance(own, BarStore)


def test_bad_arguments_are_refused_at_the_call(catalog: rb.Catalog, tmp_path: Path) -> None:
    with says(TypeError, "symbol is 5 (give a name such as 'BTCUSDT', or several)"):
        catalog.bars(5, FIRST, LAST)  # type: ignore[arg-type]
    with says(TypeError, "symbols holds 5 (give names such as 'BTCUSDT')"):
        catalog.trades([SYMBOL, 5], FIRST, LAST)  # type: ignore[list-item]
    with says(ValueError, "symbols is empty (give one symbol or several)"):
        catalog.scan_bars([], FIRST, LAST)
    with says(ValueError, f"symbols holds {SYMBOL!r} twice (give each once)"):
        catalog.quality([SYMBOL, OTHER, SYMBOL], FIRST, LAST)
    with says(ValueError, f"end {FIRST} lies before start {LAST} (both days are included)"):
        catalog.bars(SYMBOL, LAST, FIRST)
    with says(ValueError, "market is 'futures' (binance has 'spot', 'um' and 'cm')"):
        rb.Catalog(market="futures", cache_dir=tmp_path).bars("BTCUSDT", FIRST, LAST)
    with says(TypeError, "fetch_if_missing is 1: expected True or False"):
        rb.Catalog(fetch_if_missing=1)  # type: ignore[arg-type]
    with says(TypeError, "use_cache is 'no': expected True or False"):
        catalog.bars(SYMBOL, FIRST, LAST, use_cache="no")  # type: ignore[arg-type]


# Imports


def interleaved() -> pl.DataFrame:
    """Return trades of two symbols in one frame, in order of time."""
    parts = {SYMBOL: trades_of(DAYS[:2]), OTHER: trades_of(DAYS[:2], seed=1)}
    return of_each(parts).sort("timestamp", maintain_order=True)


@pytest.mark.parametrize("form", ["frame", "plan", "arrow", "parquet", "csv"])
def test_a_frame_of_several_symbols_is_imported_under_each(form: str, tmp_path: Path) -> None:
    frame = interleaved()
    given: Any = frame
    if form == "plan":
        given = frame.lazy()
    elif form == "arrow":
        given = frame.to_arrow()
    elif form == "parquet":
        frame.write_parquet(given := tmp_path / "trades.parquet")
    elif form == "csv":
        frame.with_columns(pl.col("timestamp").dt.epoch("us")).write_csv(
            given := tmp_path / "trades.csv"
        )
    unit: Any = "us" if form == "csv" else None
    catalog = rb.Catalog(SOURCE, cache_dir=tmp_path / "cache")

    report = catalog.import_trades(given, time_unit=unit)

    assert report.columns[:2] == ["symbol", "day"]
    assert report["symbol"].to_list() == [SYMBOL, SYMBOL, OTHER, OTHER]
    for symbol in BOTH:
        want = frame.filter(pl.col("symbol") == symbol).drop("symbol")
        assert_same(want, catalog.trades(symbol, DAYS[0], DAYS[1]).collect())


def test_an_import_of_several_symbols_is_all_or_nothing(tmp_path: Path) -> None:
    frame = interleaved()
    bad = frame.with_columns(
        pl.when(pl.col("symbol") == OTHER).then(-1.0).otherwise("quantity").alias("quantity")
    )

    with pytest.raises(QualityError, match=r"^column 'quantity' of the trades of symbol 'ETH-USD"):
        rb.import_trades(bad, source=SOURCE, cache_dir=tmp_path)

    assert not [*tmp_path.rglob("*.parquet")]


def test_symbols_that_are_missing_are_refused(tmp_path: Path) -> None:
    frame = interleaved()
    with says(
        ValueError,
        "the trades have no column 'symbol' (they have timestamp, price, quantity, is_buyer_maker, "
        "agg_trade_id, first_trade_id, last_trade_id; give symbol='...', if they are all of one)",
    ):
        rb.import_trades(frame.drop("symbol"), source=SOURCE, cache_dir=tmp_path)
    with says(
        QualityError,
        "column 'symbol' of the trades is missing or empty in some rows (drop such rows)",
    ):
        nulls = frame.with_columns(pl.col("symbol").replace(OTHER, None))
        rb.import_trades(nulls, source=SOURCE, cache_dir=tmp_path)
    with says(TypeError, "column 'symbol' is Int64, expected String (cast it first)"):
        numbers = frame.with_columns(symbol=pl.lit(1, pl.Int64))
        rb.import_trades(numbers, source=SOURCE, cache_dir=tmp_path)


def test_no_trades_of_several_symbols_are_no_days(tmp_path: Path) -> None:
    report = rb.import_trades(interleaved().clear(), source=SOURCE, cache_dir=tmp_path)

    assert (report.height, report.columns[:2]) == (0, ["symbol", "day"])


def test_missing_trades_are_warned_of_by_symbol(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS[:2]))
    give(tmp_path, trades_of(DAYS[:4], seed=1), symbol=OTHER)
    catalog = rb.Catalog(SOURCE, cache_dir=tmp_path)

    with pytest.warns(RangeBarWarning) as caught:
        catalog.bars(BOTH, FIRST, LAST, 30)

    (warning,) = caught
    assert str(warning.message) == (
        f"bars of mine spot {SYMBOL} run over missing trades: days not cached: {DAYS[2]} to "
        f"{DAYS[3]} (see archive_quality)"
    )
    assert warning.filename == __file__
