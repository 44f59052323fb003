"""``status``, ``list-symbols``, ``clear``: what is cached."""

from typing import Any, get_args

import click
import polars as pl

import rangebar_polars as rb
from rangebar_polars._catalog.status import Kind
from rangebar_polars._cli import options
from rangebar_polars._cli.console import Console
from rangebar_polars._cli.output import show
from rangebar_polars._cli.verb import FAILED, Verb
from rangebar_polars.archive import archive_of
from rangebar_polars.schema import RULE_VERSION

_USUAL = {"prevent_same_timestamp_close": True, "rule_version": RULE_VERSION}


@click.command(cls=Verb)
@click.argument("symbol", required=False)
@options.only
@options.as_json
def status(*, as_json: bool, **only: Any) -> None:  # noqa: ANN401 - arguments of `cache_status`
    r"""Report what is cached: trades and bars.

    There is a row for each series of trades, and for each chain of bars.

    \b
    rangebar-polars status
    rangebar-polars status BTCUSDT -t 250 --json
    """
    show(rb.cache_status(**only), "cached trades or bars", as_json=as_json, usual=_USUAL)


@click.command("list-symbols", cls=Verb)
@click.option("--available", is_flag=True, help="List the symbols of the archive instead.")
@options.archive
@options.only
@options.as_json
def list_symbols(
    *,
    available: bool,
    archive: str | None,
    as_json: bool,
    **only: Any,  # noqa: ANN401 - arguments of `cache_status`
) -> None:
    r"""List the symbols that are cached, or those of the archive.

    \b
    rangebar-polars list-symbols
    rangebar-polars list-symbols --available --market um
    """
    if available:
        found = _available(only["source"] or "binance", only["market"] or "spot", archive)
    else:
        days = pl.col("days")
        is_bars = pl.col("kind") == "bars"
        found = (
            rb.cache_status(**only)
            .group_by("source", "market", "symbol", maintain_order=True)
            .agg(
                days.filter(~is_bars).sum().alias("days_of_trades"),
                pl.col("rule").drop_nulls().unique().sort().str.join(" ").alias("rules"),
                pl.col("rows").filter(is_bars).sum().alias("bars"),
            )
        )
    show(found, "cached symbols", as_json=as_json)


def _available(source: str, market: str, url: str | None) -> pl.DataFrame:
    archive = archive_of(source, url)
    if archive is None:
        raise click.UsageError(f"source {source!r} has no archive (leave --available out)")
    connection = archive.connect()
    try:
        symbols = connection.symbols(market)
    finally:
        connection.close()
    if symbols is None:
        raise rb.ArchiveError(
            f"the archive of {source} has no list of symbols (set RANGEBAR_BINANCE_LISTING_URL to "
            "that of the mirror)"
        )
    return pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String})


@click.command(cls=Verb)
@click.argument("symbol", required=False)
@click.option("--all-symbols", is_flag=True, help="Clear every symbol.")
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    default="bars",
    show_default=True,
    help="What to clear: stored bars, or cached trades.",
)
@options.only
@click.option("--confirm", is_flag=True, help="Clear it; without this it is only listed.")
@options.as_json
@click.pass_context
def clear(
    ctx: click.Context,
    /,
    symbol: str | None,
    *,
    all_symbols: bool,
    kind: Kind,
    confirm: bool,
    as_json: bool,
    **only: Any,  # noqa: ANN401 - arguments of `cache_clear`
) -> None:
    r"""Clear stored bars, or cached trades, of SYMBOL.

    Without --confirm, what would be cleared is listed and nothing is; the exit code is then 1.

    \b
    rangebar-polars clear BTCUSDT --confirm
    rangebar-polars clear --all-symbols --kind ticks --confirm
    """
    if (symbol is None) != all_symbols:
        raise click.UsageError("give SYMBOL or --all-symbols, and not both")
    for name, option in (("threshold_decimal_bps", "-t"), ("rule", "--rule")):
        if kind == "ticks" and only[name] is not None:
            raise click.UsageError(f"trades have no rule (leave {option} out, or give --kind bars)")
    console = ctx.ensure_object(Console)
    if confirm:
        gone = rb.cache_clear(kind, symbol=symbol, **only)
    else:
        gone = rb.cache_status(symbol=symbol, **only).filter(pl.col("kind") == kind)
    show(gone, f"cached {kind}", as_json=as_json, usual=_USUAL)
    if not confirm and gone.height:
        console.warn("nothing was cleared (add --confirm to clear this)")
        ctx.exit(FAILED)
