"""The picture of each rule shows why its bars end: what is drawn reaches a limit there, not before.

What is compared are the numbers of the picture, as its reader sees them.
"""

from itertools import chain
from typing import Any

import polars as pl
import pytest
from support.charts import layer, legends, values
from support.reference import fx
from support.rule_questions import TEXTS
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars._core.options import Options
from rangebar_polars._plot.cut_trades import CutTrades, collected, cut

OPENS, CLOSES = "opens a bar", "closes it"
UP, DOWN = "closes it at the upper limit", "closes it at the lower limit"
BLOCKED, CUT_OFF = "cannot close it at the opening time", "is the last before a reset or gap"
LARGE = pl.col("quantity") > 1.5
RULES: dict[str, rb.Rule] = {
    **{text: rb.parse_rule(text) for text in TEXTS},
    "when": rb.WhenRule(LARGE),
    "when-gate": rb.WhenRule(LARGE, prevent_same_timestamp_close=True),
    "sum": rb.SumRule(pl.col("quantity"), 4.0),
}
FIXED = [text for text in RULES if not text.startswith("ewma")]
EXPECTED = [text for text in RULES if text.startswith("ewma")]
# Two trades at each time.
FRAME = walk(400).with_columns(timestamp=pl.col("timestamp").gather(pl.int_range(pl.len()) // 2))


def cut_of(frame: pl.DataFrame, rule: rb.Rule, last: int | None = None, **asked: Any) -> CutTrades:  # noqa: ANN401
    """Return what a picture is drawn from."""
    options = Options.check(None, rule=rule, columns=None, **asked)
    return cut(collected(frame, options), options, last)


def drawn(found: CutTrades) -> list[dict[str, Any]]:
    """Return the trades with the limits that are drawn where they are."""
    pieces = found.limits.rows(named=True)
    limits = chain.from_iterable([piece] * (piece["end"] - piece["begin"] + 1) for piece in pieces)
    of_bars = {bar["bar"]: bar for bar in found.bars.iter_rows(named=True)}
    rows = zip(found.trades.iter_rows(named=True), limits, strict=True)
    return [of_bars[trade["bar"]] | limit | trade for trade, limit in rows]


def reaches(row: dict[str, Any]) -> bool:
    """Return whether what is drawn is at or beyond a limit that is drawn."""
    above, below = row.get("above", row["price"]), row.get("below", row["price"])
    upper, lower = row["upper"], row["lower"]
    if "above" not in row:
        above, below = fx(above), fx(below)
        upper, lower = (None if limit is None else fx(limit) for limit in (upper, lower))
    is_above = upper is not None and above >= upper
    return is_above or (lower is not None and below <= lower)


@pytest.mark.parametrize("text", [text for text in FIXED if not text.startswith("when")])
def test_a_bar_ends_where_what_is_drawn_reaches_a_limit_and_not_before(text: str) -> None:
    rule = RULES[text]
    gate, time = rule.prevent_same_timestamp_close, FRAME["timestamp"]
    found = cut_of(FRAME, rule)
    rows, ends = drawn(found), {*found.bars.filter("complete")["end"]}

    assert [row["bar"] for row in rows] == FRAME.select(rb.bar_id(rule=rule)).to_series().to_list()
    for row, begin in zip(rows, (bar["bar"] for bar in rows), strict=True):
        number = row["number"]
        opened = time[found.bars["begin"][begin]]
        is_blocked = gate and time[number] == opened
        # A trade that cannot close its bar may have taken high - low there.
        before = text.startswith("highlow") and gate and number in ends
        assert before or (reaches(row) and not is_blocked) == (number in ends)


@pytest.mark.parametrize("text", EXPECTED)
def test_a_bar_ends_where_the_expected_limit_is_reached_within_its_bounds(text: str) -> None:
    rule = RULES[text]
    least, most, warm_up = map(int, text.removesuffix("-gate").split("-")[6:9])
    found = cut_of(FRAME, rule)
    rows, ends = drawn(found), {*found.bars.filter("complete")["end"]}
    time = FRAME["timestamp"]

    assert len(ends) > 20
    for row in rows:
        begin = found.bars["begin"][row["bar"]]
        records = row["number"] - begin + 1
        blocked = rule.prevent_same_timestamp_close and time[row["number"]] == time[begin]
        may = row["number"] + 1 >= warm_up and records >= least and not blocked
        assert (row["upper"] is None) == (row["number"] + 1 < warm_up)
        # The limits are floats that may differ in their last digits.
        if row["upper"] is not None and abs(abs(row["above"]) - row["upper"]) < 1e-9:
            continue
        assert (may and (reaches(row) or records >= most)) == (row["number"] in ends)


@pytest.mark.parametrize("text", FIXED + EXPECTED)
def test_the_last_bars_are_drawn_as_they_are_among_all(text: str) -> None:
    rule = RULES[text]
    every, last = drawn(cut_of(FRAME, rule)), drawn(cut_of(FRAME, rule, last=2))

    def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name != "label"} for row in rows]

    expected = [row for row in without_times(every) if row["bar"] >= last[0]["bar"]]
    # An Int128 sum over a window begins with its bar, and so does each limit.
    assert [row["bar"] for row in expected] == [row["bar"] for row in last]
    keep = ("number", "price", "role", "lower", "upper", "above", "below")
    for one, other in zip(expected, without_times(last), strict=True):
        assert {name: one.get(name) for name in keep} == {name: other.get(name) for name in keep}


def roles(frame: pl.DataFrame, rule: rb.Rule, **asked: Any) -> list[str | None]:  # noqa: ANN401
    """Return what each trade is to its bar."""
    return cut_of(frame, rule, **asked).trades["role"].to_list()


def test_the_sides_that_close_bars_have_different_marks() -> None:
    frame = trades([100.0] * 6, sold=[False, False, True, True, None, False])

    assert roles(frame, rb.ImbalanceRule(2)) == [OPENS, UP, OPENS, DOWN, OPENS, None]
    assert roles(frame, rb.RunRule(2)) == [OPENS, UP, OPENS, DOWN, OPENS, None]
    assert roles(frame, rb.RunLengthRule(3)) == [OPENS, None, None, None, None, None]


def test_a_bar_of_one_trade_has_the_mark_of_its_end() -> None:
    assert roles(trades([100.0] * 3), rb.TickRule(1)) == [CLOSES] * 3


def test_a_condition_marks_the_trades_where_it_is_true() -> None:
    frame = trades([100.0] * 5, [0, 0, 1, 2, 3], quantity=[1.0, 2.0, 1.0, 2.0, 1.0])

    assert roles(frame, RULES["when"]) == [OPENS, CLOSES, OPENS, CLOSES, OPENS]
    assert roles(frame, RULES["when-gate"]) == [OPENS, BLOCKED, None, CLOSES, OPENS]


def test_a_gap_and_a_reset_cut_bars_off_and_cusum_forgets_its_prices() -> None:
    frame = trades([100.0, 110.0, 111.0], [0, 9_000, 10_000])
    rule = rb.CusumRule(1_000)

    gap = cut_of(frame, rule, max_gap="5s")

    assert gap.trades["role"].to_list() == [OPENS, OPENS, None]
    assert gap.limits["upper"].to_list() == [101.0, 111.1]
    assert roles(frame, rule)[1] == UP
    days = trades([100.0, 100.1, 100.2], [0, 1, 86_400_000])
    assert roles(days, rb.TickRule(9), reset="day") == [OPENS, CUT_OFF, OPENS]


def test_the_limits_of_high_less_low_close_in_on_the_price() -> None:
    limits = cut_of(trades([100.0, 97.0, 101.0, 102.0]), rb.HighLowRule(5)).limits

    assert limits.select("begin", "end", "lower", "upper").rows() == [
        (0, 1, 95.0, 105.0),
        (2, 2, 95.0, 102.0),
        (3, 3, 96.0, 102.0),
    ]


def test_a_lower_limit_that_no_price_reaches_is_drawn_at_0() -> None:
    assert cut_of(trades([3.0]), rb.PriceRangeRule(5)).limits.row(0)[3:] == (0.0, 8.0)


def test_a_sum_is_drawn_below_the_prices_with_its_limit() -> None:
    frame = trades([100.0] * 4, quantity=[0.1] * 4)

    spec = rb.plot_cuts(frame, rule=rb.VolumeRule(0.3), height=200).to_dict()

    assert values(spec)["above"].to_list() == [0.1, 0.2, 0.3, 0.1]
    assert [view["height"] for view in spec["vconcat"]] == [110, 90]
    rules = layer(spec["vconcat"][1], "rule")
    assert {line["price"] for line in rules["data"]["values"]} == {0.3}
    assert spec["title"]["text"] == "How trades are cut into volume bars of 0.3"
    assert legends(spec) == ["trade that", "trade that", "trade that", "line at"]
    area = layer(spec["vconcat"][1], "area")
    assert area["encoding"]["y"]["axis"]["title"] == "volume of the bar (base units)"


def test_a_run_has_a_line_of_each_side() -> None:
    spec = rb.plot_cuts(trades([1.0] * 3, sold=[True, False, True]), rule=rb.RunRule(3)).to_dict()

    assert values(spec).select("above", "below").rows() == [(0.0, -1.0), (1.0, -1.0), (1.0, -2.0)]
    areas = [part for part in spec["vconcat"][1]["layer"] if part["mark"]["type"] == "area"]
    assert [part["encoding"]["y"]["field"] for part in areas] == ["above", "below"]


def test_an_expression_is_drawn_of_a_frame_a_plan_and_a_table() -> None:
    frame = walk(60)
    rule = rb.SumRule(pl.col("price").diff().abs(), 0.5, name="way")

    expected = rb.plot_cuts(frame, rule=rule).to_dict()

    assert rb.plot_cuts(frame.lazy(), rule=rule).to_dict() == expected
    assert rb.plot_cuts(frame.to_arrow(), rule=rule).to_dict() == expected
    assert expected["title"]["text"] == "How trades are cut into bars whose sum of way is 0.5"


def test_sides_that_are_text_and_counted_records_are_drawn() -> None:
    frame = walk(80).with_columns(
        side=pl.col("is_buyer_maker").replace_strict({True: "sell", False: "buy"}, default=None)
    )
    columns = rb.TradeColumns(side="side", quantity=None)
    rule = rb.ImbalanceRule(3)

    drawn_of_text = rb.plot_cuts(frame.drop("quantity"), rule=rule, columns=columns).to_dict()

    assert values(drawn_of_text).equals(values(rb.plot_cuts(walk(80), rule=rule).to_dict()))


def test_of_many_trades_the_extremes_of_the_sum_are_drawn_too() -> None:
    sides = [row // 40 % 2 == 0 for row in range(9_000)]
    frame = trades([100.0] * 9_000, sold=sides)

    found = cut_of(frame, rb.ImbalanceRule(50))

    assert found.trades.height < 5_000
    assert found.trades.select(pl.col("above").min(), high=pl.col("above").max()).row(0) == (-40, 0)
