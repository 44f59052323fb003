"""The fingerprint of a day's trades: equal for equal rows in equal order, whatever their chunks.

It is made of sums, so that it can be taken of every day: two for each column, modulo 2^64. The
first, of the column's bits, changes with any one value. The second has each value times a weight
of its row, and changes with any two that change places.
"""

import hashlib
import json

import polars as pl

# How many rows are summed at a time; the sums do not depend on it.
SLICE_ROWS = 1 << 18
# As bits of a float no number, and no id or time of a trade.
NULL = 2**63 - 1
# Odd, so that no two rows have one weight; SplitMix64's, as signed numbers.
STEP = 0x9E37_79B9_7F4A_7C15 - 2**64
FACTOR = 0xBF58_476D_1CE4_E5B9 - 2**64


def fingerprint(rows: pl.DataFrame) -> str:
    """Return 64 hex digits that depend on the values of a frame and on their order.

    It is no proof against forgery: it tells frames apart that were not made to be alike.

    Examples
    --------
    >>> rows = pl.DataFrame({"price": [1.0, 2.0]})
    >>> fingerprint(rows) == fingerprint(rows.reverse())
    False

    """
    return hashlib.sha256(json.dumps([rows.height, checksums(rows)]).encode()).hexdigest()


def checksums(rows: pl.DataFrame) -> dict[str, list[int]]:
    """Return the two sums of each column: of booleans, whole numbers, floats or times."""
    sums = [_sums(rows, start) for start in range(0, max(rows.height, 1), SLICE_ROWS)]
    totals = [sum(column) % 2**64 for column in zip(*sums, strict=True)]
    return {name: [totals[n], totals[rows.width + n]] for n, name in enumerate(rows.columns)}


def _sums(rows: pl.DataFrame, start: int) -> tuple[int, ...]:
    number = pl.int_range(start + 1, start + 1 + pl.len())
    # With weights that rise evenly one swap undoes another: two prices that change places in one
    # pair of neighbours, and change back in the next such pair, leave the sum as it was.
    part = rows.slice(start, SLICE_ROWS).select(
        *(_bits(name, dtype) for name, dtype in rows.schema.items()),
        weight=_mixed(_mixed(number * STEP) * FACTOR),
    )
    bits, weight = pl.exclude("weight").fill_null(NULL), pl.col("weight")
    # Round floats differ in their upper bits alone, and a weight would lift those beyond 2^64.
    return part.select(bits.sum(), (_mixed(bits) * weight).sum().name.suffix(" weighed")).row(0)


def _bits(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column as whole numbers that keep every bit."""
    column = pl.col(name)
    return (
        column.reinterpret(dtype=pl.Int64)
        if dtype.is_float()
        else column.to_physical().cast(pl.Int64)
    )


def _mixed(number: pl.Expr) -> pl.Expr:
    """Bring the upper half of a number's bits into its lower half too; no two become one."""
    return number ^ (number // 2**32)
