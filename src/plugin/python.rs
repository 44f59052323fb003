//! Tables of trades in, frames of bars out: what Python calls.
//!
//! A table is anything that gives an Arrow C stream: a frame's own chunks, a batch of a plan, a
//! table of another library. It is read chunk by chunk without the interpreter's lock; nothing of a
//! chunk is kept but the open bar.

// Python hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

use crate::checkpoint::Checkpoint;
use crate::columns::{Compute, Group, OUTPUTS, Output};
use crate::epoch::EpochUnit;
use crate::error::Error;
use crate::period::Period;
use crate::plugin::dicts::{Form, Records};
use crate::plugin::fold::Bars;
use crate::plugin::inputs::{Inputs, no_dtype, refusal, twice};
use crate::plugin::options::{OPENED, Options, is_always_read};
use crate::row_hash::RowHash;
use crate::trades::Role;
use polars::prelude::{
    ArrowDataType, ArrowField, BooleanChunked, Column, DataFrame, DataType, Field, Float64Chunked,
    Int64Chunked, IntoSeries, PolarsError, PolarsResult, Series, TimeZone, UnknownKind,
};
use polars_arrow::array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StructArray};
use polars_arrow::bitmap::and;
use polars_arrow::ffi::{ArrowArrayStream, ArrowArrayStreamReader};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyList};
use pyo3_polars::PyDataFrame;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A kind and a text to warn with.
type Notice = (&'static str, String);

/// What to warn of where no trade of a bar has a side.
#[pyfunction]
fn null_side(columns: Vec<String>) -> Notice {
    let notice = crate::notice::Notice::NullSide { columns };
    (notice.kind(), notice.to_string())
}

/// The bars of a table of trades, and what to warn of.
#[pyfunction]
fn bars(trades: &Bound<'_, PyAny>, options: Options) -> PyResult<(PyDataFrame, Vec<Notice>)> {
    let py = trades.py();
    let mut source = Source::open(trades)?;
    let mut bars = Bars::new(&options).map_err(|error| compute_error(py, &error))?;
    let inputs = source.bind(&mut bars).map_err(|error| compute_error(py, &error))?;
    source.drain(py, |source| source.push(&mut bars, &inputs))?;
    let frame = bars.finish().map_err(|error| compute_error(py, &error))?;
    Ok((PyDataFrame(frame), bars.notices()))
}

/// Bars of tables of trades that come one after another.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct BarBuilder {
    bars: Mutex<Bars>,
    form: Arc<Form>,
}

#[pymethods]
impl BarBuilder {
    /// A builder that has seen no trade, or goes on from a checkpoint.
    #[new]
    #[pyo3(signature = (options, checkpoint=None, time_unit="ms"))]
    fn new(
        py: Python<'_>,
        options: Options,
        checkpoint: Option<&[u8]>,
        time_unit: &str,
    ) -> PyResult<Self> {
        let unit = EpochUnit::named(time_unit).ok_or_else(|| {
            PyValueError::new_err(format!("time_unit is {time_unit:?}: expected s, ms, us or ns"))
        })?;
        let form = Arc::new(Form::new(py, &options.columns, unit));
        let bars = match checkpoint {
            None => Bars::new(&options),
            Some(bytes) => {
                let checkpoint = Checkpoint::from_bytes(bytes);
                let checkpoint = checkpoint.map_err(|error| own_error(py, &error))?;
                match Bars::resume(&options, checkpoint) {
                    Ok(Err(error)) => return Err(own_error(py, &error)),
                    Ok(Ok(bars)) => Ok(bars),
                    Err(error) => Err(error),
                }
            }
        };
        let bars = bars.map_err(|error| compute_error(py, &error))?;
        Ok(Self { bars: Mutex::new(bars), form })
    }

    /// Judge the schema of a table, without reading it.
    fn bind(&self, schema: &Bound<'_, PyAny>) -> PyResult<()> {
        let source = Source::open(schema)?;
        source.bind(&mut self.lock()).map(drop).map_err(|error| compute_error(schema.py(), &error))
    }

    /// The bars that ended in the next table of trades; None for no bar.
    fn push(&self, trades: &Bound<'_, PyAny>) -> PyResult<Option<PyDataFrame>> {
        let py = trades.py();
        let mut source = Source::open(trades)?;
        let inputs = source.bind(&mut self.lock()).map_err(|error| compute_error(py, &error))?;
        source.drain(py, |source| source.push(&mut self.lock(), &inputs))?;
        if self.lock().is_empty() { Ok(None) } else { self.frame(py, Bars::take).map(Some) }
    }

    /// The bars that ended in a list of dicts of trades; None for no bar.
    fn push_records(&self, trades: &Bound<'_, PyList>) -> PyResult<Option<PyDataFrame>> {
        let py = trades.py();
        let mut bars = self.lock();
        let (given, rows) = bars.records();
        let (records, refused) = Records::read(trades, &self.form, given, rows)?;
        // A fault of a trade before the one that is refused comes first.
        let ended = if records.is_empty() && refused.is_none() && given.is_none() {
            bars.empty_of(&records.looks()).map(|frame| Ok(Some(frame)))
        } else {
            bars.push_records(&records)
        };
        match (ended, refused) {
            (Err(error), _) => Err(compute_error(py, &error)),
            (Ok(Err(error)), _) | (Ok(Ok(_)), Some(error)) => Err(own_error(py, &error)),
            (Ok(Ok(frame)), None) => Ok(frame.map(PyDataFrame)),
        }
    }

    /// By threshold, the trade that opened the bar of each trade of the last table.
    fn trace(&self, py: Python<'_>) -> PyResult<PyDataFrame> {
        self.frame(py, Bars::take_trace)
    }

    /// A frame of bars without a row.
    fn empty(&self, py: Python<'_>) -> PyResult<PyDataFrame> {
        self.frame(py, |bars| bars.empty())
    }

    /// The bars that are still open, if they were asked for.
    fn finish(&self, py: Python<'_>) -> PyResult<PyDataFrame> {
        self.frame(py, Bars::finish)
    }

    /// The bar that is still open, with its features so far; no row if there is none.
    fn open_bar(&self, py: Python<'_>) -> PyResult<PyDataFrame> {
        self.frame(py, |bars| bars.open_bar())
    }

    /// The gaps found at seams, in words, from the `known`-th on.
    fn gap_texts(&self, known: usize) -> Vec<String> {
        self.lock().gap_texts(known)
    }

    /// What of the trades counts otherwise than they say: of each kind its name and the text.
    fn notices(&self) -> Vec<Notice> {
        self.lock().notices()
    }

    /// The gaps found at seams.
    fn gaps(&self, py: Python<'_>) -> PyResult<PyDataFrame> {
        self.frame(py, |bars| bars.gaps())
    }

    /// The last time and the last id.
    fn position(&self, py: Python<'_>) -> PyResult<PyDataFrame> {
        self.frame(py, |bars| bars.position())
    }

    /// The state, as bytes.
    fn checkpoint<'py>(
        &self,
        py: Python<'py>,
        symbol: Option<String>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let checkpoint = self.lock().checkpoint(symbol);
        let checkpoint = checkpoint.map_err(|error| compute_error(py, &error))?;
        let bytes = checkpoint.to_bytes().map_err(|error| own_error(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Another builder in the same state, for the next call of a user: ids missing before its first
    /// trade are a gap.
    fn next(&self) -> Self {
        let mut bars = self.lock().clone();
        bars.mark_seam();
        Self { bars: Mutex::new(bars), form: Arc::clone(&self.form) }
    }
}

impl BarBuilder {
    // A builder that several threads use is not locked while Python runs, or another thread could
    // wait for it with the interpreter's lock held.
    fn lock(&self) -> MutexGuard<'_, Bars> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frame(
        &self,
        py: Python<'_>,
        make: impl FnOnce(&mut Bars) -> PolarsResult<DataFrame>,
    ) -> PyResult<PyDataFrame> {
        let frame = make(&mut self.lock());
        frame.map(PyDataFrame).map_err(|error| compute_error(py, &error))
    }
}

/// A hash of the rows of tables that come one after another.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct TableHash(Mutex<RowHash>);

#[pymethods]
impl TableHash {
    /// A hash of no rows, with the columns of a schema.
    #[new]
    fn new(schema: &Bound<'_, PyAny>) -> PyResult<Self> {
        let hash = RowHash::of(&Source::open(schema)?.fields);
        hash.map(|hash| Self(Mutex::new(hash))).map_err(|error| compute_error(schema.py(), &error))
    }

    /// Take in the rows of the next table.
    fn push(&self, table: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = table.py();
        let mut source = Source::open(table)?;
        let fits = RowHash::of(&source.fields).and_then(|given| {
            if self.lock().has_columns_of(&given) {
                Ok(())
            } else {
                Err(refusal("the columns of the table are not those that are hashed"))
            }
        });
        fits.map_err(|error| compute_error(py, &error))?;
        source.drain(py, |source| {
            let Some(table) = source.next()? else { return Ok(false) };
            self.lock().push_table(&table)?;
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

type Settings = (Option<String>, i64, bool, Option<&'static str>, bool, bool, Option<&'static str>);

/// What a checkpoint says of itself: symbol, threshold, gate, reset, the two `include_` flags, and
/// the unit of the times, if it has seen one.
#[pyfunction]
fn read_checkpoint(py: Python<'_>, checkpoint: &[u8]) -> PyResult<Settings> {
    let Checkpoint {
        symbol,
        threshold,
        prevent_same_timestamp_close,
        reset,
        include_microstructure,
        include_incomplete,
        given,
        ..
    } = Checkpoint::from_bytes(checkpoint).map_err(|error| own_error(py, &error))?;
    let (threshold, reset) = (threshold.decimal_bps(), reset.map(Period::name));
    let gate = prevent_same_timestamp_close;
    let unit = given.map(|given| EpochUnit::of_column(given.unit).name());
    Ok((symbol, threshold, gate, reset, include_microstructure, include_incomplete, unit))
}

/// The columns of a table of those names, or all of them.
#[pyfunction]
#[pyo3(signature = (table, names))]
fn read_table(table: &Bound<'_, PyAny>, names: Option<Vec<String>>) -> PyResult<PyDataFrame> {
    Source::open(table)?.read(table.py(), names.as_deref()).map(PyDataFrame)
}

/// The name of the one unit in which a number is a time from 1990 to 2100, if there is one.
#[pyfunction]
fn fitting_time_unit(value: i64) -> Option<&'static str> {
    EpochUnit::fitting(value).map(EpochUnit::name)
}

/// An Arrow stream of tables.
struct Source {
    reader: ArrowArrayStreamReader<Box<ArrowArrayStream>>,
    fields: Vec<ArrowField>,
    schema: Vec<Field>,
}

#[allow(unsafe_code)]
impl Source {
    /// The stream of anything with `__arrow_c_stream__`.
    fn open(table: &Bound<'_, PyAny>) -> PyResult<Self> {
        let capsule = table.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
        let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
        let pointer = pointer.cast::<ArrowArrayStream>().as_ptr();
        // SAFETY: a capsule of that name holds such a stream, and the interpreter's lock is held.
        // What is left in the capsule is a released stream.
        let stream = unsafe { std::mem::replace(&mut *pointer, ArrowArrayStream::empty()) };
        // SAFETY: by the Arrow PyCapsule interface.
        let reader = caught(|| {
            unsafe { ArrowArrayStreamReader::try_new(Box::new(stream)) }
                .map_err(|error| unreadable(&error))
        });
        let reader = reader.map_err(|error| compute_error(table.py(), &error))?;
        let ArrowDataType::Struct(fields) = reader.field().dtype().clone() else {
            let got = reader.field().dtype();
            let error = refusal(&format!("expected a table of trades, got an array of {got:?}"));
            return Err(compute_error(table.py(), &error));
        };
        Ok(Self { schema: fields.iter().map(field).collect(), fields, reader })
    }

    /// The next chunk, if there is one.
    fn next(&mut self) -> PolarsResult<Option<StructArray>> {
        // SAFETY: by the Arrow PyCapsule interface.
        let array = caught(|| unsafe { self.reader.next() }.transpose());
        let Some(array) = array? else { return Ok(None) };
        let table = array.as_any().downcast_ref::<StructArray>();
        table.map(without_null_rows).map(Some).ok_or_else(|| refusal("expected chunks of a table"))
    }

    /// Find the columns of the trades in the schema.
    fn bind(&self, bars: &mut Bars) -> PolarsResult<Inputs> {
        let time = bars.column_name(Role::Timestamp);
        let field = self.fields.iter().find(|field| time == Some(field.name.as_str()));
        if let Some(field) = field
            && let ArrowDataType::Timestamp(_, Some(zone)) = field.dtype()
            && !is_zone(zone)
        {
            return Err(refusal(&no_zone(&field.name, zone)));
        }
        bars.bind(&self.schema)
    }

    /// The columns of those names, of all chunks; `None`: all columns.
    fn read(mut self, py: Python<'_>, names: Option<&[String]>) -> PyResult<DataFrame> {
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
                return Err(compute_error(py, &refusal(&text)));
            }
            columns.push(Series::new_empty(field.name().clone(), field.dtype()));
        }
        self.drain(py, |source| {
            let Some(table) = source.next()? else { return Ok(false) };
            for (column, index) in columns.iter_mut().zip(&wanted) {
                column.append(&series(&source.fields[*index], &table.values()[*index])?)?;
            }
            Ok(true)
        })?;
        let height = columns.first().map_or(0, |column| column.len());
        DataFrame::new(height, columns.into_iter().map(Column::from).collect())
            .map_err(|error| compute_error(py, &error))
    }

    /// Fold the next chunk; whether there was one.
    fn push(&mut self, bars: &mut Bars, inputs: &Inputs) -> PolarsResult<bool> {
        let Some(table) = self.next()? else { return Ok(false) };
        let column = |index: usize| series(&self.fields[index], &table.values()[index]);
        bars.push(inputs, &self.schema, table.len(), column)?;
        Ok(true)
    }

    /// Push chunk after chunk, and look for Ctrl-C between two.
    fn drain(
        &mut self,
        py: Python<'_>,
        mut push: impl FnMut(&mut Self) -> PolarsResult<bool> + Send,
    ) -> PyResult<()> {
        while py.detach(|| push(self)).map_err(|error| compute_error(py, &error))? {
            py.check_signals()?;
        }
        Ok(())
    }
}

/// Arrays that Polars cannot import end in an error or a panic there; here they end in an error.
fn caught<T>(read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    match std::panic::catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        // What another library raises while it gives its batches is its own.
        Ok(Err(PolarsError::ComputeError(why))) => Err(PolarsError::ComputeError(why)),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(unreadable(&text.unwrap_or("an array of an unknown form")))
        }
    }
}

fn unreadable(why: &dyn Display) -> PolarsError {
    refusal(&format!("the table cannot be read: {why} (select the columns of the trades before)"))
}

/// A column as a series. What is stored as Polars stores it needs no look at its dtype, which would
/// cost more than a small batch itself.
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

/// A column that has no dtype in Polars is as good as one that is not asked for.
fn field(field: &ArrowField) -> Field {
    if has_dtype(field.dtype()) {
        Field::from(field)
    } else {
        Field::new(field.name.clone(), DataType::Unknown(UnknownKind::Any))
    }
}

/// Whether Polars has a dtype for it, and does not panic.
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

/// A table whose rows are as null as their columns: what lies in the columns of a null row is void.
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

/// The exception that Polars itself raises for bad data, with the same text.
fn compute_error(py: Python<'_>, error: &PolarsError) -> PyErr {
    exception(py, "polars.exceptions", "ComputeError", error.to_string())
}

/// The package's own exception for what is wrong outside of frames.
fn own_error(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error {
        Error::CheckpointDamaged { .. }
        | Error::CheckpointVersion { .. }
        | Error::CheckpointOther { .. } => "CheckpointError",
        _ => "RangeBarError",
    };
    exception(py, "rangebar_polars.errors", class, error.to_string())
}

fn exception(py: Python<'_>, module: &str, class: &str, text: String) -> PyErr {
    let class = py.import(module).and_then(|module| module.getattr(class));
    match class.and_then(|class| class.call1((text,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// One line of the table of columns: name, group, dtype, columns read, formula, when it is null.
type Row =
    (&'static str, &'static str, &'static str, Vec<&'static str>, &'static str, &'static str);

fn row(output: &Output) -> Row {
    let group = match output.group {
        Group::Bar => "bar",
        Group::Sum => "sum",
        Group::Feature => "feature",
    };
    let dtype = match output.compute {
        Compute::Time(_) => "as the input",
        Compute::Float(_) => "Float64",
        Compute::Int(_) => "Int64",
    };
    let reads = Role::ALL.into_iter().filter(|role| output.needs.reads(*role));
    (output.name, group, dtype, reads.map(Role::name).collect(), output.formula, output.null_when)
}

/// The compiled half of the package.
#[pymodule]
fn _internal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let always = Role::ALL.into_iter().filter(|role| is_always_read(*role)).map(Role::name);
    module.add("OUTPUTS", OUTPUTS.iter().map(row).collect::<Vec<_>>())?;
    module.add("ALWAYS_READ", always.collect::<Vec<_>>())?;
    module.add("OPENED", OPENED)?;
    module.add("RULE_VERSION", crate::RULE_VERSION)?;
    module.add_function(wrap_pyfunction!(bars, module)?)?;
    module.add_function(wrap_pyfunction!(null_side, module)?)?;
    module.add_function(wrap_pyfunction!(read_checkpoint, module)?)?;
    module.add_function(wrap_pyfunction!(fitting_time_unit, module)?)?;
    module.add_function(wrap_pyfunction!(read_table, module)?)?;
    module.add_class::<BarBuilder>()?;
    module.add_class::<TableHash>()
}
