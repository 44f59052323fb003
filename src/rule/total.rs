//! A bar ends where its individual trades, its volume or its turnover reach a limit.
//!
//! The sum begins at 0 with each bar, and the record that reaches the limit is the last of its bar
//! as a whole: what it is in excess is neither split off nor carried over.

use crate::bar::Bar;
use crate::fixed::to_fixed;
use crate::needs::Needs;
use crate::rule::guard::Guard;
use crate::rule::limit::Limit;
use crate::rule::{Memory, Rule};
use crate::sums::MaskedSums;
use crate::trades::{Role, Trades};
use std::ops::Range;

/// How many records are summed together.
const GROUP: usize = 64;
/// What is summed, with the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Individual trades: last id - first id + 1, or 1 for a record without both.
    Trades(u64),
    /// Quantities.
    Volume(Limit),
    /// Price times quantity.
    Turnover(Limit),
}

impl Total {
    fn limit(self) -> i128 {
        match self {
            Self::Trades(trades) => i128::from(trades),
            Self::Volume(limit) => limit.units(),
            Self::Turnover(limit) => limit.turnover_units(),
        }
    }

    /// The sum over these rows; the largest integer if 128 bits do not hold it.
    fn of(self, trades: &Trades<'_>, rows: Range<usize>) -> i128 {
        let needs = match self {
            Self::Trades(_) => Needs::TRADES,
            Self::Volume(_) => Needs::VOLUME,
            Self::Turnover(_) => Needs::TURNOVER,
        };
        MaskedSums::of(trades, rows, needs, None, None).map_or(i128::MAX, |sums| match self {
            Self::Trades(_) => sums.all.trades,
            Self::Volume(_) => sums.all.volume,
            Self::Turnover(_) => sums.all.turnover,
        })
    }

    /// As [`Self::of`], of one row.
    fn at(self, trades: &Trades<'_>, row: usize) -> i128 {
        match self {
            Self::Trades(_) => self.of(trades, row..row + 1),
            Self::Volume(_) => i128::from(to_fixed(trades.quantities()[row])),
            Self::Turnover(_) => {
                let price = i128::from(to_fixed(trades.prices()[row]));
                price * i128::from(to_fixed(trades.quantities()[row]))
            }
        }
    }
}

/// The rule of totals: a bar closes at the first record with which its sum is the limit or more.
#[derive(Clone, Debug, PartialEq)]
pub struct TotalRule {
    of: Total,
    guard: Guard,
    /// The sum of the open bar.
    sum: i128,
}

impl TotalRule {
    /// The rule for one limit.
    pub const fn new(of: Total, prevent_same_timestamp_close: bool) -> Self {
        Self { of, guard: Guard::new(prevent_same_timestamp_close), sum: 0 }
    }

    /// What is summed, with the limit.
    pub const fn of(&self) -> Total {
        self.of
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }
}

impl Rule for TotalRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let limit = self.of.limit();
        for start in (from..trades.len).step_by(GROUP) {
            let rows = start..trades.len.min(start + GROUP);
            let sum = self.sum.saturating_add(self.of.of(trades, rows.clone()));
            if sum < limit {
                self.sum = sum;
                continue;
            }
            for row in rows {
                self.sum = self.sum.saturating_add(self.of.at(trades, row));
                if self.sum >= limit && self.guard.lets(times[row]) {
                    self.cut_off();
                    return Some(row);
                }
            }
        }
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.sum = 0;
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        self.cut_off();
        let Some(bar) = open else { return *memory == Memory::Nothing };
        self.guard.open(bar.time.open);
        self.sum = match self.of {
            Total::Trades(_) => i128::from(bar.trades),
            Total::Volume(_) => bar.volume,
            Total::Turnover(_) => bar.turnover,
        };
        let is_open = self.sum < self.of.limit() || !self.guard.lets(bar.time.close);
        *memory == Memory::Nothing && is_open
    }

    fn requires(&self, role: Role) -> bool {
        matches!(self.of, Total::Trades(_))
            && matches!(role, Role::FirstTradeId | Role::LastTradeId)
    }
}
