"""Whether bars of a million trades in memory still take less than 100 ms; fails if they do not.

    python benches/validate.py

The bars are compared with those of the oracle first. The median of nine calls counts.
"""

import time
from statistics import median

import polars as pl
from plans import FINE, FOUR
from walks import Oracle, Walk

import rangebar_polars as rb

ROWS = 1_000_000
ROUNDS = 9
AT_MOST_MS = 100


def main() -> None:
    """Check the bars, then the time."""
    oracle = Oracle(FINE)
    pieces = []
    for piece in Walk(ROWS).pieces():
        oracle.add(piece)
        pieces.append(piece)
    trades = pl.concat(pieces).select(FOUR).rechunk()
    bars = rb.bars(trades, FINE)
    expected = oracle.bars()
    same = [name for name in bars.columns if name in expected.columns and name != "volume"]
    assert bars.select(same).equals(expected.select(same)), "the bars are not those of the oracle"
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        rb.bars(trades, FINE)
        seconds.append(time.perf_counter() - begin)
    took = median(seconds) * 1000
    print(f"{bars.height:,} bars of {ROWS:,} trades: {took:.1f} ms, at most {AT_MOST_MS}")
    if took > AT_MOST_MS:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
