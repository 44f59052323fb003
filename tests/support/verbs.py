"""Verbs of the command line, run in this process."""

import json
from typing import Any

from click.testing import CliRunner, Result

from rangebar_polars._cli.program import program


def run(*arguments: object, code: int = 0, errors: str = "") -> Result:
    """Run a verb that ends with a code, and that prints only this on standard error."""
    done = CliRunner().invoke(program, list(map(str, arguments)))
    assert (done.exit_code, done.stderr) == (code, errors)
    return done


def rows(*arguments: object, **ends: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return what a verb prints with --json."""
    found: list[dict[str, Any]] = json.loads(run(*arguments, "--json", **ends).stdout)
    return found
