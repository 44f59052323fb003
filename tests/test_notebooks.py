"""The notebooks of the backtest run as their readers run them, and report the same."""

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
JUPYTER = EXAMPLES / "backtest.ipynb"
MARIMO = EXAMPLES / "backtest_marimo.py"
TIMEOUT = 240

EXECUTE = """
import sys

import nbclient
import nbformat
from traitlets.config import Config

source, target, folder, sockets, seconds = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
nbclient.NotebookClient(
    notebook,
    timeout=int(seconds),
    kernel_name="python3",
    resources={"metadata": {"path": folder}},
    config=Config({"KernelManager": {"transport": "ipc", "ip": sockets}}),
).execute()
nbformat.write(notebook, target)
"""
"""Sockets of files, as another process may take a port between its choice and its use."""

FIGURES = [
    ["run", "trades", "won_percent", "return_percent", "sharpe_of_a_year", "standard_error"],
    ["without_fee", "17", "41.18", "0.05", "66.0", "227.0"],
    ["with_fee", "17", "0.0", "-3.18", "-1494.0", "251.0"],
]

needs_jupyter = pytest.mark.skipif(
    find_spec("nbclient") is None or find_spec("ipykernel") is None,
    reason="nbclient or ipykernel is not installed (pip install --group test)",
)
needs_marimo = pytest.mark.skipif(
    find_spec("marimo") is None, reason="marimo is not installed (pip install --group test)"
)

Cell = dict[str, Any]


def cells(notebook: Path, kind: str) -> list[Cell]:
    """Return the cells of a Jupyter notebook that are of a kind."""
    found: list[Cell] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def run(*arguments: str | Path, folder: Path) -> str:
    """Return what a child process prints, without progress and without settings of the user."""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_CONFIG_DIR": str(folder / "jupyter-config"),
            "JUPYTER_DATA_DIR": str(folder / "jupyter-data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "run"),
            "TQDM_DISABLE": "1",
            "XDG_CONFIG_HOME": str(folder / "config"),
        },
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=TIMEOUT,
    )

    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def figures(text: str) -> list[list[str]]:
    """Return the cells of the rows of a printed frame, without the dtypes."""
    rows = [line for line in text.splitlines() if "┆" in line]
    header, *values = [[cell.strip() for cell in row.strip("│").split("┆")] for row in rows]
    return [header, *(row for row in values if row[0] not in {"---", "str"})]


@pytest.fixture(scope="module")
def executed() -> Iterator[list[Cell]]:
    """Execute the Jupyter notebook and return its cells of code."""
    # The path of a socket has at most 107 characters, and pytest's folders have long names.
    with tempfile.TemporaryDirectory() as folder:
        target, sockets = Path(folder) / "executed.ipynb", Path(folder) / "socket"
        run("-c", EXECUTE, JUPYTER, target, EXAMPLES, sockets, str(TIMEOUT), folder=Path(folder))
        yield cells(target, "code")


@needs_jupyter
def test_the_jupyter_notebook_runs_from_its_first_cell_to_its_last(executed: list[Cell]) -> None:
    assert [cell["execution_count"] for cell in executed] == list(range(1, len(executed) + 1))


@needs_jupyter
def test_the_jupyter_notebook_shows_no_error_and_no_warning(executed: list[Cell]) -> None:
    outputs = [output for cell in executed for output in cell["outputs"]]

    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []


@needs_jupyter
def test_the_jupyter_notebook_draws_the_bars_and_the_equity(executed: list[Cell]) -> None:
    drawn = [
        cell["id"]
        for cell in executed
        for output in cell["outputs"]
        if "vega" in "".join(output.get("data", {}).get("text/html", []))
    ]

    assert drawn == ["candles", "equity"]


@needs_jupyter
def test_the_jupyter_notebook_reports_the_figures_of_both_runs(executed: list[Cell]) -> None:
    (cell,) = [cell for cell in executed if cell["id"] == "figures"]
    (output,) = cell["outputs"]

    assert figures("".join(output["text"])) == FIGURES


@needs_marimo
def test_the_marimo_notebook_runs_as_a_script_and_reports_the_same(tmp_path: Path) -> None:
    deprecated = "ignore:DatetimeIndex.dayofweek is deprecated"  # What backtesting.py calls.

    assert figures(run("-W", deprecated, MARIMO, folder=tmp_path)) == FIGURES


@needs_marimo
def test_the_marimo_notebook_is_as_marimo_writes_it(tmp_path: Path) -> None:
    copy = tmp_path / MARIMO.name
    copy.write_bytes(MARIMO.read_bytes())

    run("-m", "marimo", "-q", "check", "--quiet", "--strict", "--fix", copy, folder=tmp_path)

    assert copy.read_text(encoding="utf-8") == MARIMO.read_text(encoding="utf-8")


def test_the_jupyter_notebook_is_stored_without_outputs() -> None:
    stored = [(cell["execution_count"], cell["outputs"]) for cell in cells(JUPYTER, "code")]

    assert stored == [(None, [])] * len(stored)


def words_of_jupyter() -> list[str]:
    """Return the texts of the Jupyter notebook."""
    return ["".join(cell["source"]) for cell in cells(JUPYTER, "markdown")]


def words_of_marimo() -> list[str]:
    """Return the texts of the marimo notebook: what it gives to ``mo.md``."""
    calls = [
        node
        for node in ast.walk(ast.parse(MARIMO.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]
    return [
        dedent(ast.literal_eval(call.args[0])).strip()
        for call in calls
        if ast.unparse(call.func) == "mo.md"
    ]


def test_both_notebooks_have_the_same_words() -> None:
    assert words_of_jupyter() == words_of_marimo()


def test_the_notebooks_say_that_they_are_no_advice() -> None:
    assert "no advice" in " ".join(words_of_jupyter()[0].split())
