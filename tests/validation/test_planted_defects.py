"""Each defect that is planted in good bars is found, in its row, by the check that is for it."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars.schema import COLUMNS

ROW = 7
THRESHOLD = 20
TRADES = walk(3_000).head(2_999)
BARS = rb.bars(TRADES, THRESHOLD, include_microstructure=True)
ORDER = "open_time at or after the close_time before, in each chain"
IDS = "first id = last id before + 1, in each chain"
OPEN_BARS = rb.bars(TRADES, THRESHOLD, include_microstructure=True, include_incomplete=True)


def spoiled(bars: pl.DataFrame, **values: pl.Expr | float | None) -> pl.DataFrame:
    """Return the bars with other values in one row."""
    here = pl.int_range(pl.len()) == ROW
    return bars.with_columns(
        pl.when(here)
        .then(value if isinstance(value, pl.Expr) else pl.lit(value, bars.schema[name]))
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in values.items()
    )


def found(bars: pl.DataFrame, trades: pl.DataFrame | None = None, **options: Any) -> set[Any]:  # noqa: ANN401
    """Return check, subject and rows of all failures."""
    options = {"threshold_decimal_bps": THRESHOLD} | options
    failures = rb.validate_tier1(bars, trades, **options).failures
    return {
        (check, subject, tuple(rows))
        for check, subject, rows in failures.select("check", "subject", "rows").iter_rows()
    }


PLANTED: dict[str, tuple[dict[str, Any], set[tuple[str, str | None]]]] = {
    "a high below the open": (
        {"high": pl.min_horizontal("open", "close") - 0.01},
        {("ohlc", None)},
    ),
    "a low above the close": (
        {"low": pl.max_horizontal("open", "close") + 0.01},
        {("ohlc", None)},
    ),
    "a low of 0": ({"low": 0.0}, {("ohlc", None)}),
    "a bar that closes when it opens": (
        {"close_time": pl.col("open_time")},
        {("times", None), ("formula", "duration_us")},
    ),
    "a null that may not be": ({"volume": None}, {("nulls", "volume")}),
    "a null where there is a value": ({"ofi": None}, {("nulls", "ofi")}),
    "an unknown side in one row": ({"buy_volume": None}, {("nulls", "buy_volume")}),
    "NaN": ({"price_impact": float("nan")}, {("finite", "price_impact")}),
    "infinity": ({"trade_intensity": float("inf")}, {("finite", "trade_intensity")}),
    "an imbalance above 1": ({"ofi": 1.01}, {("bounds", "ofi")}),
    "an imbalance below -1": ({"turnover_imbalance": -1.01}, {("bounds", "turnover_imbalance")}),
    "an average above the high": ({"vwap": pl.col("high") + 0.01}, {("bounds", "vwap")}),
    "a deviation above 1": ({"vwap_close_deviation": 1.5}, {("bounds", "vwap_close_deviation")}),
    "a ratio above 100": ({"aggression_ratio": 101.0}, {("bounds", "aggression_ratio")}),
    "a density below 1": ({"aggregation_density": 0.5}, {("bounds", "aggregation_density")}),
    "no intensity": ({"trade_intensity": 0.0}, {("bounds", "trade_intensity")}),
    "a volume below 0": ({"volume": -1.0}, {("bounds", "volume")}),
    "a duration below 0": ({"duration_us": -1}, {("bounds", "duration_us")}),
    "an impact below 0": ({"price_impact": -0.1}, {("bounds", "price_impact")}),
    "a bar of one record": ({"agg_record_count": 1}, {("bounds", "agg_record_count")}),
    "fewer trades than records": (
        {"individual_trade_count": 1},
        {("bounds", "individual_trade_count")},
    ),
    "more bought than traded": ({"buy_volume": pl.col("volume") + 1}, {("sides", "volume")}),
    "more sold than traded": ({"sell_turnover": pl.col("turnover") + 1}, {("sides", "turnover")}),
    "more sells than trades": (
        {"sell_trade_count": pl.col("individual_trade_count") + 1},
        {("sides", "individual_trade_count")},
    ),
    "a feature that is not its formula": (
        {"kyle_lambda_proxy": pl.col("kyle_lambda_proxy") * 1.01},
        {("formula", "kyle_lambda_proxy")},
    ),
    "a last id before the first": (
        {"last_agg_trade_id": pl.col("first_agg_trade_id") - 1},
        {("ids", "in a bar")},
    ),
    "a close one unit short of the threshold": (
        {"close": pl.col("open") * (1 + THRESHOLD / 100_000) - 1e-8},
        {("threshold", "of closed bars")},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_defect_is_found_in_its_row(name: str) -> None:
    values, expected = PLANTED[name]

    failures = found(spoiled(BARS, **values))

    assert {(check, subject, (ROW,)) for check, subject in expected} <= failures


def test_the_bars_themselves_are_good() -> None:
    assert found(BARS, TRADES) == set()
    assert found(OPEN_BARS, TRADES) == set()


@pytest.mark.parametrize("feature", ["price_impact", "volume_per_trade", "turnover_imbalance"])
def test_a_feature_that_is_not_its_formula_is_found(feature: str) -> None:
    wrong = spoiled(BARS, **{feature: pl.col(feature) * 1.001})

    assert found(wrong) == {("formula", feature, (ROW,))}


@pytest.mark.parametrize("output", COLUMNS, ids=lambda output: output.name)
def test_a_missing_column_fails_whatever_else_is_right(output: Any) -> None:  # noqa: ANN401
    report = rb.validate_tier1(BARS.drop(output.name), threshold_decimal_bps=THRESHOLD)

    schema = report.failures.filter(pl.col("check") == "schema")
    assert schema["message"].to_list() == [
        f"expected 29 columns, each of its dtype; {output.name} is missing"
    ]
    checked = report.frame.filter(pl.col("message").str.contains(f"without {output.name}$"))
    assert not checked.is_empty()
    assert set(checked["status"]) == {"fail"}


def test_a_column_of_another_dtype_fails() -> None:
    wrong = BARS.with_columns(pl.col("volume").cast(pl.Float32))

    report = rb.validate_tier1(wrong, threshold_decimal_bps=THRESHOLD)

    schema = report.failures.filter(pl.col("check") == "schema")
    assert schema["message"].to_list() == [
        "expected 29 columns, each of its dtype; volume is Float32: expected Float64"
    ]


TIME_MESSAGES: dict[pl.DataType, str] = {
    pl.Int64(): "close_time is Int64: expected Datetime",
    pl.Datetime("us"): (
        "close_time is Datetime(time_unit='us', time_zone=None): expected that of open_time, "
        "Datetime(time_unit='ms', time_zone=None)"
    ),
}


@pytest.mark.parametrize("dtype", TIME_MESSAGES, ids=str)
def test_times_of_another_dtype_fail(dtype: pl.DataType) -> None:
    report = rb.validate_tier1(
        BARS.with_columns(pl.col("close_time").cast(dtype)), threshold_decimal_bps=THRESHOLD
    )

    schema = report.failures.filter(pl.col("check") == "schema")
    assert schema["message"].to_list() == [
        f"expected 29 columns, each of its dtype; {TIME_MESSAGES[dtype]}"
    ]


def test_a_bar_of_the_wrong_threshold_fails_in_the_integers_of_the_rule() -> None:
    # 972 units times 0.25 % is 2.43, so that a bar closes 3 units away, and not 2.
    bars = pl.DataFrame(
        {
            "open_time": [dt.datetime(2024, 1, 1, second, tzinfo=dt.UTC) for second in range(2)],
            "close_time": [
                dt.datetime(2024, 1, 1, second, 1, tzinfo=dt.UTC) for second in range(2)
            ],
            "open": [0.00000972, 0.00000972],
            "high": [0.00000974, 0.00000975],
            "low": [0.00000972, 0.00000972],
            "close": [0.00000974, 0.00000975],
            "volume": [2.0, 2.0],
        }
    )

    failures = found(bars, threshold_decimal_bps=250, include_microstructure=False)

    assert failures == {("threshold", "of closed bars", (0,))}


def test_a_threshold_that_nobody_says_fails() -> None:
    report = rb.validate_tier1(BARS)

    message = (
        "the bars have no column threshold_decimal_bps: not checked (give it as an argument, or "
        "their rule)"
    )
    assert report.failures.select("check", "message").rows() == [("threshold", message)]


def test_a_column_of_thresholds_is_compared_with_the_one_given() -> None:
    bars = rb.bars(TRADES, [20, 50], include_microstructure=True)
    other = bars.with_row_index().filter(pl.col("threshold_decimal_bps") == 50)["index"]

    assert found(bars, threshold_decimal_bps=20) == {
        ("threshold", "threshold_decimal_bps", tuple(other))
    }
    assert found(bars, threshold_decimal_bps=None) == set()


def test_an_open_bar_beyond_its_threshold_is_found() -> None:
    open_bars = OPEN_BARS.with_columns(
        is_complete=(pl.int_range(pl.len()) != ROW) & pl.col("is_complete")
    )

    assert found(open_bars) == {("threshold", "of open bars", (ROW,))}


def test_a_price_beyond_the_threshold_within_a_bar_is_found_where_times_block_nothing() -> None:
    bars = rb.bars(
        TRADES, THRESHOLD, include_microstructure=True, prevent_same_timestamp_close=False
    )
    wrong = spoiled(bars, high=pl.col("open") * 1.01)

    failures = found(wrong, prevent_same_timestamp_close=False)

    assert ("threshold", "of the prices within", (ROW,)) in failures


def test_bars_that_overlap_are_found() -> None:
    earlier = pl.col("open_time").shift(1)

    assert ("order", None, (ROW,)) in found(spoiled(BARS, open_time=earlier))


def test_a_missing_bar_is_found_by_its_ids() -> None:
    without_one = BARS.filter(pl.int_range(pl.len()) != ROW)

    assert found(without_one) == {("ids", "between bars", (ROW,))}
    assert found(without_one, consecutive_ids=False) == set()


def test_ids_that_fall_are_found_even_where_some_may_be_missing() -> None:
    wrong = spoiled(BARS, first_agg_trade_id=pl.col("last_agg_trade_id").shift(1))

    assert found(wrong, consecutive_ids=False) == {("ids", "between bars", (ROW,))}


def test_bars_left_out_at_a_reset_may_lack_ids_there_and_nowhere_else() -> None:
    times = TRADES["timestamp"].to_physical() * 100
    trades = TRADES.with_columns(times.cast(pl.Datetime("ms")).alias("timestamp"))
    bars = rb.bars(trades, THRESHOLD, reset="day", include_microstructure=True)

    assert found(bars, trades, reset="day") == set()
    assert {check for check, _, _ in found(bars, trades)} == {"ids", "conservation"}


def test_bars_of_days_of_a_zone_are_cut_at_their_borders_and_nowhere_else() -> None:
    times = TRADES["timestamp"].to_physical() * 100
    trades = TRADES.with_columns(times.cast(pl.Datetime("ms")).alias("timestamp"))
    days = {hour: rb.TradingDay(f"{hour}:00", "America/New_York") for hour in (17, 18)}
    bars = {
        whole: rb.bars(
            trades,
            THRESHOLD,
            reset=days[17],
            include_microstructure=True,
            include_incomplete=whole,
        )
        for whole in (False, True)
    }

    for whole, kinds in ((False, {"ids", "conservation"}), (True, {"conservation"})):
        assert found(bars[whole], reset=days[17]) == set()
        assert found(bars[whole], trades, reset=days[17]) == set()
        wrong = found(bars[whole], trades, reset=days[18])
        assert {check for check, _, _ in wrong} == kinds
        # Trades between the two borders are enough to differ, in the bars around them only.
        assert all(0 < len(rows) <= 4 for _, _, rows in wrong)
    assert found(bars[False], reset=days[18]) == found(bars[False])
    assert {check for check, _, _ in found(bars[False])} == {"ids"}


def test_a_feature_that_is_null_in_every_row_is_found() -> None:
    wrong = BARS.with_columns(pl.lit(None, pl.Float64).alias("ofi"))
    every = tuple(range(BARS.height))

    failures = found(wrong)

    assert ("values", "ofi", every) in failures


def test_columns_that_the_trades_had_no_source_for_may_be_null_and_must_be() -> None:
    sideless = TRADES.drop("is_buyer_maker")
    with pytest.warns(rb.RangeBarWarning, match="no is_buyer_maker"):
        bars = rb.bars(sideless, THRESHOLD, include_microstructure=True)

    assert {check for check, _, _ in found(bars)} == {"values"}
    assert found(bars, without=["is_buyer_maker"]) == set()
    messages = rb.validate_tier1(bars, threshold_decimal_bps=20).failures["message"]
    assert messages.str.starts_with(
        "expected a value in some row (if the trades have no is_buyer_maker: "
        "without=['is_buyer_maker']); "
    ).any()
    assert found(bars, sideless) == set()
    assert ("values", "ofi") in {
        (check, subject) for check, subject, _ in found(BARS, without=["is_buyer_maker"])
    }


def test_a_key_that_is_missing_fails() -> None:
    report = rb.validate_tier1(BARS, by="symbol", threshold_decimal_bps=THRESHOLD)

    assert report.failures.select("check", "message").rows() == [
        ("schema", "expected 30 columns, each of its dtype; symbol is missing"),
        ("order", f"expected {ORDER}: not checked without symbol"),
        ("ids", f"expected {IDS}: not checked without symbol"),
    ]


def test_bars_without_sums_name_the_argument_for_them() -> None:
    plain = rb.bars(walk(500), 100)

    schema = rb.validate_tier1(plain, threshold_decimal_bps=100).failures.row(0, named=True)

    assert schema["check"] == "schema"
    assert schema["message"].endswith(
        "turnover_imbalance is missing (give include_microstructure=False for bars without sums "
        "and features)"
    )
    options: dict[str, Any] = {"threshold_decimal_bps": 100, "include_microstructure": False}
    assert rb.validate_tier1(plain, **options).passed
