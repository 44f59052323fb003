"""``validate`` and ``plot``: bars that are looked at."""

import sys
from pathlib import Path
from typing import Any

import click
import polars as pl

import rangebar_polars as rb
from rangebar_polars._cli import options
from rangebar_polars._cli.console import Console
from rangebar_polars._cli.output import show
from rangebar_polars._cli.trades_file import open_trades
from rangebar_polars._cli.verb import FAILED, Verb
from rangebar_polars._trade_columns import TradeColumns

_bars = click.argument("bars", metavar="BARS", type=click.Path(allow_dash=True))
_by = click.option("--by", multiple=True, help="A column of keys of the bars. Repeatable.")


def _table(name: str) -> pl.DataFrame:
    with open_trades(name, None) as file:
        return file.table().collect()


@click.command(cls=Verb)
@_bars
@click.argument("trades", metavar="[TRADES]", type=click.Path(), required=False)
@click.option(
    "-t",
    "--threshold",
    "threshold_decimal_bps",
    type=options.THRESHOLD,
    help="The threshold of the bars, where they have no column of it.",
)
@click.option(
    "--rule",
    type=options.RULE,
    help="The rule of the bars, such as dollar-1000000, where they have no column of it.",
)
@options.reset
@options.max_gap
@options.same_timestamp_close
@_by
@click.option(
    "--microstructure",
    "include_microstructure",
    is_flag=True,
    help="The bars were made with --microstructure: one that is missing is a failure.",
)
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id"]),
    help="A column that the trades did not have; with TRADES it is known. Repeatable.",
)
@click.option(
    "--ids-may-skip",
    "consecutive_ids",
    flag_value=False,
    default=True,
    help="The trades were filtered: ids rise, but not by one.",
)
@options.trade_columns
@options.as_json
@click.pass_context
def validate(
    ctx: click.Context,
    /,
    bars: str,
    trades: str | None,
    *,
    by: tuple[str, ...],
    columns: TradeColumns | None,
    time_unit: Any,  # noqa: ANN401 - as of the option
    as_json: bool,
    **rule: Any,  # noqa: ANN401 - arguments of `validate_tier1`
) -> None:
    r"""Check what must be true of bars.

    With TRADES, it is also checked that the bars are made of these. On a terminal only failures and
    notes are listed. The exit code is 1 if a check fails.

    \b
    rangebar-polars validate bars.parquet -t 250
    rangebar-polars validate bars.parquet trades.parquet -t 250 --json
    """
    of = None
    if trades is not None:
        with open_trades(trades, None) as file:
            of = file.plan(columns or TradeColumns(), time_unit).collect()
    report = rb.validate_tier1(_table(bars), of, by=by or None, columns=columns, **rule)
    if as_json or not sys.stdout.isatty():
        show(report.frame, "checks", as_json=as_json)
    else:
        _print(report)
    if not report.passed:
        ctx.exit(FAILED)


def _print(report: rb.Report) -> None:
    """Print what a person looks for: failures and notes, and how many checks there were."""
    for row in report.frame.filter(pl.col("status") != "pass").iter_rows(named=True):
        checked = f"{row['check']}, {row['subject']}" if row["subject"] else row["check"]
        click.echo(f"{row['status']}  {checked}: {row['message']}")
    click.echo(repr(report))


@click.command(cls=Verb)
@_bars
@click.option("-o", "--output", "out", type=click.Path(), required=True, help=".html, .svg, .png.")
@click.option("--last", type=int, default=500, show_default=True, help="How many bars, the last.")
@click.option("--title", help="What the bars are of: 'BTCUSDT, 0.25 %'.")
@click.option("--panes", multiple=True, help="A column to show below the candles. Repeatable.")
@_by
@click.pass_obj
def plot(
    console: Console,
    /,
    bars: str,
    *,
    out: str,
    by: tuple[str, ...],
    panes: tuple[str, ...],
    title: str | None,
    last: int,
) -> None:
    r"""Draw the bars in BARS: candles, and columns below them.

    \b
    rangebar-polars plot bars.parquet -o bars.html
    rangebar-polars plot bars.parquet --panes ofi --panes volume -o bars.svg
    """
    namespace = rb.FrameNamespace(_table(bars))
    chart = namespace.plot(last=last, panes=list(panes) or None, by=list(by) or None, title=title)
    chart.save(out)
    console.note(f"{out}: {Path(out).stat().st_size:,} bytes")
