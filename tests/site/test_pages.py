"""The pages say what the code does: formulas, messages, pictures, links."""

import re
import runpy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

import rangebar_polars as rb
from rangebar_polars.schema import COLUMNS, INTRA, LOOKBACK, VPIN

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("benches/*.md")])
SVG = "{http://www.w3.org/2000/svg}"
MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINE_OF_A_STRING = re.compile(r"[\"']\s*\n\s*f?[\"']|\s*\\\n\s*")
"""Where a text in code continues on the next line, in Python or in Rust."""


def section(page: str, heading: str, *, level: int = 2) -> str:
    """Return the text of a page below a heading, up to the next."""
    mark = "#" * level
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"\n{mark} {heading}\n")[2]
    return " ".join(re.split(r"\n#+ ", text)[0].split())


@pytest.mark.parametrize(
    "output", [o for o in COLUMNS if o.group == "feature"], ids=lambda output: output.name
)
def test_the_page_of_features_has_the_formula_and_the_null_rule(output: rb.schema.Output) -> None:
    text = section("microstructure.md", output.name)

    assert output.formula in text.replace("`", "")
    assert f"Null when: {output.null_when or 'never'}" in text
    assert f"(pictures/{output.name}.svg)" in text
    assert f"(pictures/distributions/{output.name}.svg)" in text


@pytest.mark.parametrize("output", INTRA, ids=lambda output: output.name)
def test_the_page_of_statistics_has_unit_source_and_picture(output: rb.schema.Output) -> None:
    text = section("features.md", output.name.removeprefix("intra_"), level=3)

    assert text.count("- Unit: ") == text.count("- Source: ") == 1
    assert f"(pictures/distributions/{output.name}.svg)" in text


def test_the_page_of_windows_has_a_picture_of_each_column() -> None:
    text = (DOCS / "lookback.md").read_text(encoding="utf-8")

    names = [output.name for output in (*LOOKBACK, VPIN)]
    assert [name for name in names if f"(pictures/distributions/{name}.svg)" not in text] == []


def drawn(path: Path) -> tuple[list[str], list[str]]:
    """Return the texts and the shapes of a picture, which no font changes."""
    root = ET.parse(path).getroot()  # noqa: S314 - the project's own files
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    return texts, [element.get("d") or "" for element in root.iter(f"{SVG}path")]


def test_the_pictures_of_the_features_are_those_that_make_pictures_draws(tmp_path: Path) -> None:
    charts: dict[str, Any] = runpy.run_path(str(DOCS / "pictures.py"))["pictures"]()

    (tmp_path / "distributions").mkdir()
    for name, chart in charts.items():
        chart.save(tmp_path / f"{name}.svg")

    folder = DOCS / "pictures"
    paths = {path.relative_to(folder): path for path in folder.rglob("*.svg")}
    stored = {name.with_suffix("").as_posix(): drawn(path) for name, path in paths.items()}
    new = {name: drawn(tmp_path / f"{name}.svg") for name in charts}
    assert new == stored, "the pictures are of other code or figures: run make pictures"


@pytest.fixture(scope="module")
def sources() -> str:
    """Return the code, with the texts of messages on one line."""
    files = [*ROOT.glob("rangebar_polars/**/*.py"), *ROOT.glob("src/**/*.rs")]
    return LINE_OF_A_STRING.sub(
        lambda found: " " if found[0].lstrip().startswith("\\") else "",
        "\n".join(path.read_text(encoding="utf-8") for path in files),
    ).replace('\\"', '"')


def messages() -> list[str]:
    """Return the texts by which the page of errors is searched."""
    lines = (DOCS / "troubleshooting.md").read_text(encoding="utf-8").splitlines()
    return [row[1] for line in lines if (row := re.match(r"\| `([^|]+)` \|", line))]


@pytest.mark.parametrize("text", messages())
def test_a_message_on_the_page_of_errors_is_one_that_the_code_has(text: str, sources: str) -> None:
    assert text in sources


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_file_leads_to_one(page: Path) -> None:
    links = MARKDOWN_LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    paths = [urlsplit(link).path for link in links if not urlsplit(link).scheme]

    assert [path for path in paths if path and not (page.parent / path).exists()] == []
