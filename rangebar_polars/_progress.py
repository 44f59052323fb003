"""What a long fetch reports while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

if TYPE_CHECKING:
    from tqdm.auto import tqdm


@dataclass(frozen=True)
class FetchProgress:
    """How far a fetch is.

    Attributes
    ----------
    label
        The series that is being fetched.
    days_done, days_total
        Days settled, as cached or as absent, of those that were missing.
    bytes_done
        Bytes received so far, those of repeated attempts included.

    """

    label: str
    days_done: int
    days_total: int
    bytes_done: int


class Progress(Protocol):
    """A callback that is called often, in the thread of the call that fetches.

    An exception it raises ends the fetch and leaves nothing half-written.
    """

    def __call__(self, progress: FetchProgress, /) -> None:
        """Take notice."""


def check_progress(progress: Progress | Literal["tqdm"] | None) -> None:
    """Refuse what reports no progress, when the call is made.

    Raises
    ------
    ValueError
        It is neither None, ``"tqdm"`` nor a callable.
    ModuleNotFoundError
        tqdm is asked for and not installed.
    """
    if progress == "tqdm":
        _tqdm()
    elif progress is not None and not callable(progress):
        raise ValueError(f"progress is {progress!r} (give None, 'tqdm', or a callable)")


@contextmanager
def reporter(progress: Progress | Literal["tqdm"] | None) -> Iterator[Progress]:
    """Give the callback meant by an argument."""
    check_progress(progress)
    if progress == "tqdm":
        with _Bar() as bar:
            yield bar
    else:
        yield progress if callable(progress) else lambda _: None


class _Bar:
    """A bar of tqdm that appears with the first report, and not at all without one."""

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
    try:
        from tqdm.auto import tqdm  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "progress='tqdm' needs tqdm (pip install 'rangebar-polars[progress]')",
        ) from error
    return tqdm
