"""The site is built without a warning, and each page works without a network."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from urllib.parse import unquote, urlsplit

import pytest
from support.site import Page, build, needs_sphinx

import rangebar_polars as rb

pytestmark = needs_sphinx

BUILT = os.environ.get("RANGEBAR_SITE")
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
PAGES = (
    "docs/index.html",
    "docs/features.html",
    "docs/lookback.html",
    "docs/microstructure.html",
    "docs/api/rangebar_polars.bars.html",
    "benches/RESULTS.html",
    "examples/archive_larger_than_memory.html",
    "examples/backtest.html",
    "examples/duckdb_on_bars.html",
)
WIDTHS = {"phone": 390, "desktop": 1400}

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site: one that is built already, or a new one."""
    if BUILT:
        return Path(BUILT).resolve()
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Return each page of the site by its path."""
    found = (path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path: Page(path.read_text(encoding="utf-8")) for path in found}


def test_every_public_name_has_a_page(site: Path) -> None:
    names = [
        *(f"rangebar_polars.{name}" for name in rb.__all__ if not name.startswith("THRESHOLD_")),
        *(f"rangebar_polars.features.{name}" for name in rb.features.__all__),
        *(f"rangebar_polars.labels.{name}" for name in rb.labels.__all__),
    ]

    assert [n for n in names if not (site / "docs" / "api" / f"{n}.html").is_file()] == []


def test_every_link_inside_of_the_site_leads_to_a_file_and_an_anchor(
    pages: dict[Path, Page],
) -> None:
    lost = []
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                lost.append((path.name, link))
            elif parts.fragment and target in pages:
                anchors = pages[target].anchors
                lost += [(path.name, link)] * (unquote(parts.fragment) not in anchors)

    assert lost == []


def test_no_page_loads_anything_from_a_server(pages: dict[Path, Page]) -> None:
    loaded = {what for page in pages.values() for what in page.loaded}

    assert [what for what in loaded if urlsplit(what).scheme or what.startswith("//")] == []


@pytest.fixture(scope="module")
def opened(site: Path) -> Iterator[Callable[[str, int], tuple[list[str], int]]]:
    """Return what opens a page at a width: its problems, and how wide it would like to be."""
    playwrights = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install --group docs)"
    )
    with playwrights.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def open_page(name: str, width: int) -> tuple[list[str], int]:
            page = browser.new_page(viewport={"width": width, "height": 900})
            problems: list[str] = []
            page.on("console", lambda line: problems.append(line.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("requestfailed", lambda request: problems.append(request.url))
            page.goto((site / name).as_uri(), wait_until="load")
            needed: int = page.evaluate("document.documentElement.scrollWidth")
            page.close()
            return problems, needed

        yield open_page
        browser.close()


@needs_chromium
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_errors_and_does_not_scroll_sideways(
    opened: Callable[[str, int], tuple[list[str], int]], name: str, width: int
) -> None:
    problems, needed = opened(name, width)

    assert problems == []
    assert needed <= width
