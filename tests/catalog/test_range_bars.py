"""Bars of days from an archive: holes, bad arguments, zones, and what need not be installed."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault, day_csv, publish
from support.assertions import says, tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, default_cache, give, one_pass, trades_of
from support.entry_points import assert_same
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades
from rangebar_polars._catalog.bars import StoredBars
from rangebar_polars._days import day_range
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import (
    ArchiveError,
    CacheError,
    DownloadError,
    RangeBarWarning,
)


def of_archive(server: ArchiveServer, start: Any, end: Any, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return bars of BTCUSDT."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "archive": server.url} | options
    return rb.get_range_bars("BTCUSDT", start, end, **asked)


# From the archive


def test_the_first_call_needs_nothing_but_an_archive(server: ArchiveServer, tmp_path: Path) -> None:
    publish(server, DAYS)

    got = of_archive(server, "2024-01-26", dt.date(2024, 2, 8), include_microstructure=True)

    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30, include_microstructure=True).collect(), got)
    asked = len(server.requests)
    assert_same(got, of_archive(server, DAYS[0], DAYS[-1], include_microstructure=True))
    assert len(server.requests) == asked
    rule = "source=binance/market=spot/symbol=BTCUSDT/rule=range-30/reset=none/max_gap=none"
    folder = tmp_path / "cache" / "bars" / rule / "origin=2024-01-26" / "version=2"
    assert [path.name for path in sorted(folder.iterdir())] == [
        "2024-01.parquet",
        "2024-02.parquet",
    ]


def test_a_hit_needs_neither_archive_nor_trades(server: ArchiveServer) -> None:
    publish(server, DAYS)
    want = of_archive(server, DAYS[0], DAYS[-1])
    rb.cache_clear("ticks")
    asked = len(server.requests)

    assert_same(want, of_archive(server, DAYS[0], DAYS[-1]))
    assert_same(want, of_archive(server, DAYS[0], DAYS[-1], fetch_if_missing=False))
    assert len(server.requests) == asked


def test_a_hole_of_the_archive_is_warned_of_whenever_its_bars_are_given(
    server: ArchiveServer,
) -> None:
    publish(server, [day for day in DAYS if day != DAYS[3]])
    text = (
        "bars of binance spot BTCUSDT run over missing trades: days the archive has no file for: "
        "2024-01-29; 100 agg_trade_ids are missing: 2024-01-30 (see archive_quality)"
    )

    for _ in range(2):
        with pytest.warns(RangeBarWarning) as caught:
            got = of_archive(server, DAYS[0], DAYS[-1])
        assert [str(warning.message) for warning in caught] == [text]
        assert caught[0].filename == __file__
    with pytest.warns(RangeBarWarning) as caught:
        lazy = rb.scan_range_bars("BTCUSDT", DAYS[0], DAYS[-1], 30, archive=server.url)
    assert [str(warning.message) for warning in caught] == [text]
    assert caught[0].filename == __file__
    assert_same(got, lazy.collect())


def test_a_gap_at_the_end_of_what_was_stored_is_seen(server: ArchiveServer) -> None:
    publish(server, DAYS[:3])
    of_archive(server, DAYS[0], DAYS[2])
    csv = day_csv(DAYS[3], first_id=5_000_000)
    server.publish(BinanceFile("spot", "BTCUSDT", DAYS[3]), csv)

    with pytest.warns(RangeBarWarning, match=r"agg_trade_ids are missing: 2024-01-29 \("):
        of_archive(server, DAYS[0], DAYS[3])


def test_a_hole_that_is_filled_later_is_computed_until_the_bars_are_those_of_before(
    server: ArchiveServer, read: list[dt.date]
) -> None:
    publish(server, [day for day in DAYS if day != DAYS[3]])
    with pytest.warns(RangeBarWarning):
        of_archive(server, DAYS[0], DAYS[-1])
    publish(server, [DAYS[3]])
    rb.scan_ticks("BTCUSDT", DAYS[3], DAYS[3], archive=server.url)
    read.clear()

    got = of_archive(server, DAYS[0], DAYS[-1])

    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect(), got)
    assert read == DAYS[3:5]


def test_days_after_the_last_one_published_are_asked_for_again(server: ArchiveServer) -> None:
    publish(server, DAYS[:5])
    with pytest.warns(RangeBarWarning, match="no file for: 2024-01-31 to 2024-02-08"):
        short = of_archive(server, DAYS[0], DAYS[-1])
    publish(server, DAYS[5:])

    got = of_archive(server, DAYS[0], DAYS[-1])

    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect(), got)
    assert got.height > short.height


def test_days_not_published_yet_are_warned_of(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS[:5])
    monkeypatch.setattr(cached_trades, "_today", lambda: DAYS[5])

    with pytest.warns(RangeBarWarning, match="days not published yet: 2024-01-31 to 2024-02-08"):
        got = of_archive(server, DAYS[0], DAYS[-1])

    assert got.height > 0


def test_no_available_day_is_an_error(server: ArchiveServer) -> None:
    publish(server, [dt.date(2023, 1, 1)])
    with pytest.raises(ArchiveError, match="the archive has no file of binance spot BTCUSDT for"):
        of_archive(server, DAYS[0], DAYS[1])
    text = (
        f"no trades of mine spot BTC-USD are cached for 2024-01-26 in {default_cache()} "
        "(import_trades puts them there)"
    )
    with says(CacheError, text):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[0], source=SOURCE)
    with pytest.raises(CacheError, match="fetch_if_missing=True fetches them"):
        of_archive(server, DAYS[0], DAYS[1], fetch_if_missing=False)


def test_a_server_that_fails_leaves_what_is_stored(server: ArchiveServer) -> None:
    publish(server, DAYS)
    of_archive(server, DAYS[0], DAYS[4])
    before = tree(default_cache() / "bars")
    path = BinanceFile("spot", "BTCUSDT", DAYS[5]).path
    server.faults[f"{path}.CHECKSUM"].extend([Fault("status", 500)] * 50)
    server.faults[path].extend([Fault("status", 500)] * 50)

    archive = rb.BinanceArchive(server.url, attempts=2, timeout=5)
    with pytest.raises(DownloadError):
        of_archive(server, DAYS[0], DAYS[6], archive=archive)

    assert tree(default_cache() / "bars") == before


# Days that are not known to be complete


def test_bars_over_a_day_that_was_not_fetched_are_given_but_not_stored(
    server: ArchiveServer, read: list[dt.date]
) -> None:
    publish(server, DAYS)
    for days in (DAYS[:3], DAYS[4:]):
        rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)

    for _ in range(2):
        read.clear()
        with pytest.warns(RangeBarWarning, match="days not cached: 2024-01-29; 100 agg"):
            got = of_archive(server, DAYS[0], DAYS[-1], fetch_if_missing=False)
        assert set(read) >= set(DAYS[4:])
    read.clear()
    whole = of_archive(server, DAYS[0], DAYS[-1])

    assert read == DAYS[3:]
    assert not whole.equals(got)
    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect(), whole)


# Arguments

BAD_ARGUMENTS: dict[str, tuple[type[Exception], str, dict[str, Any]]] = {
    "a threshold": (
        ValueError,
        "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
        {"threshold_decimal_bps": 0},
    ),
    "a day": (
        ValueError,
        "start_date is '2024-02-30' (write a UTC day as YYYY-MM-DD)",
        {"start_date": "2024-02-30"},
    ),
    "a datetime": (
        TypeError,
        (
            "end_date is datetime.datetime(2024, 1, 31, 0, 0) (give a UTC day: 'YYYY-MM-DD' or "
            "datetime.date)"
        ),
        {"end_date": dt.datetime(2024, 1, 31)},  # noqa: DTZ001 - what is refused
    ),
    "days": (
        ValueError,
        "end_date 2024-01-25 lies before start_date 2024-01-26 (both days are included)",
        {"end_date": "2024-01-25"},
    ),
    "a market": (ValueError, None, {"market": "futures"}),  # type: ignore[dict-item]
    "a symbol": (ValueError, None, {"symbol": ""}),  # type: ignore[dict-item]
    "a reset": (
        ValueError,
        "reset is 'hour': expected 'day', 'week', 'month', 'year', a TradingDay or None",
        {"reset": "hour"},
    ),
    "the text of a reset": (
        ValueError,
        (
            "reset is '17:00@UTC': expected 'day', 'week', 'month', 'year', a TradingDay or None "
            "(TradingDay(time='17:00', zone='UTC') has this text)"
        ),
        {"reset": "17:00@UTC"},
    ),
    "a flag": (TypeError, "use_cache is 1: expected True or False", {"use_cache": 1}),
    "a flag of bars": (
        TypeError,
        "include_incomplete is 'yes': expected True or False",
        {"include_incomplete": "yes"},
    ),
    "progress": (
        ValueError,
        "progress is 'dots' (give None, 'tqdm', or a callable)",
        {"progress": "dots"},
    ),
    "a store": (
        TypeError,
        "the store is 7 (give a URL, a folder or a BarStore)",
        {"store": 7},
    ),
}


@pytest.mark.parametrize("call", [rb.get_range_bars, rb.scan_range_bars])
@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_a_bad_argument_is_refused_at_the_call(name: str, call: Any) -> None:  # noqa: ANN401
    kind, text, argument = BAD_ARGUMENTS[name]
    arguments = {"symbol": "BTCUSDT", "start_date": DAYS[0], "end_date": DAYS[1]} | argument

    with pytest.raises(kind) if text is None else says(kind, text):
        call(**arguments, fetch_if_missing=arguments.pop("fetch_if_missing", False))


def test_the_store_is_the_one_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    give(default_cache(), trades_of(DAYS[:2]))
    monkeypatch.setenv("RANGEBAR_STORE", str(tmp_path / "elsewhere"))

    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], source=SOURCE)

    assert (tmp_path / "elsewhere" / "bars").is_dir()
    assert (
        not (default_cache() / "bars" / "source=mine").is_dir()
        or default_cache() == tmp_path / "elsewhere"
    )


# Days are those of UTC


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Apia", "UTC"])
def test_days_are_those_of_utc_whatever_the_zone_of_the_machine(zone: str, tmp_path: Path) -> None:
    # Around the change to summer time in New York.
    days = day_range("2024-03-09", "2024-03-11")
    give(tmp_path, trades_of(days))
    want = one_pass(tmp_path, days[0], days[-1], threshold_decimal_bps=30)
    code = f"""
import rangebar_polars as rb
for step in ["2024-03-10", "2024-03-11"]:
    bars = rb.get_range_bars("{SYMBOL}", "2024-03-09", step, 30, source="{SOURCE}",
                             cache_dir={str(tmp_path)!r}, store={str(tmp_path / zone)!r})
bars.write_ipc({str(tmp_path / "bars.arrow")!r})
"""

    run(code, TZ=zone)

    assert_same(want, pl.read_ipc(tmp_path / "bars.arrow"))


# Without what is optional


def test_neither_pyarrow_nor_pandas_nor_numpy_is_needed(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS))
    code = f"""
import sys
for name in ("pyarrow", "pandas", "numpy", "duckdb", "clickhouse_connect", "tqdm"):
    sys.modules[name] = None
import rangebar_polars as rb
for _ in range(2):
    bars = rb.get_range_bars("{SYMBOL}", "{DAYS[0]}", "{DAYS[-1]}", 30, source="{SOURCE}",
                             cache_dir={str(tmp_path)!r}, include_microstructure=True)
print(bars.height, rb.cache_status(cache_dir={str(tmp_path)!r}).height)
"""
    want = one_pass(tmp_path, DAYS[0], DAYS[-1], threshold_decimal_bps=30)

    assert run(code).split() == [str(want.height), "2"]


def test_bars_go_to_arrow_without_copies() -> None:
    pa = pytest.importorskip("pyarrow")
    give(default_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, source=SOURCE)
    bars = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, source=SOURCE)

    table = pa.table(bars)

    for name in ("close", "volume"):
        ours = bars[name].get_chunks()[0].to_numpy(allow_copy=False).ctypes.data
        assert table[name].chunk(0).buffers()[1].address == ours


def test_bars_that_fail_a_check_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    give(default_cache(), trades_of(DAYS))
    question: dict[str, Any] = {
        "source": SOURCE,
        "threshold_decimal_bps": [30, 50],
        "use_cache": False,
    }
    right = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], **question)
    wrong = right.with_columns(high=pl.col("low"))
    monkeypatch.setattr(StoredBars, "frames", lambda *_: iter([wrong]))

    with pytest.warns(RangeBarWarning) as warned:
        assert_same(wrong, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], **question))

    (message,) = warned
    assert str(message.message) == (
        "bars of mine spot BTC-USD fail checks that all bars should pass: ohlc (validate_tier1 "
        "shows the rows; please report it, with the days and the options)"
    )
    assert_same(wrong, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], validate=False, **question))
