"""Real trades against the oracle: every set of the shared folder, where there is one."""

from pathlib import Path

import polars as pl
import pytest
from support.entry_points import BASE, ENTRY_POINTS, Asked, assert_expected, assert_same
from support.reference import cuts
from support.shared_data import SHARED, needs_shared_data
from support.trades import rows

import rangebar_polars as rb

FOLDER = SHARED / "trades"
# With a stand-in where there are none, so that what is skipped is named.
SETS = sorted(FOLDER.glob("*.parquet")) or [FOLDER / "no set"]
SMALL = [path for path in SETS if path.stem.startswith(("hftb", "no"))]
LARGE = [path for path in SETS if path not in SMALL] or SMALL

pytestmark = needs_shared_data
of_small = pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
of_large = pytest.mark.parametrize("path", LARGE, ids=lambda path: path.stem)
of_all = pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)


@of_small
@pytest.mark.parametrize("threshold", [5, 25, 250])
def test_bars_of_real_trades_are_those_of_the_oracle(path: Path, threshold: int) -> None:
    trades = pl.read_parquet(path)
    options = Asked(threshold_decimal_bps=threshold)

    assert_expected(options.expected(trades), options.through("eager", trades))


@of_large
def test_bars_of_the_first_half_million_real_trades_close_where_the_oracle_says(path: Path) -> None:
    trades = pl.read_parquet(path, n_rows=500_000)
    times, closes = trades["timestamp"].to_list(), cuts(rows(trades), 100)

    bars = rb.bars(trades, 100)

    assert closes
    assert [times[row] for row in closes] == bars["close_time"].to_list()
    assert trades["price"].gather(closes).to_list() == bars["close"].to_list()


@of_all
def test_bars_of_real_trades_are_the_same_from_a_scan_of_the_file(path: Path) -> None:
    eager = rb.bars(pl.read_parquet(path), 100, include_microstructure=True)

    assert_same(eager, rb.bars(pl.scan_parquet(path), 100, include_microstructure=True).collect())


@of_small
def test_bars_of_real_trades_are_the_same_through_every_entry_point(path: Path) -> None:
    trades, options = pl.read_parquet(path, n_rows=3_000), Asked(threshold_decimal_bps=25)

    eager = options.through("eager", trades)
    for entry_point in ENTRY_POINTS:
        assert_same(eager, options.through(entry_point, trades))


@of_all
def test_real_prices_and_volumes_are_conserved(path: Path) -> None:
    trades = pl.read_parquet(path)
    bars = rb.bars(trades, 100, include_microstructure=True, include_incomplete=True)
    quantity = (trades["quantity"] * 1e8).round(mode="half_away_from_zero").cast(pl.Int128)

    assert bars["agg_record_count"].sum() == trades.height
    assert quantity.sum() == (bars["volume"] * 1e8).round().cast(pl.Int128).sum()
    assert bars.select(BASE).null_count().sum_horizontal().item() == 0
