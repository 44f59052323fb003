"""The tick rule against its definition, whatever way it is computed."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.reference import fx
from support.trades import walk

import rangebar_polars as rb

PRICES = st.lists(
    st.sampled_from([1.0, 1.000000004, 1.00000001, 0.1 + 0.2, 0.3, 2.5, None]), max_size=30
)


def by_definition(prices: list[float | None]) -> list[bool | None]:
    """Return the sides, row by row."""
    sides, side, before = list[bool | None](), None, None
    for price in prices:
        if price is not None:
            now = fx(price)
            if before is not None and now != before:
                side = now < before
            before = now
        sides.append(side)
    return sides


@given(PRICES)
def test_the_side_is_that_of_the_last_change(prices: list[float | None]) -> None:
    frame = pl.DataFrame({"px": pl.Series(prices, dtype=pl.Float64)})
    expected = by_definition(prices)

    for plan in (frame, frame.lazy()):
        sides = plan.select(rb.tick_rule("px")).lazy()
        assert sides.collect_schema() == {"is_buyer_maker": pl.Boolean}
        assert sides.collect().to_series().to_list() == expected
        assert sides.collect(engine="streaming").to_series().to_list() == expected
    assert frame.select(rb.tick_rule(pl.col("px") * 1)).to_series().to_list() == expected


@given(PRICES, PRICES)
def test_each_symbol_has_its_own_last_price(
    first: list[float | None], second: list[float | None]
) -> None:
    rows = [("A", price) for price in first] + [("B", price) for price in second]
    frame = pl.DataFrame(rows, schema={"symbol": pl.String, "price": pl.Float64}, orient="row")

    sides = frame.with_columns(rb.tick_rule().over("symbol"))["is_buyer_maker"]

    assert sides.to_list() == by_definition(first) + by_definition(second)


def test_a_million_rows_are_streamed_to_the_same_sides() -> None:
    prices = pl.concat([walk(1_000).select("price")] * 1_000)

    streamed = prices.lazy().select(rb.tick_rule()).collect(engine="streaming")

    assert streamed.equals(prices.select(rb.tick_rule()))


def test_bars_take_the_side_without_a_name() -> None:
    frame = walk(300).drop("is_buyer_maker")
    plan = frame.lazy().with_columns(rb.tick_rule()).rangebar.bars(20, include_microstructure=True)  # type: ignore[attr-defined]

    sides = by_definition(frame["price"].to_list())
    expected = frame.with_columns(pl.Series("is_buyer_maker", sides))
    assert plan.collect().equals(rb.bars(expected, 20, include_microstructure=True))


def test_decimals_and_integers_are_prices() -> None:
    for dtype in (pl.Decimal(18, 2), pl.Int64, pl.Float32):
        frame = pl.DataFrame({"price": [1.0, 2.0, 2.0, 1.0]}).cast(dtype)
        assert frame.select(rb.tick_rule()).to_series().to_list() == [None, False, False, True]


def test_a_price_that_is_no_column_is_refused() -> None:
    with says(TypeError, "price is 3: expected the name of a column, or an expression"):
        rb.tick_rule(3)  # type: ignore[arg-type]
