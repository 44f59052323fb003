"""Aggregations that name columns by position mean those of the trades, by every entry point."""

from collections.abc import Callable

import polars as pl
import polars.selectors as cs
import pytest
from support.trades import trades

import rangebar_polars as rb

FRAME = trades([100, 101, 100, 101, 100], ids=[1, 2, 3, 4, 5]).with_columns(
    venue=pl.Series(["a", "b", "c", "d", "e"])
)
POSITIONS: dict[str, Callable[[], pl.Expr]] = {
    "pl.last()": pl.last,
    "pl.nth(-1)": lambda: pl.nth(-1),
    "cs.last()": cs.last,
    "cs.by_index(-1)": lambda: cs.by_index(-1),
    "cs.by_index(4)": lambda: cs.by_index(4),
}
FIRST: dict[str, Callable[[], pl.Expr]] = {
    "pl.nth(1)": lambda: pl.nth(1),
    "cs.by_index(1)": lambda: cs.by_index(1),
    "cs.by_index(-4)": lambda: cs.by_index(-4),
}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", POSITIONS)
def test_the_last_column_is_the_last_of_the_trades(name: str, lazy: bool) -> None:  # noqa: FBT001
    bars = rb.bars(FRAME.lazy() if lazy else FRAME, aggs=POSITIONS[name]().last())

    assert bars.lazy().collect()["venue"].to_list() == ["b", "d"]


@pytest.mark.parametrize("name", FIRST)
def test_a_column_by_its_position_is_that_of_the_trades(name: str) -> None:
    bars = rb.bars(FRAME.lazy(), [250, 500], aggs=FIRST[name]().mean().alias("mean")).collect()

    assert bars["mean"].to_list() == [100.5] * 4


def test_all_columns_are_those_of_the_trades() -> None:
    bars = rb.bars(FRAME, by="venue", aggs=pl.all().len().name.suffix("_len"))

    assert bars.columns[8:] == [f"{name}_len" for name in FRAME.columns]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_a_bar_that_stays_open_keeps_its_trades_in_order_while_others_end(rows: int) -> None:
    prices = [price for _ in range(200) for price in (50.0, 100.0, 50.0, 101.0)]
    frame = trades([*prices, 60.0]).with_columns(key=pl.Series([0, 1] * 400 + [0]))
    frame = frame.with_row_index()
    wanted = pl.col("index").alias("rows")

    plan = pl.concat([part.lazy() for part in frame.iter_slices(rows)])
    bars = rb.bars(plan, by="key", aggs=wanted, include_incomplete=True).collect()

    still = bars.filter(key=0)["rows"].to_list()
    assert still == [[*range(0, 800, 2), 800]]
    assert bars.filter(key=1)["rows"].to_list() == [[4 * n + 1, 4 * n + 3] for n in range(200)]
