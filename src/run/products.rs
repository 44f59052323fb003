//! Products of successive price changes.

use crate::run::{Edge, Family, Rows, Seam, Terms};
use crate::wide::{Wide, sum_of_products};
use serde::{Deserialize, Serialize};

/// The products of each price change and the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Products {
    /// Their sum, at scale 1e16.
    pub sum: Wide,
}

impl Products {
    fn add(&mut self, terms: &Terms<'_>) {
        let changes = terms.steps(2);
        let later = changes.get(1..).unwrap_or_default();
        self.sum += sum_of_products(changes, later, terms.are_small);
    }

    /// Roll's spread, as a price, of so many rows with these first and last prices.
    pub fn spread(&self, rows: i64, edge: &Edge) -> Option<f64> {
        let ([first, second, ..], [.., last_but_one, last]) = (edge.first(), edge.last()) else {
            return None;
        };
        let pairs = i128::from(rows) - 2;
        let (later, earlier) = (last - second, last_but_one - first);
        let of_means = Wide::from(i128::from(later) * i128::from(earlier));
        let covariance = Wide::from(pairs) * self.sum - of_means;
        (rows >= 4 && covariance.is_negative()).then(|| {
            let number = (Wide::from(pairs) * Wide::from(pairs - 1)).nearest();
            2.0 * (covariance.negated().nearest() / number).sqrt() / crate::fixed::SCALE
        })
    }
}

impl Family for Products {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(&rows.terms);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(&seam.terms);
        self.sum += next.sum;
    }
}
