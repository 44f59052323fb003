"""Statistics are those of wickra, finmlkit and mlfinpy, or differ for a reason that is tested."""

import polars as pl
import pytest
from support.feature_peers import FLOAT32, RECORDED, RESULTS, RULE, TRADES, near, of_runs, record

import rangebar_polars as rb

SAME = {
    "wickra CumulativeVolumeDelta": rb.features.delta(),
    "wickra Kurtosis": rb.features.volume_kurt(),
    "wickra MaxDrawdown": rb.features.max_drawdown(),
    "wickra Skewness": rb.features.volume_skew(),
    "mlfinpy get_garman_class_vol": rb.features.garman_klass_vol(),
}
"""What is the same figure."""
PRICE, QUANTITY = pl.col("price"), pl.col("quantity")
MOVE = PRICE.diff()
SIGN = pl.when("is_buyer_maker").then(-1.0).otherwise(1.0)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Return the bars of the runs."""
    return rb.bars(
        TRADES,
        rule=RULE,
        include_microstructure=True,
        vpin=rb.Vpin(bucket_volume=record.BUCKET, buckets=record.BUCKETS),
        features=["intra_max_delta", "intra_min_delta"],
    )


@pytest.mark.parametrize("name", SAME)
def test_a_statistic_is_that_of_another_library(name: str) -> None:
    assert near(of_runs(SAME[name]).to_series(), RESULTS[name])


def test_the_order_flow_imbalance_is_that_of_wickra(bars: pl.DataFrame) -> None:
    assert near(bars["ofi"], RESULTS["wickra TradeImbalance"])


def test_prices_and_counts_of_bars_are_those_of_finmlkit(bars: pl.DataFrame) -> None:
    theirs = RESULTS["finmlkit comp_bar_ohlcv"]

    for name in ("open", "high", "low", "close"):
        assert bars[name].to_list() == theirs[name]
    assert near(bars["vwap"], theirs["vwap"])
    assert bars["agg_record_count"].to_list() == theirs["trades"]


def test_sums_of_finmlkit_are_ours_in_single_precision(bars: pl.DataFrame) -> None:
    flow = RESULTS["finmlkit comp_bar_directional_features"]
    ours = {
        "volume_buy": "buy_volume",
        "volume_sell": "sell_volume",
        "dollars_buy": "buy_turnover",
        "dollars_sell": "sell_turnover",
    }

    assert bars["buy_trade_count"].to_list() == flow["ticks_buy"]
    assert bars["sell_trade_count"].to_list() == flow["ticks_sell"]
    for theirs, name in ours.items():
        assert near(bars[name], flow[theirs], FLOAT32)
        assert not near(bars[name], flow[theirs])
        assert near(bars[name].cast(pl.Float32), flow[theirs], 2e-7)


def test_the_extremes_of_the_running_delta_have_the_zero_before_the_first_trade(
    bars: pl.DataFrame,
) -> None:
    flow = RESULTS["finmlkit comp_bar_directional_features"]
    highest, lowest = flow["cum_volumes_max"], flow["cum_volumes_min"]

    assert min(highest) < 0 < max(lowest)
    assert near(bars["intra_max_delta"], [max(0, x) for x in highest], FLOAT32)
    assert near(bars["intra_min_delta"], [min(0, x) for x in lowest], FLOAT32)


def test_the_tick_rule_inside_a_run_is_that_of_finmlkit() -> None:
    theirs = RESULTS["finmlkit comp_trade_side_vector"]
    pairs = zip(theirs["rises"], theirs["falls"], strict=True)

    ours = of_runs(rb.features.tick_rule_ofi()).to_series()

    assert near(ours, [(up - down) / (up + down) for up, down in pairs])


def test_the_tick_rule_of_mlfinpy_brings_the_last_direction_from_the_bar_before() -> None:
    direction = MOVE.sign().replace(0, None)
    bought = QUANTITY.filter(pl.col("direction") > 0).sum().alias("bought")
    through = TRADES.with_columns(direction=direction.forward_fill())
    inside = of_runs(
        QUANTITY.filter(direction.forward_fill() > 0).sum().alias("bought"),
        QUANTITY.filter(direction.forward_fill().is_null()).sum().alias("before"),
    )

    theirs = pl.Series(RESULTS["mlfinpy get_tick_bars"])

    assert near(of_runs(bought, trades=through).to_series(), theirs.to_list())
    brought = theirs - inside["bought"]
    assert brought.max() > 0  # type: ignore[operator] # floats
    assert (brought < inside["before"] + 1e-9).all()


def test_the_vpin_is_that_of_wickra(bars: pl.DataFrame) -> None:
    known = RESULTS["wickra Vpin"]

    assert known.count(None) == 3
    assert near(bars["lookback_vpin"], known)


def test_the_vpin_of_finmlkit_is_ours_once_buckets_are_exactly_full(bars: pl.DataFrame) -> None:
    units = (QUANTITY * 1e8).round().cast(pl.Int64).cum_sum()
    filled = TRADES.select(units // round(record.BUCKET * 1e8)).to_series()
    before = [0, *filled.gather_every(record.RUN, record.RUN - 1)][: bars.height]
    known = RESULTS["finmlkit vpin"]
    theirs = [known[full - 1] if full else None for full in before]

    assert near(bars["lookback_vpin"], theirs, FLOAT32)


def test_the_volatility_of_finmlkit_is_the_root_of_the_mean_and_ours_of_the_sum() -> None:
    moves = record.RUN - 1
    theirs = [value * moves**0.5 for value in RESULTS["finmlkit realized_vol"]]

    assert near(of_runs(rb.features.realized_volatility()).to_series(), theirs)


def test_the_volatility_of_wickra_is_of_logarithmic_returns() -> None:
    theirs = RESULTS["wickra RealizedVolatility"]
    logarithmic = (PRICE.log().diff() ** 2).sum().sqrt()

    assert near(of_runs(logarithmic).to_series(), theirs, 1e-7)
    ours = of_runs(rb.features.realized_volatility()).to_series()
    assert near(ours, theirs, 3e-4)
    assert not near(ours, theirs, 1e-7)


def test_the_variance_ratio_of_wickra_is_biased() -> None:
    moves, lags = record.RUN - 1, 10
    unbiased = [x * (moves - 1) / (moves - lags) for x in RESULTS["wickra VarianceRatio"]]

    assert near(of_runs(rb.features.variance_ratio()).to_series(), unbiased, 1e-7)


def test_the_variance_ratio_of_finmlkit_is_divided_the_wrong_way() -> None:
    (theirs,) = RESULTS["finmlkit variance_ratio_1_4_core, trending"]
    moves = PRICE.pct_change()
    fours = moves + moves.shift(1) + moves.shift(2) + moves.shift(3)
    window = record.TRENDING.height - 4
    ratio = fours.tail(window).var() / (4 * moves.tail(window).var())

    # Prices that go one way have a ratio above 1.
    assert near(record.TRENDING.select(1 / ratio).to_series(), [theirs])
    assert theirs < 1
    assert record.TRENDING.select(rb.features.variance_ratio()).item() > 1


def test_the_lambda_of_wickra_has_an_intercept() -> None:
    signed = (SIGN * QUANTITY).slice(1)
    with_intercept = pl.cov(MOVE.slice(1), signed) / signed.var()
    origin = (MOVE.slice(1) * signed).sum() / (signed**2).sum()
    found = of_runs(with_intercept.alias("theirs"), origin.alias("ours"))

    assert near(found["theirs"], RESULTS["wickra KylesLambda"], 1e-7)
    assert not near(found["ours"], RESULTS["wickra KylesLambda"], 1e-2)
    assert near(of_runs(rb.features.kyle_lambda_ols()).to_series(), found["ours"].to_list(), 1e-7)


def test_the_illiquidity_of_wickra_is_a_mean_over_trades_and_ours_of_the_run() -> None:
    turnover = PRICE * QUANTITY
    each = (PRICE.log().diff().abs() / turnover).mean()
    whole = (PRICE.last() - PRICE.first()).abs() / PRICE.first() / turnover.sum()

    assert near(of_runs(each).to_series(), RESULTS["wickra AmihudIlliquidity"], 1e-7)
    ours = of_runs(rb.features.amihud()).to_series()
    assert near(ours, of_runs(whole).to_series())
    assert (ours < pl.Series(RESULTS["wickra AmihudIlliquidity"])).all()


def test_the_roll_measure_of_wickra_has_one_mean_and_calls_a_positive_covariance_zero() -> None:
    theirs = RESULTS["wickra RollMeasure"]
    change, before = MOVE.slice(2), MOVE.slice(1, pl.len() - 2)
    mean = MOVE.mean()
    one_mean = ((change - mean) * (before - mean)).sum() / (pl.len() - 2)
    found = of_runs(
        rb.features.roll_spread(),
        one_mean.alias("one_mean"),
        pl.cov(change, before).alias("covariance"),
    )

    spreads = [2 * max(0.0, -value) ** 0.5 for value in found["one_mean"]]
    assert near(spreads, theirs, 1e-7)
    negative = found.filter(pl.col("covariance") < 0)
    assert negative.height > 5
    assert found["roll_spread"].is_null().to_list() == (found["covariance"] >= 0).to_list()
    assert near(
        negative["roll_spread"], [2 * (-value) ** 0.5 for value in negative["covariance"]], 1e-7
    )


def test_a_positive_covariance_is_no_spread_of_its_absolute_value() -> None:
    covariance = pl.cov(MOVE.slice(2), MOVE.slice(1, pl.len() - 2)).abs()
    absolute = record.TRENDING.select(2 * covariance.sqrt()).item()

    assert absolute > 20
    assert record.TRENDING.select(rb.features.roll_spread()).item() is None


def test_a_filter_of_finmlkit_has_the_events_of_ours() -> None:
    ids = TRADES.select(rb.bar_id(rule=rb.CusumRule(10))).to_series()
    ends = (ids != ids.shift(-1)).arg_true().to_list()

    assert ends == RESULTS["finmlkit cusum_filter"]


def test_a_close_becomes_at_the_next_what_mlfinpy_says() -> None:
    ours = rb.labels.forward_return(TRADES, rule=RULE, horizon=1)["forward_return"]

    assert near(ours, RESULTS["mlfinpy raw_return"])


def test_every_call_is_recorded_with_the_version_and_the_licence_of_its_library() -> None:
    assert {*record.calls()} == {*RESULTS}
    assert {name.partition(" ")[0] for name in RESULTS} == {*RECORDED["libraries"]}
