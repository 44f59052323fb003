//! Series in, borrowed trades out: which columns of a frame are the trades, whether their dtypes
//! will do, and the casts.
//!
//! A schema is judged once, before any row is read, so that a plan or an expression refuses it
//! while it is being built. Numbers become Float64, ids Int64, times stay what they are.

use crate::builder::{Builder, Closed};
use crate::checkpoint::Given;
use crate::error::Error;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::rule::Rule;
use crate::trades::{Bits, Column, Role, Sides, TimeUnit, Trades};
use polars::prelude as pl;
use polars::prelude::{DataType, Field, PolarsResult, Series};
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use std::collections::HashMap;
use std::ops::Range;

/// What the user calls the columns, by the default name of each role. An optional role that is
/// missing here is not read.
pub type Names = HashMap<String, String>;

/// The columns of a schema that are read, in the order of their roles.
#[derive(Clone, Debug)]
pub struct Inputs {
    columns: Vec<Input>,
    unit: TimeUnit,
    zone: Option<String>,
}

#[derive(Clone, Debug)]
struct Input {
    role: Role,
    name: pl::PlSmallStr,
    index: usize,
}

impl Inputs {
    /// Find the columns that `reads` asks for.
    ///
    /// # Errors
    /// A column that is not there, or of a dtype that will not do; the message names those that
    /// are, and the cast to write.
    pub fn resolve(
        schema: &[Field],
        names: &Names,
        reads: impl Fn(Role) -> bool,
    ) -> PolarsResult<Self> {
        let mut inputs = Self { columns: Vec::new(), unit: TimeUnit::Microseconds, zone: None };
        for role in Role::ALL.into_iter().filter(|role| reads(*role)) {
            let Some(name) = names.get(role.name()) else { continue };
            let mut found = (0..schema.len()).filter(|index| schema[*index].name() == name);
            let first = found.next();
            if found.next().is_some() {
                return Err(compute_error(&twice(name, schema)));
            }
            let Some(index) = first else {
                if role.is_optional() && name == role.name() {
                    continue;
                }
                return Err(compute_error(&missing(role, name, schema)));
            };
            let dtype = schema[index].dtype();
            if *dtype == DataType::Null && role.is_optional() {
                continue;
            }
            if !accepts(role, dtype) {
                return Err(compute_error(&wrong_dtype(role, name, dtype, schema)));
            }
            if let DataType::Datetime(unit, zone) = dtype {
                inputs.unit = match unit {
                    pl::TimeUnit::Milliseconds => TimeUnit::Milliseconds,
                    pl::TimeUnit::Microseconds => TimeUnit::Microseconds,
                    pl::TimeUnit::Nanoseconds => TimeUnit::Nanoseconds,
                };
                inputs.zone = zone.as_ref().map(ToString::to_string);
            }
            inputs.columns.push(Input { role, name: name.into(), index });
        }
        Ok(inputs)
    }

    /// Check that every column that the user names is there, whether it is read or not; one that is
    /// called as by default may be absent.
    ///
    /// # Errors
    /// The first that is not there.
    pub fn check_named(schema: &[Field], names: &Names) -> PolarsResult<()> {
        for role in Role::ALL {
            if let Some(name) = names.get(role.name()).filter(|name| *name != role.name())
                && schema.iter().all(|field| field.name() != name)
            {
                return Err(compute_error(&missing(role, name, schema)));
            }
        }
        Ok(())
    }

    /// What the trades look like.
    pub fn given(&self) -> Given {
        let columns = self.columns.iter().map(|input| input.role).collect();
        Given { unit: self.unit, zone: self.zone.clone(), columns }
    }

    /// Take the columns, by their place in the schema, out of a batch and cast them.
    ///
    /// # Errors
    /// Those of `column`, or a failing cast.
    pub fn batch(&self, column: impl Fn(usize) -> PolarsResult<Series>) -> PolarsResult<Batch> {
        let mut batch = Batch { columns: Vec::new(), unit: self.unit, bad_ids: Vec::new() };
        for input in &self.columns {
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
}

fn accepts(role: Role, dtype: &DataType) -> bool {
    match role {
        Role::Timestamp => matches!(dtype, DataType::Datetime(..)),
        Role::Price | Role::Quantity => dtype.is_numeric(),
        Role::IsBuyerMaker => *dtype == DataType::Boolean,
        Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => dtype.is_integer(),
    }
}

fn listed(schema: &[Field]) -> String {
    let one = |field: &Field| format!("{}: {}", field.name(), field.dtype());
    schema.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A name that two columns have, of which nothing tells which is meant.
pub fn twice(name: &str, schema: &[Field]) -> String {
    let names = schema.iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
    format!(
        "two columns are called {name:?} among [{}]: expected one of that name (select the columns \
         of the trades, or rename one)",
        names.join(", ")
    )
}

/// A column that is read and that Polars has no dtype for.
pub fn no_dtype(name: &str, stored: &str) -> String {
    format!(
        "column {name:?} is stored as {stored}, for which Polars has no dtype (cast it, or select \
         the columns that are read)"
    )
}

fn missing(role: Role, name: &str, schema: &[Field]) -> String {
    let role = role.name();
    format!(
        "no column {name:?} among the trades: they have [{}] (say which it is: \
         columns=TradeColumns({role}=\"...\"))",
        listed(schema)
    )
}

fn wrong_dtype(role: Role, name: &str, dtype: &DataType, schema: &[Field]) -> String {
    let column = format!("pl.col({name:?})");
    let expected = match role {
        Role::Timestamp => "Datetime",
        Role::Price | Role::Quantity => "a number",
        Role::IsBuyerMaker => "Boolean",
        Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => "an integer",
    };
    let remedy = match (role, dtype) {
        (Role::Timestamp, dtype) if dtype.is_integer() => {
            format!(
                "cast it from its own unit: pl.from_epoch({name:?}, time_unit=\"s\") where today is \
                 a number of 10 digits, \"ms\" of 13, \"us\" of 16, \"ns\" of 19"
            )
        }
        (Role::Timestamp, dtype) if dtype.is_numeric() => {
            format!(
                "cast it; where it counts seconds: pl.from_epoch(({column} * \
                 1_000_000).round().cast(pl.Int64), time_unit=\"us\")"
            )
        }
        (Role::Timestamp, DataType::String) => format!("cast it: {column}.str.to_datetime()"),
        (Role::Timestamp, DataType::Date) => format!("cast it: {column}.cast(pl.Datetime(\"us\"))"),
        (Role::IsBuyerMaker, DataType::String) => {
            format!(
                "true is where the aggressor sold: {column} == \"sell\", with the text that the \
                 column has for a seller"
            )
        }
        (Role::IsBuyerMaker, dtype) if dtype.is_numeric() => {
            format!(
                "true is where the aggressor sold: {column} == -1, with the number that the column \
                 has for a seller"
            )
        }
        (Role::Price | Role::Quantity, DataType::String | DataType::Boolean) => {
            format!("cast it: {column}.cast(pl.Float64)")
        }
        (Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId, dtype)
            if dtype.is_numeric() || *dtype == DataType::String =>
        {
            format!("cast it: {column}.cast(pl.Int64)")
        }
        (Role::Price | Role::Quantity, DataType::Categorical(..) | DataType::Enum(..)) => {
            format!("cast it: {column}.cast(pl.String).cast(pl.Float64)")
        }
        _ => format!("name another column: columns=TradeColumns({}=\"...\")", role.name()),
    };
    format!(
        "column {name:?} is {dtype}: expected {expected} among the trades [{}] ({remedy})",
        listed(schema)
    )
}

/// The dtype of times.
///
/// # Errors
/// A zone that Polars does not know.
pub fn time_dtype(given: &Given) -> PolarsResult<DataType> {
    let unit = match given.unit {
        TimeUnit::Milliseconds => pl::TimeUnit::Milliseconds,
        TimeUnit::Microseconds => pl::TimeUnit::Microseconds,
        TimeUnit::Nanoseconds => pl::TimeUnit::Nanoseconds,
    };
    Ok(DataType::Datetime(unit, pl::TimeZone::opt_try_new(given.zone.as_deref())?))
}

/// The columns of one batch, owned and of the dtypes the kernel reads.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Vec<(Role, Series)>,
    unit: TimeUnit,
    bad_ids: Vec<BadId>,
}

/// An id that Int64 does not hold.
#[derive(Clone, Debug)]
struct BadId {
    row: usize,
    column: String,
    value: String,
}

impl Batch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, series)| series.len())
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fold some rows of the batch into a builder.
    ///
    /// # Errors
    /// The first bad row, or a column that is not stored as its dtype says.
    pub fn fold<R: Rule>(
        &self,
        rows: Range<usize>,
        builder: &mut Builder<R>,
        emit: &mut impl FnMut(Closed),
    ) -> Result<(), Refusal> {
        let first_row = builder.rows();
        // The row of a bad id is shown as well, without that id: what else is wrong with it, or
        // with a row before, comes first.
        let bad_id =
            self.bad_ids.iter().filter(|bad| rows.contains(&bad.row)).min_by_key(|bad| bad.row);
        let end = bad_id.map_or(rows.end, |bad| bad.row + 1);
        let mut offset = 0;
        for chunk in 0..self.columns.first().map_or(0, |(_, series)| series.n_chunks()) {
            let trades = self.chunk(chunk)?;
            let (from, to) = (rows.start.max(offset), end.min(offset + trades.len));
            if from < to {
                builder.push(&trades.slice(from - offset..to - offset), emit)?;
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

    /// Cast ids, keeping in mind those that do not fit.
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

    /// Give all columns the same chunks, so that the slices of a chunk stand side by side.
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

/// Ids that are null all through are as good as absent, and absent ones need no look at each row.
fn ids<'a>(name: &'a str, array: &'a dyn Array) -> PolarsResult<Option<Column<'a, i64>>> {
    if array.null_count() == array.len() { Ok(None) } else { column(name, array).map(Some) }
}

fn sides<'a>(name: &str, array: &'a dyn Array) -> PolarsResult<Sides<'a>> {
    let sold = bits(downcast::<BooleanArray>(name, array)?.values());
    Ok(Sides { sold, known: valid(array) })
}
