"""The notebooks run as their readers run them; those of the backtest report the same."""

import ast
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest
from support.notebooks import (
    EXAMPLES,
    Cell,
    cells,
    drawn,
    execute,
    figures,
    needs_jupyter,
    printed,
    run,
)

JUPYTER = EXAMPLES / "backtest.ipynb"
MARIMO = EXAMPLES / "backtest_marimo.py"

DRAWN = {
    "archive_larger_than_memory": ["memory"],
    "backtest": ["candles", "equity"],
    "duckdb_on_bars": ["levels", "minutes"],
    "range_and_time_bars": ["histograms", "autocorrelation", "activity"],
    "ticks_to_features": ["correlations"],
}
"""The cells of each notebook that show a chart."""

FIGURES = {
    "archive_larger_than_memory": [
        ["trades", "bars", "same_as_whole", "same_by_file", "grows_a_third_at_most"],
        ["1990400", "10099", "true", "true", "true"],
    ],
    "backtest": [
        ["run", "trades", "won_percent", "return_percent", "sharpe_of_a_year", "standard_error"],
        ["without_fee", "17", "41.18", "0.05", "66.0", "227.0"],
        ["with_fee", "17", "0.0", "-3.18", "-1494.0", "251.0"],
    ],
    "duckdb_on_bars": [
        ["bars", "trades", "volumes_agree", "misplaced_by_time"],
        ["100", "19568", "true", "697"],
    ],
    "range_and_time_bars": [
        ["kind", "excess_kurtosis", "autocorrelation", "standard_error", "jarque_bera_p"],
        ["range", "1.92", "0.2", "0.06", "4e-13"],
        ["time", "5.67", "0.04", "0.06", "2e-95"],
        ["tick", "0.18", "0.28", "0.06", "0.7"],
    ],
    "ticks_to_features": [["rows", "label_bps"], ["287", "3.91"]],
}

needs_marimo = pytest.mark.skipif(
    find_spec("marimo") is None, reason="marimo is not installed (pip install --group test)"
)


@pytest.fixture(scope="module", params=DRAWN)
def notebook(request: pytest.FixtureRequest) -> str:
    """Return the name of each notebook of Jupyter in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def executed(notebook: str) -> list[Cell]:
    """Execute the notebook and return its cells of code."""
    return execute(EXAMPLES / f"{notebook}.ipynb")


@needs_jupyter
def test_a_notebook_runs_from_its_first_cell_to_its_last(executed: list[Cell]) -> None:
    assert [cell["execution_count"] for cell in executed] == list(range(1, len(executed) + 1))


@needs_jupyter
def test_a_notebook_shows_no_error_and_no_warning(executed: list[Cell]) -> None:
    outputs = [output for cell in executed for output in cell["outputs"]]

    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []


@needs_jupyter
def test_a_notebook_draws_its_charts(executed: list[Cell], notebook: str) -> None:
    assert drawn(executed) == DRAWN[notebook]


@needs_jupyter
def test_a_notebook_reports_the_figures_that_its_words_are_about(
    executed: list[Cell], notebook: str
) -> None:
    assert figures(printed(executed, "figures")) == FIGURES[notebook]


def test_every_notebook_is_tested() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.ipynb")) == sorted(DRAWN)


def test_a_notebook_is_stored_without_outputs(notebook: str) -> None:
    code = cells(EXAMPLES / f"{notebook}.ipynb", "code")

    assert [(cell["execution_count"], cell["outputs"]) for cell in code] == [(None, [])] * len(code)


@needs_marimo
def test_the_marimo_notebook_runs_as_a_script_and_reports_the_same(tmp_path: Path) -> None:
    deprecated = "ignore:DatetimeIndex.dayofweek is deprecated"  # What backtesting.py calls.

    assert figures(run("-W", deprecated, MARIMO, folder=tmp_path)) == FIGURES["backtest"]


@needs_marimo
def test_the_marimo_notebook_is_as_marimo_writes_it(tmp_path: Path) -> None:
    copy = tmp_path / MARIMO.name
    copy.write_bytes(MARIMO.read_bytes())

    run("-m", "marimo", "-q", "check", "--quiet", "--strict", "--fix", copy, folder=tmp_path)

    assert copy.read_text(encoding="utf-8") == MARIMO.read_text(encoding="utf-8")


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
