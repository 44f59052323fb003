"""How the time of bars in memory grows: with the bars, the rows and the thresholds.

    POLARS_MAX_THREADS=1 python benches/growth.py [--rows N]

On one thread, of generated trades that are compared with the bars of an oracle in numpy first.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import polars as pl
from calls import in_turn, millions
from files import Files
from plans import FOUR, ONE, TEN, bars_of
from table import Row, each, machine, table
from walks import Made

import rangebar_polars as rb

ROWS = 5_000_000
ROUNDS = 9
FINEST = (25, 10, 5, 2, 1)
"""Thresholds at which the bars, not the trades, cost most."""


def bars(trades: pl.DataFrame, made: Made) -> list[Row]:
    """Make the threshold finer: what one more bar costs."""
    rows: list[Row] = []
    for features, most in ((False, 0.09), (True, 0.2)):
        of = partial(rb.bars, trades, include_microstructure=features)
        calls = {str(bps): partial(of, bps) for bps in (ONE, *FINEST)}
        seconds = in_turn(calls, ROUNDS)
        base = seconds[str(ONE)]
        which = "all features" if features else "seven columns"
        for name, times in seconds.items():
            count = made.bars[name].height
            what = f"bars({name}), {which}, {count:,} bars"
            rows.append(Row(what=what, figures=times, unit="s", ratios=each(times, base)))
        finest = str(FINEST[-1])
        more = made.bars[finest].height - made.bars[str(ONE)].height
        each_more = [
            (fine - coarse) / more * 1e6 for fine, coarse in zip(seconds[finest], base, strict=True)
        ]
        what = f"a bar more, {which}, from {ONE} to {finest}"
        rows.append(Row(what=what, figures=each_more, unit="us", at_most=most))
    return rows


def rows(trades: pl.DataFrame) -> list[Row]:
    """Take more rows: the ratio to a fifth of them."""
    parts = {share: trades.head(trades.height * share // 5) for share in (1, 2, 5)}
    seconds = in_turn(
        {str(share): partial(rb.bars, part, ONE) for share, part in parts.items()}, ROUNDS
    )
    return [
        Row(
            what=f"{parts[int(share)].height / 1e6:g} M rows",
            figures=times,
            unit="s",
            ratios=each(times, seconds["1"]),
        )
        for share, times in seconds.items()
    ]


def thresholds(trades: pl.DataFrame) -> list[Row]:
    """Ask for more thresholds in one call: the ratio to one."""
    calls = {
        f"{TEN[0]}" if count == 1 else f"{count}, {TEN[0]} to {TEN[count - 1]}": partial(
            rb.bars, trades, TEN[:count]
        )
        for count in (1, 2, 5, 10)
    }
    seconds = in_turn(calls, ROUNDS)
    base = next(iter(seconds.values()))
    return [
        Row(what=what, figures=times, unit="s", ratios=each(times, base))
        for what, times in seconds.items()
    ]


def main() -> None:
    """Check the bars, then measure each growth and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="of the trades (%(default)s)")
    count = parser.parse_args().rows
    asked = sorted({ONE, *TEN, *FINEST})
    with tempfile.TemporaryDirectory(prefix="rangebar-growth-") as folder:
        made = Files(Path(folder), count).walk(count, asked)
        trades = pl.read_parquet(made.path, columns=FOUR).rechunk()
    for bps in asked:
        bars_of(str(bps))(rb.bars(trades, bps), made)
    print(f"{millions(count)} trades in memory; {machine()}")
    groups = {bars: partial(bars, trades, made), rows: partial(rows, trades)}
    groups[thresholds] = partial(thresholds, trades)
    for of, measure in groups.items():
        print("", f"### {of.__name__}", of.__doc__, table(measure()), sep="\n\n", flush=True)


if __name__ == "__main__":
    main()
