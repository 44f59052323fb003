//! A bar ends where what was bought and sold reaches what the trades before let expect.
//!
//! These are the imbalance and run bars of López de Prado (Advances in Financial Machine Learning,
//! 2.3.2), with bounds on the number of records of a bar, because the expectation of the bars'
//! lengths feeds back on itself. All numbers but the sums of a bar are f64, each operation rounded
//! on its own, in the order that is written.

use crate::bar::Bar;
use crate::rule::flow::Flow;
use crate::rule::guard::Guard;
use crate::rule::sided::{Sided, add, can_be};
use crate::rule::{Memory, Rule};
use crate::trades::{Role, Trades};

/// The numbers of records and of bars that an [`EwmaRule`] works with, each from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// The expected number of records of the first bar, and of all without `bars`.
    pub expected: u64,
    /// The span of the average of the bars' lengths; `None` if it stands still.
    pub bars: Option<u64>,
    /// The span of the averages of what records add.
    pub ticks: u64,
    /// The fewest records of a bar.
    pub min: u64,
    /// The most records of a bar.
    pub max: u64,
    /// The records of a chain before its first bar may close.
    pub warm_up: u64,
}

impl Spans {
    /// Whether the numbers are in order: `1 <= min <= expected <= max`, `1 <= warm_up <= max`, and
    /// no span is 0.
    pub fn are_in_order(&self) -> bool {
        let Self { expected, bars, ticks, min, max, warm_up } = *self;
        1 <= min
            && min <= expected
            && expected <= max
            && 1 <= warm_up
            && warm_up <= max
            && ticks > 0
            && bars != Some(0)
            && max < 1 << 53
    }
}

/// The rule of expectations: a bar closes at the first record with which the imbalance, or the
/// larger side, is what was expected when the bar began, within the bounds of its length.
///
/// With `k = 1 - 2 / (ticks + 1)`, each record multiplies the sums of what was bought, of what was
/// sold, and of records by `k`, and adds its own weight or 1. So their ratio is the adjusted average
/// of what a record adds to a side. What is expected of a bar is that average times the expected
/// number of records.
#[derive(Clone, Debug, PartialEq)]
pub struct EwmaRule {
    of: Sided,
    flow: Flow,
    spans: Spans,
    guard: Guard,
    /// What was bought and what was sold in the open bar.
    sums: [i128; 2],
    /// Records of the open bar.
    records: u64,
    expectations: Expectations,
}

/// What outlives a bar.
#[derive(Clone, Debug, PartialEq)]
struct Expectations {
    /// The decayed sums of what was bought, of what was sold, and of records.
    decayed: [f64; 3],
    /// The expected number of records.
    expected: f64,
    /// What is reached at the end of the open bar, once the rule has warmed up.
    limit: Option<f64>,
    /// Records since the chain began.
    seen: u64,
}

impl Expectations {
    #[allow(clippy::cast_precision_loss)] // bounds are below 2^53
    const fn new(spans: Spans) -> Self {
        Self { decayed: [0.0; 3], expected: spans.expected as f64, limit: None, seen: 0 }
    }
}

impl EwmaRule {
    /// The rule for these spans; `of` is the imbalance or the run.
    pub const fn new(
        of: Sided,
        flow: Flow,
        spans: Spans,
        prevent_same_timestamp_close: bool,
    ) -> Self {
        Self {
            of,
            flow,
            spans,
            guard: Guard::new(prevent_same_timestamp_close),
            sums: [0, 0],
            records: 0,
            expectations: Expectations::new(spans),
        }
    }

    /// What is compared with what is expected.
    pub const fn of(&self) -> Sided {
        self.of
    }

    /// How records are weighed.
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Its numbers.
    pub const fn spans(&self) -> Spans {
        self.spans
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }

    /// What a bar is expected to reach.
    fn limit(&self) -> f64 {
        let Expectations { decayed: [bought, sold, records], expected, .. } = self.expectations;
        let of_a_record = match self.of {
            Sided::Imbalance => (bought - sold).abs() / records,
            Sided::Run | Sided::RunLength => bought.max(sold) / records,
        };
        expected * of_a_record
    }

    /// Add a record.
    #[inline]
    #[allow(clippy::cast_precision_loss, clippy::suboptimal_flops)] // each operation is rounded
    fn add(&mut self, record: Option<(bool, i128)>, keep: f64) {
        let mut added = [0.0, 0.0, 1.0];
        if let Some((sold, weight)) = record {
            add(&mut self.sums, (sold, weight));
            added[usize::from(sold)] = weight as f64;
        }
        for (sum, added) in self.expectations.decayed.iter_mut().zip(added) {
            *sum = added + keep * *sum;
        }
        self.records = self.records.saturating_add(1);
        self.expectations.seen = self.expectations.seen.saturating_add(1);
        if self.expectations.seen == self.spans.warm_up {
            self.expectations.limit = Some(self.limit());
        }
    }

    #[inline]
    #[allow(clippy::cast_precision_loss)]
    fn is_reached(&self) -> bool {
        let Spans { min, max, warm_up, .. } = self.spans;
        self.expectations.seen >= warm_up
            && self.records >= min
            && (self.records >= max
                || self
                    .expectations
                    .limit
                    .is_some_and(|limit| self.of.of(self.sums) as f64 >= limit))
    }

    /// Close the bar, whose length enters what is expected of the next.
    #[allow(clippy::cast_precision_loss, clippy::suboptimal_flops)] // each operation is rounded
    fn close(&mut self) {
        let Spans { bars, min, max, .. } = self.spans;
        if let Some(bars) = bars {
            let share = 2.0 / (bars as f64 + 1.0);
            let length = share * self.records as f64 + (1.0 - share) * self.expectations.expected;
            self.expectations.expected = length.max(min as f64).min(max as f64);
        }
        self.expectations.limit = Some(self.limit());
        self.cut_off();
    }
}

impl Rule for EwmaRule {
    #[allow(clippy::cast_precision_loss)] // spans are below 2^53
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let keep = 1.0 - 2.0 / (self.spans.ticks as f64 + 1.0);
        for (row, time) in times.iter().enumerate().skip(from) {
            let record = self.flow.next(trades, row);
            self.add(record, keep);
            if self.is_reached() && self.guard.lets(*time) {
                self.close();
                return Some(row);
            }
        }
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.sums = [0, 0];
        self.records = 0;
    }

    fn begin_chain(&mut self) {
        self.cut_off();
        self.flow.begin_chain();
        self.expectations = Expectations::new(self.spans);
    }

    fn memory(&self) -> Memory {
        let ([buys, sells], last) = (self.sums, self.flow.last());
        let Expectations { decayed, expected, limit, seen } = self.expectations;
        Memory::Expectations { buys, sells, last, decayed, expected, limit, seen }
    }

    #[allow(clippy::cast_precision_loss)]
    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, rows: u64) -> bool {
        self.begin_chain();
        let Memory::Expectations { buys, sells, last, decayed, expected, limit, seen } = *memory
        else {
            return false;
        };
        self.sums = [buys, sells];
        self.expectations = Expectations { decayed, expected, limit, seen };
        if let Some(bar) = open {
            self.guard.open(bar.time.open);
            self.records = bar.rows.unsigned_abs();
        }
        let Spans { min, max, ticks, warm_up, expected: fixed, bars } = self.spans;
        let numbers = decayed.into_iter().chain(limit);
        // The sum of all powers of the factor, up to rounding.
        let most_records = f64::midpoint(ticks as f64, 1.0) * (1.0 + 1e-9);
        let is_expected = match bars {
            Some(_) => (min as f64..=max as f64).contains(&expected),
            None => expected.to_bits() == (fixed as f64).to_bits(),
        };
        self.flow.resume(last, open, rows)
            && can_be(self.sums, self.flow.weight, open)
            && numbers.into_iter().all(|number| number.is_finite() && number >= 0.0)
            && decayed[2] <= most_records
            && (decayed[2] >= 1.0) == (seen > 0)
            && is_expected
            && limit.is_some() == (seen >= warm_up)
            && self.records <= seen
            && seen <= rows
            // Only of sums that can be, since their difference fits.
            && open.is_none_or(|bar| !self.is_reached() || !self.guard.lets(bar.time.close))
    }

    fn requires(&self, role: Role) -> bool {
        self.flow.requires(role)
    }
}
