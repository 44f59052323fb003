"""Stores keep sums exactly, and what is computed from them has the bits of bars that are new."""

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.entry_points import assert_same

from rangebar_polars import _internal
from rangebar_polars._core.arguments import Reset
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._series import Series
from rangebar_polars.schema import BAR_SCHEMA, COLUMNS, INTRA, STORED_SCHEMA, TRADE_SCHEMA
from rangebar_polars.store import BarKey, BarStore, Link, ParquetStore, StoredMonth
from rangebar_polars.store.stored_bars import bar_columns, stored_columns

DAY = dt.date(2024, 1, 26)
KEY = BarKey(series=Series("mine", "spot", "A"), rule=RangeRule(10), origin=DAY)
DERIVED = [output.name for output in INTRA if output.computed_from]
ALL = [*BAR_SCHEMA, *DERIVED]


def trades_of(seed: int, rows: int) -> pl.DataFrame:
    """Return trades some of whose sides and ids are null, some of several individual trades."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    start = dt.datetime.combine(DAY, dt.time(), dt.UTC)
    price = 100.0
    columns: dict[str, list[object]] = {name: [] for name in TRADE_SCHEMA}
    for row in range(rows):
        price = round(price + chance.choice([-0.1, -0.01, 0.0, 0.01, 0.1]), 2)
        known = chance.random() < 0.8
        values = [
            start + dt.timedelta(hours=chance.choice([0, 1]) + 2 * row),
            price,
            chance.choice([0.0, 1e-8, 0.125, 33_554_431.99999999]),
            chance.choice([True, False, None]),
            row,
            10 * row if known else None,
            10 * row + chance.randrange(3) if known else None,
        ]
        for name, value in zip(TRADE_SCHEMA, values, strict=True):
            columns[name].append(value)
    return pl.DataFrame(columns, schema=TRADE_SCHEMA)


def both(trades: pl.DataFrame, reset: Reset | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the bars of trades as a frame has them, and as stores keep them."""
    options = Options.check(
        10,
        columns=None,
        reset=reset,
        include_microstructure=True,
        include_incomplete=True,
        features=DERIVED,
    )
    shown, _ = _internal.bars(trades, options.kwargs())
    stored, _ = _internal.bars(trades, options.kwargs(stored=True))
    return shown, stored


def month_of(bars: pl.DataFrame) -> StoredMonth:
    """Return a month of one day with all of the bars."""
    link = Link(
        day=DAY, trades_digest="", trade_count=0, defects={}, bar_count=bars.height, state=b""
    )
    return StoredMonth(month=DAY.replace(day=1), links=(link.sealed(KEY, None),))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.sampled_from([None, "day"]))
def test_computed_columns_have_the_bits_of_new_bars(
    seed: int, rows: int, reset: Reset | None
) -> None:
    shown, stored = both(trades_of(seed, rows), reset)

    assert stored.schema == STORED_SCHEMA
    assert_same(shown.select(ALL), bar_columns(stored, ALL))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(ALL), unique=True))
def test_columns_need_only_the_stored_columns_they_name(seed: int, names: list[str]) -> None:
    shown, stored = both(trades_of(seed, 40))

    got = bar_columns(stored.select(stored_columns(names)), names)

    assert_same(shown.select(names), got)


def test_no_column_that_is_computed_is_stored(tmp_path: Path) -> None:
    features = [output.name for output in COLUMNS if output.group == "feature"]
    _, stored = both(trades_of(1, 200))
    store = ParquetStore(tmp_path)
    store.write(KEY, month_of(stored), stored)

    on_disk = pl.read_parquet_schema(store.path(KEY, DAY.replace(day=1)))

    assert on_disk == dict(STORED_SCHEMA)
    assert on_disk.keys().isdisjoint([*features, *DERIVED, "vwap"])
    outputs = (*COLUMNS, *INTRA)
    assert all(STORED_SCHEMA.keys() >= set(output.computed_from) for output in outputs)


def test_the_largest_sums_are_stored(open_one: Callable[[], BarStore]) -> None:
    most = trades_of(1, 2).with_columns(
        price=pl.lit(9e10), quantity=pl.lit(9e10), is_buyer_maker=pl.Series([True, False])
    )
    shown, stored = both(most)
    assert shown["turnover"].item() == pytest.approx(1.62e22)

    with open_one() as store:
        store.write(KEY, month_of(stored), stored)
        (found,) = store.find(KEY).values()
        got = store.read(KEY, found, list(STORED_SCHEMA))

    assert got is not None
    assert_same(shown.select(ALL), bar_columns(got, ALL))


def test_a_sum_of_another_dtype_is_refused() -> None:
    _, stored = both(trades_of(1, 40))
    floats = stored.with_columns(pl.col("volume").cast(pl.Float64))

    with pytest.raises(
        pl.exceptions.ComputeError, match=r'column "volume" is f64: expected decimal'
    ):
        bar_columns(floats, ["volume"])


def test_scanned_bars_have_the_columns_of_bars(store: BarStore) -> None:
    shown, stored = both(trades_of(3, 200))
    store.write(KEY, month_of(stored), stored)

    assert_same(shown.select(ALL), store.scan_bars().select(ALL).collect())
    assert_same(shown.select("ofi"), store.scan_bars().select("ofi").collect())
    assert store.scan_bars().select(pl.len()).collect().item() == shown.height
