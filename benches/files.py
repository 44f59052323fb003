"""The measured files of trades, and the results of the oracle for them."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
from plans import FINE, ONE, TEN
from walks import Made, Oracle, Walk, make, sums

from rangebar_polars.schema import TRADE_SCHEMA

SPY = "lean_spy_us_equity_20131007_11.parquet"
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Files:
    """The files of trades, written at their first use."""

    folder: Path
    rows: int

    @cached_property
    def small(self) -> Made:
        """A tenth of the rows: 5 M."""
        return self.walk(self.rows // 10, [ONE, FINE])

    @cached_property
    def middle(self) -> Made:
        """A fifth of the rows: 10 M."""
        return self.walk(self.rows // 5, TEN, daily=True)

    @cached_property
    def large(self) -> Made:
        """All rows: 50 M."""
        return self.walk(self.rows, [FINE, *TEN], daily=True)

    @cached_property
    def huge(self) -> Made:
        """Four times the rows: 200 M."""
        return self.walk(self.rows * 4, [ONE])

    def keyed(self, rows: int, symbols: int) -> Made:
        """Return rows of several symbols, with the bars of eight of them."""
        walk = Walk(rows, symbols)
        some = [walk.name(number) for number in range(0, symbols, symbols // 8)]
        questions = {symbol: Oracle(ONE, symbol=symbol) for symbol in some}
        return make(walk, self.folder / f"{symbols}-symbols-{rows}.parquet", questions)

    def walk(self, rows: int, thresholds: Sequence[int], *, daily: bool = False) -> Made:
        """Return rows of one symbol, with the bars of these thresholds."""
        questions = {str(threshold): Oracle(threshold) for threshold in thresholds}
        if daily:
            questions["day"] = Oracle(ONE, daily=True)
        return make(Walk(rows), self.folder / f"walk-{rows}.parquet", questions)

    @cached_property
    def spy(self) -> Made | None:
        """Real trades, if they exist."""
        shared = os.environ.get("RANGEBAR_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
        path = Path(shared) / "trades" / SPY
        if not path.is_file():
            return None
        trades = pl.read_parquet(path)
        bars = {}
        for threshold in (ONE, FINE):
            oracle = Oracle(threshold)
            oracle.add(trades)
            bars[str(threshold)] = oracle.bars()
        copy = self.folder / SPY
        shutil.copyfile(path, copy)
        return Made(copy, trades.height, bars, sums([trades], list(TRADE_SCHEMA)))
