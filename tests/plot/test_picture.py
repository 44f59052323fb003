"""The picture in the documentation is the one that its example draws."""

import doctest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def content(path: Path) -> tuple[list[str], list[str]]:
    """Return the texts and what the marks say of themselves, which no font changes."""
    root = ET.parse(path).getroot()  # noqa: S314 - the project's own files
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    labels = [element.get("aria-label") or "" for element in root.iter(f"{SVG}path")]
    return texts, labels


def test_the_picture_is_what_the_example_beside_it_draws(tmp_path: Path) -> None:
    section = (DOCS / "plots.md").read_text(encoding="utf-8").partition("## How trades are cut")[2]
    steps = doctest.DocTestParser().get_examples(section.partition("![")[0])
    names: dict[str, Any] = {}

    exec("import polars as pl\nimport rangebar_polars as rb", names)  # noqa: S102 - as the page does
    for step in steps[:4]:
        exec(step.source, names)  # noqa: S102 - the page is the project's own
    names["picture"].save(tmp_path / "cuts.svg")

    assert content(tmp_path / "cuts.svg") == content(DOCS / "cuts.svg")
