"""The schema of bars that are not made: the one of the bars that are."""

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.oracle_chains import few, keyed, questions
from support.trades import trades

import rangebar_polars as rb
from rangebar_polars.schema import BAR_SCHEMA, TRADE_SCHEMA

FRAME = trades([100, 101], sold=[True, False], ids=[1, 2], unit="ns", zone="Asia/Tokyo")
EVERYTHING: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}


@few
@given(st.data(), st.sampled_from([(), ("symbol",), ("venue", "symbol")]))
def test_it_is_the_schema_of_the_bars_of_the_oracle(
    data: st.DataObject, by: tuple[str, ...]
) -> None:
    question = data.draw(questions(by))
    frame = data.draw(keyed(most=6))

    assert question.expected(frame).schema == rb.bar_schema(frame.schema, **question.options)


def test_it_has_the_columns_of_aggregations_in_their_place() -> None:
    aggs = [pl.col("price").std().alias("spread"), pl.col("agg_trade_id")]
    options: dict[str, Any] = {
        "threshold_decimal_bps": [250],
        "aggs": aggs,
        "include_incomplete": True,
    }

    assert rb.bars(FRAME, **options).schema == rb.bar_schema(FRAME.schema, **options)


def test_the_trades_of_the_cache_have_the_published_schema_of_bars() -> None:
    assert rb.bar_schema(TRADE_SCHEMA, **EVERYTHING) == BAR_SCHEMA


def test_a_dict_of_dtypes_is_a_schema() -> None:
    given: dict[str, Any] = {"t": pl.Datetime("ms"), "price": pl.Int32, "quantity": pl.Float64}

    schema = rb.bar_schema(given, columns=rb.TradeColumns(timestamp="t"))

    assert schema["open_time"] == pl.Datetime("ms")
    assert schema["open"] == pl.Float64()


def test_a_checkpoint_may_be_among_the_options() -> None:
    state = rb.RangeBarProcessor(250).create_checkpoint()

    assert rb.bars(FRAME, state=state).schema == rb.bar_schema(FRAME.schema, state=state)


@pytest.mark.parametrize("frame", [FRAME, FRAME.lazy(), None], ids=str)
def test_a_frame_in_the_place_of_its_schema_is_refused(frame: object) -> None:
    text = (
        f"trades is a {type(frame).__name__}: expected its schema (trades.schema; of a LazyFrame "
        "trades.collect_schema())"
    )

    with says(TypeError, text):
        rb.bar_schema(frame)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schema", "options"),
    [
        (FRAME.drop("price").schema, {}),
        (FRAME.cast({"price": pl.String}).schema, {}),
        (FRAME.schema, {"by": "price"}),
        (FRAME.schema, {"by": "symbol"}),
    ],
)
def test_wrong_columns_are_refused_as_by_bars(schema: pl.Schema, options: dict[str, Any]) -> None:
    with pytest.raises(pl.exceptions.ComputeError) as of_bars:
        rb.bars(schema.to_frame(), **options)

    with pytest.raises(pl.exceptions.ComputeError, match=f"^{re.escape(str(of_bars.value))}$"):
        rb.bar_schema(schema, **options)


def test_wrong_options_are_refused_as_by_bars() -> None:
    with pytest.raises(ValueError, match="threshold_decimal_bps is 0"):
        rb.bar_schema(FRAME.schema, 0)
