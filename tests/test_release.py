"""What is released: the tag, the files, the workflows and the tasks that lead there."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[1]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
LOCAL = re.compile(r"\./\.github/workflows/[\w-]+\.yml")


def script(name: str) -> ModuleType:
    """Load a script of continuous integration, which is no package."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def released(folder: Path, *, date: str = "2026-12-01", citation: str = "0.1.0") -> Path:
    """Write what a version is released from."""
    (folder / "Cargo.toml").write_text('[package]\nversion = "0.1.0"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## [0.1.0] - {date}\n")
    (folder / "CITATION.cff").write_text(f"version: {citation}\n")
    return folder


def test_a_tag_of_the_version_can_be_released(tmp_path: Path) -> None:
    assert script("tag").faults("v0.1.0", released(tmp_path)) == []


@pytest.mark.parametrize(
    ("tag", "date", "citation", "fault"),
    [
        (
            "v0.1.1",
            "2026-12-01",
            "0.1.0",
            "the tag is v0.1.1, and Cargo.toml has 0.1.0: expected v0.1.0",
        ),
        (
            "v0.1.0",
            "Unreleased",
            "0.1.0",
            "CHANGELOG.md has no date for 0.1.0: expected ## [0.1.0] - YYYY-MM-DD",
        ),
        (
            "v0.1.0",
            "2026-12-01",
            "0.0.9",
            "CITATION.cff is of another version: expected version: 0.1.0",
        ),
    ],
)
def test_a_tag_that_fits_nothing_is_refused(
    tmp_path: Path, tag: str, date: str, citation: str, fault: str
) -> None:
    assert script("tag").faults(tag, released(tmp_path, date=date, citation=citation)) == [fault]


def test_one_wheel_is_taken_before_an_sdist(tmp_path: Path) -> None:
    built = script("wheel").built
    with pytest.raises(SystemExit, match="holds 0 files to install: expected one"):
        built(tmp_path)
    (tmp_path / "rangebar_polars-0.1.0.tar.gz").touch()
    assert built(tmp_path).suffix == ".gz"
    (tmp_path / "rangebar_polars-0.1.0-cp311-abi3-linux_x86_64.whl").touch()
    assert built(tmp_path).suffix == ".whl"
    (tmp_path / "rangebar_polars-0.0.9-cp311-abi3-linux_x86_64.whl").touch()
    with pytest.raises(SystemExit, match="holds 2 files to install: expected one"):
        built(tmp_path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_of_a_workflow_is_pinned_by_its_commit(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert used
    assert [use for use in used if not (PINNED.fullmatch(use) or LOCAL.fullmatch(use))] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_runs_is_in_the_repository(path: Path) -> None:
    text = path.read_text()
    for name in re.findall(r"(\.ci/[\w.]+|\.github/workflows/[\w.]+)", text):
        assert (REPOSITORY / name).is_file(), name
    assert set(re.findall(r"run: make ([\w-]+)", text)) <= targets()


def test_each_task_of_mise_is_a_target_of_make() -> None:
    tasks = tomllib.loads((REPOSITORY / "mise.toml").read_text())["tasks"]
    called = [task["run"] for task in tasks.values()]
    commands = [line for run in called for line in ([run] if isinstance(run, str) else run)]
    assert all(command.startswith("make ") for command in commands)
    assert {command.split()[1] for command in commands} <= targets()


def targets() -> set[str]:
    """Return the targets of make that `make help` lists."""
    return set(
        re.findall(r"^([a-z0-9-]+):.*##", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    )
