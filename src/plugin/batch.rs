//! The trades of one batch: the columns that are read, owned and cast, lent to the kernel chunk by
//! chunk.
//!
//! Numbers become Float64, ids Int64; times keep their unit.

use crate::builder::{Builder, Ended};
use crate::error::Error;
use crate::plugin::inputs::{Inputs, Names};
use crate::plugin::refusal::{Refusal, compute_error};
use crate::rule::Rule;
use crate::trades::{Bits, Column, Role, Sides, TimeUnit, Trades};
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_core::prelude::{DataType, Field, PolarsResult, Series};
use std::ops::Range;

/// The columns of one batch, owned and of the dtypes the kernel reads.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Vec<(Role, Series)>,
    unit: TimeUnit,
    bad_ids: Vec<BadId>,
}

/// The columns of a batch, borrowed: what is lent once can be folded key by key.
#[derive(Debug)]
pub struct Lent<'a> {
    chunks: Vec<Trades<'a>>,
    bad_ids: &'a [BadId],
}

/// An id that Int64 does not hold.
#[derive(Clone, Debug)]
struct BadId {
    row: usize,
    column: String,
    value: String,
}

impl Batch {
    /// The columns that `inputs` found, cast; `column` gives a column by its place in the schema.
    ///
    /// # Errors
    /// Those of `column`, or a failing cast.
    pub fn new(
        inputs: &Inputs,
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> PolarsResult<Self> {
        let mut batch = Self { columns: Vec::new(), unit: inputs.unit(), bad_ids: Vec::new() };
        for input in inputs.columns() {
            let series = column(input.index)?;
            let series = match input.role {
                Role::Timestamp => series.to_physical_repr().into_owned(),
                Role::Price | Role::Quantity => series.cast(&DataType::Float64)?,
                Role::IsBuyerMaker => series,
                Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => batch.ids(&series)?,
            };
            batch.columns.push((input.role, series.with_name(input.name.clone())));
        }
        batch.align();
        Ok(batch)
    }

    /// The columns of a struct of trades with this schema, cast.
    ///
    /// # Errors
    /// A schema that is refused, or a failing cast.
    pub fn of_series(
        schema: &[Field],
        series: &[Series],
        names: &Names,
        reads: impl Fn(Role) -> bool,
    ) -> PolarsResult<Self> {
        Self::new(&Inputs::resolve(schema, names, reads)?, |index| Ok(series[index].clone()))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, series)| series.len())
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns as the kernel reads them.
    ///
    /// # Errors
    /// A column that is not stored as its dtype says.
    pub fn lend(&self) -> PolarsResult<Lent<'_>> {
        let chunks = self.columns.first().map_or(0, |(_, series)| series.n_chunks());
        let chunks = (0..chunks).map(|chunk| self.chunk(chunk)).collect::<PolarsResult<_>>()?;
        Ok(Lent { chunks, bad_ids: &self.bad_ids })
    }

    /// Time and `agg_trade_id` of the first trade.
    ///
    /// # Errors
    /// A column that is not stored as its dtype says.
    pub fn first(&self) -> PolarsResult<Option<(i64, Option<i64>)>> {
        if self.is_empty() {
            return Ok(None);
        }
        let of = |wanted: Role| -> PolarsResult<Option<i64>> {
            let column = self.columns.iter().find(|(role, _)| *role == wanted);
            column.map_or(Ok(None), |(_, series)| Ok(series.i64()?.first()))
        };
        Ok(of(Role::Timestamp)?.map(|time| (time, of(Role::AggTradeId).ok().flatten())))
    }

    /// Cast ids, and remember those that Int64 does not hold.
    fn ids(&mut self, series: &Series) -> PolarsResult<Series> {
        let cast = series.cast(&DataType::Int64)?;
        if cast.null_count() > series.null_count() {
            let lost = &cast.is_null() & &series.is_not_null();
            for (row, _) in lost.iter().enumerate().filter(|(_, lost)| *lost == Some(true)) {
                let (column, value) = (series.name().to_string(), series.get(row)?.to_string());
                self.bad_ids.push(BadId { row, column, value });
            }
        }
        Ok(cast)
    }

    /// Give all columns the same chunks, so that the slices of a chunk have the same rows.
    fn align(&mut self) {
        let lengths = |(_, series): &(Role, Series)| series.chunk_lengths().collect::<Vec<_>>();
        if self.columns.windows(2).any(|pair| lengths(&pair[0]) != lengths(&pair[1])) {
            for (_, series) in &mut self.columns {
                *series = series.rechunk();
            }
        }
    }

    fn chunk(&self, chunk: usize) -> PolarsResult<Trades<'_>> {
        let len = self.columns.first().map_or(0, |(_, series)| series.chunks()[chunk].len());
        let mut trades = Trades::new(len, self.unit);
        for (role, series) in &self.columns {
            let (name, array) = (series.name().as_str(), series.chunks()[chunk].as_ref());
            match role {
                Role::Timestamp => trades.timestamp = Some(column(name, array)?),
                Role::Price => trades.price = Some(column(name, array)?),
                Role::Quantity => trades.quantity = Some(column(name, array)?),
                Role::IsBuyerMaker => trades.is_buyer_maker = Some(sides(name, array)?),
                Role::AggTradeId => trades.agg_trade_id = ids(name, array)?,
                Role::FirstTradeId => trades.first_trade_id = ids(name, array)?,
                Role::LastTradeId => trades.last_trade_id = ids(name, array)?,
            }
        }
        Ok(trades)
    }
}

impl Lent<'_> {
    /// Fold some rows of the batch into a builder, on at most so many threads.
    ///
    /// # Errors
    /// The first bad row.
    pub fn fold<R: Rule + Clone + Send>(
        &self,
        rows: Range<usize>,
        threads: usize,
        builder: &mut Builder<R>,
        emit: &mut impl FnMut(Ended),
    ) -> Result<(), Refusal> {
        let first_row = builder.rows();
        // The builder is given the row of a bad id too, without that id: any other error in it, or
        // in a row before it, is reported first.
        let bad_id =
            self.bad_ids.iter().filter(|bad| rows.contains(&bad.row)).min_by_key(|bad| bad.row);
        let end = bad_id.map_or(rows.end, |bad| bad.row + 1);
        let mut offset = 0;
        for trades in &self.chunks {
            let (from, to) = (rows.start.max(offset), end.min(offset + trades.len));
            if from < to {
                builder.push_on(threads, &trades.slice(from - offset..to - offset), emit)?;
            }
            offset += trades.len;
        }
        match bad_id {
            None => Ok(()),
            Some(BadId { row, column, value }) => {
                let (column, value) = (column.clone(), value.clone());
                let row = first_row + (row - rows.start) as u64;
                Err(Error::Id { column, row, value }.into())
            }
        }
    }
}

/// The bits of a bitmap, borrowed.
pub fn bits(bitmap: &Bitmap) -> Bits<'_> {
    let (bytes, offset, len) = bitmap.as_slice();
    Bits::new(bytes, offset, len)
}

fn valid(array: &dyn Array) -> Option<Bits<'_>> {
    array.validity().filter(|_| array.null_count() > 0).map(bits)
}

fn downcast<'a, A: 'static>(name: &str, array: &'a dyn Array) -> PolarsResult<&'a A> {
    let other = || compute_error(&format!("column {name:?} is stored as {:?}", array.dtype()));
    array.as_any().downcast_ref().ok_or_else(other)
}

fn column<'a, T: NativeType>(name: &'a str, array: &'a dyn Array) -> PolarsResult<Column<'a, T>> {
    let values = downcast::<PrimitiveArray<T>>(name, array)?.values();
    Ok(Column { name, values, valid: valid(array) })
}

/// The ids of a chunk. If all of them are null, the column counts as absent, because absent ids
/// need no look at each row.
fn ids<'a>(name: &'a str, array: &'a dyn Array) -> PolarsResult<Option<Column<'a, i64>>> {
    if array.null_count() == array.len() { Ok(None) } else { column(name, array).map(Some) }
}

fn sides<'a>(name: &str, array: &'a dyn Array) -> PolarsResult<Sides<'a>> {
    let sold = bits(downcast::<BooleanArray>(name, array)?.values());
    Ok(Sides { sold, known: valid(array) })
}
