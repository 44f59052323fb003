"""A Dask cluster of this machine: a scheduler and workers, each a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from support.subprocesses import TIMEOUT

if TYPE_CHECKING:
    from distributed import Client


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; fail if it takes as long as a stuck process."""
    latest = time.monotonic() + TIMEOUT
    while not is_so():
        assert time.monotonic() < latest, "it takes too long"
        time.sleep(0.02)


class DaskCluster:
    """A scheduler and workers of one thread; a context manager."""

    def __init__(self, folder: Path, workers: int) -> None:
        """Keep the files of the processes in a folder."""
        self.folder, self.workers = folder, workers
        self._file = folder / "scheduler.json"
        self._processes = list["subprocess.Popen[bytes]"]()

    def __enter__(self) -> Self:
        """Start the scheduler and its workers."""
        self._start("scheduler", "--host=127.0.0.1", "--port=0", f"--scheduler-file={self._file}")
        self._add_workers(self.workers)
        return self

    def __exit__(self, *_: object) -> None:
        """Kill every process."""
        for process in reversed(self._processes):
            process.kill()
            process.wait(TIMEOUT)

    @property
    def address(self) -> str:
        """The address of the scheduler."""
        with self.client() as client:
            return str(client.scheduler.address)

    def client(self) -> "Client":
        """Return a client of all workers, of which those that were killed are replaced."""
        from distributed import Client  # noqa: PLC0415 - it may be absent

        client = Client(scheduler_file=str(self._file), timeout=TIMEOUT)
        self._add_workers(self.workers - sum(each.poll() is None for each in self._processes[1:]))
        client.wait_for_workers(self.workers, timeout=TIMEOUT)
        wait_until(lambda: len(client.run(os.getpid)) == self.workers)
        return client

    def end_scheduler(self) -> None:
        """Kill the scheduler."""
        self._processes[0].kill()

    def _add_workers(self, count: int) -> None:
        for _ in range(count):
            self._start(
                "worker", f"--scheduler-file={self._file}", "--nthreads=1", "--no-nanny",
                f"--local-directory={self.folder}",
            )  # fmt: skip

    def _start(self, kind: str, *arguments: str) -> None:
        process = subprocess.Popen(  # noqa: S603 - the tests' own processes
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes.append(process)


def give_own_caches(client: "Client", folder: Path) -> list[Path]:
    """Give each worker a cache folder of its own; return the folders."""
    caches = []
    for number, worker in enumerate(client.run(os.getpid)):
        cache = folder / f"cache of worker {number}"
        # A method of os.environ would arrive with a copy of it.
        code = f"import os; os.environ['RANGEBAR_CACHE_DIR'] = {str(cache)!r}"
        client.run(exec, code, workers=[worker])
        caches.append(cache)
    return caches


def busy(client: "Client") -> list[str]:
    """Return the addresses of workers that have something to do."""
    processing: dict[str, Any] = client.processing()
    return [worker for worker, keys in processing.items() if keys]


def tasks(client: "Client") -> list[int]:
    """Return how many tasks the scheduler has, and each worker, cancelled ones included."""
    scheduled = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
    running = client.run(lambda dask_worker: len(dask_worker.state.tasks))
    return [scheduled, *running.values()]


def kill_worker(client: "Client", worker: str) -> None:
    """Kill a worker without a warning."""
    (process,) = client.run(os.getpid, workers=[worker]).values()
    os.kill(process, signal.SIGKILL)
