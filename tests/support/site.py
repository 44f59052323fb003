"""The site as Sphinx builds it, and what a page of it holds."""

import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT = 300

needs_sphinx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("furo", "myst_nb", "numpydoc", "sphinx_copybutton")),
    reason="what builds the site is not installed (pip install --group docs)",
)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site into a folder, with warnings as errors and notebooks as they are stored."""
    return subprocess.run(  # noqa: S603 - our own code
        [
            *(sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet"),
            *("-c", "docs", "-d", folder / "doctrees", "-D", "nb_execution_mode=off"),
            *(".", folder / "html"),
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=TIMEOUT,
    )


@dataclass
class Page(HTMLParser):
    """The anchors and the links of a page, and what a browser loads with it."""

    text: str
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the text."""
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one element holds."""
        has = {name: value for name, value in attrs if value}
        if "id" in has:
            self.anchors.add(has["id"])
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        elif tag == "link" and has.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loaded.append(has["href"])
        elif "src" in has:
            self.loaded.append(has["src"])
