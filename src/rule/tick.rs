//! A bar ends where it has a number of records.

use crate::bar::Bar;
use crate::rule::guard::Guard;
use crate::rule::{Memory, Rule};
use crate::trades::Trades;

/// The rule of records: a bar closes with its `records`-th record.
#[derive(Clone, Debug, PartialEq)]
pub struct TickRule {
    records: u64,
    guard: Guard,
    /// Records of the open bar.
    seen: u64,
}

impl TickRule {
    /// The rule for a number of records from 1 on.
    pub const fn new(records: u64, prevent_same_timestamp_close: bool) -> Self {
        Self { records, guard: Guard::new(prevent_same_timestamp_close), seen: 0 }
    }

    /// How many records a bar has.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }
}

impl Rule for TickRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        // A bar that could not close at its last record has more of them.
        let left = self.records.saturating_sub(self.seen).max(1) - 1;
        let row = usize::try_from(left).ok().and_then(|left| from.checked_add(left));
        let row = row.map(|row| self.guard.first_let(times, row)).filter(|row| *row < trades.len);
        if row.is_some() {
            self.cut_off();
        } else {
            self.seen = self.seen.saturating_add((trades.len - from) as u64);
        }
        row
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.seen = 0;
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        self.cut_off();
        let Some(Bar { rows, time, .. }) = open else { return *memory == Memory::Nothing };
        self.guard.open(time.open);
        self.seen = rows.unsigned_abs();
        let is_open = self.seen < self.records || !self.guard.lets(time.close);
        *memory == Memory::Nothing && is_open
    }
}
