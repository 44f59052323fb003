"""The compiled half of the package: the fold over trades, and the table of columns."""

from typing import Any, Final

import polars as pl

OUTPUTS: Final[list[tuple[str, str, str, list[str], str, str]]]
"""The columns of bars: name, group ("bar", "sum", "feature"), dtype, the columns of trades they
read, formula, when they are null (empty: never)."""

ALWAYS_READ: Final[list[str]]
"""The columns of trades that every bar reads, if they are there."""

OPENED: Final[str]
"""The column that tells which trade opened a bar, where trades are traced."""

def bars(trades: object, options: dict[str, Any]) -> pl.DataFrame:
    """Return the bars of a table of trades, anything with ``__arrow_c_stream__``.

    ``options`` is made by `rangebar_polars.schema.Options`.
    """

class BarBuilder:
    """Bars of tables of trades that come one after another.

    ``schema`` is a table of trades, of which only the schema is read.
    """

    def __new__(cls, schema: object, options: dict[str, Any]) -> BarBuilder: ...
    def push(self, trades: object) -> pl.DataFrame:
        """Return the bars that closed in the next table of trades."""
    def trace(self) -> pl.DataFrame:
        """Return, by threshold, the trade that opened the bar of each trade of the last table.

        With the option ``trace`` only; trades are counted from the first ever.
        """
    def finish(self) -> pl.DataFrame:
        """Return the bar that is still open, if it was asked for."""
