"""What a long fetch tells while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol


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
    """Whoever wants to know: called often, in the thread of the call that fetches.

    An exception it raises ends the fetch and leaves nothing half-written.
    """

    def __call__(self, progress: FetchProgress, /) -> None:
        """Take notice."""


@contextmanager
def reporter(progress: Progress | Literal["tqdm"] | None) -> Iterator[Progress]:
    """Give the callback meant by an argument."""
    if progress is None:
        yield lambda _: None
    elif callable(progress):
        yield progress
    elif progress == "tqdm":
        with _bar() as show:
            yield show
    else:
        raise ValueError(f"progress is {progress!r} (give None, 'tqdm', or a callable)")


@contextmanager
def _bar() -> Iterator[Progress]:
    try:
        from tqdm.auto import tqdm  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "progress='tqdm' needs tqdm (pip install 'rangebar-polars[progress]')",
        ) from error
    with tqdm(unit=" days") as bar:

        def show(progress: FetchProgress, /) -> None:
            bar.total = progress.days_total
            bar.n = progress.days_done
            bar.set_description(progress.label, refresh=False)
            bar.set_postfix_str(f"{progress.bytes_done / 1e6:.1f} MB", refresh=False)
            bar.refresh()

        yield show
