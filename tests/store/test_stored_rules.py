"""Bars of every rule that come from a store are those of one pass over all trades."""

import datetime as dt
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.oracle_chains import few

import rangebar_polars as rb
from rangebar_polars.store import BarStore, ClickHouseStore, ParquetStore

TEXTS = (
    "range-30-nogate",
    "pricerange-0.05",
    "highlow-0.1",
    "cusum-30",
    "tick-150",
    "trade-70-gate",
    "volume-20",
    "dollar-3000",
    "imbalance-tick-maker-8",
    "imbalance-volume-tickrule-4",
    "run-dollar-maker-900",
    "runlength-tick-tickrule-5",
    "ewmaimbalance-tick-maker-40-3-70-4-80-40",
    "ewmarun-volume-tickrule-30-none-50-3-600-600",
)
"""A rule of every kind; the last warms up for three days."""
REMEMBERING = ("cusum-30", "imbalance-volume-tickrule-4", TEXTS[-1])
WITHOUT_AN_OPEN_BAR = (
    "cusum-1",
    "tick-100",
    "run-tick-tickrule-1",
    "imbalance-tick-tickrule-1",
    "ewmaimbalance-dollar-tickrule-2-none-9-1-2-2",
)
"""Rules whose bar ends with the last trade of a day, so that what they remember outlives it."""
FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
START = DAYS[3]
"""A Monday."""
ENDS = (DAYS[3], DAYS[6], DAYS[-1])
pytestmark = pytest.mark.filterwarnings(
    "ignore:is_buyer_maker is null:rangebar_polars.RangeBarWarning",
    "error:bars of .* fail checks:rangebar_polars.RangeBarWarning",
)


@pytest.fixture
def gaps(tmp_path: Path) -> Path:
    """Return a cache of days with hours without a trade."""
    trades = trades_of(DAYS).filter(pl.col("timestamp").dt.hour() % 7 < 5)
    renumbered = pl.int_range(pl.len(), dtype=pl.Int64)
    ids = dict.fromkeys(("agg_trade_id", "first_trade_id", "last_trade_id"), renumbered)
    give(tmp_path / "cache", trades.with_columns(**ids))
    return tmp_path / "cache"


def ask(store: BarStore, root: Path, end: dt.date, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars from the first day to another."""
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": root}
    return rb.get_range_bars(SYMBOL, START, end, **own, **options)


def check_steps(
    store: BarStore,
    root: Path,
    texts: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> None:
    """Check the bars of rules in one call, of which each step adds days."""
    question = {"rule": [rb.parse_rule(text) for text in texts], **options, **FULL}
    for end in ENDS:
        want = one_pass(root, START, end, **question)
        assert_same(want, ask(store, root, end, **question))
        assert_same(want, ask(store, root, end, **question))
    assert {*want["rule"]} == {*texts}
    stored = store.keys()
    assert {key.max_gap for key in stored} == {"1h" if "max_gap" in options else None}
    whole = {**question, "include_incomplete": False}
    assert_same(one_pass(root, START, ENDS[-1], **whole), ask(store, root, ENDS[-1], **whole))


@pytest.mark.parametrize(
    "options",
    [{}, {"max_gap": "1h"}, {"max_gap": dt.timedelta(hours=1), "reset": "week"}],
    ids=["", "max_gap", "reset"],
)
def test_rules_in_one_call_give_the_bars_of_one_pass_however_days_are_added(
    tmp_path: Path, gaps: Path, read: list[dt.date], options: dict[str, Any]
) -> None:
    check_steps(ParquetStore(tmp_path / "bars"), gaps, TEXTS, **options)

    assert read == DAYS[3:]


def test_a_bar_that_a_gap_cut_off_on_the_first_day_belongs_to_the_day_before(gaps: Path) -> None:
    first = START + dt.timedelta(days=1)
    question: dict[str, Any] = {"rule": rb.TickRule(10**6), "max_gap": "1h", "reset": "week"}
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": gaps, **question, **FULL}

    before = rb.get_range_bars(SYMBOL, START, START, **own)
    after = rb.get_range_bars(SYMBOL, first, ENDS[-1], **own)
    plan = rb.scan_range_bars(SYMBOL, first, ENDS[-1], **own).select("volume")

    assert_same(one_pass(gaps, START, ENDS[-1], **question, **FULL), pl.concat([before, after]))
    assert before.height > 1
    assert_same(after.select("volume"), plan.collect())


def test_rules_that_remember_trades_are_continued_on_a_server(
    clickhouse_store: ClickHouseStore, gaps: Path, read: list[dt.date]
) -> None:
    # A server reaches the disk a dozen times for each month of each chain.
    check_steps(clickhouse_store, gaps, REMEMBERING, max_gap="1h")

    assert read == DAYS[3:]


@given(data=st.data())
@settings(few, max_examples=8)
def test_any_stored_days_of_any_rules_give_the_bars_of_one_pass(
    gaps: Path, data: st.DataObject
) -> None:
    texts = data.draw(
        st.lists(st.sampled_from(TEXTS + WITHOUT_AN_OPEN_BAR), min_size=1, unique=True)
    )
    max_gap = data.draw(st.sampled_from([None, "1h", "7h"]))
    reset = data.draw(st.sampled_from([None, "day", "week"]))
    options: dict[str, Any] = {"max_gap": max_gap, "reset": reset, **FULL}
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetStore(Path(folder))
        for _ in range(data.draw(st.integers(0, 3))):
            some = data.draw(st.lists(st.sampled_from(texts), min_size=1, max_size=3, unique=True))
            end = DAYS[data.draw(st.integers(3, 13))]
            ask(store, gaps, end, rule=[rb.parse_rule(text) for text in some], **options)
        question = {"rule": [rb.parse_rule(text) for text in texts], **options}
        end = DAYS[data.draw(st.integers(3, 13))]

        assert_same(one_pass(gaps, START, end, **question), ask(store, gaps, end, **question))


@pytest.mark.parametrize("text", WITHOUT_AN_OPEN_BAR)
def test_what_a_rule_remembers_is_stored_where_no_bar_is_open(
    cache: Path, tmp_path: Path, text: str, read: list[dt.date]
) -> None:
    store, question = ParquetStore(tmp_path / "bars"), {"rule": rb.parse_rule(text), **FULL}

    for end in ENDS:
        assert_same(one_pass(cache, START, end, **question), ask(store, cache, end, **question))

    assert read == DAYS[3:]
    (key,) = store.keys()
    states = [link.state for month in store.find(key).values() for link in month.links]
    assert all(states)
    opened = [rb.RangeBarProcessor.from_checkpoint(state).open_bar() for state in states]
    assert None in opened


def test_rules_that_are_stored_apart_are_read_together(store: BarStore, cache: Path) -> None:
    rules = [rb.VolumeRule(20), rb.RangeRule(30), rb.CusumRule(30)]
    for rule in rules:
        ask(store, cache, DAYS[6], rule=rule)

    got = ask(store, cache, DAYS[-1], rule=rules, **FULL)

    assert_same(one_pass(cache, START, DAYS[-1], rule=rules, **FULL), got)
    assert got.columns[0] == "rule"
    assert got.schema["rule"] == pl.String
    # A threshold is a range rule, and has its chain.
    assert_same(one_pass(cache, START, DAYS[-1]), ask(store, cache, DAYS[-1]))
    assert len(store.keys()) == 4
    assert_same(
        ask(store, cache, DAYS[-1], rule=rb.RangeRule(30)),
        ask(store, cache, DAYS[-1], threshold_decimal_bps=30),
    )
    assert len(store.keys()) == 4


def test_a_plan_reads_the_bars_of_rules(store: BarStore, cache: Path) -> None:
    question: dict[str, Any] = {"rule": [rb.DollarRule(3000), rb.TickRule(150)], "max_gap": "1h"}
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}

    plan = rb.scan_range_bars(SYMBOL, START, DAYS[-1], **own, **question)

    want = one_pass(cache, START, DAYS[-1], **question)
    assert plan.collect_schema() == want.schema
    for _ in range(2):
        assert_same(want, plan.collect())
        of_one = pl.col("rule") == "tick-150"
        assert_same(
            want.filter(of_one).select("close"), plan.filter(of_one).select("close").collect()
        )


def test_the_last_bars_of_a_rule_are_those_of_its_chain(cache: Path) -> None:
    rule = rb.EwmaRunRule(40)

    got = rb.get_n_range_bars(
        SYMBOL, 3, rule=rule, end_date=DAYS[3], source=SOURCE, cache_dir=cache
    )

    # One day has too few bars: nothing ends during its warm-up.
    assert_same(one_pass(cache, DAYS[3], DAYS[3], rule=rule).tail(3), got)


@pytest.mark.parametrize("text", ["dollar-3000", "imbalance-volume-tickrule-4", "cusum-1"])
def test_a_processor_continues_the_chain_of_a_rule(store: BarStore, cache: Path, text: str) -> None:
    rule, last = rb.parse_rule(text), trades_of([DAYS[7]])
    processor = rb.resume_range_bars(
        SYMBOL, START, rule=rule, end=DAYS[6], max_gap="1h",
        source=SOURCE, store=store, cache_dir=cache,
    )  # fmt: skip

    stored = ask(store, cache, DAYS[6], rule=rule, max_gap="1h")
    live = processor.process_trades(last)

    assert processor.rule == rule
    assert_same(one_pass(cache, START, DAYS[7], rule=rule, max_gap="1h"), pl.concat([stored, live]))


def test_populate_fills_the_chains_of_rules(store: BarStore, cache: Path) -> None:
    rules = [rb.parse_rule(text) for text in ("volume-20", "range-30", "cusum-30")]
    given: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}

    with ThreadPoolExecutor(1) as executor, pytest.warns(rb.RangeBarWarning, match="1 of 2"):
        report = rb.populate(
            [SYMBOL, "NONE"], START, DAYS[-1], rule=rules, max_gap="24h", executor=executor, **given
        )

    # No trades are so far apart, so that no bar is cut off.
    counts = one_pass(cache, START, DAYS[-1], rule=rules)["rule"].value_counts()
    bars = dict(counts.iter_rows())
    assert report.select("symbol", "rule", "threshold_decimal_bps", "status", "bars").rows() == [
        (SYMBOL, "volume-20", None, "ok", bars["volume-20"]),
        (SYMBOL, "range-30", 30, "ok", bars["range-30"]),
        (SYMBOL, "cusum-30", None, "ok", bars["cusum-30"]),
        ("NONE", "volume-20", None, "failed", None),
        ("NONE", "range-30", 30, "failed", None),
        ("NONE", "cusum-30", None, "failed", None),
    ]
    assert {key.max_gap for key in store.keys()} == {"1d"}  # noqa: SIM118 - a store is no dict


def test_stored_bars_of_a_rule_are_scanned_and_listed(store: BarStore, cache: Path) -> None:
    for options in ({"rule": rb.VolumeRule(20)}, {"rule": rb.RangeRule(30)}, {"max_gap": "1h"}):
        ask(store, cache, DAYS[-1], **options)
    own: dict[str, Any] = {"store": store, "cache_dir": cache}

    volumes = store.scan_bars(rule=rb.VolumeRule(20)).collect()

    want = one_pass(cache, START, DAYS[-1], rule=rb.VolumeRule(20), include_microstructure=True)
    assert_same(want, volumes.select(want.columns))
    columns = ["rule", "threshold_decimal_bps", "prevent_same_timestamp_close", "max_gap"]
    assert volumes.select(columns).unique().rows() == [("volume-20", None, False, None)]
    assert_same(volumes, store.scan_bars().filter(pl.col("rule") == "volume-20").collect())
    assert store.scan_bars(threshold_decimal_bps=30).collect()["rule"].unique().to_list() == [
        "range-30"
    ]
    listed = rb.cache_status(rule=rb.VolumeRule(20.0), **own)
    assert listed.select("kind", *columns).rows() == [("bars", "volume-20", None, False, None)]
    with rb.Catalog(SOURCE, cache_dir=cache, store=store) as catalog:
        assert_same(listed, catalog.status(rule=rb.VolumeRule(20)))
        assert_same(listed, catalog.clear("bars", rule=rb.VolumeRule(20)))
    left = rb.cache_status(symbol=SYMBOL, **own).filter(kind="bars")
    assert sorted(left.select("rule", "max_gap").rows(), key=str) == [
        ("range-250", "1h"),
        ("range-30", None),
    ]
