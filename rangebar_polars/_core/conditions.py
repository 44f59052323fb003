"""Conditions of a filter that read some columns alone.

A filter of bars may be applied to their trades too, as far as it reads columns that all trades of a
chain share. What is not recognised here is applied to the bars only.
"""

import json
import operator
from collections.abc import Callable, Collection
from functools import reduce
from typing import Any, Final

import polars as pl

_Join = Callable[[pl.Expr, pl.Expr], pl.Expr]

_JOINED: Final = frozenset(
    {
        *("Eq", "EqValidity", "NotEq", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq"),
        *("And", "Or", "Xor", "LogicalAnd", "LogicalOr"),
    }
)
_OF_TEXT: Final = ("StartsWith", "EndsWith", "Contains")


def implied(predicate: pl.Expr | None, names: Collection[str]) -> pl.Expr | None:
    """Return a condition on the named columns that holds for every row that passes a filter.

    Parameters
    ----------
    predicate
        The filter.
    names
        The columns that the condition may read.

    Returns
    -------
    Expr or None
        None if the filter implies no condition, or none that is certain to have the same value
        each time and no error: a Python function may be random, and a cast may fail for a value
        that no bar has.

    Examples
    --------
    >>> of_key, of_bar = pl.col("key") == "A", pl.col("close") > 1
    >>> print(implied(of_key & of_bar, ["key"]))
    [(col("key")) == ("A")]
    >>> implied(of_key | of_bar, ["key"])
    >>> print(implied((of_key & of_bar) | pl.col("key").is_null(), ["key"]))
    [([(col("key")) == ("A")]) | (col("key").is_null())]
    """
    if predicate is None:
        return None
    every = _operands(predicate, operator.and_)
    if len(every) > 1:
        found = [each for part in every if (each := implied(part, names)) is not None]
        return reduce(operator.and_, found) if found else None
    either = _operands(predicate, operator.or_)
    if len(either) > 1:
        found = [each for part in either if (each := implied(part, names)) is not None]
        return reduce(operator.or_, found) if len(found) == len(either) else None
    roots = set(predicate.meta.root_names())
    return predicate if roots and roots <= set(names) and _is_plain(predicate) else None


def computable(predicate: pl.Expr) -> pl.Expr | None:
    """Return a filter that Polars pushes into a source without what it cannot compute itself.

    Versions of Polars before 2 add a condition on the rows that a sort before a head still wants.
    It leaves out work and no row of the result, and a filter with it ends the plan with a panic.
    """
    if "dynamic_pred" not in str(predicate):
        return predicate
    every = _operands(predicate, operator.and_)
    known = [part for part in every if "Display" not in json.loads(_serialized(part))]
    return reduce(operator.and_, known) if known else None


def _serialized(expression: pl.Expr) -> str:
    return expression.meta.serialize(format="json")


def _operands(predicate: pl.Expr, join: _Join) -> list[pl.Expr]:
    """Return what an expression joins, however often it joins; itself if it does not."""
    found, pending = list[pl.Expr](), [predicate]
    while pending:
        each = pending.pop()
        match each.meta.pop():
            case [right, left] if join(left, right).meta.eq(each):
                pending += [right, left]
            case _:
                found.append(each)
    return found


def _is_plain(condition: pl.Expr) -> bool:
    """Return whether a condition depends on its columns only, and cannot fail."""
    try:
        return _is_known(json.loads(_serialized(condition)))
    except RecursionError:
        return False


def _is_known(node: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a node is one of the known kinds, in the form in which Polars writes it."""
    match node:
        case {"Column": _} | {"Literal": _}:
            operands = []
        case {"BinaryExpr": {"left": left, "op": str(joined), "right": right}} if joined in _JOINED:
            operands = [left, right]
        case {"Function": {"input": inputs, "function": {"Boolean": _}}}:
            operands = inputs
        case {"Function": {"input": inputs, "function": {"StringExpr": of_text}}} if any(
            name in of_text for name in _OF_TEXT
        ):
            operands = inputs
        case {"Ternary": {"predicate": when, "truthy": then, "falsy": otherwise}}:
            operands = [when, then, otherwise]
        case {"Alias": [aliased, _]}:
            operands = [aliased]
        case {"Cast": {"expr": cast, "options": "NonStrict" | "Overflowing"}}:
            operands = [cast]
        case _:
            return False
    return all(_is_known(operand) for operand in operands)
