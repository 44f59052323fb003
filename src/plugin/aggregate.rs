//! What expressions ask of one chain of trades: which bar each belongs to, or one feature of all.

use crate::bar::Bar;
use crate::builder::Builder;
use crate::columns::{Output, Table, Values};
use crate::needs::Needs;
use crate::plugin::inputs::{Batch, Inputs, Names};
use crate::plugin::options::{Options, is_always_read};
use crate::rule::Rule;
use crate::trades::{Role, Trades};
use polars::prelude::{ChunkedArray, Field, Int64Chunked, NamedFrom, PolarsResult, Series};

/// The ordinal of the bar that each trade belongs to: Int64, never null, from 0 on.
///
/// # Errors
/// A schema that will not do, or the first bad row.
pub fn bar_id(
    schema: &[Field],
    series: &[Series],
    options: &Options,
) -> PolarsResult<Int64Chunked> {
    let batch = batch(schema, series, &options.columns, is_always_read)?;
    let builder = Builder::new(options.rules()?, Needs::NOTHING);
    let mut builder = builder.reset_every(options.period()?);
    let mut ids = Vec::with_capacity(series.first().map_or(0, |series| series.len()));
    let mut id = 0;
    let mut number = |bar: &Bar| {
        ids.extend((0..bar.rows).map(|_| id));
        id += 1;
    };
    batch.fold(0..batch.len(), &mut builder, &mut |closed| number(&closed.bar))?;
    builder.open_bars().for_each(|(_, bar)| number(bar));
    Ok(ChunkedArray::from_vec("bar_id".into(), ids))
}

fn batch(
    schema: &[Field],
    series: &[Series],
    names: &Names,
    reads: impl Fn(Role) -> bool,
) -> PolarsResult<Batch> {
    Inputs::resolve(schema, names, reads)?.batch(|index| Ok(series[index].clone()))
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
    let mut builder = Builder::new([Whole], output.needs);
    let batch = batch(schema, series, names, |role| output.needs.reads(role))?;
    batch.fold(0..batch.len(), &mut builder, &mut |_| ())?;
    let mut table = Table::new([output]);
    builder.open_bars().for_each(|(_, bar)| table.push(bar));
    let name = output.name.into();
    Ok(match table.take().pop() {
        Some((_, Values::Int(values))) => Series::new(name, [values.first().copied().flatten()]),
        Some((_, Values::Float(values))) => Series::new(name, [values.first().copied().flatten()]),
        None => Series::new_null(name, 1),
    })
}
