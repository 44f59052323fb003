"""The documentation says what the code does: tables, docstrings, signatures."""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

import rangebar_polars as rb
from rangebar_polars.schema import COLUMNS, INTRA, IS_COMPLETE, LOOKBACK, VPIN

README = Path(__file__).parents[1] / "README.md"
FEATURES = {f"features.{name}": getattr(rb.features, name) for name in rb.features.__all__}
LABELS = {f"labels.{name}": getattr(rb.labels, name) for name in rb.labels.__all__}
NAMES = (
    {
        name: getattr(rb, name)
        for name in dir(rb)
        if not isinstance(getattr(rb, name), int | str | Mapping)
    }
    | FEATURES
    | LABELS
)
METHODS = {
    f"{space.__name__}.{name}": method
    for space in (rb.FrameNamespace, rb.LazyFrameNamespace, rb.ExprNamespace)
    for name, method in inspect.getmembers(space, inspect.isfunction)
    if not name.startswith("_")
}
FUNCTIONS = {name: found for name, found in NAMES.items() if inspect.isfunction(found)}


def rows_of(text: str) -> list[tuple[str, ...]]:
    """Return the cells of the rows of all Markdown tables."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


@pytest.mark.parametrize("output", COLUMNS, ids=lambda output: output.name)
def test_the_readme_has_a_row_of_its_own_for_the_column(output: rb.schema.Output) -> None:
    row = (f"`{output.name}`", output.dtype, output.formula, output.null_when or "never")

    assert row in rows_of(README.read_text(encoding="utf-8"))


@pytest.mark.parametrize("output", INTRA, ids=lambda output: output.name)
def test_the_page_of_statistics_has_a_row_for_the_column(output: rb.schema.Output) -> None:
    page = (README.parent / "docs" / "features.md").read_text(encoding="utf-8")
    row = (f"`{output.name}`", output.dtype, output.formula, output.null_when or "never")

    assert row in rows_of(page)


@pytest.mark.parametrize("output", [*LOOKBACK, VPIN], ids=lambda output: output.name)
def test_the_page_of_lookbacks_has_a_row_for_the_column(output: rb.schema.Output) -> None:
    page = (README.parent / "docs" / "lookback.md").read_text(encoding="utf-8")

    assert (f"`{output.name}`", output.dtype, output.formula, output.null_when) in rows_of(page)


def test_the_readme_lists_the_columns_in_order() -> None:
    names = [row[0].strip("`") for row in rows_of(README.read_text(encoding="utf-8"))]

    columns = [output.name for output in COLUMNS]
    assert columns == [name for name in names if name in columns]


def test_the_readme_names_the_mark_of_complete_bars() -> None:
    assert f"`{IS_COMPLETE}`" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*NAMES, *METHODS])
def test_a_public_name_has_a_docstring_of_its_own(name: str) -> None:
    documented = (NAMES | METHODS)[name]

    summary = (documented.__doc__ or "").partition("\n")[0]

    assert summary.endswith(".")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_of_a_public_function_has_its_parts_in_order(name: str) -> None:
    doc = inspect.getdoc(FUNCTIONS[name]) or ""

    parts = [
        part for part in ("Parameters", "Returns", "Raises", "Examples") if f"\n{part}\n-" in doc
    ]

    assert {"Parameters", "Returns", "Examples"} <= set(parts)
    assert parts == sorted(parts, key=lambda part: doc.index(f"\n{part}\n-"))


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_every_parameter_is_annotated(name: str) -> None:
    signature = inspect.signature((FUNCTIONS | METHODS)[name])

    bare = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty and parameter.name != "self"
    ]
    assert bare == []
    assert signature.return_annotation is not signature.empty


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described_in_the_docstring(name: str) -> None:
    function = FUNCTIONS[name]
    part = (inspect.getdoc(function) or "").partition("\nParameters\n")[2].partition("\n\n")[0]
    described = ", ".join(line for line in part.splitlines() if not line.startswith(" ")).split(
        ", "
    )

    assert [name for name in inspect.signature(function).parameters if name not in described] == []


PAIRS: dict[str, tuple[Callable[..., object], Callable[..., object]]] = {
    "df.rangebar.bars": (rb.FrameNamespace.bars, rb.bars),
    "lf.rangebar.bars": (rb.LazyFrameNamespace.bars, rb.bars),
    "expr.rangebar.bars": (rb.ExprNamespace.bars, rb.bars_expr),
    "expr.rangebar.bar_id": (rb.ExprNamespace.bar_id, rb.bar_id),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_namespace_has_the_signature_of_the_function_it_calls(name: str) -> None:
    def parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
        every = inspect.signature(function).parameters.values()
        return [parameter for parameter in every if parameter.name not in {"self", "trades"}]

    method, function = PAIRS[name]

    assert parameters(function) == parameters(method)


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_a_function_takes_at_most_four_arguments_by_position(name: str) -> None:
    kinds = [p.kind for p in inspect.signature((FUNCTIONS | METHODS)[name]).parameters.values()]

    assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) <= 4


def test_the_features_of_the_package_are_those_of_the_table() -> None:
    ten = [output.name for output in COLUMNS if output.group == "feature"]
    statistics = [output.name.removeprefix("intra_") for output in INTRA]

    assert sorted([*ten, *statistics, "footprint"]) == rb.features.__all__


ROOT = README.parent
TEXTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in (
        "*.md",
        "docs/*.md",
        "rangebar_polars/**/*.py*",
        "src/**/*.rs",
        "examples/*.py",
        "benches/*.[mp]*",
    )
    for path in ROOT.glob(pattern)
    if path.suffix in {".md", ".py", ".pyi", ".rs"}
)
PLAINER = {
    "behind": "after, at the end of",
    "compiled half": "compiled extension",
    "door": "entry point",
    "doors": "entry points",
    "gate": "prevent_same_timestamp_close",
    "go on": "continue",
    "goes on": "continues",
    "gone on": "continued",
    "of the user's": "your own",
    "on trust": "assumed valid",
    "one's own": "your own",
    "said": "reported, stated",
    "tell": "report, distinguish",
    "tells": "reports, distinguishes",
    "to be had": "available",
    "told": "reported",
    "whoever": "a caller, another process",
}
"""Words that make a reader stop, and what a colleague would say."""


RULE_TEXT = re.compile(r"-gate\b|\"gate\"|'gate'")
"""How the text of a rule says that it has ``prevent_same_timestamp_close``."""

TESTS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/*.py"))


def plainer_words(lines: Iterable[tuple[int, str]]) -> dict[str, str]:
    """Return the words of numbered lines that make a reader stop, and what to say instead."""
    words = re.compile(rf"\b({'|'.join(PLAINER)})\b", re.IGNORECASE)
    return {
        f"line {number}, {match[0]!r}": PLAINER[match[0].lower()]
        for number, line in lines
        for match in words.finditer(RULE_TEXT.sub("", line))
    }


def prose(code: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of comments and docstrings, and the words in names of functions."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield from enumerate(docstring.splitlines(), node.lineno)
            case ast.FunctionDef(name=name):
                yield node.lineno, name.replace("_", " ")


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_has_only_words_that_a_colleague_would_use(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()

    assert plainer_words(enumerate(lines, 1)) == {}


@pytest.mark.parametrize("name", TESTS)
def test_the_prose_of_tests_has_only_words_that_a_colleague_would_use(name: str) -> None:
    assert plainer_words(prose((ROOT / name).read_text(encoding="utf-8"))) == {}


def test_comments_docstrings_and_names_are_prose_and_other_strings_are_not() -> None:
    code = """
def test_a_caller_is_told():
    \"\"\"Tell it.

    Go on.
    \"\"\"
    text = "whoever"
    return text  # behind the door
"""

    assert plainer_words(prose(code)) == {
        "line 2, 'told'": "reported",
        "line 3, 'Tell'": "report, distinguish",
        "line 5, 'Go on'": "continue",
        "line 8, 'behind'": "after, at the end of",
        "line 8, 'door'": "entry point",
    }
