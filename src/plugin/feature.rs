//! One feature, or another column of bars, of all trades of a group.

use crate::builder::Builder;
use crate::columns::{Output, Table};
use crate::plugin::bar_rows::column;
use crate::plugin::batch::Batch;
use crate::plugin::inputs::Names;
use crate::rule::Rule;
use crate::trades::Trades;
use polars_core::prelude::{DataType, Field, PolarsResult, Series};

/// A rule that closes no bar, so that all trades are one bar.
#[derive(Clone)]
struct NeverCloses;

impl Rule for NeverCloses {
    fn next_close(&mut self, _: &Trades<'_>, _: usize) -> Option<usize> {
        None
    }

    fn cut_off(&mut self) {}
}

/// One column of the bar of all these trades; null if there is no trade.
///
/// # Errors
/// A schema that is refused, or the first bad row.
pub fn feature(
    schema: &[Field],
    series: &[Series],
    output: &'static Output,
    names: &Names,
) -> PolarsResult<Series> {
    let mut builder = Builder::new([NeverCloses], output.needs);
    let batch = Batch::of_series(schema, series, names, |role| output.needs.reads(role))?;
    batch.lend()?.fold(0..batch.len(), 1, &mut builder, &mut |_| ())?;
    let mut table = Table::new([output]);
    builder.open_bars().for_each(|(_, bar)| table.push(bar.clone()));
    match table.take().pop() {
        Some((_, values)) => {
            let value = column(output, values, &DataType::Int64)?;
            let no_trade = || Series::full_null(output.name.into(), 1, value.dtype());
            Ok(if value.is_empty() { no_trade() } else { value })
        }
        None => Ok(Series::new_null(output.name.into(), 1)),
    }
}
