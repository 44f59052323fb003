"""``bars``: bars of a file of trades, or of standard input."""

from typing import Any

import click

import rangebar_polars as rb
from rangebar_polars._cli import options
from rangebar_polars._cli.console import Console
from rangebar_polars._cli.counted import counted
from rangebar_polars._cli.formats import FORMATS
from rangebar_polars._cli.output import check_output, write
from rangebar_polars._cli.trades_file import open_trades
from rangebar_polars._cli.verb import Verb
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars._trade_columns import TradeColumns


@click.command(cls=Verb)
@click.argument("trades", metavar="IN", type=click.Path(allow_dash=True))
@options.rule
@click.option("--by", multiple=True, help="A column of keys: bars for each key. Repeatable.")
@options.bar_columns
@options.features
@options.trade_columns
@options.output
@click.option(
    "--in-format",
    type=click.Choice(FORMATS),
    help="The format of IN, where no suffix says it; of - by default that of its first bytes.",
)
@click.option(
    "--separator", default=",", show_default=True, help="What stands between two fields of a CSV."
)
@click.option(
    "--header",
    metavar="NAME,...",
    help="The names of the columns of a CSV that has no line of them.",
)
@click.pass_obj
def bars(
    console: Console,
    /,
    trades: str,
    *,
    by: tuple[str, ...],
    columns: TradeColumns | None,
    time_unit: TimeUnit | None,
    out: str | None,
    out_format: str | None,
    in_format: str | None,
    separator: str,
    header: str | None,
    **rule: Any,  # noqa: ANN401 - arguments of `rangebar_polars.bars`
) -> None:
    r"""Make bars of a file of trades, or of standard input.

    IN is a .csv, .csv.gz, .parquet or .ipc file, or - for standard input. Trades are sorted by time
    and have the columns timestamp, price and quantity, and may have is_buyer_maker, agg_trade_id,
    first_trade_id and last_trade_id; --columns gives other names. They are read batch by batch, so
    that a file may be larger than memory.

    \b
    rangebar-polars bars trades.csv --time-unit ms -t 250 -t 500 -o bars.parquet
    rangebar-polars bars trades.parquet --by symbol --microstructure -o bars.csv.gz
    rangebar-polars bars trades.parquet --features ofi --features intra_kaufman_er
    rangebar-polars bars trades.csv --columns timestamp=T,price=p,quantity=q --reset day
    zcat trades.csv.gz | rangebar-polars bars - | head
    """
    check_output(out, out_format)
    names = None if header is None else header.split(",")
    with open_trades(trades, in_format, separator=separator, header=names) as file:
        plan = file.plan(columns or TradeColumns(), time_unit)
        if console.shows_progress:
            plan = counted(plan, lambda count: console.show(f"{count:,} trades read"))
        made = rb.bars(plan, by=by or None, columns=columns, **rule)
        write(made, out, out_format, what="bars", console=console)
