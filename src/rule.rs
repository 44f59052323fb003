//! When does a bar end? A rule looks only at what it needs to find the trade that closes a bar.
//!
//! A rule is shown every trade once, in order. It remembers what it must of the open bar between
//! two calls, so a batch may end anywhere. It never sums: what a bar holds is [`crate::bar`].

use crate::error::Error;
use crate::fixed::{highest_within, lowest_reaching, to_fixed};
use crate::trades::Trades;

/// Finds the ends of bars.
pub trait Rule {
    /// The first row of `from..` that closes a bar.
    ///
    /// Where no bar is open, the trade at `from` opens one. After `Some(row)` no bar is open and the
    /// next call begins at `row + 1`; after `None` every row was looked at, the bar is still open,
    /// and the next call begins at row 0 of the next batch. `from` is at most `trades.len`.
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize>;

    /// The open bar, if any, is cut off: the next trade opens one.
    fn cut_off(&mut self);
}

/// A threshold in decimal basis points: 1 is 0.001 %, 250 is 0.25 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(i64);

impl Threshold {
    /// Decimal basis points in the whole: a threshold of this many is 100 %.
    pub const WHOLE: i64 = 100_000;

    /// A threshold of 1 to 100,000 decimal basis points.
    ///
    /// # Errors
    /// [`Error::Threshold`] outside.
    ///
    /// ```
    /// use rangebar_polars::rule::Threshold;
    ///
    /// assert_eq!(Threshold::new(250).unwrap().decimal_bps(), 250);
    /// assert_eq!(
    ///     Threshold::new(0).unwrap_err().to_string(),
    ///     "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)"
    /// );
    /// ```
    pub const fn new(decimal_bps: i64) -> Result<Self, Error> {
        if 1 <= decimal_bps && decimal_bps <= Self::WHOLE {
            Ok(Self(decimal_bps))
        } else {
            Err(Error::Threshold { got: decimal_bps })
        }
    }

    /// The threshold in decimal basis points.
    pub const fn decimal_bps(self) -> i64 {
        self.0
    }

    /// How far the price must move from `open`, at scale 1e8: at least the threshold, so a part of a
    /// unit is a whole one.
    fn delta(self, open: i64) -> i64 {
        let whole = i128::from(Self::WHOLE);
        let delta = (i128::from(open) * i128::from(self.0) + whole - 1) / whole;
        // Not above `open`, since a threshold is at most the whole.
        i64::try_from(delta.max(1)).unwrap_or(i64::MAX)
    }
}

/// The range rule: a bar closes at the first trade at least one threshold away from its open.
///
/// With the gate, a trade of the bar's opening time never closes it; a breach so blocked is
/// forgotten, and the first later trade that is itself outside closes the bar.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeRule {
    threshold: Threshold,
    prevent_same_timestamp_close: bool,
    open: Option<Limits>,
}

/// What the rule remembers of the open bar.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Limits {
    open_time: i64,
    upper: f64,
    lower: f64,
}

impl Limits {
    /// Comparing f64 with these two is the comparison of integers at scale 1e8, because rounding
    /// is monotone. A limit beyond i64 is never reached: every admitted price is below.
    fn new(threshold: Threshold, open: f64, open_time: i64) -> Self {
        let open = to_fixed(open);
        let delta = threshold.delta(open);
        Self {
            open_time,
            upper: open.checked_add(delta).map_or(f64::INFINITY, lowest_reaching),
            lower: highest_within(open - delta),
        }
    }

    /// First price at or beyond a limit, by blocks that a compiler can vectorise.
    fn first_breach(&self, prices: &[f64]) -> Option<usize> {
        const BLOCK: usize = 32;
        #[allow(clippy::needless_bitwise_bool)] // no branch, so that the loop can be vectorised
        let outside = |price: &f64| (*price >= self.upper) | (*price <= self.lower);
        let blocks = prices.chunks(BLOCK);
        blocks.enumerate().find_map(|(block, prices)| {
            let any = prices.iter().fold(false, |any, price| any | outside(price));
            let row = if any { prices.iter().position(outside) } else { None };
            row.map(|row| block * BLOCK + row)
        })
    }
}

impl RangeRule {
    /// The rule for one threshold.
    pub const fn new(threshold: Threshold, prevent_same_timestamp_close: bool) -> Self {
        Self { threshold, prevent_same_timestamp_close, open: None }
    }

    /// The same, in the middle of a bar that opened there.
    #[must_use]
    pub fn with_open(self, price: f64, time: i64) -> Self {
        Self { open: Some(Limits::new(self.threshold, price, time)), ..self }
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.prevent_same_timestamp_close
    }

    /// Its threshold.
    pub const fn threshold(&self) -> Threshold {
        self.threshold
    }
}

impl Rule for RangeRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let (prices, times) = (trades.prices(), trades.times());
        let (limits, mut row) = match self.open.take() {
            Some(limits) => (limits, from),
            None if from == trades.len => return None,
            None => (Limits::new(self.threshold, prices[from], times[from]), from + 1),
        };
        while let Some(breach) = limits.first_breach(&prices[row..]) {
            row += breach;
            if !self.prevent_same_timestamp_close || times[row] != limits.open_time {
                return Some(row);
            }
            // No trade of the opening time can close the bar: go on behind the last of them.
            row += times[row..].partition_point(|&time| time == limits.open_time);
        }
        self.open = Some(limits);
        None
    }

    fn cut_off(&mut self) {
        self.open = None;
    }
}
