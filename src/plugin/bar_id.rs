//! Which bar each trade belongs to, by number.

use crate::bar::Bar;
use crate::needs::Needs;
use crate::plugin::batch::Batch;
use crate::plugin::options::Options;
use polars_core::prelude::{ChunkedArray, Field, Int64Chunked, PolarsResult, Series};

/// The number of the bar that each trade belongs to: Int64, never null, from 0 on.
///
/// # Errors
/// A schema that is refused, or the first bad row.
pub fn bar_id(
    schema: &[Field],
    series: &[Series],
    options: &Options,
) -> PolarsResult<Int64Chunked> {
    let inputs = options.inputs(schema, Needs::NOTHING)?;
    let batch = Batch::new(&inputs, |index| Ok(series[index].clone()))?;
    let mut builder = options.builder(Needs::NOTHING)?;
    let mut ids = Vec::with_capacity(series.first().map_or(0, |series| series.len()));
    let mut id = 0;
    let mut number = |bar: &Bar| {
        ids.extend((0..bar.rows).map(|_| id));
        id += 1;
    };
    batch.lend()?.fold(0..batch.len(), 1, &mut builder, &mut |ended, _| number(&ended.bar))?;
    builder.open_bars().for_each(|(_, bar)| number(bar));
    Ok(ChunkedArray::from_vec("bar_id".into(), ids))
}
