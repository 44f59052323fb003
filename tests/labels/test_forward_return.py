"""Forward returns, from trades and from stored bars."""

import datetime as dt
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal
from support.label_reference import OF_RETURNS, events_of, frame_of
from support.strategies import frames
from support.trades import rows, trades, walk

import rangebar_polars as rb

TEN = trades(
    [100, 100.5, 100.2, 101, 101.1, 100.8, 100.9, 100.6, 100, 100.3],
    [0, 1000, 1500, 3000, 3000, 4000, 4500, 6000, 8000, 9000],
)


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [
        ("999ms", [Fraction(1, 1010), Fraction(0)]),
        ("1s", [Fraction(-2, 1010), None]),
        ("5s", [Fraction(-1, 101), None]),
        (1, [Fraction(-1, 101), None]),
        (2, [None, None]),
    ],
)
def test_the_ten_trades_have_the_returns_of_the_specification(
    horizon: int | str, expected: list[Fraction | None]
) -> None:
    returns = rb.labels.forward_return(TEN, 1000, horizon=horizon)

    assert returns.columns == ["close_time", "close", "forward_return"]
    for got, wanted in zip(returns["forward_return"], expected, strict=True):
        assert got == (None if wanted is None else pytest.approx(float(wanted), rel=1e-12))


def test_a_timedelta_is_the_text_of_the_same_length() -> None:
    spans = [dt.timedelta(seconds=1), dt.timedelta(minutes=1, milliseconds=500)]

    of_spans = rb.labels.forward_return(TEN, 1000, horizon=[1, *spans])
    of_texts = rb.labels.forward_return(TEN, 1000, horizon=[1, "1s", "1m500ms"])
    alone = rb.labels.forward_return(TEN, 1000, horizon=spans[0])

    assert of_spans.columns[-1] == "forward_return_1m500ms"
    assert_frame_equal(of_spans, of_texts, check_exact=True)
    assert_frame_equal(alone, rb.labels.forward_return(TEN, 1000, horizon="1s"), check_exact=True)


@settings(max_examples=50)
@given(st.data(), st.sampled_from([7, 250, 1000]))
def test_returns_are_those_of_the_definition(data: st.DataObject, threshold: int) -> None:
    frame = data.draw(frames(threshold))
    events = events_of(rows(frame), f"range-{threshold}", None, None)
    horizons: dict[str, int | str | None] = {"_1": 1, "_3": 3, "_1ms": "1ms", "_1m": "1m"}
    expected = frame_of(frame, events, horizons, names=OF_RETURNS)

    asked: list[int | str] = [1, 3, "1ms", "1m"]
    returns = rb.labels.forward_return(frame, threshold, horizon=asked)
    of_plan = rb.labels.forward_return(frame.lazy(), threshold, horizon=asked)

    assert_frame_equal(returns, expected, check_exact=True)
    assert_frame_equal(of_plan.collect(), expected, check_exact=True)
    bars = rb.bars(frame, threshold)
    for horizon in (1, 3):
        of_bars = bars.select(rb.labels.forward_return_of_bars(horizon)).to_series()
        assert_series_equal(
            of_bars, expected[f"forward_return_{horizon}"], check_exact=True, check_names=False
        )


def test_returns_of_stored_bars_stay_within_their_chain() -> None:
    frame = walk(400).with_columns(symbol=pl.Series(["A", "B"] * 200))
    bars = rb.bars(frame, 300, by="symbol")

    of_bars = bars.select(rb.labels.forward_return_of_bars(2).over("symbol")).to_series()

    returns = rb.labels.forward_return(frame, 300, by="symbol", horizon=2)["forward_return"]
    assert of_bars.null_count() == 4
    assert_series_equal(of_bars, returns, check_exact=True)


@pytest.mark.parametrize(
    ("horizon", "error", "text"),
    [
        ("5m", TypeError, r"horizon is '5m': expected a number of bars .*forward_return\(trades"),
        (0, ValueError, "horizon is 0: expected 1 or more"),
        (1.5, TypeError, "horizon is 1.5: expected an integer"),
        (True, TypeError, "horizon is True: expected an integer"),
        (1 << 70, ValueError, "expected at most 1000000000"),
        (1_000_000_001, ValueError, "horizon is 1000000001: expected at most 1000000000"),
    ],
)
def test_a_wrong_horizon_of_bars_is_refused(
    horizon: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        rb.labels.forward_return_of_bars(horizon)  # type: ignore[arg-type]


def test_the_remedy_for_a_span_over_bars_gives_returns() -> None:
    returns = rb.labels.forward_return(TEN, 1000, horizon="5m")

    assert returns["forward_return"].null_count() == 2
