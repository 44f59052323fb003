"""Ranges that nobody means end at once or cost little: centuries, the ends of the calendar."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, publish
from support.assertions import says
from support.cached_trades import SOURCE, SYMBOL, give, trades_of

import rangebar_polars as rb
from rangebar_polars._days import LONGEST_RANGE, day_range, month_days
from rangebar_polars.errors import ArchiveError, CacheError

CALLS: dict[str, Callable[..., object]] = {
    "bars": rb.get_range_bars,
    "bars, lazy": rb.scan_range_bars,
    "trades": rb.scan_ticks,
    "quality": rb.archive_quality,
    "populate": rb.populate,
}
NAMES = {"bars": ("start_date", "end_date"), "bars, lazy": ("start_date", "end_date")}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (
            "0001-01-01",
            "2024-01-31",
            (
                "{0} 0001-01-01 to {1} 2024-01-31 are 738916 days: expected at most 36600 (give "
                "the first day that has trades)"
            ),
        ),
        (
            "2024-01-01",
            "9999-12-31",
            (
                "{0} 2024-01-01 to {1} 9999-12-31 are 2913174 days: expected at most 36600 (give "
                "the last day that has trades)"
            ),
        ),
        (
            "2024-01-31",
            "2024-01-30",
            "{1} 2024-01-30 lies before {0} 2024-01-31 (both days are included)",
        ),
        ("10000-01-01", "10000-01-02", "{0} is '10000-01-01' (write a UTC day as YYYY-MM-DD)"),
        ("0000-01-01", "2024-01-02", "{0} is '0000-01-01' (write a UTC day as YYYY-MM-DD)"),
        ("-001-01-01", "2024-01-02", "{0} is '-001-01-01' (write a UTC day as YYYY-MM-DD)"),
    ],
)  # fmt: skip
def test_a_range_that_nobody_means_is_refused_at_once(
    call: str, start: str, end: str, text: str, server: ArchiveServer
) -> None:
    names = NAMES.get(call, ("start", "end"))

    with says(ValueError, text.format(*names)):
        CALLS[call]("BTCUSDT", start, end, archive=server.url)

    assert server.requests == []


def test_days_before_and_after_the_archive_cost_no_request(server: ArchiveServer) -> None:
    first, last = dt.date(2017, 7, 14), dt.date(2024, 9, 30)
    publish(server, [first, last], first_day=first)
    asked: dict[str, Any] = {"archive": server.url}

    with pytest.warns(rb.RangeBarWarning, match="no file for: 1997-01-01 to 2017-07-13"):
        early = rb.scan_ticks("BTCUSDT", "1997-01-01", first, **asked).collect()
    with pytest.warns(rb.RangeBarWarning, match="not published yet: 2024-10-01 to 2044-01-01"):
        late = rb.scan_ticks("BTCUSDT", last, "2044-01-01", **asked).collect()

    assert early["timestamp"].dt.date().unique().to_list() == [first]
    assert late["timestamp"].dt.date().unique().to_list() == [last]
    names = [request.path.rpartition("/")[2].partition(".zip")[0] for request in server.requests]
    assert {*names} == {f"BTCUSDT-aggTrades-{day}" for day in (first, last)}


def test_years_of_a_symbol_that_never_existed_cost_no_more_than_the_list_of_symbols(
    server: ArchiveServer,
) -> None:
    publish(server, [dt.date(2024, 9, 30)])
    archive = rb.BinanceArchive(server.url, server.listing_url)

    with says(ArchiveError, "binance spot has no symbol BTCUSDC (near names: BTCUSDT)"):
        rb.get_range_bars("BTCUSDC", "2017-08-01", "2024-09-30", archive=archive)

    names = [request.path.rpartition("/")[2] for request in server.requests]
    assert names == ["BTCUSDC-aggTrades-2024-09-30.zip.CHECKSUM", "list"]


def test_years_of_a_symbol_that_has_files_need_no_list(server: ArchiveServer) -> None:
    publish(server, [dt.date(2024, 9, 1), dt.date(2024, 9, 30)])
    archive = rb.BinanceArchive(server.url, server.listing_url)

    with pytest.warns(rb.RangeBarWarning, match="no file for: 2024-08-01 to 2024-08-31"):
        rb.scan_ticks("BTCUSDT", "2024-08-01", "2024-09-30", archive=archive)

    assert server.asked("2024-09-01.zip")
    assert not server.asked("list")


def test_a_list_of_symbols_that_cannot_be_had_keeps_no_day_from_being_fetched(
    server: ArchiveServer,
) -> None:
    publish(server, [dt.date(2024, 9, 30)])
    archive = rb.BinanceArchive(server.url, f"{server.url}/none")

    with pytest.warns(rb.RangeBarWarning, match="no file for: 2024-08-01 to 2024-09-27"):
        got = rb.scan_ticks("BTCUSDT", "2024-08-01", "2024-09-30", archive=archive)

    assert got.collect()["timestamp"].dt.date().unique().to_list() == [dt.date(2024, 9, 30)]


def test_the_longest_range_of_a_source_without_trades_is_an_error(tmp_path: Path) -> None:
    first = dt.date(1900, 1, 1)
    days = day_range(first, first + dt.timedelta(days=LONGEST_RANGE - 1))

    with says(
        CacheError,
        f"no trades of mine spot BTC-USD are cached for {days[0]} to {days[-1]} in {tmp_path} "
        "(import_trades puts them there)",
    ):
        rb.get_range_bars(SYMBOL, days[0], days[-1], source=SOURCE, cache_dir=tmp_path)


@pytest.mark.parametrize("day", [dt.date.min, dt.date.max])
def test_days_at_the_ends_of_the_calendar_are_days(day: dt.date, tmp_path: Path) -> None:
    trades = trades_at(day)
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}
    give(tmp_path, trades)

    got = rb.scan_ticks(SYMBOL, day, day, **own).collect()

    assert got.equals(trades)
    assert rb.cache_status(cache_dir=tmp_path)["first_day"].to_list() == [day]
    assert rb.archive_quality(SYMBOL, day, day, **own)["outside_day"].to_list() == [0]


def trades_at(day: dt.date) -> pl.DataFrame:
    """Return a day of trades, from its first to its last microsecond."""
    rows = trades_of([dt.date(2024, 1, 26)])
    shift = day - dt.date(2024, 1, 26)
    times = rows["timestamp"] + shift
    times[-1] = dt.datetime.combine(day, dt.time.max, dt.UTC)
    shifted: pl.DataFrame = rows.with_columns(times.alias("timestamp"))
    return shifted


def test_trades_millennia_apart_are_imported_without_the_days_between(tmp_path: Path) -> None:
    trades = pl.concat([trades_at(dt.date.min), trades_at(dt.date(2024, 1, 26))])

    with pytest.warns(rb.RangeBarWarning, match="leap from 0001-01-01 to 2024-01-26"):
        report = rb.import_trades(
            trades.drop("agg_trade_id", "first_trade_id", "last_trade_id"),
            symbol=SYMBOL,
            source=SOURCE,
            cache_dir=tmp_path,
        )

    assert report["day"].to_list() == [dt.date.min, dt.date(2024, 1, 26)]


def test_the_last_month_of_the_calendar_has_its_days() -> None:
    assert month_days(dt.date.max)[-1] == dt.date.max
    assert month_days(dt.date.min)[0] == dt.date.min
