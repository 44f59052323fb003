"""The cluster chart of footprints: its cells, its marks, and what it refuses."""

from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.charts import legends, values
from support.trades import trades, walk

import rangebar_polars as rb

HOW = rb.Footprint(0.5)
FEW = trades(
    [100, 100.5, 100.2, 101, 101.1, 100.8, 100.9, 100.6, 100],
    quantity=[1.0, 2.0, 1.0, 3.0, 1.0, 2.0, 1.0, 4.0, 2.0],
    sold=[False, False, True, False, False, True, False, True, True],
)


def marks(spec: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the layers with this mark."""
    return [layer for layer in spec["vconcat"][0]["layer"] if layer["mark"]["type"] == kind]


def test_a_cell_for_each_level_of_the_last_bars() -> None:
    spec = rb.plot_footprint(rb.bars(FEW, 1_000, footprint=HOW), last=1).to_dict()

    cells = values(spec).select("number", "price", "sold", "bought", "delta", "poc")
    assert cells.rows() == [
        (1, 100.0, "2", "0", -2.0, 100.5),
        (1, 100.5, "6", "1", -5.0, 100.5),
        (1, 101.0, "0", "1", 1.0, 100.5),
    ]
    assert spec["title"]["subtitle"][0].startswith("last 1 of 2 bars, ")


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_a_cell_is_as_high_as_a_level_also_where_no_two_levels_follow_each_other(
    scale: float,
) -> None:
    prices = [round(price * scale, 8) for price in (100.0, 100.2, 100.5, 101.0, 100.7, 100.9)]
    how = rb.Footprint(round(0.1 * scale, 8))

    bars = rb.bars(trades(prices), rule=rb.TickRule(3), footprint=how)
    (boxes, *_) = marks(rb.plot_footprint(bars).to_dict(), "rect")

    (top,) = (step for step in boxes["transform"] if step.get("as") == "top")
    assert top["calculate"] == f"datum.price + {how.tick!r}"


def test_imbalances_are_bold_and_the_poc_and_the_value_area_are_marked() -> None:
    spec = rb.plot_footprint(rb.bars(FEW, 1_000, footprint=HOW)).to_dict()

    bold = [mark for mark in marks(spec, "text") if mark["mark"].get("fontWeight") == "bold"]
    filters = [step["filter"] for mark in bold for step in mark["transform"] if "filter" in step]
    assert filters == ["datum.sell_imbalance", "datum.buy_imbalance"]
    borders = [mark for mark in marks(spec, "rect") if mark["mark"].get("fillOpacity") == 0]
    assert borders[0]["transform"][-1]["filter"] == "datum.price == datum.poc"
    lines = [mark for mark in marks(spec, "rule") if "value_area_low" in str(mark["encoding"])]
    assert len(lines) == 1
    assert legends(spec) == ["bought less sold"]


def test_cells_that_are_too_small_have_no_text() -> None:
    bars = rb.bars(walk(400), 1_000, footprint=rb.Footprint(0.01), include_incomplete=True)

    spec = bars.rangebar.plot_footprint(height=300).to_dict()  # type: ignore[attr-defined]

    assert marks(spec, "text") == []
    assert "sold" not in spec["title"]["subtitle"][1]


def test_trades_without_sides_show_their_volume() -> None:
    spec = rb.plot_footprint(rb.bars(FEW.drop("is_buyer_maker"), 1_000, footprint=HOW)).to_dict()

    assert [mark["encoding"]["text"]["field"] for mark in marks(spec, "text")] == ["all"]
    assert legends(spec) == []


def test_bars_with_levels_alone_are_drawn_one_chain_below_the_other() -> None:
    bars = rb.bars(FEW, [500, 1_000], footprint=HOW)

    spec = rb.plot_footprint(bars.drop("poc", "value_area_low", "value_area_high")).to_dict()

    assert [chart["title"]["text"] for chart in spec["vconcat"]] == [
        "Footprint: 0.5 %",
        "Footprint: 1 %",
    ]


def test_a_bar_of_one_level_has_a_cell_with_a_height() -> None:
    bars = rb.bars(trades([100, 100]), rule=rb.TickRule(2), footprint=HOW)

    assert rb.plot_footprint(bars).to_dict()["vconcat"][0]["height"] > 0


def test_bars_without_a_footprint_are_refused() -> None:
    with says(
        ValueError,
        "the bars have no column 'footprint': they have [open_time, close_time, open, high, low, "
        "close, volume] (make them with footprint=rb.Footprint(tick=...))",
    ):
        rb.plot_footprint(rb.bars(FEW, 1_000))
    with says(
        TypeError,
        'column "footprint" is Int64: expected the levels that bars(footprint=...) makes',
    ):
        rb.plot_footprint(rb.bars(FEW, 1_000).with_columns(footprint=pl.lit(1, pl.Int64)))


def test_bars_without_levels_are_refused() -> None:
    bars = rb.bars(FEW, 1_000, footprint=HOW)
    bars = bars.with_columns(footprint=pl.lit(None, bars.schema["footprint"]))

    with says(ValueError, "there is nothing to draw: the bars have no levels"):
        rb.plot_footprint(bars)
    with says(TypeError, "bars is a list: expected a DataFrame or a LazyFrame"):
        rb.plot_footprint([])  # type: ignore[arg-type]


def test_more_cells_than_a_picture_has_room_for_are_refused() -> None:
    frame = trades([price / 100 for price in range(1, 20_101)])
    bars = rb.bars(frame, rule=rb.TickRule(20_100), footprint=rb.Footprint(0.01))

    with says(
        ValueError,
        "the last 1 bars have 20100 levels: expected at most 20000 in a chart (give a smaller "
        "last, or bars with a coarser tick)",
    ):
        rb.plot_footprint(bars)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"title": 1}, TypeError, "title is 1: expected a text"),
        ({"units": 1}, TypeError, 'units is 1: expected texts by column ({"price": "USDT"})'),
        (
            {"units": {"ofi": "x"}},
            ValueError,
            "units holds 'ofi', which no axis shows: expected some of [price, volume]",
        ),
    ],
)
def test_bad_arguments_are_refused(
    options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with says(kind, text):
        rb.plot_footprint(rb.bars(FEW, 1_000, footprint=HOW), **options)
