"""Whether a plan preserves the order of its rows, as far as its nodes show."""

from typing import Any, Final

import polars as pl

from rangebar_polars._core.unstable import optimized_nodes

_JOINS: Final = ("Inner", "Left", "Right", "Full", "Semi", "Anti", "Cross")
_NAMES: Final = {"Join": "join", "Distinct": "unique", "GroupBy": "group_by"}
_REMEDIES: Final = {
    "join": 'maintain_order="left"',
    "unique": "maintain_order=True",
    "group_by": "maintain_order=True",
}


def order_warning(plan: pl.LazyFrame) -> str | None:
    """Return a warning if the order of the rows of a plan may change from run to run.

    Parameters
    ----------
    plan
        The plan.

    Returns
    -------
    str or None
        None if the order is preserved, or if Polars does not show the plan.
    """
    lost = _loses_order(optimized_nodes(plan))
    if lost is None:
        return None
    return (
        f"a {lost} comes before the bars and does not keep the order of its rows, so that trades "
        f"of one time may change places from run to run (give it {_REMEDIES[lost]}, or sort after "
        "it by columns that leave no choice: timestamp and id)"
    )


def _loses_order(nodes: Any) -> str | None:  # noqa: ANN401 - Polars has no type for it
    """Return the last node of the plan that loses the order of rows."""
    try:
        node, inputs = nodes.view_current_node(), nodes.get_inputs()
        kind = type(node).__name__
        if lost := _loses(kind, node):
            return lost
        if kind == "Sort":
            return None
        if kind == "Join" and node.options[0] in _JOINS:
            inputs = inputs[1:] if node.options[-1].startswith("right") else inputs[:1]
    except (NotImplementedError, AttributeError, TypeError, IndexError):
        # A node that this version of Polars does not show.
        return None
    for number in inputs:
        nodes.set_node(number)
        if lost := _loses_order(nodes):
            return lost
    return None


def _loses(kind: str, node: Any) -> str | None:  # noqa: ANN401
    """Return the name of a node that does not preserve the order of rows, or None."""
    lost = {
        "Join": kind == "Join" and node.options[0] in _JOINS and node.options[-1] == "none",
        "Distinct": kind == "Distinct" and not node.options[2],
        "GroupBy": kind == "GroupBy" and not node.maintain_order,
    }
    return _NAMES[kind] if lost.get(kind) else None
