"""The one builder of trades for all tests, and the way back from a frame to the oracle's rows."""

import random
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Literal

import polars as pl

from support.reference import Trade

Unit = Literal["ms", "us", "ns"]
PER_SECOND: dict[str, int] = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def trades(
    prices: Iterable[float | None],
    times: Sequence[int | None] | None = None,
    *,
    quantity: float | Sequence[float | None] = 1.0,
    sold: Sequence[bool | None] | None = None,
    ids: Sequence[int | None] | None = None,
    counted: Sequence[tuple[int | None, int | None]] | None = None,
    unit: Unit = "ms",
    zone: str | None = None,
) -> pl.DataFrame:
    """Return trades, a second apart unless ``times`` says otherwise, in units of the column.

    ``sold`` is the column is_buyer_maker, ``ids`` agg_trade_id, ``counted`` the first and last
    trade ids; without them the frame has no such column.
    """
    price = pl.Series("price", prices, pl.Float64)
    seconds = [row * PER_SECOND[unit] for row in range(price.len())]
    time = pl.Series("timestamp", seconds if times is None else times, pl.Int64)
    quantities = [quantity] * price.len() if isinstance(quantity, float) else quantity
    columns = [
        time.cast(pl.Datetime(unit, zone)),
        price,
        pl.Series("quantity", quantities, pl.Float64),
    ]
    if sold is not None:
        columns.append(pl.Series("is_buyer_maker", sold, pl.Boolean))
    if ids is not None:
        columns.append(pl.Series("agg_trade_id", ids, pl.Int64))
    if counted is not None:
        columns.append(pl.Series("first_trade_id", [first for first, _ in counted], pl.Int64))
        columns.append(pl.Series("last_trade_id", [last for _, last in counted], pl.Int64))
    return pl.DataFrame(columns)


def walk(rows: int) -> pl.DataFrame:
    """Return trades of a price that wanders by cents around 500, a second apart; always the same.

    Buys, sells and unknown sides, and sizes at which formulas over f64 are good to 1e-9.
    """
    chance = random.Random(rows)  # noqa: S311 - not a secret
    first = list(accumulate(chance.choices([1, 2, 5], k=rows)))
    return trades(
        [500 + cents / 100 for cents in accumulate(chance.choices(range(-20, 21), k=rows))],
        quantity=[eighths / 8 for eighths in chance.choices(range(17), k=rows)],
        sold=chance.choices([True, False, None], k=rows),
        ids=list(range(rows)),
        counted=[(start, start + row % 2) for row, start in enumerate(first)],
    )


def rows(frame: pl.DataFrame) -> list[Trade]:
    """Return the trades of a frame as the oracle takes them; columns it lacks are null."""
    columns = [
        pl.col(name).to_physical() if name in frame.columns else pl.lit(None)
        for name in ("timestamp", *Trade._fields[1:])
    ]
    named = [column.alias(name) for column, name in zip(columns, Trade._fields, strict=True)]
    return [Trade(*row) for row in frame.select(named).iter_rows()]
