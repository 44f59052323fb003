"""The page of measured times has the tables that are made from the seconds of one run."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_has_the_tables_of_the_saved_run() -> None:
    page = (ROOT / "benches" / "RESULTS.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(ROOT / "benches" / "peer_tables.py"))

    tables = made["tables"](made["saved"]())

    assert tables.count("| ours |") == 1
    for table in tables.split("\n\n"):
        assert table in page, "copy what `python benches/peer_tables.py` prints into RESULTS.md"
