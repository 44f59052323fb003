//! Volume by the tick rule.

use crate::group::{first, spread, sum_where};
use crate::run::moves::Moves;
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
    /// Add rows; `sum` is the sum of the quantities of those with a bit.
    fn add(&mut self, moves: &Moves, sum: impl Fn(u64) -> i128) {
        let directed = moves.directed(self.last);
        let before = !(directed.rising | directed.falling) & first(moves.rows);
        self.up += sum(directed.rising);
        self.down += sum(directed.falling);
        // Once there was a change, no row is before it.
        self.before += if before == 0 { 0 } else { sum(before) };
        self.last = if moves.last() == 0 { self.last } else { moves.last() };
    }

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
        if rows.has_small_quantities {
            self.add(&rows.moves, |bits| i128::from(sum_where(rows.quantities, bits)));
        } else {
            self.add(&rows.moves, |bits| {
                let masks = spread(bits);
                let of_rows = rows.quantities.iter().zip(masks).map(|(all, mask)| all & mask);
                of_rows.map(i128::from).sum()
            });
        }
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        let leads = if seam.moves.first() == 0 { self.last } else { seam.moves.first() };
        *self.volume(leads) += next.before;
        self.up += next.up;
        self.down += next.down;
        self.last = if next.last == 0 { leads } else { next.last };
    }
}
