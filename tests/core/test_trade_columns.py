"""A column that the user names must be there, whatever the output needs; None is not read."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.entry_points import ENTRY_POINTS, assert_same
from support.trades import trades, walk

import rangebar_polars as rb

FRAME = trades([100, 101, 102])
HAVE = "timestamp: datetime[ms], price: f64, quantity: f64"
ROLES = ("is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id")
"""The columns that trades may lack; only the second is read for plain bars."""


def missing(role: str, have: str = HAVE) -> str:
    return (
        f'no column "mine" among the trades: they have [{have}] (say which it is: '
        f'columns=TradeColumns({role}="..."))'
    )


def named(role: str) -> rb.TradeColumns:
    names: dict[str, Any] = {role: "mine"}
    return rb.TradeColumns(**names)


def text_of(call: Callable[[], object]) -> str:
    """Return the text of the error, without what Polars puts around it."""
    with pytest.raises(pl.exceptions.ComputeError) as error:
        call()
    text = str(error.value).removeprefix("the plugin failed with message: ")
    return text.removeprefix("schema callable failed: ComputeError: ").partition("\n")[0]


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("role", ROLES)
def test_a_column_that_is_named_must_be_there_through_every_entry_point(
    role: str, rows: int
) -> None:
    frame, columns = FRAME.head(rows), named(role)

    texts = {
        name: text_of(lambda entry_point=entry_point: entry_point(frame, columns=columns))  # type: ignore[misc]
        for name, entry_point in ENTRY_POINTS.items()
        # Without a row there is no group.
        if rows or name != "grouped"
    }

    moved = missing(role, "price: f64, timestamp: datetime[ms], quantity: f64")
    expected = dict.fromkeys(texts, missing(role))
    assert expected | {"price expression": moved} == texts


FRAME_CALLS: dict[str, Callable[[pl.DataFrame, rb.TradeColumns], object]] = {
    "aggregations": lambda frame, columns: rb.bars(frame, columns=columns, aggs=pl.len()),
    "aggregations of a plan": lambda frame, columns: rb.bars(
        frame.lazy(), columns=columns, aggs=pl.len().alias("n")
    ).collect(),
    "several thresholds": lambda frame, columns: rb.bars(frame, [100, 250], columns=columns),
    "one column of a plan": lambda frame, columns: (
        rb.bars(frame.lazy(), columns=columns).select("open").collect()
    ),
    "the length of a plan": lambda frame, columns: (
        rb.bars(frame.lazy(), columns=columns).select(pl.len()).collect()
    ),
    "the schema of a plan": lambda frame, columns: rb.bars(
        frame.lazy(), columns=columns
    ).collect_schema(),
    "a state": lambda frame, columns: rb.bars(
        frame, columns=columns, state=rb.RangeBarProcessor(250).create_checkpoint()
    ),
    "a state of a plan": lambda frame, columns: rb.bars(
        frame.lazy(), columns=columns, state=rb.RangeBarProcessor(250).create_checkpoint()
    ).collect(),
    "a chunk": lambda frame, columns: list(rb.process_trades_chunked([frame], columns=columns)),
    "by the name of rangebar-py": lambda frame, columns: rb.process_trades_polars(
        frame.lazy(), columns=columns
    ),
    "the bar of each trade": lambda frame, columns: frame.select(rb.bar_id(columns=columns)),
    "the bar of each trade of a plan": lambda frame, columns: (
        frame.lazy().select(rb.bar_id(columns=columns)).collect()
    ),
    "a pyarrow table": lambda frame, columns: rb.bars(frame.to_arrow(), columns=columns),
}
PROCESSOR_CALLS: dict[str, Callable[[pl.DataFrame, rb.TradeColumns], object]] = {
    "a frame": lambda frame, columns: rb.RangeBarProcessor(250, columns=columns).process_trades(
        frame
    ),
    "a plan": lambda frame, columns: rb.RangeBarProcessor(250, columns=columns).process_trades(
        frame.lazy()
    ),
    "a table of pyarrow": lambda frame, columns: rb.RangeBarProcessor(
        250, columns=columns
    ).process_trades(frame.to_arrow()),
    "bars with a state": lambda frame, columns: rb.bars_with_state(frame, columns=columns),
}


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", FRAME_CALLS)
def test_a_column_that_is_named_must_be_there_in_every_call(
    name: str, role: str, rows: int
) -> None:
    text = text_of(lambda: FRAME_CALLS[name](FRAME.head(rows), named(role)))

    assert missing(role) == text


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", PROCESSOR_CALLS)
def test_a_processor_refuses_trades_without_a_column_that_is_named(
    name: str, role: str, rows: int
) -> None:
    with says(rb.RangeBarError, missing(role)):
        PROCESSOR_CALLS[name](FRAME.head(rows), named(role))


def test_keys_change_nothing_about_it() -> None:
    text = text_of(lambda: rb.bars(FRAME.with_columns(k=1), columns=named(ROLES[0]), by="k"))

    assert missing(ROLES[0], f"{HAVE}, k: i32") == text


def test_a_feature_needs_only_the_columns_of_its_formula() -> None:
    columns = rb.TradeColumns(quantity="mine", agg_trade_id="mine")

    assert FRAME.select(rb.features.duration_us(columns=columns)).item() == 2_000_000
    text = text_of(lambda: FRAME.select(rb.features.vwap_close_deviation(columns=columns)))
    assert missing("quantity", "price: f64") == text


NAMES: dict[str, Any] = {"is_buyer_maker": "maker", "first_trade_id": "from", "last_trade_id": "to"}


def unreadable(frame: pl.DataFrame, names: list[str]) -> pl.LazyFrame:
    """Return a plan that fails where one of these columns is read."""

    def fail(_: pl.Series) -> pl.Series:
        raise AssertionError("a column is read that is not needed")

    never = [pl.col(name).map_batches(fail, return_dtype=frame.schema[name]) for name in names]
    return frame.lazy().with_columns(never)


@pytest.mark.parametrize("wanted", [["open"], ["close_time", "volume"]], ids=str)
@pytest.mark.parametrize("aggs", [None, pl.len().alias("n")], ids=["plain", "aggs"])
def test_a_plan_reads_no_named_column_that_is_not_needed(
    wanted: list[str], aggs: pl.Expr | None
) -> None:
    frame = walk(300).rename(NAMES)
    options: dict[str, Any] = {"columns": rb.TradeColumns(**NAMES), "aggs": aggs}
    plan = unreadable(frame, list(NAMES.values()))

    bars = rb.bars(plan, 20, include_microstructure=True, **options).select(wanted).collect()

    assert_same(rb.bars(walk(300), 20).select(wanted), bars)


@pytest.mark.parametrize("wanted", [["ofi"], ["open", "aggregation_density"], None], ids=str)
def test_a_plan_with_named_columns_gives_what_is_wanted(wanted: list[str] | None) -> None:
    frame = walk(300).rename(NAMES)
    columns = rb.TradeColumns(**NAMES)

    bars = rb.bars(frame.lazy(), 20, include_microstructure=True, columns=columns).collect()

    expected = rb.bars(walk(300), 20, include_microstructure=True)
    assert_same(expected.select(wanted or pl.all()), bars.select(wanted or pl.all()))


@pytest.mark.parametrize("name", ["eager", "lazy", "expression", "grouped"])
def test_a_column_that_is_none_is_not_read_even_if_it_is_there(name: str) -> None:
    frame = FRAME.with_columns(agg_trade_id=pl.lit("no id"))
    columns = rb.TradeColumns(agg_trade_id=None)

    assert_same(rb.bars(FRAME), ENTRY_POINTS[name](frame, columns=columns))


def test_a_named_column_that_is_not_needed_may_be_of_any_dtype() -> None:
    frame = FRAME.with_columns(mine=pl.lit("text"))

    assert_same(rb.bars(FRAME), rb.bars(frame, columns=named("first_trade_id")))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", [*FRAME_CALLS, *PROCESSOR_CALLS])
def test_a_named_column_that_is_there_does_no_harm(name: str, role: str) -> None:
    call = (FRAME_CALLS | PROCESSOR_CALLS)[name]
    mine = pl.lit(value=True) if role == "is_buyer_maker" else pl.int_range(pl.len())

    call(FRAME.with_columns(mine=mine), named(role))
