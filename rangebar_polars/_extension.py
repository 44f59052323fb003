"""The compiled extension: loaded, and refused if it is not of the Python code beside it.

After an update that was interrupted, or a pull without a build, the two are of different states. A
call would then fail at a place that has nothing to do with it, or pass an argument that means
something else.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

VERSION: Final = "0.1.0"
"""The version of the Python code."""

_NAME: Final = "rangebar_polars._internal"
_PACKAGE: Final = Path(__file__).parent


def load() -> ModuleType:
    """Return the compiled extension.

    Raises
    ------
    ImportError
        There is none, it does not load, or it is of another version or another interface.
    """
    try:
        extension = import_module(_NAME)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == _NAME:
            problem = "rangebar_polars has no compiled extension for this Python and platform"
        else:
            problem = f"the compiled extension of rangebar_polars does not load: {error}"
        raise ImportError(f"{problem} ({_remedy(_PACKAGE)})", name=_NAME) from error
    check(extension, _PACKAGE)
    return extension


def check(extension: ModuleType, package: Path) -> None:
    """Refuse an extension that is not of the Python code in a folder.

    Its version must be the same, and so must the stub that it was compiled with. An application
    that ships no stubs has only the version.

    Raises
    ------
    ImportError
        It is of another version or another interface.
    """
    version = getattr(extension, "VERSION", None)
    if version != VERSION:
        of = "an earlier version" if version is None else f"version {version}"
        problem = f"is of {of}, and the Python code of version {VERSION}"
    elif _differs(extension.INTERFACE, package / "_internal.pyi"):
        problem = f"and the Python code are both of version {VERSION}, but of different builds"
    else:
        return
    raise ImportError(
        f"the compiled extension of rangebar_polars {problem}: {extension.__file__} "
        f"({_remedy(package)})",
        name=_NAME,
    )


def _differs(interface: str, stub: Path) -> bool:
    """Return whether a stub is there and is another text; the ends of lines do not count."""
    if not stub.is_file():
        return False
    text = stub.read_text(encoding="utf-8")
    return text != interface and text.split() != interface.split()


def _remedy(package: Path) -> str:
    """Return the command that makes the extension of a package anew."""
    from shlex import quote  # noqa: PLC0415 - only an error needs it

    clone = package.parent
    if (clone / "Cargo.toml").is_file() and (clone / "Makefile").is_file():
        return f"build it: make -C {quote(str(clone))} build"
    return (
        "install it again: pip install --force-reinstall --no-deps rangebar-polars; where there is "
        "no wheel for the platform, pip builds it, which needs Rust: https://rustup.rs"
    )
