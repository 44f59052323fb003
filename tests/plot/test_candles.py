"""The chart of bars draws the values of the bars, and says what they are."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal
from support.charts import axis_titles, layer, legends, number_axis, values
from support.trades import trades, walk

import rangebar_polars as rb

PRICES = ("open", "high", "low", "close")
UP, DOWN, NEUTRAL = "#0072B2", "#D55E00", "#8C8C8C"


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Return bars with every column, of which the last is open."""
    whole = rb.bars(walk(600), 100, include_microstructure=True, include_incomplete=True)
    assert whole["is_complete"].to_list() == [True] * (whole.height - 1) + [False]
    return whole


def test_the_data_are_the_prices_of_the_bars(bars: pl.DataFrame) -> None:
    drawn = values(rb.plot_bars(bars).to_dict())

    assert_frame_equal(drawn.select(PRICES), bars.select(PRICES), check_exact=True)


def test_panes_have_the_values_of_their_columns_in_the_order_asked_for(bars: pl.DataFrame) -> None:
    names = ["ofi", "volume", "individual_trade_count"]

    drawn = values(rb.plot_bars(bars, panes=names).to_dict())

    expected = bars.select(pane_0="ofi", pane_1="volume", pane_2="individual_trade_count")
    assert_frame_equal(drawn.select(expected.columns), expected, check_exact=True)


def test_the_times_of_two_bars_have_room_beside_each_other(bars: pl.DataFrame) -> None:
    spec = rb.plot_bars(bars, last=2).to_dict()

    wick = layer(spec["vconcat"][0], "rule")
    low, high = wick["encoding"]["x"]["scale"]["domain"]
    width_of_milliseconds = 62  # of a label such as 00:00:03.000, in pixels
    assert spec["vconcat"][0]["width"] / (high - low) > width_of_milliseconds


def test_bars_are_numbered_as_rows_of_the_frame(bars: pl.DataFrame) -> None:
    drawn = values(rb.plot_bars(bars, last=10).to_dict())

    assert drawn["number"].to_list() == list(range(bars.height - 10, bars.height))
    assert_series_equal(drawn["close"], bars["close"].tail(10))


def test_by_default_the_last_500_are_drawn_and_none_means_all() -> None:
    many = rb.bars(walk(3_000), 1)

    assert many.height > 500
    assert values(rb.plot_bars(many).to_dict()).height == 500
    assert values(rb.plot_bars(many, last=None).to_dict()).height == many.height


def test_more_rows_than_altair_takes_of_a_frame_are_drawn() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    many = pl.DataFrame({"number": range(6_000)}).select(
        open_time=start + pl.col("number") * timedelta(seconds=1),
        close_time=start + pl.col("number") * timedelta(seconds=1),
        **dict.fromkeys(PRICES, pl.col("number") % 7 + 1.0),
    )

    assert values(rb.plot_bars(many, last=None).to_dict()).height == 6_000


def test_by_default_the_panes_are_those_of_volume_and_order_flow_that_are_there(
    bars: pl.DataFrame,
) -> None:
    plain = bars.select("open_time", "close_time", *PRICES, "volume")

    assert axis_titles(rb.plot_bars(bars).to_dict()) == [
        "price (quote currency)",
        "volume (base units)",
        "ofi (-1 all sells, 1 all buys)",
    ]
    assert axis_titles(rb.plot_bars(plain).to_dict())[1:] == ["volume (base units)"]
    assert axis_titles(rb.plot_bars(plain.drop("volume")).to_dict())[1:] == []
    assert axis_titles(rb.plot_bars(bars, panes=()).to_dict())[1:] == []


def test_axes_have_the_units_that_are_given(bars: pl.DataFrame) -> None:
    units = {"price": "USDT", "volume": "BTC"}

    titles = axis_titles(rb.plot_bars(bars, panes="volume", units=units).to_dict())

    assert titles == ["price (USDT)", "volume (BTC)"]


def test_every_column_of_bars_has_a_pane(bars: pl.DataFrame) -> None:
    names = [name for name in bars.columns if name not in {"open_time", "close_time"}]

    titles = axis_titles(rb.plot_bars(bars, panes=names).to_dict())

    for name, title in zip(names, titles[1:], strict=True):
        assert title.startswith(name.removesuffix("_us"))


def test_a_feature_has_a_unit(bars: pl.DataFrame) -> None:
    names = [output.name for output in rb.schema.COLUMNS if output.group == "feature"]

    titles = axis_titles(rb.plot_bars(bars, panes=names).to_dict())

    assert [title for title in titles if "(" not in title] == []


def test_a_pane_may_be_any_column_of_ones_own() -> None:
    aggs = [
        pl.col("price").std().alias("a.b[0]"),
        (pl.col("quantity").max() > 1).alias("is_large"),
        (pl.col("timestamp").last() - pl.col("timestamp").first()).alias("took"),
    ]
    own = rb.bars(walk(500), 50, aggs=aggs)

    spec = rb.plot_bars(own, panes=["a.b[0]", "is_large", "took"]).to_dict()

    drawn = values(spec)
    assert axis_titles(spec)[1:] == ["a.b[0]", "is_large", "took (s)"]
    assert_series_equal(drawn["pane_0"], own["a.b[0]"], check_names=False)
    assert drawn["pane_1"].to_list() == own["is_large"].cast(pl.Float64).to_list()
    assert_series_equal(
        drawn["pane_2"], own["took"].dt.total_seconds().cast(pl.Float64), check_names=False
    )


def test_the_axis_of_prices_does_not_begin_at_0(bars: pl.DataFrame) -> None:
    wick = layer(rb.plot_bars(bars).to_dict()["vconcat"][0], "rule")

    low, high = wick["encoding"]["y"]["scale"]["domain"]
    assert bars["low"].min() - 5 < low < bars["low"].min()  # type: ignore[operator]
    assert bars["high"].max() < high < bars["high"].max() + 5  # type: ignore[operator]


def test_a_price_that_never_moves_is_in_the_middle_of_its_axis() -> None:
    flat = rb.bars(trades([5.0, 5.0]), include_incomplete=True)

    wick = layer(rb.plot_bars(flat).to_dict()["vconcat"][0], "rule")

    low, high = wick["encoding"]["y"]["scale"]["domain"]
    assert (low + high) / 2 == 5.0
    assert low > 0


def test_wicks_reach_from_low_to_high_and_bodies_from_open_to_close(bars: pl.DataFrame) -> None:
    view = rb.plot_bars(bars).to_dict()["vconcat"][0]

    wick, body = layer(view, "rule")["encoding"], layer(view, "rect")["encoding"]
    assert (wick["y"]["field"], wick["y2"]["field"]) == ("low", "high")
    assert (body["y"]["field"], body["y2"]["field"]) == ("open", "close")


def test_the_colour_of_a_candle_says_where_it_closed_and_the_legend_what_occurs() -> None:
    falling = rb.bars(trades([100.0, 99.0, 98.0, 97.0]), 500, include_incomplete=True)
    rising = rb.bars(trades([100.0, 101.0, 102.0, 101.0]), 500)

    spec = rb.plot_bars(falling).to_dict()
    fill = layer(spec["vconcat"][0], "rect")["encoding"]["fill"]["condition"]
    assert fill["scale"] == {"domain": ["close below open"], "range": [DOWN]}
    other = layer(rb.plot_bars(rising).to_dict()["vconcat"][0], "rect")["encoding"]["fill"]
    names = ["close above open", "close below open"]
    assert other["scale"] == {"domain": names, "range": [UP, DOWN]}


def test_a_bar_that_is_not_complete_is_hollow_and_the_subtitle_says_so(bars: pl.DataFrame) -> None:
    spec = rb.plot_bars(bars).to_dict()

    fill = layer(spec["vconcat"][0], "rect")["encoding"]["fill"]
    assert (fill["condition"]["test"], fill["value"]) == ("datum.complete", "white")
    assert values(spec)["complete"].to_list() == bars["is_complete"].to_list()
    assert spec["title"]["subtitle"].endswith(", hollow: not complete")
    whole = rb.plot_bars(bars.filter("is_complete")).to_dict()
    assert "hollow" not in whole["title"]["subtitle"]


def test_narrow_bars_that_are_not_complete_are_pale_and_the_subtitle_says_so(
    bars: pl.DataFrame,
) -> None:
    hollow = rb.plot_bars(bars, width=5 * bars.height).to_dict()
    pale = rb.plot_bars(bars, width=4 * bars.height).to_dict()

    assert hollow["title"]["subtitle"].endswith(", hollow: not complete")
    assert pale["title"]["subtitle"].endswith(", pale: not complete")
    for mark in ("rule", "rect"):
        opacity = layer(pale["vconcat"][0], mark)["encoding"]["opacity"]
        assert opacity["condition"] == {"test": "datum.complete", "value": 1}
        assert 0.3 < opacity["value"] < 0.7
        assert "opacity" not in layer(hollow["vconcat"][0], mark)["encoding"]
    assert "value" not in layer(pale["vconcat"][0], "rect")["encoding"]["fill"]


def test_volume_has_the_colour_of_the_order_flow(bars: pl.DataFrame) -> None:
    spec = rb.plot_bars(bars).to_dict()

    color = layer(spec["vconcat"][1], "rect")["encoding"]["color"]
    flow = color["condition"]
    assert (flow["field"], flow["scale"]["domain"]) == ("flow", [-1, 0, 1])
    assert (flow["scale"]["range"][0], flow["scale"]["range"][2]) == (DOWN, UP)
    assert color["value"] == NEUTRAL  # where it is unknown
    assert_series_equal(values(spec)["flow"], bars["ofi"], check_names=False)


@pytest.mark.parametrize("columns", ["absent", "null"])
def test_without_sides_volume_is_grey_and_no_legend_explains_it(columns: str) -> None:
    bars = rb.bars(walk(500).drop("is_buyer_maker"), 50, include_microstructure=True)
    if columns == "absent":
        bars = bars.drop("ofi")

    spec = rb.plot_bars(bars, panes="volume").to_dict()

    assert layer(spec["vconcat"][1], "rect")["encoding"]["color"] == {"value": NEUTRAL}
    assert legends(spec) == ["candle"]


def test_a_pane_that_is_null_in_every_bar_says_so() -> None:
    bars = rb.bars(walk(500).drop("is_buyer_maker"), 50, include_microstructure=True)

    titles = axis_titles(rb.plot_bars(bars, panes="ofi").to_dict())

    assert titles[1] == "ofi (-1 all sells, 1 all buys): null in every bar shown"


def test_what_is_null_or_not_finite_is_null_in_the_chart(bars: pl.DataFrame) -> None:
    holes = bars.head(4).with_columns(
        close=pl.Series([1.0, None, float("nan"), 4.0]),
        ofi=pl.Series([None, float("inf"), -float("inf"), 0.5]),
    )

    drawn = values(rb.plot_bars(holes, panes="ofi").to_dict())

    assert drawn["close"].to_list() == [1.0, None, None, 4.0]
    assert drawn["pane_0"].to_list() == [None, None, None, 0.5]


def test_the_bottom_axis_says_that_it_numbers_bars_and_in_which_zone_times_are() -> None:
    spec = rb.plot_bars(rb.bars(walk(500), 50), panes=()).to_dict()
    zoned = walk(500).with_columns(pl.col("timestamp").dt.replace_time_zone("Europe/Berlin"))

    assert number_axis(spec)["title"] == "bar number (from 0) and close time"
    of_zone = rb.plot_bars(rb.bars(zoned, 50), panes=()).to_dict()
    assert number_axis(of_zone)["title"] == "bar number (from 0) and close time (Europe/Berlin)"


@pytest.mark.parametrize(
    ("apart", "label"),
    [
        (timedelta(milliseconds=2), "23:00:00.002"),
        (timedelta(minutes=1), "23:01:00"),
        (timedelta(hours=2), "01:00:00\n1 Jan"),
        (timedelta(days=20), "23:00\n20 Jan"),
        (timedelta(days=400), "2025-02-03"),
    ],
)
def test_labels_are_as_short_as_the_span_of_times_allows(apart: timedelta, label: str) -> None:
    first = datetime(2023, 12, 31, 23)  # noqa: DTZ001 - a naive column
    times = [first, first + apart]
    bars = pl.DataFrame({"open_time": times, "close_time": times}).with_columns(
        **dict.fromkeys(PRICES, pl.lit(1.0))
    )

    assert values(rb.plot_bars(bars).to_dict())["label"].to_list()[1] == label


def test_bars_of_dates_are_drawn() -> None:
    bars = rb.bars(walk(300), 200).with_columns(pl.col("open_time", "close_time").cast(pl.Date))

    spec = rb.plot_bars(bars).to_dict()

    assert spec["title"]["subtitle"].endswith("1970-01-01 to 1970-01-01")
    assert values(spec)["closed"].unique().to_list() == ["1970-01-01"]


def test_the_tooltip_has_the_times_to_the_last_digit() -> None:
    bars = rb.bars(trades([100.0, 101.0], [1, 1_000_002], unit="us", zone="UTC"))

    spec = rb.plot_bars(bars, panes=()).to_dict()

    drawn = values(spec).row(0, named=True)
    assert drawn["opened"] == "1970-01-01 00:00:00.000001 UTC"
    assert drawn["closed"] == "1970-01-01 00:00:01.000002 UTC"
    tooltip = spec["vconcat"][0]["layer"][-1]["encoding"]["tooltip"]
    assert [field["title"] for field in tooltip] == ["bar", "open_time", "close_time", *PRICES]


@pytest.mark.parametrize(
    ("price", "format_"), [(100.0, ",.1f"), (0.00000972, ",.8f"), (1 / 3, ",.8f")]
)
def test_prices_in_the_tooltip_have_the_decimals_that_they_need(price: float, format_: str) -> None:
    bars = rb.bars(trades([price, price]), include_incomplete=True).with_columns(
        close=pl.col("close") + (0.5 if price == 100.0 else 0.0)
    )

    tooltip = rb.plot_bars(bars).to_dict()["vconcat"][0]["layer"][-1]["encoding"]["tooltip"]

    assert {field["format"] for field in tooltip if field["title"] in PRICES} == {format_}


def test_title_and_subtitle_say_what_is_shown(bars: pl.DataFrame) -> None:
    spec = rb.plot_bars(bars.filter("is_complete"), last=7).to_dict()

    shown = bars.filter("is_complete").tail(7)
    first, last = shown["open_time"][0], shown["close_time"][-1]
    assert spec["title"]["text"] == "Bars"
    assert spec["title"]["subtitle"] == (
        f"last 7 of {bars.height - 1:,} bars, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"
    )


def test_a_title_of_yours_is_followed_by_what_distinguishes_chains() -> None:
    one, two = rb.bars(walk(600), 100), rb.bars(walk(600), [100, 50])

    assert rb.plot_bars(one, title="BTC, 0.1 %").to_dict()["title"]["text"] == "BTC, 0.1 %"
    charts = rb.plot_bars(two, title="BTC").to_dict()["vconcat"]
    assert {chart["title"]["text"] for chart in charts} == {"BTC: 0.1 %", "BTC: 0.05 %"}


def test_the_views_have_the_size_that_is_asked_for(bars: pl.DataFrame) -> None:
    spec = rb.plot_bars(bars, panes="volume", width=333, height=200).to_dict()

    assert [(view["width"], view["height"]) for view in spec["vconcat"]] == [(333, 200), (333, 60)]


def test_a_plan_gives_the_chart_of_its_frame(bars: pl.DataFrame) -> None:
    plan = rb.bars(walk(600).lazy(), 100, include_microstructure=True, include_incomplete=True)

    assert rb.plot_bars(plan, last=20).to_dict() == rb.plot_bars(bars, last=20).to_dict()


def test_all_views_zoom_together(bars: pl.DataFrame) -> None:
    spec = rb.plot_bars(bars).to_dict()

    (zoom,) = spec["params"]
    assert (zoom["bind"], zoom["select"]["encodings"]) == ("scales", ["x"])
    assert zoom["views"] == [view["layer"][0]["name"] for view in spec["vconcat"]]
