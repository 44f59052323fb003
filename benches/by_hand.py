"""Bars in memory against the loop that people write by hand, compiled by numba; on one thread.

    POLARS_MAX_THREADS=1 python benches/by_hand.py [--rows N]

The loop has the seven columns, the rule for trades of one time, and the checks of order and values;
it computes with floats, so that its volumes are compared to nine digits and all else bit for bit.
Needs numba, which nothing else here does: `pip install numba`.
"""

import argparse
from collections.abc import Callable

import polars as pl
from calls import in_turn, millions
from loop import loop
from plans import FINE, FOUR, ONE
from polars.testing import assert_frame_equal
from table import Row, each, machine, table
from walks import Walk

import rangebar_polars as rb

ROWS = 5_000_000
ROUNDS = 15


def by_hand(trades: pl.DataFrame, decimal_bps: int) -> pl.DataFrame:
    """Return the bars of the loop as a frame."""
    columns = loop(
        trades["timestamp"].to_physical().to_numpy(),
        trades["price"].to_numpy(),
        trades["quantity"].to_numpy(),
        decimal_bps,
    )
    names = ("open_time", "close_time", "open", "high", "low", "close", "volume")
    frame = pl.DataFrame(dict(zip(names, columns, strict=True)))
    return frame.with_columns(pl.col("open_time", "close_time").cast(trades.schema["timestamp"]))


def both(trades: pl.DataFrame, decimal_bps: int) -> dict[str, Callable[[], pl.DataFrame]]:
    """Return what is compared."""
    return {
        "loop": lambda: by_hand(trades, decimal_bps),
        "bars": lambda: rb.bars(trades, decimal_bps),
    }


def main() -> None:
    """Check that both give the same bars, then measure them in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="of the trades (%(default)s)")
    count = parser.parse_args().rows
    trades = pl.concat(Walk(count).pieces()).select(FOUR).rechunk()
    print(f"{millions(count)} trades in memory; {machine()}\n")
    rows = []
    for bps in (ONE, FINE, 1):
        calls = both(trades, bps)
        got, expected = calls["bars"](), calls["loop"]()
        exact = [name for name in expected.columns if name != "volume"]
        assert_frame_equal(got.select(exact), expected.select(exact), check_exact=True)
        assert_frame_equal(got.select("volume"), expected.select("volume"), rel_tol=1e-9)
        seconds = in_turn(calls, ROUNDS)
        rows += [
            Row(
                what=f"loop by hand, {bps}, {got.height:,} bars", figures=seconds["loop"], unit="s"
            ),
            Row(
                what=f"bars({bps}), to that",
                figures=seconds["bars"],
                unit="s",
                ratios=each(seconds["bars"], seconds["loop"]),
            ),
        ]
    print(table(rows))


if __name__ == "__main__":
    main()
