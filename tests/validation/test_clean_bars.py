"""Bars of any trades pass what is cheap to check, whatever options they were made with."""

from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings
from support.border_reference import DAYS
from support.shared_data import SHARED, needs_shared_data
from support.strategies import THRESHOLDS, frames
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars._core.borders import NamedBorders

NEW_YORK = rb.TradingDay("17:00", "America/New_York")
TOO_LARGE = (
    "not checked: volumes of 2**51 units of 1e-8 or more are not exact as floats, and there is "
    "no agg_record_count (make bars with include_microstructure=True)"
)
RESETS = st.sampled_from([None, "day", "week", "month", "year", *DAYS])


@st.composite
def cases(draw: st.DrawFn) -> tuple[pl.DataFrame, dict[str, Any], dict[str, Any]]:
    """Draw trades, the options of `bars`, and those of `validate_tier1` that say the same."""
    threshold = draw(THRESHOLDS)
    trades = draw(frames(threshold))
    options: dict[str, Any] = {
        "reset": draw(RESETS),
        "include_microstructure": draw(st.booleans()),
        "prevent_same_timestamp_close": draw(st.booleans()),
    }
    if draw(st.booleans()):
        keys = st.lists(st.sampled_from(["a", "b", None]), min_size=trades.height)
        drawn = draw(keys)[: trades.height]
        trades = trades.with_columns(pl.Series("symbol", drawn, pl.String))
        options["by"] = "symbol"
    several = draw(st.booleans())
    made = {
        **options,
        "threshold_decimal_bps": sorted({threshold, 250}) if several else threshold,
        "include_incomplete": draw(st.booleans()),
    }
    return trades, made, options | ({} if several else {"threshold_decimal_bps": threshold})


@given(cases())
@settings(deadline=None, max_examples=100)
def test_bars_of_random_trades_pass_but_for_ids_and_features_without_a_value(
    case: tuple[pl.DataFrame, dict[str, Any], dict[str, Any]],
) -> None:
    trades, made, said = case
    bars = rb.bars(trades, **made)

    report = rb.validate_tier1(bars, trades, consecutive_ids=False, **said)

    # Ids are drawn to fall at times, and few trades leave features null all through.
    found = report.failures.filter(~pl.col("check").is_in(["ids", "values"]))
    expected = []
    if not made["include_microstructure"] and not (bars["volume"] * 1e8 < 2**51).all():
        expected = [("conservation", None, TOO_LARGE)]
    assert found.select("check", "subject", "message").rows() == expected


@given(cases())
@settings(deadline=None, max_examples=50)
def test_bars_of_random_trades_pass_without_their_trades(
    case: tuple[pl.DataFrame, dict[str, Any], dict[str, Any]],
) -> None:
    trades, made, said = case
    bars = rb.bars(trades, **made)
    absent = [name for name in ("is_buyer_maker", "agg_trade_id") if name not in trades.columns]

    report = rb.validate_tier1(bars, consecutive_ids=False, without=absent, **said)

    found = report.failures.filter(~pl.col("check").is_in(["ids", "values"]))
    assert found.select("check", "subject", "message").rows() == []


@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize("threshold", [20, [20, 50]], ids=["one", "several"])
@pytest.mark.parametrize("reset", [None, "day", NEW_YORK], ids=str)
def test_bars_of_a_walk_pass_every_check(
    threshold: int | list[int], reset: NamedBorders | None, *, incomplete: bool
) -> None:
    trades = walk(3_000)
    bars = rb.bars(
        trades,
        threshold,
        reset=reset,
        include_microstructure=True,
        include_incomplete=incomplete,
    )
    given_one = threshold if isinstance(threshold, int) else None

    report = rb.validate_tier1(bars, trades, threshold_decimal_bps=given_one, reset=reset)

    assert report.raise_if_failed() is report
    assert report.notes.is_empty()


def test_a_plan_is_checked_like_a_frame() -> None:
    trades = walk(500)
    bars = rb.bars(trades, 20, include_microstructure=True)
    options: dict[str, Any] = {"threshold_decimal_bps": 20}

    eager = rb.validate_tier1(bars, trades, **options)
    lazy = rb.validate_tier1(bars.lazy(), trades.lazy(), **options)

    assert lazy.frame.equals(eager.frame)


def test_other_names_of_the_trades_columns_are_followed() -> None:
    trades = walk(500).rename({"price": "px", "is_buyer_maker": "sold"})
    columns = rb.TradeColumns(price="px", is_buyer_maker="sold")
    bars = rb.bars(trades, 20, include_microstructure=True, columns=columns)

    report = rb.validate_tier1(bars, trades, threshold_decimal_bps=20, columns=columns)

    assert report.raise_if_failed().passed


def test_bars_without_trades_are_noted() -> None:
    bars = rb.bars(walk(500).clear(), 20, include_microstructure=True)

    report = rb.validate_tier1(bars, walk(500).clear(), threshold_decimal_bps=20)

    assert report.passed
    assert report.notes["message"].to_list() == ["there is no bar, so that none was checked"]


@needs_shared_data
@pytest.mark.filterwarnings("ignore::rangebar_polars.errors.RangeBarWarning")
@pytest.mark.parametrize("threshold", [25, [50, 100]], ids=["one", "several"])
def test_bars_of_real_trades_pass_every_check(threshold: int | list[int]) -> None:
    trades = pl.read_parquet(SHARED / "trades" / "hftb_binance_spot_btcusdt_20240808_09.parquet")
    bars = rb.bars(trades, threshold, include_microstructure=True)
    given_one = threshold if isinstance(threshold, int) else None

    report = rb.validate_tier1(bars, trades, threshold_decimal_bps=given_one)

    assert report.raise_if_failed().passed


@needs_shared_data
@pytest.mark.filterwarnings("ignore::rangebar_polars.errors.RangeBarWarning")
def test_features_without_a_side_are_found_and_may_be_declared() -> None:
    file = SHARED / "trades" / "lean_spy_us_equity_20131007_11.parquet"
    trades = pl.read_parquet(file, n_rows=100_000)
    bars = rb.bars(trades, 50, include_microstructure=True)

    report = rb.validate_tier1(bars, trades, threshold_decimal_bps=50)
    declared = rb.validate_tier1(bars, trades, threshold_decimal_bps=50, without=["is_buyer_maker"])

    assert report.failures.select("check", "subject").rows() == [
        ("values", "ofi"),
        ("values", "kyle_lambda_proxy"),
        ("values", "aggression_ratio"),
        ("values", "turnover_imbalance"),
    ]
    assert declared.raise_if_failed().passed
