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

from rangebar_polars._argument_names import named_methods
from rangebar_polars._core.batch import Batch
from rangebar_polars._core.processed import State, checkpoint_of
from rangebar_polars._core.processor import RangeBarProcessor, go_back, state_of
from rangebar_polars._core.turn import Turn
from rangebar_polars._disk.cache_root import local_path
from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.locked_file import LockedFile, remove_abandoned, try_locked
from rangebar_polars._live.part import (
    PART_BARS,
    UNFINISHED,
    part_paths,
    read_part,
    write_part,
)
from rangebar_polars._live.recorded_bars import scan_recorded_bars
from rangebar_polars._live.settings import settings_of
from rangebar_polars._live.state_file import UNFINISHED as UNFINISHED_STATE
from rangebar_polars._live.state_file import remove_states
from rangebar_polars.errors import CheckpointError, RangeBarError, StoreError

_LOCK: Final = ".recorder.lock"


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
    reached the disk. A state of more than 16 KB, as with ``lookback=2000``, is in a file of its
    own, which is on the disk before the part that names it; it is written again with each save.

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
            for unfinished in (UNFINISHED, UNFINISHED_STATE):
                remove_abandoned(self._folder, unfinished)
        self._digest = ""
        paths = part_paths(self._folder)
        if not paths:
            self._number, self._before = 1, 0
            self._bars = self._processor.process_trades([])
            self._state = state_of(self._processor)
            self._write(self._bars, checkpoint_of(self._state))
            return
        part, self._bars = read_part(paths[-1])
        self._number, self._before = part.number, part.bars_before
        state = part.state_in(self._folder)
        self._restore(paths[-1], state)
        remove_states(self._folder, but=part.state_digest)
        self._digest = part.state_digest
        self._saved, self._saved_at = state, time.monotonic()

    def _restore(self, path: Path, state: bytes) -> None:
        """Give the processor the state of the folder, if it is one of its own."""
        try:
            theirs, ours = settings_of(state), settings_of(self._processor.create_checkpoint())
            for name, expected in ours.items():
                if (got := theirs[name]) != expected:
                    raise StoreError(
                        f"{self._folder} has bars with {name} {got!r}, and the processor has "
                        f"{expected!r} (give it the same options, or record into another folder)"
                    )
            self._processor.resume(state)
        except CheckpointError as error:
            raise StoreError(
                f"{path} has a state that cannot be continued: {error} (record into a new folder)"
            ) from error
        self._state = state_of(self._processor)

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
            if self._is_fed_elsewhere():
                raise RangeBarError(
                    f"the processor has another state than its recorder in {self._folder}: it was "
                    "given trades or resumed elsewhere (give all trades to the recorder, and make "
                    "a new one, which continues from what is saved)"
                )
            try:
                bars = self._processor.process_trades(trades, **arguments)
                state = state_of(self._processor)
                if bars.height > 0 or time.monotonic() - self._saved_at >= self._save_every:
                    self._save(bars, state)
            except BaseException:
                go_back(self._processor, before)
                raise
            self._state = state
            return bars

    def _is_fed_elsewhere(self) -> bool:
        """Return whether the processor has another state than after the last call."""
        state = state_of(self._processor)
        return state is not self._state and checkpoint_of(state) != checkpoint_of(self._state)

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
            self._save(self._bars.clear(), self._state)

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

    def _save(self, bars: pl.DataFrame, state: State) -> None:
        """Save bars and the state after them, unless they are saved."""
        checkpoint = checkpoint_of(state)
        if bars.height > 0 or checkpoint != self._saved:
            self._write(bars, checkpoint)
        self._saved_at = time.monotonic()

    def _write(self, bars: pl.DataFrame, state: bytes) -> None:
        """Write bars and the state after them, with one rename."""
        number, before, kept = self._number, self._before, self._bars
        if kept.height >= PART_BARS:
            number, before, kept = number + 1, before + kept.height, kept.clear()
        # Before the first trade, the dtype of the times is not known.
        kept = pl.concat([kept, bars]) if kept.height > 0 else bars
        part = write_part(self._folder, number, kept, bars_before=before, state=state)
        if self._digest not in {"", part.state_digest}:
            remove_states(self._folder, but=part.state_digest)
        self._number, self._before, self._bars = number, before, kept
        self._digest = part.state_digest
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
