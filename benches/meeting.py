"""After how many bars and trades chains of a rule meet that begin at different trades.

    PYTHONPATH=tests RANGEBAR_SHARED_DATA=... python benches/meeting.py

Of each series of trades the bars from the first trade on are computed once, and then those from
some other trades on, up to the first that opens at a trade where a bar of the others does. From
there on both are compared bar by bar. Walks are made; real trades are those of the tests.
"""

import os
import random
import statistics
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

import rangebar_polars as rb

THRESHOLDS = (10, 25, 50, 100, 250)
STARTS = 100
ROWS = 16_000_000
FIRST_LOOK = 20_000
SHARE_OF_MOVES = 0.2
FEWEST_BARS = 10
SHARED = Path(os.environ.get("RANGEBAR_SHARED_DATA", "."))
FILES = {
    "Binance spot BTCUSDT": "hftb_binance_spot_btcusdt_20240808_09.parquet",
    "SPY": "lean_spy_us_equity_20131007_11.parquet",
    "BAC": "lean_bac_us_equity_20131007_11.parquet",
    "EURUSD quotes": "quotes_lean_fxcm_eurusd_201405.parquet",
}


def walk(*, jumps: bool) -> pl.DataFrame:
    """Return a walk of which one price in five moves, with heavy tails; or each a little."""
    chance = np.random.default_rng(5)
    steps = chance.standard_normal(ROWS) * 1e-5
    if jumps:
        steps = chance.standard_t(3, ROWS) * 2e-5 * (chance.random(ROWS) < SHARE_OF_MOVES)
    prices = np.round(50_000 * np.exp(np.cumsum(steps)), 2)
    times = pl.Series(np.arange(ROWS) * 72_000).cast(pl.Datetime("us"))
    return pl.DataFrame(
        {"timestamp": times, "price": prices, "quantity": pl.repeat(1.0, ROWS, eager=True)}
    )


def series() -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each series of trades with its name."""
    for name, file in FILES.items():
        path = SHARED / "trades" / file
        if path.exists():
            yield name, pl.read_parquet(path)
    yield "made: one trade in five moves, heavy tails", walk(jumps=True)
    yield "made: every trade moves a little", walk(jumps=False)


def ends(trades: pl.DataFrame, threshold: int) -> pl.Series:
    """Return the number of trades up to the end of each bar."""
    bars = rb.bars(trades, threshold, include_microstructure=True)
    return bars["agg_record_count"].cum_sum()


def meeting(
    trades: pl.DataFrame, threshold: int, every: set[int], start: int
) -> tuple[int, int] | None:
    """Return after how many bars and trades the chain from a trade on is met; None if never."""
    length = FIRST_LOOK
    while True:
        opened = [0, *ends(trades[start : start + length], threshold).to_list()]
        for number, place in enumerate(opened):
            if start + place in every:
                return number, place
        if start + length >= trades.height:
            return None
        length *= 4


def main() -> None:
    """Print a row for each series."""
    # Quotes and made trades have no sides.
    warnings.simplefilter("ignore", rb.RangeBarWarning)
    print(f"| trades | {' | '.join(map(str, THRESHOLDS))} decimal bps |")
    print("|---" * (len(THRESHOLDS) + 1) + "|")
    for name, trades in series():
        cells = []
        for threshold in THRESHOLDS:
            of_all = ends(trades, threshold).to_list()
            chance = random.Random(threshold)  # noqa: S311 - not a secret
            # Later beginnings would have too few trades after them.
            starts = [chance.randrange(1, trades.height // 2) for _ in range(STARTS)]
            found = [meeting(trades, threshold, {0, *of_all}, start) for start in starts]
            met = [each for each in found if each is not None]
            if len(of_all) < FEWEST_BARS:
                cells.append("too short")
                continue
            never = f", {STARTS - len(met)} never" if len(met) < STARTS else ""
            bars, count = (
                (statistics.median(pair[place] for pair in met) if met else 0) for place in (0, 1)
            )
            cells.append(f"{bars:.0f} bars, {count:,.0f}{never}")
        print(f"| {name} ({trades.height:,}) | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
