"""Processors at the end of a chain of days: with the trades after it, the bars are of one pass."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archive_server import ArchiveServer, publish
from support.assertions import says
from support.cached_trades import SOURCE, SYMBOL, default_cache, give, one_pass, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._days import day_range
from rangebar_polars.errors import ArchiveError, CacheError, RangeBarWarning
from rangebar_polars.store import BarStore

DAYS = day_range("2024-01-01", "2024-02-08")
"""They begin with a week, a month and a year."""
FIRST = DAYS[0]
SUNDAY, END = dt.date(2024, 1, 28), dt.date(2024, 1, 31)
LORD_HOWE = rb.TradingDay("23:59", "Australia/Lord_Howe")
ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {"include_microstructure": True, "prevent_same_timestamp_close": False},
    "by day": {"reset": "day", "include_microstructure": True},
    "by week": {"reset": "week"},
    "by month": {"reset": "month", "include_incomplete": True},
    "by days of a zone": {"reset": LORD_HOWE, "include_incomplete": True},
}


@pytest.fixture(scope="module")
def every_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with all trades, to copy."""
    root = tmp_path_factory.mktemp("every-day")
    give(root, trades_of(DAYS))
    return root


@pytest.fixture
def cache(every_day: Path, tmp_path: Path) -> Path:
    """Return a cache with all trades."""
    return shutil.copytree(every_day, tmp_path / "all")


def days_after(day: dt.date) -> pl.DataFrame:
    """Return the trades after a day, as a live feed brings them."""
    return trades_of([each for each in DAYS if each > day])


def without_open(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the bars without the last one, if it is open or will be cut off by the next trade."""
    is_open = "is_complete" in bars.columns and not bars["is_complete"][-1]
    return bars[:-1] if is_open else bars


def assert_one_pass(end: dt.date, own: dict[str, Any], options: dict[str, Any]) -> None:
    """Check the bars up to a day and those of later trades, before and after they are stored."""
    for _ in range(2):
        processor = rb.resume_range_bars(SYMBOL, FIRST, 30, end=end, **own, **options)
        live = processor.process_trades(days_after(end))

        stored = rb.get_range_bars(SYMBOL, FIRST, end, 30, **own, **options)
        root = own["cache_dir"]
        want = one_pass(root, FIRST, DAYS[-1], threshold_decimal_bps=30, **options)
        assert_same(without_open(want), pl.concat([without_open(stored), live]))
        assert (processor.symbol, processor.threshold_decimal_bps) == (SYMBOL, 30)


@pytest.mark.parametrize("end", [SUNDAY, END, DAYS[-3]], ids=str)
@pytest.mark.parametrize("name", ASKED)
def test_bars_of_days_and_those_of_the_processor_are_the_bars_of_one_pass(
    name: str, end: dt.date, cache: Path
) -> None:
    assert_one_pass(end, {"source": SOURCE, "cache_dir": cache}, ASKED[name])


@pytest.mark.parametrize("name", ["plain", "by week"])
def test_every_store_has_what_a_processor_continues(
    name: str, store: BarStore, cache: Path
) -> None:
    own = {"source": SOURCE, "cache_dir": cache, "store": store}
    assert_one_pass(SUNDAY, own, ASKED[name])


@settings(max_examples=40)
@given(
    threshold=st.integers(5, 200),
    origin=st.integers(0, 9),
    length=st.integers(0, 29),
    reset=st.sampled_from([None, "day", "week", "month", "year", LORD_HOWE]),
    use_cache=st.booleans(),
)
def test_the_state_is_that_of_one_pass_over_the_days(
    threshold: int, origin: int, length: int, reset: NamedBorders | None, *, use_cache: bool
) -> None:
    if not default_cache().joinpath("ticks").exists():
        give(default_cache(), trades_of(DAYS))
    start, end = DAYS[origin], DAYS[origin + length]

    got = rb.resume_range_bars(
        SYMBOL, start, threshold, end=end, source=SOURCE, reset=reset, use_cache=use_cache
    )

    want = rb.RangeBarProcessor(threshold, SYMBOL, reset=reset)
    first = FIRST if isinstance(reset, str) else start
    want.process_trades(trades_of([day for day in DAYS if first <= day <= end]))
    assert_same(want.position, got.position)
    open_of_one, open_of_other = want.get_incomplete_bar(), got.get_incomplete_bar()
    assert (open_of_one is None) == (open_of_other is None)
    if open_of_one is not None and open_of_other is not None:
        assert_same(open_of_one, open_of_other)
    later = days_after(end)
    assert_same(want.process_trades(later), got.process_trades(later))


def test_what_is_stored_is_not_read_again(cache: Path, read: list[dt.date]) -> None:
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": cache}
    rb.get_range_bars(SYMBOL, FIRST, DAYS[3], 30, **own)
    read.clear()

    rb.resume_range_bars(SYMBOL, FIRST, 30, **own)

    assert read == DAYS[4:]
    read.clear()
    rb.resume_range_bars(SYMBOL, FIRST, 30, **own)
    rb.get_range_bars(SYMBOL, FIRST, DAYS[-1], 30, **own)
    assert read == []


@pytest.mark.parametrize("days", [2, 5])
def test_after_a_chain_that_was_met_the_state_is_that_of_one_pass(
    cache: Path, read: list[dt.date], days: int
) -> None:
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": cache}
    want = rb.resume_range_bars(SYMBOL, DAYS[1], 30, use_cache=False, **own)
    rb.get_range_bars(SYMBOL, FIRST, DAYS[-days], 30, **own)
    read.clear()

    got = rb.resume_range_bars(SYMBOL, DAYS[1], 30, **own)

    assert read == [DAYS[1], *DAYS[len(DAYS) - days + 1 :]]
    assert got.create_checkpoint() == want.create_checkpoint()
    later = days_after(DAYS[-1])
    assert_same(want.process_trades(later), got.process_trades(later))


def test_of_a_period_that_ends_with_the_last_day_that_day_alone_is_read_again(
    cache: Path, read: list[dt.date]
) -> None:
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": cache}
    rb.get_range_bars(SYMBOL, FIRST, SUNDAY, 30, reset="week", **own)
    read.clear()

    processor = rb.resume_range_bars(SYMBOL, FIRST, 30, end=SUNDAY, reset="week", **own)

    assert read == [SUNDAY]
    assert processor.position["timestamp"].dt.date().to_list() == [SUNDAY]


def test_the_last_day_is_the_last_cached_one_of_your_own_trades(cache: Path) -> None:
    processor = rb.resume_range_bars(SYMBOL, FIRST, 30, source=SOURCE, cache_dir=cache)

    last = trades_of(DAYS).tail(1).select("timestamp", "agg_trade_id")
    assert_same(last, processor.position)
    with rb.Catalog(SOURCE, cache_dir=cache) as catalog:
        assert_same(last, catalog.resume(SYMBOL, FIRST, 30).position)


def test_the_last_day_is_the_last_published_one_of_the_archive(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS)
    monkeypatch.setattr(cached_trades, "_today", lambda: DAYS[-1] + dt.timedelta(days=2))

    processor = rb.resume_range_bars("BTCUSDT", DAYS[-3], 30, archive=server.url)

    assert processor.position["timestamp"].dt.date().item() == DAYS[-1]
    cached = rb.resume_range_bars(
        "BTCUSDT", DAYS[-3], 30, archive=server.url, fetch_if_missing=False
    )
    assert cached.create_checkpoint() == processor.create_checkpoint()


def test_a_sockets_messages_continue_the_archive_and_a_gap_between_them_is_warned_of(
    server: ArchiveServer,
) -> None:
    publish(server, DAYS)
    names = rb.TradeColumns(
        timestamp="T",
        price="p",
        quantity="q",
        is_buyer_maker="m",
        agg_trade_id="a",
        first_trade_id="f",
        last_trade_id="l",
    )
    processor = rb.resume_range_bars(
        "BTCUSDT", FIRST, 30, end=DAYS[-1], archive=server.url, columns=names
    )
    last = processor.position["agg_trade_id"].item()
    midnight = int(dt.datetime(2024, 2, 9, tzinfo=dt.UTC).timestamp()) * 1_000
    messages = [
        {
            "e": "aggTrade",
            "s": "BTCUSDT",
            "a": last + 3 + row,
            "p": f"{100 + row / 10:.8f}",
            "q": "0.50000000",
            "f": 2 * (last + 3 + row),
            "l": 2 * (last + 3 + row) + 1,
            "T": midnight + 250 * row,
            "m": row % 2 == 0,
            "M": True,
        }
        for row in range(40)
    ]

    with pytest.warns(
        RangeBarWarning, match="2 records are missing between agg_trade_id 4899"
    ) as caught:
        live = processor.process_trades(messages)

    assert caught[0].filename == __file__
    ticks = rb.scan_ticks("BTCUSDT", FIRST, DAYS[-1], archive=server.url).collect()
    frame = pl.DataFrame(messages).select(
        timestamp=pl.from_epoch("T", time_unit="ms")
        .dt.cast_time_unit("us")
        .dt.replace_time_zone("UTC"),
        price=pl.col("p").cast(pl.Float64),
        quantity=pl.col("q").cast(pl.Float64),
        is_buyer_maker="m",
        agg_trade_id="a",
        first_trade_id="f",
        last_trade_id="l",
    )
    stored = rb.get_range_bars("BTCUSDT", FIRST, DAYS[-1], 30, archive=server.url)
    assert live.height > 5
    assert_same(rb.bars(pl.concat([ticks, frame]), 30), pl.concat([stored, live]))


def test_missing_days_are_warned_of(server: ArchiveServer) -> None:
    publish(server, [day for day in DAYS if day != DAYS[3]])

    with pytest.warns(RangeBarWarning, match="no file for: 2024-01-04") as caught:
        rb.resume_range_bars("BTCUSDT", FIRST, 30, end=END, archive=server.url)

    assert caught[0].filename == __file__


def test_the_end_of_a_period_whose_trades_are_gone_is_refused_and_the_remedies_work(
    server: ArchiveServer, cache: Path
) -> None:
    publish(server, DAYS[:2])
    of_archive: dict[str, Any] = {"end": DAYS[1], "reset": "day", "archive": server.url}
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": cache, "reset": "day"}
    before = rb.resume_range_bars("BTCUSDT", FIRST, 30, **of_archive).create_checkpoint()
    of_own = rb.resume_range_bars(SYMBOL, FIRST, 30, **own).create_checkpoint()
    rb.cache_clear("ticks")
    rb.cache_clear("ticks", cache_dir=cache)
    text = (
        "{} range-30, anew every day cannot be continued after {}, the end of a day, because the "
        "trades of the day are not cached (fetch_if_missing=True fetches them, and import_trades "
        "imports your own)"
    )

    with says(CacheError, text.format("binance spot BTCUSDT", DAYS[1])):
        rb.resume_range_bars("BTCUSDT", FIRST, 30, fetch_if_missing=False, **of_archive)
    with says(CacheError, text.format(f"mine spot {SYMBOL}", DAYS[-1])):
        rb.resume_range_bars(SYMBOL, FIRST, 30, end=DAYS[-1], **own)

    again = rb.resume_range_bars("BTCUSDT", FIRST, 30, **of_archive)
    assert again.create_checkpoint() == before
    give(cache, trades_of(DAYS[-1:]))
    again = rb.resume_range_bars(SYMBOL, FIRST, 30, end=DAYS[-1], **own)
    assert again.create_checkpoint() == of_own


def test_the_end_of_a_period_that_was_published_anew_is_refused_and_the_remedy_works(
    server: ArchiveServer,
) -> None:
    publish(server, DAYS[:2])
    of_archive: dict[str, Any] = {"end": DAYS[1], "reset": "day", "archive": server.url}
    rb.resume_range_bars("BTCUSDT", FIRST, 30, **of_archive)
    rb.cache_clear("ticks")
    publish(server, [DAYS[1]], rows=150)

    with says(
        CacheError,
        "the trades of binance spot BTCUSDT 2024-01-02 differ from those of its stored bars (call "
        "again, and the bars are computed again)",
    ):
        rb.resume_range_bars("BTCUSDT", FIRST, 30, **of_archive)

    processor = rb.resume_range_bars("BTCUSDT", FIRST, 30, **of_archive)
    ticks = rb.scan_ticks("BTCUSDT", DAYS[1], DAYS[1], archive=server.url).collect()
    assert_same(ticks.tail(1).select("timestamp", "agg_trade_id"), processor.position)


def test_a_first_day_after_the_last_one_is_refused(cache: Path) -> None:
    text = (
        f"start is 2024-03-01: expected a day up to 2024-02-08, the last day with trades of mine "
        f"spot {SYMBOL} (until there are trades of days, begin with RangeBarProcessor)"
    )

    with says(ValueError, text):
        rb.resume_range_bars(SYMBOL, "2024-03-01", source=SOURCE, cache_dir=cache)


def test_no_trades_at_all_are_refused(server: ArchiveServer) -> None:
    with pytest.raises(CacheError, match="no trades of mine spot BTC-USD are cached for any day"):
        rb.resume_range_bars(SYMBOL, FIRST, source=SOURCE)
    with pytest.raises(ArchiveError, match="has no file of the days from"):
        rb.resume_range_bars("BTCUSDT", FIRST, archive=server.url)


@pytest.mark.parametrize(
    ("argument", "kind", "text"),
    [
        ({"start": "2024-02-30"}, ValueError, "start is '2024-02-30' (write a UTC day as YYYY-"),
        ({"end": "today"}, ValueError, "end is 'today' (write a UTC day as YYYY-MM-DD)"),
        ({"threshold_decimal_bps": [25, 50]}, TypeError, "threshold_decimal_bps is [25, 50]"),
        ({"threshold_decimal_bps": 0}, ValueError, "threshold_decimal_bps is 0: expected 1 to"),
        ({"reset": "hour"}, ValueError, "reset is 'hour': expected 'day', 'week', 'month', 'year'"),
        ({"time_unit": "m"}, ValueError, "time_unit is 'm': expected 's', 'ms', 'us' or 'ns'"),
        ({"use_cache": 1}, TypeError, "use_cache is 1: expected True or False"),
        ({"columns": "p"}, TypeError, "columns is"),
    ],
    ids=str,
)
def test_a_bad_argument_is_refused_at_the_call(
    argument: dict[str, Any], kind: type[Exception], text: str
) -> None:
    asked: dict[str, Any] = {"symbol": SYMBOL, "start": FIRST, "source": SOURCE} | argument

    with pytest.raises(kind) as caught:
        rb.resume_range_bars(**asked)
    assert str(caught.value).startswith(text)
