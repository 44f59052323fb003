"""The file of a day holds its trades in a layout that is small and read fast, or as they are."""

import datetime as dt
import io
import os
import re
from pathlib import Path
from typing import Any, get_args

import duckdb
import polars as pl
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rangebar_polars as rb
from rangebar_polars._disk.fingerprint import fingerprint
from rangebar_polars._internal import TradeWriter
from rangebar_polars._series import Series
from rangebar_polars._ticks.day_file import ROW_GROUP_ROWS, VARIABLE, Compression, write_day
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.schema import TRADE_SCHEMA

DAY = dt.date(2024, 8, 5)
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    "timestamp": INTEGERS,
    "price": st.floats(),
    "quantity": st.floats(),
    "is_buyer_maker": st.booleans() | st.none(),
    "agg_trade_id": INTEGERS | st.none(),
    "first_trade_id": INTEGERS | st.none(),
    "last_trade_id": INTEGERS | st.none(),
}
EMPTY = TRADE_SCHEMA.to_frame()


def trades_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as trades; their times are microseconds."""
    integers = pl.Schema({**TRADE_SCHEMA, "timestamp": pl.Int64()})
    return pl.DataFrame(rows, schema=integers, orient="row").cast({"timestamp": TIME})


TIME = TRADE_SCHEMA["timestamp"]


def many(rows: int) -> pl.DataFrame:
    """Return trades a second apart, with ids that rise and prices that repeat."""
    number = pl.int_range(rows, eager=True)
    return pl.DataFrame(
        {
            "timestamp": (number * 1_000).cast(TIME),
            "price": 100.0 + number % 7,
            "quantity": 1.0 + number % 5,
            "is_buyer_maker": number % 2 == 0,
            "agg_trade_id": number,
            "first_trade_id": number * 2,
            "last_trade_id": number * 2 + 1,
        },
        schema=TRADE_SCHEMA,
    )


def written(rows: pl.DataFrame, compression: Compression, **metadata: str) -> bytes:
    """Return the bytes of a file."""
    file = io.BytesIO()
    write_day(file, rows, compression, metadata)
    return file.getvalue()


@pytest.mark.parametrize("compression", COMPRESSIONS)
@given(rows=st.lists(st.fixed_dictionaries(VALUES), max_size=40))
@settings(max_examples=60)
def test_trades_are_read_as_they_were_written(
    compression: Compression, rows: list[dict[str, Any]]
) -> None:
    trades = trades_of(rows)

    file = written(trades, compression)

    got = pl.read_parquet(file)
    assert got.schema == TRADE_SCHEMA
    assert fingerprint(got) == fingerprint(trades)
    assert pl.DataFrame(pq.read_table(io.BytesIO(file))).equals(trades)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_duckdb_reads_the_same_trades(compression: Compression, tmp_path: Path) -> None:
    trades, path = many(3_000), tmp_path / "day.parquet"
    path.write_bytes(written(trades, compression))

    with duckdb.connect() as connection:
        got = connection.sql("SELECT * FROM read_parquet($path)", params={"path": str(path)}).pl()

    assert got.cast({"timestamp": TIME}).equals(trades)


@pytest.mark.parametrize(
    ("compression", "codec", "encodings"),
    [
        ("lz4", "LZ4", {"DELTA_BINARY_PACKED": 4, "RLE_DICTIONARY": 2, "RLE": 7}),
        ("uncompressed", "UNCOMPRESSED", {"PLAIN": 7, "RLE": 7}),
    ],
)
def test_row_groups_are_full_and_laid_out_as_asked(
    compression: Compression, codec: str, encodings: dict[str, int]
) -> None:
    file = written(many(ROW_GROUP_ROWS + 5), compression, name="text")

    metadata = pq.ParquetFile(io.BytesIO(file)).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [ROW_GROUP_ROWS, 5]
    columns = [groups[0].column(number) for number in range(groups[0].num_columns)]
    assert {column.compression for column in columns} == {codec}
    used = [encoding for column in columns for encoding in column.encodings]
    assert encodings.items() <= {name: used.count(name) for name in used}.items()
    assert columns[4].statistics.max == ROW_GROUP_ROWS - 1
    assert pl.read_parquet_metadata(file)["name"] == "text"


def test_values_that_do_not_repeat_are_hardly_larger_than_in_memory() -> None:
    rows = many(ROW_GROUP_ROWS).with_columns(
        price=pl.Series(memoryview(os.urandom(ROW_GROUP_ROWS * 8)).cast("Q")).cast(pl.Float64)
    )

    file = pq.ParquetFile(io.BytesIO(written(rows, "lz4"))).metadata.row_group(0).column(1)

    assert file.total_compressed_size < ROW_GROUP_ROWS * 8 * 1.2
    assert fingerprint(pl.read_parquet(written(rows, "lz4"))) == fingerprint(rows)


def test_days_of_both_kinds_lie_in_one_cache(tmp_path: Path) -> None:
    names: dict[str, Any] = {"symbol": "A", "source": "mine", "cache_dir": tmp_path}
    cache = DiskTickCache(tmp_path, Series("mine", "spot", "A"))
    trades = many(1_000)
    rb.import_trades(trades, cache_compression="uncompressed", **names)
    plain, digest = sum(cache.sizes().values()), cache.report(dt.date(1970, 1, 1))
    ids = pl.col("agg_trade_id", "first_trade_id", "last_trade_id")
    later = trades.with_columns(pl.col("timestamp").dt.offset_by("1d"), ids + 2_000)
    rb.import_trades(later, cache_compression="lz4", **names)

    assert sum(cache.sizes().values()) - plain < plain / 2
    got = rb.scan_ticks("A", "1970-01-01", "1970-01-02", source="mine", cache_dir=tmp_path)
    assert got.select("price").collect()["price"].to_list() == trades["price"].to_list() * 2

    rb.import_trades(trades, cache_compression="lz4", replace=True, **names)
    assert cache.report(dt.date(1970, 1, 1)) == digest
    assert cache.damage(dt.date(1970, 1, 1)) is None


def test_the_environment_says_how_days_are_written_unless_the_call_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "uncompressed")
    sizes = {}
    for name, given_ in {"plain": None, "packed": "lz4"}.items():
        catalog = rb.Catalog("mine", cache_dir=tmp_path / name, cache_compression=given_)  # type: ignore[arg-type]
        catalog.import_trades(many(1_000), "A")
        sizes[name] = sum(
            DiskTickCache(tmp_path / name, Series("mine", "spot", "A")).sizes().values()
        )

    assert sizes["packed"] < sizes["plain"] / 2


def test_another_compression_is_refused_when_the_call_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ValueError, match=re.escape("cache_compression is 'zstd': expected lz4 or")):
        rb.Catalog(cache_compression="zstd")  # type: ignore[arg-type]
    monkeypatch.setenv(VARIABLE, "gzip")
    with pytest.raises(ValueError, match=re.escape(f"{VARIABLE} is 'gzip': expected lz4 or")):
        rb.scan_ticks("BTCUSDT", "2024-08-05", "2024-08-05")


def test_a_writer_refuses_what_is_no_trade() -> None:
    with pytest.raises(ValueError, match=re.escape('compression is "zip": expected lz4 or')):
        TradeWriter(EMPTY, "zip", [])  # type: ignore[arg-type]
    for dtype in (pl.String(), pl.Int32(), pl.Datetime("ms", "UTC"), pl.Datetime("us")):
        with pytest.raises(pl.exceptions.ComputeError, match=r'column "x" is stored as .*expected'):
            TradeWriter(pl.DataFrame(schema={"x": dtype}), "lz4", [])
    writer = TradeWriter(EMPTY, "lz4", [])
    with pytest.raises(pl.exceptions.ComputeError, match="are not those of the file"):
        writer.push(EMPTY.drop("price"))
    writer.finish()
    with pytest.raises(pl.exceptions.ComputeError, match="cannot be written as Parquet"):
        writer.push(many(1))
