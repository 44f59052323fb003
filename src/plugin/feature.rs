//! One feature, or another column of bars, of all trades of a group.

use crate::bar::Bar;
use crate::builder::Builder;
use crate::columns::{Output, Table};
use crate::footprint::{FOOTPRINT_OUTPUTS, Footprint};
use crate::levels::Tick;
use crate::needs::Needs;
use crate::plugin::bar_rows::column;
use crate::plugin::batch::Batch;
use crate::plugin::footprint_rows::FootprintRows;
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

/// The bar of all these trades; `None` if there is no trade.
///
/// # Errors
/// A schema that is refused, or the first bad row.
fn bar(
    schema: &[Field],
    series: &[Series],
    names: &Names,
    needs: Needs,
    tick: Option<Tick>,
) -> PolarsResult<Option<Bar>> {
    let mut builder = Builder::new([NeverCloses], needs).with_levels(tick);
    let batch = Batch::of_series(schema, series, names, |role| needs.reads(role))?;
    batch.lend()?.fold(0..batch.len(), 1, &mut builder, &mut |_, _| ())?;
    Ok(builder.open_bars().next().map(|(_, bar)| bar.clone()))
}

/// The only row of a column; null if there is none.
fn one(column: Series) -> Series {
    if column.is_empty() {
        Series::full_null(column.name().clone(), 1, column.dtype())
    } else {
        column
    }
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
    let mut table = Table::new([output]);
    if let Some(bar) = bar(schema, series, names, output.needs, None)? {
        table.push(bar, &[]);
    }
    match table.take().pop() {
        Some((_, values)) => Ok(one(column(output, values, &DataType::Int64)?)),
        None => Ok(Series::new_null(output.name.into(), 1)),
    }
}

/// The footprint of the bar of all these trades; null if there is no trade.
///
/// # Errors
/// As [`feature`].
pub fn footprint(
    schema: &[Field],
    series: &[Series],
    footprint: Footprint,
    names: &Names,
) -> PolarsResult<Series> {
    let [output, ..] = FOOTPRINT_OUTPUTS;
    let mut rows = FootprintRows::new(Some(footprint), [output]);
    if let Some(bar) = bar(schema, series, names, output.needs, Some(footprint.tick))? {
        rows.push(&bar);
    }
    let column = rows.into_columns()?.pop();
    Ok(column.map_or_else(|| Series::new_null(output.name.into(), 1), one))
}
