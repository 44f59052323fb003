"""Every store of this package passes the tests of `rangebar_polars.testing`."""

from rangebar_polars.testing import StoreTests


class TestStores(StoreTests):
    """With the fixtures of conftest.py, which give every kind of store in turn."""
