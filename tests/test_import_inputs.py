"""What can be imported: whatever `bars` takes, and files as people have them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from doors import assert_same
from expectations import says
from trades import walk

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
        f"trades is a {type(trades).__name__} (give a frame, an object with __arrow_c_stream__, or "
        "a path)",
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
        "column 'timestamp' of {path} is missing at row 1 (drop such rows)",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none_of_trades_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    text, message = FILES[name]
    path = written(tmp_path, text)

    with says(QualityError, message.format(path=path)):
        imported(path, tmp_path / "cache")


UNREADABLE: dict[str, tuple[str, str]] = {
    "an empty file": ("", "trades.csv"),
    "text for a price": (f"{CSV}{FIRST}2024-08-08T00:00:01.000000,cheap,1\n", "trades.csv"),
    "no Parquet": ("timestamp", "trades.parquet"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    text, file = UNREADABLE[name]
    path = written(tmp_path, text, file)

    with pytest.raises(QualityError, match=r"trades\.(csv|parquet) cannot be read: "):
        imported(path, tmp_path / "cache")

    assert not [*(tmp_path / "cache").rglob("*.parquet")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_that_is_not_there_is_named(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(QualityError, match=rf"none\.{suffix} cannot be read: "):
        imported(tmp_path / f"none.{suffix}", tmp_path)


@pytest.mark.parametrize(("dtype", "value"), [(pl.String, '"sell"'), (pl.Int8, "-1")])
def test_a_side_of_another_dtype_says_what_is_true(
    dtype: type[pl.DataType],
    value: str,
    tmp_path: Path,
) -> None:
    with says(
        TypeError,
        f"column 'is_buyer_maker' is {dtype()}, expected Boolean (true is where the aggressor "
        f"sold: pl.col('is_buyer_maker') == {value}, with what the column has for a seller)",
    ):
        imported(FRAME.with_columns(pl.lit(None, dtype).alias("is_buyer_maker")), tmp_path)
