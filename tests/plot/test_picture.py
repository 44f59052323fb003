"""The pictures in the documentation are those that their examples draw."""

import doctest
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def content(path: Path) -> tuple[list[str], list[str]]:
    """Return the texts and what the marks say of themselves, which no font changes."""
    root = ET.parse(path).getroot()  # noqa: S314 - the project's own files
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    labels = [element.get("aria-label") or "" for element in root.iter(f"{SVG}path")]
    return texts, labels


def drawn(page: str) -> dict[str, Any]:
    """Return the pictures of a page that has been run, by the names of their files."""
    names: dict[str, Any] = {}
    pictures = {}
    rest = (DOCS / page).read_text(encoding="utf-8")
    while "![" in rest:
        before, _, rest = rest.partition("![")
        file = rest.partition("](")[2].partition(")")[0]
        for step in doctest.DocTestParser().get_examples(before):
            if step.exc_msg is None:
                exec(step.source, names)  # noqa: S102 - the page is the project's own
        # Those of the folder are drawn by docs/pictures.py.
        if not file.startswith("pictures/"):
            pictures[file] = names["picture"]
    return pictures


@pytest.mark.parametrize("page", ["plots.md", "rules.md"])
def test_the_pictures_are_what_the_examples_before_them_draw(page: str, tmp_path: Path) -> None:
    pictures = drawn(page)

    assert len(pictures) >= 1
    for file, picture in pictures.items():
        picture.save(tmp_path / "drawn.svg")
        assert content(tmp_path / "drawn.svg") == content(DOCS / file), file


def test_each_picture_of_the_rules_stands_on_their_page() -> None:
    files = {f"rules/{path.name}" for path in (DOCS / "rules").iterdir()}

    assert files == {
        *re.findall(r"\]\((rules/[^)]*\.svg)\)", (DOCS / "rules.md").read_text("utf-8"))
    }
