"""Libraries that are extras: imported when they are first needed."""

from importlib import import_module
from typing import Any


def extra(module: str, *, needed_by: str, name: str) -> Any:  # noqa: ANN401
    """Return a module of an extra.

    Parameters
    ----------
    module
        The module to import.
    needed_by
        What needs it, as the message calls it.
    name
        The extra that installs it.

    Raises
    ------
    ModuleNotFoundError
        It is not installed.

    Examples
    --------
    >>> extra("no_such_module", needed_by="to_pandas", name="pandas")
    Traceback (most recent call last):
    ModuleNotFoundError: to_pandas needs no_such_module (pip install
    --upgrade 'rangebar-polars[pandas]')
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(
            f"{needed_by} needs {package} ({install(name)})", name=package
        ) from error


def install(name: str) -> str:
    """Return the command that installs an extra, or a later version of what it has."""
    return f"pip install --upgrade 'rangebar-polars[{name}]'"
