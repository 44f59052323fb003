//! The running difference of bought and sold volume.

use crate::run::{Family, Rows, Seam};
use serde::{Deserialize, Serialize};

/// The difference of bought and sold volume after each trade, at scale 1e8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deltas {
    /// After the last trade.
    pub last: i128,
    /// The greatest, the 0 before the first trade included.
    pub greatest: i128,
    /// The least, the 0 before the first trade included.
    pub least: i128,
}

impl Family for Deltas {
    fn insert(&mut self, rows: &Rows<'_>) {
        for signed in rows.signed {
            self.last += i128::from(*signed);
            self.greatest = self.greatest.max(self.last);
            self.least = self.least.min(self.last);
        }
    }

    fn merge(&mut self, next: &Self, _: &Seam<'_>) {
        self.greatest = self.greatest.max(self.last + next.greatest);
        self.least = self.least.min(self.last + next.least);
        self.last += next.last;
    }
}
