"""Generated trades, and the bars they must give.

Each symbol's price is a walk by cents around 50,000 whose steps are such that 250 decimal basis
points cut about 325 bars from 5 M trades, and 25 about 29,000. Times tie one time in four and
advance by 29 ms on average; both sides; consecutive ids. The oracle judges in plain integers, piece
by piece as the trades are made, and shares no line with the package.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.io.plugins import register_io_source

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]

SCALE = 100_000_000
DAY_US = 86_400_000_000
START_US = 1_700_000_000_000_000
START_CENTS = 5_000_000
FURTHEST_CENTS = 173
ROW_GROUP = 1_000_000


class Oracle:
    """The bars of trades that are shown in order, however they are cut.

    The bar that opens at trade i closes at the first later trade, not of its time, whose price is
    at least the threshold away from that of i.
    """

    def __init__(self, threshold: int, *, daily: bool = False, symbol: str | None = None) -> None:
        self._threshold = threshold
        self._daily = daily
        self._symbol = symbol
        self._day = 0
        self._closed = 0
        self._held = pl.DataFrame()
        self._bars: list[pl.DataFrame] = []

    def add(self, trades: pl.DataFrame) -> None:
        """Show the next trades."""
        if self._symbol is not None:
            trades = trades.filter(pl.col("symbol") == self._symbol)
        if trades.height == 0:
            return
        days = trades["timestamp"].to_physical().to_numpy() // DAY_US * self._daily
        borders = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), trades.height]
        for first, end in pairwise(borders):
            if days[first] != self._day:
                self._closed += self._held.height
                self._held = pl.DataFrame()
                self._day = days[first]
            self._held = self._cut(pl.concat([self._held, trades[first:end]], how="diagonal"))

    def bars(self) -> pl.DataFrame:
        """Return the bars closed so far, and in ``ended`` the number of trades up to each end."""
        return pl.concat(self._bars)

    def _cut(self, trades: pl.DataFrame) -> pl.DataFrame:
        """Take the closed bars off the trades and return the rest."""
        times = trades["timestamp"].to_physical().to_numpy()
        prices, units = _scaled(trades["price"]), _scaled(trades["quantity"])
        starts, ends = [0], list[int]()
        while (end := self._close(times, prices, starts[-1])) is not None:
            ends.append(end)
            starts.append(end + 1)
        rest = starts.pop()
        firsts, lasts = np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)
        closed, units = trades[:rest], units[:rest]
        price, sold = closed["price"].to_numpy(), closed["is_buyer_maker"].fill_null(value=True)
        bars = pl.DataFrame(
            {
                "open_time": trades["timestamp"].gather(starts),
                "close_time": trades["timestamp"].gather(ends),
                "open": price[firsts],
                "high": _of_each(np.maximum, price, firsts),
                "low": _of_each(np.minimum, price, firsts),
                "close": price[lasts],
                "volume": _of_each(np.add, units, firsts) / SCALE,
                "turnover": _of_each(np.add, price * (units / SCALE), firsts),
                "buy_volume": _of_each(np.add, np.where(sold, 0, units), firsts) / SCALE,
                "agg_record_count": lasts + 1 - firsts,
                "ended": self._closed + 1 + lasts,
            }
        )
        self._bars.append(bars)
        self._closed += rest
        return trades[rest:]

    def _close(self, times: Ints, prices: Ints, start: int) -> int | None:
        """Return where the bar that opens at start closes."""
        at, width = start + 1, 256
        while at < len(prices):
            far = max(1, int(prices[start]) * self._threshold // 100_000)
            outside = np.abs(prices[at : at + width] - prices[start]) >= far
            outside &= times[at : at + width] != times[start]
            hit = int(outside.argmax())
            if outside[hit]:
                return at + hit
            at, width = at + width, width * 2
        return None


def _scaled(column: pl.Series) -> Ints:
    scaled: Ints = np.rint(column.to_numpy() * SCALE).astype(np.int64)
    return scaled


def _of_each(function: np.ufunc, values: Numbers, firsts: Ints) -> Numbers:
    """Reduce the values of each bar; a ufunc takes no empty list of bars."""
    reduced: Numbers = function.reduceat(values, firsts) if len(firsts) > 0 else values
    return reduced


def sums(pieces: Sequence[pl.DataFrame], names: Sequence[str]) -> dict[str, float]:
    """Return the sums of columns as numpy makes them; integers wrap around, as in Polars."""
    columns = {name: [piece[name].to_physical().drop_nulls() for piece in pieces] for name in names}
    return {
        name: np.array([column.to_numpy().sum() for column in parts]).sum().item()
        for name, parts in columns.items()
    }


@dataclass(frozen=True)
class Walk:
    """Trades of one or several symbols, always the same.

    Attributes
    ----------
    rows
        How many.
    symbols
        Of how many symbols, interleaved at random, in a column ``symbol``; 0: no such column.

    """

    rows: int
    symbols: int = 0

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the trades, a row group at a time."""
        chance = np.random.default_rng(self.symbols)
        cents = np.full(max(1, self.symbols), START_CENTS, dtype=np.int64)
        time, fill = np.int64(START_US), np.int64(0)
        for first in range(0, self.rows, self.row_group):
            rows = min(self.row_group, self.rows - first)
            symbol = chance.integers(0, len(cents), rows)
            prices, cents = _walked(chance, symbol, cents)
            times = time + np.cumsum(np.maximum(chance.integers(0, 256, rows) - 63, 0) * 400)
            last_ids = fill + np.cumsum(chance.integers(1, 4, rows))
            piece = pl.DataFrame(
                {
                    "timestamp": pl.Series(times).cast(pl.Datetime("us", "UTC")),
                    "price": prices / 100,
                    "quantity": chance.integers(1, 100_000, rows) / 100_000,
                    "is_buyer_maker": chance.integers(0, 2, rows, dtype=np.bool_),
                    "agg_trade_id": np.arange(first, first + rows),
                    "first_trade_id": np.concatenate([[fill], last_ids[:-1]]) + 1,
                    "last_trade_id": last_ids,
                }
            )
            time, fill = times[-1], last_ids[-1]
            if self.symbols:
                names = pl.Series([self.name(number) for number in range(self.symbols)])
                piece = piece.with_columns(names.gather(symbol).alias("symbol"))
            yield piece

    @property
    def row_group(self) -> int:
        """Rows of a row group: fewer where there are few rows, so that there are always several."""
        return max(1_000, min(ROW_GROUP, self.rows // 5))

    def name(self, symbol: int) -> str:
        """Return the name of a symbol by its number."""
        return f"S{symbol:03}"


def _walked(chance: np.random.Generator, symbol: Ints, cents: Ints) -> tuple[Ints, Ints]:
    """Return the prices of the next trades, each symbol's from its last one; and the last ones."""
    order = np.argsort(symbol.astype(np.uint16), kind="stable")
    counts = np.bincount(symbol, minlength=len(cents))
    steps = chance.integers(-FURTHEST_CENTS, FURTHEST_CENTS + 1, len(symbol))
    walked = np.concatenate([[0], np.cumsum(steps[order])])
    ends = np.cumsum(counts)
    begun = walked[ends - counts]
    prices = np.empty(len(symbol), dtype=np.int64)
    prices[order] = walked[1:] + np.repeat(cents - begun, counts)
    return prices, cents + walked[ends] - begun


@dataclass(frozen=True, eq=False)
class Made:
    """A file of trades, and what must come of it.

    Attributes
    ----------
    path, rows
        The file and its number of trades.
    bars
        The oracle's bars by the name of the question.
    sums
        The sums of its columns.

    """

    path: Path
    rows: int
    bars: dict[str, pl.DataFrame] = field(repr=False)
    sums: dict[str, float] = field(repr=False)


def make(walk: Walk, path: Path, questions: dict[str, Oracle]) -> Made:
    """Write the trades of a walk, and ask the oracles while they are at hand."""
    parts: list[dict[str, float]] = []
    numbers = next(Walk(1).pieces()).columns

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,  # noqa: ARG001 - a sink of the whole has none
        n_rows: int | None,  # noqa: ARG001 - as above
        batch_size: int | None,  # noqa: ARG001 - as above
    ) -> Iterator[pl.DataFrame]:
        for piece in walk.pieces():
            parts.append(sums([piece], numbers))
            for oracle in questions.values():
                oracle.add(piece)
            yield piece if with_columns is None else piece.select(with_columns)

    schema = next(Walk(1_000, walk.symbols).pieces()).schema
    register_io_source(source, schema=schema).sink_parquet(path, row_group_size=walk.row_group)
    bars = {name: oracle.bars() for name, oracle in questions.items()}
    total = {name: np.array([part[name] for part in parts]).sum().item() for name in numbers}
    return Made(path, walk.rows, bars, total)
