"""What cannot be drawn is refused when the call is made, with what to do."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from support.assertions import SORT, says
from support.charts import values
from support.trades import trades

import rangebar_polars as rb

TRADES = trades([100.0, 101.0, 102.0, 101.0])
BARS = rb.bars(TRADES, 500).select(pl.exclude("volume"))
HAVE = "[open_time, close_time, open, high, low, close]"
CHAINS = "the columns of the keys: by='symbol'"


@pytest.mark.parametrize("name", ["last", "width", "height"])
@pytest.mark.parametrize("plot", [rb.plot_bars, rb.plot_cuts])
def test_a_number_that_is_none_is_refused(plot: Callable[..., object], name: str) -> None:
    frame = BARS if plot is rb.plot_bars else TRADES

    for number in (0, -3):
        with says(ValueError, f"{name} is {number}: expected 1 or more"):
            plot(frame, **{name: number})
    for other in (1.5, True, "5"):
        with says(TypeError, f"{name} is {other!r}: expected an integer"):
            plot(frame, **{name: other})


REFUSED: Mapping[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no frame": ([1.0], {}, TypeError, "bars is a list: expected a DataFrame or a LazyFrame"),
    "no columns of prices": (
        BARS.drop("high", "low"),
        {},
        ValueError,
        (
            "the bars have no column 'high', 'low': they have [open_time, close_time, open, close] "
            "(give what rangebar_polars.bars returns, or rename columns)"
        ),
    ),
    "times that are integers": (
        BARS.with_columns(pl.col("open_time").cast(pl.Int64)),
        {},
        TypeError,
        (
            'column "open_time" is Int64: expected Datetime or Date (cast it, in the unit that it '
            'counts: pl.col("open_time").cast(pl.Datetime("ms")))'
        ),
    ),
    "times of two dtypes": (
        BARS.with_columns(pl.col("open_time").cast(pl.Date)),
        {},
        TypeError,
        (
            "open_time is Date and close_time Datetime(time_unit='ms', time_zone=None): expected "
            'one dtype (cast it: pl.col("close_time").cast(bars.schema["open_time"]))'
        ),
    ),
    "prices that are text": (
        BARS.with_columns(pl.col("close").cast(pl.String)),
        {},
        TypeError,
        'column "close" is String: expected numbers (cast it: pl.col("close").cast(pl.Float64))',
    ),
    "no bars": (
        BARS.clear(),
        {},
        ValueError,
        (
            "there is nothing to draw: the frame has no bars (a rule of shorter bars or more "
            "trades give some, include_incomplete=True the open one)"
        ),
    ),
    "no prices": (
        BARS.with_columns(open=pl.lit(None, pl.Float64)),
        {},
        ValueError,
        "there is nothing to draw: open, high, low or close is null or not finite in every bar",
    ),
    "a pane that is no column": (
        BARS,
        {"panes": ("open", "ofi")},
        ValueError,
        (
            f"pane 'ofi' is no column of the bars: they have {HAVE} (include_microstructure=True "
            "adds the features, aggs= columns of your own)"
        ),
    ),
    "a pane of text": (
        BARS.with_columns(name=pl.lit("A")),
        {"panes": "name"},
        TypeError,
        'pane "name" is String: expected numbers, Boolean or Duration (choose another column)',
    ),
    "a pane twice": (
        BARS,
        {"panes": ["open", "open"]},
        ValueError,
        "panes holds 'open' twice: expected each once",
    ),
    "panes that are no names": (
        BARS,
        {"panes": 5},
        TypeError,
        "panes is 5: expected the name of a column, or several",
    ),
    "keys that are no names": (
        BARS,
        {"by": [1]},
        TypeError,
        "by is [1]: expected the name of a column, or several",
    ),
    "a key that is no column": (
        BARS,
        {"by": "symbol"},
        ValueError,
        f"by is 'symbol', and the bars have no column 'symbol': they have {HAVE}",
    ),
    "a unit of no axis": (
        BARS,
        {"units": {"volume": "BTC"}, "panes": "open"},
        ValueError,
        "units holds 'volume', which no axis shows: expected some of [price, open]",
    ),
    "a unit of values that are drawn in seconds": (
        BARS.with_columns(duration_us=pl.lit(1_000_000)),
        {"panes": "duration_us", "units": {"duration_us": "min"}},
        ValueError,
        (
            "units holds 'min' for 'duration_us', whose axis is in s: expected 's', or no unit "
            "(for another one draw a column of numbers of your own)"
        ),
    ),
    "a unit of a Duration": (
        BARS.with_columns(pause=pl.duration(seconds=1)),
        {"panes": "pause", "units": {"pause": "ms"}},
        ValueError,
        (
            "units holds 'ms' for 'pause', whose axis is in s: expected 's', or no unit "
            "(for another one draw a column of numbers of your own)"
        ),
    ),
    "units that are no mapping": (
        BARS,
        {"units": "BTC"},
        TypeError,
        'units is \'BTC\': expected texts by column ({"price": "USDT"})',
    ),
    "a unit that is no text": (
        BARS,
        {"units": {"price": 1}},
        TypeError,
        'units is {\'price\': 1}: expected texts by column ({"price": "USDT"})',
    ),
    "a title that is no text": (BARS, {"title": 250}, TypeError, "title is 250: expected a text"),
    "bars in reverse": (
        BARS.reverse(),
        {},
        ValueError,
        (
            "bar 1 opens at 1970-01-01 00:00:00, before 1970-01-01 00:00:03, where the bar before "
            f"it closed (if they are of several chains, name {CHAINS}; else sort by close_time)"
        ),
    ),
    "bars of a key in reverse": (
        BARS.reverse().select(pl.lit("A").alias("symbol"), pl.all()),
        {},
        ValueError,
        (
            "bar 1 of A opens at 1970-01-01 00:00:00, before 1970-01-01 00:00:03, where the bar "
            "before it closed (sort by close_time)"
        ),
    ),
    "too many chains": (
        pl.concat([BARS] * 7).with_row_index(),
        {},
        ValueError,
        (
            "the bars are of 14 chains by [index]: expected at most 12 in a chart (filter them, or "
            f"name {CHAINS}, or by=() for none)"
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_chart_of_bars_is_refused(case: str) -> None:
    bars, options, error, text = REFUSED[case]

    with says(error, text):
        rb.plot_bars(bars, **options)


@pytest.mark.parametrize("case", ["no columns of prices", "a pane that is no column", "no bars"])
def test_a_plan_is_refused_with_the_same_words(case: str) -> None:
    bars, options, error, text = REFUSED[case]

    with says(error, text):
        rb.plot_bars(bars.lazy(), **options)


def test_the_remedies_of_messages_help() -> None:
    times = BARS.with_columns(pl.col("open_time").cast(pl.Int64))

    rb.plot_bars(times.with_columns(pl.col("open_time").cast(pl.Datetime("ms"))))
    dates = BARS.with_columns(pl.col("open_time").cast(pl.Date))
    rb.plot_bars(dates.with_columns(pl.col("close_time").cast(dates.schema["open_time"])))
    rb.plot_bars(BARS.reverse().sort("close_time"))
    rb.plot_bars(pl.concat([BARS, BARS]).with_columns(symbol=pl.Series([*"AABB"])), by="symbol")
    rb.plot_bars(BARS.with_row_index(), by=())
    rb.plot_bars(rb.bars(TRADES.head(1), include_incomplete=True))


def test_bars_that_begin_when_the_last_one_ended_are_in_order() -> None:
    end = datetime(2024, 1, 1)  # noqa: DTZ001 - a naive column
    bars = BARS.with_columns(open_time=end, close_time=end)

    assert values(rb.plot_bars(bars).to_dict()).height == 2


CUTS: Mapping[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no frame": (
        [1.0],
        {},
        TypeError,
        (
            "trades is a list: expected a DataFrame, a LazyFrame or an object with "
            "__arrow_c_stream__ (make a frame of it: pl.DataFrame(trades))"
        ),
    ),
    "no trades": (
        TRADES.clear(),
        {},
        ValueError,
        "there is nothing to draw: the frame has no trades",
    ),
    "several thresholds": (
        TRADES,
        {"threshold_decimal_bps": [100, 250]},
        TypeError,
        (
            "threshold_decimal_bps is [100, 250]: expected an integer of decimal basis points (250 "
            "is 0.25 %)"
        ),
    ),
    "a rule beside a threshold": (
        TRADES,
        {"threshold_decimal_bps": 100, "rule": rb.TickRule(3)},
        ValueError,
        (
            "threshold_decimal_bps is 100 beside rule: expected one of both (RangeRule(250) is the "
            "rule of a threshold)"
        ),
    ),
    "several rules": (
        TRADES,
        {"rule": [rb.TickRule(3), rb.TickRule(4)]},
        ValueError,
        "a picture is of one rule: expected one, not a sequence",
    ),
    "the text of a rule": (
        TRADES,
        {"rule": "tick-3"},
        TypeError,
        "rule is 'tick-3': expected a rule, not its text (parse_rule('tick-3'))",
    ),
    "a gap that is a number": (
        TRADES,
        {"rule": rb.TickRule(3), "max_gap": 5},
        TypeError,
        "max_gap is 5: expected a text such as '30m', or a timedelta",
    ),
    "no threshold": (
        TRADES,
        {"threshold_decimal_bps": 0},
        ValueError,
        "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
    ),
    "another reset": (
        TRADES,
        {"reset": "hour"},
        ValueError,
        (
            "reset is 'hour': expected 'day', 'week', 'month', 'year', a TradingDay, an expression "
            'such as pl.col("session"), or None'
        ),
    ),
    "a unit that is no text": (TRADES, {"unit": 5}, TypeError, "unit is 5: expected a text"),
    "unsorted trades": (
        TRADES.reverse(),
        {},
        pl.exceptions.ComputeError,
        (
            "trades are not sorted by time at row 1: 1970-01-01 00:00:02.000 after 1970-01-01 "
            f"00:00:03.000 {SORT}"
        ),
    ),
    "no prices": (
        TRADES.drop("price"),
        {},
        pl.exceptions.ComputeError,
        (
            'no column "price" among the trades: they have [timestamp: datetime[ms], quantity: '
            'f64] (say which it is: columns=TradeColumns(price="..."))'
        ),
    ),
}


@pytest.mark.parametrize("case", CUTS)
def test_what_cannot_be_a_picture_of_cuts_is_refused(case: str) -> None:
    bad, options, error, text = CUTS[case]

    with says(error, text):
        rb.plot_cuts(bad, **options)


def test_a_column_that_a_plan_of_trades_lacks_is_named_with_all_that_are_there() -> None:
    *_, text = CUTS["no prices"]

    with pytest.raises(pl.exceptions.ComputeError) as raised:
        rb.plot_cuts(TRADES.lazy().drop("price"))

    assert str(raised.value).endswith(text)
