"""Lookbacks that are refused, by the call or by the schema."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from support.assertions import says
from support.trades import trades, walk

import rangebar_polars as rb

FRAME = walk(300)
EXPECTED = (
    "expected a number of trades, 1 to 1000000, or a span, such as '5m', '1h30m' or "
    "timedelta(minutes=5)"
)


@pytest.mark.parametrize("given", [True, False, 2.0, b"5m", [200]])
def test_a_lookback_is_an_integer_or_a_text(given: Any) -> None:  # noqa: ANN401 - what it refuses
    with says(TypeError, f"lookback is {given!r}: {EXPECTED}"):
        rb.bars(FRAME.lazy(), lookback=given)


@pytest.mark.parametrize(
    "given",
    [
        0,
        -1,
        1_000_001,
        "",
        "5",
        "0s",
        "-5m",
        "5x",
        "1mo",
        "1q",
        "1y",
        "3i",
        "300y",
        "9" * 5_000 + "s",
    ],
)
def test_a_lookback_has_limits(given: Any) -> None:  # noqa: ANN401 - what it refuses
    with says(ValueError, f"lookback is {given!r}: {EXPECTED}"):
        rb.RangeBarProcessor(250, lookback=given)


def test_numbers_of_other_libraries_and_lengths_of_time_are_taken() -> None:
    same = [
        rb.bars(FRAME, 50, lookback=length) for length in ("90s", timedelta(seconds=90), "1m30s")
    ]

    assert same[0].equals(same[1])
    assert same[0].equals(same[2])
    assert rb.bars(FRAME, 50, lookback=np.int64(7)).equals(rb.bars(FRAME, 50, lookback=7))


def test_spans_of_every_unit_are_taken() -> None:
    for span in ("1000000ns", "1000us", "1ms", "1s", "1m", "1h", "1d", "1w", "1h30m"):
        assert "lookback_ofi" in rb.bars(FRAME, lookback=span).columns


def test_a_column_that_looks_back_needs_a_lookback() -> None:
    with says(
        ValueError,
        "features holds 'lookback_ofi' without lookback: expected how far it looks back "
        "(lookback=200, or lookback='5m')",
    ):
        rb.bars(FRAME, features=["ofi", "lookback_ofi"])


def test_a_lookback_needs_a_column_that_looks_back() -> None:
    with says(
        ValueError,
        "lookback is '1m30s' and features has no column that looks back: expected one, such as "
        "'lookback_ofi' (without features, all of them are added)",
    ):
        rb.bars(FRAME, lookback="90s", features=["ofi"])


def test_a_name_that_is_written_otherwise_has_the_nearest_ones() -> None:
    with says(
        ValueError,
        "features holds 'lookback_lambda': expected names of columns of bars (write "
        "'lookback_kyle_lambda_proxy' or 'lookback_kyle_lambda_ols')",
    ):
        rb.bars(FRAME, features=["lookback_lambda"], lookback=5)


def test_a_span_is_a_whole_number_of_the_units_of_the_times() -> None:
    text = (
        "lookback is 1s500us: expected a whole number of ms, the unit of the times (round it, or "
        'cast the times to a finer unit: pl.col("timestamp").dt.cast_time_unit("ns"))'
    )
    with says(pl.exceptions.ComputeError, text):
        rb.bars(FRAME, lookback="1s500us")
    with pytest.raises(pl.exceptions.ComputeError, match="expected a whole number of ms"):
        rb.bars(FRAME.lazy(), lookback="1s500us").collect_schema()
    with says(rb.RangeBarError, text):
        rb.RangeBarProcessor(250, lookback="1s500us").process_trades(FRAME)
    trade = {"timestamp": 1_700_000_000_000, "price": 1.0, "quantity": 1.0}
    with says(rb.RangeBarError, text):
        rb.RangeBarProcessor(250, lookback="1s500us").process_trades(trade)
    finer = FRAME.with_columns(pl.col("timestamp").dt.cast_time_unit("us"))
    assert rb.bars(finer, lookback="1s500us").height > 0


def test_more_trades_than_a_span_can_have_are_an_error_with_the_row() -> None:
    most = 1_000_000
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series([0, *[5] * (most + 3)]).cast(pl.Datetime("ms")),
            "price": [100.0] * (most + 2) + [200.0, 200.0],
            "quantity": pl.repeat(1.0, most + 4, eager=True),
        }
    )
    text = (
        f"there are too many trades in the 5ms before row {most + 3}, which opens a bar: expected "
        "at most 1000000 in a lookback (give a shorter span, or a number of trades)"
    )
    rule = rb.RangeRule(1_000, prevent_same_timestamp_close=False)
    asked: dict[str, Any] = {"rule": rule, "lookback": "5ms", "features": ["lookback_return"]}

    with says(pl.exceptions.ComputeError, text):
        rb.bars(frame, **asked)
    with says(pl.exceptions.ComputeError, text):
        rb.bars(frame.lazy(), **asked).collect()
    assert rb.bars(frame, **asked | {"lookback": most}).height == 1


def test_bars_without_a_side_warn_of_the_columns_that_need_one() -> None:
    frame = trades([100, 101, 102], sold=[None, None, None])

    with pytest.warns(rb.RangeBarWarning, match="lookback_count_imbalance"):
        rb.bars(frame, lookback=1, features=["lookback_count_imbalance", "lookback_return"])


def test_a_column_of_your_own_has_no_name_of_a_column_that_looks_back() -> None:
    with says(
        ValueError,
        "column 'lookback_ofi' would appear twice among the columns of bars (rename it: "
        '.alias("..."))',
    ):
        rb.bars(FRAME, aggs=pl.col("price").mean().alias("lookback_ofi"))
