"""The specification's own examples: its table of edge cases and its vectors of features.

Every expected value is copied from the page, none from a run. A case says its bars as open, high,
low, close and number of trades; the last of them is the open bar where ``open`` says so.
"""

from typing import NamedTuple

import polars as pl
import pytest
from support.entry_points import ENTRY_POINTS, Asked
from support.trades import Unit, trades

import rangebar_polars as rb


class Bar(NamedTuple):
    """What the table says of a bar."""

    open: float
    high: float
    low: float
    close: float
    trades: int


class Case(NamedTuple):
    """Trades and the bars with and without `prevent_same_timestamp_close`; the last may be open."""

    name: str
    prices: list[float]
    times: list[int] | None
    on: list[Bar]
    on_is_open: bool
    off: list[Bar]
    off_is_open: bool
    threshold: int = 250
    unit: Unit = "ms"


def same(
    name: str,
    prices: list[float],
    times: list[int] | None,
    bars: list[Bar],
    *,
    is_open: bool,
    threshold: int = 250,
) -> Case:
    return Case(name, prices, times, bars, is_open, bars, is_open, threshold)


CASES = [
    same(
        "no breach",
        [50_000, 50_100, 49_900],
        None,
        [Bar(50_000, 50_100, 49_900, 49_900, 3)],
        is_open=True,
    ),
    same(
        "exactly on the upper limit",
        [50_000, 50_125, 50_500],
        None,
        [Bar(50_000, 50_125, 50_000, 50_125, 2), Bar(50_500, 50_500, 50_500, 50_500, 1)],
        is_open=True,
    ),
    same(
        "one unit below the upper limit",
        [50_000, 50_124.99999999, 50_125],
        None,
        [Bar(50_000, 50_125, 50_000, 50_125, 3)],
        is_open=False,
    ),
    same(
        "exactly on the lower limit",
        [50_000, 49_875, 49_000],
        None,
        [Bar(50_000, 50_000, 49_875, 49_875, 2), Bar(49_000, 49_000, 49_000, 49_000, 1)],
        is_open=True,
    ),
    same(
        "the next trade opens whatever its price",
        [50_000, 51_000, 51_000, 53_000],
        None,
        [Bar(50_000, 51_000, 50_000, 51_000, 2), Bar(51_000, 53_000, 51_000, 53_000, 2)],
        is_open=False,
    ),
    same(
        "a jump over several thresholds is one bar",
        [100, 101, 120, 120.1, 121],
        None,
        [Bar(100, 101, 100, 101, 2), Bar(120, 121, 120, 121, 3)],
        is_open=False,
    ),
    Case(
        "a breach at the opening time waits for a later one",
        [100, 101, 101],
        [0, 0, 1000],
        on=[Bar(100, 101, 100, 101, 3)],
        on_is_open=False,
        off=[Bar(100, 101, 100, 101, 2), Bar(101, 101, 101, 101, 1)],
        off_is_open=True,
    ),
    Case(
        "several breaches at the opening time",
        [100, 101, 102, 100.1, 101],
        [0, 0, 0, 1000, 2000],
        on=[Bar(100, 102, 100, 101, 5)],
        on_is_open=False,
        off=[
            Bar(100, 101, 100, 101, 2),
            Bar(102, 102, 100.1, 100.1, 2),
            Bar(101, 101, 101, 101, 1),
        ],
        off_is_open=True,
    ),
    Case(
        "a blocked breach is not remembered",
        [100, 101, 100.1, 100.2],
        [0, 0, 1000, 2000],
        on=[Bar(100, 101, 100, 100.2, 4)],
        on_is_open=True,
        off=[Bar(100, 101, 100, 101, 2), Bar(100.1, 100.2, 100.1, 100.2, 2)],
        off_is_open=True,
    ),
    Case(
        "a breach the other way after a blocked one",
        [100, 101, 99.7],
        [0, 0, 1000],
        on=[Bar(100, 101, 99.7, 99.7, 3)],
        on_is_open=False,
        off=[Bar(100, 101, 100, 101, 2), Bar(99.7, 99.7, 99.7, 99.7, 1)],
        off_is_open=True,
    ),
    Case(
        "a bar that opens at the time at which the one before closed",
        [100, 101, 99, 101.5, 104],
        [0, 1000, 1000, 1000, 2000],
        on=[Bar(100, 101, 100, 101, 2), Bar(99, 104, 99, 104, 3)],
        on_is_open=False,
        off=[Bar(100, 101, 100, 101, 2), Bar(99, 101.5, 99, 101.5, 2), Bar(104, 104, 104, 104, 1)],
        off_is_open=True,
    ),
    same(
        "a delta is at least one unit",
        [0.000001] * 4,
        None,
        [Bar(0.000001, 0.000001, 0.000001, 0.000001, 4)],
        is_open=True,
    ),
    same(
        "a delta is rounded up",
        [0.00000972, 0.00000974, 0.00000975],
        None,
        [Bar(0.00000972, 0.00000975, 0.00000972, 0.00000975, 3)],
        is_open=False,
    ),
    same(
        "a delta that would be truncated to nothing",
        [0.00000399, 0.00000399, 0.000004],
        None,
        [Bar(0.00000399, 0.000004, 0.00000399, 0.000004, 3)],
        is_open=False,
    ),
    same(
        "the smallest threshold",
        [100, 100.001],
        [0, 1],
        [Bar(100, 100.001, 100, 100.001, 2)],
        is_open=False,
        threshold=1,
    ),
    same(
        "the largest threshold",
        [100, 1, 200, 150],
        None,
        [Bar(100, 200, 1, 200, 3), Bar(150, 150, 150, 150, 1)],
        is_open=True,
        threshold=100_000,
    ),
    same(
        "microseconds distinguish times",
        [100, 101, 100, 101, 100, 101, 100],
        None,
        [],
        is_open=True,
    )._replace(
        times=[0, 100, 200, 300, 400, 500, 2000],
        unit="us",
        on=[Bar(100, 101, 100, 101, 2)] * 3 + [Bar(100, 100, 100, 100, 1)],
        off=[Bar(100, 101, 100, 101, 2)] * 3 + [Bar(100, 100, 100, 100, 1)],
    ),
    Case(
        "the same times cut to milliseconds",
        [100, 101, 100, 101, 100, 101, 100],
        [0, 0, 0, 0, 0, 0, 2],
        on=[Bar(100, 101, 100, 100, 7)],
        on_is_open=True,
        off=[Bar(100, 101, 100, 101, 2)] * 3 + [Bar(100, 100, 100, 100, 1)],
        off_is_open=True,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_edge_case_gives_the_bars_of_the_specification(case: Case) -> None:
    expect_bars(case, case.on, is_open=case.on_is_open, prevented=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_edge_case_that_may_close_at_once_gives_the_bars_of_the_specification(
    case: Case,
) -> None:
    expect_bars(case, case.off, is_open=case.off_is_open, prevented=False)


def expect_bars(case: Case, expected: list[Bar], *, is_open: bool, prevented: bool) -> None:
    frame = trades(case.prices, case.times, unit=case.unit)
    options = Asked(threshold_decimal_bps=case.threshold, prevent_same_timestamp_close=prevented)
    complete = [True] * (len(expected) - 1) + [not is_open]
    for entry_point in ENTRY_POINTS:
        bars = options.through(entry_point, frame)

        columns = ["open", "high", "low", "close", "agg_record_count"]
        assert expected == [Bar(*row) for row in bars.select(columns).iter_rows()], entry_point
        assert complete == bars["is_complete"].to_list(), entry_point


def test_a_volume_beyond_64_bits_is_exact() -> None:
    frame = trades([100, 100, 100, 101], quantity=[9.2e10, 9.2e10, 9.2e10, 1.0])

    volumes = {
        entry_point: Asked().through(entry_point, frame)["volume"].to_list()
        for entry_point in ENTRY_POINTS
    }

    assert volumes == {entry_point: [276_000_000_001.0] for entry_point in ENTRY_POINTS}


VECTORS = {
    "F1": (
        trades(
            [100, 100.1, 101],
            quantity=[1.0, 2.0, 3.0],
            sold=[False, True, False],
            counted=[(1, 3), (4, 4), (5, 9)],
        ),
        {
            "vwap": 100.53333333333333,
            "duration_us": 2_000_000,
            "ofi": 1 / 3,
            "vwap_close_deviation": 7 / 15,
            "price_impact": 1 / 6,
            "kyle_lambda_proxy": 0.03,
            "trade_intensity": 4.5,
            "volume_per_trade": 2 / 3,
            "aggression_ratio": 8,
            "aggregation_density": 3,
            "turnover_imbalance": 202.8 / 603.2,
        },
    ),
    "F3": (
        trades([100, 101], quantity=[1.0, 2.0], sold=[False, False]),
        {
            "ofi": 1,
            "vwap_close_deviation": 1 / 3,
            "price_impact": 1 / 3,
            "kyle_lambda_proxy": 0.01,
            "trade_intensity": 2,
            "volume_per_trade": 1.5,
            "aggression_ratio": 100,
            "turnover_imbalance": 1,
        },
    ),
    "F4": (
        trades([100, 101], quantity=[1.0, 2.0], sold=[True, True]),
        {
            "ofi": -1,
            "kyle_lambda_proxy": -0.01,
            "aggression_ratio": 0,
            "turnover_imbalance": -1,
        },
    ),
    "F9": (
        trades([100, 101], sold=[False, True], counted=[(1, 150), (151, 151)]),
        {"trade_intensity": 151, "aggression_ratio": 100, "aggregation_density": 75.5},
    ),
    "F10": (
        trades([100, 99], quantity=[1.0, 2.0], sold=[False, True]),
        {
            "ofi": -1 / 3,
            "vwap_close_deviation": -1 / 3,
            "price_impact": 1 / 3,
            "kyle_lambda_proxy": 0.03,
            "aggression_ratio": 1,
        },
    ),
    "F11": (
        trades([100, 101], quantity=[1.0, 1.00000001], sold=[False, True]),
        {"ofi": -1e-8 / 2.00000001, "kyle_lambda_proxy": 0.01 / (-1e-8 / 2.00000001)},
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_feature_vector_gives_the_values_of_the_specification(name: str) -> None:
    frame, expected = VECTORS[name]
    for entry_point in ENTRY_POINTS:
        bars = Asked(include_incomplete=False).through(entry_point, frame)

        actual = bars.select(*expected).row(0, named=True)
        assert pytest.approx(expected, rel=1e-12, abs=0) == actual, entry_point


@pytest.mark.parametrize("name", VECTORS)
def test_a_feature_vector_as_aggregations_gives_the_values_of_the_specification(name: str) -> None:
    frame, expected = VECTORS[name]
    expected = {feature: value for feature, value in expected.items() if feature != "vwap"}
    features = [getattr(rb.features, feature)() for feature in expected]

    values = frame.group_by(pl.lit(0).alias("group")).agg(features).drop("group")

    assert pytest.approx(expected, rel=1e-12, abs=0) == values.row(0, named=True)
