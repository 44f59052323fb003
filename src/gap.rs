//! Ids that are missing between two trades. They are reported, but are no error: a venue may skip
//! ids.

use crate::trades::{Moment, TimeUnit};
use std::fmt;

/// Ids that are missing between two batches of trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Time and id of the last trade before.
    pub last: (i64, i64),
    /// Time and id of the next, whose id is higher by more than one.
    pub next: (i64, i64),
    /// Unit of both times.
    pub unit: TimeUnit,
}

impl Gap {
    /// How many ids are missing.
    pub const fn missing(&self) -> i64 {
        self.next.1.saturating_sub(self.last.1).saturating_sub(1)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { last, next, unit } = *self;
        write!(
            f,
            "{} records are missing between agg_trade_id {} at {} and {} at {} (the bars run over \
             the gap)",
            self.missing(),
            last.1,
            Moment(last.0, unit),
            next.1,
            Moment(next.0, unit)
        )
    }
}
