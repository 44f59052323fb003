"""Bars as a table of pyarrow."""

import sys

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from support.assertions import says
from support.trades import walk

import rangebar_polars as rb

BARS = rb.bars(walk(500), 20, include_microstructure=True)


def test_an_arrow_table_is_the_bars() -> None:
    table = rb.FrameNamespace(BARS).to_arrow()

    assert isinstance(table, pa.Table)
    assert table.column_names == BARS.columns
    back = pl.from_arrow(table)
    assert isinstance(back, pl.DataFrame)
    assert back.equals(BARS)
    assert back.schema == BARS.schema


def test_without_pyarrow_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with says(
        ModuleNotFoundError,
        "to_arrow needs pyarrow (pip install --upgrade 'rangebar-polars[arrow]')",
    ):
        rb.FrameNamespace(BARS).to_arrow()
