//! The share of a batch that one thread folds: the trades of some of its keys.

use crate::builder::{Builder, Ended};
use crate::columns::Scalar;
use crate::error::Error;
use crate::lookback::Before;
use crate::plugin::batch::{Batch, Lent};
use crate::plugin::inputs::Inputs;
use crate::plugin::keys::ByKey;
use crate::plugin::labels::Labelling;
use crate::plugin::refusal::Refusal;
use crate::plugin::trace::{KeyRows, Trace};
use crate::rule::Rule;
use polars_core::prelude::{IdxCa, IdxSize, PolarsResult, Series};
use std::ops::Range;
use std::sync::Arc;

/// The trades of some keys of a batch, and the builders of these keys.
#[derive(Debug)]
pub struct KeyShare<'a, R> {
    /// The rows of the keys, key after key.
    rows: &'a [IdxSize],
    keys: Vec<OfKey<'a, R>>,
    /// Only a share of all keys is traced.
    pub trace: Option<&'a mut Trace>,
    /// The columns in the order of `rows`, if they were gathered already.
    pub batch: Option<Batch>,
}

/// The trades of a key of a share.
#[derive(Debug)]
struct OfKey<'a, R> {
    /// The number of the key.
    key: usize,
    /// The range of its rows among those of the share.
    rows: Range<usize>,
    builder: &'a mut Builder<R>,
    labelling: Option<Labelling<'a>>,
}

/// Where the rows of a batch are in the whole.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// How many trades of all keys were before the batch.
    pub first_row: u64,
    /// How many rows of the batch are before those that are split.
    pub offset: usize,
}

/// What a share gave.
#[derive(Debug, Default)]
pub struct Folded {
    /// The bars that ended.
    pub bars: Vec<KeyedBar>,
    /// The first bad row, the number of its key, and the error.
    pub fault: Option<(usize, usize, Box<Error>)>,
}

/// A bar of a key.
#[derive(Debug)]
pub struct KeyedBar {
    /// The row of the batch at which it ended.
    pub row: usize,
    /// The number of its key.
    pub key: usize,
    /// The number of the trade that opened it, if trades are traced.
    pub opened: i64,
    /// The bar.
    pub ended: Ended,
    /// The values of what came before it.
    pub before: Vec<Option<Scalar>>,
}

/// Cut the keys of a batch into so many shares, or fewer, of about as many rows each.
pub fn shares<'a, R: Clone>(
    number: usize,
    split: &'a ByKey,
    builders: &'a mut [Arc<Builder<R>>],
    mut labellings: impl Iterator<Item = Labelling<'a>>,
) -> Vec<KeyShare<'a, R>> {
    let most = split.rows.len().div_ceil(number.max(1));
    let mut shares: Vec<KeyShare<'a, R>> = Vec::new();
    let (mut builders, mut next, mut start) = (builders.iter_mut(), 0, 0);
    for (key, range) in &split.keys {
        // Keys come in ascending order.
        let Some(builder) = builders.nth(key - next) else { break };
        let labelling = labellings.nth(key - next);
        next = key + 1;
        if shares.is_empty() || range.start >= start + most {
            // The first rows may have been left out.
            start = if shares.is_empty() { 0 } else { range.start };
            shares.push(KeyShare { rows: &[], keys: Vec::new(), trace: None, batch: None });
        }
        if let Some(share) = shares.last_mut() {
            share.rows = &split.rows[start..range.end];
            let rows = range.start - start..range.end - start;
            share.keys.push(OfKey { key: *key, rows, builder: Arc::make_mut(builder), labelling });
        }
    }
    shares
}

impl<R: Rule + Clone + Send> KeyShare<'_, R> {
    /// Gather the trades of each key, and fold them. `column` gives a column of the batch by its
    /// place in the schema.
    ///
    /// # Errors
    /// Those of `column`, or a failing cast. A bad row is no error here, because there may be one
    /// before it in another share.
    pub fn fold(
        &mut self,
        inputs: &Inputs,
        place: Place,
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> Result<Folded, Refusal> {
        let batch = if let Some(batch) = self.batch.take() {
            batch
        } else {
            let order = IdxCa::from_vec("".into(), self.rows.to_vec());
            Batch::new(inputs, |index| column(index)?.take(&order))?
        };
        let lent = batch.lend()?;
        let mut folded = Folded::default();
        for OfKey { key, rows: range, builder, labelling } in &mut self.keys {
            let key_rows = KeyRows {
                key: *key,
                before: builder.rows(),
                first_row: place.first_row,
                offset: place.offset,
                rows: Some(&self.rows[range.clone()]),
            };
            let mut emit = |ended: Ended, before: &Before, opened| {
                let (row, before) = (key_rows.row(ended.row), before.to_vec());
                folded.bars.push(KeyedBar { row, key: *key, opened, ended, before });
            };
            let seen_by =
                SeenBy { trace: self.trace.as_deref_mut(), labelling: labelling.as_mut() };
            match fold(builder, 1, &lent, range.clone(), key_rows, seen_by, &mut emit) {
                Err(Refusal::Kernel(error)) => {
                    let row = key_rows.row(error.row());
                    if folded.fault.as_ref().is_none_or(|(first, ..)| row < *first) {
                        folded.fault = Some((row, *key, error));
                    }
                }
                other => other?,
            }
        }
        Ok(folded)
    }
}

/// What sees the trades of a key beside its builder.
#[derive(Debug)]
pub struct SeenBy<'a, 'b> {
    /// The bar of each trade.
    pub trace: Option<&'a mut Trace>,
    /// The labels of its bars.
    pub labelling: Option<&'a mut Labelling<'b>>,
}

/// Fold the trades of one key; `emit` is called with each bar that ended, the values of what came
/// before it and, if trades are traced, the number of the trade that opened it.
///
/// # Errors
/// The first bad row.
pub fn fold<R: Rule + Clone + Send>(
    builder: &mut Builder<R>,
    threads: usize,
    batch: &Lent<'_>,
    rows: Range<usize>,
    key_rows: KeyRows<'_>,
    seen_by: SeenBy<'_, '_>,
    emit: &mut impl FnMut(Ended, &Before, i64),
) -> Result<(), Refusal> {
    let SeenBy { mut trace, labelling } = seen_by;
    let (rows_before, mut events) = (builder.rows(), Vec::new());
    batch.fold(rows.clone(), threads, builder, &mut |ended, before| {
        if let Some(labelling) = &labelling {
            labelling.add(&ended, rows_before, key_rows, &mut events);
        }
        let end = ended.row + u64::from(ended.complete);
        let opened = trace
            .as_mut()
            .map_or(0, |trace| trace.note(key_rows, ended.chain, end, ended.bar.rows));
        emit(ended, before, opened);
    })?;
    if let Some(labelling) = labelling {
        batch.label(rows, &events, labelling.labeller);
    }
    if let Some(trace) = trace {
        for (chain, bar) in builder.open_bars() {
            trace.note(key_rows, chain, builder.rows(), bar.rows);
        }
    }
    Ok(())
}
