//! Trades in, frames of bars out: one fold for every door, and the one schema.
//!
//! [`Bars`] is made from a schema and the options, fed batches of that schema, and gives the bars
//! that ended in each. The frame of an empty batch is the schema.

use crate::builder::{Builder, Closed};
use crate::checkpoint::{Checkpoint, Given};
use crate::error::{Error, Gap};
use crate::needs::Needs;
use crate::notice::Notice;
use crate::plugin::bar_rows::{Ended, Rows};
use crate::plugin::dicts::Records;
use crate::plugin::inputs::{Batch, Inputs, time_dtype};
use crate::plugin::keys::{ByKey, Keys};
use crate::plugin::options::{IS_COMPLETE, Options, is_always_read};
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::trace::{Place, Trace};
use crate::rule::{RangeRule, Threshold};
use crate::trades::{Role, TimeUnit};
use polars::prelude::{
    DataFrame, DataType, Field, IdxCa, Int64Chunked, IntoColumn, IntoSeries, NewChunkedArray,
    PolarsResult, Series,
};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows of several keys that are taken apart together: their columns fit a cache.
const SLICE: usize = 1 << 16;

/// Folds frames of trades into frames of bars.
#[derive(Clone, Debug)]
pub struct Bars {
    options: Arc<Options>,
    /// What the trades look like, once that is known.
    given: Option<Given>,
    keys: Option<Keys>,
    /// A chain of bars for each key, or one.
    builders: Vec<Builder<RangeRule>>,
    rows: Rows,
    trace: Option<Trace>,
    /// Trades of all keys seen so far.
    trades: u64,
    /// The last trade before the seam to the next batch, until that is seen.
    seam: Option<Seam>,
    gaps: Gaps,
    /// At most one of each kind.
    notices: Vec<Notice>,
}

/// The gaps of a chain of bars and of its copies, which share what they have in common: a copy costs
/// the same after any number of gaps.
#[derive(Clone, Debug, Default)]
struct Gaps {
    log: Arc<Mutex<Vec<Gap>>>,
    /// How many of the log are those of this one.
    len: usize,
}

impl Gaps {
    fn log(&self) -> MutexGuard<'_, Vec<Gap>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add a gap; what a copy has added that was given up goes.
    fn push(&mut self, gap: Gap) {
        let mut log = self.log();
        log.truncate(self.len);
        log.push(gap);
        drop(log);
        self.len += 1;
    }

    /// The gaps from the `known`-th on.
    fn from(&self, known: usize) -> Vec<Gap> {
        self.log().iter().take(self.len).skip(known).copied().collect()
    }
}

/// Time and id of the trade before a seam.
type Seam = (i64, i64);

impl Bars {
    /// Bars of no trade yet.
    ///
    /// # Errors
    /// Options that will not do.
    pub fn new(options: &Options) -> PolarsResult<Self> {
        let alone = if options.by.is_empty() { vec![builder(options)?] } else { Vec::new() };
        Ok(Self {
            given: None,
            keys: None,
            builders: alone,
            rows: Rows::new(options),
            trace: options.trace.then(|| Trace::new(options.thresholds.len())),
            trades: 0,
            seam: None,
            gaps: Gaps::default(),
            notices: Vec::new(),
            options: Arc::new(options.clone()),
        })
    }

    /// Bars that go on from a checkpoint.
    ///
    /// # Errors
    /// A checkpoint of another rule.
    pub fn resume(options: &Options, checkpoint: Checkpoint) -> Result<Self, Refusal> {
        let mut bars = Self::new(options)?;
        let (Some(rule), period) = (options.rules()?.pop(), options.period()?) else {
            return Err(compute_error("a checkpoint is of one threshold").into());
        };
        checkpoint.agrees(&rule, period)?;
        if checkpoint.given.as_ref().is_some_and(|given| time_dtype(given).is_err()) {
            return Err(Error::CheckpointDamaged { why: "its time zone is unknown" }.into());
        }
        let rule = match &checkpoint.open {
            Some(bar) => rule.with_open(bar.price.open, bar.time.open),
            None => rule,
        };
        bars.trades = checkpoint.check.rows();
        bars.given = checkpoint.given;
        if let Some(given) = bars.given.clone() {
            bars.note_layout(&given);
        }
        let builder = Builder::resume(rule, checkpoint.open, checkpoint.check, options.needs());
        bars.builders = vec![builder.reset_every(period)];
        Ok(bars)
    }

    /// The state after the trades so far.
    ///
    /// # Errors
    /// Options with several chains.
    pub fn checkpoint(&self, symbol: Option<String>) -> PolarsResult<Checkpoint> {
        let ([builder], [threshold]) = (&*self.builders, &*self.options.thresholds) else {
            return Err(compute_error("a checkpoint is of one threshold and no key"));
        };
        Ok(Checkpoint {
            symbol,
            threshold: Threshold::new(*threshold)?,
            prevent_same_timestamp_close: self.options.prevent_same_timestamp_close,
            reset: self.options.period()?,
            include_microstructure: self.options.include_microstructure,
            include_incomplete: self.options.include_incomplete,
            given: self.given.clone(),
            check: builder.check().clone(),
            open: builder.open_bars().next().map(|(_, bar)| bar.clone()),
        })
    }

    /// What the user calls a column.
    pub fn column_name(&self, role: Role) -> Option<&str> {
        self.options.columns.get(role.name()).map(String::as_str)
    }

    /// Find the columns in the schema of a batch, which must look like those before.
    ///
    /// # Errors
    /// A schema that will not do, or other than the first.
    pub fn bind(&mut self, schema: &[Field]) -> PolarsResult<Inputs> {
        if self.options.whole {
            Inputs::check_named(schema, &self.options.columns)?;
        }
        let needs = self.options.needs();
        let reads = |role| is_always_read(role) || needs.reads(role);
        let inputs = Inputs::resolve(schema, &self.options.columns, reads)?;
        self.agree(&inputs.given())?;
        if self.keys.is_none() && !self.options.by.is_empty() {
            self.keys = Some(Keys::new(schema, &self.options.by)?);
        }
        Ok(inputs)
    }

    fn agree(&mut self, given: &Given) -> PolarsResult<()> {
        match &self.given {
            Some(first) if first != given => Err(compute_error(&format!(
                "this batch of trades differs from the first: {given}, the first {first} (give \
                 all batches the same columns, time unit and zone)"
            ))),
            Some(_) => Ok(()),
            None => {
                self.given = Some(given.clone());
                self.note_layout(given);
                Ok(())
            }
        }
    }

    /// What dicts look like need not be made anew where it is that of before.
    fn agree_with_records(&mut self, records: &Records<'_>) -> PolarsResult<()> {
        let Some(first) = &self.given else {
            return self.agree(&records.looks());
        };
        if records.look_like(first) {
            return Ok(());
        }
        match records.other_times(first) {
            Some(text) => Err(compute_error(&text)),
            None => self.agree(&records.looks()),
        }
    }

    /// Say that the next batch follows those before only as the user has it, so that ids missing
    /// in between are worth telling.
    pub fn mark_seam(&mut self) {
        let check = self.builders.first().map(Builder::check);
        self.seam = check.and_then(|check| Some((check.last()?.time, check.last_id()?)));
    }

    fn look_for_gap(&mut self, first: Option<(i64, Option<i64>)>) {
        let Some((time, id)) = first else { return };
        if let (Some(last), Some(id)) = (self.seam.take(), id)
            && last.1.checked_add(1).is_some_and(|next| next < id)
        {
            let unit = self.given.as_ref().map_or(TimeUnit::Microseconds, |given| given.unit);
            self.gaps.push(Gap { last, next: (time, id), unit });
        }
    }

    /// The gaps found at seams, in words, from the `known`-th on.
    pub fn gap_texts(&self, known: usize) -> Vec<String> {
        self.gaps.from(known).iter().map(ToString::to_string).collect()
    }

    /// What a caller should know of the bars: of each kind its name and the text.
    pub fn notices(&self) -> Vec<(&'static str, String)> {
        self.notices.iter().map(|notice| (notice.kind(), notice.to_string())).collect()
    }

    /// Note what a key's trades count otherwise than they say, once of each kind.
    fn note(&mut self, key: usize) {
        let Some(builder) = self.builders.get(key) else { return };
        let open = || builder.open_bars().find_map(|(_, bar)| bar.price.finer());
        let price = self.rows.finer().or_else(open).map(|price| Notice::FinePrice { price });
        let quantity = builder.check().lost().map(Notice::LostQuantity);
        let columns = if self.rows.has_sideless() { self.by_side() } else { Vec::new() };
        let side = (!columns.is_empty()).then(|| Notice::NullSide {
            columns: columns.into_iter().map(str::to_owned).collect(),
        });
        for notice in [price, quantity, side].into_iter().flatten() {
            self.add_notice(notice);
        }
    }

    /// Note which columns are null whatever the trades are.
    fn note_layout(&mut self, given: &Given) {
        if !given.columns.contains(&Role::IsBuyerMaker) {
            let columns = self.by_side();
            if !columns.is_empty() {
                self.add_notice(Notice::NoSide { columns });
            }
        }
    }

    /// The columns asked for that need a side.
    fn by_side(&self) -> Vec<&'static str> {
        let outputs = self.options.outputs();
        outputs.filter(|it| it.needs.contains(Needs::SIDES)).map(|it| it.name).collect()
    }

    fn add_notice(&mut self, notice: Notice) {
        if self.notices.iter().all(|known| known.kind() != notice.kind()) {
            self.notices.push(notice);
        }
    }

    /// Ids missing at seams: last and next id, how many are missing, last and next time.
    ///
    /// # Errors
    /// None; a frame is made.
    pub fn gaps(&self) -> PolarsResult<DataFrame> {
        let gaps = self.gaps.from(0);
        let ids = |name: &str, of: fn(&Gap) -> i64| {
            Int64Chunked::from_iter_values(name.into(), gaps.iter().map(of)).into_series()
        };
        let time = self.time_dtype()?;
        DataFrame::new(
            gaps.len(),
            vec![
                ids("last_agg_trade_id", |gap| gap.last.1).into(),
                ids("next_agg_trade_id", |gap| gap.next.1).into(),
                ids("missing", Gap::missing).into(),
                ids("last_time", |gap| gap.last.0).cast(&time)?.into(),
                ids("next_time", |gap| gap.next.0).cast(&time)?.into(),
            ],
        )
    }

    /// Where the trades stand: one row of the last time and the last id, or none.
    ///
    /// # Errors
    /// None; a frame is made.
    pub fn position(&self) -> PolarsResult<DataFrame> {
        let check = self.builders.first().map(Builder::check);
        let last = check.and_then(|check| Some((check.last()?.time, check.last_id())));
        let time =
            Int64Chunked::from_iter_values("timestamp".into(), last.iter().map(|last| last.0));
        let ids = last.iter().map(|last| last.1);
        let id = Int64Chunked::from_iter_options("agg_trade_id".into(), ids);
        let time = time.into_series().cast(&self.time_dtype()?)?;
        DataFrame::new(time.len(), vec![time.into(), id.into_column()])
    }

    fn time_dtype(&self) -> PolarsResult<DataType> {
        let unknown = Given { unit: TimeUnit::Microseconds, zone: None, columns: Vec::new() };
        time_dtype(self.given.as_ref().unwrap_or(&unknown))
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
        self.look_for_gap(first.map(|time| (time, id)));
        let (rows, options) = (&mut self.rows, &self.options);
        let result = self.builders[0].push(&trades, &mut |Closed { bar, chain, row, complete }| {
            rows.push(&Ended { bar, chain, key: 0, row, complete, opened: 0 }, options);
        });
        self.trades += trades.len as u64;
        result?;
        self.note(0);
        if self.is_empty() { Ok(None) } else { Ok(Some(self.take()?)) }
    }

    /// What the records so far look like, and how many there were.
    pub fn records(&self) -> (Option<&Given>, u64) {
        (self.given.as_ref(), self.trades)
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
            Self { rows: Rows::new(&options), options: Arc::new(options), ..self.clone() };
        open.finish()?.drop(IS_COMPLETE)
    }

    /// Fold a batch of `len` rows, of which `column` gives the columns by their place in `schema`,
    /// to which `inputs` was bound.
    ///
    /// # Errors
    /// The first bad row; the fold has then ended.
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
        if self.keys.is_some() {
            for offset in (0..len).step_by(SLICE) {
                let rows = SLICE.min(len - offset);
                // A length in memory is below 2^63.
                let start = i64::try_from(offset).unwrap_or(i64::MAX);
                let slice = |index| Ok(column(index)?.slice(start, rows));
                self.push_keyed(inputs, schema, offset..offset + rows, slice)?;
            }
        } else {
            let place = Place {
                key: 0,
                before: self.trades,
                first_row: self.trades,
                offset: 0,
                rows: None,
            };
            let batch = inputs.batch(column)?;
            if self.seam.is_some() {
                self.look_for_gap(batch.first()?);
            }
            let (rows, options) = (&mut self.rows, &self.options);
            let mut emit = |ended: Ended| rows.push(&ended, options);
            fold(
                &mut self.builders[0],
                &batch,
                0..batch.len(),
                place,
                self.trace.as_mut(),
                &mut emit,
            )?;
            self.note(0);
        }
        self.trades += len as u64;
        Ok(())
    }

    /// Fold trades of several keys: each key's apart, then the bars in the order of all trades.
    fn push_keyed(
        &mut self,
        inputs: &Inputs,
        schema: &[Field],
        slice: Range<usize>,
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> PolarsResult<()> {
        let Some(keys) = &mut self.keys else { return Ok(()) };
        let (mut all, mut faults, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        let ByKey { rows, keys: ranges } = keys.split(schema, slice.len(), &column)?;
        let order = IdxCa::from_vec("".into(), rows);
        let batch = inputs.batch(|index| column(index)?.take(&order))?;
        for (number, range) in ranges {
            if number == self.builders.len() {
                self.builders.push(builder(&self.options)?);
            }
            seen.push(number);
            let builder = &mut self.builders[number];
            let place = Place {
                key: number,
                before: builder.rows(),
                first_row: self.trades,
                offset: slice.start,
                rows: Some(&order.cont_slice()?[range.clone()]),
            };
            let mut emit = |ended: Ended| all.push((place.row(ended.row), ended));
            match fold(builder, &batch, range, place, self.trace.as_mut(), &mut emit) {
                Err(Refusal::Kernel(error)) => {
                    faults.push((place.row(error.row()), number, error));
                }
                other => other?,
            }
        }
        if let Some((_, number, error)) = faults.into_iter().min_by_key(|(row, ..)| *row) {
            return Err(compute_error(&format!("{}: {error}", keys.describe(number))));
        }
        all.sort_by_key(|(row, _)| *row);
        for (_, ended) in &all {
            self.rows.push(ended, &self.options);
        }
        for number in seen {
            self.note(number);
        }
        Ok(())
    }

    /// By threshold, the trade that opened the bar of each row of the last batch.
    ///
    /// # Errors
    /// None; a frame is made.
    pub fn take_trace(&mut self) -> PolarsResult<DataFrame> {
        let bars = self.trace.as_mut().map(Trace::take).unwrap_or_default();
        let columns = self.options.thresholds.iter().zip(bars);
        let column = |(threshold, bars): (&i64, Vec<i64>)| {
            Int64Chunked::from_vec(threshold.to_string().into(), bars).into_column()
        };
        DataFrame::new_infer_height(columns.map(column).collect())
    }

    /// Whether no bar that is asked for has ended since the last call of [`Self::take`].
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bars that ended since the last call.
    ///
    /// # Errors
    /// None but a failing conversion to the dtype of the times.
    pub fn take(&mut self) -> PolarsResult<DataFrame> {
        let rows = std::mem::replace(&mut self.rows, Rows::new(&self.options));
        rows.frame(&self.options, &self.time_dtype()?, self.keys.as_ref())
    }

    /// A frame of bars without a row: the schema.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn empty(&self) -> PolarsResult<DataFrame> {
        Rows::new(&self.options).frame(&self.options, &self.time_dtype()?, self.keys.as_ref())
    }

    /// A frame of bars of such trades without a row.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn empty_of(&self, given: &Given) -> PolarsResult<DataFrame> {
        Rows::new(&self.options).frame(&self.options, &time_dtype(given)?, self.keys.as_ref())
    }

    /// What [`Self::take`] gives, and the bars that are still open, if they are asked for.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(&mut self) -> PolarsResult<DataFrame> {
        if self.options.include_incomplete {
            for (key, builder) in self.builders.iter().enumerate() {
                for (chain, bar) in builder.open_bars() {
                    let opened = self.trace.as_ref().map_or(0, |trace| trace.opened(key, chain));
                    let (bar, row) = (bar.clone(), builder.rows());
                    let ended = Ended { bar, chain, key, row, complete: false, opened };
                    self.rows.push(&ended, &self.options);
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

/// Fold the trades of one key, tracing them if that is asked for.
fn fold(
    builder: &mut Builder<RangeRule>,
    batch: &Batch,
    rows: Range<usize>,
    place: Place<'_>,
    mut trace: Option<&mut Trace>,
    emit: &mut impl FnMut(Ended),
) -> Result<(), Refusal> {
    batch.fold(rows, builder, &mut |Closed { bar, chain, row, complete }| {
        let end = row + u64::from(complete);
        let opened = trace.as_mut().map_or(0, |trace| trace.note(place, chain, end, bar.rows));
        emit(Ended { bar, chain, key: place.key, row, complete, opened });
    })?;
    if let Some(trace) = trace {
        for (chain, bar) in builder.open_bars() {
            trace.note(place, chain, builder.rows(), bar.rows);
        }
    }
    Ok(())
}
