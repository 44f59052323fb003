//! The volume-synchronised probability of informed trading: imbalances of buckets of volume.
//!
//! The trades of known side fill buckets of one volume, one after another; a trade is split exactly
//! where a bucket becomes full. All of it is integers at scale 1e8 until the value is formed.

use crate::fixed::{fix, lowest_reaching, nearest, to_fixed};
use crate::group::{ROWS, groups};
use crate::trades::Trades;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most buckets.
pub const MAX_BUCKETS: u32 = 10_000;
/// The greatest volume of a bucket, at scale 1e8.
pub const MAX_BUCKET_VOLUME: i64 = 9_000_000_000_000_000_000;

/// Which buckets are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vpin {
    /// The volume of a bucket, at scale 1e8.
    pub bucket_volume: i64,
    /// How many full buckets the value is of.
    pub buckets: u32,
}

/// What the trades so far have filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// What was bought in the bucket that is not full.
    pub bought: i64,
    /// What was sold in it.
    pub sold: i64,
    /// The differences of what was bought and sold in the last full buckets, without their sign.
    pub imbalances: VecDeque<i64>,
}

/// The buckets that the trades of a chain fill.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    vpin: Vpin,
    /// Copies of the state share it, until a trade comes.
    filled: Arc<Filled>,
    /// The sum of the imbalances.
    sum: i128,
    /// How many trades of the chain have filled them.
    rows: u64,
}

impl Vpin {
    /// Whether there can be such buckets, whose volume a float names.
    pub fn is_possible(self) -> bool {
        let volume = self.bucket_volume;
        (1..=MAX_BUCKET_VOLUME).contains(&volume)
            && to_fixed(lowest_reaching(volume)) == volume
            && (1..=MAX_BUCKETS).contains(&self.buckets)
    }
}

impl Buckets {
    /// Buckets that so many trades have filled.
    pub fn new(vpin: Vpin, filled: Filled, rows: u64) -> Self {
        let sum = filled.imbalances.iter().map(|imbalance| i128::from(*imbalance)).sum();
        Self { vpin, filled: Arc::new(filled), sum, rows }
    }

    /// The same buckets, after so many trades that have filled this.
    pub fn after(self, filled: Filled, rows: u64) -> Self {
        Self::new(self.vpin, filled, rows)
    }

    /// What the trades so far have filled.
    pub fn filled(&self) -> &Filled {
        &self.filled
    }

    /// Begin anew at a trade.
    pub fn begin_at(&mut self, row: u64) {
        *self = Self::new(self.vpin, Filled::default(), row);
    }

    /// Fill in the trades before a row of a batch that begins with trade `first_row`.
    pub fn fill(&mut self, batch: &Trades<'_>, first_row: u64, row: u64) {
        // Rows of a batch fit `usize`.
        let place = |row: u64| usize::try_from(row.saturating_sub(first_row)).unwrap_or(batch.len);
        let (from, to) = (place(self.rows), place(row).min(batch.len));
        self.rows = row;
        let Some(sides) = batch.is_buyer_maker else { return };
        for rows in groups(from..to) {
            let start = rows.start;
            let mut quantities = [0; ROWS];
            fix(&batch.quantities()[rows.clone()], &mut quantities);
            let sold = sides.sold.word(start);
            let known = sides.known.map_or(!0, |known| known.word(start));
            for (place, quantity) in quantities[..rows.len()].iter().enumerate() {
                if known >> place & 1 == 1 {
                    self.add(*quantity, sold >> place & 1 == 1);
                }
            }
        }
    }

    /// Add a trade.
    fn add(&mut self, quantity: i64, sold: bool) {
        let Filled { bought, sold: of_sells, .. } = *self.filled;
        let room = self.vpin.bucket_volume - bought - of_sells;
        let filled = Arc::make_mut(&mut self.filled);
        let side = if sold { &mut filled.sold } else { &mut filled.bought };
        if quantity < room {
            *side += quantity;
            return;
        }
        *side += room;
        let imbalance = (filled.bought - filled.sold).abs();
        (filled.bought, filled.sold) = (0, 0);
        let (whole, rest) = (
            (quantity - room) / self.vpin.bucket_volume,
            (quantity - room) % self.vpin.bucket_volume,
        );
        self.end_bucket(imbalance);
        // More buckets of one side than the value is of change it no further.
        for _ in 0..whole.min(self.vpin.buckets.into()) {
            self.end_bucket(self.vpin.bucket_volume);
        }
        let filled = Arc::make_mut(&mut self.filled);
        *(if sold { &mut filled.sold } else { &mut filled.bought }) = rest;
    }

    fn end_bucket(&mut self, imbalance: i64) {
        let imbalances = &mut Arc::make_mut(&mut self.filled).imbalances;
        imbalances.push_back(imbalance);
        self.sum += i128::from(imbalance);
        if imbalances.len() as u64 > self.vpin.buckets.into() {
            let first = imbalances.pop_front().unwrap_or_default();
            self.sum -= i128::from(first);
        }
    }

    /// The sum of the imbalances of the last full buckets, over their volume (Easley, López de Prado
    /// and O'Hara 2012).
    ///
    /// `None` if fewer are full.
    pub fn value(&self) -> Option<f64> {
        let is_full = self.filled.imbalances.len() as u64 == u64::from(self.vpin.buckets);
        let volume = i128::from(self.vpin.buckets) * i128::from(self.vpin.bucket_volume);
        is_full.then(|| nearest(self.sum) / nearest(volume))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_the_mean_imbalance_of_the_last_full_buckets() {
        let mut buckets = Buckets::new(Vpin { bucket_volume: 4, buckets: 2 }, Filled::default(), 0);
        let mut after = |quantity, sold| {
            buckets.add(quantity, sold);
            buckets.value()
        };

        assert_eq!(after(3, false), None);
        // The first bucket has 3 and 1; of the second 1 is there.
        assert_eq!(after(2, true), None);
        assert_eq!(after(2, true), None);
        // The second has 1 bought and 3 sold.
        assert_eq!(after(1, false), Some((2.0 + 2.0) / 8.0));
        // Two more are bought alone, and half of a third.
        assert_eq!(after(10, false), Some(1.0));
        assert_eq!(after(2, true), Some((4.0 + 0.0) / 8.0));
    }
}
