"""Only type-checked, never run: what a type checker makes of the functions that draw."""

from typing import assert_type

import altair as alt
import polars as pl

import rangebar_polars as rb


def charts(frame: pl.DataFrame, plan: pl.LazyFrame) -> None:
    """Check that charts are charts of Altair."""
    assert_type(rb.plot_bars(frame, last=None, panes="ofi"), alt.VConcatChart)
    assert_type(rb.plot_bars(plan, units={"price": "USDT"}), alt.VConcatChart)
    assert_type(rb.FrameNamespace(frame).plot(panes=("volume", "ofi")), alt.VConcatChart)
    assert_type(rb.LazyFrameNamespace(plan).plot(by=["symbol"]), alt.VConcatChart)
    assert_type(rb.plot_footprint(plan, last=5, height=300), alt.VConcatChart)
    assert_type(rb.FrameNamespace(frame).plot_footprint(by="symbol"), alt.VConcatChart)
    assert_type(rb.plot_cuts(frame, 250, reset="day"), alt.VConcatChart)
    assert_type(rb.plot_cuts(frame, rule=rb.TickRule(3), max_gap="5s"), alt.VConcatChart)
    assert_type(rb.plot_cuts(plan, columns=rb.TradeColumns(price="px")), alt.VConcatChart)


def refused(frame: pl.DataFrame) -> None:
    """Check that what is wrong at run time is wrong to a type checker."""
    rb.plot_bars(frame, last=1.5)  # type: ignore[arg-type]
    rb.plot_bars([1.0])  # type: ignore[arg-type]
    rb.plot_cuts(frame, [100, 250])  # type: ignore[arg-type]
