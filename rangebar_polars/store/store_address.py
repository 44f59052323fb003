"""The address of a store, for plans: each run opens the store and closes it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rangebar_polars._disk.cache_root import CacheRoot
from rangebar_polars._objects.address import refuse_credentials
from rangebar_polars.store.bar_store import BarStore
from rangebar_polars.store.clickhouse.address import refuse_password


@dataclass(frozen=True)
class StoreAddress:
    """The arguments of `open_store`, to open the store later or in another process.

    Neither its text nor its pickle contains a password.

    Attributes
    ----------
    given
        An open store, which stays open, or an address.
    cache_dir
        Where the cache is.
    open_store
        The function that opens it.
    """

    given: BarStore | str | os.PathLike[str] | None = field(repr=False)
    cache_dir: CacheRoot
    open_store: Callable[..., BarStore] = field(repr=False)

    @contextmanager
    def opened(self) -> Iterator[BarStore]:
        """Yield the open store, and close it afterwards if it was opened here.

        Raises
        ------
        TypeError, ValueError, StoreError
            As in `open_store`.
        """
        if isinstance(self.given, BarStore):
            yield self.given
            return
        with self.open_store(self.given, cache_dir=str(self.cache_dir)) as store:
            yield store

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to pickle a password."""
        if isinstance(self.given, str):
            refuse_password(self.given)
            refuse_credentials(self.given)
        return type(self), (self.given, self.cache_dir, self.open_store)
