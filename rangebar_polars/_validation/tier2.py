"""Checks of features before a model learns from them: statistics of whole chains of bars."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import check_by, integer_of
from rangebar_polars._validation.asked import frame_of, is_complete
from rangebar_polars._validation.report import Finding, Report, Status, report_of
from rangebar_polars._validation.statistics import Result, Statistics
from rangebar_polars.schema import COLUMNS, THRESHOLD

FEATURES: Final = tuple(output.name for output in COLUMNS if output.group == "feature")
REDUNDANT: Final = 0.9
"""The rank correlation from which on one of two features says little that the other does not."""
_TARGET: Final = "forward return"
_FEWEST: Final = 100


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A feature of one chain, next to the target where both are known."""

    subject: str
    values: Any
    paired: Any
    target: Any


@named
def validate_tier2(
    bars: pl.DataFrame | pl.LazyFrame,
    target: str | None = None,
    horizon: SupportsIndex = 1,
    *,
    features: Sequence[str] = FEATURES,
    by: str | Sequence[str] | None = None,
    false_discovery_rate: float = 0.05,
) -> Report:
    """Check features before a model learns from them: what they say, and what is wrong with them.

    Every kind of test is corrected for the number of features (and chains) by Benjamini and
    Hochberg, so that where there is nothing to find, the report has a note of that kind in at most
    `false_discovery_rate` of all cases. Nothing is drawn at random: equal bars, equal reports.

    Parameters
    ----------
    bars
        What `bars` returned with ``include_microstructure=True``: a frame, or a plan, which is
        collected. Bars that did not close are left out.
    target
        The column to be predicted, such as a label; None: ``close`` after `horizon` bars over
        ``close``, minus 1, in the same chain.
    horizon
        How many bars ahead: 1 or more. With a column of your own, over how many bars it reaches.
    features
        The columns to check: numbers; by default the ten features.
    by
        The key columns of several chains; each is checked on its own, as is each threshold.
    false_discovery_rate
        Above 0 and below 1.

    Returns
    -------
    Report
        A row for each check and feature; with several chains the subject begins with the key. The
        message has p and the corrected p.

        - ``schema``, ``values``: each column is there, has numbers that differ, and enough of them
          for the tests to find anything; else it fails, and is not tested.
        - ``stationarity``: the statistic of the augmented Dickey-Fuller test (up to 12 lags, by
          AIC). A feature for which a unit root is not rejected fails.
        - ``autocorrelation``: the first autocorrelation of the ranks, a note where the test of
          Ljung and Box (10 lags) finds any: neighbouring bars are then no independent samples.
        - ``rank correlation``: Spearman's correlation with the target, a note where it is more than
          that of shifted series. Each circular shift of the feature against the target keeps how
          the two depend on their own past, such as returns that overlap, and breaks all other ties.
        - ``mutual information``: in nats, of ranks in up to 8 bins, compared with shifts likewise.
        - ``redundancy``: a note for two features with a rank correlation of 0.9 or more, either
          way.
        - ``drift``: the Kolmogorov-Smirnov distance between the first and second half, a note where
          means of blocks differ in place or spread.

    Raises
    ------
    ModuleNotFoundError
        NumPy, SciPy or statsmodels is not installed.
    TypeError, ValueError
        For a bad argument.

    Notes
    -----
    Correlation with a return in one sample is no proof of a profit: test what was found here on
    later bars, with costs.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> bars = rb.bars(
    ...     pl.read_parquet("examples/btcusdt-trades.parquet"), 5, include_microstructure=True
    ... )
    >>> report = rb.validate_tier2(bars, horizon=2)
    >>> report.frame["check"].unique(maintain_order=True).to_list()[:3]
    ['schema', 'values', 'stationarity']
    """
    rate = _check_rate(false_discovery_rate)
    ahead = _check_horizon(horizon)
    wanted = _check_features(features)
    keys = check_by(by)
    frame = frame_of(bars)
    statistics = Statistics()
    needed = [*keys, "close" if target is None else target, *wanted]
    wrong = [_wrong(frame, name, of_numbers=name not in keys) for name in needed]
    found = [what for what in wrong if what]
    schema = Finding("schema", None, "pass", 0.0, [], f"expected {len(needed)} columns")
    if found:
        schema = schema._replace(status="fail", figure=float(len(found)), message=", ".join(found))
        return report_of("tier 2", [schema])
    chains = list(_chains(frame, keys, target, ahead))
    tests = max(1, len(chains) * len(wanted))
    # Below, no shift could have a p that stays small enough after the correction.
    fewest = max(_FEWEST, math.ceil(2 * tests / rate))
    findings, pairs = [schema], list[_Pair]()
    for name, chain in chains:
        for feature in wanted:
            subject = f"{name} {feature}".strip()
            finding, pair = _pair(chain, feature, subject, fewest)
            findings.append(finding)
            pairs += [] if pair is None else [pair]
    findings += _tested(statistics, pairs, ahead, rate=rate, shifts=fewest)
    for name, chain in chains:
        findings += _redundant(statistics, chain, wanted, name)
    return report_of("tier 2", findings)


def _check_rate(rate: float) -> float:
    if isinstance(rate, bool) or not isinstance(rate, float | int) or not 0 < rate < 1:
        raise ValueError(f"false_discovery_rate is {rate!r}: expected a number above 0, below 1")
    return float(rate)


def _check_horizon(horizon: SupportsIndex) -> int:
    ahead = integer_of(horizon)
    if ahead is None:
        raise TypeError(f"horizon is {horizon!r}: expected a number of bars, 1 or more")
    if ahead < 1:
        raise ValueError(f"horizon is {ahead}: expected a number of bars, 1 or more")
    return ahead


def _check_features(features: Sequence[str]) -> list[str]:
    if isinstance(features, str) or not features or len({*features}) < len(features):
        raise ValueError(f"features is {features!r}: expected names of columns, each once")
    return list(features)


def _wrong(bars: pl.DataFrame, name: str, *, of_numbers: bool) -> str | None:
    """Return what is wrong with a column, if anything is."""
    if name not in bars.columns:
        return f"{name} is missing"
    if of_numbers and not bars.schema[name].is_numeric():
        return f"{name} is {bars.schema[name]}: expected numbers"
    return None


def _chains(
    bars: pl.DataFrame, keys: tuple[str, ...], target: str | None, ahead: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the name of each chain, and its bars that closed with the target beside them."""
    several = [*keys, *([THRESHOLD] if THRESHOLD in bars.columns else [])]
    closed = bars.filter(is_complete(bars))
    close = pl.col("close")
    value = close.shift(-ahead) / close - 1 if target is None else pl.col(target)
    if not several:
        yield "", closed.with_columns(value.alias(_TARGET))
        return
    for key, chain in closed.partition_by(several, as_dict=True, maintain_order=True).items():
        yield " ".join(map(str, key)), chain.with_columns(value.alias(_TARGET))


def _pair(
    chain: pl.DataFrame, feature: str, subject: str, fewest: int
) -> tuple[Finding, _Pair | None]:
    """Return whether a feature can be tested, and its values if so."""
    columns = chain.select(pl.col(feature, _TARGET).cast(pl.Float64))
    finite = columns.filter(pl.col(feature).is_finite())
    paired = finite.filter(pl.col(_TARGET).is_finite())
    expected = f"expected {fewest} or more bars with a finite value and a target"
    finding = Finding("values", subject, "pass", float(paired.height), [], expected)
    differ = f"expected {feature} and the target to differ between bars"
    if paired.height < fewest:
        message = f"{expected}; there are {paired.height}"
        return finding._replace(status="fail", message=message), None
    if min(paired[feature].n_unique(), paired[_TARGET].n_unique()) == 1:
        return finding._replace(status="fail", message=f"{differ}; one has the same in all"), None
    pair = _Pair(
        subject=subject,
        values=finite[feature].to_numpy(),
        paired=paired[feature].to_numpy(),
        target=paired[_TARGET].to_numpy(),
    )
    return finding, pair


def _tested(
    statistics: Statistics, pairs: list[_Pair], ahead: int, *, rate: float, shifts: int
) -> Iterator[Finding]:
    """Yield the finding of each test and feature, corrected for the number of features."""

    def near(pair: _Pair) -> int:
        # As many rows as the target reaches ahead, and as features are likely to remember.
        return ahead + int(10 * math.log10(len(pair.paired)))

    tests: dict[str, tuple[Callable[[_Pair], Result], str]] = {
        "stationarity": (lambda pair: statistics.unit_root(pair.values), "to reject a unit root"),
        "autocorrelation": (lambda pair: statistics.autocorrelation(pair.values), "none"),
        "rank correlation": (
            lambda pair: statistics.rank_correlation(pair.paired, pair.target, near(pair)),
            "none",
        ),
        "mutual information": (
            lambda pair: statistics.mutual_information(
                pair.paired, pair.target, near(pair), max(499, shifts)
            ),
            "none",
        ),
        "drift": (lambda pair: statistics.drift(pair.values), "none"),
    }
    for check, (test, expected) in tests.items():
        results = [test(pair) for pair in pairs]
        corrected = statistics.adjusted([result.p for result in results])
        for pair, result, p in zip(pairs, results, corrected, strict=True):
            status: Status = "pass"
            if check == "stationarity":
                status = "pass" if p <= rate else "fail"
            elif p <= rate:
                status = "note"
            what = expected if check == "stationarity" or status == "pass" else "some found"
            message = f"{what}: p = {result.p:.3g}, corrected {p:.3g}"
            yield Finding(check, pair.subject, status, result.figure, [], message)


def _redundant(
    statistics: Statistics, chain: pl.DataFrame, features: list[str], name: str
) -> list[Finding]:
    """Return a note for each two features of which one says what the other does."""
    found = list[Finding]()
    for one, other in combinations(features, 2):
        both = chain.select(pl.col(one, other).cast(pl.Float64))
        both = both.filter(pl.all_horizontal(pl.all().is_finite()))
        if both.height < 2 or min(column.n_unique() for column in both) == 1:  # noqa: PLR2004
            continue
        figure = statistics.spearman(both[one].to_numpy(), both[other].to_numpy())
        if abs(figure) >= REDUNDANT:
            subject = f"{name} {one}, {other}".strip()
            message = f"the rank correlation is {REDUNDANT} or more, either way"
            found.append(Finding("redundancy", subject, "note", figure, [], message))
    expected = f"no two features with a rank correlation of {REDUNDANT} or more, either way"
    return found or [Finding("redundancy", name or None, "pass", 0.0, [], expected)]
