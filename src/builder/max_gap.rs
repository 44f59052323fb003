//! The longest time between two trades of one bar.

use crate::trades::TimeUnit;
use std::fmt;

/// The longest time between two trades of one bar, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxGap(pub u64);

impl fmt::Display for MaxGap {
    /// As seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let decimals = format!("{rest:09}");
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{seconds} s"),
            decimals => write!(f, "{seconds}.{decimals} s"),
        }
    }
}

impl MaxGap {
    /// Whether the second of two times is more than the gap after the first.
    #[inline]
    pub(super) fn is_between(self, first: i64, second: i64, unit: TimeUnit) -> bool {
        // Whole units are more than a gap if they are more than the whole units in it.
        let gap = self.0 / (1_000_000_000 / unit.per_second().unsigned_abs());
        second > first && second.abs_diff(first) > gap
    }
}
