"""Bars with statistics that need their trades come from chains of their own, which store them.

Every comparison is with one pass over the trades, of every column and with the open bar.
"""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.stored_chains import WARNINGS, check_days

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._series import Series
from rangebar_polars.schema import INTRA, TRADE_STATISTICS
from rangebar_polars.store import BarKey, BarStore

EVERY = [output.name for output in INTRA]
DERIVED = [name for name in EVERY if name not in TRADE_STATISTICS]
SOME = ["intra_volume_skew", "ofi", "intra_amihud", "intra_kaufman_er"]
"""Columns of a feature, of a statistic that is computed when it is read, and of stored ones."""

KEY = BarKey(
    series=Series(SOURCE, "spot", SYMBOL), rule=rb.RangeRule(30), origin=dt.date(2024, 1, 26)
)
FIRST: dict[str, Any] = {"source": SOURCE, "threshold_decimal_bps": 30}
pytestmark = WARNINGS


def check(store: BarStore, root: Path, start: dt.date, end: dt.date, **options: Any) -> None:  # noqa: ANN401
    """Check that the bars of days, with every column, are those of one pass."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "features": EVERY}
    check_days(store, root, start, end, **asked | {"include_incomplete": True, **options})


# What is computed when bars are read


def test_statistics_that_follow_from_sums_are_read_from_bars_stored_without_them(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    assert DERIVED == [
        "intra_vwap_position", "intra_garman_klass_vol", "intra_amihud", "intra_delta"
    ]  # fmt: skip
    check(store, cache, DAYS[0], DAYS[-1], features=None)
    read.clear()

    for features in ([*reversed(DERIVED)], ["intra_delta", "vwap"], ["agg_record_count"]):
        check(store, cache, DAYS[0], DAYS[-1], features=features)
    check(
        store, cache, DAYS[0], DAYS[-1],
        threshold_decimal_bps=[30], features=DERIVED, include_microstructure=True,
    )  # fmt: skip

    assert read == []
    assert [key.features for key in store.keys()] == [()]  # noqa: SIM118 - not a dict


# Chains that store them


def test_the_others_are_stored_in_a_chain_of_their_own_and_found_there(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    check(store, cache, DAYS[0], DAYS[4], features=None)
    read.clear()

    check(store, cache, DAYS[0], DAYS[4])
    assert read == DAYS[:5]
    check(store, cache, DAYS[0], DAYS[-1])
    assert read == DAYS
    for features in (EVERY, SOME, [*reversed(EVERY)], ["intra_kaufman_er"]):
        check(store, cache, DAYS[0], DAYS[-1], features=features)
    check(store, cache, DAYS[0], DAYS[8])
    assert read == DAYS

    plain, rich = sorted(store.keys(), key=lambda key: key.features)
    assert plain.features == ()
    assert rich == replace(plain, features=tuple(sorted(TRADE_STATISTICS)))


def test_names_in_another_order_and_beside_others_are_of_the_same_chain(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    check(store, cache, DAYS[0], DAYS[-1], features=SOME)
    read.clear()

    check(store, cache, DAYS[0], DAYS[-1], features=["intra_kaufman_er", "intra_volume_skew"])
    check(store, cache, DAYS[0], DAYS[-1], features=[*reversed(SOME), "duration_us"])

    assert read == []
    (key,) = store.keys()
    assert key.features == ("intra_kaufman_er", "intra_volume_skew")


def test_another_first_day_a_replaced_day_and_months_meet_as_chains_without_them_do(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    check(store, cache, DAYS[2], DAYS[-1])
    read.clear()
    check(store, cache, DAYS[0], DAYS[-1])
    assert read == DAYS[:3]
    give(cache, trades_of([DAYS[7]], seed=1).head(90))
    read.clear()

    check(store, cache, DAYS[0], DAYS[-1])
    check(store, cache, DAYS[2], DAYS[-1])

    assert read == DAYS[7:9]
    # A chain without statistics, or with others, is not met.
    read.clear()
    check(store, cache, DAYS[1], DAYS[-1], features=None)
    assert read == DAYS[1:]


def test_months_computed_apart_are_joined(tmp_path: Path) -> None:
    days = day_range("2024-01-20", "2024-03-12")
    give(tmp_path, trades_of(days, per_day=60))
    own: dict[str, Any] = {**FIRST, "cache_dir": tmp_path, "features": SOME}
    for _, month in groupby(days, lambda day: day.month):
        first, *_, last = month
        rb.get_range_bars(SYMBOL, first, last, **own)

    filled = rb.populate(SYMBOL, days[0], days[-1], **own)

    (row,) = filled.rows(named=True)
    assert row["made"] <= 4
    assert row["stored"] == len(days) - row["made"]
    check(rb.open_store(tmp_path), tmp_path, days[0], days[-1], features=SOME)


def test_months_as_units_of_work_have_them_and_leave_one_chain(tmp_path: Path) -> None:
    days = day_range("2024-01-20", "2024-03-12")
    give(tmp_path, trades_of(days, per_day=60))
    store = tmp_path / "store"
    own: dict[str, Any] = {**FIRST, "cache_dir": tmp_path, "store": store, "unit": "month"}
    for features, made in ((SOME, len(days)), (SOME[:2], 0)):
        # Fewer statistics are found where there are more.
        with ThreadPoolExecutor(2) as executor:
            filled = rb.populate(
                SYMBOL, days[0], days[-1], **own, features=features, executor=executor
            )
        assert filled.select("status", "made", "message").rows() == [("ok", made, None)]

    (key,) = rb.open_store(store).keys()
    assert (key.origin, len(key.features)) == (days[0], 2)
    check(rb.open_store(store), tmp_path, days[0], days[-1], features=SOME)


# Every call


def test_every_call_of_stored_bars_takes_them(cache: Path, read: list[dt.date]) -> None:
    own: dict[str, Any] = {**FIRST, "cache_dir": cache, "features": SOME}
    want = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30, features=SOME)

    filled = rb.populate(SYMBOL, DAYS[0], DAYS[-1], **own)
    assert filled["made"].to_list() == [len(DAYS)]
    read.clear()

    assert_same(want, rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own).collect())
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own).select("intra_kaufman_er")
    assert_same(want.select("intra_kaufman_er"), plan.collect())
    last = rb.get_n_range_bars(
        SYMBOL, 5, **own, end_date=DAYS[-1], max_lookback_days=len(DAYS), warn_if_fewer=True
    )
    assert last.columns == want.columns
    with rb.Catalog(SOURCE, cache_dir=cache) as mine:
        assert_same(want, mine.bars(SYMBOL, DAYS[0], DAYS[-1], 30, features=SOME))
        plan = mine.scan_bars([SYMBOL], DAYS[0], DAYS[-1], 30, features=SOME)
        assert_same(want, plan.drop("symbol").collect())
        assert mine.populate(SYMBOL, DAYS[0], DAYS[-1], 30, features=SOME)["made"].item() == 0
    assert set(read) <= {*DAYS[-8:]}


def test_a_feed_continues_the_statistics_of_the_open_bar(
    cache: Path, tmp_path: Path, read: list[dt.date]
) -> None:
    trades = rb.scan_ticks(SYMBOL, DAYS[0], DAYS[-1], source=SOURCE, cache_dir=cache).collect()
    want = rb.bars(trades, 30, features=EVERY)
    own: dict[str, Any] = {**FIRST, "cache_dir": cache, "store": tmp_path / "store"}
    stored = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], **own, features=EVERY)

    # Another call that asks for fewer, in another order, continues the same chain.
    for features in (EVERY, SOME):
        read.clear()
        feed = rb.resume_range_bars(SYMBOL, DAYS[0], **own, end=DAYS[5], features=features)
        later = feed.process_trades(trades.filter(pl.col("timestamp").dt.date() > DAYS[5]))
        names = [name for name in features if name in EVERY]
        assert_same(want.select(names), pl.concat([stored.select(names), later.select(names)]))
        assert read == []


@pytest.mark.parametrize(
    "call",
    [
        rb.get_range_bars,
        rb.scan_range_bars,
        rb.populate,
        lambda symbol, start, _, **own: rb.get_n_range_bars(symbol, 5, end_date=start, **own),
        lambda symbol, start, _, **own: rb.resume_range_bars(symbol, start, **own),
        lambda *days, source, **own: rb.Catalog(source).bars(*days, **own),
    ],
    ids=["get", "scan", "populate", "last", "resume", "catalog"],
)
def test_wrong_names_are_refused_by_the_call(call: Any) -> None:  # noqa: ANN401
    for features, text in (
        (["kaufman"], r"features holds 'kaufman': .* \(write 'intra_kaufman_er'\)"),
        (["close"], "which all bars have"),
        (["ofi", "ofi"], "features holds 'ofi' twice"),
        ([], "features is empty"),
        (["lookback_ofi"], "features holds 'lookback_ofi' without lookback"),
    ):
        with pytest.raises(ValueError, match=text):
            call(SYMBOL, "2024-01-26", "2024-01-26", source=SOURCE, features=features)


# What a store shows


def test_scanned_bars_have_a_statistic_where_their_chain_stores_it(
    store: BarStore, cache: Path
) -> None:
    check(store, cache, DAYS[0], DAYS[-1], features=None)
    check(store, cache, DAYS[0], DAYS[-1], features=["intra_kaufman_er"])

    bars = store.scan_bars().collect()

    want = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30, features=EVERY)
    rich = bars.filter(pl.col("features") == "intra_kaufman_er")
    plain = bars.filter(pl.col("features").is_null())
    assert bars.height == rich.height + plain.height == 2 * want.height
    shared = [*DERIVED, "close"]
    assert_same(want.select(*shared, "intra_kaufman_er"), rich.select(*shared, "intra_kaufman_er"))
    assert_same(want.select(shared), plain.select(shared))
    assert plain["intra_kaufman_er"].null_count() == rich["intra_max_run_up"].null_count()
    assert plain["intra_kaufman_er"].null_count() == want.height
    of_rich = store.scan_bars().filter(pl.col("features").is_not_null())
    assert_same(rich.select("intra_kaufman_er"), of_rich.select("intra_kaufman_er").collect())


def test_status_and_clear_name_them(cache: Path) -> None:
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": cache}
    for features in (None, SOME):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **own, features=features)

    names = [None, "intra_kaufman_er,intra_volume_skew"]
    status = rb.cache_status(**own).filter(pl.col("kind") == "bars")
    assert status["features"].to_list() == names
    assert status["rows"].n_unique() == 1
    assert rb.cache_clear("bars", **own)["features"].to_list() == names
    assert rb.cache_status(**own)["kind"].to_list() == ["ticks"]


# Their keys


def test_a_key_has_a_word_for_every_statistic_and_fits_the_name_of_a_folder() -> None:
    for names in ((), *((name,) for name in TRADE_STATISTICS), tuple(sorted(TRADE_STATISTICS))):
        key = replace(KEY, features=names)
        assert BarKey.from_path(key.path) == key
        assert max(map(len, key.path.split("/"))) < 200
    assert replace(KEY, features=()).path == KEY.path


@pytest.mark.parametrize("text", ["", "er-burst", "er-er", "er-no", "er-", "none", "ER"])
def test_a_path_of_no_statistics_is_that_of_no_key(text: str) -> None:
    path = replace(KEY, features=("intra_burstiness", "intra_kaufman_er")).path

    assert BarKey.from_path(path.replace("burst-er", text)) is None
