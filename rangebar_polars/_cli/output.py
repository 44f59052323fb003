"""Where results are put: a table on a terminal, data in a pipe, or a file."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import polars as pl

from rangebar_polars._cli.formats import STANDARD, Format, format_of
from rangebar_polars._core.batches import batches

_SHOWN_ROWS: Final = 20
_SHOWN_CHARACTERS: Final = 60
_ANY_WIDTH: Final = 10_000


def check_output(out: str | None, given: str | None) -> None:
    """Refuse a place for results before any is made.

    Raises
    ------
    click.UsageError
        The suffix is that of no format, the folder is not there, or a terminal would get bytes.
    """
    if out is None or out == STANDARD:
        if sys.stdout.isatty() and given in {"parquet", "ipc"}:
            raise click.UsageError(
                f"a terminal cannot show {given} (give -o FILE, or redirect the output)"
            )
        return
    format_of(out, given, "-o")
    folder = Path(out).parent
    if not folder.is_dir():
        raise click.BadParameter(f"there is no folder {str(folder)!r}", param_hint="-o")


def write(plan: pl.LazyFrame, out: str | None, given: str | None, what: str) -> str | None:
    """Run a plan and put its rows where they are wanted.

    Parameters
    ----------
    plan
        The plan; its rows need not fit into memory, except for a table on a terminal.
    out
        A file, ``-`` for standard output, or None: a table on a terminal, else CSV.
    given
        The format, if it is not that of the file's suffix.
    what
        What the rows are called.

    Returns
    -------
    str or None
        A line about the file that was written.
    """
    if out is None and given is None and sys.stdout.isatty():
        frame = plan.collect(engine="streaming")
        print_table(frame)
        click.echo(f"{frame.height:,} {what}" + _shortened(frame.height))
        return None
    if out is None or out == STANDARD:
        _write_standard(plan, (given or "csv"))
        return None
    with _replaced(Path(out)) as path:
        _sink(plan, path, format_of(out, given, "-o"), is_zipped=out.lower().endswith(".gz"))
    return f"{out}: {Path(out).stat().st_size:,} bytes of {what}"


def _shortened(height: int) -> str:
    return "" if height <= _SHOWN_ROWS else f", of which {_SHOWN_ROWS} are shown (-o writes all)"


def _sink(plan: pl.LazyFrame, path: Path, format_: Format, *, is_zipped: bool) -> None:
    if format_ == "parquet":
        plan.sink_parquet(path)
    elif format_ == "ipc":
        plan.sink_ipc(path)
    else:
        compression: Any = "gzip" if is_zipped else "uncompressed"
        plan.sink_csv(path, compression=compression, check_extension=False)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Give a file beside another one, which it replaces once it is whole."""
    if path.exists() and not path.is_file():
        yield path  # a device or a named pipe
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        _allow_as_usual(name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _allow_as_usual(name: str) -> None:
    """Give a file the rights of any new file; a temporary one is its owner's alone."""
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(0o666 & ~mask)


def _write_standard(plan: pl.LazyFrame, format_: str) -> None:
    if format_ == "csv":
        _write_csv(plan)
        return
    with tempfile.TemporaryFile() as whole:
        sink: Any = plan.sink_parquet if format_ == "parquet" else plan.sink_ipc
        sink(whole)
        whole.seek(0)
        shutil.copyfileobj(whole, _standard())


def _write_csv(plan: pl.LazyFrame) -> None:
    """Print rows as they are made, so that a reader who has enough ends the work."""
    schema, is_first = plan.collect_schema(), True
    for rows in batches(plan, schema):
        _standard().write(rows.write_csv(include_header=is_first).encode())
        _standard().flush()
        is_first = False
    if is_first:
        _standard().write(schema.to_frame().write_csv().encode())


def _standard() -> BinaryIO:
    return sys.stdout.buffer


def show(frame: pl.DataFrame, what: str, *, as_json: bool, trimmed: bool = False) -> None:
    """Print a short frame: JSON if asked for, a table on a terminal, else CSV.

    Parameters
    ----------
    frame
        The frame.
    what
        What its rows are called.
    as_json
        Whether JSON was asked for.
    trimmed
        Whether a table leaves out columns that say nothing in any row: null, 0, false or empty.
    """
    if as_json:
        click.echo(frame.write_json())
    elif not sys.stdout.isatty():
        click.echo(flat(frame).write_csv(), nl=False)
    elif frame.is_empty():
        click.echo(f"no {what}")
    else:
        spoken = [name for name in frame.columns if any(frame[name])] if trimmed else frame.columns
        print_table(flat(frame.select(spoken)), rows=frame.height)


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose lists and structs are JSON, which a CSV can hold."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(
        pl.Series(
            name,
            [None if cell is None else json.dumps(cell, default=str) for cell in frame[name]],
            pl.String,
        )
        for name in nested
    )


def print_table(frame: pl.DataFrame, *, rows: int = _SHOWN_ROWS) -> None:
    """Print a table with as many columns as the terminal has room for."""
    width = shutil.get_terminal_size().columns
    for columns in range(frame.width, 0, -1):
        text = _table(frame, rows, columns)
        if max(map(len, text.splitlines())) <= width:
            break
    click.echo(text)


def _table(frame: pl.DataFrame, rows: int, columns: int) -> str:
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    with pl.Config(
        tbl_formatting="UTF8_FULL_CONDENSED" if utf8 else "ASCII_FULL_CONDENSED",
        tbl_rows=rows,
        tbl_cols=columns,
        tbl_width_chars=_ANY_WIDTH,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        fmt_str_lengths=_SHOWN_CHARACTERS,
    ):
        return str(frame)
