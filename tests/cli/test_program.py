"""The program as a whole: its verbs, help, completion, entry points, and what it loads."""

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.command_line import environment
from support.subprocesses import TIMEOUT, run

import rangebar_polars as rb
from rangebar_polars._cli.program import program

ROOT = Path(__file__).parents[2]
VERBS = sorted(program.commands)
OPTIONS = [(name, each) for name in VERBS for each in program.commands[name].params]


def test_the_verbs_of_rangebar_keep_their_names() -> None:
    assert {"status", "populate", "clear", "list-symbols"} <= {*VERBS}


def test_the_program_lists_its_verbs_in_the_order_of_their_use() -> None:
    done = CliRunner().invoke(program, ["--help"])

    listed = re.findall(r"^  ([a-z-]+)  +\S", done.stdout.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(program.commands)
    assert listed[0] == "bars"


def test_the_program_without_a_verb_shows_its_help() -> None:
    done = CliRunner().invoke(program, [])

    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: rangebar-polars [OPTIONS] COMMAND [ARGS]...\n")


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_has_an_example_of_it(name: str) -> None:
    done = CliRunner().invoke(program, [name, "--help"])

    assert done.exit_code == 0
    lines = done.stdout.splitlines()[1:]
    assert [line for line in lines if re.search(rf"^  .*rangebar-polars {name}( |$)", line)]
    assert "\b" not in done.stdout
    assert r"\b" not in done.stdout


@pytest.mark.parametrize("name", VERBS)
def test_what_a_verb_is_for_fits_the_line_of_its_list(name: str) -> None:
    shown = CliRunner().invoke(program, ["--help"], terminal_width=80).stdout

    (line,) = re.findall(rf"^  {name} .*$", shown, re.MULTILINE)
    assert not line.endswith("...")


@pytest.mark.parametrize(
    ("name", "option"), [(n, o) for n, o in OPTIONS if isinstance(o, click.Option)]
)
def test_an_option_has_a_help_of_a_sentence(name: str, option: click.Option) -> None:
    assert re.match(r"[A-Z.].*[.]$", option.help or ""), name


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_has_quiet_and_verbose(name: str) -> None:
    options = {opt for each in program.commands[name].params for opt in each.opts}

    assert {"-q", "--quiet", "-v", "--verbose"} <= options


def test_the_version_is_that_of_the_package() -> None:
    done = CliRunner().invoke(program, ["--version"])

    assert done.stdout == f"rangebar-polars {rb.__version__}\n"


def test_the_entry_point_of_the_distribution_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (module, _, function) = project["scripts"]["rangebar-polars"].partition(":")

    assert callable(getattr(importlib.import_module(module), function))
    assert any(each.startswith("click>=") for each in project["dependencies"])


def test_the_package_alone_does_not_load_the_command_line() -> None:
    loaded = run(
        "import sys, rangebar_polars as rb\n"
        "rb.bars, rb.Catalog\n"
        "print([name for name in sys.modules if name == 'click' or '_cli' in name])"
    )

    assert loaded == "[]\n"


@pytest.mark.parametrize("path", sorted((ROOT / "rangebar_polars").rglob("*.py")), ids=str)
def test_only_the_command_line_imports_click(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert "click" not in imported or path.parent.name == "_cli"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion_script(shell: str) -> None:
    done = CliRunner().invoke(program, ["completion", shell])

    assert done.exit_code == 0
    assert f"_RANGEBAR_POLARS_COMPLETE={shell}_complete" in done.stdout


@pytest.fixture(name="shell")
def _shell(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a shell that finds the program by its name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "rangebar-polars"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nfrom rangebar_polars._cli import main\n"
        "sys.argv[0] = 'rangebar-polars'\nmain()\n"
    )
    script.chmod(0o755)
    return environment(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_bash_completes_verbs_and_options(shell: dict[str, str]) -> None:
    asked = """
    source <(rangebar-polars completion bash)
    complete_line() {
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _rangebar_polars_completion rangebar-polars; echo "${COMPREPLY[@]}"
    }
    complete_line rangebar-polars po
    complete_line rangebar-polars bars --rese
    complete_line rangebar-polars bars --reset w
    """
    done = subprocess.run(  # noqa: S603 - our own script
        ["bash", "-c", asked],  # noqa: S607 - the shell that the user has
        capture_output=True,
        check=False,
        env=shell,
        text=True,
        timeout=TIMEOUT,
    )

    assert done.stderr == ""
    assert done.stdout == "populate\n--reset\nweek\n"


DOCUMENT = ROOT / "docs" / "command-line.md"


@pytest.mark.parametrize("name", VERBS)
def test_the_document_describes_a_verb(name: str) -> None:
    assert f"`{name}`" in DOCUMENT.read_text(encoding="utf-8")


def test_the_sessions_of_the_document_are_what_a_user_sees(
    shell: dict[str, str], tmp_path: Path
) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    sessions = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(sessions) > 3
    for session in sessions:
        for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            done = subprocess.run(  # noqa: S602 - the document's own commands
                command,
                cwd=folder,
                env=shell,
                executable="/bin/bash",
                check=False,
                shell=True,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                timeout=TIMEOUT,
            )
            assert done.stdout == expected, command
