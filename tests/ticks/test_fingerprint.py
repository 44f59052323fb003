"""A fingerprint is equal for equal rows in equal order, and for no others."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.assertions import says

from rangebar_polars._disk.fingerprint import TableHash, checksums, fingerprint
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.schema import TRADE_SCHEMA

WORDS = st.none() | st.integers(-2, 2) | st.integers(-(2**63), 2**63 - 1)
"""Values of eight bytes, as bits: few of them, so that many rows are alike, or any at all."""
SIDES = st.none() | st.booleans()
Line = tuple[Any, ...]
LINES = st.lists(st.tuples(WORDS, WORDS, WORDS, SIDES, WORDS, WORDS, WORDS), max_size=30)


def trades_of(lines: list[Line]) -> pl.DataFrame:
    """Return trades whose values have these bits."""
    columns = {name: [line[n] for line in lines] for n, name in enumerate(TRADE_SCHEMA)}
    bits = {name: pl.Boolean() if name == "is_buyer_maker" else pl.Int64() for name in columns}
    return pl.DataFrame(columns, schema=bits).with_columns(
        pl.col("timestamp").cast(TRADE_SCHEMA["timestamp"]),
        pl.col("price", "quantity").reinterpret(dtype=pl.Float64),
    )


def hash_of(*parts: pl.DataFrame) -> str:
    """Return the hash of tables that come one after another."""
    hashed = TableHash(TRADE_SCHEMA.to_frame())
    for part in parts:
        hashed.push(part)
    return hashed.hexdigest()


@settings(deadline=None)
@given(lines=LINES, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_no_way_of_cutting_rows_changes_it(lines: list[Line], cuts: list[int]) -> None:
    rows = trades_of(lines)
    ends = sorted(cuts)
    starts = zip([0, *ends], [*ends, 30], strict=True)
    parts = [rows[start:end] for start, end in starts]

    want = fingerprint(rows)

    assert hash_of(*parts) == want
    assert fingerprint(pl.concat(parts, rechunk=False)) == want
    assert fingerprint(pl.concat([rows[:0], *parts], rechunk=True)) == want


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1_000, 1_024, 8_191, 8_193])
def test_batches_of_any_size_give_it(size: int) -> None:
    number = pl.int_range(20_000)
    rows = pl.select(
        timestamp=(number * 1_000).cast(TRADE_SCHEMA["timestamp"]),
        price=pl.when(number % 7 != 0).then(number / 8),
        quantity=number / 3,
        is_buyer_maker=pl.when(number % 5 != 0).then(number % 2 == 0),
        agg_trade_id=pl.when(number % 64 != 63).then(number),
        first_trade_id=pl.lit(None, pl.Int64),
        last_trade_id=number - 1,
    )

    assert hash_of(*rows.iter_slices(size)) == fingerprint(rows)


@settings(deadline=None)
@given(lines=LINES, under=WORDS, side=SIDES)
def test_what_lies_under_a_null_does_not_count(
    lines: list[Line], under: int | None, side: object
) -> None:
    rows = trades_of(lines)
    fill = trades_of([(under, under, under, side, under, under, under)] * len(lines))
    filled = rows.with_columns(rows[name].fill_null(fill[name]) for name in rows.columns)

    masked = pl.DataFrame([masked_as(rows[name], filled[name]) for name in rows.columns])

    assert masked.equals(rows)
    assert fingerprint(masked) == fingerprint(rows)


def masked_as(column: pl.Series, values: pl.Series) -> pl.Series:
    """Return a column with these values under its nulls."""
    valid, data = column.is_not_null().rechunk().to_arrow(), values.rechunk().to_arrow()
    buffers = [valid.buffers()[1], data.buffers()[1]]
    return pl.Series(column.name, pa.Array.from_buffers(data.type, len(data), buffers))


@settings(deadline=None)
@given(data=st.data(), lines=LINES.filter(bool))
def test_one_value_that_changes_changes_it(data: st.DataObject, lines: list[Line]) -> None:
    row = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(0, 6))
    values = SIDES if column == TRADE_SCHEMA.names().index("is_buyer_maker") else WORDS
    value = data.draw(values.filter(lambda value: value != lines[row][column]))
    other = [list(line) for line in lines]
    other[row][column] = value

    got, want = trades_of([tuple(line) for line in other]), trades_of(lines)

    assert fingerprint(got) != fingerprint(want)
    sums, others = checksums(want), checksums(got)
    assert [name for name in sums if sums[name] != others[name]] == [want.columns[column]]


@settings(deadline=None)
@given(data=st.data(), lines=LINES.filter(bool))
def test_a_row_that_is_left_out_or_doubled_changes_it(
    data: st.DataObject, lines: list[Line]
) -> None:
    rows, row = trades_of(lines), data.draw(st.integers(0, len(lines) - 1))
    kept, end = rows[:row], rows[row + 1 :]
    nothing = rows[:1].with_columns(
        pl.lit(None, dtype).alias(n) for n, dtype in rows.schema.items()
    )

    others = [[kept, end], [kept, rows[row], rows[row], end], [rows, nothing], [nothing, rows]]

    assert fingerprint(rows) not in {hash_of(*parts) for parts in others}


@settings(deadline=None)
@given(data=st.data(), lines=LINES.filter(bool))
def test_another_order_of_rows_changes_it_where_it_shows(
    data: st.DataObject, lines: list[Line]
) -> None:
    other = data.draw(st.permutations(lines))

    same = fingerprint(trades_of(other)) == fingerprint(trades_of(lines))

    assert same == (other == lines)


@settings(deadline=None)
@given(lines=LINES, a=st.integers(0, 6), b=st.integers(0, 6))
def test_two_columns_that_change_places_change_it_where_it_shows(
    lines: list[Line], a: int, b: int
) -> None:
    side = TRADE_SCHEMA.names().index("is_buyer_maker")
    if side in {a, b}:
        a = b = 0
    order = list(range(7))
    order[a], order[b] = b, a
    other = [tuple(line[n] for n in order) for line in lines]

    same = fingerprint(trades_of(other)) == fingerprint(trades_of(lines))

    assert same == (other == lines)


CHANGES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "another name": lambda rows: rows.rename({"first_trade_id": "first"}),
    "another order": lambda rows: rows.select(sorted(rows.columns)),
    "a column less": lambda rows: rows.drop("is_buyer_maker"),
    "a column more": lambda rows: rows.with_columns(more=pl.lit(1.0)),
    "floats as ids": lambda rows: rows.with_columns(pl.col("price").reinterpret(dtype=pl.Int64)),
    "times as ids": lambda rows: rows.with_columns(pl.col("timestamp").to_physical()),
    "another unit": lambda rows: rows.with_columns(
        pl.col("timestamp").to_physical().cast(pl.Datetime("ms", "UTC"))
    ),
    "no zone": lambda rows: rows.with_columns(pl.col("timestamp").dt.replace_time_zone(None)),
    "another zone": lambda rows: rows.with_columns(
        pl.col("timestamp").dt.convert_time_zone("Asia/Tokyo")
    ),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("height", [0, 1])
def test_names_dtypes_and_the_order_of_columns_count(height: int, name: str) -> None:
    rows = trades_of([(1, 1, 1, True, 1, 1, 1)])[:height]

    assert fingerprint(CHANGES[name](rows)) != fingerprint(rows)


def test_a_zero_of_the_other_sign_counts() -> None:
    rows = trades_of([(1, 1, 0, True, 1, 1, 1)])

    assert fingerprint(rows.with_columns(quantity=-pl.col("quantity"))) != fingerprint(rows)


def test_a_trade_that_moves_over_midnight_changes_the_digests_of_both_days() -> None:
    rows = trades_of([(n, 100 + n, n, True, n, n, n) for n in range(10)])
    day, after = dt.date(2024, 1, 26), dt.date(2024, 1, 27)

    def digest(day: dt.date, rows: pl.DataFrame) -> str:
        return DayReport(day=day, fingerprint=fingerprint(rows)).digest

    known = {digest(day, rows[:n]) for n in range(4, 7)}
    known |= {digest(after, rows[n:]) for n in range(4, 7)}
    known |= {digest(after, rows[:5])}

    assert len(known) == 7


def test_it_is_the_same_on_every_machine_and_in_every_release() -> None:
    rows = trades_of([(1, 2, None, None, 5, -6, 7), (2, 2**62, 4, False, None, 6, 7)] * 700)

    assert fingerprint(rows) == "191229dac564038edf029c2c5328b1a7"
    assert fingerprint(rows[:0]) == "5dbe079cd5f64624311237ce86a4989e"


def test_a_table_of_other_columns_is_refused() -> None:
    hashed = TableHash(TRADE_SCHEMA.to_frame())
    before = hashed.hexdigest()

    with says(pl.exceptions.ComputeError, "the columns of the table are not those that are hashed"):
        hashed.push(pl.DataFrame({"price": [1.0]}))
    with says(
        pl.exceptions.ComputeError,
        'column "price" is stored as Int32: expected Boolean, Int64, Float64, Decimal or Datetime',
    ):
        fingerprint(pl.DataFrame({"price": [1]}, schema={"price": pl.Int32}))

    assert hashed.hexdigest() == before


def test_hashing_leaves_the_chunks_of_a_frame_as_they_are() -> None:
    """A copy of a day's trades would double the memory of a fetch."""
    chunked = pl.concat([pl.Series("price", [1.0]), pl.Series("price", [2.0])])
    rows = pl.DataFrame([chunked, pl.Series("quantity", [3.0, 4.0])])
    found = fingerprint(rows)
    assert [rows["price"].n_chunks(), rows["quantity"].n_chunks()] == [2, 1]
    assert found == fingerprint(rows.rechunk())
