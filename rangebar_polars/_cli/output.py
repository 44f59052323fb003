"""Where results are put: a table on a terminal, data in a pipe, or a file."""

import json
import os
import shutil
import sys
import tempfile
import textwrap
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import polars as pl

from rangebar_polars._cli.console import Console
from rangebar_polars._cli.counted import counted
from rangebar_polars._cli.formats import STANDARD, Format, format_of
from rangebar_polars._core.batches import batches

_SHOWN_ROWS: Final = 20
_SHOWN_CHARACTERS: Final = 60
_LINE: Final = 12
"""Characters of a line, where texts are broken into lines."""

_ANY_WIDTH: Final = 10_000
_FRACTIONS: Final = {1_000_000_000: "", 1_000_000: "%.3f", 1_000: "%.6f"}
"""How fractions of a second are written that are multiples of so many nanoseconds."""


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


def write(
    plan: pl.LazyFrame, out: str | None, given: str | None, *, what: str, console: Console
) -> None:
    """Run a plan and put its rows where they are wanted, with a note of what was written.

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
    console
        Where progress ends and the note is put.
    """
    if out is None and given is None and sys.stdout.isatty():
        frame = plan.collect(engine="streaming")
        console.end_progress()
        _print_some(frame, what)
        return
    if out is None or out == STANDARD:
        _write_standard(plan, given or "csv", console)
        return
    counts = deque([0], maxlen=1)
    with _replaced(Path(out)) as path:
        rows = counted(plan, counts.append)
        _sink(rows, path, format_of(out, given, "-o"), is_zipped=out.lower().endswith(".gz"))
    console.note(f"{out}: {_number(counts[-1], what)}")


def _print_some(frame: pl.DataFrame, what: str) -> None:
    """Print the first and last rows, as many columns as fit, and what is left out."""
    shown = for_people(pl.concat([frame.head(_SHOWN_ROWS), frame.tail(_SHOWN_ROWS)]))
    shown = shown if frame.height > 2 * _SHOWN_ROWS else for_people(frame)
    width, columns = shutil.get_terminal_size().columns, frame.width
    while columns > 1 and _width(_table(shown[:, :columns], _SHOWN_ROWS)) > width:
        columns -= 1
    click.echo(_table(shown[:, :columns], _SHOWN_ROWS))
    hidden = [
        _number(total - there, of)
        for of, total, there in (
            (what, frame.height, min(frame.height, _SHOWN_ROWS)),
            ("columns", frame.width, columns),
        )
        if total > there
    ]
    left_out = f" (not shown: {', '.join(hidden)}; -o writes all)" if hidden else ""
    click.echo(f"{_number(frame.height, what)}{left_out}")


def _number(count: int, things: str) -> str:
    return f"{count:,} {things.removesuffix('s') if count == 1 else things}"


def _sink(plan: pl.LazyFrame, path: Path, format_: Format, *, is_zipped: bool) -> None:
    if format_ == "parquet":
        plan.sink_parquet(path)
    elif format_ == "ipc":
        plan.sink_ipc(path)
    else:
        compression: Any = "gzip" if is_zipped else "uncompressed"
        _with_texts(plan).sink_csv(path, compression=compression, check_extension=False)


def _with_texts(plan: pl.LazyFrame) -> pl.LazyFrame:
    """Return a plan whose lists of structs are JSON, which a CSV can hold."""
    lists = [name for name, dtype in plan.collect_schema().items() if dtype == pl.List]
    return plan.with_columns(
        pl.format(
            "[{}]", pl.col(name).list.eval(pl.element().struct.json_encode()).list.join(",")
        ).alias(name)
        for name in lists
    )


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


def _write_standard(plan: pl.LazyFrame, format_: str, console: Console) -> None:
    if format_ == "csv":
        _write_csv(plan, console)
        return
    with tempfile.TemporaryFile() as whole:
        sink: Any = plan.sink_parquet if format_ == "parquet" else plan.sink_ipc
        sink(whole)
        whole.seek(0)
        console.end_progress()
        shutil.copyfileobj(whole, _standard())


def _write_csv(plan: pl.LazyFrame, console: Console) -> None:
    """Print rows as they are made, so that a reader who has enough ends the work."""
    plan = _with_texts(plan)
    schema, is_first = plan.collect_schema(), True
    for rows in batches(plan, schema):
        console.end_progress()
        _standard().write(rows.write_csv(include_header=is_first).encode())
        _standard().flush()
        is_first = False
    if is_first:
        console.end_progress()
        _standard().write(schema.to_frame().write_csv().encode())


def _standard() -> BinaryIO:
    return sys.stdout.buffer


def show(
    frame: pl.DataFrame,
    what: str,
    *,
    as_json: bool,
    usual: Mapping[str, object] | None = None,
    details: Collection[str] = (),
) -> None:
    """Print a short frame: JSON if asked for, a table on a terminal, else CSV.

    Parameters
    ----------
    frame
        The frame.
    what
        What its rows are called.
    as_json
        Whether JSON was asked for.
    usual
        What columns usually hold. A table on a terminal leaves out those that hold nothing else,
        and those that hold only null, 0, false or nothing.
    details
        Columns that a table on a terminal leaves out in any case.
    """
    if as_json:
        click.echo(frame.write_json())
    elif not sys.stdout.isatty():
        click.echo(flat(frame).write_csv(), nl=False)
    elif frame.is_empty():
        click.echo(f"no {what}")
    else:
        expected = usual or {}
        spoken = [
            name
            for name in frame.columns
            if name not in details
            and any(value and value != expected.get(name) for value in frame[name].to_list())
        ]
        _print_blocks(for_people(flat(frame.select(spoken))))


def _print_blocks(frame: pl.DataFrame) -> None:
    """Print all rows and columns, in as few tables as the terminal has room for.

    Names and texts are broken into lines where that helps. Each table after the first begins with
    the columns that distinguish its rows.
    """
    width, height = shutil.get_terminal_size().columns, frame.height
    if _width(_table(frame, height)) > width:
        frame = _broken(frame)
    names = frame.columns
    keys = next((n for n in range(1, len(names)) if frame[:, :n].is_unique().all()), 0)
    first = 0
    while first < len(names):
        before, last = names[: min(keys, first)], len(names)
        while (
            last > first + 1 and _width(_table(frame[before + names[first:last]], height)) > width
        ):
            last -= 1
        click.echo(_table(frame[before + names[first:last]], height))
        first = last


def _broken(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose names and texts are broken into lines."""
    texts = pl.col(pl.String)
    shorter = texts.str.head(_SHOWN_CHARACTERS - 1) + "…"
    broken = pl.when(texts.str.len_chars() > _SHOWN_CHARACTERS).then(shorter).otherwise(texts)
    return frame.with_columns(
        broken.map_elements(lambda text: textwrap.fill(text, _LINE), return_dtype=pl.String)
    ).rename(lambda name: name.replace("_", "_\n").replace(" ", "\n"))


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose lists and structs are JSON, which a CSV can hold."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(
        pl.Series(
            name,
            [
                None if cell is None else json.dumps(cell, default=str)
                for cell in frame[name].to_list()
            ],
            pl.String,
        )
        for name in nested
    )


def for_people(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose times are as short as they can be, with their zone in the header."""
    return frame.select(
        _short_times(column) if isinstance(column.dtype, pl.Datetime) else column
        for column in frame.iter_columns()
    )


def _short_times(column: pl.Series) -> pl.Series:
    zone = getattr(column.dtype, "time_zone", None)
    name = f"{column.name} ({zone})" if zone else column.name
    nanoseconds = column.dt.nanosecond()
    digits = next(
        (digits for unit, digits in _FRACTIONS.items() if (nanoseconds % unit == 0).all()), "%.9f"
    )
    return column.dt.strftime(f"%Y-%m-%d %H:%M:%S{digits}").alias(name)


def _width(text: str) -> int:
    return max(map(len, text.splitlines()))


def _table(frame: pl.DataFrame, rows: int) -> str:
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    with pl.Config(
        tbl_formatting="UTF8_FULL_CONDENSED" if utf8 else "ASCII_FULL_CONDENSED",
        tbl_rows=rows,
        tbl_cols=frame.width,
        tbl_width_chars=_ANY_WIDTH,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        fmt_str_lengths=_SHOWN_CHARACTERS,
    ):
        return str(frame)
