//! Tables of other libraries as Polars columns: the Arrow stream of a table, read chunk by chunk.
//!
//! No chunk is kept.

#![allow(unsafe_code)]

use crate::plugin::inputs::no_dtype;
use crate::plugin::refusal::{Refusal, compute_error, panic_text};
use crate::plugin::schema_text::twice;
use polars_arrow::array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StructArray};
use polars_arrow::bitmap::and;
use polars_arrow::ffi::{ArrowArrayStream, ArrowArrayStreamReader};
use polars_core::prelude::{
    ArrowDataType, ArrowField, BooleanChunked, Column, DataFrame, DataType, Field, Float64Chunked,
    Int64Chunked, IntoSeries, PolarsError, PolarsResult, Series, TimeZone, UnknownKind,
};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;

/// Tables of one schema that come one after another, from anything with `__arrow_c_stream__`.
pub struct TableStream {
    reader: ArrowArrayStreamReader<Box<ArrowArrayStream>>,
    fields: Vec<ArrowField>,
    schema: Vec<Field>,
    /// What [`Self::next_rows`] has left of a chunk.
    rest: Option<StructArray>,
}

impl TableStream {
    /// Open the stream of a table; its schema is read, and none of its rows.
    ///
    /// # Errors
    /// What Python raised, or a stream of anything but tables.
    pub fn open(table: &Bound<'_, PyAny>) -> Result<Self, Refusal> {
        let capsule = table.call_method0("__arrow_c_stream__")?;
        let capsule = capsule.cast_into::<PyCapsule>().map_err(PyErr::from)?;
        let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
        let pointer = pointer.cast::<ArrowArrayStream>().as_ptr();
        // SAFETY: a capsule of that name holds such a stream, and the interpreter's lock is held.
        // The capsule is left with a released stream.
        let stream = unsafe { std::mem::replace(&mut *pointer, ArrowArrayStream::empty()) };
        let reader = caught(|| {
            // SAFETY: the Arrow PyCapsule interface guarantees a valid stream in such a capsule.
            unsafe { ArrowArrayStreamReader::try_new(Box::new(stream)) }
                .map_err(|error| unreadable(&error))
        })?;
        let ArrowDataType::Struct(fields) = reader.field().dtype().clone() else {
            let got = reader.field().dtype();
            return Err(compute_error(&format!(
                "expected a table of trades, got an array of {got:?}"
            ))
            .into());
        };
        Ok(Self { schema: fields.iter().map(field).collect(), fields, reader, rest: None })
    }

    /// The Arrow fields of the columns.
    pub fn fields(&self) -> &[ArrowField] {
        &self.fields
    }

    /// The Polars schema of the columns.
    pub fn schema(&self) -> &[Field] {
        &self.schema
    }

    /// The next chunk, if there is one.
    ///
    /// # Errors
    /// A chunk that Polars cannot import, or what the library that makes the chunks raised.
    pub fn next_chunk(&mut self) -> PolarsResult<Option<StructArray>> {
        // SAFETY: the stream was valid when it was opened, and nobody else has it.
        let array = caught(|| unsafe { self.reader.next() }.transpose());
        let Some(array) = array? else { return Ok(None) };
        let table = array.as_any().downcast_ref::<StructArray>();
        table
            .map(without_null_rows)
            .map(Some)
            .ok_or_else(|| compute_error("expected chunks of a table"))
    }

    /// The next rows, at most so many and all of one chunk, if there are some.
    ///
    /// # Errors
    /// As [`Self::next_chunk`].
    pub fn next_rows(&mut self, most: usize) -> PolarsResult<Option<StructArray>> {
        let rows = match self.rest.take() {
            Some(rest) => rest,
            None => match self.next_chunk()? {
                Some(chunk) => chunk,
                None => return Ok(None),
            },
        };
        if rows.len() <= most {
            return Ok(Some(rows));
        }
        let mut rest = rows.clone();
        rest.slice(most, rows.len() - most);
        self.rest = Some(rest);
        let mut first = rows;
        first.slice(0, most);
        Ok(Some(first))
    }

    /// A column of a chunk.
    ///
    /// # Errors
    /// A column that Polars cannot import.
    pub fn series(&self, chunk: &StructArray, index: usize) -> PolarsResult<Series> {
        series(&self.fields[index], &chunk.values()[index])
    }

    /// Check that Polars knows the time zone of a column, if it has one.
    ///
    /// # Errors
    /// An unknown zone.
    pub fn check_zone(&self, column: Option<&str>) -> PolarsResult<()> {
        let field = self.fields.iter().find(|field| column == Some(field.name.as_str()));
        if let Some(field) = field
            && let ArrowDataType::Timestamp(_, Some(zone)) = field.dtype()
            && !is_zone(zone)
        {
            return Err(compute_error(&no_zone(&field.name, zone)));
        }
        Ok(())
    }

    /// Read the columns of these names from all chunks; `None` reads all columns.
    ///
    /// # Errors
    /// Two columns of one name, a column that Polars has no dtype for, or those of
    /// [`Self::next_chunk`].
    pub fn read(mut self, py: Python<'_>, names: Option<&[String]>) -> Result<DataFrame, Refusal> {
        let is_wanted = |field: &ArrowField| {
            names.is_none_or(|names| names.iter().any(|name| name == field.name.as_str()))
        };
        let wanted: Vec<usize> =
            (0..self.fields.len()).filter(|index| is_wanted(&self.fields[*index])).collect();
        let mut columns = Vec::with_capacity(wanted.len());
        for index in &wanted {
            let field = &self.schema[*index];
            let known = wanted.iter().filter(|other| self.schema[**other].name() == field.name());
            let fault = if known.count() > 1 {
                Some(twice(field.name(), &self.schema))
            } else if matches!(field.dtype(), DataType::Unknown(_)) {
                Some(match self.fields[*index].dtype() {
                    ArrowDataType::Timestamp(_, Some(zone)) => no_zone(field.name(), zone),
                    other => no_dtype(field.name(), &format!("{other:?}")),
                })
            } else {
                None
            };
            if let Some(text) = fault {
                return Err(compute_error(&text).into());
            }
            columns.push(Series::new_empty(field.name().clone(), field.dtype()));
        }
        self.drain(py, |stream| {
            let Some(chunk) = stream.next_chunk()? else { return Ok(false) };
            for (column, index) in columns.iter_mut().zip(&wanted) {
                column.append(&stream.series(&chunk, *index)?)?;
            }
            Ok(true)
        })?;
        let height = columns.first().map_or(0, |column| column.len());
        Ok(DataFrame::new(height, columns.into_iter().map(Column::from).collect())?)
    }

    /// Call `push`, which takes a chunk and returns whether there was one, until there is none. It
    /// runs without the interpreter's lock, and Ctrl-C is noticed between two chunks.
    ///
    /// # Errors
    /// Those of `push`, and `KeyboardInterrupt`.
    pub fn drain(
        &mut self,
        py: Python<'_>,
        mut push: impl FnMut(&mut Self) -> PolarsResult<bool> + Send,
    ) -> Result<(), Refusal> {
        while py.detach(|| push(self))? {
            py.check_signals()?;
        }
        Ok(())
    }
}

/// Call `read`, and turn a panic into an error: for some arrays that it cannot import, Polars
/// panics.
fn caught<T>(read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    match std::panic::catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        // Another library raised this while it read its batches: its text is passed on unchanged.
        Ok(Err(PolarsError::ComputeError(why))) => Err(PolarsError::ComputeError(why)),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(panic) => {
            Err(unreadable(&panic_text(&*panic).unwrap_or("an array of an unknown form")))
        }
    }
}

fn unreadable(why: &dyn Display) -> PolarsError {
    compute_error(&format!(
        "the table cannot be read: {why} (select the columns of the trades before)"
    ))
}

/// A column as a series. A column that is stored as Polars stores it is wrapped as it is, because a
/// conversion of its dtype would cost more than a small batch itself.
fn series(field: &ArrowField, array: &ArrayRef) -> PolarsResult<Series> {
    let (name, any) = (field.name.clone(), array.as_any());
    Ok(match array.dtype() {
        ArrowDataType::Float64 if let Some(array) = any.downcast_ref::<PrimitiveArray<f64>>() => {
            Float64Chunked::with_chunk(name, array.clone()).into_series()
        }
        ArrowDataType::Int64 if let Some(array) = any.downcast_ref::<PrimitiveArray<i64>>() => {
            Int64Chunked::with_chunk(name, array.clone()).into_series()
        }
        ArrowDataType::Boolean if let Some(array) = any.downcast_ref::<BooleanArray>() => {
            BooleanChunked::with_chunk(name, array.clone()).into_series()
        }
        _ => Series::try_from((field, vec![array.clone()]))?,
    })
}

/// A column of a table. One that Polars has no dtype for is refused only if it is read.
fn field(field: &ArrowField) -> Field {
    if has_dtype(field.dtype()) {
        Field::from(field)
    } else {
        Field::new(field.name.clone(), DataType::Unknown(UnknownKind::Any))
    }
}

/// Whether Polars has a dtype for it; for the others the conversion panics.
fn has_dtype(dtype: &ArrowDataType) -> bool {
    match dtype {
        ArrowDataType::Unknown
        | ArrowDataType::Union(_)
        | ArrowDataType::Interval(_)
        | ArrowDataType::Extension(_) => false,
        ArrowDataType::Timestamp(_, zone) => zone.as_deref().is_none_or(is_zone),
        ArrowDataType::FixedSizeList(inner, width) => *width > 0 && has_dtype(inner.dtype()),
        ArrowDataType::List(inner)
        | ArrowDataType::LargeList(inner)
        | ArrowDataType::Map(inner, _) => has_dtype(inner.dtype()),
        ArrowDataType::Struct(fields) => fields.iter().all(|field| has_dtype(field.dtype())),
        ArrowDataType::Dictionary(_, values, _) => has_dtype(values),
        _ => true,
    }
}

fn is_zone(zone: &str) -> bool {
    TimeZone::opt_try_new(Some(zone)).is_ok()
}

fn no_zone(name: &str, zone: &str) -> String {
    format!(
        "column {name:?} has times of the zone {zone:?}, which Polars does not know: expected UTC or \
         a name such as \"Asia/Kolkata\" (cast it to a timestamp of the zone UTC before)"
    )
}

/// The table with the nulls of its rows moved into the columns, because the values that stand in a
/// null row mean nothing.
fn without_null_rows(table: &StructArray) -> StructArray {
    let Some(rows) = table.validity().filter(|_| table.null_count() > 0) else {
        return table.clone();
    };
    let column = |array: &ArrayRef| {
        let valid = array.validity().map_or_else(|| rows.clone(), |valid| and(valid, rows));
        array.with_validity(Some(valid))
    };
    let columns = table.values().iter().map(column).collect();
    StructArray::new(table.dtype().clone(), table.len(), columns, None)
}
