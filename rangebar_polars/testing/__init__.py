"""Tests that every archive and every store should pass, to be subclassed in your own tests.

They need pytest, and no other part of this package's own tests.
"""

from rangebar_polars.testing.archives import ArchiveTests
from rangebar_polars.testing.stores import StoreTests

__all__ = ["ArchiveTests", "StoreTests"]
