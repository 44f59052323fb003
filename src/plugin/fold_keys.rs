//! Trades of several keys: each key is folded separately, then the bars are sorted in the order of
//! all trades.

use crate::builder::Ended;
use crate::error::Error;
use crate::plugin::batch::Batch;
use crate::plugin::fold::{Fold, fold};
use crate::plugin::inputs::Inputs;
use crate::plugin::keys::ByKey;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::trace::KeyRows;
use polars_core::prelude::{Field, IdxCa, PolarsResult, Series};
use std::ops::Range;
use std::sync::Arc;

/// What the keys of a batch have given: each item with its row in the batch and its key.
#[derive(Debug, Default)]
pub struct OfKeys {
    /// The bars, and the trades that opened them.
    pub bars: Vec<(usize, usize, i64, Ended)>,
    /// The first bad row of each key.
    pub faults: Vec<(usize, usize, Error)>,
    /// The keys with a trade.
    pub seen: Vec<usize>,
}

impl Fold {
    /// Add the builder of a key, if its number is the next one.
    pub(super) fn add_key(&mut self, number: usize) -> PolarsResult<()> {
        if number == self.builders.len() {
            self.builders.push(Arc::clone(&self.unused));
        }
        Ok(())
    }

    /// Fold trades of several keys.
    pub(super) fn push_keyed(
        &mut self,
        inputs: &Inputs,
        schema: &[Field],
        slice: Range<usize>,
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> Result<(), Refusal> {
        let Some(keys) = &mut self.keys else { return Ok(()) };
        let mut found = OfKeys::default();
        let ByKey { rows, keys } = keys.split(schema, slice.len(), &column)?;
        let order = IdxCa::from_vec("".into(), rows);
        let batch = Batch::new(inputs, |index| column(index)?.take(&order))?;
        for (number, range) in keys {
            self.add_key(number)?;
            found.seen.push(number);
            let range = match self.new_rows(number, &batch, range.clone()) {
                Ok(range) => range,
                Err(Refusal::Kernel(error)) => {
                    let row = order.cont_slice().map_err(Refusal::from)?[range.start] as usize;
                    found.faults.push((slice.start + row, number, *error));
                    continue;
                }
                Err(other) => return Err(other),
            };
            let builder = Arc::make_mut(&mut self.builders[number]);
            let key_rows = KeyRows {
                key: number,
                before: builder.rows(),
                first_row: self.trades,
                offset: slice.start,
                rows: Some(&order.cont_slice()?[range.clone()]),
            };
            let bars = &mut found.bars;
            let mut emit = |ended: Ended, opened| {
                bars.push((key_rows.row(ended.row), number, opened, ended));
            };
            match fold(builder, 1, &batch, range, key_rows, self.trace.as_mut(), &mut emit) {
                Err(Refusal::Kernel(error)) => {
                    found.faults.push((key_rows.row(error.row()), number, *error));
                }
                other => other?,
            }
        }
        self.add(found)
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
        bars.sort_by_key(|(row, ..)| *row);
        for (_, key, opened, ended) in &bars {
            self.rows.push(ended, *key, *opened, &self.options);
        }
        for number in seen {
            self.note(number);
        }
        Ok(())
    }
}
