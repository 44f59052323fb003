//! The values in dicts that say which chain a trade belongs to: text, whole numbers, or True and
//! False.
//!
//! The first value that is not None decides which; earlier trades, of frames or of a checkpoint,
//! have decided already.

use crate::plugin::dict_error::{DictError, Unfit};
use crate::plugin::keys::Keys;
use crate::plugin::refusal::Refusal;
use crate::plugin::values::Read;
use polars_core::prelude::{Column, DataType, IntoColumn, NamedFrom, Series};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyString};

/// What the values of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Flag,
    /// A dtype that no value of a dict has.
    Other(String),
}

/// A value of a dict.
#[derive(Clone, Debug)]
pub enum KeyValue {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// True or False.
    Flag(bool),
}

/// One column of such values.
#[derive(Clone, Debug)]
pub struct KeyValues {
    kind: Option<Kind>,
    values: Vec<Option<KeyValue>>,
}

impl KeyValues {
    /// Columns without a value, as many as keys have; `keys` are those so far.
    pub fn of_columns(keys: Option<&Keys>, count: usize) -> Vec<Self> {
        let none = |kind| Self { kind, values: Vec::new() };
        match keys {
            None => vec![none(None); count],
            Some(keys) => {
                let columns = keys.seen().columns().iter();
                columns.map(|column| none(Some(Kind::of(column.dtype())))).collect()
            }
        }
    }

    /// A value of this column; None is null.
    ///
    /// # Errors
    /// An exception that Python raised; inside, a value of another kind.
    pub fn read(&self, value: &Bound<'_, PyAny>) -> Read<Option<KeyValue>> {
        if value.is_none() {
            return Ok(Ok(None));
        }
        let read = if let Ok(flag) = value.cast::<PyBool>() {
            Some(KeyValue::Flag(flag.is_true()))
        } else if let Ok(text) = value.cast::<PyString>() {
            Some(KeyValue::Text(text.to_string_lossy().into_owned()))
        } else if value.is_instance_of::<PyFloat>() {
            None
        } else {
            value.extract().ok().map(KeyValue::Whole)
        };
        Ok(match (read, &self.kind) {
            (Some(value), None) => Ok(Some(value)),
            (Some(value), Some(kind)) if *kind == value.kind() => Ok(Some(value)),
            (_, None) => Err(Unfit::Chain {
                expected: "text, an integer of 64 bits, True or False, since it says which chain \
                           the trade belongs to (or give a frame)"
                    .to_owned(),
            }),
            (_, Some(kind)) => Err(Unfit::Chain { expected: kind.expected() }),
        })
    }

    /// Add a value.
    pub fn push(&mut self, value: Option<KeyValue>) {
        self.kind = self.kind.take().or_else(|| value.as_ref().map(KeyValue::kind));
        self.values.push(value);
    }

    /// The values as a column of this dtype; without one, of the dtype of their kind.
    ///
    /// # Errors
    /// A value that the dtype does not hold.
    pub fn column(
        &self,
        name: &str,
        dtype: Option<&DataType>,
        first_row: u64,
    ) -> Result<Column, Refusal> {
        let values = || self.values.iter().map(Option::as_ref);
        let series = match &self.kind {
            None | Some(Kind::Text | Kind::Other(_)) => {
                let text = values().map(|value| match value {
                    Some(KeyValue::Text(text)) => Some(text.as_str()),
                    _ => None,
                });
                Series::new(name.into(), text.collect::<Vec<_>>())
            }
            Some(Kind::Whole) => {
                let whole = values().map(|value| match value {
                    Some(KeyValue::Whole(whole)) => Some(*whole),
                    _ => None,
                });
                Series::new(name.into(), whole.collect::<Vec<_>>())
            }
            Some(Kind::Flag) => {
                let flag = values().map(|value| match value {
                    Some(KeyValue::Flag(flag)) => Some(*flag),
                    _ => None,
                });
                Series::new(name.into(), flag.collect::<Vec<_>>())
            }
        };
        let Some(dtype) = dtype.filter(|dtype| *dtype != series.dtype()) else {
            return Ok(series.into_column());
        };
        if series.null_count() == series.len() {
            return Ok(Series::full_null(name.into(), series.len(), dtype).into_column());
        }
        let cast = series.cast(dtype)?;
        if cast.null_count() > series.null_count() {
            let lost =
                (&cast.is_null() & &series.is_not_null()).iter().position(|x| x == Some(true));
            let row = lost.unwrap_or_default();
            return Err(DictError::Record {
                column: name.to_owned(),
                row: first_row + row as u64,
                value: series.get(row)?.to_string(),
                why: Unfit::Chain {
                    expected: format!("a value of {dtype}, as in the trades before"),
                },
            }
            .into());
        }
        Ok(cast.into_column())
    }
}

impl KeyValue {
    const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Whole(_) => Kind::Whole,
            Self::Flag(_) => Kind::Flag,
        }
    }
}

impl Kind {
    fn of(dtype: &DataType) -> Self {
        match dtype {
            DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Self::Text,
            DataType::Boolean => Self::Flag,
            dtype if dtype.is_integer() => Self::Whole,
            dtype => Self::Other(dtype.to_string()),
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Text => "text, as in the trades before".to_owned(),
            Self::Whole => "an integer of 64 bits, as in the trades before".to_owned(),
            Self::Flag => "True or False, as in the trades before".to_owned(),
            Self::Other(dtype) => {
                format!("a frame, because the trades before have keys of {dtype}")
            }
        }
    }
}
