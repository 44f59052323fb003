"""Colours and lines that every chart shares.

Blue and vermilion are of the palette of Okabe and Ito (2008), which people with any common colour
blindness distinguish. Blue is what rises or buys, vermilion what falls or sells.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import altair as alt

UP: Final = "#0072B2"
DOWN: Final = "#D55E00"
NEUTRAL: Final = "#8C8C8C"
INK: Final = "#333333"
FAINT: Final = "#E6E6E6"
MIDDLE: Final = "#C9C9C9"
"""The colour between buying and selling: light, and still to be seen on white."""


def styled(chart: "alt.VConcatChart") -> "alt.VConcatChart":
    """Return a chart in the common style."""
    own: alt.VConcatChart = (
        chart.configure_view(stroke=None)
        .configure_axis(
            domainColor=NEUTRAL,
            gridColor=FAINT,
            labelColor=INK,
            labelFontSize=10,
            tickColor=NEUTRAL,
            titleColor=INK,
            titleFontSize=11,
            titleFontWeight="normal",
        )
        .configure_legend(
            labelColor=INK,
            labelFontSize=10,
            labelLimit=220,
            titleColor=INK,
            titleFontSize=11,
            titleFontWeight="normal",
            titleLimit=220,
        )
        .configure_title(
            anchor="start",
            color=INK,
            fontSize=14,
            frame="group",
            offset=12,
            subtitleColor=INK,
            subtitleFontSize=11,
            subtitlePadding=5,
        )
    )
    return own
