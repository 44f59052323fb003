//! Volume by the tick rule.

use crate::run::changes::sign;
use crate::run::{Family, Rows, Seam, Terms};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

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
    /// Add trades after a change each; `S` holds the sum of their quantities.
    fn add<S>(&mut self, terms: &Terms<'_>, quantities: &[i64])
    where
        S: AddAssign + Default + From<i64> + Into<i128>,
    {
        let (mut all, mut up, mut down) = (S::default(), S::default(), S::default());
        let mut last = i64::from(self.last);
        for (change, quantity) in terms.changes(1).zip(quantities) {
            last = if change == 0 { last } else { change };
            all += S::from(*quantity);
            up += S::from(quantity & -i64::from(last > 0));
            down += S::from(quantity & -i64::from(last < 0));
        }
        self.last = sign(last);
        let [all, up, down] = [all, up, down].map(Into::<i128>::into);
        self.up += up;
        self.down += down;
        self.before += all - up - down;
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
        let mut quantities = rows.quantities;
        // The first row of a run has no change.
        if rows.terms.before == 0
            && let [first, rest @ ..] = quantities
        {
            self.before += i128::from(*first);
            quantities = rest;
        }
        if rows.has_small_quantities {
            self.add::<i64>(&rows.terms, quantities);
        } else {
            self.add::<i128>(&rows.terms, quantities);
        }
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
