"""The compiled extension of the package: the fold over trades, and the table of columns."""

from typing import Any, Final, Literal, final

import polars as pl

__all__ = [
    "ALWAYS_READ",
    "INTERFACE",
    "LEVEL_FIELDS",
    "OPENING_ROW",
    "OUTPUTS",
    "RULE_VERSION",
    "VERSION",
    "BarBuilder",
    "TableHash",
    "TradeWriter",
    "bars",
    "check_rule",
    "checkpoint_after",
    "checkpoint_position",
    "derive",
    "fitting_time_unit",
    "has_zone",
    "null_side",
    "read_checkpoint",
    "read_sides",
    "read_table",
    "rules_read",
]

OUTPUTS: Final[list[tuple[str, str, str, list[str], str, str, str | None, list[str]]]]
"""The columns of bars: name, group ("bar", "sum", "feature", "intra", "lookback", "vpin",
"stored", "footprint"), dtype, the columns of trades they read, formula, when they are null (empty:
never), dtype in stores (None: not stored), the stored columns they are computed from."""

LEVEL_FIELDS: Final[list[tuple[str, str, bool]]]
"""The fields of a level of a footprint: name, dtype ("Boolean", "Int64" or "Float64"), and whether
they are null without sides."""

ALWAYS_READ: Final[list[str]]
"""The columns of trades that every bar reads, if they are there."""

OPENING_ROW: Final[str]
"""The column with the number of the trade that opened a bar, if trades are traced."""

RULE_VERSION: Final[int]
"""The version of the bars: the same trades give the same bars under the same version."""

VERSION: Final[str]
"""The version of the package that the extension is a part of."""

INTERFACE: Final[str]
"""The text of this file when the extension was compiled; see `rangebar_polars._extension`."""

def bars(trades: object, options: dict[str, Any]) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    """Return the bars of a table of trades, and the warnings about them: name of the kind and text.

    A table is anything with ``__arrow_c_stream__``.
    ``options`` comes from `rangebar_polars._core.options.Options`.
    """

def derive(stored: object, names: list[str]) -> pl.DataFrame:
    """Return columns of bars, in this order, computed from a table of bars as stores keep them.

    A name that is no column of bars is one of the table.
    """

def null_side(columns: list[str]) -> tuple[str, str]:
    """Return the warning about bars without a side: name of the kind and text.

    In such bars, whose trades all have a null side, ``columns`` are 0 or null.
    """

def read_checkpoint(
    checkpoint: bytes,
) -> tuple[
    str | None,
    list[str],
    str | None,
    list[str],
    str | None,
    int | None,
    bool,
    bool,
    list[str],
    tuple[int, int, int] | None,
    tuple[tuple[int | None, int | None] | None, tuple[int, int] | None],
    Literal["ms", "us", "ns"] | None,
]:
    """Return the settings in a checkpoint, and the unit of the times.

    They are symbol, texts of the rules, the column of rules, ``by``, ``reset``, ``max_gap`` in
    nanoseconds, ``include_microstructure``, ``include_incomplete``, ``features``, how a footprint
    is made (units of a tick, value area, imbalance), ``lookback`` (a number of trades, or
    nanoseconds) and ``vpin`` (units of a bucket's volume, number of buckets). The unit is None
    before the first trade.
    """

def check_rule(text: str) -> None:
    """Raise ValueError for the text of no rule."""

def has_zone(name: str) -> bool:
    """Return whether this is the name of a time zone of the IANA database."""

def rules_read(texts: list[str]) -> list[str]:
    """Return the columns that rules need, beside those that every bar needs."""

def checkpoint_position(checkpoint: bytes) -> tuple[int, int | None, int | None, int | None]:
    """Return what chains after the same trades have in common.

    It is the number of trades, the last time, the last id of that time, and the last id.
    """

def checkpoint_after(checkpoint: bytes, rows: int) -> bytes:
    """Return the checkpoint of a chain in the same state after this many trades.

    No chain continues from one with an open bar of more trades.
    """

def read_sides(
    table: object, columns: dict[str, Any]
) -> tuple[pl.DataFrame, tuple[int, str] | None, str]:
    """Return the sides in the first column of a table as Booleans.

    With them come the first row whose text means nothing, if there is one, and its text; and what
    is expected there. ``columns`` comes from `rangebar_polars._trade_columns.TradeColumns`.
    """

def read_table(table: object, names: list[str] | None) -> pl.DataFrame:
    """Return the columns of a table that have one of these names, or all columns for None."""

def fitting_time_unit(value: int) -> Literal["s", "ms", "us", "ns"] | None:
    """Return the one unit in which a number is a time from 1990 to 2100; None if there is none."""

@final
class BarBuilder:
    """Bars of tables of trades that come one after another.

    ``options`` comes from `rangebar_polars._core.options.Options`; ``checkpoint`` was returned by
    `BarBuilder.checkpoint`; ``time_unit`` is the unit of whole numbers in dicts.
    """

    def __new__(
        cls,
        options: dict[str, Any],
        checkpoint: bytes | None = None,
        time_unit: Literal["s", "ms", "us", "ns"] = "ms",
    ) -> BarBuilder: ...
    @staticmethod
    def of_chains(options: dict[str, Any], checkpoints: list[bytes]) -> BarBuilder:
        """Return a builder that continues the chain of each threshold from its checkpoint.

        All must be after the same trades (`checkpoint_position`). Without any checkpoint, the
        builder has seen no trade.
        """
    def bind(self, schema: object) -> None:
        """Check the schema of a table of trades, without reading its rows."""
    def push(self, trades: object) -> pl.DataFrame | None:
        """Return the bars that ended in the next table of trades; None for no bar."""
    def push_records(self, trades: list[Any]) -> pl.DataFrame | None:
        """Return the bars that ended in a list of dicts of trades; None for no bar."""
    def trace(self) -> pl.DataFrame:
        """Return a column for each threshold: which trade opened the bar of each trade.

        The rows are those of the last table. It needs the option ``trace``; trades are counted from
        the first trade of the first table.
        """
    def empty(self) -> pl.DataFrame:
        """Return a frame of bars without a row."""
    def finish(self) -> pl.DataFrame:
        """Return the bars that are still open, if incomplete bars are wanted."""
    def open_bar(self) -> pl.DataFrame:
        """Return the bars that are still open, with their features so far; no row without any."""
    def limits(self) -> list[tuple[int, int, float, float]]:
        """Return for each open bar the numbers of its key and threshold, and its two limits."""
    def open_values(
        self,
    ) -> list[tuple[int, int, int, int, tuple[float, float, float, float], float]]:
        """Return for each open bar the numbers of its key and threshold, and its values.

        They are the first and the last time, the four prices and the volume.
        """
    def time_type(self) -> tuple[Literal["ms", "us", "ns"], str | None] | None:
        """Return unit and zone of the times, or None before the first batch."""
    def keys(self) -> pl.DataFrame:
        """Return a row for each key, in the order of their numbers; no column without keys."""
    def gap_texts(self, known: int) -> list[str]:
        """Return the messages about the gaps found at seams, from number ``known`` on."""
    def notices(self) -> list[tuple[str, str]]:
        """Return the warnings about the bars so far: name of the kind and text."""
    def gaps(self) -> pl.DataFrame:
        """Return a row for each gap found at a seam."""
    def position(self) -> pl.DataFrame:
        """Return a row for each key with its last time and its last id."""
    def checkpoint(self, symbol: str | None) -> bytes:
        """Return the state as bytes."""
    def checkpoints(self) -> list[bytes]:
        """Return the state of the chain of each rule as bytes."""
    def next(self, skips: bool = False) -> BarBuilder:
        """Return another builder in the same state; ids missing before its trades are a gap.

        With ``skips``, its first trades are left out if they were counted already.
        """

@final
class TableHash:
    """A hash of the rows of tables that come one after another.

    It depends on names, dtypes, values, nulls and the order of columns and rows, and not on how the
    rows are cut into tables. Floats count by their bits. ``schema`` is a table with the columns,
    each of them Boolean, Int64, Float64, Decimal or Datetime; its rows are not read.
    """

    def __new__(cls, schema: object) -> TableHash: ...
    def push(self, table: object) -> None:
        """Add the rows of the next table, anything with ``__arrow_c_stream__``."""
    def hexdigest(self) -> str:
        """Return the hash of all rows so far, as 32 hex digits."""
    def hexdigests(self) -> list[tuple[str, str]]:
        """Return the name of each column and its hash, as 32 hex digits."""

@final
class TradeWriter:
    """The bytes of a Parquet file of trades, which is made piece by piece.

    ``schema`` is a table with the columns, each of them Boolean, Int64, Float64 or
    Datetime(us, UTC); its rows are not read. ``metadata`` are names and texts.
    """

    def __new__(
        cls,
        schema: object,
        compression: Literal["lz4", "uncompressed"],
        metadata: list[tuple[str, str]],
    ) -> TradeWriter: ...
    def push(self, table: object) -> bytes:
        """Return the bytes of a table with these columns; each of its chunks is a row group."""
    def finish(self) -> bytes:
        """Return the bytes of the end of the file."""
