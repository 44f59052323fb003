"""Whole calls against what they cannot do without: ratios within one run, on generated trades.

    python benches/calls.py [--quick | --rows N] [--only GROUP ...] [--write FILE]

Every result is compared with that of an oracle in numpy before its time counts. What is compared
runs in turn, and a ratio is taken in each turn; plans over Parquet run in a process of their own,
which also reports their peak memory. A missed target is reported, a wrong result ends the script.
Targets are meant for the full size: with fewer rows, what a process needs at all outweighs them.
"""

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from files import REPOSITORY, SPY, Files
from fresh import Run, report, run
from plans import BAR, FINE, FOUR, ONE, PLANS, bars_of, check_features, check_sums
from polars.testing import assert_frame_equal
from table import Missing, Row, each, machine, peaked, peaks_of, seconds_of, table, timed
from walks import Made, Oracle

import rangebar_polars as rb
from rangebar_polars.schema import ALWAYS_READ, TRADE_SCHEMA

ROWS = 50_000_000
QUICK_ROWS = 2_000_000
LIVE_ROWS = 50_000
ROUNDS = 5
SHORT_ROUNDS = 15
"""For calls that take milliseconds."""
FEW_ROUNDS = 3
"""For plans over the longest file, and where only the peak counts."""


def in_turn(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each call, made one after another in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in calls.items():
                started = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - started)
    finally:
        gc.enable()
    return seconds


def fresh_in_turn(plans: Mapping[str, tuple[str, Made]], rounds: int) -> dict[str, list[Run]]:
    """Return the figures of each plan over a file, each run in a new process."""
    runs: dict[str, list[Run]] = {name: [] for name in plans}
    for turn in range(rounds + 1):
        for name, (plan, made) in plans.items():
            result = made.path.with_suffix(".result")
            figures = run(__file__, "--plan", plan, made.path, result)
            PLANS[plan].check(pl.read_ipc(result), made)
            if turn > 0:  # the first run brings the files into the system's cache
                runs[name].append(figures)
    return runs


def measure_plan(plan: str, path: str, result: str) -> None:
    """Collect a plan in this process, report the figures and leave the result."""
    trades = pl.scan_parquet(path)
    report(lambda: PLANS[plan].build(trades).collect(engine="streaming")).write_ipc(result)


def millions(rows: int) -> str:
    """Return a number of rows in words."""
    return f"{rows / 1e6:.3g} M"


def eager(files: Files) -> list[Row | Missing]:
    """Compare frames in memory, and the kernel, with Polars summing the same columns."""
    rows: list[Row | Missing] = []
    for made, rounds in ((files.small, SHORT_ROUNDS), (files.large, ROUNDS)):
        measured, sum_rates = eager_rows(millions(made.rows), made, rounds)
        rows += measured
        if made is files.small:
            rows += kernel(sum_rates)
    if files.spy is None:
        rows.append(Missing("SPY", f"{SPY} is not here"))
    else:
        rows += eager_rows(f"SPY ({millions(files.spy.rows)})", files.spy, SHORT_ROUNDS)[0]
    return rows


def eager_rows(where: str, made: Made, rounds: int) -> tuple[list[Row], list[float]]:
    """Measure one frame of four columns; return the rates of summing them too."""
    trades = pl.read_parquet(made.path, columns=FOUR).rechunk()
    calls: dict[str, Callable[[], pl.DataFrame]] = {
        "sum": lambda: trades.select(pl.col(FOUR).to_physical().sum())
    }
    check_sums(calls["sum"](), made)
    for bps in (ONE, FINE):
        of_bps = frame_calls(trades, bps)
        for name, call in of_bps.items():
            got = call()
            bars_of(str(bps))(got.unnest("bars") if "bars" in got else got.select(BAR), made)
            if "features" in name and bps == ONE and trades["is_buyer_maker"].null_count() == 0:
                check_features(got, made)
        calls |= of_bps
    seconds = in_turn(calls, rounds)
    rates = {name: [made.rows / taken for taken in times] for name, times in seconds.items()}
    promised = {f"bars({ONE})": 0.17, f"bars({ONE}), all features": 0.17}
    rows = [
        Row(
            what=f"{where}: {name}",
            figures=rates[name],
            unit="rows/s",
            ratios=() if name == "sum" else each(rates[name], rates["sum"]),
            at_least=promised.get(name),
        )
        for name in calls
    ]
    return rows, rates["sum"]


def frame_calls(trades: pl.DataFrame, bps: int) -> dict[str, Callable[[], pl.DataFrame]]:
    """Return the entry points for a frame in memory."""
    return {
        f"bars({bps})": lambda: rb.bars(trades, bps),
        f"bars({bps}), all features": lambda: rb.bars(trades, bps, include_microstructure=True),
        f"bars_expr({bps})": lambda: trades.select(rb.bars_expr(bps)),
    }


def kernel(sum_rates: Sequence[float]) -> list[Row | Missing]:
    """Compare criterion's measurements of the kernel with this run's sums in Polars."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    rows: list[Row | Missing] = []
    for bps, promised in ((ONE, 0.23), (FINE, 0.20)):
        what = f"kernel, four columns, all sums, {bps} (criterion)"
        folder = target / "criterion" / "kernel" / "four columns, all sums" / str(bps) / "new"
        try:
            estimates = json.loads((folder / "estimates.json").read_text())["median"]
            elements = json.loads((folder / "benchmark.json").read_text())["throughput"]["Elements"]
        except FileNotFoundError:
            rows.append(Missing(what, "first `cargo bench --no-default-features`"))
            continue
        between = estimates["confidence_interval"]
        nanoseconds = [
            between["lower_bound"],
            estimates["point_estimate"],
            between["upper_bound"],
        ]
        rates = [elements / taken * 1e9 for taken in nanoseconds]
        middle = sorted(sum_rates)[len(sum_rates) // 2]
        ratios = [rate / middle for rate in rates]
        rows.append(Row(what=what, figures=rates, unit="rows/s", ratios=ratios, at_least=promised))
    return rows


def scan(files: Files) -> list[Row | Missing]:
    """Compare plans over Parquet with summing the columns that they read."""
    large, huge = files.large, files.huge
    names = ["sum", "bars", "fine", "sum of all", "features"]
    runs = fresh_in_turn({name: (name, large) for name in names}, ROUNDS)
    longer = fresh_in_turn({"bars": ("bars", large), "huge": ("bars", huge)}, FEW_ROUNDS)
    where = millions(large.rows)
    rows: list[Row | Missing] = [
        Row(
            what=f"{where}: sum of {len(ALWAYS_READ)} columns",
            figures=seconds_of(runs["sum"]),
            unit="s",
        ),
        timed(f"{where}: bars({ONE}), to that", runs["bars"], runs["sum"], 1.3),
        timed(f"{where}: bars({FINE}), to that", runs["fine"], runs["sum"], 1.3),
        Row(what="peak of the sum", figures=peaks_of(runs["sum"]), unit="MB"),
        peaked(f"peak of bars({ONE}), to that", runs["bars"], runs["sum"], 1.5),
        peaked(f"peak of bars({FINE}), to that", runs["fine"], runs["sum"], 1.5),
        Row(what=f"{where}: sum of all columns", figures=seconds_of(runs["sum of all"]), unit="s"),
        timed(f"{where}: all features, to that", runs["features"], runs["sum of all"]),
        peaked("peak of all features, to that", runs["features"], runs["sum of all"]),
        peaked(
            f"peak of bars({ONE}) of {millions(huge.rows)}, to {where}",
            longer["huge"],
            longer["bars"],
            1.2,
        ),
    ]
    if files.spy is None:
        return [*rows, Missing("SPY", f"{SPY} is not here")]
    real = fresh_in_turn({name: (name, files.spy) for name in ("sum", "bars")}, ROUNDS)
    return [*rows, timed(f"SPY: bars({ONE}), to the sum", real["bars"], real["sum"])]


def columns(files: Files) -> list[Row | Missing]:
    """Vary the wanted columns: a plan should not pay for columns that it does not use."""
    names = ["bars", "features", "four", "features of four"]
    names += ["open and close", "head", "filter and head"]
    runs = fresh_in_turn({name: (name, files.large) for name in names}, ROUNDS)
    whole, where = runs["bars"], millions(files.large.rows)
    return [
        Row(what=f"{where}: bars({ONE})", figures=seconds_of(whole), unit="s"),
        timed("all features of seven columns, to that", runs["features"], whole, 1.2),
        timed(
            "all features of four columns, to none of them",
            runs["features of four"],
            runs["four"],
            1.2,
        ),
        timed(
            "open and close, to all features",
            runs["open and close"],
            runs["features"],
            1.0,
        ),
        timed(f"open and close, to bars({ONE})", runs["open and close"], whole, 1.0),
        timed(f"head(10), to bars({ONE})", runs["head"], whole, 0.25),
        timed(f"filter and head(10), to bars({ONE})", runs["filter and head"], whole, 0.25),
    ]


def many(files: Files) -> list[Row | Missing]:
    """Compute several chains in one pass, in memory that does not grow with the rows."""
    plans: dict[str, tuple[str, Made]] = {"one": ("bars", files.large)}
    fewer: dict[str, tuple[str, Made]] = {}
    asked = {
        "ten thresholds": ("ten", 2.5),
        'reset="day"': ("day", 1.05),
        "two aggregations of your own": ("own", None),
        "8 symbols": ("keyed", 2.0),
        "500 symbols": ("keyed", 3.0),
        "5000 symbols": ("keyed", 2.2),
    }
    for name, (plan, _) in asked.items():
        symbols = int(name.split()[0]) if plan == "keyed" else 0
        plans[name] = plan, files.keyed(files.rows, symbols) if symbols else files.large
        fewer[name] = plan, files.keyed(files.rows // 5, symbols) if symbols else files.middle
    runs = fresh_in_turn(plans, ROUNDS)
    less = fresh_in_turn(fewer, FEW_ROUNDS)
    where = millions(files.rows)
    rows: list[Row | Missing] = [
        Row(what=f"{where}: bars({ONE})", figures=seconds_of(runs["one"]), unit="s")
    ]
    rows += [
        timed(f"{name}, to that", runs[name], runs["one"], most)
        for name, (_, most) in asked.items()
    ]
    rows += [
        peaked(
            f"peak of {name}, to {millions(files.rows // 5)}",
            runs[name][:FEW_ROUNDS],
            less[name],
            1.2,
        )
        for name in asked
    ]
    return rows


def keys(files: Files) -> list[Row | Missing]:
    """Ask for one of a hundred symbols: a filter on a key of bars is one on their trades."""
    made, small = files.keyed(files.rows, 100), files.keyed(files.rows // 10, 100)
    plans = {name: (name, made) for name in ("keyed", "one key", "trades of one key")}
    runs = fresh_in_turn(plans, ROUNDS)
    trades = pl.read_parquet(small.path).lazy()
    calls = {name: PLANS[name].build(trades).collect for name in ("keyed", "one key")}
    for name, call in calls.items():
        PLANS[name].check(call(), small)
    seconds = in_turn(calls, SHORT_ROUNDS)
    return [
        Row(
            what=f"{millions(made.rows)}: bars of all", figures=seconds_of(runs["keyed"]), unit="s"
        ),
        timed("bars of one, to that", runs["one key"], runs["keyed"]),
        timed(
            "bars of one, to a filter of trades", runs["one key"], runs["trades of one key"], 1.2
        ),
        Row(
            what=f"{millions(small.rows)} in memory: bars of all",
            figures=seconds["keyed"],
            unit="s",
        ),
        Row(
            what="bars of one, to that",
            figures=seconds["one key"],
            unit="s",
            ratios=each(seconds["one key"], seconds["keyed"]),
        ),
    ]


def batches(files: Files) -> list[Row | Missing]:
    """Pass batches to a processor."""
    made = files.small
    trades = pl.read_parquet(made.path).rechunk()
    pieces = list(trades.iter_slices(1_000))
    check = bars_of(str(ONE))
    calls: dict[str, Callable[[], list[pl.DataFrame]]] = {
        "one": lambda: processed([trades]),
        "pieces": lambda: processed(pieces),
    }
    for call in calls.values():
        check(pl.concat(call()), made)
    seconds = in_turn(calls, ROUNDS)
    rows: list[Row | Missing] = [
        Row(what=f"{millions(made.rows)} in one batch", figures=seconds["one"], unit="s"),
        Row(
            what="batches of 1,000, to that",
            figures=seconds["pieces"],
            unit="s",
            ratios=each(seconds["pieces"], seconds["one"]),
            at_most=1.5,
        ),
    ]
    for what, names in (("four keys", FOUR), ("seven keys", list(TRADE_SCHEMA))):
        rows += records(trades.head(made.rows // 10).select(names), what)
    return rows


def records(trades: pl.DataFrame, what: str) -> list[Row]:
    """Feed trades as dicts, whose times are milliseconds."""
    trades = trades.with_columns(pl.col("timestamp").dt.cast_time_unit("ms"))
    dicts = trades.with_columns(pl.col("timestamp").to_physical()).to_dicts()
    lists = [dicts[first : first + 1_000] for first in range(0, len(dicts), 1_000)]
    singles = [[record] for record in dicts[: len(dicts) // 5]]
    for given, rows in ((lists, len(dicts)), (singles, len(singles))):
        oracle = Oracle(ONE)
        oracle.add(trades.head(rows))
        assert_frame_equal(pl.concat(processed(given)), oracle.bars().select(BAR), check_exact=True)
    seconds = in_turn(
        {"lists": lambda: processed(lists), "singles": lambda: processed(singles)}, ROUNDS
    )
    return [
        Row(
            what=f"lists of 1,000 dicts of {what}",
            figures=[len(dicts) / taken for taken in seconds["lists"]],
            unit="rows/s",
            at_least=2e6,
        ),
        Row(
            what=f"one dict of {what} a call",
            figures=[len(singles) / taken for taken in seconds["singles"]],
            unit="calls/s",
            at_least=1e5,
        ),
    ]


def processed(pieces: Sequence[pl.DataFrame | list[dict[str, Any]]]) -> list[pl.DataFrame]:
    """Feed a new processor."""
    processor = rb.RangeBarProcessor(ONE)
    return [processor.process_trades(piece) for piece in pieces]


def live(files: Files) -> list[Row | Missing]:
    """Pass one dict a call, and look at the open bar; the middle of all calls, in microseconds."""
    trades = pl.read_parquet(files.small.path, n_rows=LIVE_ROWS).select(FOUR)
    trades = trades.with_columns(pl.col("timestamp").dt.cast_time_unit("ms").dt.epoch("ms"))
    processor = rb.RangeBarProcessor(ONE)
    dicts = trades.to_dicts()
    rows: list[Row | Missing] = [
        Row(
            what="one dict a call",
            figures=middles([partial(processor.process_trades, one) for one in dicts]),
            unit="us",
            at_most=20,
        )
    ]
    looks: dict[str, tuple[Callable[[], object], float | None]] = {
        "open_bar()": (processor.open_bar, 5),
        "limits": (lambda: processor.limits, 5),
        "get_incomplete_bar()": (processor.get_incomplete_bar, None),
    }
    for what, (call, most) in looks.items():
        rows.append(Row(what=what, figures=middles([call] * LIVE_ROWS), unit="us", at_most=most))
    for symbols in (1, 10, 100, 500):
        keyed = trades.with_columns(symbol=pl.format("S{}", pl.int_range(pl.len()) % symbols))
        several = rb.RangeBarProcessor([FINE, ONE], by="symbol")
        process = several.process_trades
        calls = [partial(process, one) for one in keyed.to_dicts()]
        what = f"one dict a call, {symbols} symbols and two thresholds"
        rows.append(Row(what=what, figures=middles(calls), unit="us"))
    return rows


def middles(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Return the median of each tenth of the calls, in microseconds, without the first tenth."""
    microseconds = []
    gc.disable()
    try:
        for call in calls:
            started = time.perf_counter()
            call()
            microseconds.append((time.perf_counter() - started) * 1e6)
    finally:
        gc.enable()
    size = len(microseconds) // 10
    return [median(microseconds[start : start + size]) for start in range(size, size * 10, size)]


GROUPS: dict[str, Callable[[Files], list[Row | Missing]]] = {
    "eager": eager,
    "scan": scan,
    "columns": columns,
    "many": many,
    "keys": keys,
    "batches": batches,
    "live": live,
}


def main(arguments: argparse.Namespace) -> None:
    """Measure the chosen groups, and print a table of each."""
    rows = QUICK_ROWS if arguments.quick else arguments.rows
    folder = Path(tempfile.mkdtemp(prefix="rangebar-calls-", dir=arguments.folder))
    command = " ".join(["python benches/calls.py", *sys.argv[1:]])
    printed = [f"`{command}`", machine()]
    print("\n\n".join(printed), flush=True)
    files, started = Files(folder, rows), time.monotonic()
    try:
        for name in arguments.only or GROUPS:
            described = (GROUPS[name].__doc__ or "").strip()
            printed += [f"### {name}", described, table(GROUPS[name](files))]
            print("", *printed[-3:], sep="\n\n", flush=True)
    finally:
        if arguments.keep:
            print(f"\nkept {folder}")
        else:
            shutil.rmtree(folder)
    print(f"\nin {time.monotonic() - started:.0f} s")
    if arguments.write is not None:
        arguments.write.write_text("\n\n".join(printed) + "\n")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--rows", type=int, default=ROWS, help="of the large file (%(default)s)")
    size.add_argument("--quick", action="store_true", help=f"with {QUICK_ROWS} rows")
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, metavar="GROUP", help=", ".join(GROUPS)
    )
    parser.add_argument("--write", type=Path, help="a Markdown file for the tables")
    parser.add_argument("--folder", type=Path, help="where the trades are written (about 5 GB)")
    parser.add_argument("--keep", action="store_true", help="do not delete them")
    parser.add_argument("--plan", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    given = parse()
    if given.plan:
        measure_plan(*given.plan)
    else:
        main(given)
