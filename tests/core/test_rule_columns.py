"""Rules with a column, where only its name can be known: in batches and in checkpoints."""

import datetime as dt

import polars as pl
import pytest
from support.assertions import says

import rangebar_polars as rb
from rangebar_polars._core.arguments import check_count

OWN = rb.WhenRule(pl.col("flag"))
COMPUTED = rb.WhenRule(pl.col("x") > 1)
TRADES = pl.DataFrame(
    {
        "timestamp": [dt.datetime(2024, 1, 1)],  # noqa: DTZ001 # a time of a column
        "price": [1.0],
        "quantity": [1.0],
        "flag": [False],
        "x": [0],
    }
)
BEGINS_ANEW = (
    "the expression of when would begin anew with each batch: expected a column of the trades, "
    'such as WhenRule(pl.col("flag")) (compute it beforehand)'
)


@pytest.fixture
def data() -> bytes:
    """Return the checkpoint of a processor with a rule of a column."""
    processor = rb.RangeBarProcessor(rule=OWN)
    processor.process_trades(TRADES)
    return processor.create_checkpoint()


def test_an_expression_of_a_rule_is_refused_in_batches(data: bytes) -> None:
    with says(ValueError, BEGINS_ANEW):
        rb.RangeBarProcessor(rule=COMPUTED)
    with says(ValueError, BEGINS_ANEW):
        rb.bars(TRADES, rule=COMPUTED, state=data)


def test_the_rule_of_a_checkpoint_is_given_with_its_expression(data: bytes) -> None:
    expected = (
        "the checkpoint is of rule when, whose expression it does not hold (give it: "
        'rule=WhenRule(pl.col("...")))'
    )

    with says(rb.CheckpointError, expected):
        rb.RangeBarProcessor.from_checkpoint(data)
    with says(rb.CheckpointError, "the checkpoint is of rule when: expected tick-5"):
        rb.RangeBarProcessor.from_checkpoint(data, rule=rb.TickRule(5))
    restored = rb.RangeBarProcessor.from_checkpoint(data, rule=OWN)
    assert restored.create_checkpoint() == data


def test_the_name_of_an_expression_is_a_text() -> None:
    with says(TypeError, "name is 5: expected a str or None"):
        rb.SumRule(pl.col("x"), 1.0, name=5)  # type: ignore[arg-type] # what is refused


def test_a_count_is_an_integer_from_1_on() -> None:
    assert [check_count(count, "records", most=7) for count in (1, 2, 7)] == [1, 2, 7]
    with says(TypeError, "records is 1.5: expected an integer"):
        check_count(1.5, "records")  # type: ignore[arg-type] # what is refused
    with says(ValueError, "records is 0: expected 1 or more"):
        check_count(0, "records")
    with says(ValueError, "records is 8: expected at most 7"):
        check_count(8, "records", most=7)
