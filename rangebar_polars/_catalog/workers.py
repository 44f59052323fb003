"""The processes of `populate` if the caller gives no executor: loky's, with a pipe to each.

Each process has its own executor: an executor that loses one of its processes gives up the work
of all, but here only the symbol that the killed process was filling is filled again.

The pipe carries progress and log records to the caller. A message from the caller, or the end of
the pipe when the caller dies, stops the work: without it, loky's processes continue after the death
of their caller, and an executor that is shut down immediately kills them in the middle of a write.
"""

import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from logging.handlers import QueueHandler
from multiprocessing import Pipe, resource_tracker
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Final, Self

from rangebar_polars._catalog.fill import Counts, FillRequest, Outcome, attempt, describe
from rangebar_polars._log import LOG

GRACE_SECONDS: Final = 2.0
"""How long a process may take to end its work before it is killed."""
ATTEMPTS: Final = 3
"""How many processes may end over a symbol before it counts as failed."""
_WAIT_SECONDS: Final = 0.01
_ENVIRONMENT: Final = threading.Lock()
_EXIT_CODES: Final = re.compile(r"\{(.+)\}")


@dataclass
class _Worker:
    """A process, and the symbol that it fills."""

    executor: Executor
    line: Connection
    its_end: Connection
    number: int = -1
    future: "Future[Outcome] | None" = None

    @classmethod
    def create(cls, threads: int) -> Self:
        """Return a worker whose process starts with its first symbol."""
        from loky import ProcessPoolExecutor  # noqa: PLC0415 - slow to import

        line, its_end = Pipe()
        env = {
            # loky must not take the memory of a month of bars for a leak and replace the process.
            "LOKY_MAX_MEMORY_LEAK_SIZE": "1e18",
        }
        if "POLARS_MAX_THREADS" not in os.environ:
            env["POLARS_MAX_THREADS"] = str(threads)
        executor = ProcessPoolExecutor(
            1, initializer=begin, initargs=(its_end, LOG.getEffectiveLevel()), env=env
        )
        return cls(executor, line, its_end)

    @property
    def is_free(self) -> bool:
        """Whether it has no symbol to fill."""
        return self.future is None or self.future.done()

    def submit(self, request: bytes, number: int) -> "Future[Outcome]":
        """Start filling a symbol."""
        self.number = number
        self.future = self.executor.submit(work, request)
        # The process has its own copy; this one would keep the pipe open after the caller dies.
        self.its_end.close()
        return self.future

    def counts(self) -> Iterator[Counts]:
        """Yield the counts that the process has sent since the last call, and log its records."""
        with contextlib.suppress(EOFError, OSError):
            while self.line.poll():
                sent: Counts | logging.LogRecord = self.line.recv()
                if isinstance(sent, logging.LogRecord):
                    LOG.handle(sent)
                else:
                    yield sent

    def interrupt(self) -> None:
        """Ask the process to stop its work."""
        with contextlib.suppress(OSError):
            self.line.send(None)

    def end(self, latest: float) -> None:
        """Wait until the process has ended; kill it if its work has not stopped in time."""
        if self.future is not None:
            wait_for([self.future], max(0.0, latest - time.monotonic()))
        self.executor.shutdown(wait=True, kill_workers=not self.is_free)  # type: ignore[call-arg]
        self.its_end.close()
        self.line.close()


@contextlib.contextmanager
def _sheltered() -> Iterator[None]:
    """Start processes that ignore Ctrl-C and do not import from the current folder.

    A terminal sends Ctrl-C to each of its processes, but here the caller stops the others. Modules
    must not be imported from the current folder, not even by the processes that loky and
    multiprocessing start to clean up after a crash.
    """
    with _ENVIRONMENT:
        safe = os.environ.get("PYTHONSAFEPATH")
        os.environ["PYTHONSAFEPATH"] = "1"
        try:
            with _without_interrupts():
                yield
        finally:
            if safe is None:
                del os.environ["PYTHONSAFEPATH"]
            else:
                os.environ["PYTHONSAFEPATH"] = safe


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C, which processes that are started here inherit; it takes effect afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Starting the process that cleans up unblocks it again, so that process comes first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass
class Workers:
    """The processes of a call.

    Attributes
    ----------
    size
        How many there are at most.
    attempts
        How often a symbol is begun at most.
    """

    size: int
    attempts: int = ATTEMPTS
    _workers: list[_Worker] = field(default_factory=list)

    def submit(self, request: bytes, number: int) -> "Future[Outcome]":
        """Give a symbol to an idle process, or to a new one."""
        for worker in [each for each in self._workers if each.is_free]:
            try:
                return worker.submit(request, number)
            except BrokenExecutor:
                self._workers.remove(worker)
                worker.end(0.0)
        threads = max(1, (os.cpu_count() or 1) // self.size)
        with _sheltered():
            self._workers.append(_Worker.create(threads))
            return self._workers[-1].submit(request, number)

    def counts(self) -> Iterator[tuple[int, Counts]]:
        """Yield the counts that the processes have sent, with the number of the symbol."""
        for worker in self._workers:
            for counts in worker.counts():
                yield worker.number, counts

    def checked(self, _: FillRequest, outcome: Outcome) -> Outcome:
        """Return an outcome as it is, because the processes have the disks of the caller."""
        return outcome

    def describe(self, error: BaseException) -> str:
        """Return why a symbol failed."""
        if not isinstance(error, BrokenExecutor):
            return describe(error)
        codes = _EXIT_CODES.search(str(error))
        how = f" with {codes[1]}" if codes else ""
        return f"its process ended{how} (was it killed, or out of memory?)"

    def end(self) -> None:
        """Ask the processes to end after their current write, and kill those that do not."""
        for worker in self._workers:
            worker.interrupt()
        latest = time.monotonic() + GRACE_SECONDS
        # In parallel, because each interpreter takes a moment to end.
        ends = [threading.Thread(target=each.end, args=(latest,)) for each in self._workers]
        for end in ends:
            end.start()
        for end in ends:
            end.join()


@dataclass
class _Process:
    """The state of a process of `Workers`, in that process."""

    line: Connection | None = None
    sending: threading.Lock = field(default_factory=threading.Lock)
    is_at_work: bool = False
    is_stopped: bool = False
    is_alone: bool = False

    def put_nowait(self, message: Counts | logging.LogRecord) -> None:
        """Send a message of any thread; if the caller is dead, only the signal ends the work."""
        if self.line is not None:
            with contextlib.suppress(OSError), self.sending:
                self.line.send(message)


_PROCESS: Final = _Process()


def begin(line: Connection, level: int) -> None:
    """Prepare a process of `Workers`.

    Parameters
    ----------
    line
        Its end of the pipe to the caller.
    level
        The level of the caller's log.
    """
    _PROCESS.line = line
    LOG.setLevel(level)
    # The handler wants a queue, of which it calls `put_nowait` alone.
    LOG.addHandler(QueueHandler(_PROCESS))  # type: ignore[arg-type]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_stop_when_asked, args=(line,), daemon=True).start()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """Interrupt the work. An idle process waits for loky to end it, or exits if the caller died."""
    if _PROCESS.is_at_work:
        raise KeyboardInterrupt
    if _PROCESS.is_alone:
        os._exit(0)


def _stop_when_asked(line: Connection) -> None:
    """Wait for a message from the caller, or for its death; then stop the work."""
    try:
        line.recv()
    except (EOFError, OSError):
        _PROCESS.is_alone = True
    _PROCESS.is_stopped = True
    if hasattr(signal, "pthread_kill"):
        # A real signal also interrupts a blocking system call.
        main: Any = threading.main_thread().ident
        signal.pthread_kill(main, signal.SIGTERM)
    else:
        import _thread  # noqa: PLC0415

        _thread.interrupt_main(signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def work(request: bytes) -> Outcome:
    """Fill a symbol in a process of `Workers`.

    Parameters
    ----------
    request
        As in `attempt`.
    """
    try:
        _PROCESS.is_at_work = True
        # The caller may have stopped the work while this process was being started.
        if not _PROCESS.is_stopped:
            return attempt(request, _report)
    except KeyboardInterrupt:
        # A thread pool does not wait for a thread that was just being started.
        while any(_is_of_the_work(thread) for thread in threading.enumerate()):
            time.sleep(_WAIT_SECONDS)
    finally:
        _PROCESS.is_at_work = False
    if _PROCESS.is_alone:
        # Nobody reads the outcome, and loky would print that.
        os._exit(0)
    return Outcome(None, "it was interrupted", 0.0)


def _is_of_the_work(thread: threading.Thread) -> bool:
    return not thread.daemon and thread is not threading.main_thread()


def _report(counts: Counts) -> None:
    """Send counts to the caller."""
    _PROCESS.put_nowait(counts)
