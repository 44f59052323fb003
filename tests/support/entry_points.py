"""Every entry point to bars, and the frame that each must give according to the oracle."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, TypedDict, Unpack

import polars as pl
from polars.testing import assert_frame_equal

import rangebar_polars as rb
from support.reference import Trade, cuts, features, sums
from support.trades import PER_SECOND, rows

EntryPoint = Callable[..., pl.DataFrame]


class Options(TypedDict, total=False):
    """What every entry point takes."""

    threshold_decimal_bps: int
    include_microstructure: bool
    include_incomplete: bool
    prevent_same_timestamp_close: bool
    columns: rb.TradeColumns


FEATURES = tuple(features([Trade(0, 1.0, 1.0)], 1))
BASE = ("open_time", "close_time", "open", "high", "low", "close", "volume")
SUMS = (
    "vwap",
    "turnover",
    "buy_volume",
    "sell_volume",
    "buy_turnover",
    "sell_turnover",
    "individual_trade_count",
    "agg_record_count",
    "buy_trade_count",
    "sell_trade_count",
    "first_agg_trade_id",
    "last_agg_trade_id",
)
INTEGERS = (*SUMS[6:], "duration_us")


def one_chunk_a_row(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with a chunk for every row, in every column."""
    return _chunked(frame, [1] * frame.width)


def uneven_chunks(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with other chunks in every column."""
    return _chunked(frame, range(2, frame.width + 2))


def _chunked(frame: pl.DataFrame, steps: Iterable[int]) -> pl.DataFrame:
    columns = []
    for step, column in zip(steps, frame, strict=True):
        parts = [column.slice(at, step) for at in range(0, column.len(), step)]
        columns.append(pl.concat(parts, rechunk=False) if parts else column)
        assert columns[-1].n_chunks() == max(1, len(parts))
    return pl.DataFrame(columns)


def inside_another(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame as a slice of a longer one, whose other rows are null."""
    around = frame.clear(13)
    return pl.concat([around, frame, around], rechunk=True).slice(13, frame.height)


def parquet(frame: pl.DataFrame, row_group_size: int) -> pl.LazyFrame:
    """Return a scan of the frame in a Parquet file in memory."""
    file = io.BytesIO()
    frame.write_parquet(file, row_group_size=row_group_size)
    return pl.scan_parquet(file.getvalue())


def collect_streaming(plan: pl.LazyFrame) -> pl.DataFrame:
    """Collect by the streaming engine."""
    return plan.collect(engine="streaming")


def _of_groups(frame: pl.DataFrame, **options: Unpack[Options]) -> pl.DataFrame:
    grouped = frame.with_columns(group=pl.lit("A")).group_by("group").agg(rb.bars_expr(**options))
    return grouped.explode("bars").drop_nulls("bars").select("bars").unnest("bars")


def _selected(frame: pl.DataFrame, **options: Unpack[Options]) -> pl.DataFrame:
    return frame.select(rb.bars_expr(**options)).unnest("bars")


ENTRY_POINTS: Mapping[str, EntryPoint] = {
    "eager": rb.bars,
    "eager namespace": lambda frame, **options: frame.rangebar.bars(**options),
    "eager, one chunk a row": lambda frame, **options: rb.bars(one_chunk_a_row(frame), **options),
    "eager, uneven chunks": lambda frame, **options: rb.bars(uneven_chunks(frame), **options),
    "eager, a slice": lambda frame, **options: rb.bars(inside_another(frame), **options),
    "eager, a stream of single rows": lambda frame, **options: rb.bars(
        frame.to_arrow().to_reader(max_chunksize=1), **options
    ),
    "eager, a stream of 3 rows a chunk": lambda frame, **options: rb.bars(
        frame.to_arrow().to_reader(max_chunksize=3), **options
    ),
    "lazy": lambda frame, **options: rb.bars(frame.lazy(), **options).collect(),
    "lazy namespace, streaming": lambda frame, **options: collect_streaming(
        frame.lazy().rangebar.bars(**options)
    ),
    "lazy, one chunk a row": lambda frame, **options: rb.bars(
        one_chunk_a_row(frame).lazy(), **options
    ).collect(),
    "lazy, row groups of 3": lambda frame, **options: collect_streaming(
        rb.bars(parquet(frame, 3), **options)
    ),
    "expression": _selected,
    "expression, one chunk a row": lambda frame, **options: _selected(
        one_chunk_a_row(frame), **options
    ),
    "expression, uneven chunks": lambda frame, **options: _selected(
        uneven_chunks(frame), **options
    ),
    "expression, a slice": lambda frame, **options: _selected(inside_another(frame), **options),
    "expression in a plan": lambda frame, **options: (
        frame.lazy().select(rb.bars_expr(**options)).unnest("bars").collect()
    ),
    "expression in a plan, streaming": lambda frame, **options: collect_streaming(
        frame.lazy().select(rb.bars_expr(**options)).unnest("bars")
    ),
    "price expression": lambda frame, **options: frame.select(
        pl.col("price").rangebar.bars(**options)  # type: ignore[attr-defined]
    ).unnest("bars"),
    "grouped": _of_groups,
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of a call."""

    threshold_decimal_bps: int = 250
    include_microstructure: bool = True
    include_incomplete: bool = True
    prevent_same_timestamp_close: bool = True

    def through(self, entry_point: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the bars that come out of an entry point."""
        return ENTRY_POINTS[entry_point](frame, **asdict(self))

    def expected(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the bars of the oracle, in the shape of a frame of bars."""
        chain = rows(frame)
        ends = cuts(chain, self.threshold_decimal_bps, prevented=self.prevent_same_timestamp_close)
        starts = [0, *(end + 1 for end in ends)]
        pieces = [chain[i : j + 1] for i, j in zip(starts, ends, strict=False)]
        complete = [True] * len(pieces)
        if self.include_incomplete and starts[-1] < len(chain):
            pieces.append(chain[starts[-1] :])
            complete.append(False)
        bars = frame_of(pieces, frame.schema)
        if not self.include_microstructure:
            bars = bars.select(BASE)
        if self.include_incomplete:
            bars = bars.with_columns(pl.Series("is_complete", complete, pl.Boolean))
        return bars


def frame_of(pieces: Sequence[Sequence[Trade]], schema: pl.Schema) -> pl.DataFrame:
    """Return all columns of the bars of these pieces of trades."""
    time = schema["timestamp"]
    assert isinstance(time, pl.Datetime)
    sides = schema.get("is_buyer_maker", pl.Null()) != pl.Null()
    bars = [_columns(piece, PER_SECOND[time.time_unit], sides=sides) for piece in pieces]
    dtypes = {name: pl.Int64 if name in INTEGERS else pl.Float64 for name in (*SUMS, *FEATURES)}
    columns = [
        *(pl.Series(name, [bar[name] for bar in bars], pl.Int64).cast(time) for name in BASE[:2]),
        *(pl.Series(name, [bar[name] for bar in bars], pl.Float64) for name in BASE[2:]),
        *(pl.Series(name, [bar[name] for bar in bars], dtypes[name]) for name in dtypes),
    ]
    return pl.DataFrame(columns)


def _columns(piece: Sequence[Trade], per_second: int, *, sides: bool) -> dict[str, Any]:
    first, last, prices = piece[0], piece[-1], [trade.price for trade in piece]
    volume, turnover, trades = sums(piece)
    buy = sums([trade for trade in piece if trade.is_buyer_maker is False])
    sell = sums([trade for trade in piece if trade.is_buyer_maker is True])
    bar: dict[str, float | Fraction | None] = {
        "open_time": first.time,
        "close_time": last.time,
        "open": first.price,
        "high": max(prices),
        "low": min(prices),
        "close": last.price,
        "volume": volume / 1e8,
        "vwap": Fraction(turnover, volume * 10**8) if volume else None,
        "turnover": turnover / 1e16,
        "buy_volume": buy[0] / 1e8 if sides else None,
        "sell_volume": sell[0] / 1e8 if sides else None,
        "buy_turnover": buy[1] / 1e16 if sides else None,
        "sell_turnover": sell[1] / 1e16 if sides else None,
        "individual_trade_count": trades,
        "agg_record_count": len(piece),
        "buy_trade_count": buy[2] if sides else None,
        "sell_trade_count": sell[2] if sides else None,
        "first_agg_trade_id": first.agg_trade_id,
        "last_agg_trade_id": last.agg_trade_id,
        **features(piece, per_second),
    }
    return {name: float(x) if isinstance(x, Fraction) else x for name, x in bar.items()}


def assert_expected(expected: pl.DataFrame, actual: pl.DataFrame) -> None:
    """Check bars against the oracle: sums to the last bit, ratios to 1e-12 of themselves."""
    ratios = [name for name in (*FEATURES, "vwap") if name in expected.columns]
    assert_frame_equal(expected.drop(ratios), actual.drop(ratios), check_exact=True)
    assert_frame_equal(expected, actual, rel_tol=1e-12, abs_tol=0.0)


def assert_same(expected: pl.DataFrame, actual: pl.DataFrame) -> None:
    """Check that two frames of bars are the same to the last bit, dtypes and all."""
    assert_frame_equal(expected, actual, check_exact=True)
