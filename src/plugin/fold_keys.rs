//! Trades of several keys: each key is folded separately, then the bars are sorted in the order of
//! all trades.

use crate::error::Error;
use crate::plugin::batch::Batch;
use crate::plugin::fold::Fold;
use crate::plugin::inputs::Inputs;
use crate::plugin::key_share::{KeyedBar, Place, shares};
use crate::plugin::keys::ByKey;
use crate::plugin::labels::Labels;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::threads::on_threads;
use polars_core::prelude::{DataFrame, IdxCa, PolarsResult, Series};
use std::sync::Arc;

/// Fewer rows of several keys than these are not worth a thread.
const WORTH_A_THREAD: usize = 1 << 15;

/// What the keys of a batch have given.
#[derive(Debug, Default)]
pub struct OfKeys {
    /// The bars that ended.
    pub bars: Vec<KeyedBar>,
    /// The first bad row of each key, the number of the key, and the error.
    pub faults: Vec<(usize, usize, Error)>,
    /// The keys with a trade.
    pub seen: Vec<usize>,
}

impl Fold {
    /// Add the builder of each key up to this number that has none.
    pub(super) fn add_key(&mut self, number: usize) {
        while self.builders.len() <= number {
            self.builders.push(Arc::clone(&self.unused));
        }
        if let Some(labels) = &mut self.labels {
            labels.add_key(number);
        }
    }

    /// Fold trades of several keys. `offset` is the number of rows of the batch before them.
    pub(super) fn push_keyed(
        &mut self,
        inputs: &Inputs,
        of_keys: &DataFrame,
        offset: usize,
        column: &(impl Fn(usize) -> PolarsResult<Series> + Sync),
    ) -> Result<(), Refusal> {
        let Some(keys) = &mut self.keys else { return Ok(()) };
        let follows_a_seam = self.seams.is_marked() || self.repeats.are_skipped();
        let threads = self.options.threads().min(of_keys.height() / WORTH_A_THREAD);
        let threads = if follows_a_seam { 1 } else { threads.max(1) };
        let mut split = keys.split(of_keys, threads)?;
        if let Some((last, _)) = split.keys.last() {
            self.add_key(*last);
        }
        let mut found = OfKeys::default();
        let batch = if follows_a_seam {
            Some(self.after_seams(inputs, &mut split, offset, column, &mut found)?)
        } else {
            None
        };
        let labellings = self.labels.iter_mut().flat_map(Labels::labellings);
        let mut shares = shares(threads, &split, &mut self.builders, labellings);
        if let Some(share) = shares.first_mut() {
            (share.trace, share.batch) = (self.trace.as_mut(), batch);
        }
        let place = Place { first_row: self.trades, offset };
        for share in on_threads(shares, &|share| share.fold(inputs, place, column)) {
            let folded = share?;
            found.bars.extend(folded.bars);
            found.faults.extend(folded.fault.map(|(row, key, error)| (row, key, *error)));
        }
        found.seen.extend(split.keys.iter().map(|(number, _)| *number));
        self.add(found)
    }

    /// Leave out the rows of each key that were counted before a seam, and look for gaps there;
    /// returns the columns in the order of the keys.
    fn after_seams(
        &mut self,
        inputs: &Inputs,
        split: &mut ByKey,
        offset: usize,
        column: impl Fn(usize) -> PolarsResult<Series>,
        found: &mut OfKeys,
    ) -> Result<Batch, Refusal> {
        let order = IdxCa::from_vec("".into(), split.rows.clone());
        let batch = Batch::new(inputs, |index| column(index)?.take(&order))?;
        for (number, range) in &mut split.keys {
            match self.new_rows(*number, &batch, range.clone()) {
                Ok(new) => *range = new,
                Err(Refusal::Kernel(error)) => {
                    let row = offset + split.rows[range.start] as usize;
                    found.faults.push((row, *number, *error));
                    *range = range.end..range.end;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(batch)
    }

    /// Add what the keys of a batch have given, in the order of its rows.
    ///
    /// # Errors
    /// The first bad row of all keys.
    pub(super) fn add(&mut self, found: OfKeys) -> Result<(), Refusal> {
        let OfKeys { mut bars, faults, seen } = found;
        if let Some((_, number, error)) = faults.into_iter().min_by_key(|(row, ..)| *row) {
            let key = self.keys.as_ref().map_or_else(String::new, |keys| keys.describe(number));
            return Err(compute_error(&format!("{key}: {error}")).into());
        }
        bars.sort_by_cached_key(|bar| bar.row);
        for KeyedBar { row, key, opened, ended, before } in bars {
            if let Some(labels) = &mut self.labels {
                labels.note(&ended, key, self.trades + row as u64);
            }
            self.rows.push(ended, &before, key, opened, &self.options);
        }
        for number in seen {
            self.note(number);
        }
        Ok(())
    }
}
