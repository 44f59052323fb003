//! One feature, or another column of bars, of all trades of a group.

use crate::builder::Builder;
use crate::columns::{Output, Table, Values};
use crate::plugin::batch::Batch;
use crate::plugin::inputs::Names;
use crate::rule::Rule;
use crate::trades::Trades;
use polars::prelude::{Field, NamedFrom, PolarsResult, Series};

/// A rule that closes no bar, so that all trades are one bar.
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
    batch.fold(0..batch.len(), &mut builder, &mut |_| ())?;
    let mut table = Table::new([output]);
    builder.open_bars().for_each(|(_, bar)| table.push(bar));
    let name = output.name.into();
    Ok(match table.take().pop() {
        Some((_, Values::Int(values))) => Series::new(name, [values.first().copied().flatten()]),
        Some((_, Values::Float(values))) => Series::new(name, [values.first().copied().flatten()]),
        Some((_, Values::Exact(_))) | None => Series::new_null(name, 1),
    })
}
