//! Trades in, frames of bars out: one fold for every entry point, and the one schema.
//!
//! A [`Fold`] is created from the options and bound to a schema. It takes batches of that schema
//! and returns the bars that ended in each. A frame of bars without a row is the schema.

use crate::builder::{Builder, Ended};
use crate::plugin::bar_rows::BarRows;
use crate::plugin::batch::Batch;
use crate::plugin::dicts::Records;
use crate::plugin::inputs::{Inputs, time_dtype};
use crate::plugin::key_share::{Folded, KeyedBar, Place, fold, shares};
use crate::plugin::keys::Keys;
use crate::plugin::notices::{Notices, Warning};
use crate::plugin::options::{IS_COMPLETE, Options, is_always_read};
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::seams::Seams;
use crate::plugin::trace::{KeyRows, Trace};
use crate::rule::RangeRule;
use crate::threads::on_threads;
use crate::trades::{Layout, Role, TimeUnit};
use polars_core::prelude::{
    DataFrame, DataType, Field, Int64Chunked, IntoColumn, PolarsResult, Series,
};
use std::collections::HashMap;
use std::sync::Arc;

/// How many rows of several keys a thread folds at a time, so that their columns fit a cache.
const SLICE: usize = 1 << 17;
/// Fewer rows of several keys than these are not worth a thread.
const WORTH_A_THREAD: usize = 1 << 15;

/// Folds frames of trades into frames of bars.
#[derive(Clone, Debug)]
pub struct Fold {
    pub(super) options: Arc<Options>,
    /// The layout of the trades, once a schema was bound.
    pub(super) layout: Option<Layout>,
    keys: Option<Keys>,
    /// A builder for each key, or a single one without keys.
    pub(super) builders: Vec<Builder<RangeRule>>,
    rows: BarRows,
    trace: Option<Trace>,
    /// Trades of all keys seen so far.
    pub(super) trades: u64,
    seams: Seams,
    pub(super) notices: Notices,
}

impl Fold {
    /// A fold that has seen no trade.
    ///
    /// # Errors
    /// Options that are refused.
    pub fn new(options: &Options) -> PolarsResult<Self> {
        let builders = if options.by.is_empty() { vec![builder(options)?] } else { Vec::new() };
        Ok(Self {
            layout: None,
            keys: None,
            builders,
            rows: BarRows::new(options),
            trace: options.trace.then(|| Trace::new(options.thresholds.len())),
            trades: 0,
            seams: Seams::default(),
            notices: Notices::default(),
            options: Arc::new(options.clone()),
        })
    }

    /// The user's name for a column.
    pub fn column_name(&self, role: Role) -> Option<&str> {
        self.options.columns.get(role.name()).map(String::as_str)
    }

    /// Find the columns in the schema of a batch, which must have the layout of the batches before.
    ///
    /// # Errors
    /// A schema that is refused, or one that differs from the first.
    pub fn bind(&mut self, schema: &[Field]) -> PolarsResult<Inputs> {
        if self.options.whole {
            Inputs::check_named(schema, &self.options.columns)?;
        }
        let needs = self.options.needs();
        let reads = |role| is_always_read(role) || needs.reads(role);
        let inputs = Inputs::resolve(schema, &self.options.columns, reads)?;
        self.agree(&inputs.layout())?;
        if self.keys.is_none() && !self.options.by.is_empty() {
            self.keys = Some(Keys::new(schema, &self.options.by)?);
        }
        Ok(inputs)
    }

    fn agree(&mut self, layout: &Layout) -> PolarsResult<()> {
        match &self.layout {
            Some(first) if first != layout => Err(compute_error(&format!(
                "this batch of trades differs from the first: {layout}, the first {first} (give \
                 all batches the same columns, time unit and zone)"
            ))),
            Some(_) => Ok(()),
            None => {
                self.layout = Some(layout.clone());
                self.notices.note_layout(layout, &self.options);
                Ok(())
            }
        }
    }

    /// As [`Self::agree`], without computing the layout of the dicts if it is the same as before.
    fn agree_with_records(&mut self, records: &Records<'_>) -> PolarsResult<()> {
        let Some(first) = &self.layout else {
            return self.agree(&records.layout());
        };
        if records.has_layout(first) {
            return Ok(());
        }
        match records.other_times(first) {
            Some(text) => Err(compute_error(&text)),
            None => self.agree(&records.layout()),
        }
    }

    /// Mark a boundary between two calls: ids that are missing across it are reported as a gap.
    pub fn mark_seam(&mut self) {
        self.seams.mark(self.builders.first().map(Builder::check));
    }

    fn close_seam(&mut self, first: Option<(i64, Option<i64>)>) {
        let unit = self.layout.as_ref().map_or(TimeUnit::Microseconds, |layout| layout.unit);
        self.seams.close(first, unit);
    }

    /// The messages about the gaps found at seams, from number `known` on.
    pub fn gap_texts(&self, known: usize) -> Vec<String> {
        self.seams.texts(known)
    }

    /// The gaps found at seams; see [`Seams::frame`].
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn gaps(&self) -> PolarsResult<DataFrame> {
        self.seams.frame(&self.time_dtype()?)
    }

    /// The warnings for a caller.
    pub fn warnings(&self) -> Vec<Warning> {
        self.notices.warnings()
    }

    /// Note what a caller should know of the bars and trades of a key.
    fn note(&mut self, key: usize) {
        if let Some(builder) = self.builders.get(key) {
            self.notices.note(&self.rows, builder, &self.options);
        }
    }

    pub(super) fn time_dtype(&self) -> PolarsResult<DataType> {
        let unknown = Layout { unit: TimeUnit::Microseconds, zone: None, columns: Vec::new() };
        time_dtype(self.layout.as_ref().unwrap_or(&unknown))
    }

    /// Fold trades that are no frame; returns a frame of the bars that ended, if one did.
    ///
    /// # Errors
    /// The first bad row, or columns and times other than those of the trades before.
    pub fn push_records(&mut self, records: &Records<'_>) -> Result<Option<DataFrame>, Refusal> {
        let trades = records.trades();
        if trades.len == 0 {
            return Ok(None);
        }
        self.agree_with_records(records)?;
        let first = trades.timestamp.and_then(|column| column.get(0));
        let id = trades.agg_trade_id.and_then(|column| column.get(0));
        self.close_seam(first.map(|time| (time, id)));
        let (rows, options) = (&mut self.rows, &self.options);
        let result = self.builders[0].push(&trades, &mut |ended| rows.push(&ended, 0, 0, options));
        self.trades += trades.len as u64;
        result?;
        self.note(0);
        if self.is_empty() { Ok(None) } else { Ok(Some(self.take()?)) }
    }

    /// The layout of the trades, once it is known.
    pub const fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// How many trades were folded.
    pub const fn trades(&self) -> u64 {
        self.trades
    }

    /// The bar that is still open, with every column but `is_complete`; no row if there is none.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn open_bar(&self) -> PolarsResult<DataFrame> {
        let options = Options {
            include_incomplete: true,
            include_microstructure: true,
            ..(*self.options).clone()
        };
        let mut open =
            Self { rows: BarRows::new(&options), options: Arc::new(options), ..self.clone() };
        open.finish()?.drop(IS_COMPLETE)
    }

    /// Fold a batch of `len` rows. `column` gives a column by its place in `schema`, where
    /// [`Self::bind`] found `inputs`.
    ///
    /// # Errors
    /// The first bad row; the fold must not be used after that.
    pub fn push(
        &mut self,
        inputs: &Inputs,
        schema: &[Field],
        len: usize,
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> PolarsResult<()> {
        if let Some(trace) = &mut self.trace {
            trace.begin(len);
        }
        if let Some(keys) = &self.keys {
            let of_keys = keys.of_batch(schema, len, &column)?;
            let read = inputs.columns().iter().map(|input| Ok((input.index, column(input.index)?)));
            let read: HashMap<_, _> = read.collect::<PolarsResult<_>>()?;
            let most = SLICE * self.options.threads();
            for offset in (0..len).step_by(most) {
                let rows = most.min(len - offset);
                // A length in memory is below 2^63.
                let start = i64::try_from(offset).unwrap_or(i64::MAX);
                let slice = |index| Ok(read[&index].slice(start, rows));
                self.push_keyed(inputs, &of_keys.slice(start, rows), offset, &slice)?;
            }
        } else {
            let key_rows = KeyRows {
                key: 0,
                before: self.trades,
                first_row: self.trades,
                offset: 0,
                rows: None,
            };
            let batch = Batch::new(inputs, column)?;
            if self.seams.is_open() {
                self.close_seam(batch.first()?);
            }
            let (rows, options) = (&mut self.rows, &self.options);
            let mut emit = |ended: Ended, opened| rows.push(&ended, 0, opened, options);
            fold(
                &mut self.builders[0],
                self.options.threads(),
                &batch.lend()?,
                0..batch.len(),
                key_rows,
                self.trace.as_mut(),
                &mut emit,
            )?;
            self.note(0);
        }
        self.trades += len as u64;
        Ok(())
    }

    /// Fold trades of several keys, each key separately; then the bars are sorted in the order of
    /// all trades. `offset` is the number of rows of the batch before them.
    fn push_keyed(
        &mut self,
        inputs: &Inputs,
        of_keys: &DataFrame,
        offset: usize,
        column: &(impl Fn(usize) -> PolarsResult<Series> + Sync),
    ) -> PolarsResult<()> {
        let Some(keys) = &mut self.keys else { return Ok(()) };
        let threads = self.options.threads().min(of_keys.height() / WORTH_A_THREAD).max(1);
        let split = keys.split(of_keys, threads)?;
        while self.builders.len() < keys.count() {
            self.builders.push(builder(&self.options)?);
        }
        let mut shares = shares(threads, &split, &mut self.builders);
        if let Some(share) = shares.first_mut() {
            share.trace = self.trace.as_mut();
        }
        let place = Place { first_row: self.trades, offset };
        let found = on_threads(shares, &|share| share.fold(inputs, place, column));
        let mut folded = Folded::default();
        for share in found {
            folded = folded.and(share?);
        }
        if let Some((_, number, error)) = folded.fault {
            return Err(compute_error(&format!("{}: {error}", keys.describe(number))));
        }
        folded.bars.sort_by_cached_key(|bar| bar.row);
        for KeyedBar { key, opened, ended, .. } in &folded.bars {
            self.rows.push(ended, *key, *opened, &self.options);
        }
        for (number, _) in split.keys {
            self.note(number);
        }
        Ok(())
    }

    /// A column for each threshold: for each row of the last batch, the number of the trade that
    /// opened its bar.
    #[allow(clippy::missing_errors_doc)] // all columns have the length of the batch
    pub fn take_trace(&mut self) -> PolarsResult<DataFrame> {
        let bars = self.trace.as_mut().map(Trace::take).unwrap_or_default();
        let columns = self.options.thresholds.iter().zip(bars);
        let column = |(threshold, bars): (&i64, Vec<i64>)| {
            Int64Chunked::from_vec(threshold.to_string().into(), bars).into_column()
        };
        DataFrame::new_infer_height(columns.map(column).collect())
    }

    /// Whether no wanted bar has ended since the last call of [`Self::take`].
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bars that ended since the last call.
    ///
    /// # Errors
    /// Times that cannot be cast to the dtype of the times of the trades.
    pub fn take(&mut self) -> PolarsResult<DataFrame> {
        let rows = std::mem::replace(&mut self.rows, BarRows::new(&self.options));
        rows.frame(&self.options, &self.time_dtype()?, self.keys.as_ref())
    }

    /// A frame of bars without a row: the schema.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn empty(&self) -> PolarsResult<DataFrame> {
        BarRows::new(&self.options).frame(&self.options, &self.time_dtype()?, self.keys.as_ref())
    }

    /// A frame without a row, with the columns of the bars of trades with this layout.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn empty_of(&self, layout: &Layout) -> PolarsResult<DataFrame> {
        BarRows::new(&self.options).frame(&self.options, &time_dtype(layout)?, self.keys.as_ref())
    }

    /// The bars that ended since the last call, and the open bars if incomplete ones are wanted.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(&mut self) -> PolarsResult<DataFrame> {
        if self.options.include_incomplete {
            for (key, builder) in self.builders.iter().enumerate() {
                for (chain, bar) in builder.open_bars() {
                    let opened = self.trace.as_ref().map_or(0, |trace| trace.opened(key, chain));
                    let (bar, row) = (bar.clone(), builder.rows());
                    let ended = Ended { bar, chain, row, complete: false };
                    self.rows.push(&ended, key, opened, &self.options);
                }
            }
            self.note(0);
        }
        self.take()
    }
}

fn builder(options: &Options) -> PolarsResult<Builder<RangeRule>> {
    Ok(Builder::new(options.rules()?, options.needs()).reset_every(options.period()?))
}
