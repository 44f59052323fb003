//! Squares of changes over one trade and over ten.

use crate::group::{REACH, ROWS};
use crate::run::{Edge, Family, Rows, Seam, Terms};
use crate::wide::{Wide, sum_of_products};
use serde::{Deserialize, Serialize};

/// The changes of the price over one trade and over ten, overlapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lags {
    /// The sum of the squares of those over one trade, at scale 1e16.
    pub squares: Wide,
    /// The sum of those over ten trades, at scale 1e8.
    pub sum_of_ten: i128,
    /// The sum of their squares, at scale 1e16.
    pub squares_of_ten: Wide,
}

/// The trades of the longer change.
const TEN: i64 = 10;

impl Lags {
    /// The variance of the changes over ten trades, by ten times that of the changes over one, both
    /// unbiased (Lo and `MacKinlay`).
    pub fn variance_ratio(&self, rows: i64, edge: &Edge) -> Option<f64> {
        let (changes, lagged) = (rows - 1, rows - TEN);
        if changes < 2 * TEN {
            return None;
        }
        let total = Wide::from(edge.last().last()? - edge.first().first()?);
        let (m, q, k) = (Wide::from(changes), Wide::from(TEN), Wide::from(lagged));
        let single = m * self.squares - total * total;
        let mean = q * total;
        let of_ten = m
            * (m * self.squares_of_ten - Wide::from(2_i64) * mean * Wide::from(self.sum_of_ten))
            + k * mean * mean;
        let above = of_ten * Wide::from(changes - 1);
        let below = q * k * Wide::from(changes - TEN) * single;
        (!single.is_zero()).then(|| above.nearest() / below.nearest())
    }
}

impl Lags {
    fn add(&mut self, terms: &Terms<'_>) {
        let (one, prices) = (terms.steps(1), terms.reaching(REACH));
        let mut changes = [0; ROWS];
        let later = prices.get(REACH..).unwrap_or_default();
        for ((change, price), later) in changes.iter_mut().zip(prices).zip(later) {
            *change = later - price;
        }
        let ten = &changes[..later.len()];
        self.squares += sum_of_products(one, one, terms.are_small);
        self.sum_of_ten += if terms.are_small {
            i128::from(ten.iter().sum::<i64>())
        } else {
            ten.iter().copied().map(i128::from).sum()
        };
        self.squares_of_ten += sum_of_products(ten, ten, terms.are_small);
    }
}

impl Family for Lags {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(&rows.terms);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(&seam.terms);
        self.squares += next.squares;
        self.sum_of_ten += next.sum_of_ten;
        self.squares_of_ten += next.squares_of_ten;
    }
}
