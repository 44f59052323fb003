"""All that is imported at once: a frame, or files that follow each other."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._ticks.import_paths import files_of
from rangebar_polars._ticks.import_source import (
    OpenZip,
    Source,
    is_path,
    source_of_file,
    source_of_url,
)
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.schema import ArrowStream, is_arrow_stream

ROW_BITS: Final = 40
"""The number of a row has that of its source above so many bits."""
_FRAME: Final = "the trades"

Trades = (
    pl.DataFrame
    | pl.LazyFrame
    | ArrowStream
    | str
    | os.PathLike[str]
    | Sequence[str | os.PathLike[str]]
)
"""What trades may be given as: a frame, a plan, a table of another library, files."""


@dataclass(frozen=True)
class Sources:
    """Trades that follow each other, and what messages call them."""

    sources: list[Source]

    @property
    def what(self) -> str:
        """What messages call all of them."""
        if len(self.sources) == 1:
            return self.sources[0].what
        return f"{len(self.sources)} files"

    @property
    def given(self) -> str:
        """What a user gives to have the rows in another order."""
        if len(self.sources) > 1:
            return "a frame of all files"
        return "the file's frame" if self.sources[0].is_file else "the frame"

    def place(self, number: int) -> str:
        """Say where the row of a number is."""
        source = self.sources[number >> ROW_BITS]
        place = source.place(number & ((1 << ROW_BITS) - 1))
        return place if len(self.sources) == 1 else f"{place} of {source.what}"


def sources_of(  # noqa: PLR0917 - the parts of one import
    trades: Trades,
    columns: TradeColumns,
    symbol: str | None,
    storage_options: Mapping[str, Any] | None,
    open_zip: OpenZip,
) -> Sources:
    """Return the trades that are given, file by file.

    Parameters
    ----------
    trades
        The trades.
    columns, storage_options, open_zip
        As in `rangebar_polars._ticks.import_trades.import_days`.
    symbol
        The column of symbols, if they are of several.

    Raises
    ------
    TypeError, ValueError
        They are given as nothing that is read, or a file is none of trades.
    QualityError
        A file cannot be read.
    """
    native = getattr(trades, "to_native", None)
    if native is not None and hasattr(trades, "implementation"):
        return sources_of(native(), columns, symbol, storage_options, open_zip)
    frame: pl.LazyFrame | None = None
    if isinstance(trades, pl.DataFrame | pl.LazyFrame):
        frame = trades.lazy()
    elif is_arrow_stream(trades):
        wanted = [*columns.names().values(), *([] if symbol is None else [symbol])]
        frame = _internal.read_table(trades, wanted).lazy()
    files = list[Path | str]()
    if frame is None:
        paths: Any = [trades] if is_path(trades) else trades
        if not isinstance(paths, list | tuple) or not all(map(is_path, paths)):
            raise TypeError(
                f"trades is a {type(trades).__name__} (give a frame, an object with "
                "__arrow_c_stream__, a path, or a list of paths)"
            )
        files = files_of(paths)
        if not files:
            raise ValueError("trades is empty: expected a path, or several")
    if storage_options is not None and not any(isinstance(each, str) for each in files):
        raise ValueError("storage_options is given, and no trades of a URL (leave it out)")
    if frame is not None:
        return Sources([Source(what=_FRAME, frame=frame)])
    return Sources(
        [
            source_of_url(each, columns, storage_options)
            if isinstance(each, str)
            else source_of_file(each, columns, open_zip)
            for each in files
        ]
    )
