"""``get``, ``fetch``, ``import``, ``populate``, ``quality``: trades and bars of days."""

from typing import Any

import click
import polars as pl

import rangebar_polars as rb
from rangebar_polars._cli import options
from rangebar_polars._cli.console import Console
from rangebar_polars._cli.output import check_output, show, write
from rangebar_polars._cli.verb import FAILED, Verb
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars._trade_columns import TradeColumns

_symbols = click.argument("symbols", metavar="SYMBOL...", nargs=-1, required=True)
_USUAL = {"verified": True}
_DETAILS = ("archive", "sha256", "unit", "first_agg_trade_id", "last_agg_trade_id")
_start = click.argument("start")
_end = click.argument("end")
_refresh = click.option(
    "--refresh", is_flag=True, help="Fetch days that the archive has replaced or that are damaged."
)


def _as_given(symbols: tuple[str, ...]) -> str | list[str]:
    """Return one symbol as itself, whose rows need no column of it."""
    return symbols[0] if len(symbols) == 1 else list(symbols)


@click.command(cls=Verb)
@_symbols
@_start
@_end
@options.rule
@options.bar_columns
@options.features
@options.output
@options.fetching
@options.store
@click.option("--no-store", "use_cache", flag_value=False, default=True, help="Store no bars.")
@click.pass_obj
def get(
    console: Console,
    /,
    symbols: tuple[str, ...],
    start: str,
    end: str,
    *,
    out: str | None,
    out_format: str | None,
    **rule: Any,  # noqa: ANN401 - arguments of `scan_range_bars`
) -> None:
    r"""Get bars of days: stored ones, or made of trades.

    START and END are UTC days, both included; the first trade of START opens the first bar. The
    first call downloads, checks and caches the trades, makes the bars and stores them; the second
    call reads the stored bars. Several symbols give a column symbol.

    \b
    rangebar-polars get BTCUSDT 2024-01-01 2024-01-31 -t 250
    rangebar-polars get BTCUSDT ETHUSDT 2024-01-01 2024-01-31 --market um -o bars.parquet
    rangebar-polars get BTCUSDT 2024-01-01 2024-01-31 --features ofi --features intra_kaufman_er
    """
    check_output(out, out_format)
    progress = console.fetch_progress()
    plan = rb.scan_range_bars(_as_given(symbols), start, end, progress=progress, **rule)
    console.clear()
    write(plan, out, out_format, what="bars", console=console)


@click.command(cls=Verb)
@_symbols
@_start
@_end
@options.output
@options.fetching
@_refresh
@options.as_json
@click.pass_obj
def fetch(
    console: Console,
    /,
    symbols: tuple[str, ...],
    start: str,
    end: str,
    *,
    out: str | None,
    out_format: str | None,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 - arguments of `scan_ticks`
) -> None:
    r"""Fetch trades of days into the cache, and count them.

    START and END are UTC days, both included. With -o the trades are written too.

    \b
    rangebar-polars fetch BTCUSDT 2024-01-01 2024-01-31
    rangebar-polars fetch BTCUSDT 2024-01-01 2024-01-01 -o trades.parquet
    """
    check_output(out, out_format)
    trades = rb.scan_ticks(list(symbols), start, end, progress=console.fetch_progress(), **settings)
    console.clear()
    if out is not None or out_format is not None:
        rows = trades if len(symbols) > 1 else trades.drop("symbol")
        write(rows, out, out_format, what="trades", console=console)
        return
    time = pl.col("timestamp")
    found = trades.group_by("symbol", maintain_order=True).agg(
        pl.len().alias("trades"), time.min().alias("first"), time.max().alias("last")
    )
    show(found.collect(engine="streaming"), "trades", as_json=as_json)


@click.command("import", cls=Verb)
@click.argument("trades", metavar="IN...", nargs=-1, required=True, type=click.Path())
@click.option("--symbol", help="What to call them; by default their column symbol says it.")
@click.option("--source", required=True, help="What to call where they are from.")
@click.option("--market", default="spot", show_default=True, help="As your source calls it.")
@options.trade_columns
@click.option("--replace", is_flag=True, help="Replace days that are cached with other trades.")
@options.cache_dir
@options.cache_compression
@options.as_json
def import_(
    trades: tuple[str, ...],
    *,
    columns: TradeColumns | None,
    time_unit: TimeUnit | None,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 - arguments of `import_trades`
) -> None:
    r"""Put your own trades into the cache.

    IN are files: .csv, .csv.gz, .csv.zst, .parquet, or .zip as Binance's archive has them; folders
    and patterns of such files, which are sorted by name; URLs of s3://, https:// and others.
    Several are read in the order given. Afterwards get, fetch and quality find the trades under the
    name that --source gives.

    \b
    rangebar-polars import trades.csv --source mine --symbol BTC-USD --time-unit ms
    rangebar-polars import days/*.csv.gz --source mine --symbol BTC-USD --columns side=side
    rangebar-polars get BTC-USD 2024-01-01 2024-01-31 --source mine
    """
    given = trades[0] if len(trades) == 1 else list(trades)
    report = rb.import_trades(given, columns=columns, time_unit=time_unit, **settings)
    show(report, "days", as_json=as_json, usual=_USUAL, details=_DETAILS)


@click.command(cls=Verb)
@_symbols
@click.option("-s", "--start", required=True, help="The first day, where the bars begin.")
@click.option("-e", "--end", required=True, help="The last day.")
@options.rule
@options.features
@options.fetching
@options.store
@click.option(
    "--unit",
    type=click.Choice(["symbol", "month"]),
    default="symbol",
    show_default=True,
    help="What one process fills at once: a symbol, or a month of one, for few large symbols.",
)
@click.option("--processes", type=int, help="How many of these are filled at once.")
@options.as_json
@click.pass_context
def populate(
    ctx: click.Context,
    /,
    symbols: tuple[str, ...],
    start: str,
    end: str,
    *,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 - arguments of `populate`
) -> None:
    r"""Fill the caches with trades and bars of many symbols.

    What is there is not made again, so an interrupted call is continued by the next one. The exit
    code is 1 if a symbol is not whole.

    \b
    rangebar-polars populate BTCUSDT ETHUSDT -s 2024-01-01 -e 2024-06-30 -t 100 -t 250
    """
    progress = ctx.ensure_object(Console).fetch_progress()
    report = rb.populate(list(symbols), start, end, progress=progress, **settings)
    ctx.obj.clear()
    show(report, "symbols", as_json=as_json)
    if (report["status"] != "ok").any():
        ctx.exit(FAILED)


@click.command(cls=Verb)
@_symbols
@_start
@_end
@options.fetching
@_refresh
@click.option("--strict", is_flag=True, help="Exit with code 1 if a day has any defect.")
@options.as_json
@click.pass_obj
def quality(
    console: Console,
    /,
    symbols: tuple[str, ...],
    start: str,
    end: str,
    *,
    strict: bool,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 - arguments of `archive_quality`
) -> None:
    r"""Report what is known of each day of trades.

    That is rows that were dropped, put in order, or are missing. Days that are not cached are
    fetched. A table on a terminal leaves out columns that are 0 or empty in every row, and names
    and ids; --json has them all.

    \b
    rangebar-polars quality BTCUSDT 2021-05-01 2021-05-31 --market um
    rangebar-polars quality BTCUSDT 2021-05-01 2021-05-31 --json | jq '.[] | select(.gaps != [])'
    """
    progress = console.fetch_progress()
    strictness: Any = "raise" if strict else "report"
    found = rb.archive_quality(
        _as_given(symbols), start, end, progress=progress, strictness=strictness, **settings
    )
    console.clear()
    show(found, "days", as_json=as_json, usual=_USUAL, details=_DETAILS)
