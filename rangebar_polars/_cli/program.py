"""The program: its verbs, and what its help says."""

import click

from rangebar_polars._cli.bars import bars
from rangebar_polars._cli.cache import clear, list_symbols, status
from rangebar_polars._cli.check import plot, validate
from rangebar_polars._cli.completion import completion
from rangebar_polars._cli.console import Console
from rangebar_polars._cli.days import fetch, get, import_, populate, quality
from rangebar_polars._cli.doctor import doctor
from rangebar_polars._cli.verb import with_kept_lines

NAME = "rangebar-polars"
VERBS = (
    bars, get, fetch, import_, populate, quality, status, list_symbols, clear, validate, plot,
    doctor, completion,
)  # fmt: skip
"""In the order of the help: the most used first."""


class Program(click.Group):
    """The verbs, listed in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click has it
        """Return the names of the verbs."""
        return list(self.commands)


@click.command(
    NAME,
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name=NAME, message="%(prog)s %(version)s")
@click.pass_context
def program(ctx: click.Context) -> None:
    r"""Make range bars of tick data.

    A range bar closes with the first trade whose price is a fixed percentage away from the bar's
    open. Thresholds are in decimal basis points: 250 is 0.25 %. Days are UTC days, YYYY-MM-DD, both
    included.

    \b
    rangebar-polars bars trades.parquet -t 250 -o bars.parquet
    cat trades.csv | rangebar-polars bars - -t 250 > bars.csv
    rangebar-polars get BTCUSDT 2024-01-01 2024-01-31 -t 250 -o btc.parquet
    """
    ctx.ensure_object(Console)


program.help = with_kept_lines(program.help)
for _verb in VERBS:
    program.add_command(_verb)
