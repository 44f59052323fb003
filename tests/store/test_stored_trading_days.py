"""Bars of days of a time zone are stored: pieces give one pass, and chains meet at a border."""

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars.store import BarStore, ParquetStore

NEW_YORK = rb.TradingDay("01:00", "America/New_York")
"""Its border is at 06:00 in UTC, and the trades of a day end before noon."""
TEXT = "01:00@America/New_York"
AFTERNOON = rb.TradingDay("17:00", "America/New_York")
FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
TEXTS = (
    "range-30",
    "range-100000",
    "cusum-30",
    "tick-150",
    "imbalance-volume-tickrule-4",
    "ewmaimbalance-tick-maker-40-3-70-4-80-40",
)
BORDERS = [
    (AFTERNOON, "2024-03-08 22:00"),
    (AFTERNOON, "2024-03-10 21:00"),
    (AFTERNOON, "2024-11-03 22:00"),
    (rb.TradingDay("02:30", "America/New_York"), "2024-03-10 07:00"),
    (rb.TradingDay("01:30", "America/New_York"), "2024-11-03 05:30"),
    (rb.TradingDay("00:00", "Asia/Kolkata"), "2024-05-05 18:30"),
]
"""The table of the specification: the days, and one of their borders in UTC."""
pytestmark = pytest.mark.filterwarnings(
    "ignore:is_buyer_maker is null:rangebar_polars.RangeBarWarning",
    "error:bars of .* fail checks:rangebar_polars.RangeBarWarning",
)


def own(store: BarStore, root: Path, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the options of stored bars of days of New York."""
    return {"source": SOURCE, "store": store, "cache_dir": root, "reset": NEW_YORK} | options


def check(store: BarStore, root: Path, start: dt.date, end: dt.date, *texts: str) -> None:
    """Check that the bars of days are those of one pass."""
    question = {"rule": [rb.parse_rule(text) for text in texts], **FULL}
    want = one_pass(root, start, end, reset=NEW_YORK, **question)
    assert_same(want, rb.get_range_bars(SYMBOL, start, end, **own(store, root, **question)))


@pytest.mark.parametrize(("day", "border"), BORDERS, ids=str)
def test_a_stored_bar_ends_at_a_border_of_the_specification(
    tmp_path: Path, day: rb.TradingDay, border: str
) -> None:
    at = dt.datetime.fromisoformat(border).replace(tzinfo=dt.UTC)
    times = [at + dt.timedelta(minutes=minutes) for minutes in (-1501, -1, 0, 1, 1380)]
    trades = trades_of([at.date()], per_day=2).head(1)
    trades = pl.concat([trades] * 5).with_columns(
        timestamp=pl.Series(times).cast(trades.schema["timestamp"]),
        **dict.fromkeys(
            ("agg_trade_id", "first_trade_id", "last_trade_id"), pl.int_range(5, dtype=pl.Int64)
        ),
    )
    give(tmp_path, trades)
    store, found = ParquetStore(tmp_path / "bars"), list[int]()
    start = times[0].date()

    for end in day_range(start, times[-1].date()):
        bars = rb.get_range_bars(
            SYMBOL, start, end, rule=rb.TickRule(100), **own(store, tmp_path, reset=day, **FULL)
        )
        found = bars["agg_record_count"].to_list()

    # Yesterday's border lies between the first two, and no other after this one.
    assert found == [1, 1, 3]
    assert {(key.reset, key.origin) for key in store.keys()} == {(day, start)}  # noqa: SIM118


@pytest.mark.parametrize("open_one", ["parquet", "clickhouse"], indirect=True)
def test_days_in_pieces_are_those_of_one_pass(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    # A server reaches the disk a dozen times for each month of each chain.
    texts = TEXTS if isinstance(store, ParquetStore) else TEXTS[-2:]
    for end in (DAYS[0], DAYS[6], DAYS[-1]):
        for _ in range(2):
            check(store, cache, DAYS[0], end, *texts)

    assert read == DAYS
    assert {key.reset for key in store.keys()} == {NEW_YORK}  # noqa: SIM118 - not a dict


def test_chains_of_two_first_days_meet_at_the_first_border(
    tmp_path: Path, cache: Path, read: list[dt.date]
) -> None:
    store = ParquetStore(tmp_path / "bars")
    check(store, cache, DAYS[0], DAYS[-1], *TEXTS)
    made = Counter[str]()

    for text in TEXTS:
        read.clear()
        check(store, cache, DAYS[1], DAYS[-1], text)
        made[text] = len(read)

    # The border of the first day makes every chain forget where it began, whatever the rule.
    assert made == dict.fromkeys(TEXTS, 1)


def test_chains_of_other_borders_do_not_meet(
    tmp_path: Path, cache: Path, read: list[dt.date]
) -> None:
    store = ParquetStore(tmp_path / "bars")
    asked: dict[str, Any] = {"rule": rb.TickRule(150)}
    for reset in (NEW_YORK, AFTERNOON, None, "day"):
        read.clear()
        got = rb.get_range_bars(
            SYMBOL, DAYS[0], DAYS[4], **own(store, cache, **asked, reset=reset, **FULL)
        )
        assert read == DAYS[:5]
        assert_same(one_pass(cache, DAYS[0], DAYS[4], **asked, reset=reset, **FULL), got)
    assert len(store.keys()) == 4


def test_a_replaced_day_is_computed_anew_until_the_next_border(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    check(store, cache, DAYS[0], DAYS[-1], "tick-150")
    early = pl.col("timestamp").dt.hour() < 6
    give(
        cache,
        pl.concat([trades_of([DAYS[7]], seed).filter(e) for seed, e in ((1, early), (0, ~early))]),
    )
    read.clear()

    check(store, cache, DAYS[0], DAYS[-1], "tick-150")

    assert read == DAYS[7:8]


def test_every_call_over_stored_bars_takes_days_of_a_zone(store: BarStore, cache: Path) -> None:
    asked = own(store, cache, rule=rb.TickRule(30))
    want = one_pass(cache, DAYS[0], DAYS[-1], rule=rb.TickRule(30), reset=NEW_YORK)

    with ThreadPoolExecutor(1) as executor:
        report = rb.populate(SYMBOL, DAYS[0], DAYS[-1], **asked, executor=executor)
    assert report.select("status", "made", "stored").row(0) == ("ok", len(DAYS), 0)
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], **asked)
    assert_same(want, plan.collect())
    with rb.Catalog(SOURCE, store=store, cache_dir=cache) as catalog:
        assert_same(
            want,
            catalog.bars(SYMBOL, DAYS[0], DAYS[-1], rule=rb.TickRule(30), reset=NEW_YORK),
        )
    # The chain of the last day has three bars from its border on.
    last = rb.get_n_range_bars(SYMBOL, 3, **asked)
    assert_same(want.tail(3), last)
    processor = rb.resume_range_bars(SYMBOL, DAYS[0], end=DAYS[6], **asked)
    live = processor.process_trades(trades_of(DAYS[7:]))
    stored = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[6], **asked)
    assert_same(want, pl.concat([stored, live]))

    shown = store.scan_bars().filter("is_complete", pl.col("reset") == TEXT).collect()
    assert_same(want, shown.select(want.columns))
    (row,) = rb.cache_status(store=store, cache_dir=cache).filter(kind="bars").rows(named=True)
    assert (row["reset"], row["origin"]) == (TEXT, DAYS[0])
    cleared = rb.cache_clear("bars", symbol=SYMBOL, store=store, cache_dir=cache)
    assert cleared["reset"].to_list() == [TEXT]
    assert store.keys() == []


@pytest.mark.parametrize(
    "options",
    [
        {"reset": rb.TradingDay("09:00", "Asia/Tokyo")},
        {"reset": None, "max_gap": "10h"},
        {"reset": "week", "max_gap": "10h"},
    ],
    ids=["day of a zone", "gap", "gap in a week"],
)
def test_a_filter_finds_bars_that_the_first_trade_of_a_month_cut_off(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    days = DAYS[3:]  # a week begins with the first
    give(tmp_path, trades_of(days, per_day=10))
    store = ParquetStore(tmp_path / "bars")
    asked = own(store, tmp_path, rule=rb.TickRule(10**6), **options)
    rb.get_range_bars(SYMBOL, days[0], days[-1], **asked)
    bars = store.scan_bars().collect()
    # The bar of the day before was cut off in the next month.
    assert dt.date(2024, 1, 31) in bars["close_time"].dt.date()

    for day in days:
        at = pl.col("close_time") < dt.datetime.combine(day, dt.time(), dt.UTC)
        assert_same(bars.filter(at), store.scan_bars().filter(at).collect())
        assert_same(bars.filter(~at), store.scan_bars().filter(~at).collect())
