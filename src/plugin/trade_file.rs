//! Trades as the bytes of a Parquet file, in a layout that is small and cheap to read.
//!
//! Times and ids rise by little, so they are stored as differences. Prices and quantities repeat,
//! so they are stored as numbers of the values in a dictionary; where it would exceed
//! [`DICTIONARY_BYTES`], the remaining values follow as they are.

// Python passes arguments by value.
#![allow(clippy::needless_pass_by_value)]

use crate::plugin::arrow_stream::TableStream;
use crate::plugin::refusal::{Refusal, compute_error};
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, StructArray};
use polars_arrow::datatypes::TimeUnit as ArrowTimeUnit;
use polars_arrow::types::NativeType;
use polars_core::prelude::{ArrowDataType, ArrowField, PolarsError, PolarsResult};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::borrow::Cow;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest dictionary of a column in a row group.
const DICTIONARY_BYTES: usize = 1 << 20;

/// The longest page before compression. A reader holds a few pages of each column.
const PAGE_BYTES: usize = 1 << 20;

/// How the values of trades are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Differences and dictionaries, compressed with LZ4.
    Lz4,
    /// The values as they are in memory.
    Uncompressed,
}

impl Layout {
    /// The layout with this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "lz4" => Some(Self::Lz4),
            "uncompressed" => Some(Self::Uncompressed),
            _ => None,
        }
    }

    fn properties(self, fields: &[ArrowField], notes: Vec<KeyValue>) -> WriterPropertiesPtr {
        let mut builder = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_dictionary_enabled(false)
            .set_dictionary_page_size_limit(DICTIONARY_BYTES)
            .set_data_page_size_limit(PAGE_BYTES)
            .set_data_page_row_count_limit(usize::MAX)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_key_value_metadata(Some(notes));
        if self == Self::Lz4 {
            builder = builder.set_compression(Compression::LZ4_RAW);
            for field in fields {
                let column = ColumnPath::from(field.name.as_str());
                builder = match field.dtype() {
                    ArrowDataType::Float64 => builder.set_column_dictionary_enabled(column, true),
                    ArrowDataType::Int64 | ArrowDataType::Timestamp(..) => {
                        builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
                    }
                    _ => builder,
                };
            }
        }
        Arc::new(builder.build())
    }
}

/// A Parquet file that is made row group by row group.
pub struct TradeFile {
    fields: Vec<ArrowField>,
    writer: SerializedFileWriter<Vec<u8>>,
}

impl TradeFile {
    /// A file without rows.
    ///
    /// # Errors
    /// A column with a dtype that trades of the cache do not have.
    pub fn new(
        fields: &[ArrowField],
        layout: Layout,
        metadata: Vec<(String, String)>,
    ) -> PolarsResult<Self> {
        let columns = fields.iter().map(column).collect::<PolarsResult<_>>()?;
        let schema = Type::group_type_builder("trades").with_fields(columns).build();
        let notes = metadata.into_iter().map(|(name, text)| KeyValue::new(name, text));
        let properties = layout.properties(fields, notes.collect());
        let writer = schema
            .and_then(|schema| SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties));
        Ok(Self { fields: fields.to_vec(), writer: writer.map_err(|error| not_written(&error))? })
    }

    /// Check that a table has the columns of the file.
    ///
    /// # Errors
    /// It has others.
    pub fn check(&self, fields: &[ArrowField]) -> PolarsResult<()> {
        let kinds = |fields: &[ArrowField]| -> Vec<_> {
            fields.iter().map(|field| (field.name.clone(), field.dtype().clone())).collect()
        };
        if kinds(fields) == kinds(&self.fields) {
            return Ok(());
        }
        Err(compute_error("the columns of the table are not those of the file"))
    }

    /// Add the rows of a table, which has the columns of the file, as a row group.
    ///
    /// # Errors
    /// A column that is not stored as its dtype says.
    pub fn push(&mut self, table: &StructArray) -> PolarsResult<()> {
        self.write(table.values()).map_err(|error| not_written(&error))
    }

    fn write(&mut self, arrays: &[Box<dyn Array>]) -> ParquetResult<()> {
        let mut group = self.writer.next_row_group()?;
        let mut arrays = arrays.iter();
        while let Some(mut column) = group.next_column()? {
            let array =
                arrays.next().ok_or_else(|| ParquetError::General("a column is missing".into()))?;
            write(column.untyped(), array.as_ref())?;
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// The end of the file. Nothing may be added after it.
    ///
    /// # Errors
    /// The file was finished before.
    pub fn finish(&mut self) -> PolarsResult<()> {
        self.writer.finish().map(drop).map_err(|error| not_written(&error))
    }

    /// The bytes of the file that were not taken before.
    ///
    /// # Errors
    /// None: the bytes are in memory.
    pub fn take(&mut self) -> PolarsResult<Vec<u8>> {
        self.writer.flush()?;
        Ok(take(self.writer.inner_mut()))
    }
}

/// The bytes of a Parquet file of trades.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct TradeWriter(Mutex<TradeFile>);

#[pymethods]
impl TradeWriter {
    /// A file without rows, with the columns of a schema.
    #[new]
    fn new(
        schema: &Bound<'_, PyAny>,
        compression: &str,
        metadata: Vec<(String, String)>,
    ) -> Result<Self, Refusal> {
        let layout = Layout::named(compression).ok_or_else(|| {
            PyValueError::new_err(format!(
                "compression is {compression:?}: expected lz4 or uncompressed"
            ))
        })?;
        let file = TradeFile::new(TableStream::open(schema)?.fields(), layout, metadata)?;
        Ok(Self(Mutex::new(file)))
    }

    /// The bytes of a table: each of its chunks is a row group.
    fn push<'py>(&self, table: &Bound<'py, PyAny>) -> Result<Bound<'py, PyBytes>, Refusal> {
        let py = table.py();
        let mut stream = TableStream::open(table)?;
        self.lock().check(stream.fields())?;
        stream.drain(py, |stream| {
            let Some(chunk) = stream.next_chunk()? else { return Ok(false) };
            self.lock().push(&chunk)?;
            Ok(true)
        })?;
        Ok(PyBytes::new(py, &self.lock().take()?))
    }

    /// The bytes of the end of the file.
    fn finish<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>, Refusal> {
        self.lock().finish()?;
        Ok(PyBytes::new(py, &self.lock().take()?))
    }
}

impl TradeWriter {
    fn lock(&self) -> MutexGuard<'_, TradeFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn column(field: &ArrowField) -> PolarsResult<Arc<Type>> {
    let (physical, logical) = match field.dtype() {
        ArrowDataType::Boolean => (Physical::BOOLEAN, None),
        ArrowDataType::Float64 => (Physical::DOUBLE, None),
        ArrowDataType::Int64 => (Physical::INT64, None),
        ArrowDataType::Timestamp(ArrowTimeUnit::Microsecond, Some(zone)) if zone == "UTC" => {
            (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        }
        other => {
            return Err(compute_error(&format!(
                "column {:?} is stored as {other:?}: expected Boolean, Int64, Float64 or \
                 Datetime(us, UTC)",
                field.name.as_str()
            )));
        }
    };
    Type::primitive_type_builder(&field.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
        .map(Arc::new)
        .map_err(|error| not_written(&error))
}

fn write(column: &mut ColumnWriter<'_>, array: &dyn Array) -> ParquetResult<()> {
    let levels = levels(array);
    match column {
        ColumnWriter::BoolColumnWriter(writer) => {
            let array: &BooleanArray = downcast(array)?;
            let values: Vec<bool> = array.non_null_values_iter().collect();
            writer.write_batch(&values, Some(&levels), None)?;
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            writer.write_batch(&numbers::<i64>(array)?, Some(&levels), None)?;
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            writer.write_batch(&numbers::<f64>(array)?, Some(&levels), None)?;
        }
        _ => return Err(not_stored(array)),
    }
    Ok(())
}

/// For each row whether it has a value, as Parquet counts it.
fn levels(array: &dyn Array) -> Vec<i16> {
    match array.validity() {
        Some(valid) => valid.iter().map(i16::from).collect(),
        None => vec![1; array.len()],
    }
}

/// The values of the rows that have one.
fn numbers<T: NativeType>(array: &dyn Array) -> ParquetResult<Cow<'_, [T]>> {
    let array: &PrimitiveArray<T> = downcast(array)?;
    Ok(match array.null_count() {
        0 => Cow::Borrowed(array.values().as_slice()),
        _ => Cow::Owned(array.non_null_values_iter().collect()),
    })
}

fn downcast<A: 'static>(array: &dyn Array) -> ParquetResult<&A> {
    array.as_any().downcast_ref().ok_or_else(|| not_stored(array))
}

fn not_stored(array: &dyn Array) -> ParquetError {
    ParquetError::General(format!("a column is stored as {:?}", array.dtype()))
}

fn not_written(error: &ParquetError) -> PolarsError {
    compute_error(&format!("the trades cannot be written as Parquet: {error}"))
}
