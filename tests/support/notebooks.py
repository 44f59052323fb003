"""Notebooks of Jupyter: their cells, and what a process of its own makes of them."""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
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

needs_jupyter = pytest.mark.skipif(
    find_spec("nbclient") is None or find_spec("ipykernel") is None,
    reason="nbclient or ipykernel is not installed (pip install --group test)",
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


def execute(notebook: Path) -> list[Cell]:
    """Execute a notebook of Jupyter and return its cells of code."""
    # The path of a socket has at most 107 characters, and pytest's folders have long names.
    with tempfile.TemporaryDirectory() as folder:
        target, sockets = Path(folder) / "executed.ipynb", Path(folder) / "socket"
        run("-c", EXECUTE, notebook, target, EXAMPLES, sockets, str(TIMEOUT), folder=Path(folder))
        return cells(target, "code")


def printed(executed: list[Cell], cell: str) -> str:
    """Return what the cell of a name prints."""
    (found,) = [one["outputs"] for one in executed if one["id"] == cell]
    return "".join(line for output in found for line in output["text"])


def drawn(executed: list[Cell]) -> list[str]:
    """Return the names of the cells that show a chart."""
    return [
        cell["id"]
        for cell in executed
        for output in cell["outputs"]
        if "vega" in "".join(output.get("data", {}).get("text/html", []))
    ]


def figures(text: str) -> list[list[str]]:
    """Return the cells of the rows of a printed frame, without the dtypes."""
    rows = [line for line in text.splitlines() if "┆" in line]
    header, _, _, *values = [[cell.strip() for cell in row.strip("│").split("┆")] for row in rows]
    return [header, *values]
