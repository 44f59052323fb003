"""What tests read of a chart: its views, axes and data."""

from typing import Any

import polars as pl

Spec = dict[str, Any]


def values(spec: Spec) -> pl.DataFrame:
    """Return the data that a chart is drawn from."""
    rows: list[dict[str, Any]] = spec["data"]["values"]
    return pl.DataFrame(rows, infer_schema_length=None)


def axis_titles(spec: Spec) -> list[str]:
    """Return the titles of the vertical axes, from above."""
    return [_first_axis(view, "y")["title"] for view in spec["vconcat"]]


def number_axis(spec: Spec) -> Spec:
    """Return the horizontal axis below all views."""
    return _first_axis(spec["vconcat"][-1], "x")


def _first_axis(view: Spec, channel: str) -> Spec:
    axes = [
        layer["encoding"][channel]["axis"]
        for layer in view["layer"]
        if "axis" in layer["encoding"].get(channel, {})
    ]
    found: Spec = axes[0]
    return found


def layer(view: Spec, mark: str) -> Spec:
    """Return the first layer of a view that has this mark, as it is seen."""
    (found, *_) = (
        layer
        for layer in view["layer"]
        if layer["mark"]["type"] == mark and layer["mark"].get("opacity") != 0
    )
    drawn: Spec = found
    return drawn


def legends(spec: object) -> list[str]:
    """Return the titles of all legends, in the order of the chart."""
    if isinstance(spec, list):
        return [title for part in spec for title in legends(part)]
    if not isinstance(spec, dict):
        return []
    legend = spec.get("legend") or {}
    # The configuration has one too, without a title.
    own = [legend["title"]] if "title" in legend else []
    return own + [title for part in spec.values() for title in legends(part)]
