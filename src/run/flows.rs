//! Price changes against signed volume.

use crate::run::{Family, Rows, Seam, Terms};
use crate::wide::{SMALL, Wide, sum_of_products};
use serde::{Deserialize, Serialize};

/// The regression of price changes on signed volume, through the origin. The first trade has no
/// change and is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// The sum of change times signed volume, at scale 1e16.
    pub products: Wide,
    /// The sum of the squares of the volumes of known side, at scale 1e16.
    pub squares: Wide,
    /// The signed volume of the first trade.
    pub first: i64,
}

impl Flows {
    /// Add the changes of these prices against the signed volumes of their later rows.
    fn add(&mut self, terms: &Terms<'_>, signed: &[i64], has_small_volumes: bool) {
        let are_small = terms.are_small && has_small_volumes;
        self.products += sum_of_products(terms.steps(1), signed, are_small);
        self.squares += sum_of_products(signed, signed, has_small_volumes);
    }

    /// The slope.
    pub fn slope(&self) -> Option<f64> {
        (!self.squares.is_zero()).then(|| self.products.nearest() / self.squares.nearest())
    }
}

impl Family for Flows {
    fn insert(&mut self, rows: &Rows<'_>) {
        let mut signed = rows.signed;
        if rows.terms.before == 0
            && let [first, rest @ ..] = signed
        {
            (self.first, signed) = (*first, rest);
        }
        self.add(&rows.terms, signed, rows.has_small_quantities);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(&seam.terms, &[next.first], next.first.unsigned_abs() < SMALL);
        self.products += next.products;
        self.squares += next.squares;
    }
}
