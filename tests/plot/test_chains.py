"""Bars of several keys or thresholds are a chart each, one below the other."""

from typing import Any

import polars as pl
import pytest
from support.charts import legends, values
from support.trades import walk

import rangebar_polars as rb

TRADES = walk(900).with_columns(
    symbol=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("B")).otherwise(pl.lit("A"))
)


def test_keys_that_lead_the_frame_are_a_chart_each() -> None:
    bars = rb.bars(TRADES, 100, by="symbol")

    charts = rb.plot_bars(bars).to_dict()["vconcat"]

    titles = [chart["title"]["text"] for chart in charts]
    assert sorted(titles) == ["Range bars of A", "Range bars of B"]
    for title, chart in zip(titles, charts, strict=True):
        own = bars.filter(pl.col("symbol") == title[-1])
        assert values(chart)["close"].to_list() == own["close"].to_list()


def test_each_threshold_is_a_chart_even_if_its_column_stands_elsewhere() -> None:
    bars = rb.bars(TRADES, [100, 250]).select(pl.exclude("threshold_decimal_bps"), "^thr.*$")

    charts = rb.plot_bars(bars).to_dict()["vconcat"]

    titles = [chart["title"]["text"] for chart in charts]
    assert titles == ["Range bars of 0.1 %", "Range bars of 0.25 %"]


def test_keys_and_thresholds_are_named_together() -> None:
    bars = rb.bars(TRADES, [100, 250], by=["symbol", "is_buyer_maker"])

    charts = rb.plot_bars(bars).to_dict()["vconcat"]

    assert len(charts) == bars.select("symbol", "is_buyer_maker", "^thr.*$").n_unique()
    titles = {chart["title"]["text"] for chart in charts}
    assert "Range bars of A, is_buyer_maker True, 0.25 %" in titles
    assert "Range bars of A, is_buyer_maker None, 0.1 %" in titles


def test_the_last_bars_of_each_chain_are_drawn() -> None:
    bars = rb.bars(TRADES, 100, by="symbol")

    for chart in rb.plot_bars(bars, last=3).to_dict()["vconcat"]:
        own = bars.filter(pl.col("symbol") == chart["title"]["text"][-1])
        assert values(chart)["close"].to_list() == own["close"].tail(3).to_list()
        assert values(chart)["number"].to_list()[-1] == own.height - 1


def test_a_key_that_stands_elsewhere_is_named_by_the_caller() -> None:
    bars = rb.bars(TRADES, 100, by="symbol").select(pl.exclude("symbol"), "symbol")

    assert len(rb.plot_bars(bars, by="symbol").to_dict()["vconcat"]) == 2


def test_the_first_chart_alone_explains_the_colours() -> None:
    bars = rb.bars(TRADES, 100, by="symbol", include_microstructure=True)

    first, second = rb.plot_bars(bars).to_dict()["vconcat"]

    assert sorted(legends(first)) == ["candle", "volume by order flow (ofi)"]
    assert legends(second) == []


def test_charts_of_chains_zoom_apart() -> None:
    spec = rb.plot_bars(rb.bars(TRADES, [100, 250])).to_dict()

    assert [zoom["name"] for zoom in spec["params"]] == ["bars_0_zoom", "bars_1_zoom"]
    assert not {*spec["params"][0]["views"]} & {*spec["params"][1]["views"]}


@pytest.mark.parametrize("kind", ["frame", "plan"])
def test_the_method_of_frames_and_plans_draws_what_the_function_draws(kind: str) -> None:
    bars = rb.bars(TRADES, 100, by="symbol")
    frame = bars if kind == "frame" else bars.lazy()
    options: dict[str, Any] = {
        "last": 5,
        "panes": "volume",
        "by": "symbol",
        "units": {"price": "USD"},
    }
    options |= {"width": 300, "height": 100}

    chart = frame.rangebar.plot(**options)  # type: ignore[union-attr]

    assert chart.to_dict() == rb.plot_bars(bars, **options).to_dict()
