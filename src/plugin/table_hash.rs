//! The class that hashes tables for stores.

use crate::plugin::arrow_stream::TableStream;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::row_hash::RowHash;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A hash of the rows of tables that come one after another.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct TableHash(Mutex<RowHash>);

#[pymethods]
impl TableHash {
    /// A hash of no rows, with the columns of a schema.
    #[new]
    fn new(schema: &Bound<'_, PyAny>) -> Result<Self, Refusal> {
        Ok(Self(Mutex::new(RowHash::of(TableStream::open(schema)?.fields())?)))
    }

    /// Add the rows of the next table.
    fn push(&self, table: &Bound<'_, PyAny>) -> Result<(), Refusal> {
        let mut stream = TableStream::open(table)?;
        if !self.lock().has_columns_of(&RowHash::of(stream.fields())?) {
            let text = "the columns of the table are not those that are hashed";
            return Err(compute_error(text).into());
        }
        stream.drain(table.py(), |stream| {
            let Some(chunk) = stream.next_chunk()? else { return Ok(false) };
            self.lock().push_table(&chunk)?;
            Ok(true)
        })
    }

    /// The hash of all rows so far, as hex digits.
    fn hexdigest(&self) -> String {
        format!("{:032x}", self.lock().digest())
    }

    /// The hash of each column of all rows so far, as hex digits, by name.
    fn hexdigests(&self) -> Vec<(String, String)> {
        let of_column = |(name, digest): (&str, u128)| (name.to_string(), format!("{digest:032x}"));
        self.lock().digests().map(of_column).collect()
    }
}

impl TableHash {
    fn lock(&self) -> MutexGuard<'_, RowHash> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
