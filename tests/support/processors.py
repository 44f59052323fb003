"""Processors over trades that come in pieces: how they are asked, and what one pass would give."""

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import strategies as st

import rangebar_polars as rb
from support.oracle_chains import RESETS, across_periods

resets = st.none() | st.sampled_from(RESETS)


def pieces(frame: pl.DataFrame, cuts: list[int]) -> list[pl.DataFrame]:
    """Return the frame cut before these rows."""
    borders = sorted({0, frame.height, *cuts})
    return [frame[start:end] for start, end in pairwise(borders)] or [frame]


def without_open(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of one pass without the last row, which is the bar that is still open."""
    bars = rb.bars(frame, **options)
    open_bars = (
        1 if frame.height and options["include_incomplete"] and _ends_open(frame, **options) else 0
    )
    return bars.head(bars.height - open_bars)


def _ends_open(frame: pl.DataFrame, **options: Any) -> bool:  # noqa: ANN401
    return not rb.bars(frame, **options | {"include_incomplete": True})["is_complete"][-1]


@st.composite
def batched(draw: st.DrawFn) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Draw trades, and the same cut anywhere."""
    frame = draw(across_periods())
    return frame, pieces(frame, draw(st.lists(st.integers(0, frame.height), max_size=6)))


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the options of a processor."""
    return {
        "threshold_decimal_bps": draw(st.sampled_from([1, 250, 1_000, 100_000])),
        "prevent_same_timestamp_close": draw(st.booleans()),
        "reset": draw(resets),
        "include_microstructure": draw(st.booleans()),
        "include_incomplete": draw(st.booleans()),
    }


def hushed(process: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """Return what a call gives, whatever it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rb.RangeBarWarning)
        return process()
