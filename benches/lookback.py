"""Measure statistics of the trades before each bar, to the bars without them.

``python benches/lookback.py [--rows N] [--rounds N]`` prints a table of processor time, from memory
and from a Parquet file. Values of some bars are compared with the expressions over the slice of
their window before anything is timed.
"""

import argparse
import tempfile
from pathlib import Path

import polars as pl
from processor_time import seconds
from table import Row, each, machine, table
from walks import Walk

import rangebar_polars as rb

LONG = 20_000
SHORT = 200
SEVEN = [
    f"lookback_{name}"
    for name in ("trade_count", "duration_us", "ofi", "vwap", "return", "price_range", "kaufman_er")
]
ALL = [output.name for output in rb.schema.LOOKBACK]
MEMORY, FILE = "from memory", "from Parquet"
ASKED = (
    (f"7 columns of {SHORT} trades", MEMORY, 250, SHORT, SEVEN, 1.2),
    (f"7 columns of {LONG:,} trades", MEMORY, 250, LONG, SEVEN, 1.5),
    (f"all 25 of {SHORT} trades", FILE, 250, SHORT, ALL, 1.2),
    (f"all 25 of {LONG:,} trades", FILE, 250, LONG, ALL, 2.5),
    (f"all 25 of {SHORT} trades", MEMORY, 25, SHORT, ALL, None),
    (f"all 25 of {LONG:,} trades", MEMORY, 25, LONG, ALL, None),
)
SAMPLE = 50


def check(trades: pl.DataFrame, threshold: int, lookback: int) -> int:
    """Return the number of bars, of which some were compared with the expressions."""
    bars = rb.bars(trades, threshold, lookback=lookback, include_microstructure=True)
    shared = [name for name in ALL if name.removeprefix("lookback_") in rb.features.__all__]
    of = [getattr(rb.features, name.removeprefix("lookback_"))().alias(name) for name in shared]
    opens = [0, *bars["agg_record_count"].cum_sum()[:-1]]
    for bar in range(0, bars.height, max(1, bars.height // SAMPLE)):
        row = opens[bar]
        expected = dict.fromkeys(shared)
        if row >= lookback:
            expected = trades[row - lookback : row].select(of).row(0, named=True)
        assert bars.select(shared).row(bar, named=True) == expected, (bar, row)
    return bars.height


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    trades = pl.concat(Walk(asked.rows).pieces(), rechunk=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "trades.parquet")
        trades.write_parquet(file)
        for what, source, threshold, lookback, features, at_most in ASKED:
            count = check(trades, threshold, lookback)

            def bars(threshold: int, source: str = source, **options: object) -> object:
                if source == MEMORY:
                    return rb.bars(trades, threshold, **options)  # type: ignore[call-overload]  # any options
                plan = pl.scan_parquet(file)
                return rb.bars(plan, threshold, **options).collect()  # type: ignore[call-overload]  # the same

            without, own = list[float](), list[float]()
            for _ in range(asked.rounds):
                without.append(seconds(lambda: bars(threshold)))  # noqa: B023 - called at once
                own.append(
                    seconds(lambda: bars(threshold, lookback=lookback, features=features))  # noqa: B023 - the same
                )
            ratios = each(own, without)
            name = f"{what}, {source}, {count:,} bars at {threshold}"
            rows.append(Row(what=name, figures=own, unit="s", ratios=ratios, at_most=at_most))
            more = sorted(one - other for one, other in zip(own, without, strict=True))
            print(f"{name}: {more[len(more) // 2] / count * 1e6:.1f} µs a bar more")
    print(f"{asked.rows:,} trades; {machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
