//! Any rule, as it comes from a caller or from a checkpoint.

use crate::bar::Bar;
use crate::rule::cusum::CusumRule;
use crate::rule::ewma::EwmaRule;
use crate::rule::expression::{SumRule, WhenRule};
use crate::rule::high_low::HighLowRule;
use crate::rule::range::{Move, RangeRule};
use crate::rule::sided::SidedRule;
use crate::rule::tick::TickRule;
use crate::rule::total::TotalRule;
use crate::rule::{Memory, Rule};
use crate::trades::{Role, Trades};

/// A rule of any kind. Its text, [`Display`](std::fmt::Display) and [`FromStr`](std::str::FromStr),
/// holds its kind and every parameter.
///
/// ```
/// use rangebar_polars::rule::AnyRule;
///
/// let rule: AnyRule = "imbalance-tick-maker-20".parse().unwrap();
/// assert_eq!(rule.to_string(), "imbalance-tick-maker-20");
/// assert!(!rule.prevents_same_timestamp_close());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum AnyRule {
    /// The price is away from the open.
    Range(RangeRule),
    /// The highest and the lowest price are apart.
    HighLow(HighLowRule),
    /// The price has moved since the last such move.
    Cusum(CusumRule),
    /// A number of records.
    Tick(TickRule),
    /// A sum.
    Total(TotalRule),
    /// What was bought and sold.
    Sided(SidedRule),
    /// What was bought and sold, against what is expected.
    Ewma(EwmaRule),
    /// A column of conditions.
    When(WhenRule),
    /// The sum of a column.
    Sum(SumRule),
}

impl AnyRule {
    const fn rule(&self) -> &dyn Rule {
        match self {
            Self::Range(rule) => rule,
            Self::HighLow(rule) => rule,
            Self::Cusum(rule) => rule,
            Self::Tick(rule) => rule,
            Self::Total(rule) => rule,
            Self::Sided(rule) => rule,
            Self::Ewma(rule) => rule,
            Self::When(rule) => rule,
            Self::Sum(rule) => rule,
        }
    }

    const fn rule_mut(&mut self) -> &mut dyn Rule {
        match self {
            Self::Range(rule) => rule,
            Self::HighLow(rule) => rule,
            Self::Cusum(rule) => rule,
            Self::Tick(rule) => rule,
            Self::Total(rule) => rule,
            Self::Sided(rule) => rule,
            Self::Ewma(rule) => rule,
            Self::When(rule) => rule,
            Self::Sum(rule) => rule,
        }
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        match self {
            Self::Range(rule) => rule.prevents_same_timestamp_close(),
            Self::HighLow(rule) => rule.prevents_same_timestamp_close(),
            Self::Cusum(rule) => rule.prevents_same_timestamp_close(),
            Self::Tick(rule) => rule.prevents_same_timestamp_close(),
            Self::Total(rule) => rule.prevents_same_timestamp_close(),
            Self::Sided(rule) => rule.prevents_same_timestamp_close(),
            Self::Ewma(rule) => rule.prevents_same_timestamp_close(),
            Self::When(rule) => rule.prevents_same_timestamp_close(),
            Self::Sum(rule) => rule.prevents_same_timestamp_close(),
        }
    }

    /// Whether a trade can close the bar that it opens.
    pub const fn may_close_at_open(&self) -> bool {
        let by_price = matches!(self, Self::Range(_) | Self::HighLow(_));
        !by_price && !self.prevents_same_timestamp_close()
    }

    /// Its threshold in decimal basis points, if it is a range rule that has one.
    pub const fn threshold(&self) -> Option<i64> {
        match self {
            Self::Range(rule) => match rule.by() {
                Move::Fraction(threshold) => Some(threshold.decimal_bps()),
                Move::Amount(_) => None,
            },
            _ => None,
        }
    }

    /// The prices at or below and at or above which a trade closes the open bar; `None` if no bar
    /// is open, or if something else closes it.
    pub fn limits(&self) -> Option<(f64, f64)> {
        match self {
            Self::Range(rule) => rule.limits(),
            _ => None,
        }
    }

    /// The place of the column that the rule brings along, and whether it is one of conditions.
    pub const fn extra(&self) -> Option<(usize, bool)> {
        match self {
            Self::When(rule) => Some((rule.column, true)),
            Self::Sum(rule) => Some((rule.column, false)),
            _ => None,
        }
    }

    /// The same rule with its column at this place.
    #[must_use]
    pub const fn with_extra_at(mut self, place: usize) -> Self {
        match &mut self {
            Self::When(rule) => rule.column = place,
            Self::Sum(rule) => rule.column = place,
            _ => {}
        }
        self
    }
}

impl Rule for AnyRule {
    #[inline]
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        if let Self::Range(rule) = self {
            // The most common rule is called without a look-up.
            return rule.next_close(trades, from);
        }
        self.rule_mut().next_close(trades, from)
    }

    fn cut_off(&mut self) {
        self.rule_mut().cut_off();
    }

    fn begin_chain(&mut self) {
        self.rule_mut().begin_chain();
    }

    fn memory(&self) -> Memory {
        self.rule().memory()
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, rows: u64) -> bool {
        self.rule_mut().resume(open, memory, rows)
    }

    fn requires(&self, role: Role) -> bool {
        self.rule().requires(role)
    }
}
