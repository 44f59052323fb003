"""Altair and vl-convert, which are an extra: loaded when a chart is made, not with the package."""

from typing import TYPE_CHECKING, Any

from rangebar_polars._extras import extra

if TYPE_CHECKING:
    import altair as alt

__all__ = ["alt", "check_altair", "needed"]


def needed(module: str, purpose: str) -> Any:  # noqa: ANN401 - a module of another library
    """Return a module of the extra.

    Raises
    ------
    ModuleNotFoundError
        It is not installed.
    """
    return extra(module, needed_by=purpose, name="plot")


def check_altair() -> None:
    """Fail where Altair is not installed, before anything is computed.

    Raises
    ------
    ModuleNotFoundError
        Saying what to install.
    """
    needed("altair", "a plot")


class _Altair:
    """Altair, in its place until something of it is used."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever Altair has
        return getattr(needed("altair", "a plot"), name)


if not TYPE_CHECKING:
    alt = _Altair()
