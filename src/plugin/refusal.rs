//! Why trades, options or a checkpoint are refused, and which exception a caller of Python gets.

use crate::error::Error;
use crate::plugin::dict_error::DictError;
use polars_core::prelude::PolarsError;
use pyo3::prelude::*;
use std::any::Any;

/// The reason why a call ends with an error.
#[derive(Debug)]
pub enum Refusal {
    /// A trade, a threshold or a checkpoint that the kernel refuses.
    Kernel(Box<Error>),
    /// A dict of a trade that is refused.
    Dict(Box<DictError>),
    /// A schema or an option that is refused, or an error of Polars itself.
    Polars(PolarsError),
    /// An exception that Python raised.
    Python(PyErr),
}

/// An error that Python sees as `polars.exceptions.ComputeError`. A message is passed on as a C
/// string, so it must not contain a zero from a column's name.
pub fn compute_error(message: &str) -> PolarsError {
    PolarsError::ComputeError(message.replace('\0', "\\0").into())
}

/// The message of a panic, if it has one.
pub fn panic_text(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Kernel(Box::new(error))
    }
}

impl From<DictError> for Refusal {
    fn from(error: DictError) -> Self {
        Self::Dict(Box::new(error))
    }
}

impl From<PolarsError> for Refusal {
    fn from(error: PolarsError) -> Self {
        Self::Polars(error)
    }
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

/// In frames, plans and expressions every error is one of Polars.
impl From<Refusal> for PolarsError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Kernel(error) => (*error).into(),
            Refusal::Dict(error) => compute_error(&error.to_string()),
            Refusal::Polars(error) => error,
            Refusal::Python(error) => compute_error(&error.to_string()),
        }
    }
}

impl From<Error> for PolarsError {
    fn from(error: Error) -> Self {
        compute_error(&error.to_string())
    }
}

/// Outside of frames, the package's own exceptions for errors of the kernel and in dicts; otherwise the
/// exception that Polars raises for bad data.
impl From<Refusal> for PyErr {
    fn from(refusal: Refusal) -> Self {
        let (module, class, text) = match refusal {
            Refusal::Kernel(error) => {
                let class = match *error {
                    Error::CheckpointDamaged { .. }
                    | Error::CheckpointVersion { .. }
                    | Error::CheckpointOther { .. }
                    | Error::CheckpointFeatures { .. }
                    | Error::KeyType { .. }
                    | Error::SessionTooLong { .. }
                    | Error::ChainsTooLarge { .. } => "CheckpointError",
                    _ => "RangeBarError",
                };
                ("rangebar_polars.errors", class, error.to_string())
            }
            Refusal::Dict(error) => ("rangebar_polars.errors", "RangeBarError", error.to_string()),
            Refusal::Polars(error) => ("polars.exceptions", "ComputeError", error.to_string()),
            Refusal::Python(error) => return error,
        };
        Python::attach(|py| {
            let class = py.import(module).and_then(|module| module.getattr(class));
            match class.and_then(|class| class.call1((text,))) {
                Ok(exception) => Self::from_value(exception),
                Err(error) => error,
            }
        })
    }
}
