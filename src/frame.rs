//! Trades in, frames of bars out: one fold for every door, and the one schema.
//!
//! [`Bars`] is made from a schema and the options, fed batches of that schema, and gives the bars
//! that closed in each. The frame of an empty batch is the schema.

use crate::bar::Bar;
use crate::builder::Builder;
use crate::columns::{Compute, Group, OUTPUTS, Output, Table, Values};
use crate::inputs::{Inputs, Names};
use crate::needs::Needs;
use crate::rule::{RangeRule, Rule, Threshold};
use crate::trades::{Role, Trades};
use polars::prelude::{
    BooleanChunked, ChunkedArray, Column, DataFrame, DataType, Field, Float64Chunked, Int64Chunked,
    IntoColumn, IntoSeries, NamedFrom, NewChunkedArray, PolarsResult, Series,
};
use pyo3::FromPyObject;
use serde::Deserialize;

/// Name of the column that tells complete bars from the open one.
pub const IS_COMPLETE: &str = "is_complete";

/// What is asked for: the arguments of `bars()`, as they come from Python.
#[derive(Clone, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    /// The threshold.
    pub threshold_decimal_bps: i64,
    /// Whether no trade of the opening time may close a bar.
    pub prevent_same_timestamp_close: bool,
    /// Whether the sums and the ten features are columns too.
    pub include_microstructure: bool,
    /// Whether the open bar is the last row.
    pub include_incomplete: bool,
    /// What the columns of the trades are called.
    pub columns: Names,
    /// The columns of bars that are wanted; `None`: all.
    pub only: Option<Vec<String>>,
}

impl Options {
    fn outputs(&self) -> impl Iterator<Item = &'static Output> {
        let wanted = |output: &&'static Output| {
            (self.include_microstructure || output.group == Group::Bar) && self.wants(output.name)
        };
        OUTPUTS.iter().filter(wanted)
    }

    fn wants(&self, column: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == column))
    }

    fn rule(&self) -> PolarsResult<RangeRule> {
        let threshold = Threshold::new(self.threshold_decimal_bps)?;
        Ok(RangeRule::new(threshold, self.prevent_same_timestamp_close))
    }
}

/// Whether a column is read whatever the outputs need: what the rule and the checks look at.
pub const fn is_always_read(role: Role) -> bool {
    matches!(role, Role::Timestamp | Role::Price | Role::Quantity | Role::AggTradeId)
}

/// Folds frames of trades into frames of bars.
#[derive(Debug)]
pub struct Bars {
    inputs: Inputs,
    builder: Builder<RangeRule>,
    table: Table,
    complete: Vec<bool>,
    include_incomplete: bool,
    mark_complete: bool,
}

impl Bars {
    /// Bars of trades of that schema.
    ///
    /// # Errors
    /// A schema that will not do.
    pub fn new(schema: &[Field], options: &Options) -> PolarsResult<Self> {
        let needs = options.outputs().fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
        let reads = |role| is_always_read(role) || needs.reads(role);
        Ok(Self {
            inputs: Inputs::resolve(schema, &options.columns, reads)?,
            builder: Builder::new([options.rule()?], needs),
            table: Table::new(options.outputs()),
            complete: Vec::new(),
            include_incomplete: options.include_incomplete,
            mark_complete: options.include_incomplete && options.wants(IS_COMPLETE),
        })
    }

    /// Fold a batch, of which `column` gives the columns by their place in `schema`.
    ///
    /// # Errors
    /// A schema other than the first, or the first bad row; the fold has then ended.
    pub fn push(
        &mut self,
        schema: &[Field],
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> PolarsResult<()> {
        let inputs = self.inputs.resolve_again(schema)?;
        let (table, complete) = (&mut self.table, &mut self.complete);
        inputs.batch(column)?.fold(&mut self.builder, &mut |closed| {
            table.push(&closed.bar);
            complete.push(true);
        })
    }

    /// The bars that closed since the last call.
    ///
    /// # Errors
    /// None but a failing conversion to the dtype of the times.
    pub fn take(&mut self) -> PolarsResult<DataFrame> {
        let complete = std::mem::take(&mut self.complete);
        let time = &self.inputs.time_dtype;
        let values = self.table.take().into_iter();
        let columns = values.map(|(output, values)| column(output, values, time));
        let mut columns = columns.collect::<PolarsResult<Vec<_>>>()?;
        if self.mark_complete {
            columns.push(BooleanChunked::from_slice(IS_COMPLETE.into(), &complete).into_column());
        }
        DataFrame::new(complete.len(), columns)
    }

    /// The same, and the bar that is still open, if it is asked for.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(&mut self) -> PolarsResult<DataFrame> {
        if self.include_incomplete {
            for (_, bar) in self.builder.open_bars() {
                self.table.push(bar);
                self.complete.push(false);
            }
        }
        self.take()
    }
}

fn column(output: &Output, values: Values, time: &DataType) -> PolarsResult<Column> {
    let name = output.name.into();
    let series = match values {
        Values::Float(values) => {
            Float64Chunked::from_iter_options(name, values.into_iter()).into_series()
        }
        Values::Int(values) => {
            Int64Chunked::from_iter_options(name, values.into_iter()).into_series()
        }
    };
    match output.compute {
        Compute::Time(_) => series.cast(time).map(Column::from),
        Compute::Int(_) | Compute::Float(_) => Ok(series.into()),
    }
}

/// The ordinal of the bar that each trade belongs to: Int64, never null, from 0 on.
///
/// # Errors
/// A schema that will not do, or the first bad row.
pub fn bar_id(
    schema: &[Field],
    series: &[Series],
    options: &Options,
) -> PolarsResult<Int64Chunked> {
    let inputs = Inputs::resolve(schema, &options.columns, is_always_read)?;
    let mut builder = Builder::new([options.rule()?], Needs::NOTHING);
    let mut ids = Vec::with_capacity(series.first().map_or(0, |series| series.len()));
    let mut id = 0;
    let mut number = |bar: &Bar| {
        ids.extend((0..bar.rows).map(|_| id));
        id += 1;
    };
    inputs
        .batch(|index| Ok(series[index].clone()))?
        .fold(&mut builder, &mut |closed| number(&closed.bar))?;
    builder.open_bars().for_each(|(_, bar)| number(bar));
    Ok(ChunkedArray::from_vec("bar_id".into(), ids))
}

/// The rule of an aggregation: all trades are one bar, which never closes.
struct Whole;

impl Rule for Whole {
    fn next_close(&mut self, _: &Trades<'_>, _: usize) -> Option<usize> {
        None
    }

    fn cut_off(&mut self) {}
}

/// One output of the bar of all these trades; null for no trade.
///
/// # Errors
/// A schema that will not do, or the first bad row.
pub fn feature(
    schema: &[Field],
    series: &[Series],
    output: &'static Output,
    names: &Names,
) -> PolarsResult<Series> {
    let inputs = Inputs::resolve(schema, names, |role| output.needs.reads(role))?;
    let mut builder = Builder::new([Whole], output.needs);
    inputs.batch(|index| Ok(series[index].clone()))?.fold(&mut builder, &mut |_| ())?;
    let mut table = Table::new([output]);
    builder.open_bars().for_each(|(_, bar)| table.push(bar));
    let name = output.name.into();
    Ok(match table.take().pop() {
        Some((_, Values::Int(values))) => Series::new(name, [values.first().copied().flatten()]),
        Some((_, Values::Float(values))) => Series::new(name, [values.first().copied().flatten()]),
        None => Series::new_null(name, 1),
    })
}
