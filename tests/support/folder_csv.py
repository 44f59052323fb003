"""A file of the archive in a folder: CSV with a header, times in microseconds."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from rangebar_polars.errors import ArchiveError
from rangebar_polars.schema import TRADE_SCHEMA


@dataclass
class FolderCsv:
    """A copied file."""

    path: Path
    name: str
    header: bool | None = True
    repeated_headers: int = 0
    times_cut: Counter[dt.date] = field(default_factory=Counter)

    @property
    def unit(self) -> str | None:
        """The unit of its times."""
        return "us"

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the trades."""
        dtypes = TRADE_SCHEMA | {"timestamp": pl.Int64()}
        try:
            rows = pl.read_csv(self.path, schema=dtypes)
        except pl.exceptions.PolarsError as error:
            raise ArchiveError(f"{self.name} is no file of trades: {error}") from error
        yield rows.with_columns(
            pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        )
