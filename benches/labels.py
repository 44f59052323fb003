"""Measure triple barriers in memory, to the bars that they are labels of.

``python benches/labels.py [--rows N] [--rounds N]`` prints a table of processor time. The labels of
some of the events are compared with the definition in numpy before they are timed.
"""

import argparse

import numpy as np
import polars as pl
from processor_time import seconds
from table import Row, machine, table
from walks import SCALE, Walk

import rangebar_polars as rb

UP, DOWN = 250, 125
SPANS = {"_1m": 60_000_000, "_1h": 3_600_000_000}
"""Horizons of time in the unit of the trades, with the ends of their columns."""
BARS = 20
SAMPLE = 300
GOAL = 100e6
"""Trades a second, on one processor."""


def triple(trades: pl.DataFrame, threshold: int) -> pl.DataFrame:
    """Return the labels that are timed."""
    horizons: list[int | str] = [BARS, *(ending[1:] for ending in SPANS)]
    return rb.labels.triple_barrier(
        trades, threshold, take_profit=UP, stop_loss=DOWN, horizon=horizons
    )


def check(trades: pl.DataFrame, threshold: int) -> int:
    """Return the number of events, of which some were compared with the definition."""
    labels = triple(trades, threshold)
    sizes = rb.bars(trades, threshold, include_microstructure=True)["agg_record_count"]
    ends = sizes.cum_sum().to_numpy() - 1
    times = trades["timestamp"].to_physical().to_numpy()
    prices = np.rint(trades["price"].to_numpy() * SCALE).astype(np.int64)
    assert labels.height == len(ends)
    for event in range(0, len(ends), max(1, len(ends) // SAMPLE)):
        row = ends[event]
        later = event + BARS
        last = {f"_{BARS}": int(ends[later]) if later < len(ends) else None}
        for ending, span in SPANS.items():
            beyond = int(np.searchsorted(times, times[row] + span, side="right"))
            last[ending] = beyond - 1 if beyond < len(times) else None
        known = [len(times) if end is None else end for end in last.values()]
        after = prices[row + 1 : max(known) + 1]
        up, down = (-(-prices[row] * bps // 100_000) for bps in (UP, DOWN))
        outside = (after >= prices[row] + up) | (after <= prices[row] - down)
        touch = row + 1 + int(outside.argmax()) if outside.any() else None
        for ending, end in last.items():
            expected = None
            if touch is not None and (end is None or touch <= end):
                expected = 1 if prices[touch] > prices[row] else -1
            elif end is not None:
                expected = 0
            assert labels[f"label{ending}"][event] == expected, (event, ending)
    return len(ends)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    trades = pl.concat(Walk(asked.rows).pieces(), rechunk=True)
    rows = []
    for threshold in (25, 250):
        events = check(trades, threshold)
        pairs = [
            (
                seconds(lambda: rb.bars(trades, threshold)),  # noqa: B023 - called at once
                seconds(lambda: triple(trades, threshold)),  # noqa: B023 - called at once
            )
            for _ in range(asked.rounds)
        ]
        figures = [own for _, own in pairs]
        ratios = [own / of_bars for of_bars, own in pairs]
        what = f"{events:,} events, three horizons, to bars({threshold})"
        rows.append(Row(what=what, figures=figures, unit="s", ratios=ratios))
        pace = asked.rows / sorted(figures)[len(figures) // 2]
        print(f"{what}: {pace / 1e6:.0f} M trades/s (goal {GOAL / 1e6:.0f})")
    print(f"{asked.rows:,} trades in memory; {machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
