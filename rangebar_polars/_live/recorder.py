"""Bars of a live feed that are on the disk, each once, whenever the process ends."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._argument_names import named, named_methods
from rangebar_polars._core.batch import Batch
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._core.processor import RangeBarProcessor
from rangebar_polars._core.turn import Turn
from rangebar_polars._disk.cache_root import local_path
from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.locked_file import LockedFile, remove_abandoned, try_locked
from rangebar_polars._live.part import (
    PART_BARS,
    UNFINISHED,
    part_paths,
    read_part,
    read_schema,
    write_part,
)
from rangebar_polars.errors import CheckpointError, RangeBarError, StoreError

_LOCK: Final = ".recorder.lock"
_SETTINGS: Final = (
    "symbol",
    "rule",
    "the column of rules",
    "by",
    "reset",
    "max_gap",
    "include_microstructure",
    "include_incomplete",
    "features",
    "footprint",
    "lookback and vpin",
    "the unit of times",
)
"""What `_internal.read_checkpoint` returns."""


@named_methods("process_trades")
class BarRecorder:
    """Records the bars of a processor in a folder, and the state of the processor with them.

    A process may be killed at any moment, or the power may fail: the folder then has the bars of
    one pass over all trades up to some trade, each once, and the state after that trade. A
    recorder of the same folder continues from there.

    Parameters
    ----------
    folder
        A folder of its own, which is created if it is absent. One recorder at a time may have it.
    processor
        What makes the bars. If the folder has bars, the state of the processor is replaced by that
        of the folder, so the processor must have the same options; otherwise the record begins with
        its state, such as that of `resume_range_bars`. Give all trades to the recorder from then
        on.
    save_every
        Bars are saved in the call in which they end. If no bar ends, the state is saved in the
        first call after so many seconds. After a kill, the trades since the last save are needed
        again. 0: every call; ``math.inf``: only with bars and at the end.

    Raises
    ------
    StoreError
        The folder is in use, cannot be written, is damaged, or has bars of other options or of
        another version.
    ValueError, TypeError
        An argument is wrong.

    Notes
    -----
    Bars are in Parquet files of about a thousand bars: 00000001.parquet and so on. The state is in
    the metadata of the last one, and both are written with a single rename, after the data has
    reached the disk.

    Leave the recorder with ``with`` or `close`, which saves the state. A recorder belongs to its
    process: after a fork, the child must not use it.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = [
    ...     {"timestamp": 1_704_067_200_000 + n, "price": 100 + n / 10, "quantity": 1.0}
    ...     for n in range(4)
    ... ]
    >>> folder = tempfile.TemporaryDirectory()
    >>> with rb.BarRecorder(folder.name, rb.RangeBarProcessor(250, "BTCUSDT")) as recorder:
    ...     recorder.process_trades(trades[:3]).height
    0
    >>> recorder = rb.BarRecorder(folder.name, rb.RangeBarProcessor(250, "BTCUSDT"))
    >>> recorder.position["timestamp"].dt.epoch("ms").item()
    1704067200002
    >>> recorder.process_trades(trades[3:])["volume"].item()
    4.0
    >>> recorder.scan().select("open", "close").collect().rows()
    [(100.0, 100.3)]
    >>> recorder.close()
    >>> folder.cleanup()
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        processor: RangeBarProcessor,
        *,
        save_every: float = 10.0,
    ) -> None:
        self._folder = local_path(folder, "folder")
        if not isinstance(processor, RangeBarProcessor):
            raise TypeError(f"processor is {processor!r}: expected a RangeBarProcessor")
        self._save_every = _check_seconds(save_every)
        self._processor = processor
        self._turn = Turn()
        self._process = os.getpid()
        self._lock: LockedFile | None = _locked(self._folder)
        try:
            self._begin()
        except BaseException:
            self._lock.release()
            self._lock = None
            raise

    def __repr__(self) -> str:
        return f"BarRecorder({str(self._folder)!r}, {self._processor!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self) -> None:
        """Continue from the last part, or write the first."""
        with disk_errors(StoreError, self._folder, doing="cleared"):
            remove_abandoned(self._folder, UNFINISHED)
        paths = part_paths(self._folder)
        if not paths:
            self._number, self._before = 1, 0
            self._bars = self._processor.process_trades([])
            self._state = self._processor.create_checkpoint()
            self._write(self._bars, self._state)
            return
        part, self._bars = read_part(paths[-1])
        self._number, self._before = part.number, part.bars_before
        self._restore(paths[-1], part.state)
        self._saved, self._saved_at = part.state, time.monotonic()

    def _restore(self, path: Path, state: bytes) -> None:
        """Give the processor the state of the folder, if it is one of its own."""
        try:
            theirs = _internal.read_checkpoint(state)
            ours = _internal.read_checkpoint(self._processor.create_checkpoint())
            # Times continue in the unit of the folder.
            for name, got, expected in zip(_SETTINGS[:-1], theirs[:-1], ours[:-1], strict=True):
                if got != expected:
                    raise StoreError(
                        f"{self._folder} has bars with {name} {got!r}, and the processor has "
                        f"{expected!r} (give it the same options, or record into another folder)"
                    )
            self._processor.resume(state)
        except CheckpointError as error:
            raise StoreError(
                f"{path} has a state that cannot be continued: {error} (record into a new folder)"
            ) from error
        self._state = self._processor.create_checkpoint()

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    @property
    def processor(self) -> RangeBarProcessor:
        """The processor, for its open bar, gaps and the like; trades go to the recorder."""
        return self._processor

    @property
    def position(self) -> pl.DataFrame:
        """The last trade, as in `RangeBarProcessor`: continue with the trades after it.

        Columns: ``timestamp`` and ``agg_trade_id``; no row before the first trade.
        """
        return self._processor.position

    def process_trades(self, trades: Batch, **arguments: Any) -> pl.DataFrame:  # noqa: ANN401 - as the processor takes
        """Process the next trades, and return the bars that ended with them, when they are saved.

        Parameters
        ----------
        trades
            As in `RangeBarProcessor.process_trades`.
        arguments
            The other arguments of `RangeBarProcessor.process_trades`.

        Returns
        -------
        DataFrame
            As from `RangeBarProcessor.process_trades`. The bars are on the disk.

        Raises
        ------
        StoreError
            Bars cannot be saved. As after any other exception, the state is that before the call:
            give the same trades again when the reason is gone.
        TypeError, ValueError
            As in `RangeBarProcessor.process_trades`.
        RangeBarError
            The same; or the recorder is closed, another call is running, or the processor was given
            trades directly.
        """
        with self._alone():
            before = self._state
            if self._processor.create_checkpoint() != before:
                raise RangeBarError(
                    f"the processor has another state than its recorder in {self._folder}: it was "
                    "given trades or resumed elsewhere (give all trades to the recorder, and make "
                    "a new one, which continues from what is saved)"
                )
            try:
                bars = self._processor.process_trades(trades, **arguments)
                state = self._processor.create_checkpoint()
                due = time.monotonic() - self._saved_at >= self._save_every
                if bars.height > 0 or (due and state != self._saved):
                    self._write(bars, state)
            except BaseException:
                if self._processor.create_checkpoint() != before:
                    self._processor.resume(before)
                raise
            self._state = state
            return bars

    def save(self) -> None:
        """Save the state now, unless it is saved.

        Raises
        ------
        StoreError
            It cannot be saved.
        RangeBarError
            The recorder is closed, or a call is running.
        """
        with self._alone():
            if self._state != self._saved:
                self._write(self._bars.clear(), self._state)

    def close(self) -> None:
        """Save the state and let others have the folder. A closed recorder stays closed.

        Raises
        ------
        StoreError
            The state cannot be saved; the folder is free all the same.
        """
        if self._lock is None or os.getpid() != self._process:
            return
        try:
            self.save()
        finally:
            with disk_errors(StoreError, self._folder, doing="cleared"):
                lock, self._lock = self._lock, None
                lock.release()

    def scan(self) -> pl.LazyFrame:
        """Return the recorded bars as a lazy frame; see `scan_recorded_bars`."""
        return scan_recorded_bars(self._folder)

    def _write(self, bars: pl.DataFrame, state: bytes) -> None:
        """Save bars and the state after them, with one rename."""
        number, before, kept = self._number, self._before, self._bars
        if kept.height >= PART_BARS:
            number, before, kept = number + 1, before + kept.height, kept.clear()
        # Before the first trade, the dtype of the times is not known.
        kept = pl.concat([kept, bars]) if kept.height > 0 else bars
        write_part(self._folder, number, kept, bars_before=before, state=state)
        self._number, self._before, self._bars = number, before, kept
        self._saved, self._saved_at = state, time.monotonic()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a second call at the same time, one of a forked process, and one that is late."""
        if self._lock is None:
            raise RangeBarError(
                f"the recorder in {self._folder} is closed (make a new one, which continues from "
                "what is saved)"
            )
        if os.getpid() != self._process:
            raise RangeBarError(
                f"the recorder in {self._folder} belongs to the process that this one was forked "
                "from (make it after the fork)"
            )
        self._turn.check()
        with self._turn.lock:
            self._turn.taken = True
            try:
                yield
            finally:
                self._turn.taken = False


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


def _locked(folder: Path) -> LockedFile:
    """Return the lock of a folder, which is created if it is absent."""
    with disk_errors(StoreError, folder, doing="created"):
        folder.mkdir(parents=True, exist_ok=True)
        lock = try_locked(folder / _LOCK)
    if lock is None:
        raise StoreError(
            f"{folder} is in use by another recorder (close that one, or record into another "
            "folder)"
        )
    return lock


def _check_seconds(save_every: float) -> float:
    if isinstance(save_every, bool) or not isinstance(save_every, int | float):
        raise TypeError(f"save_every is {save_every!r}: expected a number of seconds")
    if math.isnan(save_every) or save_every < 0:
        raise ValueError(f"save_every is {save_every}: expected 0 or more seconds")
    return float(save_every)
