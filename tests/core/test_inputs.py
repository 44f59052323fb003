"""Tables of other libraries: anything that gives an Arrow C stream."""

from collections.abc import Callable, Iterator

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from support.entry_points import assert_same
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars.schema import ArrowStream

WALK = walk(500)
BARS = rb.bars(WALK, 50, include_microstructure=True)
TABLE = WALK.to_arrow()


def bars(table: ArrowStream) -> pl.DataFrame:
    return rb.bars(table, 50, include_microstructure=True)


def test_bars_of_a_pyarrow_table() -> None:
    assert_same(BARS, bars(TABLE))


def test_bars_of_a_pyarrow_table_of_large_types_and_views() -> None:
    old = WALK.with_columns(symbol=pl.lit("A")).to_arrow(compat_level=pl.CompatLevel.oldest())

    assert_same(BARS, bars(old))


def test_bars_of_a_pyarrow_record_batch() -> None:
    assert_same(BARS, bars(TABLE.combine_chunks().to_batches()[0]))


@pytest.mark.parametrize("rows", [1, 7, 499, 500])
def test_bars_of_a_pyarrow_reader_of_batches_of_any_size(rows: int) -> None:
    assert_same(BARS, bars(TABLE.to_reader(max_chunksize=rows)))


def test_bars_of_a_duckdb_relation() -> None:
    table = TABLE
    with duckdb.connect() as connection:
        relation = connection.from_arrow(table)

        assert_same(BARS, bars(relation))


def test_bars_of_a_duckdb_query_in_its_own_types() -> None:
    table = TABLE
    query = """
        SELECT timestamp::TIMESTAMP_S AS timestamp, price::DECIMAL(18, 2) AS price,
            quantity::DOUBLE AS quantity, is_buyer_maker, agg_trade_id::USMALLINT AS agg_trade_id,
            first_trade_id::UBIGINT AS first_trade_id, last_trade_id::INTEGER AS last_trade_id
        FROM trades
        """
    with duckdb.connect() as connection:
        relation = connection.from_arrow(table).query("trades", query)

        assert relation is not None
        actual = bars(relation)

    assert_same(BARS.drop("agg_record_count"), actual.drop("agg_record_count"))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_any_unit_and_zone_of_pyarrow(unit: str, zone: str | None) -> None:
    times = pa.array([0, 1, 2], pa.timestamp("s", zone)).cast(pa.timestamp(unit, zone))
    table = trades([100, 101, 102]).to_arrow().set_column(0, "timestamp", times)

    expected = pl.Series(pl.from_arrow(times)).gather([0, 1]).to_list()
    assert expected == list(rb.bars(table).select("open_time", "close_time").row(0))


STRANGE: dict[str, Callable[[], pa.Array]] = {
    "a uuid": lambda: pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([b"0123456789abcdef"] * 500, pa.binary(16))
    ),
    "an interval": lambda: pa.array([(1, 1, 1)] * 500, pa.month_day_nano_interval()),
    "a dictionary": lambda: pa.array(["A", "B"] * 250).dictionary_encode(),
    "a map": lambda: pa.array([[("a", 1)]] * 500, pa.map_(pa.string(), pa.int64())),
    "nulls": lambda: pa.nulls(500),
    "a time with a fixed offset": lambda: pa.array([0] * 500, pa.timestamp("us", "+05:45")),
    "a union": lambda: pa.UnionArray.from_sparse(
        pa.array([0] * 500, pa.int8()), [pa.array(range(500))]
    ),
}
UNKNOWN: dict[str, Callable[[], pa.Array]] = {
    "a decimal of 256 bits": lambda: pa.array([1] * 500, pa.decimal256(60, 2)),
    "a run-end-encoded column": lambda: pa.RunEndEncodedArray.from_arrays([500], ["A"]),
    "a list view": lambda: pa.array([[1]] * 500, pa.list_view(pa.int64())),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_column_that_bars_do_not_read_may_be(name: str) -> None:
    table = TABLE.append_column("strange", STRANGE[name]())

    assert_same(BARS, bars(table))


@pytest.mark.parametrize("name", STRANGE)
def test_an_error_and_no_panic_comes_of_prices_that_are(name: str) -> None:
    table = TABLE.set_column(1, "price", STRANGE[name]())

    with pytest.raises(pl.exceptions.ComputeError):
        bars(table)


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_error_and_no_panic_comes_of_a_table_that_polars_cannot_take_for(name: str) -> None:
    table = TABLE.append_column("strange", UNKNOWN[name]())

    with pytest.raises(pl.exceptions.ComputeError):
        bars(table)


@pytest.mark.skipif(not hasattr(pl, "BaseExtension"), reason="this Polars has no extension types")
def test_an_extension_type_of_polars_in_another_column_is_ignored() -> None:
    class Symbol(pl.BaseExtension):
        def __init__(self) -> None:
            super().__init__("rangebar_polars.test", pl.Int64())

    frame = WALK.with_columns(symbol=pl.col("agg_trade_id").ext.to(Symbol()))

    assert_same(BARS, bars(frame))
    assert_same(BARS, rb.bars(frame.lazy(), 50, include_microstructure=True).collect())


def test_bars_of_an_empty_table_have_the_schema() -> None:
    empty = bars(TABLE.schema.empty_table())

    assert (empty.height, empty.schema) == (0, BARS.schema)


def test_an_error_of_the_stream_is_reported() -> None:
    def breaks() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise OSError("the disk is gone")

    with pytest.raises(pl.exceptions.ComputeError, match="the disk is gone"):
        bars(pa.RecordBatchReader.from_batches(TABLE.schema, breaks()))


def test_an_error_of_the_object_itself_arrives_as_itself() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise LookupError("no stream today")

    with pytest.raises(LookupError, match=r"^no stream today$"):
        rb.bars(Broken())


def test_what_is_no_capsule_is_a_type_error() -> None:
    class Wrong:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return requested_schema

    with pytest.raises(TypeError, match="PyCapsule"):
        rb.bars(Wrong())
