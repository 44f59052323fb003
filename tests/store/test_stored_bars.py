"""Bars that come from a store, whole or in part, are those of one pass over all trades."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.oracle_chains import few

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.schema import RULE_VERSION, STORED_SCHEMA
from rangebar_polars.store import BarStore

FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
QUESTIONS: dict[str, dict[str, Any]] = {
    "basic": {},
    "full": FULL,
    "bars of one time": {**FULL, "prevent_same_timestamp_close": False},
    "reset by day": {**FULL, "reset": "day"},
    "reset by week": {**FULL, "reset": "week"},
    "reset by month": {**FULL, "reset": "month"},
    "reset at 17:00 in New York": {**FULL, "reset": rb.TradingDay("17:00", "America/New_York")},
    "reset by year": {"include_incomplete": True, "reset": "year"},
    "several thresholds": {**FULL, "threshold_decimal_bps": [10, 30, 700]},
    "one threshold in a list": {"threshold_decimal_bps": [30]},
    "several thresholds, reset": {"threshold_decimal_bps": [10, 30], "reset": "week"},
    "a bar as long as the range": {**FULL, "threshold_decimal_bps": 100_000},
}

TOKYO = rb.TradingDay("09:00", "Asia/Tokyo")
"""Its days begin at midnight in UTC, and a chain of them has a first day all the same."""

FROM_JANUARY = ("reset by month", "reset by year")
"""Questions whose chains begin with the year."""

OF_A_SERVER = (
    "full", "reset at 17:00 in New York", "several thresholds, reset", "a bar as long as the range"
)  # fmt: skip
"""Questions that differ in what a store is given: keys, chains, and days without a bar."""

KINDS = [("parquet", name) for name in QUESTIONS]
KINDS += [(kind, name) for kind in ("clickhouse", "objects") for name in OF_A_SERVER]
IN_STEPS = [each for each in KINDS if each[1] not in FROM_JANUARY]


def ask(store: BarStore, root: Path, start: dt.date, end: dt.date, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of days."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "symbol": SYMBOL} | options
    return rb.get_range_bars(
        start_date=start, end_date=end, source=SOURCE, store=store, cache_dir=root, **asked
    )


def expected(root: Path, start: dt.date, end: dt.date, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of one pass over the trades of days."""
    return one_pass(root, start, end, **{"threshold_decimal_bps": 30} | options)


@pytest.mark.parametrize(("open_one", "name"), KINDS, indirect=["open_one"])
def test_first_second_and_lazy_calls_give_the_bars_of_one_pass(
    name: str, store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    # The first of a week, since bars of a reset are read from the border on.
    start, end, question = dt.date(2024, 1, 29), DAYS[-1], QUESTIONS[name]
    if name in FROM_JANUARY:
        give(cache, trades_of(day_range("2024-01-01", "2024-01-28")))
        start = dt.date(2024, 1, 1)
    want = expected(cache, start, end, **question)
    assert want.height > 0 or name == "a bar as long as the range"

    assert_same(want, ask(store, cache, start, end, **question))
    assert set(read) == set(day_range(start, end))
    read.clear()
    assert_same(want, ask(store, cache, start, end, **question))
    lazy = rb.scan_range_bars(
        SYMBOL, start, end, source=SOURCE, store=store, cache_dir=cache,
        **{"threshold_decimal_bps": 30} | question,
    )  # fmt: skip
    assert lazy.collect_schema() == want.schema
    assert_same(want, lazy.collect())
    assert_same(want.select("close"), lazy.select("close").collect())
    dear = pl.col("volume") > 2
    assert_same(want.filter(dear).select("low"), lazy.filter(dear).select("low").collect())
    assert lazy.select(pl.len()).collect().item() == want.height
    assert_same(want.select(want.columns[0]), lazy.select(want.columns[0]).collect())
    assert read == []


@pytest.mark.parametrize(("open_one", "name"), IN_STEPS, indirect=["open_one"])
def test_a_chain_computed_in_steps_gives_the_bars_of_one_pass(
    name: str, store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    start, question = dt.date(2024, 1, 29), QUESTIONS[name]

    for end in [DAYS[3], DAYS[4], DAYS[5], DAYS[6], DAYS[9], DAYS[-1]]:
        got = ask(store, cache, start, end, **question)
        assert_same(expected(cache, start, end, **question), got)

    # Each day was read once: what follows continues from the stored state.
    assert read == day_range(start, DAYS[-1])
    for end in DAYS[3:]:
        want = expected(cache, start, end, **question)
        assert_same(want, ask(store, cache, start, end, **question))
    assert read == day_range(start, DAYS[-1])


def test_the_day_after_is_read_alone_even_when_the_trades_before_are_gone(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    want = expected(cache, DAYS[0], DAYS[-1], **FULL)
    ask(store, cache, DAYS[0], DAYS[9], **FULL)
    ticks = DiskTickCache(cache, Series(SOURCE, "spot", SYMBOL))
    for day in DAYS[:10]:
        ticks.path(day).unlink()
    read.clear()

    assert_same(want, ask(store, cache, DAYS[0], DAYS[-1], **FULL))
    assert read == DAYS[10:]


@pytest.mark.parametrize(("place", "made"), [(0, 2), (3, 2), (5, 2), (6, 2), (13, 1)])
def test_after_a_replaced_day_bars_are_computed_until_they_are_those_of_before(
    store: BarStore, cache: Path, read: list[dt.date], place: int, made: int
) -> None:
    before = ask(store, cache, DAYS[0], DAYS[-1], **FULL)
    give(cache, trades_of([DAYS[place]], seed=1))
    read.clear()

    after = ask(store, cache, DAYS[0], DAYS[-1], **FULL)

    assert_same(expected(cache, DAYS[0], DAYS[-1], **FULL), after)
    assert not after.equals(before)
    assert read == DAYS[place : place + made]
    read.clear()
    assert_same(after, ask(store, cache, DAYS[0], DAYS[-1], **FULL))
    assert read == []


def test_a_day_that_is_put_back_as_it_was_leaves_bars_valid(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    ask(store, cache, DAYS[0], DAYS[-1])
    give(cache, trades_of([DAYS[2]]).rechunk())
    read.clear()

    ask(store, cache, DAYS[0], DAYS[-1])

    assert read == []


def test_with_a_reset_a_replaced_day_makes_only_its_period_stale(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    question = {**FULL, "reset": "day"}
    ask(store, cache, DAYS[0], DAYS[-1], **question)
    give(cache, trades_of([DAYS[4]], seed=1))
    read.clear()

    got = ask(store, cache, DAYS[0], DAYS[-1], **question)

    assert_same(expected(cache, DAYS[0], DAYS[-1], **question), got)
    assert read == [DAYS[4]]


def test_another_first_day_is_another_chain(store: BarStore, cache: Path) -> None:
    whole = ask(store, cache, DAYS[0], DAYS[-1], **FULL)

    got = ask(store, cache, DAYS[1], DAYS[-1], **FULL)

    assert_same(expected(cache, DAYS[1], DAYS[-1], **FULL), got)
    assert not got.equals(whole.tail(got.height))
    assert_same(whole, ask(store, cache, DAYS[0], DAYS[-1], **FULL))
    assert len(store.keys()) == 2


def test_with_a_reset_bars_do_not_depend_on_the_first_day(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    question = {**FULL, "reset": "week", "threshold_decimal_bps": 2_000}
    monday = dt.date(2024, 1, 29)
    whole = expected(cache, monday, DAYS[-1], **question)

    got = ask(store, cache, monday + dt.timedelta(days=2), DAYS[-1], **question)

    closed = pl.col("close_time") >= dt.datetime(2024, 1, 31, tzinfo=dt.UTC)
    assert_same(whole.filter(closed), got)
    assert (got["open_time"] < dt.datetime(2024, 1, 31, tzinfo=dt.UTC)).any()
    assert read[0] == monday
    read.clear()
    assert_same(whole, ask(store, cache, monday, DAYS[-1], **question))
    assert read == []


def test_periods_of_one_month_that_are_asked_for_apart_are_kept_together(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    question = {**FULL, "reset": "day"}
    for days in (DAYS[0:2], DAYS[4:6], DAYS[2:4]):
        ask(store, cache, days[0], days[-1], **question)
    read.clear()

    assert_same(
        expected(cache, DAYS[0], DAYS[5], **question),
        ask(store, cache, DAYS[0], DAYS[5], **question),
    )
    assert read == []


# What a store of the same kind got wrong elsewhere


def test_a_partial_overlap_is_no_hit(store: BarStore, cache: Path) -> None:
    ask(store, cache, DAYS[0], DAYS[7], **FULL)

    got = ask(store, cache, DAYS[0], DAYS[-1], **FULL)

    assert_same(expected(cache, DAYS[0], DAYS[-1], **FULL), got)


def test_a_hole_inside_is_seen(store: BarStore, cache: Path, read: list[dt.date]) -> None:
    ask(store, cache, DAYS[0], DAYS[-1], **FULL)
    (key,) = store.keys()
    month = store.find(key)[dt.date(2024, 2, 1)]
    bars = store.read(key, month, list(STORED_SCHEMA))
    assert bars is not None
    holed = [link for link in month.links if link.day != DAYS[8]]
    days = [link.day for link in holed]
    store.remove(key)
    store.write(key, replace(month, links=tuple(holed)), month.of_days(bars, days))
    read.clear()

    got = ask(store, cache, DAYS[0], DAYS[-1], **FULL)

    assert_same(expected(cache, DAYS[0], DAYS[-1], **FULL), got)
    # January was removed with it; February follows it as before.
    assert read == [*DAYS[:6], DAYS[8]]


def test_markets_rules_thresholds_and_symbols_do_not_mix(store: BarStore, cache: Path) -> None:
    give(cache, trades_of(DAYS[:3], seed=1), market="um")
    give(cache, trades_of(DAYS[:3], seed=2), symbol="ETH-USD")
    questions: list[dict[str, Any]] = [
        {},
        {"market": "um"},
        {"symbol": "ETH-USD"},
        {"prevent_same_timestamp_close": False},
        {"threshold_decimal_bps": 31},
        {"reset": "day"},
    ]
    wanted = [expected(cache, DAYS[0], DAYS[2], **question) for question in questions]
    for _ in range(2):
        got = [ask(store, cache, DAYS[0], DAYS[2], **question) for question in questions]
        for want, bars in zip(wanted, got, strict=True):
            assert_same(want, bars)
    assert len({str(bars.rows()) for bars in wanted}) == len(questions)


def test_bars_of_another_version_of_the_rule_are_not_used(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    ask(store, cache, DAYS[0], DAYS[2], **FULL)
    (key,) = store.keys()
    older = replace(key, version=RULE_VERSION - 1)
    for month in store.find(key).values():
        bars = store.read(key, month, list(STORED_SCHEMA))
        assert bars is not None
        wrong = bars.with_columns(pl.col("close") + 1)
        sealed = list(month.links[:0])
        for link in month.links:
            sealed.append(link.sealed(older, sealed[-1] if sealed else None))
        store.write(older, replace(month, links=tuple(sealed)), wrong)
    store.remove(key)
    read.clear()

    got = ask(store, cache, DAYS[0], DAYS[2], **FULL)

    assert_same(expected(cache, DAYS[0], DAYS[2], **FULL), got)
    assert read == DAYS[:3]
    assert store.scan_bars().select(pl.len()).collect().item() == got["is_complete"].sum()


def test_use_cache_false_neither_reads_nor_writes(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    want = expected(cache, DAYS[0], DAYS[-1], **FULL)

    for _ in range(2):
        read.clear()
        assert_same(want, ask(store, cache, DAYS[0], DAYS[-1], use_cache=False, **FULL))
        assert read == DAYS
    assert store.keys() == []


def test_several_thresholds_are_one_pass_over_the_trades(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    ask(store, cache, DAYS[0], DAYS[4], threshold_decimal_bps=30)
    read.clear()

    got = ask(store, cache, DAYS[0], DAYS[-1], threshold_decimal_bps=[10, 30, 50], **FULL)

    question = {"threshold_decimal_bps": [10, 30, 50], **FULL}
    assert_same(expected(cache, DAYS[0], DAYS[-1], **question), got)
    assert read == DAYS
    read.clear()
    ask(store, cache, DAYS[0], DAYS[-1], threshold_decimal_bps=50)
    assert read == []


# All stored bars in one frame


def test_all_stored_bars_are_one_frame_with_the_keys_in_front(store: BarStore, cache: Path) -> None:
    ask(store, cache, DAYS[0], DAYS[-1], threshold_decimal_bps=[30, 50])
    ask(store, cache, DAYS[3], DAYS[-1], reset="week")

    bars = store.scan_bars().collect()

    of_reset = bars.filter(pl.col("reset") == "week")
    question = {**FULL, "reset": "week"}
    # The last week has not ended, and its open bar is in no store.
    want = expected(cache, DAYS[3], DAYS[9], **question)
    assert_same(want, of_reset.filter(pl.col("close_time").is_between(
        dt.datetime(2024, 1, 29, tzinfo=dt.UTC), dt.datetime(2024, 2, 5, tzinfo=dt.UTC)
    )).select(want.columns))  # fmt: skip
    of_30 = bars.filter(pl.col("reset").is_null(), threshold_decimal_bps=30)
    want = expected(cache, DAYS[0], DAYS[-1], include_microstructure=True)
    assert_same(want, of_30.select(want.columns))
    assert of_30["origin"].unique().to_list() == [DAYS[0]]
    assert bars["source"].unique().to_list() == [SOURCE]


def test_only_months_that_a_filter_can_mean_are_read(
    store: BarStore, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(store, cache, DAYS[0], DAYS[-1], threshold_decimal_bps=[30, 50])
    months = list[tuple[int, int]]()
    original = type(store).read

    def spied(self: BarStore, key: Any, month: Any, columns: Any) -> Any:  # noqa: ANN401
        months.append((key.values["threshold_decimal_bps"], month.month.month))
        return original(self, key, month, columns)

    monkeypatch.setattr(type(store), "read", spied)
    whole = store.scan_bars()
    everything = whole.collect()
    assert months == [(30, 1), (30, 2), (50, 1), (50, 2)]
    both = [(30, 1), (30, 2), (50, 1), (50, 2)]
    late = pl.col("close_time") > dt.datetime(2024, 2, 3, tzinfo=dt.UTC)
    early = pl.col("close_time") < dt.datetime(2024, 1, 29, tzinfo=dt.UTC)
    for predicate, read in [
        (pl.col("threshold_decimal_bps") == 30, both[:2]),
        (late, [(30, 2), (50, 2)]),
        (early & (pl.col("threshold_decimal_bps") > 30), [(50, 1)]),
        (pl.col("volume") > 3, both),
        (pl.col("symbol") == "ETH-USD", []),
    ]:
        months.clear()
        got = whole.filter(predicate).collect()
        assert months == read
        assert_same(everything.filter(predicate), got)
    months.clear()
    got = store.scan_bars(threshold_decimal_bps=50, start=DAYS[7], end=DAYS[8]).collect()
    assert months == [(50, 2)]
    assert got["close_time"].dt.date().unique().sort().to_list() == DAYS[7:9]


@given(data=st.data())
@few
def test_any_history_of_questions_gives_the_bars_of_one_pass(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("history")
    give(root, trades_of(DAYS, per_day=40))
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.integers(0, 3)) == 0:
            day = data.draw(st.sampled_from(DAYS))
            give(root, trades_of([day], data.draw(st.integers(0, 2)), per_day=40))
        reset = data.draw(st.sampled_from([None, None, None, "day", "week", TOKYO]))
        # Weeks begin on the fourth of these days.
        first = data.draw(st.sampled_from([3, 10] if reset == "week" else [0, 0, 1, 2, 8]))
        last = data.draw(st.integers(first, len(DAYS) - 1))
        question = {
            "threshold_decimal_bps": data.draw(st.sampled_from([10, 30, [10, 30], [10, 2000]])),
            "include_incomplete": data.draw(st.booleans()),
            "reset": reset,
            "max_gap": data.draw(st.sampled_from([None, None, "1h"])),
            "prevent_same_timestamp_close": data.draw(st.sampled_from([True, True, False])),
        }
        got = ask(rb.open_store(root), root, DAYS[first], DAYS[last], **question)
        assert_same(expected(root, DAYS[first], DAYS[last], **question), got)
