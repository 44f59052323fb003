"""The examples run as their readers run them, and the documents name only what exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
)
TIMEOUT = 60

ESSENTIAL = {
    "arrow_and_duckdb.py": [
        "the same from a pyarrow table: True",
        "the same from a DuckDB query: True",
    ],
    "dask_from_map.py": [
        "377 bars in 3 partitions of Dask:",
        "the same as in one pass: True",
    ],
    "demo.py": ["19,904 trades of BTCUSDT, 100 bars of 0.025 %", "all 29 columns are in demo-bars"],
    "duckdb_hive.py": [
        "of a query: the same as in one pass: True",
        "of SQL, written and read: the same as in one pass: True",
    ],
    "hive_trades.py": [
        "377 bars of 3 folders, the same as in one pass: True",
        "of each file alone: 374 bars",
    ],
    "many_symbols.py": [
        "BTCUSDT: 100 bars, the same as from its trades alone: True",
        "HALF: 35 bars, the same as from its trades alone: True",
        "TWICE: 242 bars, the same as from its trades alone: True",
    ],
    "own_features.py": ["100 bars; aggs and bar_id give the same: True"],
    "ray_data.py": ["377 bars of 3 folders, the same as in one pass: True"],
    "resume.py": ["the same as a plan: True", "together the bars of one run: True"],
    "spark_arrow.py": ["377 bars of 3 folders, the same as in one pass: True"],
    "sql.py": ["100 bars made in SQL, the same as the plan's: True"],
    "stored_bars.py": ["100 of both", "the same from the store: True"],
    "threshold_grid.py": ["25 decimal basis points, the three longest of 100 bars:"],
}
"""What the output of each script must say."""

ENGINES = {"dask_from_map.py": "dask.dataframe", "ray_data.py": "ray", "spark_arrow.py": "pyspark"}
"""What a script needs that may be absent."""
TALKATIVE = {"ray_data.py", "spark_arrow.py"}
"""Scripts whose engines start slowly, report on themselves, and warn of their own code."""

TESTED_ELSEWHERE = {"backtest_marimo.py", "live_feed.py"}


@pytest.mark.parametrize("script", ESSENTIAL)
def test_an_example_runs_and_says_what_it_is_for(script: str, tmp_path: Path) -> None:
    if script in ENGINES:
        pytest.importorskip(ENGINES[script], reason=f"{ENGINES[script]} is not installed")
    strict = [] if script in TALKATIVE else ["-W", "error"]
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, *strict, EXAMPLES / script],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=5 * TIMEOUT if script in TALKATIVE else TIMEOUT,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or script in TALKATIVE
    assert [fact for fact in ESSENTIAL[script] if fact not in done.stdout] == []


def test_every_example_is_run() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}

    assert scripts - TESTED_ELSEWHERE == set(ESSENTIAL)


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))


def test_the_two_commands_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^make ([a-z0-9-]+)", readme, re.MULTILINE)

    assert commands == ["demo", "test"]
    assert set(commands) <= targets()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_no_make_target_that_does_not_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)make ([a-z][a-z0-9-]*)", text, re.MULTILINE)

    assert set(named) - targets() == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_points_to_no_file_that_does_not_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]

    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []
