"""An Altair chart whose HTML page needs no network."""

import json
import os
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import polars as pl

from rangebar_polars._plot.extra import alt, needed

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMATS: Final = ("png", "svg", "pdf", "html", "json")
_PNG_SCALE: Final = 2.0
"""Pixels for each pixel of the layout, so that text is sharp on today's screens."""


class _ScriptJson(json.JSONEncoder):
    """JSON that may stand in a script element: a key of bars may hold ``</script>``."""

    def encode(self, o: object) -> str:
        return super().encode(o).replace("<", "\\u003c")


def _format_of(path: Path | None, given: str | None) -> str:
    """Return the format of a file to save.

    Raises
    ------
    ValueError
        It is none that a chart can be saved in, or the file has no name.
    """
    formats = ", ".join(_FORMATS)
    if given is not None:
        found, what = given, f"format is {given!r}"
    elif path is not None:
        found, what = path.suffix.removeprefix("."), f"{path.name!r} ends in {path.suffix!r}"
    else:
        raise ValueError(f"a file without a path has no format (give format=, one of {formats})")
    if found.lower() not in _FORMATS:
        raise ValueError(f"{what}: expected one of {formats}")
    return found.lower()


@cache
def _offline_chart() -> "type[alt.VConcatChart]":
    """Return the class of charts, which exists where Altair does."""

    class OfflineChart(alt.VConcatChart):
        """Charts one below the other; ``save`` writes HTML that needs no network."""

        def save(  # type: ignore[override]  # Altair's other parameters are in `options`
            self,
            fp: str | os.PathLike[str] | IO[Any],
            format: str | None = None,  # noqa: A002 - Altair's name
            **options: Any,  # noqa: ANN401 - as Altair's
        ) -> None:
            """Write the chart to a file.

            Parameters
            ----------
            fp
                A path that ends in .png, .svg, .pdf, .html or .json, or an open file.
            format
                "png", "svg", "pdf", "html" or "json", where the path does not say it.
            **options
                As in ``altair.Chart.save``. ``inline=False`` writes HTML that loads its JavaScript
                from a server; a PNG has two pixels for each of the layout, or ``scale_factor``.

            Raises
            ------
            ValueError
                For any other format.
            ModuleNotFoundError
                vl-convert is not installed.
            """
            path = Path(fp) if isinstance(fp, str | os.PathLike) else None
            kind = _format_of(path, format)
            if kind == "html":
                options = {"inline": True, "json_kwds": {"cls": _ScriptJson}} | options
            elif kind == "png":
                options = {"scale_factor": _PNG_SCALE} | options
            if kind != "json" and options.get("inline", True):
                needed("vl_convert", f"saving a plot as {kind}")
            super().save(fp if path is None else path, format=kind, **options)  # type: ignore[arg-type]

    return OfflineChart


def inline_data(name: str, rows: pl.DataFrame) -> "alt.InlineData":
    """Return rows as data of a chart, with a name that its expressions can use.

    Altair limits the rows of a frame, not those of inline data. It checks each row when the chart
    is made a dict, so not here too.
    """
    data = alt.InlineData(values=[], name=name)
    data.values = rows.to_dicts()
    return data


def stacked(
    charts: "Sequence[alt.LayerChart | alt.VConcatChart]",
    **properties: Any,  # noqa: ANN401 - as Altair's
) -> "alt.VConcatChart":
    """Return charts one below the other, as one that can be saved without a network."""
    return _offline_chart()(vconcat=list(charts), **properties)


def zoomed(
    name: str,
    views: "Sequence[alt.LayerChart]",
    **properties: Any,  # noqa: ANN401 - as Altair's
) -> "alt.VConcatChart":
    """Return views one below the other, all of which the mouse moves and zooms horizontally.

    Parameters
    ----------
    name
        What names in the chart begin with, where it has other charts beside it.
    views
        Each of layers.
    **properties
        As of ``altair.VConcatChart``.
    """
    for number, view in enumerate(views):
        view.layer[0].name = f"{name}_view_{number}"
    chart = stacked(views, **properties)
    # Altair would gather one parameter from all views, with a warning that it does.
    zoom = alt.TopLevelSelectionParameter(
        name=f"{name}_zoom",
        select=alt.IntervalSelectionConfig(type="interval", encodings=["x"]),
        bind="scales",
        views=[view.layer[0].name for view in chart.vconcat],
    )
    chart.params = [zoom]
    return chart
