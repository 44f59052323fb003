"""Bars as an Arrow table."""

from typing import TYPE_CHECKING

import polars as pl

from rangebar_polars._extras import extra

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


def to_arrow(bars: pl.DataFrame) -> "pa.Table":
    """Return the bars as a pyarrow table, mostly without a copy.

    Libraries that read ``__arrow_c_stream__`` (DuckDB, pandas, pyarrow itself) take the frame as it
    is; this is for those that ask for a table of pyarrow.

    Parameters
    ----------
    bars
        Bars, of any columns.

    Returns
    -------
    pyarrow.Table
        A row for each bar; dtypes, nulls, units and zones stay.

    Raises
    ------
    ModuleNotFoundError
        pyarrow is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.read_parquet("examples/btcusdt-trades.parquet")
    >>> rb.bars(trades, 25).rangebar.to_arrow().num_rows
    100
    """
    extra("pyarrow", needed_by="to_arrow", name="arrow")
    return bars.to_arrow()
