"""Bars of several keys or thresholds are a chart each, one below the other."""

import inspect
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.charts import layer, legends, values
from support.trades import walk

import rangebar_polars as rb

TRADES = walk(900).with_columns(
    symbol=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("B")).otherwise(pl.lit("A"))
)


def test_keys_that_lead_the_frame_are_a_chart_each() -> None:
    bars = rb.bars(TRADES, 100, by="symbol")

    charts = rb.plot_bars(bars).to_dict()["vconcat"]

    titles = [chart["title"]["text"] for chart in charts]
    assert sorted(titles) == ["Bars of A", "Bars of B"]
    for title, chart in zip(titles, charts, strict=True):
        own = bars.filter(pl.col("symbol") == title[-1])
        assert values(chart)["close"].to_list() == own["close"].to_list()


def test_each_threshold_is_a_chart_even_if_its_column_stands_elsewhere() -> None:
    bars = rb.bars(TRADES, [100, 250]).select(pl.exclude("threshold_decimal_bps"), "^thr.*$")

    charts = rb.plot_bars(bars).to_dict()["vconcat"]

    titles = [chart["title"]["text"] for chart in charts]
    assert titles == ["Bars of 0.1 %", "Bars of 0.25 %"]


def test_keys_and_thresholds_are_named_together() -> None:
    bars = rb.bars(TRADES, [100, 250], by=["symbol", "is_buyer_maker"])

    charts = rb.plot_bars(bars).to_dict()["vconcat"]

    assert len(charts) == bars.select("symbol", "is_buyer_maker", "^thr.*$").n_unique()
    titles = {chart["title"]["text"] for chart in charts}
    assert "Bars of A, is_buyer_maker True, 0.25 %" in titles
    assert "Bars of A, is_buyer_maker None, 0.1 %" in titles


def test_each_rule_has_a_chart() -> None:
    bars = rb.bars(TRADES, rule=[rb.TickRule(7), rb.RangeRule(100)], by="symbol")

    titles = {
        chart["title"]["text"] for chart in rb.plot_bars(bars, by="symbol").to_dict()["vconcat"]
    }

    assert titles == {f"Bars of {s}, {rule}" for s in "AB" for rule in ("tick-7", "range-100")}


def test_each_rule_is_a_chart() -> None:
    rules = [rb.TickRule(40), rb.RangeRule(100)]
    bars = rb.bars(TRADES.drop("symbol"), rule=rules)

    titles = [chart["title"]["text"] for chart in rb.plot_bars(bars, by=()).to_dict()["vconcat"]]

    assert sorted(titles) == ["Bars of range-100", "Bars of tick-40"]


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


def test_what_another_chart_alone_has_is_explained_too() -> None:
    bars = rb.bars(TRADES, 100, by="symbol", include_microstructure=True).sort(
        "symbol", maintain_order=True
    )
    is_first = pl.col("symbol") == "A"
    rising = bars.filter(~is_first | (pl.col("close") > pl.col("open"))).with_columns(
        ofi=pl.when(~is_first).then("ofi")
    )

    charts = rb.plot_bars(rising).to_dict()["vconcat"]

    assert [sorted(legends(chart)) for chart in charts] == [
        ["candle"],
        ["volume by order flow (ofi)"],
    ]
    fill = layer(charts[0]["vconcat"][0], "rect")["encoding"]["fill"]
    assert fill["scale"]["domain"] == ["close above open", "close below open"]


def test_a_chain_without_a_price_is_an_empty_chart(tmp_path: Path) -> None:
    bars = rb.bars(TRADES, 100, by="symbol").sort("symbol", maintain_order=True)
    of_others = pl.when(pl.col("symbol") != "A")
    hollow = bars.with_columns(
        of_others.then(name).alias(name) for name in ("open", "high", "low", "close")
    )

    chart = rb.plot_bars(hollow)

    own = values(chart.to_dict()["vconcat"][0])
    assert own["close"].null_count() == own.height > 0
    chart.save(tmp_path / "x.svg")
    assert (tmp_path / "x.svg").stat().st_size > 10_000


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


@pytest.mark.parametrize("space", [rb.FrameNamespace, rb.LazyFrameNamespace])
def test_the_method_has_the_signature_of_the_function_and_describes_it(space: type) -> None:
    method = space.plot  # type: ignore[attr-defined]

    of_method, of_function = (
        list(inspect.signature(call).parameters.values())[1:] for call in (method, rb.plot_bars)
    )
    assert of_method == of_function
    part = (inspect.getdoc(method) or "").partition("\nParameters\n----------\n")[2]
    lines = part.partition("\n\n")[0].splitlines()
    described = ", ".join(line for line in lines if not line.startswith(" ")).split(", ")
    assert described == [parameter.name for parameter in of_method]
