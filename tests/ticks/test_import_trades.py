"""Your own trades go into the same cache, with the same checks."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from support.assertions import says, tree
from support.shared_data import SHARED, needs_shared_data

import rangebar_polars as rb
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import CacheError, QualityError, RangeBarWarning
from rangebar_polars.schema import TRADE_SCHEMA

DAY, NEXT = dt.date(2024, 8, 5), dt.date(2024, 8, 6)


def own(*, rows: int = 10, day: dt.date = DAY) -> pl.DataFrame:
    """Return trades as a user may have them."""
    start = dt.datetime.combine(day, dt.time(), dt.UTC)
    return pl.DataFrame(
        {
            "when": [start + dt.timedelta(hours=n) for n in range(rows)],
            "px": [100 + n for n in range(rows)],
            "size": [1] * rows,
        }
    )


COLUMNS = rb.TradeColumns(timestamp="when", price="px", quantity="size")
Importer = Callable[..., pl.DataFrame]


@pytest.fixture
def bring() -> Importer:
    """Import with the names of `own`."""

    def call(trades: object, **options: object) -> pl.DataFrame:
        given = {"symbol": "BTC/USD", "source": "mine", "columns": COLUMNS} | options
        return rb.import_trades(trades, **given)  # type: ignore[arg-type]

    return call


def test_own_trades_are_read_like_any_others(bring: Importer) -> None:
    report = bring(own(rows=30))

    got = rb.scan_ticks("BTC/USD", DAY, NEXT, source="mine").collect()
    assert got.schema == TRADE_SCHEMA
    assert got["price"].to_list() == [100.0 + n for n in range(30)]
    assert got["agg_trade_id"].null_count() == 30
    assert report["rows_after"].to_list() == [24, 6]
    assert report["missing_ids"].to_list() == [0, 0]
    assert report["sha256"].to_list() == [None, None]
    quality = rb.archive_quality("BTC/USD", DAY, NEXT, source="mine")
    assert quality.equals(report)


def test_own_trades_are_the_same_from_every_kind_of_source(bring: Importer, tmp_path: Path) -> None:
    trades = own(rows=30)
    trades.write_csv(tmp_path / "own.csv")
    trades.write_parquet(tmp_path / "own.parquet")
    ids = [
        trades,
        trades.lazy(),
        tmp_path / "own.csv",
        str(tmp_path / "own.parquet"),
        trades.with_columns(pl.col("when").dt.convert_time_zone("Asia/Tokyo")),
        trades.with_columns(pl.col("when").dt.replace_time_zone(None).cast(pl.Datetime("ns"))),
        pl.concat([trades[10:], trades[:10]]).sort("when"),
    ]

    trees = []
    for number, form in enumerate(ids):
        bring(form, cache_dir=tmp_path / str(number))
        trees.append(tree(tmp_path / str(number)))
    whole = trades.with_columns(pl.col("when").dt.epoch("ms"))
    bring(whole, cache_dir=tmp_path / "ms", time_unit="ms")

    assert all(other == trees[0] for other in [*trees, tree(tmp_path / "ms")])


def test_own_trades_with_ids_are_cleaned_by_them(bring: Importer) -> None:
    trades = own().with_columns(id=pl.int_range(pl.len()) * 7)
    columns = rb.TradeColumns(timestamp="when", price="px", quantity="size", agg_trade_id="id")

    report = bring(pl.concat([trades[5:], trades[:5], trades[2:4]]), columns=columns)

    got = rb.scan_ticks("BTC/USD", DAY, DAY, source="mine").collect()
    assert got["agg_trade_id"].to_list() == [7 * n for n in range(10)]
    assert report.select("out_of_order", "duplicates", "missing_ids").row(0) == (2, 2, 0)


def test_repetitions_are_seen_without_ids_of_trades(bring: Importer) -> None:
    trades = own().with_columns(id=pl.int_range(pl.len()))
    columns = rb.TradeColumns(timestamp="when", price="px", quantity="size", agg_trade_id="id")

    report = bring(trades[[0, 0, *range(1, 10)]], columns=columns)

    assert report.select("rows_after", "duplicates").row(0) == (10, 1)


def test_days_without_trades_inside_an_import_are_covered_up_to_a_week(bring: Importer) -> None:
    friday, monday, later = dt.date(2024, 8, 2), dt.date(2024, 8, 5), dt.date(2024, 8, 20)

    report = bring(pl.concat([own(day=day) for day in (friday, monday, later)]), strictness="raise")

    assert report["rows_after"].to_list() == [10, 0, 0, 10, 10]
    assert rb.scan_ticks("BTC/USD", friday, monday, source="mine").collect().height == 20
    with pytest.warns(RangeBarWarning, match="days not cached: 2024-08-06 to 2024-08-19"):
        rb.scan_ticks("BTC/USD", friday, later, source="mine")


def test_a_day_is_imported_once_or_replaced_on_demand(bring: Importer, tmp_path: Path) -> None:
    bring(own())
    before = tree(tmp_path / "cache")
    bring(own())
    assert tree(tmp_path / "cache") == before
    path = DiskTickCache(tmp_path / "cache", Series("mine", "spot", "BTC/USD")).path(DAY)

    with says(
        CacheError,
        f"{path} holds other trades of 2024-08-05 than those given (10 rows, got 12; "
        "give all trades of the day together, with replace=True)",
    ):
        bring(pl.concat([own(rows=12), own(day=NEXT)]))
    with pytest.raises(CacheError, match="holds other trades of 2024-08-05 than those given"):
        bring(own().with_columns(pl.col("px").reverse()))
    assert tree(tmp_path / "cache") == before

    bring(own(rows=12), replace=True)
    assert rb.scan_ticks("BTC/USD", DAY, DAY, source="mine").collect().height == 12


def test_an_import_that_is_refused_changes_nothing(bring: Importer, tmp_path: Path) -> None:
    back = pl.concat([own(), own(day=NEXT).reverse()])

    with pytest.raises(QualityError, match=r"^time goes back in the trades at row 11: "):
        bring(back)
    with says(
        QualityError,
        "mine spot BTC/USD has defects: 2024-08-05: zero_quantities 10 (strictness='report' "
        "accepts them)",
    ):
        bring(own().with_columns(size=pl.lit(0)), strictness="raise")

    assert tree(tmp_path / "cache") == {}


def test_own_trades_that_are_no_trades_are_refused(bring: Importer, tmp_path: Path) -> None:
    with says(
        ValueError,
        "the trades have no column 'px' for price (they have when, size; name it with "
        "columns=TradeColumns(price=...))",
    ):
        bring(own().drop("px"))
    with says(TypeError, "column 'px' is String, expected Float64 (cast it first)"):
        bring(own().cast({"px": pl.String}))
    with says(
        TypeError,
        "column 'when' is Int64, expected a Datetime (give time_unit='ms', in which 1722816000000 "
        "lies between 1990 and 2100)",
    ):
        bring(own().with_columns(pl.col("when").dt.epoch("ms")))
    with says(TypeError, "column 'when' is Binary, expected a Datetime (cast it first)"):
        bring(own().with_columns(when=pl.lit(b"")))
    with says(ValueError, "time_unit is 'h': expected 's', 'ms', 'us' or 'ns'"):
        bring(own().with_columns(pl.col("when").dt.epoch("ms")), time_unit="h")
    with says(ValueError, "source 'binance' is the archive's own (give your trades another name)"):
        bring(own(), source="binance")
    with says(ValueError, "symbol is empty (give a name)"):
        bring(own(), symbol="")
    with says(TypeError, "market is 5 (give a name)"):
        bring(own(), market=5)
    with says(ValueError, "strictness is 'loud' (give 'report' or 'raise')"):
        bring(own(), strictness="loud")
    with says(
        TypeError,
        "trades is a int (give a frame, an object with __arrow_c_stream__, a path, or a list of "
        "paths)",
    ):
        bring(5)
    path = tmp_path / "own.xlsx"
    with says(
        ValueError,
        f"{path} is none of .parquet, .csv, .csv.gz, .csv.zst, .zip (read it, and give the frame)",
    ):
        bring(path)


def test_nothing_imported_is_reported_with_the_way_to_import(tmp_path: Path) -> None:
    with says(
        CacheError,
        f"no trades of mine spot BTC/USD are cached for 2024-08-05 in {tmp_path / 'cache'} "
        "(import_trades puts them there)",
    ):
        rb.scan_ticks("BTC/USD", DAY, DAY, source="mine")


@needs_shared_data
def test_trades_without_side_and_ids_are_imported_whole(bring: Importer) -> None:
    trades = pl.read_parquet(SHARED / "trades/lean_bac_us_equity_20131007_11.parquet")

    report = bring(trades, columns=rb.TradeColumns())

    got = rb.scan_ticks("BTC/USD", report["day"][0], report["day"][-1], source="mine")
    assert got.collect().equals(trades.select(TRADE_SCHEMA.names()))
