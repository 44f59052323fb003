"""Tests of series whose values depend on earlier ones, over NumPy arrays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rangebar_polars._extras import extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ADF_LAGS: Final = 12
LJUNG_BOX_LAGS: Final = 10
BLOCKS: Final = 10
"""Blocks of each half, whose means a test of drift compares."""
MOST_BINS: Final = 8
"""Bins of equal counts of each series, for the mutual information."""


@dataclass(frozen=True)
class Result:
    """The figure of a test, and how likely as great a one is where there is nothing to find."""

    figure: float
    p: float


class Statistics:
    """The tests, with the libraries that they need.

    Raises
    ------
    ModuleNotFoundError
        NumPy, SciPy or statsmodels is not installed.
    """

    def __init__(self) -> None:
        def module(name: str) -> Any:  # noqa: ANN401
            return extra(name, needed_by="validate_tier2", name="validation")

        self._numpy = module("numpy")
        self._stats = module("scipy.stats")
        self._series = module("statsmodels.tsa.stattools")
        self._special = module("scipy.special")

    def adjusted(self, p: list[float]) -> list[float]:
        """Return p-values adjusted by Benjamini and Hochberg (1995), for a false-discovery rate."""
        return list(self._stats.false_discovery_control(p)) if p else []

    def unit_root(self, values: "Floats") -> Result:
        """Return the augmented Dickey-Fuller test: a small p rejects a unit root."""
        lags = min(ADF_LAGS, len(values) // 10)
        statistic, p = self._series.adfuller(
            values, maxlag=lags, autolag="AIC", result_object=False
        )[:2]
        return Result(float(statistic), float(p))

    def autocorrelation(self, values: "Floats") -> Result:
        """Return the first autocorrelation of the ranks, and the p of Ljung and Box (1978)."""
        ranks = self._stats.rankdata(values)
        correlations, _, p = self._series.acf(
            ranks, nlags=LJUNG_BOX_LAGS, qstat=True, fft=True, result_object=False
        )
        return Result(float(correlations[1]), float(p[-1]))

    def rank_correlation(self, x: "Floats", y: "Floats", near: int) -> Result:
        """Return Spearman's correlation, and its p among circular shifts of x against y.

        A shift keeps how each series depends on its own past, and undoes how they depend on each
        other. All shifts are computed at once, by the Fourier transform; those of less than `near`
        rows are left out.
        """
        np = self._numpy
        x, y = (self._standard(self._stats.rankdata(values)) for values in (x, y))
        shifted = np.fft.irfft(np.fft.rfft(y) * np.conj(np.fft.rfft(x)), n=len(x))
        figure = float(shifted[0])
        others = np.abs(shifted[near : len(x) - near + 1])
        # Equal figures may differ by the rounding of the transform.
        return Result(figure, self._p(others >= abs(figure) - 1e-12))

    def mutual_information(self, x: "Floats", y: "Floats", near: int, shifts: int) -> Result:
        """Return the mutual information in nats of the binned ranks, and its p among shifts of x.

        `shifts` of them, evenly spaced, of at least `near` rows.
        """
        np, xlogy = self._numpy, self._special.xlogy
        bins = max(2, min(MOST_BINS, int((len(x) / 5) ** 0.5)))
        x, y = (self._binned(values, bins) for values in (x, y))
        # Shifts leave the counts of each series alone as they are.
        alone = sum(xlogy(counts, counts).sum() for counts in map(np.bincount, (x, y)))
        fixed = np.log(len(x)) - alone / len(x)

        def information(of: Any) -> float:  # noqa: ANN401
            counts = np.bincount(of * bins + y)
            return float(fixed + xlogy(counts, counts).sum() / len(x))

        figure = information(x)
        places = np.unique(np.linspace(near, len(x) - near, shifts).astype(int))
        others = np.array([information(np.roll(x, int(place))) for place in places])
        return Result(figure, self._p(others >= figure - 1e-12))

    def drift(self, values: "Floats") -> Result:
        """Return the Kolmogorov-Smirnov distance of the halves, and whether they differ.

        Place and spread of the ranks are compared, as means over blocks, which depend on each other
        much less than values do: Welch's t-test of each, with Bonferroni's correction for the two.
        """
        np = self._numpy
        half = len(values) // 2
        distance = self._stats.ks_2samp(values[:half], values[-half:]).statistic
        ranks = self._stats.rankdata(values) / len(values) - 0.5
        smallest = 1.0
        for of_ranks in (ranks, np.abs(ranks)):
            blocks = [part.mean() for part in np.array_split(of_ranks, 2 * BLOCKS)]
            first, second = blocks[:BLOCKS], blocks[BLOCKS:]
            p = float(self._stats.ttest_ind(first, second, equal_var=False).pvalue)
            smallest = min(smallest, p)
        return Result(float(distance), min(1.0, 2 * smallest))

    def spearman(self, x: "Floats", y: "Floats") -> float:
        """Return Spearman's correlation."""
        return float(self._stats.spearmanr(x, y).statistic)

    def _standard(self, values: "Floats") -> "Floats":
        centred = values - values.mean()
        standard: Floats = centred / self._numpy.sqrt((centred**2).sum())
        return standard

    def _binned(self, values: "Floats", bins: int) -> Any:  # noqa: ANN401
        twice = 2 * self._stats.rankdata(values) - 1
        return (twice * bins // (2 * len(values))).astype(int)

    @staticmethod
    def _p(as_great: Any) -> float:  # noqa: ANN401
        return (1 + int(as_great.sum())) / (1 + len(as_great))
