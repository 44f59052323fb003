"""Trades of several keys that come in pieces and forms, and what a processor makes of them."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, cast

import polars as pl
from hypothesis import strategies as st

import rangebar_polars as rb
from support.oracle_chains import Question, keyed, questions
from support.processors import hushed, pieces

Unit = Literal["ms", "us"]
UNITS: tuple[Unit, ...] = ("ms", "us")
FORMS: Mapping[str, Callable[[pl.DataFrame], Any]] = {
    "a frame": lambda frame: frame,
    "a plan": lambda frame: frame.lazy(),
    "a pyarrow table": lambda frame: frame.to_arrow(),
    "a reader of 2 rows a chunk": lambda frame: frame.to_arrow().to_reader(max_chunksize=2),
    "dicts": lambda frame: frame.to_dicts(),
    "dicts one by one": lambda frame: iter(frame.to_dicts()),
}
forms = st.sampled_from(list(FORMS))


class Live(NamedTuple):
    """Trades in pieces, the form of each piece, and the options of a processor."""

    frame: pl.DataFrame
    pieces: list[pl.DataFrame]
    forms: list[str]
    question: Question

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments of a processor."""
        return self.question.options | {"time_unit": self.time_unit}

    @property
    def time_unit(self) -> Unit:
        """The unit of the times, as dicts have it too."""
        dtype = self.frame.schema["timestamp"]
        assert isinstance(dtype, pl.Datetime)
        return cast("Unit", dtype.time_unit)

    def begin(self) -> rb.RangeBarProcessor:
        """Return a processor that knows the dtypes of the trades."""
        processor = rb.RangeBarProcessor(**self.asked)
        processor.process_trades(self.frame.clear())
        return processor

    def expected(self) -> pl.DataFrame:
        """Return the bars of the oracle without those that are still open."""
        bars = self.question.expected(self.frame)
        return bars.head(bars.height - len(self._open()))

    def open_bars(self) -> pl.DataFrame:
        """Return the open bars of the oracle, with all columns."""
        every = Question(
            thresholds=self.question.thresholds,
            threshold_column=self.question.threshold_column,
            by=self.question.by,
            reset=self.question.reset,
            prevent_same_timestamp_close=self.question.prevent_same_timestamp_close,
        )
        bars = every.expected(self.frame).drop("is_complete")
        return bars.tail(len(self._open(always=True)))

    def _open(self, *, always: bool = False) -> list[Any]:
        if not (always or self.question.include_incomplete):
            return []
        found = self.question.pieces(self.frame)
        return [piece for piece in found if piece.place[0] == self.frame.height]


def feed(
    processor: rb.RangeBarProcessor,
    form: str,
    frame: pl.DataFrame,
    overlap: Literal["raise", "skip"] = "raise",
) -> pl.DataFrame:
    """Give a processor trades in a form, whatever it warns of."""
    return hushed(lambda: processor.process_trades(FORMS[form](frame), overlap=overlap))


@st.composite
def live(draw: st.DrawFn, most: int = 25) -> Live:
    """Draw trades of keys that dicts can hold, cut anywhere, and any options of several chains."""
    frame = draw(keyed(most=most))
    unit = draw(st.sampled_from(UNITS))
    time = frame["timestamp"].dt.replace_time_zone(None).dt.cast_time_unit(unit)
    frame = frame.with_columns(time.dt.replace_time_zone("UTC"), pl.col("venue").cast(pl.Int64))
    if frame.schema.get("is_buyer_maker") == pl.Null:
        frame = frame.drop("is_buyer_maker")
    if frame["timestamp"].dtype == pl.Datetime("us", "UTC"):
        # What nanoseconds became may be equal times, at which ids need not rise.
        frame = frame.sort("timestamp", maintain_order=True)
    by = draw(st.sampled_from([(), ("symbol",), ("venue", "symbol")]))
    question = draw(questions(by))
    cut = pieces(frame, draw(st.lists(st.integers(0, frame.height), max_size=5)))
    return Live(frame, cut, draw(st.lists(forms, min_size=len(cut), max_size=len(cut))), question)
