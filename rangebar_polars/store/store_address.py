"""Where a store is, for plans: each run opens it, and gives its connections back."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rangebar_polars.store.bar_store import BarStore
from rangebar_polars.store.clickhouse.address import refuse_password


@dataclass(frozen=True)
class StoreAddress:
    """What `open_store` takes, kept to open the store later, in another process too.

    A password is in no text of it, and in no pickle.

    Attributes
    ----------
    given
        A store that is open and stays so, or where one is.
    cache_dir
        The cache folder.
    open_store
        What opens it.
    """

    given: BarStore | str | os.PathLike[str] | None = field(repr=False)
    cache_dir: Path
    open_store: Callable[..., BarStore] = field(repr=False)

    @contextmanager
    def opened(self) -> Iterator[BarStore]:
        """Give the store, and close it if it was opened for this.

        Raises
        ------
        TypeError, ValueError, StoreError
            As in `open_store`.
        """
        if isinstance(self.given, BarStore):
            yield self.given
            return
        with self.open_store(self.given, cache_dir=self.cache_dir) as store:
            yield store

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to write a password into a file or onto a wire."""
        if isinstance(self.given, str):
            refuse_password(self.given)
        return type(self), (self.given, self.cache_dir, self.open_store)
