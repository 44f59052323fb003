//! A bar ends where what was bought and what was sold differ by a limit, or one of them reaches it.

use crate::bar::Bar;
use crate::rule::flow::{Flow, Weight};
use crate::rule::guard::Guard;
use crate::rule::{Memory, Rule};
use crate::trades::{Role, Trades};

/// What is compared with the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sided {
    /// The imbalance: what was bought less what was sold, without sign.
    Imbalance,
    /// The larger of both: the runs of López de Prado, which trades of the other side do not end.
    Run,
    /// The larger of what was bought and what was sold without a trade of the other side between.
    RunLength,
}

impl Sided {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Imbalance, Self::Run, Self::RunLength];

    /// Its name in texts of rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imbalance => "imbalance",
            Self::Run => "run",
            Self::RunLength => "runlength",
        }
    }

    /// What is compared, of what was bought and what was sold.
    #[inline]
    pub(super) fn of(self, [buys, sells]: [i128; 2]) -> i128 {
        match self {
            Self::Imbalance => (buys - sells).saturating_abs(),
            Self::Run | Self::RunLength => buys.max(sells),
        }
    }
}

/// The rule of sides: a bar closes at the first record with which the imbalance, or the larger side,
/// is the limit or more. Both sums begin at 0 with each bar.
#[derive(Clone, Debug, PartialEq)]
pub struct SidedRule {
    of: Sided,
    /// In units of the weights.
    limit: i128,
    flow: Flow,
    guard: Guard,
    /// What was bought and what was sold in the open bar.
    sums: [i128; 2],
}

impl SidedRule {
    /// The rule for one limit, in units of the weights of `flow`.
    pub const fn new(
        of: Sided,
        flow: Flow,
        limit: i128,
        prevent_same_timestamp_close: bool,
    ) -> Self {
        Self { of, limit, flow, guard: Guard::new(prevent_same_timestamp_close), sums: [0, 0] }
    }

    /// What is compared with the limit.
    pub const fn of(&self) -> Sided {
        self.of
    }

    /// How records are weighed.
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The limit, in units of the weights.
    pub const fn limit(&self) -> i128 {
        self.limit
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }
}

/// Add a record to what was bought and what was sold.
#[inline]
pub(super) fn add(sums: &mut [i128; 2], (sold, weight): (bool, i128)) {
    let sum = &mut sums[usize::from(sold)];
    *sum = sum.saturating_add(weight);
}

impl Rule for SidedRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        for (row, time) in times.iter().enumerate().skip(from) {
            if let Some((sold, weight)) = self.flow.next(trades, row) {
                if self.of == Sided::RunLength {
                    self.sums[usize::from(!sold)] = 0;
                }
                add(&mut self.sums, (sold, weight));
            }
            if self.of.of(self.sums) >= self.limit && self.guard.lets(*time) {
                self.cut_off();
                return Some(row);
            }
        }
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.sums = [0, 0];
    }

    fn begin_chain(&mut self) {
        self.cut_off();
        self.flow.begin_chain();
    }

    fn memory(&self) -> Memory {
        let ([buys, sells], last) = (self.sums, self.flow.last());
        Memory::Sides { buys, sells, last }
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, rows: u64) -> bool {
        self.begin_chain();
        let Memory::Sides { buys, sells, last } = *memory else { return false };
        self.sums = [buys, sells];
        let is_run = self.of != Sided::RunLength || buys == 0 || sells == 0;
        self.flow.resume(last, open, rows)
            && can_be(self.sums, self.flow.weight, open)
            && is_run
            // Only of sums that can be, since their difference fits.
            && open.is_none_or(|bar| {
                self.guard.open(bar.time.open);
                self.of.of(self.sums) < self.limit || !self.guard.lets(bar.time.close)
            })
    }

    fn requires(&self, role: Role) -> bool {
        self.flow.requires(role)
    }
}

/// Whether what was bought and sold in the open bar can be these.
pub(super) fn can_be([buys, sells]: [i128; 2], weight: Weight, open: Option<&Bar>) -> bool {
    let Some(bar) = open else { return (buys, sells) == (0, 0) };
    let whole = match weight {
        Weight::Tick => i128::from(bar.rows),
        Weight::Volume => bar.volume,
        Weight::Dollar => bar.turnover,
    };
    0 <= buys && 0 <= sells && buys.checked_add(sells).is_some_and(|sum| sum <= whole)
}
