//! A frame on its way to Python.

use polars_core::prelude::{DataFrame, IntoSeries};
use pyo3::prelude::*;
use pyo3_polars::PySeries;

/// A frame that becomes a `polars.DataFrame`.
///
/// Its columns travel as the fields of one struct, because Polars does in Python, for each series
/// that arrives, more work than a column of a few bars is worth.
pub struct PythonFrame(pub DataFrame);

impl<'py> IntoPyObject<'py> for PythonFrame {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let columns = PySeries(self.0.into_struct("".into()).into_series());
        columns.into_pyobject(py)?.getattr("struct")?.call_method0("unnest")
    }
}
