"""The bars that a recorder has saved, for any process."""

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._disk.cache_root import local_path
from rangebar_polars._live.part import part_paths, read_part, read_schema
from rangebar_polars.errors import StoreError


@named
def scan_recorded_bars(folder: str | os.PathLike[str]) -> pl.LazyFrame:
    """Return the bars that a `BarRecorder` has saved in a folder, as a lazy frame.

    Any process may read them, also while the recorder runs. The files are looked for in each run of
    the plan, and each is read through one handle and compared with what was written.
    ``pl.scan_parquet(f"{folder}/*.parquet")`` reads the same rows, but fails at times while the
    last file is replaced, and does not see damage.

    Parameters
    ----------
    folder
        The folder of the recorder.

    Returns
    -------
    LazyFrame
        The bars in order, with the columns of the processor. Only the columns that the plan uses
        are read.

    Raises
    ------
    StoreError
        The folder has no recorded bars, or lacks a file. When the plan runs: a file is damaged, or
        of another version.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> day = {"timestamp": ["2024-01-01 00:00", "2024-01-01 01:00"], "price": [100.0, 101.0]}
    >>> trades = pl.DataFrame(day | {"quantity": 1.0}).with_columns(
    ...     pl.col("timestamp").str.to_datetime()
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with rb.BarRecorder(folder, rb.RangeBarProcessor(250)) as recorder:
    ...         bars = recorder.process_trades(trades)
    ...     rb.scan_recorded_bars(folder).collect().equals(bars)
    True
    """
    path = local_path(folder, "folder")

    def frames(columns: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
        before = 0
        for each in _recorded(path):
            # A column is read in any case, because it has the number of the bars.
            part, bars = read_part(each, columns or (None if columns is None else ["open"]))
            if part.bars_before != before:
                raise StoreError(
                    f"{each} follows {part.bars_before} bars, and the parts before it have "
                    f"{before} (an older copy is among them: restore the newest)"
                )
            before += bars.height
            if bars.height > 0:
                yield bars

    return lazy_source(frames, read_schema(_recorded(path)[-1]))


def _recorded(folder: Path) -> list[Path]:
    """Return the parts of a folder that has some."""
    paths = part_paths(folder)
    if not paths:
        raise StoreError(f"{folder} has no recorded bars (give the folder of a BarRecorder)")
    return paths
