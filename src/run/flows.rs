//! Price changes against signed volume.

use crate::run::{Family, Rows, Seam};
use crate::wide::{Wide, sum_of_products};
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
    fn add(&mut self, changes: impl Iterator<Item = i64> + Clone, signed: &[i64]) {
        let signed = signed.iter().copied();
        self.products += sum_of_products(changes.zip(signed.clone()));
        self.squares += sum_of_products(signed.clone().zip(signed));
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
        self.add(rows.terms.changes(1), signed);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(seam.terms.changes(1), &[next.first]);
        self.products += next.products;
        self.squares += next.squares;
    }
}
