//! The trades of one batch: the columns that are read, owned and cast, lent to the kernel chunk by
//! chunk.
//!
//! Numbers become Float64, ids Int64; times keep their unit.

use crate::builder::{Builder, Ended};
use crate::check::Check;
use crate::error::Error;
use crate::label::{Event, Labeller};
use crate::lookback::Before;
use crate::overlap;
use crate::plugin::extra_inputs::Meaning;
use crate::plugin::inputs::{Inputs, Names};
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::side_text::SideTexts;
use crate::rule::Rule;
use crate::session::Kind;
use crate::trades::{Bits, Column, Extra, Flags, Role, Sessions, Sides, Texts, TimeUnit, Trades};
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_core::prelude::{
    ChunkFull, DataType, Field, Float64Chunked, Int64Chunked, IntoSeries, NewChunkedArray,
    PolarsResult, Series,
};
use std::ops::Range;
use std::sync::Arc;

/// The columns of one batch, owned and of the dtypes the kernel reads.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Vec<(Role, Series)>,
    /// The columns that rules and a reset bring along, and what their values mean.
    extras: Vec<(Meaning, Series)>,
    unit: TimeUnit,
    bad: Vec<Bad>,
}

/// The columns of a batch, borrowed: what is lent once can be folded key by key.
#[derive(Debug)]
pub struct Lent<'a> {
    /// The trades of each chunk, and the columns that rules and a reset bring along.
    chunks: Vec<(Trades<'a>, Vec<Extra<'a>>)>,
    bad: &'a [Bad],
}

/// A value that cannot be cast: an id that Int64 does not hold, or a side that means nothing.
#[derive(Clone, Debug)]
struct Bad {
    row: usize,
    column: String,
    value: String,
    /// Of a side: the texts that are expected.
    expected: Option<Arc<str>>,
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
        let (columns, extras, bad) = (Vec::new(), Vec::new(), Vec::new());
        let mut batch = Self { columns, extras, unit: inputs.unit(), bad };
        for input in inputs.columns() {
            let series = column(input.index)?;
            let series = match input.role {
                Role::Timestamp => series.to_physical_repr().into_owned(),
                Role::Price | Role::Quantity => series.cast(&DataType::Float64)?,
                Role::IsBuyerMaker => match inputs.sides() {
                    Some(sides) => batch.sides(&series, sides)?,
                    None => series,
                },
                Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => batch.ids(&series)?,
            };
            batch.columns.push((input.role, series.with_name(input.name.clone())));
        }
        for extra in inputs.extras() {
            let series = column(extra.index)?;
            let series = match extra.meaning {
                Meaning::Flags => series,
                Meaning::Numbers => series.cast(&DataType::Float64)?,
                Meaning::Sessions(kind) => sessions(kind, &series)?,
            };
            batch.extras.push((extra.meaning, series.with_name(extra.name.clone())));
        }
        if inputs.counts_records() {
            let name = Role::Quantity.name().into();
            let ones = Float64Chunked::full(name, 1.0, batch.len()).into_series();
            batch.columns.push((Role::Quantity, ones));
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
        let chunk = |chunk| Ok((self.chunk(chunk)?, self.extras(chunk)?));
        Ok(Lent { chunks: (0..chunks).map(chunk).collect::<PolarsResult<_>>()?, bad: &self.bad })
    }

    /// How many of the first of some rows are trades that were counted already; `check` knows the
    /// trades before them, and `column` is the name of the ids.
    ///
    /// # Errors
    /// As [`counted`](crate::overlap::counted), or a column that is not stored as its dtype says.
    pub fn counted(
        &self,
        rows: Range<usize>,
        check: &Check,
        column: &str,
    ) -> Result<usize, Refusal> {
        // A bad id is reported with its row, as any bad value of a new trade.
        let bad = self.bad.iter().map(|bad| bad.row).filter(|row| rows.contains(row)).min();
        let end = bad.unwrap_or(rows.end);
        let (mut offset, mut found) = (0, 0);
        for chunk in 0..self.columns.first().map_or(0, |(_, series)| series.n_chunks()) {
            let trades = self.chunk(chunk)?;
            let (from, to) = (rows.start.max(offset), end.min(offset + trades.len));
            if from < to {
                let trades = trades.slice(from - offset..to - offset);
                let here = overlap::counted(check, &trades, column)?;
                found += here;
                if here < trades.len {
                    break;
                }
            }
            offset += trades.len;
        }
        Ok(found)
    }

    /// Time and `agg_trade_id` of a trade.
    ///
    /// # Errors
    /// A column that is not stored as its dtype says.
    pub fn at(&self, row: usize) -> PolarsResult<Option<(i64, Option<i64>)>> {
        let of = |wanted: Role| -> PolarsResult<Option<i64>> {
            let column = self.columns.iter().find(|(role, _)| *role == wanted);
            column.map_or(Ok(None), |(_, series)| Ok(series.i64()?.get(row)))
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
                self.bad.push(Bad { row, column, value, expected: None });
            }
        }
        Ok(cast)
    }

    /// Read sides, and remember those that mean nothing.
    fn sides(&mut self, series: &Series, texts: &SideTexts) -> PolarsResult<Series> {
        let read = texts.read(series)?;
        let expected: Arc<str> = texts.expected().into();
        for (row, value) in read.strange {
            let (column, expected) = (series.name().to_string(), Some(Arc::clone(&expected)));
            let value = if series.dtype().is_integer() { value } else { format!("{value:?}") };
            self.bad.push(Bad { row, column, value, expected });
        }
        Ok(read.sold)
    }

    /// Give all columns the same chunks, so that the slices of a chunk have the same rows.
    fn align(&mut self) {
        let columns = self.columns.iter_mut().map(|(_, series)| series);
        let mut all: Vec<_> =
            columns.chain(self.extras.iter_mut().map(|(_, extra)| extra)).collect();
        let lengths = |series: &Series| series.chunk_lengths().collect::<Vec<_>>();
        if all.windows(2).any(|pair| lengths(pair[0]) != lengths(pair[1])) {
            for series in &mut all {
                **series = series.rechunk();
            }
        }
    }

    fn extras(&self, chunk: usize) -> PolarsResult<Vec<Extra<'_>>> {
        self.extras.iter().map(|(meaning, series)| extra(*meaning, series, chunk)).collect()
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
        emit: &mut impl FnMut(Ended, &Before),
    ) -> Result<(), Refusal> {
        let first_row = builder.rows();
        // The builder is given the row of a bad value too, without that value: any other error in
        // it, or in a row before it, is reported first.
        let bad = self.bad.iter().filter(|bad| rows.contains(&bad.row)).min_by_key(|bad| bad.row);
        let end = bad.map_or(rows.end, |bad| bad.row + 1);
        let mut offset = 0;
        for (trades, extras) in &self.chunks {
            let trades = Trades { extras, ..*trades };
            let (from, to) = (rows.start.max(offset), end.min(offset + trades.len));
            if from < to {
                builder.push_on(threads, &trades.slice(from - offset..to - offset), emit)?;
            }
            offset += trades.len;
        }
        let Some(bad) = bad else { return Ok(()) };
        let (column, value) = (bad.column.clone(), bad.value.clone());
        let row = first_row + (bad.row - rows.start) as u64;
        Err(match &bad.expected {
            None => Error::Id { column, row, value }.into(),
            Some(expected) => {
                Error::Side { column, row, value, expected: expected.to_string() }.into()
            }
        })
    }
}

impl Lent<'_> {
    /// Look for what became of events at some rows of the batch, which were folded without an error.
    pub fn label(&self, rows: Range<usize>, events: &[Event], labeller: &mut Labeller) {
        let (mut offset, mut events) = (0, events);
        for (trades, _) in &self.chunks {
            let (from, to) = (rows.start.max(offset), rows.end.min(offset + trades.len));
            if from < to {
                let before = from - rows.start;
                let here = events.partition_point(|event| event.row < to - rows.start);
                let (of_chunk, rest) = events.split_at(here);
                let of_chunk =
                    of_chunk.iter().map(|event| Event { row: event.row - before, ..*event });
                let of_chunk: Vec<_> = of_chunk.collect();
                labeller.push(&trades.slice(from - offset..to - offset), &of_chunk);
                events = rest;
            }
            offset += trades.len;
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

fn extra(meaning: Meaning, series: &Series, chunk: usize) -> PolarsResult<Extra<'_>> {
    let (name, array) = (series.name().as_str(), series.chunks()[chunk].as_ref());
    Ok(match meaning {
        Meaning::Flags => {
            let set = bits(downcast::<BooleanArray>(name, array)?.values());
            Extra::Flags(Flags { set, known: valid(array) })
        }
        Meaning::Numbers => Extra::Numbers(column(name, array)?),
        Meaning::Sessions(Kind::Text) => {
            let texts = downcast::<Utf8ViewArray>(name, array)?;
            Extra::Sessions(Sessions::Texts { texts, first: 0, len: array.len() })
        }
        Meaning::Sessions(kind) => Extra::Sessions(Sessions::Numbers(kind, column(name, array)?)),
    })
}

impl Texts for Utf8ViewArray {
    fn text(&self, row: usize) -> Option<&str> {
        self.get(row)
    }
}

/// Values whose changes begin a new chain, as texts or as integers of 64 bits.
fn sessions(kind: Kind, series: &Series) -> PolarsResult<Series> {
    match kind {
        Kind::Text => series.cast(&DataType::String),
        Kind::Unsigned => {
            let numbers = series.u64()?.iter().map(|number| number.map(u64::cast_signed));
            let name = series.name().clone();
            Ok(Int64Chunked::from_iter_options(name, numbers).into_series())
        }
        _ => series.to_physical_repr().cast(&DataType::Int64),
    }
}

fn sides<'a>(name: &str, array: &'a dyn Array) -> PolarsResult<Sides<'a>> {
    let sold = bits(downcast::<BooleanArray>(name, array)?.values());
    Ok(Sides { sold, known: valid(array) })
}
