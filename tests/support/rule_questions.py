"""Calls with rules, and the bars that the oracle of rules gives for them."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from hypothesis import strategies as st

import rangebar_polars as rb
from support.border_reference import Borders, resets, values
from support.entry_points import BASE, collect_streaming, frame_of, one_chunk_a_row, parquet
from support.oracle_chains import rows_of_keys
from support.rule_reference import bars_of
from support.trades import PER_SECOND, rows

TEXTS = (
    "range-250",
    "range-1000-nogate",
    "pricerange-0.5",
    "pricerange-40-nogate",
    "highlow-0.5",
    "highlow-3-nogate",
    "cusum-250",
    "cusum-1000-gate",
    "tick-1",
    "tick-4",
    "tick-3-gate",
    "trade-5",
    "volume-2.5",
    "volume-0.00000001-gate",
    "dollar-300",
    "imbalance-tick-maker-2",
    "imbalance-volume-tickrule-1.5",
    "run-tick-tickrule-3-gate",
    "run-dollar-maker-250",
    "runlength-tick-maker-2",
    "runlength-volume-tickrule-2",
    "ewmaimbalance-tick-maker-4-3-7-1-8-4",
    "ewmaimbalance-volume-tickrule-3-none-5-1-9-2",
    "ewmarun-tick-maker-4-3-7-1-8-4",
    "ewmarun-dollar-tickrule-4-none-7-2-8-3-gate",
)
"""Rules of every kind, with limits that a few drawn trades reach."""


def _through_a_processor(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Fold a record at a time, with a checkpoint after each."""
    include_incomplete = options["include_incomplete"]
    reset = options["reset"]
    processor = rb.RangeBarProcessor(**options)
    ended = [processor.process_trades(frame.clear())]
    for record in frame.iter_slices(1):
        processor = rb.RangeBarProcessor.from_checkpoint(processor.create_checkpoint(), reset=reset)
        ended.append(processor.process_trades(record))
    open_bar = processor.get_incomplete_bar()
    if include_incomplete and open_bar is not None:
        last = open_bar.with_columns(is_complete=pl.lit(value=False))
        ended.append(last.select(ended[0].columns))
    return pl.concat(ended)


def _selected(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    return frame.select(rb.bars_expr(**options)).unnest("bars")


def _with_state(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    half = frame.height // 2
    first, state = rb.bars_with_state(frame.head(half), **options)
    return pl.concat([first, rb.bars(frame.slice(half), state=state, **options)])


OF_CHAINS: Mapping[str, Callable[..., pl.DataFrame]] = {
    "eager": rb.bars,
    "eager, one chunk a row": lambda frame, **options: rb.bars(one_chunk_a_row(frame), **options),
    "lazy, row groups of 3": lambda frame, **options: collect_streaming(
        rb.bars(parquet(frame, 3), **options)
    ),
    "aggs": lambda frame, **options: (
        rb.bars(frame.lazy(), aggs=pl.len().alias("records"), **options).collect().drop("records")
    ),
}
OF_ONE_CHAIN: Mapping[str, Callable[..., pl.DataFrame]] = {
    **OF_CHAINS,
    "expression": _selected,
    "batches": lambda frame, **options: pl.concat(
        rb.process_trades_chunked([frame.clear(), *frame.iter_slices(2)], **options)
    ),
    "a checkpoint after each record": _through_a_processor,
    "state": _with_state,
}


@dataclass(frozen=True, kw_only=True)
class RuleQuestion:
    """The options of a call with rules."""

    texts: tuple[str, ...]
    several: bool = False
    by: tuple[str, ...] = ()
    reset: Borders | None = None
    max_gap_ms: int | None = None
    include_microstructure: bool = True
    include_incomplete: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """The arguments."""
        rules = [rb.parse_rule(text) for text in self.texts]
        return {
            "rule": rules if self.several else rules[0],
            "reset": self.reset,
            "max_gap": None if self.max_gap_ms is None else f"{self.max_gap_ms}ms",
            "include_microstructure": self.include_microstructure,
            "include_incomplete": self.include_incomplete,
            **({"by": self.by} if self.by else {}),
        }

    def expected(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the bars of the oracle, in the shape of a frame of bars."""
        every, found = rows(frame), []
        of_rows = values(frame, self.reset)
        time = frame.schema["timestamp"]
        assert isinstance(time, pl.Datetime)
        per_second = PER_SECOND[time.time_unit]
        gap = None if self.max_gap_ms is None else self.max_gap_ms * per_second // 1_000
        for key, of_key in enumerate(rows_of_keys(frame, self.by)):
            trades = [every[row] for row in of_key]
            pairs = enumerate(itertools.pairwise(of_rows[row] for row in of_key), 1)
            borders = [row for row, (before, after) in pairs if before != after]
            for number, text in enumerate(self.texts):
                for bar in bars_of(trades, text, borders, gap):
                    is_open = bar.end == len(trades)
                    place = (frame.height, key) if is_open else (of_key[bar.end], 0)
                    piece = [trades[row] for row in bar.rows]
                    # A bar that was cut off comes before one that ends with the same record.
                    found.append(((*place, bar.complete, number), of_key[0], text, piece, bar))
        found.sort(key=lambda bar: bar[0])
        bars = [bar for bar in found if bar[4].complete or self.include_incomplete]
        whole = frame_of([piece for *_, piece, _ in bars], frame.schema)
        columns = whole if self.include_microstructure else whole.select(BASE)
        firsts = pl.Series([first for _, first, *_ in bars], dtype=pl.UInt32)
        leading = [frame[name].gather(firsts) for name in self.by]
        if self.several:
            leading.append(pl.Series("rule", [text for _, _, text, *_ in bars], pl.String))
        trailing = (
            [pl.Series("is_complete", [bar.complete for *_, bar in bars], pl.Boolean)]
            if self.include_incomplete
            else []
        )
        return pl.DataFrame([*leading, *columns, *trailing])


@st.composite
def rule_questions(
    draw: st.DrawFn, by: tuple[str, ...] = (), *, several: bool | None = None
) -> RuleQuestion:
    """Draw any combination of options."""
    many = draw(st.booleans()) if several is None else several
    most = 4 if many else 1
    texts = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=most, unique=True))
    return RuleQuestion(
        texts=tuple(texts),
        several=many,
        by=by,
        reset=draw(resets()),
        max_gap_ms=draw(st.none() | st.sampled_from([1, 1_000, 86_400_000])),
        include_microstructure=draw(st.booleans()),
        include_incomplete=draw(st.booleans()),
    )
