"""The picture of cuts agrees with the bars: limits, ends, and what did not end a bar."""

import math
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.charts import layer, number_axis, values
from support.reference import cuts, fx
from support.trades import rows, trades, walk

import rangebar_polars as rb
from rangebar_polars._core.arguments import Reset
from rangebar_polars._core.options import Options
from rangebar_polars._plot.cut_trades import CutTrades, cut

OPENS, UP, DOWN = (
    "opens a bar",
    "closes it at the upper limit",
    "closes it at the lower limit",
)
BLOCKED, CUT_OFF = "cannot close it at the opening time", "is the last before a reset or gap"


def cut_of(
    frame: pl.DataFrame, threshold: int, *, gate: bool = True, reset: Reset | None = None
) -> CutTrades:
    """Return what the picture of all bars is drawn from."""
    options = Options.check(threshold, columns=None, reset=reset, prevent_same_timestamp_close=gate)
    return cut(frame, options, None)


def assert_limits_agree(frame: pl.DataFrame, threshold: int, *, gate: bool) -> None:
    """Check what is drawn against every trade: the last of a bar is beyond a limit, no other is."""
    found = cut_of(frame, threshold, gate=gate)
    chain = rows(frame)
    ends = cuts(chain, threshold, prevented=gate)
    assert found.bars.filter("complete")["end"].to_list() == ends
    for bar in found.bars.join(found.limits, on="bar").iter_rows(named=True):
        lower, upper = fx(bar["lower"]), fx(bar["upper"])
        begin, end = bar["begin"], bar["end"]
        for row in range(begin, end + 1):
            beyond = not lower < fx(chain[row].price) < upper
            is_blocked = gate and chain[row].time == chain[begin].time
            assert (beyond and not is_blocked) == (row == end and bar["complete"])


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("threshold", [50, 250])
def test_the_closing_trade_is_beyond_a_drawn_limit_and_no_earlier_one_is(
    threshold: int, *, gate: bool
) -> None:
    assert_limits_agree(walk(800), threshold, gate=gate)


PRICES = st.one_of(
    st.integers(1, 3_000).map(lambda units: units / 1e8),
    st.integers(9_900, 10_100).map(lambda cents: cents / 100),
    st.integers(1, 40_000_000).map(float),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    prices=st.lists(PRICES, min_size=1, max_size=40),
    steps=st.lists(st.integers(0, 2), min_size=40, max_size=40),
    threshold=st.sampled_from([1, 7, 250, 10_000, 100_000]),
    gate=st.booleans(),
)
def test_limits_agree_for_any_prices_and_times(
    prices: list[float], steps: list[int], threshold: int, *, gate: bool
) -> None:
    times = [sum(steps[:row]) for row in range(len(prices))]

    assert_limits_agree(trades(prices, times), threshold, gate=gate)


@pytest.mark.parametrize(
    ("price", "threshold", "lower", "upper"),
    [
        (50_000.0, 250, 49_875.0, 50_125.0),
        (0.00000972, 250, 0.00000969, 0.00000975),
        (0.000001, 1, 0.00000099, 0.00000101),
        (100.0, 100_000, 0.0, 200.0),
        (9e10, 100_000, 0.0, 1.8e11),
    ],
)
def test_limits_are_those_of_the_rule(
    price: float, threshold: int, lower: float, upper: float
) -> None:
    limits = cut_of(trades([price]), threshold).limits

    assert limits.select("lower", "upper").row(0) == (lower, upper)


def test_a_trade_at_the_limit_closes_the_bar_and_its_next_one_opens_another() -> None:
    found = cut_of(trades([50_000.0, 50_124.99, 50_125.0, 50_500.0, 49_000.0, 49_000.0]), 250)

    assert found.trades["role"].to_list() == [OPENS, None, UP, OPENS, DOWN, OPENS]
    assert found.trades["bar"].to_list() == [0, 0, 0, 1, 1, 2]
    assert found.bars["ended"].to_list() == [True, True, False]


def test_a_trade_of_the_opening_time_beyond_a_limit_is_marked() -> None:
    frame = trades([100.0, 101.0, 100.1, 101.0], [0, 0, 1, 2])

    assert cut_of(frame, 250).trades["role"].to_list() == [OPENS, BLOCKED, None, UP]
    assert cut_of(frame, 250, gate=False).trades["role"].to_list() == [OPENS, UP, OPENS, UP]


def test_a_bar_that_a_reset_cuts_off_ends_with_a_mark_of_its_own() -> None:
    day = timedelta(days=1) // timedelta(milliseconds=1)
    frame = trades([100.0, 100.1, 100.2, 100.0], [0, 1, day, day + 1])

    found = cut_of(frame, 250, reset="day")

    assert found.trades["role"].to_list() == [OPENS, CUT_OFF, OPENS, None]
    assert found.bars.select("complete", "ended").rows() == [(False, True), (False, False)]


def test_the_chart_has_every_price_and_the_band_of_every_bar() -> None:
    frame = walk(400)
    bars = rb.bars(frame, 200, include_incomplete=True)

    spec = rb.plot_cuts(frame, 200, last=None).to_dict()

    drawn = values(spec)
    assert drawn["price"].to_list() == frame["price"].to_list()
    band = layer(spec["vconcat"][0], "rect")
    rows_of = pl.DataFrame(band["data"]["values"])
    assert rows_of["open"].to_list() == bars["open"].to_list()
    assert rows_of["begin"].to_list() == [0 - 0.5, *rows_of["end"].to_list()[:-1]]
    assert rows_of["end"][-1] == 399.5
    line = layer(spec["vconcat"][0], "rule")
    levels = pl.DataFrame(line["data"]["values"])
    assert levels["price"].to_list() == [*rows_of["upper"], *rows_of["open"], *rows_of["lower"]]
    assert line["encoding"]["stroke"]["scale"]["domain"] == ["open + 0.2 %", "open", "open - 0.2 %"]


def test_the_last_bars_are_drawn_with_the_numbers_of_all_trades() -> None:
    frame = walk(400)
    ids = frame.select(rb.bar_id(200)).to_series()
    first = ids.max() - 2  # type: ignore[operator]

    drawn = values(rb.plot_cuts(frame, 200, last=3).to_dict())

    assert drawn["number"].to_list() == [row for row in range(400) if ids[row] >= first]
    assert drawn["bar"].to_list() == ids.filter(ids >= first).to_list()


def test_the_axis_of_prices_has_the_limits_and_not_0() -> None:
    spec = rb.plot_cuts(trades([100.0, 100.1]), 250).to_dict()

    low, high = layer(spec["vconcat"][0], "line")["encoding"]["y"]["scale"]["domain"]
    assert 99.7 < low < 99.75
    assert 100.25 < high < 100.3


def test_titles_say_the_rule_and_how_much_is_shown() -> None:
    spec = rb.plot_cuts(walk(400), 200, last=2, unit="USD").to_dict()

    every = rb.bars(walk(400), 200, include_incomplete=True).height
    count = values(spec).height
    assert spec["title"]["text"] == "How trades are cut into range bars of 0.2 %"
    assert spec["title"]["subtitle"][0].startswith("A bar's first trade fixes two limits, 0.2 %")
    assert spec["title"]["subtitle"][2].startswith(
        f"last 2 of {every} bars, of which the last is open; {count} trades, 1970-01-01"
    )
    alone = rb.plot_cuts(walk(1), 200).to_dict()["title"]["subtitle"][2]
    assert alone.startswith("1 bar, which is open; 1 trade, 1970-01-01")
    assert number_axis(spec)["title"] == "trade number (from 0) and time"
    y = layer(spec["vconcat"][0], "line")["encoding"]["y"]
    assert y["axis"]["title"] == "price (USD)"


def test_the_legend_explains_the_marks_that_occur() -> None:
    spec = rb.plot_cuts(trades([100.0, 100.3, 100.0])).to_dict()

    color = layer(spec["vconcat"][0], "point")["encoding"]["color"]
    assert color["scale"]["domain"] == [OPENS, UP]


@pytest.fixture(scope="module")
def many() -> pl.DataFrame:
    """Return more trades than are drawn one by one."""
    prices = [100 + math.sin(row / 300) + row % 7 / 1_000 for row in range(20_000)]
    return trades([round(price, 4) for price in prices])


def test_of_many_trades_those_are_drawn_that_show_every_extreme(many: pl.DataFrame) -> None:
    spec = rb.plot_cuts(many, 500, last=None).to_dict()

    drawn = values(spec)
    bars = rb.bars(many, 500, include_incomplete=True)
    assert drawn.height < 5_000
    assert f"20,000 trades, {drawn.height:,} of them drawn" in spec["title"]["subtitle"][2]
    own = drawn.group_by("bar", maintain_order=True).agg(
        open=pl.col("price").first(),
        high=pl.col("price").max(),
        low=pl.col("price").min(),
        close=pl.col("price").last(),
    )
    assert own.drop("bar").equals(bars.select("open", "high", "low", "close"))
    assert drawn["price"].to_list() == many["price"].gather(drawn["number"]).to_list()
    closing = drawn.filter(pl.col("role").is_in([UP, DOWN]))
    assert closing.height == bars["is_complete"].sum()


def test_of_many_trades_at_the_opening_time_the_extremes_are_drawn() -> None:
    prices = [100.0, *([101.0, 102.0] * 5_000), 99.0]

    found = cut_of(trades(prices, [0] * 10_001 + [1]), 250)

    assert found.trades.height < 5_000
    assert found.trades["role"].value_counts().sort(
        "count", "role", descending=[False, True]
    ).rows() == [
        (OPENS, 1),
        (DOWN, 1),
        (BLOCKED, found.trades.height - 2),
    ]


def test_round_numbers_among_many_trades_have_their_times(many: pl.DataFrame) -> None:
    drawn = values(rb.plot_cuts(many, 500, last=None).to_dict())

    assert {*range(0, 20_000, 2_000)} <= {*drawn["number"]}


def test_trades_of_a_plan_or_another_library_give_the_same_picture() -> None:
    frame = walk(200)
    renamed = frame.rename({"price": "px"})

    expected = rb.plot_cuts(frame, 200).to_dict()

    assert rb.plot_cuts(frame.lazy(), 200).to_dict() == expected
    assert rb.plot_cuts(frame.to_arrow(), 200).to_dict() == expected
    columns = rb.TradeColumns(price="px")
    assert rb.plot_cuts(renamed, 200, columns=columns).to_dict() == expected
    assert rb.plot_cuts(renamed.lazy(), 200, columns=columns).to_dict() == expected
