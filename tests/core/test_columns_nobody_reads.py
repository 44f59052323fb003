"""Columns that bars do not read do no harm, and those that they read are never mistaken.

Names that C cannot hold, Arrow types that Polars does not have, names that stand twice, names that
look like patterns, rows that are null as a whole.
"""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from support.trades import trades

import rangebar_polars as rb

FRAME = trades([100, 101, 100, 101], sold=[True, False, True, False])
BARS = rb.bars(FRAME)
LAST = pl.col("price").last().alias("last")

Call = Callable[[Any, rb.TradeColumns | None], Any]
OF_FRAMES: dict[str, Call] = {
    "eager": lambda frame, columns: rb.bars(frame, columns=columns),
    "namespace": lambda frame, columns: frame.rangebar.bars(columns=columns),
    "lazy": lambda frame, columns: rb.bars(frame.lazy(), columns=columns).collect(),
    "streaming": lambda frame, columns: rb.bars(frame.lazy(), columns=columns).collect(
        engine="streaming"
    ),
    "processor": lambda frame, columns: rb.RangeBarProcessor(250, columns=columns).process_trades(
        frame
    ),
    "processor of a plan": lambda frame, columns: rb.RangeBarProcessor(
        250, columns=columns
    ).process_trades(frame.lazy()),
    "chunked": lambda frame, columns: pl.concat(
        rb.process_trades_chunked([frame], columns=columns)
    ),
    "with state": lambda frame, columns: rb.bars_with_state(frame, columns=columns)[0],
    "expression": lambda frame, columns: frame.select(rb.bars_expr(columns=columns)).unnest("bars"),
    "aggs": lambda frame, columns: rb.bars(frame, columns=columns, aggs=pl.len().alias("n")).drop(
        "n"
    ),
    "lazy aggs": lambda frame, columns: (
        rb.bars(frame.lazy(), columns=columns, aggs=pl.len().alias("n")).drop("n").collect()
    ),
}
OF_TABLES: dict[str, Call] = {
    name: OF_FRAMES[name] for name in ("eager", "processor", "chunked", "with state", "aggs")
}
UNREAD = {
    "a name with a zero": pl.lit("x").alias("note\0"),
    "nested names with a zero": pl.struct(pl.lit(1).alias("a\0")).alias("nested"),
    "a list of such": pl.concat_list(pl.struct(pl.lit(1).alias("a\0"))).alias("nested"),
    "an array of no elements": pl.lit(pl.Series([[]] * 4, dtype=pl.Array(pl.Int8, 0))).alias(
        "empty"
    ),
}


@pytest.mark.parametrize("call", OF_FRAMES)
@pytest.mark.parametrize("name", UNREAD)
def test_bars_of_a_frame_with_such_a_column_are_those_without(name: str, call: str) -> None:
    frame = FRAME.with_columns(UNREAD[name])

    assert OF_FRAMES[call](frame, None).equals(BARS)


def test_a_column_whose_name_has_a_zero_can_be_aggregated() -> None:
    frame = FRAME.with_columns(pl.int_range(pl.len()).alias("n\0"))
    last = pl.col("n\0").last().alias("row")

    for bars in (rb.bars(frame, aggs=last), rb.bars(frame.lazy(), aggs=last).collect()):
        assert bars["row"].to_list() == [1, 3]


def test_such_trades_are_imported(tmp_path: Path) -> None:
    frame = FRAME.with_columns(UNREAD["a name with a zero"])

    report = rb.import_trades(frame, symbol="S", source="mine", cache_dir=tmp_path)

    assert report["rows_after"].to_list() == [4]


@pytest.mark.parametrize("call", ["eager", "lazy", "processor"])
def test_a_name_with_a_zero_is_refused_where_it_is_read(call: str) -> None:
    frame = FRAME.with_columns(UNREAD["a name with a zero"])
    text = (
        "column 'note\\x00' has a zero in its name or in that of a field: expected names without "
        'one (rename it: .rename({"...": "..."}))'
    )

    def ask() -> object:
        columns = rb.TradeColumns(price="note\0")
        if call == "processor":
            return rb.RangeBarProcessor(250, columns=columns).process_trades(frame)
        trades = frame if call == "eager" else frame.lazy()
        return rb.bars(trades, columns=columns).lazy().collect()

    with pytest.raises((pl.exceptions.ComputeError, rb.RangeBarError)) as caught:
        ask()

    # Polars adds to the error of a plan where it was raised.
    assert text in str(caught.value)


def four(kind: pa.DataType, values: list[Any]) -> pa.Array:
    """Return an array of four values."""
    return pa.array(values, kind)


FOREIGN: dict[str, Callable[[], pa.Array]] = {
    "uuid": lambda: four(pa.uuid(), [uuid.UUID(int=row).bytes for row in range(4)]),
    "json": lambda: four(pa.json_(), ["{}"] * 4),
    "bool8": lambda: four(pa.bool8(), [1, 0, 1, 0]),
    "interval": lambda: pa.array([pa.MonthDayNano([1, 2, 3])] * 4),
    "union": lambda: pa.UnionArray.from_dense(
        pa.array([0] * 4, pa.int8()), pa.array(range(4), pa.int32()), [pa.array(range(4))]
    ),
    "zone": lambda: four(pa.timestamp("us", "+05:30"), [0] * 4),
}


@pytest.mark.parametrize("call", OF_TABLES)
@pytest.mark.parametrize("name", FOREIGN)
def test_bars_of_a_table_with_such_a_column_are_those_without(
    name: str, call: str, capfd: pytest.CaptureFixture[str]
) -> None:
    table = FRAME.to_arrow().append_column("foreign", FOREIGN[name]())

    assert OF_TABLES[call](table, None).equals(BARS)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", FOREIGN)
def test_such_a_column_that_is_read_is_an_error_that_names_it(name: str) -> None:
    table = FRAME.to_arrow().append_column("foreign", FOREIGN[name]())

    for options in ({"by": "foreign"}, {"aggs": pl.all().last().name.suffix("_last")}):
        with pytest.raises(
            pl.exceptions.ComputeError, match=r'column "foreign" (is stored|has tim)'
        ):
            rb.bars(table, **options)


def test_a_key_without_a_dtype_says_what_to_do() -> None:
    table = FRAME.to_arrow().append_column("foreign", FOREIGN["interval"]())

    with pytest.raises(pl.exceptions.ComputeError) as caught:
        rb.bars(table, aggs=pl.col("foreign").last())

    assert str(caught.value) == (
        'column "foreign" is stored as Interval(MonthDayNano), for which Polars has no dtype '
        "(cast it, or select the columns that are read)"
    )


def test_an_array_that_cannot_be_imported_at_all_says_what_to_do() -> None:
    ends = pa.RunEndEncodedArray.from_arrays([4], [1])

    with pytest.raises(pl.exceptions.ComputeError) as caught:
        rb.bars(FRAME.to_arrow().append_column("runs", ends))

    assert str(caught.value) == (
        'the table cannot be read: The datatype "+r" is still not supported in Rust implementation '
        "(select the columns of the trades before)"
    )


@pytest.mark.parametrize("aggs", [None, LAST])
def test_times_of_a_zone_that_polars_does_not_know_are_refused(aggs: pl.Expr | None) -> None:
    table = FRAME.to_arrow()
    times = table["timestamp"].cast(pa.timestamp("ms", "+05:30"))
    table = table.set_column(0, "timestamp", times)

    with pytest.raises(pl.exceptions.ComputeError) as caught:
        rb.bars(table, aggs=aggs)

    assert str(caught.value) == (
        'column "timestamp" has times of the zone "+05:30", which Polars does not know: expected '
        'UTC or a name such as "Asia/Kolkata" (cast it to a timestamp of the zone UTC before)'
    )
    mended = table.set_column(0, "timestamp", times.cast(pa.timestamp("ms", "UTC")))
    assert rb.bars(mended)["close"].to_list() == [101.0, 101.0]


def twice(name: str) -> pa.Table:
    """Return trades with two columns of a name."""
    table = FRAME.with_columns(key=pl.lit("A")).to_arrow()
    return table.append_column(name, table[name])


@pytest.mark.parametrize("call", OF_TABLES)
@pytest.mark.parametrize("name", ["timestamp", "price", "quantity"])
def test_two_columns_of_one_name_are_refused(name: str, call: str) -> None:
    with pytest.raises((pl.exceptions.ComputeError, rb.RangeBarError)) as caught:
        OF_TABLES[call](twice(name), None)

    assert str(caught.value) == (
        f'two columns are called "{name}" among [timestamp, price, quantity, is_buyer_maker, key, '
        f"{name}]: expected one of that name (select the columns of the trades, or rename one)"
    )


def test_two_columns_of_the_name_of_a_key_a_side_or_an_aggregation_are_refused() -> None:
    for name, options in {
        "key": {"by": "key"},
        "is_buyer_maker": {"include_microstructure": True},
        "price": {"aggs": pl.all().last().name.suffix("_last")},
    }.items():
        with pytest.raises(pl.exceptions.ComputeError, match=f'two columns are called "{name}"'):
            rb.bars(twice(name), **options)  # type: ignore[arg-type]


def test_two_columns_of_a_name_that_is_not_read_do_no_harm() -> None:
    assert rb.bars(twice("key")).equals(BARS)


def test_a_join_in_duckdb_that_has_the_price_twice_is_refused() -> None:
    with duckdb.connect() as connection:
        connection.register("t", FRAME)
        result = connection.sql("SELECT 2 * t.price AS price, t.* FROM t")

        with pytest.raises(pl.exceptions.ComputeError, match='two columns are called "price"'):
            rb.bars(result)


@pytest.mark.parametrize("call", OF_FRAMES)
@pytest.mark.parametrize("name", ["*", "^price$", "^.*$", "price*"])
def test_a_name_that_looks_like_a_pattern_is_a_name(name: str, call: str) -> None:
    columns = rb.TradeColumns(price=name)

    assert OF_FRAMES[call](FRAME.rename({"price": name}), columns).equals(BARS)


@pytest.mark.parametrize("name", ["*", "^price$", "^.*$"])
def test_a_key_that_looks_like_a_pattern_is_a_name(name: str) -> None:
    frame = FRAME.with_columns(pl.lit("A").alias(name))
    expected = BARS.clone().insert_column(0, pl.Series(name, ["A", "A"]))

    assert rb.bars(frame, by=name).equals(expected)
    assert rb.bars(frame.lazy(), by=name).collect().equals(expected)
    assert rb.bars(frame.lazy(), by=name).select("close", "open").collect().height == 2


@pytest.mark.parametrize("call", OF_TABLES)
def test_a_row_that_is_null_as_a_whole_is_a_null_timestamp(call: str) -> None:
    table = FRAME.to_arrow().combine_chunks()
    columns = [column.chunk(0) for column in table.columns]
    rows = pa.StructArray.from_arrays(
        columns, names=table.column_names, mask=pa.array([False, False, True, False])
    )

    with pytest.raises((pl.exceptions.ComputeError, rb.RangeBarError)) as caught:
        OF_TABLES[call](pa.chunked_array([rows]), None)

    assert str(caught.value) == (
        "timestamp is null at row 2 (every trade needs one: drop or fill such rows first)"
    )
