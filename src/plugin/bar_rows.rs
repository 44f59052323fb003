//! Bars on their way into a frame, and the order of its columns.

use crate::bar::Bar;
use crate::builder::Ended;
use crate::columns::{Compute, Nullable, Output, Table, Values};
use crate::lookback::Before;
use crate::plugin::footprint_rows::FootprintRows;
use crate::plugin::keys::{Keys, key_rows};
use crate::plugin::options::{IS_COMPLETE, OPENING_ROW, Options, RULE, THRESHOLD};
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{
    BooleanChunked, ChunkedArray, Column, DataFrame, DataType, Float64Type, IdxSize, Int64Chunked,
    Int64Type, Int128Type, IntoColumn, IntoSeries, NewChunkedArray, PlSmallStr, PolarsNumericType,
    PolarsResult, Series, StringChunked,
};

/// The precision of the decimals in which stores keep exact sums.
const DIGITS: usize = 38;

/// Bars on their way into a frame.
#[derive(Clone, Debug)]
pub struct BarRows {
    table: Table,
    footprints: FootprintRows,
    /// Number of the rule of each bar.
    chains: Vec<usize>,
    /// Number of the key of each bar.
    keys: Vec<IdxSize>,
    complete: Vec<bool>,
    /// The trade that opened each bar, if trades are traced.
    opened: Vec<i64>,
    /// A price of a bar that has more than 8 decimals.
    finer: Option<f64>,
    /// Whether a bar has no trade with a side.
    sideless: bool,
}

impl BarRows {
    /// No bar yet.
    ///
    /// # Errors
    /// A footprint that is refused.
    pub fn new(options: &Options) -> PolarsResult<Self> {
        Ok(Self {
            table: options.table(),
            footprints: options.footprint_rows()?,
            chains: Vec::new(),
            keys: Vec::new(),
            complete: Vec::new(),
            opened: Vec::new(),
            finer: None,
            sideless: false,
        })
    }

    /// Add a bar of a key, with the values of what came before it, unless it is incomplete and the
    /// options leave such bars out. `opened` is the number of the trade that opened it, if trades
    /// are traced.
    pub fn push(
        &mut self,
        ended: Ended,
        before: &Before,
        key: usize,
        opened: i64,
        options: &Options,
    ) {
        self.finer = self.finer.or_else(|| ended.bar.price.finer());
        if !ended.complete && !options.include_incomplete {
            return;
        }
        self.sideless |= ended.bar.is_sideless();
        self.footprints.push(&ended.bar);
        // The levels are columns now; to keep them as well would cost their memory again.
        self.table.push(Bar { levels: None, ..ended.bar }, before);
        self.chains.push(ended.chain);
        // There are no more keys than rows, and Polars counts rows by the same type.
        self.keys.push(IdxSize::try_from(key).unwrap_or(IdxSize::MAX));
        self.complete.push(ended.complete);
        self.opened.push(opened);
    }

    /// A price of the bars that has more than 8 decimals, if there is one.
    pub const fn finer(&self) -> Option<f64> {
        self.finer
    }

    /// Whether there is a bar whose trades all have a null side.
    pub const fn has_sideless(&self) -> bool {
        self.sideless
    }

    /// Whether there is no bar.
    pub const fn is_empty(&self) -> bool {
        self.complete.is_empty()
    }

    /// The bars as a frame whose times have the dtype `time`.
    ///
    /// # Errors
    /// An unknown number of a key, or times that cannot be cast to `time`.
    pub fn frame(
        mut self,
        options: &Options,
        time: &DataType,
        keys: Option<&Keys>,
    ) -> PolarsResult<DataFrame> {
        let height = self.complete.len();
        let mut columns = leading_columns(options, keys, self.keys, &self.chains)?;
        for (output, values) in self.table.take() {
            columns.push(column(output, values, time)?.into());
        }
        columns.extend(self.footprints.into_columns()?.into_iter().map(Column::from));
        if options.include_incomplete {
            let name = IS_COMPLETE.into();
            columns.push(BooleanChunked::from_slice(name, &self.complete).into_column());
        }
        columns.retain(|column| options.wants(column.name()));
        if options.trace {
            columns.push(Int64Chunked::from_vec(OPENING_ROW.into(), self.opened).into_column());
        }
        DataFrame::new(height, columns)
    }
}

/// The columns of the keys with these numbers, and the one that says which rule a row is of.
///
/// # Errors
/// An unknown number of a key.
pub fn leading_columns(
    options: &Options,
    keys: Option<&Keys>,
    numbers: Vec<IdxSize>,
    chains: &[usize],
) -> PolarsResult<Vec<Column>> {
    let mut columns = key_rows(keys, &options.by, numbers)?.into_columns();
    match options.rule_column.as_deref() {
        Some(THRESHOLD) => {
            let thresholds = options.thresholds()?;
            let of = chains.iter().map(|chain| thresholds[*chain]);
            columns.push(Int64Chunked::from_iter_options(THRESHOLD.into(), of).into_column());
        }
        Some(_) => {
            let of = chains.iter().map(|chain| options.rules[*chain].as_str());
            columns.push(StringChunked::from_iter_values(RULE.into(), of).into_column());
        }
        None => {}
    }
    Ok(columns)
}

/// The values of an output as a column; `time` is the dtype of times.
///
/// # Errors
/// Times that cannot be cast to `time`.
pub fn column(output: &Output, values: Values, time: &DataType) -> PolarsResult<Series> {
    let name = output.name.into();
    match values {
        Values::Float(column) => Ok(chunked::<Float64Type>(name, column).into_series()),
        Values::Int(column) => {
            let series = chunked::<Int64Type>(name, column).into_series();
            if matches!(output.compute, Compute::Time(_)) { series.cast(time) } else { Ok(series) }
        }
        Values::Exact(column) => {
            let sums = chunked::<Int128Type>(name, column);
            Ok(sums.into_decimal_unchecked(DIGITS, scale(output)).into_series())
        }
    }
}

fn chunked<T: PolarsNumericType>(name: PlSmallStr, column: Nullable<T::Native>) -> ChunkedArray<T> {
    let rows = column.values.len();
    let valid = column.valid.map(|valid| Bitmap::from_u8_vec(valid, rows));
    ChunkedArray::from_vec_validity(name, column.values, valid)
}

/// The dtype of the exact sums of an output.
pub fn exact_dtype(output: &Output) -> DataType {
    DataType::Decimal(DIGITS, scale(output))
}

const fn scale(output: &Output) -> usize {
    if matches!(output.compute, Compute::Volume(_)) { 8 } else { 16 }
}
