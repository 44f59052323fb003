//! Volume by the tick rule.

use crate::run::changes::sign;
use crate::run::{Family, Rows, Seam};
use serde::{Deserialize, Serialize};

/// The volume of trades by the direction of the last price change, their own included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directions {
    /// The volume before the first change, at scale 1e8.
    pub before: i128,
    /// The volume after a rise.
    pub up: i128,
    /// The volume after a fall.
    pub down: i128,
    /// The direction of the last change; 0 before the first.
    pub last: i8,
}

impl Directions {
    /// The volume after a rise, a fall or no change.
    fn volume(&mut self, direction: i8) -> &mut i128 {
        match direction {
            0 => &mut self.before,
            1.. => &mut self.up,
            _ => &mut self.down,
        }
    }

    /// The imbalance of both volumes.
    pub fn imbalance(&self) -> Option<f64> {
        let (difference, sum) = (self.up - self.down, self.up + self.down);
        let nearest = crate::fixed::nearest;
        (sum != 0).then(|| nearest(difference) / nearest(sum))
    }
}

impl Family for Directions {
    fn insert(&mut self, rows: &Rows<'_>) {
        // The first row of a run has no change.
        let unmoved = std::iter::repeat_n(0, usize::from(rows.terms.before == 0));
        let changes = unmoved.chain(rows.terms.changes(1));
        let (mut all, mut up, mut down) = (0, 0, 0);
        for (change, quantity) in changes.zip(rows.quantities) {
            self.last = if change == 0 { self.last } else { sign(change) };
            all += i128::from(*quantity);
            up += i128::from(quantity & -i64::from(self.last > 0));
            down += i128::from(quantity & -i64::from(self.last < 0));
        }
        self.up += up;
        self.down += down;
        self.before += all - up - down;
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        let first = seam.terms.changes(1).next().map_or(0, sign);
        let leads = if first == 0 { self.last } else { first };
        *self.volume(leads) += next.before;
        self.up += next.up;
        self.down += next.down;
        self.last = if next.last == 0 { leads } else { next.last };
    }
}
