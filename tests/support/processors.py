"""Processors over trades that come in pieces: how they are asked, and what one pass would give."""

import pickle
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import strategies as st

import rangebar_polars as rb
from support.entry_points import assert_same
from support.oracle_chains import RESETS, across_periods, keyed

resets = st.none() | st.sampled_from(RESETS)
RESUMED: Mapping[str, Callable[[rb.RangeBarProcessor], rb.RangeBarProcessor]] = {
    "checkpoint": lambda processor: rb.RangeBarProcessor.from_checkpoint(
        processor.create_checkpoint()
    ),
    "json": lambda processor: rb.RangeBarProcessor.from_json(processor.to_json()),
    "pickle": lambda processor: pickle.loads(pickle.dumps(processor)),  # noqa: S301 - our own
}
"""The forms in which a processor is saved and restored."""


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


def check_saved_anywhere(data: st.DataObject, **asked: Any) -> None:  # noqa: ANN401
    """Check that processors that are saved between any trades give the bars of one pass."""
    frame = data.draw(keyed())
    options: dict[str, Any] = {"include_incomplete": True, **asked}
    options["reset"] = data.draw(st.sampled_from([None, "day"]))
    if data.draw(st.booleans()):
        options |= {"threshold_decimal_bps": [7, 250], "by": "symbol"}
    else:
        frame = frame.filter(pl.col("symbol").eq_missing(frame["symbol"].first()))
    at = data.draw(st.lists(st.integers(0, frame.height), max_size=4))
    resumed = RESUMED[data.draw(st.sampled_from(sorted(RESUMED)))]

    processor, ended = rb.RangeBarProcessor(**options), list[pl.DataFrame]()
    for piece in pieces(frame, at):
        ended.append(hushed(partial(processor.process_trades, piece)))
        processor = resumed(processor)

    whole = rb.bars(frame, **options)
    still_open = processor.get_incomplete_bar()
    rest = [] if still_open is None else [still_open.select(whole.columns[:-1])]
    got = pl.concat([*(bars.drop("is_complete") for bars in ended), *rest])
    assert_same(whole.drop("is_complete"), got)
