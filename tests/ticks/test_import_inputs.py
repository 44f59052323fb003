"""What can be imported: whatever `bars` takes, and files as people have them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from support.assertions import says
from support.entry_points import assert_same
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars.errors import QualityError

FRAME = (
    walk(300)
    .drop("first_trade_id", "last_trade_id")
    .with_columns(pl.col("timestamp").dt.replace_time_zone("UTC"))
)
DAY = "1970-01-01"


class Narwhals:
    """A frame of narwhals, as far as an import asks it."""

    implementation = "of some library"

    def __init__(self, native: object) -> None:
        self._native = native

    def to_native(self) -> object:
        """Return the frame of the library."""
        return self._native


class Pandas:
    """A frame of pandas, as far as an import asks it."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:  # noqa: ANN401
        """Return the stream."""
        return FRAME.to_arrow().__arrow_c_stream__(requested_schema)


def of_duckdb() -> object:
    """Return a relation."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("trades", FRAME)
    return connection.sql("FROM trades")


FORMS: dict[str, Callable[[], Any]] = {
    "a frame": lambda: FRAME,
    "a plan": FRAME.lazy,
    "a pyarrow table": FRAME.to_arrow,
    "a reader": lambda: FRAME.to_arrow().to_reader(max_chunksize=7),
    "a frame of pandas": Pandas,
    "a relation of DuckDB": of_duckdb,
    "a frame of narwhals": lambda: Narwhals(FRAME),
    "a table in narwhals": lambda: Narwhals(FRAME.to_arrow()),
    "a table with a column that Polars has no dtype for": lambda: FRAME.to_arrow().append_column(
        "span", pa.array([pa.MonthDayNano([1, 2, 3])] * 300)
    ),
}


def imported(trades: Any, folder: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    return rb.import_trades(trades, symbol="S", source="mine", cache_dir=folder, **options)


@pytest.mark.parametrize("name", FORMS)
def test_trades_of_any_form_are_imported(name: str, tmp_path: Path) -> None:
    report = imported(FORMS[name](), tmp_path)

    assert report["rows_after"].to_list() == [300]
    bars = rb.get_range_bars(
        "S", DAY, DAY, 20, source="mine", cache_dir=tmp_path, include_microstructure=True
    )
    expected = rb.bars(
        FRAME.cast({"timestamp": pl.Datetime("us", "UTC")}), 20, include_microstructure=True
    )
    assert_same(expected, bars)


@pytest.mark.parametrize("trades", [3, None, [1], {"price": [1.0]}], ids=repr)
def test_what_is_no_table_is_a_type_error(trades: Any, tmp_path: Path) -> None:  # noqa: ANN401
    with says(
        TypeError,
        f"trades is a {type(trades).__name__} (give a frame, an object with __arrow_c_stream__, a "
        "path, or a list of paths)",
    ):
        imported(trades, tmp_path)


@pytest.mark.parametrize("name", ["*", "^price$", "^.*$"])
def test_a_name_that_looks_like_a_pattern_is_a_name(name: str, tmp_path: Path) -> None:
    columns = rb.TradeColumns(price=name)

    report = imported(FRAME.rename({"price": name}), tmp_path, columns=columns)

    assert report["rows_after"].to_list() == [300]


def written(folder: Path, text: str, name: str = "trades.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_whole_prices_and_then_a_fraction_are_prices(tmp_path: Path) -> None:
    lines = [f"2024-08-08T00:00:{n % 60:02}.{n:06},{100 + n % 3},1,{n}" for n in range(60)]
    lines += [f"2024-08-08T00:01:{n % 60:02}.000000,100.5,0.25,{60 + n}" for n in range(60)]
    lines += [f"2024-08-08T00:02:{n % 60:02}.000000,100,0.25,{120 + n}" for n in range(60)]
    text = "timestamp,price,quantity,agg_trade_id\n" + "\n".join(lines) + "\n"
    whole = text.replace("100.5", "100").replace("100,0.25,179", "100.5,0.25,179")

    for number, content in enumerate((text, whole)):
        path = written(tmp_path, content)
        report = imported(path, tmp_path / f"{number}")
        assert report["rows_after"].to_list() == [180]


CSV = "timestamp,price,quantity\n"
FIRST = "2024-08-08T00:00:00.000000,100,1\n"
FILES: dict[str, tuple[str, str]] = {
    "a header alone": (CSV, "{path} has a header and no trades (is it the whole file?)"),
    "a blank last line": (
        f"{CSV}{FIRST},,\n",
        "column 'timestamp' of {path} is missing at line 3 (drop such rows)",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none_of_trades_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    text, message = FILES[name]
    path = written(tmp_path, text)

    with says(QualityError, message.format(path=path)):
        imported(path, tmp_path / "cache")


UNREADABLE: dict[str, tuple[str, str]] = {
    "an empty file": ("trades.csv", "it is empty (is it the whole file?)"),
    "an empty Parquet": ("trades.parquet", "it is empty (is it the whole file?)"),
    "a line with another field": (
        "trades.csv",
        "line 3 has 4 fields, expected 3 as in the header (repair the line)",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    file, message = UNREADABLE[name]
    text = f"{CSV}{FIRST}2024-08-08T00:00:01,100,1,1\n" if "line" in name else ""
    path = written(tmp_path, text, file)

    with says(QualityError, f"{path} cannot be read: {message}"):
        imported(path, tmp_path / "cache")

    assert not [*(tmp_path / "cache").rglob("*.parquet")]


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "timestamp", "trades.parquet")

    with pytest.raises(
        QualityError, match=r"trades\.parquet cannot be read: .*right file, and whole\?\)$"
    ):
        imported(path, tmp_path / "cache")


VALUES: dict[str, tuple[str, str, str]] = {
    "text for a price": ("price", "cheap", "is 'cheap' at line 3, expected a finite number"),
    "no number": ("price", "nan", "is 'nan' at line 3, expected a finite number"),
    "a comma for thousands": (
        "price",
        '"1,000.5"',
        "is '1,000.5' at line 3, expected a finite number",
    ),
    "less than nothing": (
        "quantity",
        "-1",
        "is '-1' at line 3, expected a finite number, and none below zero",
    ),
    "a fraction for an id": (
        "agg_trade_id",
        "1.5",
        "is '1.5' at line 3, expected a whole number from -2**63 to 2**63 - 1",
    ),
    "an id that is too large": (
        "first_trade_id",
        "9223372036854775808",
        "is '9223372036854775808' at line 3, expected a whole number from -2**63 to 2**63 - 1",
    ),
    "text for a time": (
        "timestamp",
        "noon",
        "is 'noon' at line 3, expected a time such as 2024-08-08T09:30:00.123456",
    ),
    "a time of no calendar": (
        "timestamp",
        "2024-02-30T00:00:00",
        "is '2024-02-30T00:00:00' at line 3, expected a time such as 2024-08-08T09:30:00.123456",
    ),
    "the month or the day first": (
        "timestamp",
        "08/07/2024 00:00:00",
        "is '08/07/2024 00:00:00' at line 3, expected a time such as 2024-08-08T09:30:00.123456",
    ),
}
GOOD = {
    "timestamp": "2024-08-08T00:00:00",
    "price": "100",
    "quantity": "1",
    "agg_trade_id": "1",
    "first_trade_id": "1",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_a_file_that_is_none_is_refused_with_its_row(name: str, tmp_path: Path) -> None:
    column, value, message = VALUES[name]
    lines = [GOOD, GOOD | {column: value}]
    text = "".join(f"{','.join(line)}\n" for line in [GOOD, *(line.values() for line in lines)])
    path = written(tmp_path, text)

    with says(QualityError, f"column {column!r} of {path} {message} (repair or drop such rows)"):
        imported(path, tmp_path / "cache")


FRAMES: dict[str, tuple[pl.Expr, str]] = {
    "a missing price": (
        pl.lit(None, pl.Float64).alias("price"),
        "column 'price' of the trades is missing at row 0 (drop such rows)",
    ),
    "an infinite quantity": (
        pl.lit(float("inf")).alias("quantity"),
        (
            "column 'quantity' of the trades is inf at row 0, expected a finite number, and none "
            "below zero (repair or drop such rows)"
        ),
    ),
    "an id that is too large": (
        pl.lit(2**63, pl.UInt64).alias("agg_trade_id"),
        (
            "column 'agg_trade_id' of the trades is 9223372036854775808 at row 0, expected a whole "
            "number from -2**63 to 2**63 - 1 (repair or drop such rows)"
        ),
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_value_of_a_frame_that_is_none_is_refused_with_its_row(name: str, tmp_path: Path) -> None:
    column, message = FRAMES[name]

    with says(QualityError, message):
        imported(FRAME.with_columns(column), tmp_path / "cache")


def test_the_row_of_a_value_is_counted_over_all_batches(tmp_path: Path) -> None:
    frame = pl.concat([FRAME] * 1_000).with_row_index()
    wrong = pl.when(pl.col("index") == 299_999).then(None).otherwise("price").alias("price")

    with says(
        QualityError, "column 'price' of the trades is missing at row 299999 (drop such rows)"
    ):
        imported(frame.with_columns(wrong), tmp_path / "cache")


ALL = "columns 'timestamp' for timestamp, 'price' for price, 'quantity' for quantity"
HEADERS: dict[str, tuple[bytes, str, str, str]] = {
    "none": (
        FIRST.encode(),
        ALL,
        "2024-08-08T00:00:00.000000, 100, 1",
        "a file without a header: give the frame, pl.scan_csv(..., has_header=False, ...)",
    ),
    "another separator": (
        f"{CSV}{FIRST}".replace(",", ";").encode(),
        ALL,
        "timestamp;price;quantity",
        "a file with another separator: give the frame, pl.scan_csv(..., separator=...)",
    ),
    "another column": (
        f"{CSV}{FIRST}".replace("timestamp", "time").encode(),
        "column 'timestamp' for timestamp",
        "time, price, quantity",
        "name it with columns=TradeColumns(timestamp=...)",
    ),
    "other columns": (
        f"{CSV}{FIRST}".replace("price", "px").replace("quantity", "size").encode(),
        "columns 'price' for price, 'quantity' for quantity",
        "timestamp, px, size",
        "name them with columns=TradeColumns(price=..., quantity=...)",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_none_of_trades_says_what_it_looks_like(name: str, tmp_path: Path) -> None:
    content, absent, shown, remedy = HEADERS[name]
    path = tmp_path / "trades.csv"
    path.write_bytes(content * 2)

    with says(
        ValueError,
        f"{path} has no {absent} (it has {shown}; {remedy})",
    ):
        imported(path, tmp_path / "cache")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", f"{CSV}{FIRST}".encode("utf-16")])
def test_what_is_no_text_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_bytes(content)

    with pytest.raises(ValueError, match="no text in UTF-8: convert it, if it is the right file"):
        imported(path, tmp_path / "cache")


def test_a_file_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "timestamp,price,price,quantity\n2024-08-08T00:00:00,100,101,1\n")

    with says(QualityError, f"{path} has two columns 'price' (rename one of them)"):
        imported(path, tmp_path / "cache")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "trades.parquet"
    folder.mkdir()

    reason = "it is a folder, expected a regular file (give one file, or the frame)"
    with says(ValueError, f"{folder} cannot be read: {reason}"):
        imported(folder, tmp_path / "cache")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_that_is_not_there_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"none.{suffix}"

    with says(QualityError, f"{path} cannot be read: it is not there (is it the right path?)"):
        imported(path, tmp_path)
