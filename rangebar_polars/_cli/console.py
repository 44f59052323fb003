"""What is printed beside results, on standard error: progress, notes, warnings and errors."""

import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

import click

from rangebar_polars._progress import FetchProgress, Progress
from rangebar_polars.errors import RangeBarWarning

SECONDS_BETWEEN_UPDATES: Final = 0.1
_ERASE_LINE: Final = "\r\x1b[K"


@dataclass
class Console:
    """Standard error as one command uses it.

    Attributes
    ----------
    quiet
        Whether progress and notes are left out. Warnings and errors are not.
    verbose
        Whether an error is followed by its traceback.
    """

    quiet: bool = False
    verbose: bool = False
    _next_update: float = field(default=0.0, repr=False)
    _has_line: bool = field(default=False, repr=False)
    _is_over: bool = field(default=False, repr=False)

    @property
    def shows_progress(self) -> bool:
        """Whether there is someone to look at it."""
        return not (self.quiet or self._is_over) and sys.stderr.isatty()

    def fetch_progress(self) -> Progress | None:
        """Return what a call of the package reports its progress to; None for nobody."""
        return self._show_fetch if self.shows_progress else None

    def _show_fetch(self, progress: FetchProgress, /) -> None:
        done, total = progress.days_done, progress.days_total
        megabytes = f"{progress.bytes_done / 1e6:,.1f} MB"
        self.show(f"{progress.label}: {done:,} of {total:,} days, {megabytes}")

    def show(self, text: str) -> None:
        """Replace the line of progress, if there is someone to look at it."""
        now = time.monotonic()
        if not self.shows_progress or now < self._next_update:
            return
        self._next_update = now + SECONDS_BETWEEN_UPDATES
        width = shutil.get_terminal_size().columns - 1
        self._has_line = True  # before it has, since Ctrl-C may come between the two
        sys.stderr.write(_ERASE_LINE + text[:width])
        sys.stderr.flush()

    def clear(self) -> None:
        """Erase the line of progress."""
        if self._has_line:
            sys.stderr.write(_ERASE_LINE)
            sys.stderr.flush()
            self._has_line = False

    def end_progress(self) -> None:
        """Show no more of it: a result is printed now, perhaps on the same terminal."""
        self.clear()
        self._is_over = True

    def note(self, text: str) -> None:
        """Say what was done, unless quiet."""
        self.clear()
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Say what a result does not show by itself."""
        self.clear()
        click.echo(f"Warning: {text}", err=True)

    def fail(self, text: str) -> None:
        """Say in one line why there is no result, with the traceback where it was asked for."""
        self.clear()
        if self.verbose:
            click.echo(traceback.format_exc().rstrip("\n"), err=True)
        click.echo(f"Error: {text}", err=True)

    @contextmanager
    def warnings(self, edit: Callable[[str], str]) -> Iterator[None]:
        """Print each warning of the package as a line, and no other's."""

        def show(  # noqa: PLR0917 - as Python calls it
            message: Warning | str,
            category: type[Warning],
            filename: str,  # noqa: ARG001 - as above
            lineno: int,  # noqa: ARG001 - as above
            file: TextIO | None = None,  # noqa: ARG001 - as above
            line: str | None = None,  # noqa: ARG001 - as above
        ) -> None:
            if issubclass(category, RangeBarWarning):
                self.warn(edit(str(message)))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", RangeBarWarning)
            warnings.showwarning = show
            yield
