//! A bar ends where a column of the caller says so, or where its sum reaches a limit.

use crate::bar::Bar;
use crate::rule::guard::Guard;
use crate::rule::{Memory, Rule};
use crate::trades::{Extra, Trades};

/// The rule of a condition: a bar closes at the first record where the column is true. Null is not
/// true.
#[derive(Clone, Debug, PartialEq)]
pub struct WhenRule {
    pub(super) name: Option<String>,
    /// The place of its column among those that rules bring along.
    pub(super) column: usize,
    guard: Guard,
}

/// The rule of a sum: a bar closes at the first record with which the sum of the column over the
/// bar, an f64 that begins at 0, is the limit or more. Null adds nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct SumRule {
    pub(super) name: Option<String>,
    /// The place of its column among those that rules bring along.
    pub(super) column: usize,
    pub(super) limit: f64,
    guard: Guard,
    sum: f64,
}

impl WhenRule {
    /// The rule for the column at this place.
    pub const fn new(
        name: Option<String>,
        column: usize,
        prevent_same_timestamp_close: bool,
    ) -> Self {
        Self { name, column, guard: Guard::new(prevent_same_timestamp_close) }
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }
}

impl SumRule {
    /// The rule for the column at this place and a finite limit above 0.
    pub const fn new(
        name: Option<String>,
        column: usize,
        limit: f64,
        prevent_same_timestamp_close: bool,
    ) -> Self {
        Self { name, column, limit, guard: Guard::new(prevent_same_timestamp_close), sum: 0.0 }
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }
}

impl Rule for WhenRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let Some(Extra::Flags(flags)) = trades.extra(self.column) else { return None };
        let mut start = from;
        while start < trades.len {
            let known = flags.known.map_or(!0, |known| known.word(start));
            let mut word = flags.set.word(start) & known;
            while word != 0 {
                let row = start + word.trailing_zeros() as usize;
                if self.guard.lets(times[row]) {
                    self.guard.close();
                    return Some(row);
                }
                word &= word - 1;
            }
            start += 64;
        }
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        self.cut_off();
        if let Some(bar) = open {
            self.guard.open(bar.time.open);
        }
        *memory == Memory::Nothing
    }
}

impl Rule for SumRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let Some(Extra::Numbers(numbers)) = trades.extra(self.column) else { return None };
        for (row, time) in times.iter().enumerate().skip(from) {
            self.sum += numbers.get(row).unwrap_or(0.0);
            if self.sum >= self.limit && self.guard.lets(*time) {
                self.cut_off();
                return Some(row);
            }
        }
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.sum = 0.0;
    }

    fn memory(&self) -> Memory {
        Memory::Sum(self.sum)
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        self.cut_off();
        let Memory::Sum(sum) = *memory else { return false };
        self.sum = sum;
        let is_open = open.is_none_or(|bar| {
            self.guard.open(bar.time.open);
            self.sum < self.limit || !self.guard.lets(bar.time.close)
        });
        sum.is_finite() && (open.is_some() || sum == 0.0) && is_open
    }
}
