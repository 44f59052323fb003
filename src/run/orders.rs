//! The orders of three successive prices.

use crate::group::first;
use crate::run::moves::negative;
use crate::run::{Family, Rows, Seam};
use serde::{Deserialize, Serialize};

/// How often three successive prices have each order; of equal prices the earlier ranks lower.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// By the rows of the prices from the lowest to the highest: (0,1,2), (0,2,1), (1,0,2),
    /// (1,2,0), (2,0,1), (2,1,0).
    pub counts: [i64; 6],
}

/// The fewest rows of which an entropy says something.
const FEWEST: i64 = 60;

impl Orders {
    /// Add the orders of up to 66 prices; `falls` has a bit for each but the first two, set if it is
    /// below the one before.
    fn add(&mut self, prices: &[i64], falls: u64) {
        let [first_price, second_price, thirds @ ..] = prices else { return };
        let fell = falls << 1 | u64::from(second_price < first_price);
        let lower = negative(thirds.iter().zip(prices).map(|(third, first)| third - first));
        let all = first(thirds.len());
        // A price that fell twice is below the first, and one that never fell is not.
        let orders = [
            !falls & !fell,
            falls & !fell & !lower,
            !falls & fell & !lower,
            !falls & fell & lower,
            falls & !fell & lower,
            falls & fell,
        ];
        for (count, rows) in self.counts.iter_mut().zip(orders) {
            *count += i64::from((rows & all).count_ones());
        }
    }

    /// The entropy of the orders of so many rows, by that of orders that are equally frequent.
    #[allow(clippy::cast_precision_loss)]
    pub fn entropy(&self, rows: i64) -> Option<f64> {
        let share = |count: &i64| *count as f64 / (rows - 2) as f64;
        let counts = self.counts.iter().filter(|count| **count > 0).map(share);
        let entropy = counts.fold(0.0, |entropy, share| entropy - share * share.ln());
        (rows >= FEWEST).then(|| entropy / 6_f64.ln())
    }
}

impl Family for Orders {
    fn insert(&mut self, rows: &Rows<'_>) {
        let left_out = 2 - rows.terms.before.min(2);
        self.add(rows.terms.reaching(2), rows.moves.falls >> left_out);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        let later = seam.terms.steps(2).iter().skip(1).copied();
        self.add(seam.terms.reaching(2), negative(later));
        for (count, more) in self.counts.iter_mut().zip(next.counts) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_is_that_of_a_stable_sort() {
        let places = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for number in 0..27 {
            let prices = [number / 9, number / 3 % 3, number % 3];
            let mut sorted = [0, 1, 2];
            sorted.sort_by_key(|place: &usize| prices[*place]);
            let mut orders = Orders::default();

            let fell = u64::from(prices[2] < prices[1]);
            orders.add(&prices, fell);

            let expected = places.map(|place| i64::from(place == sorted));
            assert_eq!(orders.counts, expected, "{prices:?}");
        }
    }
}
