"""The statistics of the trades of a bar, or of any group: against an oracle, in every setting."""

import random
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from support.entry_points import ENTRY_POINTS, Asked, assert_same, one_chunk_a_row, uneven_chunks
from support.oracle_chains import check_chains_are_as_alone, few
from support.reference import Trade, cuts
from support.statistics import COUNTS, OF_A_LOGARITHM, STATISTICS, statistics
from support.strategies import asked, frames
from support.trades import rows, trades, walk

import rangebar_polars as rb

INTRA = [f"intra_{name}" for name in STATISTICS]
EXPRESSIONS = [getattr(rb.features, name)() for name in STATISTICS]
LOGARITHMS = [f"intra_{name}" for name in OF_A_LOGARITHM]
SCHEMA = {name: pl.Int64() if name in COUNTS else pl.Float64() for name in STATISTICS}


def oracle(pieces: list[list[Trade]], frame: pl.DataFrame) -> pl.DataFrame:
    """Return the statistics of pieces of the trades of a frame, as columns of bars."""
    has_sides = frame.schema.get("is_buyer_maker", pl.Null()) != pl.Null()
    found = [statistics(piece, has_sides=has_sides) for piece in pieces]
    return pl.DataFrame(found, SCHEMA).rename(dict(zip(STATISTICS, INTRA, strict=True)))


def assert_exact(expected: pl.DataFrame, actual: pl.DataFrame) -> None:
    """Check statistics against the oracle: to the last bit, but for a logarithm."""
    assert_same(expected.drop(LOGARITHMS), actual.drop(LOGARITHMS))
    assert_frame_equal(expected, actual, rel_tol=1e-12, abs_tol=1e-15)


def pieces_of(frame: pl.DataFrame, options: Asked) -> list[list[Trade]]:
    """Return the trades of each bar, and those of the open bar."""
    chain = rows(frame)
    ends = cuts(
        chain, options.threshold_decimal_bps, prevented=options.prevent_same_timestamp_close
    )
    borders = [0, *(end + 1 for end in ends), len(chain)]
    return [chain[start:end] for start, end in pairwise(borders) if start < end]


def of_groups(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the statistics of all trades of a frame by the expressions."""
    return frame.select(EXPRESSIONS).rename(dict(zip(STATISTICS, INTRA, strict=True)))


@few
@given(st.data(), asked(), st.sampled_from(sorted(ENTRY_POINTS)))
def test_bars_have_the_statistics_of_the_oracle_through_every_entry_point(
    data: st.DataObject, options: Asked, entry_point: str
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    bars = ENTRY_POINTS[entry_point](
        frame,
        threshold_decimal_bps=options.threshold_decimal_bps,
        prevent_same_timestamp_close=options.prevent_same_timestamp_close,
        include_incomplete=True,
        features=INTRA,
    )

    assert bars.columns[-len(INTRA) - 1 :] == [*INTRA, "is_complete"]
    assert_exact(oracle(pieces_of(frame, options), frame), bars.select(INTRA))


@few
@given(st.data(), asked())
def test_a_statistic_of_a_bar_is_the_expression_over_its_trades(
    data: st.DataObject, options: Asked
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))
    bar_id = rb.bar_id(
        options.threshold_decimal_bps,
        prevent_same_timestamp_close=options.prevent_same_timestamp_close,
    )

    groups = frame.group_by(bar_id, maintain_order=True).agg(EXPRESSIONS)

    bars = rb.bars(
        frame,
        options.threshold_decimal_bps,
        prevent_same_timestamp_close=options.prevent_same_timestamp_close,
        include_incomplete=True,
        features=INTRA,
    )
    named = groups.drop("bar_id").rename(dict(zip(STATISTICS, INTRA, strict=True)))
    assert_same(named, bars.select(INTRA))


def long_trades(seed: int, size: int, *, step: int, largest: int) -> pl.DataFrame:
    """Return trades whose prices wander, with many ties of prices and times."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    price, time, prices, times = largest // 2, 0, list[float](), list[int | None]()
    for _ in range(size):
        price = min(largest, max(1, price + chance.randint(-step, step)))
        time += chance.choice([0, 0, 1, 7, 10_000])
        prices.append(price / 1e8)
        times.append(time)
    return trades(
        prices,
        times,
        quantity=[chance.choice([0, 1, 3, chance.randrange(10**11)]) / 1e8 for _ in prices],
        sold=chance.choices([True, False, None], k=size),
        unit="us",
    )


@pytest.mark.parametrize("size", [1, 2, 3, 4, 10, 11, 12, 20, 21, 59, 60, 63, 64, 65, 129, 400])
def test_groups_of_any_length_have_the_statistics_of_the_oracle(size: int) -> None:
    for seed, step, largest in [(1, 1, 10**10), (2, 10**7, 10**13), (3, 8 * 10**18, 9 * 10**18)]:
        frame = long_trades(seed + size, size, step=step, largest=largest)
        if largest > 10**18:
            # The turnover has 128 bits.
            frame = frame.with_columns(quantity=pl.col("quantity") / 1e6)
        expected = oracle([rows(frame)], frame)
        for form in (frame, one_chunk_a_row(frame), uneven_chunks(frame)):
            assert_exact(expected, of_groups(form))


def test_the_largest_quantities_have_the_statistics_of_the_oracle() -> None:
    frame = trades([3e-8, 1e-8, 2e-8] * 30, quantity=[9.2e10, 1e10, 1.2e10, 0.0, 9e10] * 18)

    assert_exact(oracle([rows(frame)], frame), of_groups(frame))


@few
@given(st.data())
def test_every_chain_of_several_has_the_statistics_that_it_has_alone(data: st.DataObject) -> None:
    check_chains_are_as_alone(data, features=INTRA)


def test_threads_share_a_frame_with_the_statistics_of_one_thread() -> None:
    frame = long_trades(5, 300_000, step=10**6, largest=10**12)
    shared = [name for name in INTRA if name != "intra_time_above_open"]

    bars = rb.bars(frame, 10, features=shared, include_incomplete=True)

    plan = rb.bars(frame.lazy(), 10, features=INTRA, include_incomplete=True)
    assert 1 < bars.height < 600
    assert_same(plan.collect().select(bars.columns), bars)


@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_is_the_same_in_every_setting(name: str) -> None:
    frame = walk(300).with_columns(group=pl.int_range(300) // 100)
    statistic = getattr(rb.features, name)()
    by_group = [part.select(statistic).item() for part in frame.partition_by("group")]

    grouped = frame.group_by("group", maintain_order=True).agg(statistic)
    windows = frame.group_by_dynamic("timestamp", every="100s").agg(statistic)
    planned = frame.lazy().group_by("group").agg(statistic).sort("group")

    assert grouped.schema[name] == SCHEMA[name]
    for actual in (grouped, windows, planned.collect(engine="streaming")):
        assert actual[name].to_list() == by_group


@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_reads_what_the_table_of_columns_says(name: str) -> None:
    (reads,) = (output.reads for output in rb.schema.INTRA if output.name == f"intra_{name}")
    frame = walk(90)

    whole = frame.select(getattr(rb.features, name)())

    assert_same(whole, frame.select(reads).select(getattr(rb.features, name)()))


@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_of_no_trade_is_null(name: str) -> None:
    assert walk(2).clear().select(getattr(rb.features, name)()).item() is None


def test_the_table_of_columns_has_the_statistics_of_the_oracle_in_order() -> None:
    assert [output.name for output in rb.schema.INTRA] == INTRA


def test_quantities_of_another_unit_leave_shares_and_shapes_as_they_are() -> None:
    frame = long_trades(8, 200, step=10**6, largest=10**12)
    shapes = ["volume_skew", "volume_kurt", "largest_trade_share", "tick_rule_ofi"]
    of = [getattr(rb.features, name)() for name in shapes]

    # By a power of two, so that each quantity at scale 1e8 is exactly as many times as large.
    scaled = frame.with_columns(quantity=pl.col("quantity").mul(1e8).round() * 1024 / 1e8)

    assert_frame_equal(frame.select(of), scaled.select(of), rel_tol=1e-12, abs_tol=0.0)


def test_trades_without_sides_have_deltas_of_null_and_null_sides_of_0() -> None:
    bare = trades([100, 101, 100.5])
    null = bare.with_columns(is_buyer_maker=pl.lit(None, pl.Boolean))
    names = ["delta", "max_delta", "min_delta", "kyle_lambda_ols"]
    of = [getattr(rb.features, name)() for name in names]

    assert bare.select(of).row(0) == (None, None, None, None)
    assert null.select(of).row(0) == (0.0, 0.0, 0.0, None)
