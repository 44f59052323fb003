//! The values of many bars on several threads, with those of one thread to the last bit.
//!
//! A window depends on its trades alone, and the sums of blocks are kept only to save work, so each
//! thread has blocks of its own, which it makes of the first window that it needs.

use super::blocks::Blocks;
use super::{Before, Length, Lookback};
use crate::threads::on_threads;
use crate::trades::Trades;
use std::mem::take;
use std::sync::Arc;

/// A thread sums its first window anew, so it is worth one for so many times the rows of a window.
const WORTH_A_THREAD: usize = 2;

impl Lookback {
    /// How many trades a window has, by the last rows of a batch; `None` if buckets of volume are
    /// filled, which is done in order.
    pub(crate) fn rows_of_window(&self, batch: &Trades<'_>) -> Option<usize> {
        let times = batch.times();
        let rows = match (self.length, times.last()) {
            _ if self.buckets.is_some() => return None,
            (Some(Length::Trades(trades)), _) => usize::try_from(trades).unwrap_or(usize::MAX),
            (Some(length), Some(last)) => length.before(*last, batch.unit).map_or(0, |limit| {
                let is_before = |time: &i64| *time <= limit;
                batch.len - times.partition_point(is_before)
            }),
            _ => 0,
        };
        Some(rows)
    }

    /// The values of bars that end in checked trades of a batch, in the order of `ended`, which has
    /// the chain and the last row of each. A bar is opened by the row after one that ended, and in
    /// the chains of `opening` by the first row of the batch.
    ///
    /// `None`, and nothing but its blocks is changed, if a window is refused.
    pub(crate) fn of_bars(
        &mut self,
        threads: usize,
        (batch, first_row): (&Trades<'_>, u64),
        opening: &[usize],
        ended: &[(usize, u64)],
    ) -> Option<Vec<Arc<Before>>> {
        let end = first_row + batch.len as u64;
        let mut rows: Vec<_> = opening.first().map(|_| first_row).into_iter().collect();
        rows.extend(ended.iter().map(|(_, row)| row + 1).filter(|row| *row < end));
        rows.dedup();
        let values = self.of_rows(threads, batch, first_row, &rows)?;
        let opened_by = |row: u64| values.get(rows.binary_search(&row).ok()?);
        let first = opened_by(first_row);
        for chain in opening {
            *self.open.get_mut(*chain)? = Arc::clone(first?);
        }
        let mut of_ended = Vec::with_capacity(ended.len());
        for (chain, row) in ended {
            let open = self.open.get_mut(*chain)?;
            of_ended.push(Arc::clone(open));
            if let Some(value) = opened_by(row + 1) {
                *open = Arc::clone(value);
            }
        }
        Some(of_ended)
    }

    /// The values of bars that open with these rows of a batch.
    fn of_rows(
        &mut self,
        threads: usize,
        batch: &Trades<'_>,
        first_row: u64,
        rows: &[u64],
    ) -> Option<Vec<Arc<Before>>> {
        let window = self.rows_of_window(batch)?.saturating_mul(WORTH_A_THREAD).max(1);
        let threads = threads.min(batch.len / window).max(1);
        let mut blocks = Some(take(&mut self.blocks));
        let shares = rows.chunks(rows.len().div_ceil(threads).max(1));
        let shares = shares.map(|rows| (rows, blocks.take().unwrap_or_default()));
        let lookback = &*self;
        let of_share = |(rows, blocks): &mut (&[u64], Blocks)| {
            let values = rows.iter().map(|row| lookback.values(*row, batch, first_row, blocks));
            let values = values.collect::<Result<Vec<_>, _>>();
            values.map(|values| (values, take(blocks)))
        };
        let found: Result<Vec<_>, _> = on_threads(shares, &of_share).into_iter().collect();
        let mut found = found.ok()?;
        self.blocks = found.last_mut().map(|(_, blocks)| take(blocks)).unwrap_or_default();
        Some(found.into_iter().flat_map(|(values, _)| values).collect())
    }
}
