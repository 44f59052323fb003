"""The name of what was traded: a symbol in a market of a source."""

from dataclasses import dataclass
from typing import Final, Self

import polars as pl

from rangebar_polars._disk.path_names import LONGEST_NAMES, from_hive_path, hive_path, to_name


@dataclass(frozen=True, slots=True)
class Series:
    """A symbol in a market of a source.

    Parameters
    ----------
    source
        The name of an archive, such as ``"binance"``, or your name in `import_trades`.
    market
        The name of the market at the source, such as ``"spot"``.
    symbol
        As the source spells it.

    Examples
    --------
    >>> series = Series("binance", "um", "BTCUSDT")
    >>> series.path
    'source=binance/market=um/symbol=BTCUSDT'
    >>> Series.from_path(series.path) == series
    True
    """

    source: str
    market: str
    symbol: str

    def check(self) -> Self:
        """Return the series, if its names can be used for folders.

        Raises
        ------
        TypeError
            A name is not a string.
        ValueError
            A name is empty or cannot be written as a folder's name, or the names are too long.
        """
        written = list[str]()
        for name, value in self.values.items():
            if not isinstance(value, str):
                raise TypeError(f"{name} is {value!r} (give a name)")
            if not value:
                raise ValueError(f"{name} is empty (give a name)")
            try:
                written.append(to_name(name, value))
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"{name} is {value!r}: it has half a character, which no path can have (give "
                    "a name of whole ones)"
                ) from error
        length = len(",".join(written))
        if length > LONGEST_NAMES:
            raise ValueError(
                f"source, market and symbol have {length} characters in paths: expected at most "
                f"{LONGEST_NAMES} (give shorter names)"
            )
        return self

    @property
    def values(self) -> dict[str, str]:
        """The names, by column."""
        return {"source": self.source, "market": self.market, "symbol": self.symbol}

    @property
    def label(self) -> str:
        """The name of the series in messages."""
        return f"{self.source} {self.market} {self.symbol}"

    @property
    def path(self) -> str:
        """The names as hive folders; two series never differ only in case."""
        return hive_path(self.values)

    @classmethod
    def from_path(cls, path: str) -> Self | None:
        """Read `path`; None for any other text."""
        values = from_hive_path(path)
        if values is None or list(values) != list(SERIES_SCHEMA):
            return None
        return cls(**values)


SERIES_SCHEMA: Final = pl.Schema(dict.fromkeys(("source", "market", "symbol"), pl.String()))
"""The names of a series, as columns of a frame."""
