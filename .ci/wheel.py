"""Install a wheel or an sdist into an environment of its own and run the tests with it.

``python .ci/wheel.py dist --polars 1.41.1`` takes the one file of the folder that this machine can
install, and the tools of ``constraints.txt``. The tests run in a copy of the clone, in which the
package is a copy of the one that was installed, so that the processes they start find it too.
"""

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGE = "rangebar_polars"
CLICKHOUSE = "chdb-core"
TESTS_EVERYWHERE = ("tests/core", "tests/rangebar_py", "tests/ticks", "tests/disk")
"""What needs neither a ClickHouse server nor signals of POSIX."""


def built(folder: Path) -> Path:
    """Return the one wheel of the folder or, where there is none, the one sdist."""
    found = sorted(folder.glob("*.whl")) or sorted(folder.glob("*.tar.gz"))
    if len(found) != 1:
        raise SystemExit(f"{folder} holds {len(found)} files to install: expected one (make wheel)")
    return found[0]


def without_polars(constraints: Path, copy: Path) -> Path:
    """Write the constraints without those of Polars, whose version is the caller's choice."""
    lines = constraints.read_text().splitlines()
    copy.write_text("\n".join(line for line in lines if not line.startswith("polars")) + "\n")
    return copy


def run(*command: str | Path, folder: Path = REPOSITORY) -> None:
    """Run a command in a folder, where processes find modules, and end if it fails."""
    print("+", *command, flush=True)
    modules = {} if folder == REPOSITORY else {"PYTHONPATH": str(folder)}
    done = subprocess.run(  # noqa: S603 - the commands of this file
        [str(part) for part in command], cwd=folder, env=os.environ | modules, check=False
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def copy_of_clone(python: Path, environment: Path) -> Path:
    """Copy the clone, with the package that was installed in place of its own."""
    copy = environment / "clone"
    built_here = (".git", ".venv*", environment.name, "_site", "dist", "target", "__pycache__")
    shutil.copytree(REPOSITORY, copy, ignore=shutil.ignore_patterns(PACKAGE, *built_here))
    ask = f"import pathlib, {PACKAGE}; print(pathlib.Path({PACKAGE}.__file__).parent)"
    installed = subprocess.run(  # noqa: S603 - the Python of the environment
        [str(python), "-c", ask], cwd=copy, check=True, capture_output=True, text=True
    )
    shutil.copytree(installed.stdout.strip(), copy / PACKAGE)
    return copy


def main() -> None:
    """Install and test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds one wheel, or one sdist")
    parser.add_argument("--polars", default="newest", help="a version, or newest")
    parser.add_argument("--environment", type=Path, default=REPOSITORY / ".venv-wheel")
    parser.add_argument("--demo-only", action="store_true", help="run the demo and no tests")
    given = parser.parse_args()
    package = built(given.folder.resolve())
    environment = given.environment.resolve()
    venv.create(environment, with_pip=True, clear=True)
    programs = environment / ("Scripts" if sys.platform == "win32" else "bin")
    python = programs / "python"
    polars = "polars" if given.polars == "newest" else f"polars=={given.polars}"
    constraints = without_polars(REPOSITORY / "constraints.txt", environment / "constraints.txt")
    install = (python, "-m", "pip", "install", "--quiet", "--constraint", constraints)
    run(*install, "--upgrade", "pip")
    run(*install, polars, package)
    clone = copy_of_clone(python, environment)
    run(python, "examples/demo.py", environment / "demo-bars.parquet", folder=clone)
    if given.demo_only:
        return
    run(*install, "--group", "test")
    if sys.platform == "linux":
        run(*install, "--no-deps", CLICKHOUSE)
    tests = ("tests",) if sys.platform == "linux" else TESTS_EVERYWHERE
    run(programs / "pytest", "--numprocesses", "2", "--dist", "loadfile", *tests, folder=clone)


if __name__ == "__main__":
    main()
