"""A verb of the command line: how it ends, and with which exit code."""

import os
import sys
from typing import Any, Final

import click
import polars as pl

from rangebar_polars._cli import INTERRUPTED
from rangebar_polars._cli.console import Console
from rangebar_polars._cli.options import console_options
from rangebar_polars._cli.remedies import in_options, one_line
from rangebar_polars.errors import RangeBarError

FAILED: Final = 1
MISUSED: Final = 2
CLOSED_PIPE: Final = 141
_EXPECTED: Final = (RangeBarError, pl.exceptions.PolarsError, OSError, ImportError)
_MISUSE: Final = (ValueError, TypeError)


class Verb(click.Command):
    """A command whose errors are one line, and which ends quietly when nobody wants its output."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as click has them
        super().__init__(*args, **kwargs)
        self.help = with_kept_lines(self.help)
        self.params.extend(console_options())

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the verb."""
        console = ctx.ensure_object(Console)
        try:
            with console.warnings(lambda text: in_options(text, self.params)):
                result = super().invoke(ctx)
                sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit):
            console.clear()
            raise
        except KeyboardInterrupt:
            console.clear()
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _forget_output()
            ctx.exit(CLOSED_PIPE)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an error of the verb
            text = one_line(error)
            if text.rstrip(": ").endswith("KeyboardInterrupt"):
                # It reached the part of a plan that is Python, and Polars made its own error of it.
                console.clear()
                ctx.exit(INTERRUPTED)
            if not isinstance(error, _EXPECTED + _MISUSE):
                text = f"{type(error).__name__}: {text} (-v shows where; please report it)"
            console.fail(in_options(text, self.params))
            ctx.exit(MISUSED if isinstance(error, _MISUSE) else FAILED)
        console.clear()
        return result


def with_kept_lines(text: str | None) -> str:
    r"""Return a help whose paragraphs after ``\b`` are not filled, as click marks them."""
    return (text or "").replace("\\b\n", "\b\n")


def _forget_output() -> None:
    """Let nothing be written to a pipe that is closed when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
