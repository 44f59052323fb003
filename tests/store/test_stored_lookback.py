"""Bars that look back come from chains of their own, which store what came before each bar.

Footprints are a part of a chain in the same way, so calls are asked for both.

Every comparison is with one pass over the trades, of every column and with the open bar.
"""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.stored_chains import FOOTPRINT, VPIN, WARNINGS, check_days

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars.schema import FOOTPRINT_NAMES, LOOKBACK_NAMES
from rangebar_polars.store import BarStore, chain

FIRST: dict[str, Any] = {"source": SOURCE, "threshold_decimal_bps": 30}
pytestmark = WARNINGS


@pytest.fixture(params=[1 << 14, 64], ids=["small states", "large states"])
def largest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Whether every link keeps its state, or the last of a month alone."""
    monkeypatch.setattr(chain, "LARGEST_STATE", request.param)
    return int(request.param)


def check(store: BarStore, root: Path, start: dt.date, end: dt.date, **options: Any) -> None:  # noqa: ANN401
    """Check that the bars of days, which look back, are those of one pass."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "lookback": 40}
    check_days(store, root, start, end, **asked | {"include_incomplete": True, **options})


def states(store: BarStore) -> list[bool]:
    """Return of each stored day, in order, whether its state is stored too."""
    (key,) = store.keys()  # not a dict
    return [bool(link.state) for month in store.find(key).values() for link in month.links]


# Chains that store it


@pytest.mark.parametrize("lookback", [40, 700, "1h", "30h"])
@pytest.mark.usefixtures("largest")
def test_bars_that_look_back_are_stored_and_read(
    store: BarStore, cache: Path, read: list[dt.date], lookback: int | str
) -> None:
    check(store, cache, DAYS[0], DAYS[4], lookback=lookback)
    check(store, cache, DAYS[0], DAYS[-1], lookback=lookback)
    read.clear()

    for features in (None, ["lookback_ofi"], ["lookback_kaufman_er", "vwap", "intra_amihud"]):
        check(
            store, cache, DAYS[0], DAYS[-1],
            lookback=lookback, features=features, include_incomplete=False,
        )  # fmt: skip

    assert read == []
    (key,) = store.keys()
    assert (key.lookback, key.features, key.vpin) == (
        {"30h": "1d6h"}.get(str(lookback), str(lookback)), (), None
    )  # fmt: skip
    assert key.statistics == LOOKBACK_NAMES


def test_large_states_are_kept_by_the_last_day_of_a_month_alone(
    store: BarStore, cache: Path, read: list[dt.date], largest: int
) -> None:
    check(store, cache, DAYS[0], DAYS[7])
    # The days are 26 January to 2 February.
    assert states(store) == (
        [True] * 8 if largest > 64 else [day.day == 31 or day == DAYS[7] for day in DAYS[:8]]
    )
    read.clear()

    check(store, cache, DAYS[0], DAYS[3])

    # The open bar needs the state after a day in the middle.
    assert read == ([] if largest > 64 else DAYS[:4])
    read.clear()
    check(store, cache, DAYS[0], DAYS[-1])
    assert read == DAYS[8:]
    assert states(store)[:6] == ([True] * 6 if largest > 64 else [False] * 5 + [True])


@pytest.mark.usefixtures("largest")
def test_a_replaced_day_is_computed_and_the_chain_met_when_its_window_has_passed(
    store: BarStore, cache: Path, read: list[dt.date], largest: int
) -> None:
    check(store, cache, DAYS[0], DAYS[-1])
    give(cache, trades_of([DAYS[9]], seed=1).head(90))
    read.clear()

    check(store, cache, DAYS[0], DAYS[-1])

    # The state before it is that of the last day of January, or is made of the trades since.
    assert read == (DAYS[9:11] if largest > 64 else [DAYS[9], *DAYS[6:9], DAYS[10]])
    read.clear()
    check(store, cache, DAYS[0], DAYS[-1])
    assert read == []


@pytest.mark.parametrize("lookback", [40, 300, "1h"])
@pytest.mark.usefixtures("largest")
def test_chains_from_other_first_days_meet_when_the_window_is_full(
    store: BarStore, cache: Path, read: list[dt.date], lookback: int | str
) -> None:
    check(store, cache, DAYS[2], DAYS[-1], lookback=lookback, include_incomplete=False)
    read.clear()

    check(store, cache, DAYS[0], DAYS[-1], lookback=lookback, include_incomplete=False)

    assert read == DAYS[: 4 if lookback == 300 else 3]


def test_another_lookback_vpin_or_footprint_is_another_chain(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    asked: list[dict[str, Any]] = [
        {"lookback": 40},
        {"lookback": 41},
        {"lookback": "40m"},
        {"lookback": None, "vpin": VPIN},
        {"vpin": VPIN},
        {"vpin": VPIN, "features": ["intra_kaufman_er", "lookback_ofi"]},
        {"lookback": None},
        {"footprint": FOOTPRINT},
        {"footprint": rb.Footprint(0.05, 80), "features": ["lookback_ofi", "intra_kaufman_er"]},
    ]
    for options in asked:
        read.clear()
        check(store, cache, DAYS[0], DAYS[-1], **options)
        assert read == DAYS
    read.clear()
    for options in asked:
        check(store, cache, DAYS[0], DAYS[-1], **options)
    # A chain with more statistics has those that are asked for too.
    check(store, cache, DAYS[0], DAYS[-1], vpin=VPIN, features=["lookback_vwap"])
    check(
        store, cache, DAYS[0], DAYS[-1],
        footprint=rb.Footprint(0.05, 80), features=["lookback_vwap", "intra_kaufman_er"],
    )  # fmt: skip
    assert read == []
    assert len(store.keys()) == len(asked)
    assert {key.vpin for key in store.keys()} == {None, "20-3"}  # noqa: SIM118 - not a dict
    footprints = {key.footprint for key in store.keys()}  # noqa: SIM118 - not a dict
    assert footprints == {None, "0.05-80-200", "0.05-80-300"}


def test_vpin_depends_on_the_first_day(store: BarStore, cache: Path, read: list[dt.date]) -> None:
    check(store, cache, DAYS[2], DAYS[-1], lookback=None, vpin=VPIN)
    read.clear()
    check(store, cache, DAYS[0], DAYS[-1], lookback=None, vpin=VPIN)
    assert read == DAYS


# Every call


@pytest.mark.usefixtures("largest")
def test_months_as_units_of_work_leave_one_chain(tmp_path: Path) -> None:
    days = day_range("2024-01-20", "2024-03-12")
    give(tmp_path, trades_of(days, per_day=60))
    own: dict[str, Any] = {**FIRST, "cache_dir": tmp_path, "lookback": 100, "unit": "month"}
    with ThreadPoolExecutor(2) as executor:
        filled = rb.populate(
            SYMBOL, days[0], days[-1], **own, store=tmp_path / "store", executor=executor
        )
    assert filled.select("status", "made", "message").rows() == [("ok", len(days), None)]
    (key,) = rb.open_store(tmp_path / "store").keys()
    assert key.origin == days[0]
    check(rb.open_store(tmp_path / "store"), tmp_path, days[0], days[-1], lookback=100)


def test_every_call_of_stored_bars_takes_them(cache: Path, read: list[dt.date]) -> None:
    asked: dict[str, Any] = {"lookback": 40, "vpin": VPIN, "footprint": FOOTPRINT}
    own: dict[str, Any] = {**FIRST, "cache_dir": cache, **asked}
    want = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30, **asked)

    filled = rb.populate(SYMBOL, DAYS[0], DAYS[-1], **own)
    assert filled["made"].to_list() == [len(DAYS)]
    read.clear()

    assert_same(want, rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own).collect())
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own).select("footprint", "close")
    assert_same(want.select("footprint", "close"), plan.collect())
    with rb.Catalog(SOURCE, cache_dir=cache) as mine:
        assert_same(want, mine.bars(SYMBOL, DAYS[0], DAYS[-1], 30, **asked))
        plan = mine.scan_bars([SYMBOL], DAYS[0], DAYS[-1], 30, **asked)
        assert_same(want, plan.drop("symbol").collect())
        assert mine.populate(SYMBOL, DAYS[0], DAYS[-1], 30, **asked)["made"].item() == 0
    assert read == []
    last = rb.get_n_range_bars(
        SYMBOL, 5, **own, end_date=DAYS[-1], max_lookback_days=len(DAYS), warn_if_fewer=True
    )
    assert last.columns == want.columns


@pytest.mark.usefixtures("largest")
def test_a_feed_continues_the_window_the_buckets_and_the_levels(
    cache: Path, tmp_path: Path
) -> None:
    trades = rb.scan_ticks(SYMBOL, DAYS[0], DAYS[-1], source=SOURCE, cache_dir=cache).collect()
    asked: dict[str, Any] = {"lookback": 40, "vpin": VPIN, "footprint": FOOTPRINT}
    want = rb.bars(trades, 30, **asked)
    own: dict[str, Any] = {**FIRST, "cache_dir": cache, "store": tmp_path / "store", **asked}
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own)
    stored = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[4], **own)

    for features in (None, ["lookback_ofi"]):
        feed = rb.resume_range_bars(SYMBOL, DAYS[0], **own, end=DAYS[4], features=features)
        later = feed.process_trades(trades.filter(pl.col("timestamp").dt.date() > DAYS[4]))
        names = [*(features or LOOKBACK_NAMES), "lookback_vpin", *FOOTPRINT_NAMES, "close"]
        assert_same(want.select(names), pl.concat([stored.select(names), later.select(names)]))


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
def test_wrong_arguments_are_refused_by_the_call(call: Any) -> None:  # noqa: ANN401
    for options, text in (
        ({"features": ["lookback_ofi"]}, "features holds 'lookback_ofi' without lookback"),
        ({"lookback": 5, "features": ["ofi"]}, "has no column that looks back"),
        ({"lookback": 0}, "lookback is 0: expected a number of trades"),
        ({"lookback": "500ns"}, r"lookback is '500ns': expected a whole number of us, .*bars\)"),
    ):
        with pytest.raises(ValueError, match=text):
            call(SYMBOL, "2024-01-26", "2024-01-26", source=SOURCE, **options)
    with pytest.raises(TypeError, match="vpin is 50: expected a Vpin"):
        call(SYMBOL, "2024-01-26", "2024-01-26", source=SOURCE, vpin=50)
    with pytest.raises(TypeError, match=r"footprint is 0.5: expected a Footprint"):
        call(SYMBOL, "2024-01-26", "2024-01-26", source=SOURCE, footprint=0.5)


def test_a_trade_file_that_is_gone_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "LARGEST_STATE", 64)
    own: dict[str, Any] = {**FIRST, "cache_dir": cache, "lookback": 40}
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[4], **own)
    rb.cache_clear("ticks", source=SOURCE, cache_dir=cache)

    with pytest.raises(rb.errors.CacheError, match=r"2024-01-2[67].* not cached"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[2], **own, include_incomplete=True)


# What a store shows


def test_scanned_bars_and_status_say_what_was_looked_at(store: BarStore, cache: Path) -> None:
    check(store, cache, DAYS[0], DAYS[-1], lookback=None)
    check(store, cache, DAYS[0], DAYS[-1], vpin=VPIN)

    bars = store.scan_bars().collect()

    want = one_pass(
        cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30, lookback=40, vpin=VPIN
    ).select(*LOOKBACK_NAMES, "lookback_vpin", "close")
    rich = bars.filter(pl.col("lookback") == "40")
    assert_same(want, rich.select(want.columns))
    assert rich["vpin"].unique().to_list() == ["20-3"]
    plain = bars.filter(pl.col("lookback").is_null())
    assert plain["lookback_ofi"].null_count() == plain.height == rich.height
    of_rich = store.scan_bars().filter(pl.col("vpin") == "20-3").select("lookback_vpin")
    assert_same(want.select("lookback_vpin"), of_rich.collect())


def test_months_with_vpin_are_no_units_of_work() -> None:
    own: dict[str, Any] = {**FIRST, "vpin": VPIN, "unit": "month"}
    with pytest.raises(ValueError, match=r"unit is 'month' with vpin: .* \(unit='symbol'\)"):
        rb.populate(SYMBOL, DAYS[0], DAYS[-1], **own)


def test_status_and_clear_name_them(cache: Path) -> None:
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": cache}
    asked: list[dict[str, Any]] = [{}, {"lookback": "90m", "vpin": VPIN, "footprint": FOOTPRINT}]
    for options in asked:
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], 30, **own, **options)

    status = rb.cache_status(**own).filter(pl.col("kind") == "bars")
    named = [(None, None, None), ("1h30m", "20-3", "0.05-80-200")]
    columns = ["lookback", "vpin", "footprint_settings"]
    assert status.select(columns).rows() == named
    assert rb.cache_clear("bars", **own).select(columns).rows() == named
