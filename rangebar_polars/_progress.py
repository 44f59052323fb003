"""The progress that a long fetch reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from rangebar_polars._extras import extra

if TYPE_CHECKING:
    from tqdm.auto import tqdm


@dataclass(frozen=True)
class FetchProgress:
    """The progress of a fetch.

    Attributes
    ----------
    label
        The series that is being fetched.
    days_done, days_total
        How many of the missing days are done, whether they are now cached or absent.
    bytes_done
        Bytes received so far, including repeated attempts.

    """

    label: str
    days_done: int
    days_total: int
    bytes_done: int


class Progress(Protocol):
    """A callback that is called often, in the thread of the call that fetches.

    If it raises an exception, the fetch ends and leaves nothing half-written.
    """

    def __call__(self, progress: FetchProgress, /) -> None:
        """Receive the progress."""


def check_progress(progress: Progress | Literal["tqdm"] | None) -> None:
    """Refuse a wrong `progress` when the call is made.

    Raises
    ------
    ValueError
        It is neither None, ``"tqdm"`` nor a callable.
    ModuleNotFoundError
        tqdm is wanted and not installed.
    """
    if progress == "tqdm":
        _tqdm()
    elif progress is not None and not callable(progress):
        raise ValueError(f"progress is {progress!r} (give None, 'tqdm', or a callable)")


@contextmanager
def reporter(progress: Progress | Literal["tqdm"] | None) -> Iterator[Progress]:
    """Yield the callback for an argument `progress`."""
    check_progress(progress)
    if progress == "tqdm":
        with _Bar() as bar:
            yield bar
    else:
        yield progress if callable(progress) else lambda _: None


class _Bar:
    """A tqdm bar that appears with the first report."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def __call__(self, progress: FetchProgress, /) -> None:
        if self._bar is None:
            self._bar = _tqdm()(total=progress.days_total, unit=" days", desc=progress.label)
        self._bar.n = progress.days_done
        self._bar.set_description(progress.label, refresh=False)
        self._bar.set_postfix_str(f"{progress.bytes_done / 1e6:.1f} MB", refresh=False)
        self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm() -> "type[tqdm[Any]]":
    found: type[tqdm[Any]] = extra("tqdm.auto", needed_by="progress='tqdm'", name="progress").tqdm
    return found
