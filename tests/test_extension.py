"""A compiled extension that is not of the Python code beside it is refused at import."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from support.assertions import says

from rangebar_polars import _extension, _internal

ROOT = Path(__file__).parents[1]
AGAIN = (
    "install it again: pip install --force-reinstall --no-deps rangebar-polars; where there is no "
    "wheel for the platform, pip builds it, which needs Rust: https://rustup.rs"
)


def extension(**attributes: str) -> ModuleType:
    """Return a module that stands for a compiled extension."""
    module = ModuleType("rangebar_polars._internal")
    module.__file__ = "/there/_internal.abi3.so"
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return the folder of a package with a stub."""
    folder = tmp_path / "rangebar_polars"
    folder.mkdir()
    (folder / "_internal.pyi").write_text('"""A stub."""\n\nBARS: int\n', encoding="utf-8")
    return folder


def test_the_extension_here_is_of_the_code_beside_it() -> None:
    assert _extension.load() is _internal
    assert (ROOT / "rangebar_polars" / "_internal.pyi").read_text("utf-8") == _internal.INTERFACE


def test_the_version_is_that_of_the_crate() -> None:
    crate = (ROOT / "Cargo.toml").read_text(encoding="utf-8")

    found = re.search(r'^version = "(.*)"$', crate, re.MULTILINE)

    assert found is not None
    assert found[1] == _extension.VERSION == _internal.VERSION


def test_another_version_is_refused_with_both_and_the_remedy(package: Path) -> None:
    with says(
        ImportError,
        "the compiled extension of rangebar_polars is of version 0.0.9, and the Python code of "
        f"version {_extension.VERSION}: /there/_internal.abi3.so ({AGAIN})",
    ):
        _extension.check(extension(VERSION="0.0.9", INTERFACE=""), package)


def test_an_extension_that_knows_no_version_is_an_earlier_one(package: Path) -> None:
    with pytest.raises(ImportError, match="is of an earlier version, and the Python code of"):
        _extension.check(extension(), package)


def test_another_interface_of_one_version_is_refused(package: Path) -> None:
    with says(
        ImportError,
        "the compiled extension of rangebar_polars and the Python code are both of version "
        f"{_extension.VERSION}, but of different builds: /there/_internal.abi3.so ({AGAIN})",
    ):
        _extension.check(extension(VERSION=_extension.VERSION, INTERFACE="BARS: str"), package)


def test_the_ends_of_lines_do_not_count_and_a_stub_need_not_be_there(package: Path) -> None:
    stub = package / "_internal.pyi"
    crlf = stub.read_text(encoding="utf-8").replace("\n", "\r\n")

    _extension.check(extension(VERSION=_extension.VERSION, INTERFACE=crlf), package)
    stub.unlink()
    _extension.check(extension(VERSION=_extension.VERSION, INTERFACE="BARS: str"), package)


def test_in_a_clone_the_remedy_builds_it(package: Path) -> None:
    for name in ("Cargo.toml", "Makefile"):
        (package.parent / name).touch()

    with pytest.raises(ImportError, match=rf"\(build it: make -C {package.parent} build\)$"):
        _extension.check(extension(VERSION="0.0.9"), package)


def test_the_remedy_is_a_target_of_the_makefile() -> None:
    assert re.search(r"^build: .*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def error_of(package: Path, statement: str) -> str:
    """Return the last line of the error of a statement with the package in a folder."""
    done = subprocess.run(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", statement],
        capture_output=True,
        check=False,
        cwd=package.parent,
        env={"PYTHONPATH": str(package.parent)},
        text=True,
    )
    return done.stderr.rstrip().splitlines()[-1]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the package without its extension."""
    folder = tmp_path / "rangebar_polars"
    unwanted = shutil.ignore_patterns("_internal.*so", "_internal.pyd", "__pycache__")
    shutil.copytree(ROOT / "rangebar_polars", folder, ignore=unwanted)
    return folder


USES = ("import rangebar_polars as rb; rb.bars", "import rangebar_polars.schema")


@pytest.mark.parametrize("statement", USES)
def test_without_an_extension_the_error_says_how_to_get_one(copied: Path, statement: str) -> None:
    assert error_of(copied, statement) == (
        "ImportError: rangebar_polars has no compiled extension for this Python and platform "
        f"({AGAIN})"
    )


@pytest.mark.parametrize("statement", USES)
def test_an_extension_that_does_not_load_is_named_with_the_remedy(
    copied: Path, statement: str
) -> None:
    file = copied / Path(_internal.__file__).name
    file.write_bytes(b"not a library")

    found = error_of(copied, statement)

    assert found.startswith("ImportError: the compiled extension of rangebar_polars does not load:")
    assert found.endswith(f"({AGAIN})")


def test_an_extension_beside_newer_code_is_refused_at_import(copied: Path) -> None:
    shutil.copy(_internal.__file__, copied)
    with (copied / "_internal.pyi").open("a", encoding="utf-8") as stub:
        stub.write("\ndef added() -> None: ...\n")

    assert "but of different builds" in error_of(copied, USES[0])


def test_no_module_imports_from_the_extension_before_it_is_checked() -> None:
    modules = (ROOT / "rangebar_polars").rglob("*.py")

    direct = [
        module.name
        for module in modules
        if "from rangebar_polars._internal import" in module.read_text(encoding="utf-8")
    ]

    assert direct == []
