//! Trades in, frames of bars out: one fold for every entry point, and the one schema.
//!
//! A [`Fold`] is created from the options and bound to a schema. It takes batches of that schema
//! and returns the bars that ended in each. A frame of bars without a row is the schema.

use crate::builder::{Builder, Ended};
use crate::lookback::Before;
use crate::plugin::bar_rows::BarRows;
use crate::plugin::batch::Batch;
use crate::plugin::inputs::{Inputs, NO_IDS, time_dtype};
use crate::plugin::key_share::{SeenBy, fold};
use crate::plugin::keys::{Keys, key_rows};
use crate::plugin::labels::Labels;
use crate::plugin::notices::{Notices, Warning};
use crate::plugin::options::{IS_COMPLETE, Options};
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::repeats::Repeats;
use crate::plugin::seams::Seams;
use crate::plugin::trace::{KeyRows, Trace};
use crate::rule::AnyRule;
use crate::session::Kind;
use crate::trades::{Layout, Role, TimeUnit};
use polars_core::prelude::{
    DataFrame, DataType, Field, IdxSize, Int64Chunked, IntoColumn, PolarsResult, Series,
};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// How many rows of several keys a thread folds at a time, so that their columns fit a cache.
const SLICE: usize = 1 << 17;

/// Folds frames of trades into frames of bars.
#[derive(Clone, Debug)]
pub struct Fold {
    pub(super) options: Arc<Options>,
    /// The layout of the trades, once a schema was bound.
    pub(super) layout: Option<Layout>,
    /// What the values are whose changes begin a new chain, once that is known.
    pub(super) session: Option<Kind>,
    pub(super) keys: Option<Arc<Keys>>,
    /// A builder for each key, or a single one without keys. Copies of a fold share those that did
    /// not change.
    pub(super) builders: Vec<Arc<Builder<AnyRule>>>,
    /// The builder of a key that has seen no trade.
    pub(super) unused: Arc<Builder<AnyRule>>,
    pub(super) rows: BarRows,
    pub(super) trace: Option<Trace>,
    /// The labels that are made instead of bars.
    pub(super) labels: Option<Labels>,
    /// Trades of all keys seen so far.
    pub(super) trades: u64,
    pub(super) seams: Seams,
    pub(super) repeats: Repeats,
    pub(super) notices: Notices,
}

impl Fold {
    /// A fold that has seen no trade.
    ///
    /// # Errors
    /// Options that are refused.
    pub fn new(options: &Options) -> PolarsResult<Self> {
        let unused = Arc::new(options.builder(options.needs())?);
        let builders = if options.by.is_empty() { vec![Arc::clone(&unused)] } else { Vec::new() };
        Ok(Self {
            unused,
            layout: None,
            session: None,
            keys: None,
            builders,
            rows: BarRows::new(options)?,
            trace: options.trace.then(|| Trace::new(options.rules.len())),
            labels: options.labels.as_ref().map(Labels::new).transpose()?,
            trades: 0,
            seams: Seams::default(),
            repeats: Repeats::default(),
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
        let inputs = self.options.inputs(schema, self.options.needs())?;
        self.agree(&inputs.layout())?;
        self.agree_on_session(inputs.session_kind())?;
        if let Some(labels) = &mut self.labels {
            let times = self.options.columns.get(Role::Timestamp.name());
            labels.bind(inputs.unit(), times.map_or("", String::as_str))?;
        }
        match &self.keys {
            Some(keys) => keys.agree(schema)?,
            None if self.options.by.is_empty() => {}
            None => self.keys = Some(Keys::new(schema, &self.options.by)?),
        }
        self.check_ids(&inputs.layout())?;
        Ok(inputs)
    }

    /// Check that there are ids, if they say which trades were counted already.
    pub(super) fn check_ids(&self, layout: &Layout) -> PolarsResult<()> {
        if self.repeats.are_skipped() && !layout.columns.contains(&Role::AggTradeId) {
            return Err(compute_error(NO_IDS));
        }
        Ok(())
    }

    /// Check that times of this unit can measure how far is looked back.
    fn check_lookback(&self, unit: TimeUnit) -> PolarsResult<()> {
        match self.options.back().length.filter(|length| !length.is_whole(unit)) {
            None => Ok(()),
            Some(length) => {
                let times = self.column_name(Role::Timestamp).unwrap_or_default();
                Err(compute_error(&format!(
                    "lookback is {length}: expected a whole number of {unit}, the unit of the times \
                     (round it, or cast the times to a finer unit: \
                     pl.col({times:?}).dt.cast_time_unit(\"ns\"))"
                )))
            }
        }
    }

    pub(super) fn agree(&mut self, layout: &Layout) -> PolarsResult<()> {
        match &self.layout {
            Some(first) if first != layout => Err(compute_error(&format!(
                "this batch of trades differs from the first: {layout}, the first {first} (give \
                 all batches the same columns, time unit and zone)"
            ))),
            Some(_) => Ok(()),
            None => {
                self.check_lookback(layout.unit)?;
                self.layout = Some(layout.clone());
                self.notices.note_layout(layout, &self.options);
                Ok(())
            }
        }
    }

    /// Check that the values whose changes begin a new chain are what they were before.
    pub(super) fn agree_on_session(&mut self, kind: Option<Kind>) -> PolarsResult<()> {
        match (self.session, kind) {
            (Some(first), Some(kind)) if first != kind => Err(compute_error(&format!(
                "the column of reset is {kind}: expected {first}, as in the trades before (cast it, \
                 or use another processor)"
            ))),
            (None, _) => {
                self.session = kind;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Mark a boundary between two calls: ids that are missing across it are reported as a gap. If
    /// `skips`, trades at the begin of the next call that were counted already are left out.
    pub fn mark_seam(&mut self, skips: bool) {
        self.seams.mark();
        self.repeats = Repeats::new(skips);
    }

    /// Look for a gap before trades of a key that begin with this time and id.
    pub(super) fn close_seam(&mut self, key: usize, first: (i64, Option<i64>)) {
        let unit = self.layout.as_ref().map_or(TimeUnit::Microseconds, |layout| layout.unit);
        if let Some(builder) = self.builders.get(key) {
            self.seams.close(key, builder.check(), first, unit);
        }
    }

    /// The messages about the gaps found at seams, from number `known` on.
    pub fn gap_texts(&self, known: usize) -> Vec<String> {
        self.seams.texts(known, self.keys.as_deref())
    }

    /// The gaps found at seams; see [`Seams::frame`].
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn gaps(&self) -> PolarsResult<DataFrame> {
        self.seams.frame(&self.time_dtype()?, |numbers| self.key_rows(numbers))
    }

    /// The key columns for these key numbers; none without keys.
    pub(super) fn key_rows(&self, numbers: Vec<IdxSize>) -> PolarsResult<DataFrame> {
        key_rows(self.keys.as_deref(), &self.options.by, numbers)
    }

    /// The warnings for a caller.
    pub fn warnings(&self) -> Vec<Warning> {
        self.notices.warnings()
    }

    /// Note what a caller should know of the bars and trades of a key.
    pub(super) fn note(&mut self, key: usize) {
        if let Some(builder) = self.builders.get(key) {
            self.notices.note(&self.rows, builder, &self.options);
        }
    }

    pub(super) fn time_dtype(&self) -> PolarsResult<DataType> {
        let unknown = Layout { unit: TimeUnit::Microseconds, zone: None, columns: Vec::new() };
        time_dtype(self.layout.as_ref().unwrap_or(&unknown))
    }

    /// The layout of the trades, once it is known.
    pub const fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// The keys so far, once a schema was bound.
    pub fn keys(&self) -> Option<&Keys> {
        self.keys.as_deref()
    }

    /// What the values are whose changes begin a new chain, once that is known.
    pub const fn session(&self) -> Option<Kind> {
        self.session
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
            Self { rows: BarRows::new(&options)?, options: Arc::new(options), ..self.clone() };
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
            let extras = inputs.extras().iter().map(|extra| extra.index);
            let read = inputs.columns().iter().map(|input| input.index).chain(extras);
            let read = read.map(|index| Ok((index, column(index)?)));
            let read: HashMap<_, _> = read.collect::<PolarsResult<_>>()?;
            let most = SLICE * self.options.threads();
            for offset in (0..len).step_by(most) {
                let rows = most.min(len - offset);
                // A length in memory is below 2^63.
                let start = i64::try_from(offset).unwrap_or(i64::MAX);
                let slice = |index| Ok(read[&index].slice(start, rows));
                self.push_keyed(inputs, &of_keys.slice(start, rows), offset, &slice)?;
            }
            self.trades += len as u64;
            return self.label();
        }
        let batch = Batch::new(inputs, column)?;
        let rows = self.new_rows(0, &batch, 0..batch.len())?;
        let key_rows =
            KeyRows { key: 0, before: self.trades, first_row: self.trades, offset: 0, rows: None };
        self.trades += rows.len() as u64;
        if let Some(labels) = &mut self.labels {
            labels.add_key(0);
        }
        let (bars, options) = (&mut self.rows, &self.options);
        let mut emit =
            |ended: Ended, before: &Before, opened| bars.push(ended, before, 0, opened, options);
        let mut labelling = self.labels.as_mut().and_then(|labels| labels.labellings().next());
        fold(
            Arc::make_mut(&mut self.builders[0]),
            self.options.threads(),
            &batch.lend()?,
            rows,
            key_rows,
            SeenBy { trace: self.trace.as_mut(), labelling: labelling.as_mut() },
            &mut emit,
        )?;
        self.note(0);
        self.label()
    }

    /// Make rows of the events that have ended, if labels are made instead of bars.
    fn label(&mut self) -> PolarsResult<()> {
        if let Some(labels) = &mut self.labels {
            self.rows = BarRows::new(&self.options)?;
            labels.flush(self.keys.is_some(), false);
        }
        Ok(())
    }

    /// Leave out trades of a key that were counted already, and look for a gap before the others.
    pub(super) fn new_rows(
        &mut self,
        key: usize,
        batch: &Batch,
        mut rows: Range<usize>,
    ) -> Result<Range<usize>, Refusal> {
        let Some(builder) = self.builders.get(key) else { return Ok(rows) };
        if self.repeats.are_possible(key) {
            let name = self.column_name(Role::AggTradeId).unwrap_or_default();
            rows.start += batch.counted(rows.clone(), builder.check(), name)?;
            if !rows.is_empty() {
                self.repeats.end(key);
            }
        }
        if !rows.is_empty()
            && self.seams.is_open(key)
            && let Some(first) = batch.at(rows.start)?
        {
            self.close_seam(key, first);
        }
        Ok(rows)
    }

    /// A column for each rule: for each row of the last batch, the number of the trade that
    /// opened its bar.
    #[allow(clippy::missing_errors_doc)] // all columns have the length of the batch
    pub fn take_trace(&mut self) -> PolarsResult<DataFrame> {
        let bars = self.trace.as_mut().map(Trace::take).unwrap_or_default();
        let columns = self.options.rules.iter().zip(bars);
        let column = |(rule, bars): (&String, Vec<i64>)| {
            Int64Chunked::from_vec(rule.as_str().into(), bars).into_column()
        };
        DataFrame::new_infer_height(columns.map(column).collect())
    }

    /// Whether the bar of each trade is recorded.
    pub const fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// Whether no wanted bar has ended since the last call of [`Self::take`].
    pub fn is_empty(&self) -> bool {
        self.labels.as_ref().map_or_else(|| self.rows.is_empty(), Labels::is_empty)
    }

    /// The bars that ended since the last call.
    ///
    /// # Errors
    /// Times that cannot be cast to the dtype of the times of the trades.
    pub fn take(&mut self) -> PolarsResult<DataFrame> {
        let time = self.time_dtype()?;
        if let Some(labels) = &mut self.labels {
            return labels.take(&self.options, &time, self.keys.as_deref());
        }
        let rows = std::mem::replace(&mut self.rows, BarRows::new(&self.options)?);
        rows.frame(&self.options, &time, self.keys.as_deref())
    }

    /// A frame of bars without a row: the schema.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn empty(&self) -> PolarsResult<DataFrame> {
        let (time, keys) = (self.time_dtype()?, self.keys.as_deref());
        match &self.labels {
            Some(labels) => labels.empty(&self.options, &time, keys),
            None => BarRows::new(&self.options)?.frame(&self.options, &time, keys),
        }
    }

    /// A frame without a row, with the columns of the bars of trades with this layout.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn empty_of(&self, layout: &Layout) -> PolarsResult<DataFrame> {
        BarRows::new(&self.options)?.frame(
            &self.options,
            &time_dtype(layout)?,
            self.keys.as_deref(),
        )
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
                    let before = builder.before(chain);
                    self.rows.push(ended, before, key, opened, &self.options);
                }
            }
            self.note(0);
        }
        if let Some(labels) = &mut self.labels {
            labels.flush(self.keys.is_some(), true);
            labels.check_end(self.trades)?;
        }
        self.take()
    }
}
