//! The values in dicts that rules and a reset read.
//!
//! The first value of a reset that is not None decides what the others must be; earlier trades, of
//! frames or of a checkpoint, have decided already.

use crate::epoch::EpochUnit;
use crate::plugin::dict_columns::{Packed, Values};
use crate::plugin::dict_error::Unfit;
use crate::plugin::values::{Read, is_datetime, number, side, time};
use crate::session::{Kind, Session};
use crate::trades::{Extra, Flags, Sessions, Texts, TimeUnit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyString, PyType};

/// What reads a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A rule of conditions.
    When,
    /// A rule of sums.
    Sum,
    /// A reset.
    Reset,
}

/// A column of such values.
#[derive(Debug)]
pub enum ExtraValues {
    /// Conditions: where they hold, and where they are known.
    Flags(Packed, Packed),
    /// Numbers.
    Numbers(Values<f64>),
    /// Values whose changes begin a new chain: what they are, and the column of numbers or texts.
    Sessions(Option<Kind>, Values<i64>, TextValues),
}

/// A value of such a column.
#[derive(Debug)]
pub enum ExtraValue {
    /// A condition.
    Flag(Option<bool>),
    /// A number.
    Number(Option<f64>),
    /// A value whose change begins a new chain.
    Session(Session),
}

/// A column of texts.
#[derive(Debug, Default)]
pub struct TextValues(Vec<Option<String>>);

impl Texts for TextValues {
    fn text(&self, row: usize) -> Option<&str> {
        self.0.get(row)?.as_deref()
    }
}

impl ExtraValues {
    /// No value yet. `kind` is what the values of a reset were in the trades before.
    pub fn new(reader: Reader, kind: Option<Kind>) -> Self {
        match reader {
            Reader::When => Self::Flags(Packed::default(), Packed::default()),
            Reader::Sum => Self::Numbers(Values::default()),
            Reader::Reset => Self::Sessions(kind, Values::default(), TextValues::default()),
        }
    }

    /// What the values of a reset are, once that is known.
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Sessions(kind, ..) => *kind,
            Self::Flags(..) | Self::Numbers(_) => None,
        }
    }

    /// A value of this column; None is null.
    ///
    /// # Errors
    /// An exception that Python raised; inside, a value of another kind.
    pub fn read(&self, value: &Bound<'_, PyAny>) -> Read<ExtraValue> {
        let is_null = value.is_none();
        Ok(match self {
            Self::Flags(..) if is_null => Ok(ExtraValue::Flag(None)),
            Self::Numbers(_) if is_null => Ok(ExtraValue::Number(None)),
            Self::Flags(..) => side(value)?.map(|flag| ExtraValue::Flag(Some(flag))),
            Self::Numbers(_) => number(value)?.map(|number| ExtraValue::Number(Some(number))),
            Self::Sessions(kind, ..) => session(value, *kind)?.map(ExtraValue::Session),
        })
    }

    /// Add a value that this column has read.
    pub fn push(&mut self, value: ExtraValue) {
        match (self, value) {
            (Self::Flags(set, known), ExtraValue::Flag(flag)) => {
                set.push(flag.unwrap_or(false));
                known.push(flag.is_some());
            }
            (Self::Numbers(numbers), ExtraValue::Number(number)) => numbers.push(number),
            (Self::Sessions(kind, numbers, texts), ExtraValue::Session(session)) => {
                *kind = kind.or_else(|| session.kind());
                let (number, text) = match session {
                    Session::Null => (None, None),
                    Session::Number(_, number) => (Some(number), None),
                    Session::Text(text) => (None, Some(text)),
                };
                numbers.push(number);
                texts.0.push(text);
            }
            _ => {}
        }
    }

    /// Some of the rows, in this order.
    #[must_use]
    pub fn rows(&self, rows: &[u32]) -> Self {
        match self {
            Self::Flags(set, known) => Self::Flags(set.rows(rows), known.rows(rows)),
            Self::Numbers(numbers) => Self::Numbers(numbers.rows(rows)),
            Self::Sessions(kind, numbers, texts) => {
                let texts = rows.iter().map(|row| texts.0[*row as usize].clone()).collect();
                Self::Sessions(*kind, numbers.rows(rows), TextValues(texts))
            }
        }
    }

    /// The values, lent to the kernel.
    pub fn extra<'a>(&'a self, name: &'a str) -> Extra<'a> {
        match self {
            Self::Flags(set, known) => {
                Extra::Flags(Flags { set: set.bits(), known: known.nulls() })
            }
            Self::Numbers(numbers) => Extra::Numbers(numbers.column(name)),
            Self::Sessions(Some(Kind::Text), _, texts) => {
                Extra::Sessions(Sessions::Texts { texts, first: 0, len: texts.0.len() })
            }
            Self::Sessions(kind, numbers, _) => {
                let kind = kind.unwrap_or(Kind::Whole);
                Extra::Sessions(Sessions::Numbers(kind, numbers.column(name)))
            }
        }
    }
}

/// A value of a reset; `kind` is what it must be, if that is known.
fn session(value: &Bound<'_, PyAny>, kind: Option<Kind>) -> Read<Session> {
    if value.is_none() {
        return Ok(Ok(Session::Null));
    }
    let read = if let Ok(flag) = value.cast::<PyBool>() {
        Some(Session::Number(Kind::Flag, i64::from(flag.is_true())))
    } else if let Ok(text) = value.cast::<PyString>() {
        Some(Session::Text(text.to_string_lossy().into_owned()))
    } else if is_datetime(value)? {
        let (kind, unit) = match kind {
            Some(Kind::Milliseconds) => (Kind::Milliseconds, TimeUnit::Milliseconds),
            Some(Kind::Nanoseconds) => (Kind::Nanoseconds, TimeUnit::Nanoseconds),
            _ => (Kind::Microseconds, TimeUnit::Microseconds),
        };
        match time(value, EpochUnit::of_column(unit), unit)? {
            Ok(time) => Some(Session::Number(kind, time)),
            Err(why) => return Ok(Err(why)),
        }
    } else if value.is_instance(date(value.py())?)? {
        let ordinal: i64 = value.call_method0(intern!(value.py(), "toordinal"))?.extract()?;
        Some(Session::Number(Kind::Date, ordinal - ORDINAL_OF_1970))
    } else if value.is_instance_of::<PyFloat>() {
        None
    } else {
        let whole = || value.extract().ok().map(|number| Session::Number(Kind::Whole, number));
        let unsigned = || {
            let number = value.extract::<u64>().ok()?;
            Some(Session::Number(Kind::Unsigned, number.cast_signed()))
        };
        match kind {
            Some(Kind::Unsigned) => unsigned(),
            Some(_) => whole(),
            None => whole().or_else(unsigned),
        }
    };
    Ok(match (read, kind) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(kind)) if value.kind() == Some(kind) => Ok(value),
        (_, Some(kind)) => {
            Err(Unfit::Chain { expected: format!("{kind}, as in the trades before") })
        }
        (None, None) => Err(Unfit::Chain {
            expected:
                "True or False, an integer of 64 bits, a date, a datetime, text or None, since \
                       its changes begin new chains"
                    .to_owned(),
        }),
    })
}

/// What Python calls 1970-01-01, counted from 0001-01-01 as 1.
const ORDINAL_OF_1970: i64 = 719_163;

fn date(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "datetime", "date")
}
