"""A chart is saved in each format, and its page needs no network."""

import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
import polars as pl
import pytest
from PIL import Image
from support.assertions import says
from support.subprocesses import run
from support.trades import trades, walk

import rangebar_polars as rb

BARS = rb.bars(walk(300), 200, include_microstructure=True)
CHARTS: dict[str, Callable[[], Any]] = {
    "bars": lambda: rb.plot_bars(BARS, width=300, height=150),
    "several chains": lambda: rb.plot_bars(
        rb.bars(walk(300), [200, 400]), panes=(), width=300, height=150
    ),
    "one bar": lambda: rb.plot_bars(BARS.head(1), width=300, height=150),
    "one open trade": lambda: rb.plot_bars(
        rb.bars(trades([5.0]), include_incomplete=True), width=300, height=150
    ),
    "cuts": lambda: rb.plot_cuts(walk(300), 200, width=300, height=150),
    "a single trade": lambda: rb.plot_cuts(trades([5.0]), width=300, height=150),
}


def pixels(path: Path) -> dict[tuple[int, ...], int]:
    """Return how often each colour is in a picture, without what lies between two colours."""
    with Image.open(path) as image:
        image.load()
        rgb = image.convert("RGB")
        assert rgb.width > 600
        assert rgb.height > 300
        colors = rgb.getcolors(maxcolors=1 << 24) or []
    return {color: count for count, color in colors if isinstance(color, tuple)}


@pytest.mark.parametrize("name", CHARTS)
def test_a_png_is_not_blank(name: str, tmp_path: Path) -> None:
    CHARTS[name]().save(tmp_path / "x.png")

    colors = pixels(tmp_path / "x.png")
    white = colors.pop((255, 255, 255))
    assert len(colors) > 10
    assert sum(colors.values()) > white / 100


def test_a_png_has_candles_of_both_colours(tmp_path: Path) -> None:
    bars = rb.bars(walk(600), 100)
    rb.plot_bars(bars, panes=(), width=300, height=150).save(str(tmp_path / "x.png"))

    colors = pixels(tmp_path / "x.png")
    assert colors[0x00, 0x72, 0xB2] > 200
    assert colors[0xD5, 0x5E, 0x00] > 200


def test_a_png_has_the_scale_that_is_asked_for(tmp_path: Path) -> None:
    chart = CHARTS["one bar"]()
    for factor in (1, 2, 3):
        chart.save(tmp_path / f"{factor}.png", scale_factor=factor)
    chart.save(tmp_path / "default.png")

    sizes = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            sizes[path.stem] = image.size
    assert sizes["default"] == sizes["2"] == (sizes["1"][0] * 2, sizes["1"][1] * 2)
    assert sizes["3"] == (sizes["1"][0] * 3, sizes["1"][1] * 3)


def test_an_svg_has_the_marks_and_titles(tmp_path: Path) -> None:
    CHARTS["bars"]().save(tmp_path / "x.svg")

    root = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314 - the tests' own file
    texts = {
        "".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")
    }
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {"Bars", "price (quote currency)", "volume (base units)"} <= texts
    paths = [path.get("fill") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    assert paths.count("#0072B2") + paths.count("#D55E00") >= BARS.height


class Page(HTMLParser):
    """What a page loads, and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take notice of what an element refers to."""
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        """Take notice of the end of a script."""
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        """Collect scripts."""
        if self._in_script:
            self.scripts.append(data)


def spec_of(page: Page) -> dict[str, Any]:
    """Return the chart of a page."""
    (text,) = re.findall(r"const spec = (\{.*\});\n", page.scripts[-1])
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_page_loads_nothing_and_has_the_whole_chart(tmp_path: Path) -> None:
    chart = CHARTS["bars"]()

    chart.save(tmp_path / "x.html")

    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert page.loads == []
    assert len(page.scripts) == 2
    assert "vegaEmbed" in page.scripts[0]
    assert len(page.scripts[0]) > 500_000  # the JavaScript itself
    assert spec_of(page) == chart.to_dict()


def test_a_page_that_loads_from_a_server_is_there_for_those_who_ask(tmp_path: Path) -> None:
    CHARTS["one bar"]().save(tmp_path / "x.html", inline=False)

    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert [address.partition("//")[0] for address in page.loads] == ["https:"] * 3


def test_a_key_that_ends_a_script_stays_a_text(tmp_path: Path) -> None:
    name = "</script><script>alert(1)</script>"
    bars = BARS.select(pl.lit(name).alias("symbol"), pl.all())

    rb.plot_bars(bars).save(tmp_path / "x.html")

    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert len(page.scripts) == 2
    assert spec_of(page)["title"]["text"] == f"Bars of {name}"


def test_json_is_the_chart_and_a_pdf_is_one(tmp_path: Path) -> None:
    chart = CHARTS["one bar"]()
    chart.save(tmp_path / "x.json")
    chart.save(tmp_path / "x.PDF")

    assert json.loads((tmp_path / "x.json").read_bytes()) == chart.to_dict()
    assert (tmp_path / "x.PDF").read_bytes().startswith(b"%PDF-")


def test_an_open_file_is_written_in_the_format_that_is_named() -> None:
    png, page = io.BytesIO(), io.StringIO()
    CHARTS["one bar"]().save(png, format="png")
    CHARTS["one bar"]().save(page, format="html")

    with Image.open(png) as image:
        assert image.format == "PNG"
    assert Page(page.getvalue()).loads == []


FORMATS = "png, svg, pdf, html, json"


def test_another_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    chart = CHARTS["one bar"]()

    with says(ValueError, f"'x.gif' ends in '.gif': expected one of {FORMATS}"):
        chart.save(tmp_path / "x.gif")
    with says(ValueError, f"'x' ends in '': expected one of {FORMATS}"):
        chart.save(str(tmp_path / "x"))
    with says(ValueError, f"format is 'gif': expected one of {FORMATS}"):
        chart.save(tmp_path / "x.png", format="gif")
    with says(ValueError, f"a file without a path has no format (give format=, one of {FORMATS})"):
        chart.save(io.BytesIO())
    assert list(tmp_path.iterdir()) == []


def test_a_chart_is_one_of_altair_and_stays_so_when_it_is_changed(tmp_path: Path) -> None:
    chart = CHARTS["one bar"]().properties(title="Mine")

    assert isinstance(chart, alt.VConcatChart)
    chart.save(tmp_path / "x.html")
    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert page.loads == []
    assert spec_of(page)["title"] == "Mine"


INSTALL = "(pip install --upgrade 'rangebar-polars[plot]')"
MAKE = """
import sys
import polars as pl
import rangebar_polars as rb
sys.modules[{module!r}] = None
time = pl.Series([0, 1000]).cast(pl.Datetime("ms"))
trades = pl.DataFrame({{"timestamp": time, "price": [100.0, 101.0], "quantity": [1.0, 1.0]}})
try:
    {call}
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize("call", ["rb.bars(trades).rangebar.plot()", "rb.plot_cuts(trades)"])
def test_without_altair_a_plot_says_what_to_install(call: str) -> None:
    printed = run(MAKE.format(module="altair", call=call))

    assert printed == f"a plot needs altair {INSTALL}\n"


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "html"])
def test_without_vl_convert_a_file_says_what_to_install(kind: str, tmp_path: Path) -> None:
    call = f"rb.plot_bars(rb.bars(trades)).save({str(tmp_path / 'x')!r} + '.{kind}')"

    printed = run(MAKE.format(module="vl_convert", call=call))

    assert printed == f"saving a plot as {kind} needs vl_convert {INSTALL}\n"
    assert list(tmp_path.iterdir()) == []


def test_what_draws_is_loaded_when_something_is_drawn() -> None:
    printed = run(
        "import sys, polars, rangebar_polars as rb\n"
        "polars.DataFrame().rangebar.plot\n"
        "print([name for name in sys.modules if name.startswith('rangebar_polars._plot')])\n"
        "rb.plot_bars, rb.plot_cuts\n"
        "print([name for name in ('altair', 'vl_convert') if name in sys.modules])\n"
    )

    assert printed == "[]\n[]\n"
