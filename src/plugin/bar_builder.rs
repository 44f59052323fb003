//! The class that Python holds from one table of trades to the next.

// Python passes arguments by value.
#![allow(clippy::needless_pass_by_value)]

use crate::bar::Bar;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::chains::Saved;
use crate::epoch::EpochUnit;
use crate::fixed::to_f64;
use crate::plugin::arrow_stream::TableStream;
use crate::plugin::dict_form::Form;
use crate::plugin::dicts::Records;
use crate::plugin::fold::Fold;
use crate::plugin::inputs::Inputs;
use crate::plugin::notices::Warning;
use crate::plugin::options::Options;
use crate::plugin::python_frame::PythonFrame;
use crate::plugin::refusal::Refusal;
use crate::trades::Role;
use polars_core::prelude::{DataFrame, PolarsResult};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many rows are folded before Ctrl-C is noticed, where a chunk has more.
const MOST_ROWS: usize = 1 << 20;

/// Find the columns of the trades in the schema of a stream.
///
/// # Errors
/// A column that is missing or has another type, or a zone that is unknown.
pub fn bind(stream: &TableStream, fold: &mut Fold) -> PolarsResult<Inputs> {
    stream.check_zone(fold.column_name(Role::Timestamp))?;
    fold.bind(stream.schema())
}

/// Fold the next rows of a stream; returns whether there were some.
///
/// # Errors
/// The first bad row, or an error of the stream.
pub fn push(stream: &mut TableStream, fold: &mut Fold, inputs: &Inputs) -> PolarsResult<bool> {
    // A trace is of all rows of a chunk.
    let most = if fold.is_traced() { usize::MAX } else { MOST_ROWS };
    let Some(chunk) = stream.next_rows(most)? else { return Ok(false) };
    fold.push(inputs, stream.schema(), chunk.len(), |index| stream.series(&chunk, index))?;
    Ok(true)
}

/// Key and rule by number, first and last time, first, highest, lowest and last price, volume.
type OpenValues = (usize, usize, i64, i64, (f64, f64, f64, f64), f64);

/// Bars of tables of trades that come one after another.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct BarBuilder {
    fold: Mutex<Fold>,
    form: Arc<Form>,
}

#[pymethods]
impl BarBuilder {
    /// A builder that has seen no trade, or continues from a checkpoint.
    #[new]
    #[pyo3(signature = (options, checkpoint=None, time_unit="ms"))]
    fn new(
        py: Python<'_>,
        options: Options,
        checkpoint: Option<&[u8]>,
        time_unit: &str,
    ) -> Result<Self, Refusal> {
        let unit = EpochUnit::named(time_unit).ok_or_else(|| {
            PyValueError::new_err(format!("time_unit is {time_unit:?}: expected s, ms, us or ns"))
        })?;
        let form = Arc::new(Form::new(py, &options, unit)?);
        let fold = match checkpoint {
            None => Fold::new(&options)?,
            Some(bytes) => Fold::resume(&options, Saved::from_bytes(bytes)?)?,
        };
        Ok(Self { fold: Mutex::new(fold), form })
    }

    /// A builder that continues the chain of each threshold from its checkpoint; without any
    /// checkpoint, one that has seen no trade.
    #[staticmethod]
    fn of_chains(
        py: Python<'_>,
        options: Options,
        checkpoints: Vec<PyBackedBytes>,
    ) -> Result<Self, Refusal> {
        let checkpoints = checkpoints.iter().map(|bytes| Checkpoint::from_bytes(bytes));
        let fold = Fold::resume_chains(&options, checkpoints.collect::<Result<_, _>>()?)?;
        Ok(Self { fold: Mutex::new(fold), ..Self::new(py, options, None, "ms")? })
    }

    /// Check the schema of a table, without reading its rows.
    fn bind(&self, schema: &Bound<'_, PyAny>) -> Result<(), Refusal> {
        bind(&TableStream::open(schema)?, &mut self.lock())?;
        Ok(())
    }

    /// The bars that ended in the next table of trades; None for no bar.
    fn push(&self, trades: &Bound<'_, PyAny>) -> Result<Option<PythonFrame>, Refusal> {
        let mut stream = TableStream::open(trades)?;
        let inputs = bind(&stream, &mut self.lock())?;
        stream.drain(trades.py(), |stream| push(stream, &mut self.lock(), &inputs))?;
        if self.lock().is_empty() { Ok(None) } else { self.frame(Fold::take).map(Some) }
    }

    /// The bars that ended in a list of dicts of trades; None for no bar.
    fn push_records(&self, trades: &Bound<'_, PyList>) -> Result<Option<PythonFrame>, Refusal> {
        let mut fold = self.lock();
        let layout = fold.layout();
        let (records, refused) = Records::read(
            trades,
            &self.form,
            layout,
            (fold.keys(), fold.session()),
            fold.trades(),
        )?;
        let (ended, left_out) = if records.is_empty() && refused.is_none() && layout.is_none() {
            (Some(fold.empty_of(&records.layout())?), 0)
        } else {
            // An error of a trade before the refused one comes first.
            fold.push_records(&records)?
        };
        match refused {
            None => Ok(ended.map(PythonFrame)),
            Some(Refusal::Dict(error)) => Err(error.earlier(left_out).into()),
            Some(other) => Err(other),
        }
    }

    /// For each threshold, the number of the trade that opened the bar of each trade of the last
    /// table.
    fn trace(&self) -> Result<PythonFrame, Refusal> {
        self.frame(Fold::take_trace)
    }

    /// A frame of bars without a row.
    fn empty(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.empty())
    }

    /// The bars that are still open, if incomplete bars are wanted.
    fn finish(&self) -> Result<PythonFrame, Refusal> {
        self.frame(Fold::finish)
    }

    /// The bars that are still open, with their features so far; no row if there is none.
    fn open_bar(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.open_bar())
    }

    /// The key and the rule of each open bar, by number, with the prices at or below and at or above
    /// which a trade closes it. Bars that something else closes are left out.
    fn limits(&self) -> Vec<(usize, usize, f64, f64)> {
        let limits = |(key, chain, _, limits): (_, _, &Bar, Option<(f64, f64)>)| {
            limits.map(|(lower, upper)| (key, chain, lower, upper))
        };
        self.lock().open_chains().filter_map(limits).collect()
    }

    /// The key and the rule of each open bar, by number, with its times, prices and volume.
    fn open_values(&self) -> Vec<OpenValues> {
        let values = |(key, chain, bar, _): (usize, usize, &Bar, _)| {
            let (time, price, volume) = (bar.time, bar.price, to_f64(bar.volume));
            let prices = (price.open, price.high, price.low, price.close);
            (key, chain, time.open, time.close, prices, volume)
        };
        self.lock().open_chains().map(values).collect()
    }

    /// Unit and zone of the times, once there was a batch.
    fn time_type(&self) -> Option<(&'static str, Option<String>)> {
        let fold = self.lock();
        let layout = fold.layout()?;
        Some((EpochUnit::of_column(layout.unit).name(), layout.zone.clone()))
    }

    /// The keys, a row for each; no column without keys.
    fn keys(&self) -> PythonFrame {
        PythonFrame(self.lock().keys().map(|keys| keys.seen().clone()).unwrap_or_default())
    }

    /// The messages about the gaps found at seams, from number `known` on.
    fn gap_texts(&self, known: usize) -> Vec<String> {
        self.lock().gap_texts(known)
    }

    /// The warnings about the bars so far, at most one of each kind: name of the kind and text.
    fn notices(&self) -> Vec<Warning> {
        self.lock().warnings()
    }

    /// The gaps found at seams.
    fn gaps(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.gaps())
    }

    /// The time and the id of the last trade.
    fn position(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.position())
    }

    /// The state, as bytes.
    fn checkpoint<'py>(
        &self,
        py: Python<'py>,
        symbol: Option<String>,
    ) -> Result<Bound<'py, PyBytes>, Refusal> {
        let bytes = self.lock().checkpoint(symbol)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The state of the chain of each threshold, as bytes.
    fn checkpoints<'py>(&self, py: Python<'py>) -> Result<Vec<Bound<'py, PyBytes>>, Refusal> {
        let checkpoints = self.lock().checkpoints()?;
        checkpoints.iter().map(|each| Ok(PyBytes::new(py, &each.to_bytes()?))).collect()
    }

    /// Another builder in the same state, for the next call of a user. Ids that are missing before
    /// its first trade are reported as a gap; if `skips`, its first trades are left out if they
    /// were counted already.
    #[pyo3(signature = (skips=false))]
    fn next(&self, skips: bool) -> Self {
        let mut fold = self.lock().clone();
        fold.mark_seam(skips);
        Self { fold: Mutex::new(fold), form: Arc::clone(&self.form) }
    }
}

impl BarBuilder {
    // The lock must not be held while Python runs: another thread could wait for it and hold the
    // interpreter's lock.
    fn lock(&self) -> MutexGuard<'_, Fold> {
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frame(
        &self,
        make: impl FnOnce(&mut Fold) -> PolarsResult<DataFrame>,
    ) -> Result<PythonFrame, Refusal> {
        Ok(PythonFrame(make(&mut self.lock())?))
    }
}
