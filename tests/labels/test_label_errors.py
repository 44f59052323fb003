"""What labels refuse, and that the remedies of the messages work."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from support.bad_trades import at, message_of
from support.trades import trades, walk

import rangebar_polars as rb

FRAME = walk(300)
ROWS = pl.DataFrame({"row": [1, 5]})


def triple(**options: Any) -> pl.DataFrame:  # noqa: ANN401 - any wrong argument
    return rb.labels.triple_barrier(FRAME, **options)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, ValueError, r"take_profit and stop_loss are None: .*\(returns without barriers"),
        ({"take_profit": 0}, ValueError, "take_profit is 0: expected 1 to 100000"),
        ({"stop_loss": 100_001}, ValueError, "stop_loss is 100001: expected 1 to 100000"),
        ({"stop_loss": 0.01}, TypeError, "stop_loss is 0.01: expected an integer of decimal"),
        ({"take_profit": True}, TypeError, "take_profit is True: expected an integer"),
        ({"take_profit": 1, "horizon": 0}, ValueError, "horizon is 0: expected 1 to 1000000000"),
        ({"take_profit": 1, "horizon": 1.5}, TypeError, "horizon is 1.5: expected a number of ba"),
        ({"take_profit": 1, "horizon": True}, TypeError, "horizon is True: expected a number"),
        ({"take_profit": 1, "horizon": "1mo"}, ValueError, "horizon is '1mo': .* such as '5m'"),
        ({"take_profit": 1, "horizon": "-5m"}, ValueError, "horizon is '-5m': .* such as '5m'"),
        ({"take_profit": 1, "horizon": "0m"}, ValueError, "horizon is '0m': .* such as '5m'"),
        ({"take_profit": 1, "horizon": "20"}, ValueError, "horizon is '20': .* such as '5m'"),
        ({"take_profit": 1, "horizon": dt.timedelta(0)}, ValueError, "timedelta.0.: expected a n"),
        ({"take_profit": 1, "horizon": "9" * 30 + "w"}, ValueError, "horizon is '999.*5m'"),
        ({"take_profit": 1, "horizon": []}, ValueError, "horizon is empty: expected a number"),
        ({"take_profit": 1, "horizon": [None]}, TypeError, "horizon is None: expected a number"),
        ({"take_profit": 1, "horizon": b"5"}, TypeError, "horizon is b'5': expected a number of"),
        ({"take_profit": 1, "horizon": {2}}, TypeError, r"horizon is \{2\}: expected a sequence"),
        ({"take_profit": 1, "horizon": [2, 2]}, ValueError, "horizon holds 2 twice"),
        (
            {"take_profit": 1, "horizon": ["60s", "1m"]},
            ValueError,
            "horizon holds 60s, as 1m, twice",
        ),
        (
            {"take_profit": 1, "horizon": [dt.timedelta(minutes=1), "60s"]},
            ValueError,
            "horizon holds 1m, as 60s, twice",
        ),
        ({"take_profit": 1, "by": "label"}, ValueError, r"'label' would appear twice .*\.rename\("),
        ({"take_profit": 1, "by": "close_time"}, ValueError, "'close_time' would appear twice"),
        ({"take_profit": 1, "features": ["ofi"]}, TypeError, "has no argument 'features'"),
        ({"take_profit": 1, "include_incomplete": True}, TypeError, "has no argument 'include_in"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_refused_by_the_call(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    for of in (FRAME, FRAME.lazy()):
        with pytest.raises(error, match=text):
            rb.labels.triple_barrier(of, **options)


def test_returns_need_a_horizon() -> None:
    with pytest.raises(TypeError, match="horizon is None: expected a number of bars"):
        rb.labels.forward_return(FRAME, horizon=None)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"threshold_decimal_bps": 250}, "threshold_decimal_bps is 250 beside events"),
        ({"rule": rb.TickRule(5)}, "rule is .* beside events"),
        ({"reset": "day"}, "reset is 'day' beside events"),
        ({"max_gap": "1m"}, "max_gap is '1m' beside events"),
        ({"prevent_same_timestamp_close": True}, "prevent_same_timestamp_close is True beside"),
        ({"horizon": 5}, "horizon is 5 beside events: expected a span, such as '5m'"),
        ({"horizon": ["5m", 5]}, "horizon is 5 beside events: expected a span, such as '5m'"),
        ({"by": "row"}, "column 'row' would appear twice"),
    ],
)
def test_events_exclude_what_says_where_bars_end(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        triple(events=ROWS, take_profit=1, **options)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (pl.DataFrame({"rows": [1]}), r"events have no column 'row': they have \[rows\]"),
        (pl.DataFrame({"take_profit": [1]}), r"events have no column 'row': they have \[take_pr"),
        (pl.DataFrame({"row": [1.0]}), "column 'row' of events is Float64: expected integers"),
        (ROWS.with_columns(stop_loss=0.1), "column 'stop_loss' of events is Float64: expected"),
        (pl.DataFrame({"row": [1, None]}), "event 1 has the row null"),
        (pl.DataFrame({"row": [-1]}), "event 0 has row -1: expected a row of the trades"),
        (
            pl.DataFrame({"row": [1 << 63]}, schema={"row": pl.UInt64}),
            "event 0 has row 9223372036854775808: expected a row of the trades",
        ),
        (pl.DataFrame({"row": [5, 1]}), "events are not ascending at event 1: row 1 after row 5"),
        (ROWS.with_columns(stop_loss=0), "event 0 at row 1: stop_loss is 0: expected 1 to 100000"),
        (
            pl.DataFrame({"row": [1, 5], "stop_loss": [9, None]}),
            "event 1 at row 5 has no barrier, and there is no horizon",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_wrong_event_is_refused_by_the_call(events: pl.DataFrame, text: str) -> None:
    barriers: dict[str, Any] = {} if "stop_loss" in events.columns else {"stop_loss": 100}
    for of in (FRAME, FRAME.lazy()):
        with pytest.raises(pl.exceptions.ComputeError, match=text):
            rb.labels.triple_barrier(of, events=events, **barriers)


def test_the_remedies_for_events_work() -> None:
    trades_with_rows = FRAME.with_row_index("row")
    picked = trades_with_rows.filter(pl.col("price") > 500).select("row")
    unsorted = pl.concat([picked.reverse(), pl.DataFrame({"row": [None]}, picked.schema)])
    events = unsorted.drop_nulls("row").sort("row", maintain_order=True)
    events = events.cast({"row": pl.Int64})

    assert triple(events=events, take_profit=9)["row"].to_list() == picked["row"].to_list()


def test_events_are_a_frame_and_no_plan() -> None:
    with pytest.raises(TypeError, match=r"events is a LazyFrame: .*\(collect it: events.collect"):
        triple(events=ROWS.lazy(), take_profit=1)
    with pytest.raises(TypeError, match="events is a list: expected a DataFrame"):
        triple(events=[1, 2], take_profit=1)


def test_a_barrier_is_of_the_call_or_of_the_events() -> None:
    with pytest.raises(ValueError, match="take_profit is given, and is a column of events"):
        triple(events=ROWS.with_columns(take_profit=5), take_profit=1)
    with pytest.raises(pl.exceptions.ComputeError, match="column 'take_profit': expected row "):
        rb.labels.forward_return(FRAME, events=ROWS.with_columns(take_profit=5), horizon="5m")
    of_rows = rb.labels.forward_return(FRAME, events=ROWS.select("row"), horizon="5m")
    assert of_rows.height == 2


@pytest.mark.parametrize("by", [None, "symbol"])
def test_an_event_after_the_last_trade_is_an_error(by: str | None) -> None:
    frame = FRAME.with_columns(symbol=pl.lit("A"))
    events = pl.DataFrame({"row": [1, 299, 300, 400]})
    expected = (
        "event 2 has row 300: expected a row of the trades, which are 300 (rows are counted from "
        "0, over the trades of all keys)"
    )
    options: dict[str, Any] = {"events": events, "take_profit": 1, "by": by}

    assert message_of(lambda: rb.labels.triple_barrier(frame, **options)) == expected
    plan = rb.labels.triple_barrier(frame.lazy(), **options)
    assert message_of(plan.collect, entry_point="lazy") == expected
    assert plan.collect_schema().names()[-4:] == ["label", "ret", "touch_time", "touch_kind"]


@pytest.mark.parametrize("horizon", ["1500us", ["5m", "1500us"]])
def test_a_span_finer_than_the_times_is_an_error_of_the_schema(horizon: Any) -> None:  # noqa: ANN401
    expected = 'horizon is "1500us": expected a whole number of ms, the unit of the times ('

    assert message_of(lambda: triple(take_profit=1, horizon=horizon)).startswith(expected)
    plan = rb.labels.triple_barrier(FRAME.lazy(), take_profit=1, horizon=horizon)
    said = message_of(plan.collect_schema, entry_point="lazy")
    assert said.startswith(expected)
    finer = FRAME.with_columns(pl.col("timestamp").dt.cast_time_unit("ns"))
    assert rb.labels.triple_barrier(finer, take_profit=1, horizon=horizon).height > 0


def test_the_remedy_for_a_fine_span_names_the_column_of_times() -> None:
    frame = FRAME.rename({"timestamp": "T"})
    columns = rb.TradeColumns(timestamp="T")

    said = message_of(lambda: rb.labels.forward_return(frame, horizon="1ns", columns=columns))

    assert 'pl.col("T").dt.cast_time_unit("ns")' in said


@pytest.mark.parametrize("events", [None, ROWS[:1]])
def test_a_bad_trade_is_the_error_of_bars(events: pl.DataFrame | None) -> None:
    frame = at(3, price=-1.0)

    said = message_of(
        lambda: rb.labels.triple_barrier(frame, take_profit=1, events=events),
    )

    assert said == message_of(lambda: rb.bars(frame))


def test_fine_prices_are_warned_of_as_in_bars() -> None:
    frame = trades([1.0000000012, 1.01, 1.02])

    for of in (frame, frame.lazy()):
        with pytest.warns(rb.RangeBarWarning, match="prices count to 8 decimals"):
            rb.labels.triple_barrier(of, 250, take_profit=1).lazy().collect()


def test_trades_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="trades is a list: expected a DataFrame, a LazyFrame"):
        rb.labels.triple_barrier([1], take_profit=1)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("wrong", "right"), [("tp", "take_profit"), ("sl", "stop_loss"), ("horizons", "horizon")]
)
def test_a_wrong_name_of_an_argument_is_answered_with_the_right_one(wrong: str, right: str) -> None:
    with pytest.raises(TypeError, match=f"has no argument '{wrong}' .write {right}"):
        triple(**{wrong: 5})
