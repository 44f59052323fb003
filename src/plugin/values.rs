//! One value of a dict of trades: a price, an id, a side or a time, as Python has it.
//!
//! Exchanges send numbers as text, so a text of digits counts as a number. Values are never cut or
//! rounded, except a price to the nearest f64, as Python's `float` does.

use crate::epoch::EpochUnit;
use crate::plugin::dict_error::Unfit;
use crate::plugin::side_text::{Aggressor, SideTexts};
use crate::trades::TimeUnit;
use chrono::NaiveDate;
use pyo3::exceptions::{PyException, PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyType};
use std::borrow::Cow;

/// A value or the reason why it is refused; outside, an exception that Python raised.
pub type Read<T> = PyResult<Result<T, Unfit>>;

/// A price or a quantity.
///
/// # Errors
/// An exception that Python raised; inside, a value that is not a number.
#[inline]
pub fn number(value: &Bound<'_, PyAny>) -> Read<f64> {
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        return Ok(Ok(float.value()));
    }
    if value.is_exact_instance_of::<PyInt>() {
        return Ok(extracted(value)?.ok_or(Unfit::Number));
    }
    if let Some(text) = text(value) {
        return Ok(decimal(&text).ok_or(Unfit::Number));
    }
    if is_flag(value)? || has_imaginary_part(value)? {
        return Ok(Err(Unfit::Number));
    }
    if holds_several(value) {
        return Ok(Err(Unfit::Several));
    }
    Ok(extracted(value)?.ok_or(Unfit::Number))
}

/// An id.
///
/// # Errors
/// An exception that Python raised; inside, a value that is not an integer of 64 bits.
#[inline]
pub fn id(value: &Bound<'_, PyAny>) -> Read<i64> {
    if value.is_exact_instance_of::<PyInt>() {
        return Ok(extracted(value)?.ok_or(Unfit::Id));
    }
    if let Some(text) = text(value) {
        return Ok(whole(&text).ok_or(Unfit::Id));
    }
    if is_flag(value)? {
        return Ok(Err(Unfit::Id));
    }
    if holds_several(value) {
        return Ok(Err(Unfit::Several));
    }
    Ok(extracted(value)?.ok_or(Unfit::Id))
}

/// A side.
///
/// # Errors
/// An exception that Python raised; inside, a value that is neither true nor false.
#[inline]
pub fn side(value: &Bound<'_, PyAny>) -> Read<bool> {
    if let Ok(side) = value.cast_exact::<PyBool>() {
        return Ok(Ok(side.is_true()));
    }
    match extracted(value)? {
        Some(side) => Ok(Ok(side)),
        None if holds_several(value) => Ok(Err(Unfit::Several)),
        None => Ok(Err(Unfit::Side { is_text: text(value).is_some() })),
    }
}

/// A side as text or as a whole number; `None` if nobody knows it.
///
/// # Errors
/// An exception that Python raised; inside, a value that means neither a seller nor a buyer.
pub fn side_text(value: &Bound<'_, PyAny>, texts: &SideTexts) -> Read<Option<bool>> {
    let text = match text(value) {
        Some(text) => Some(text.into_owned()),
        None if is_flag(value)? => None,
        None if holds_several(value) => return Ok(Err(Unfit::Several)),
        None => extracted::<i64>(value)?.map(|number| number.to_string()),
    };
    let aggressor = text.and_then(|text| texts.aggressor(&text));
    let strange = || Unfit::SideText { expected: texts.expected() };
    Ok(aggressor.map(Aggressor::sold).ok_or_else(strange))
}

/// A time in `column`, the unit of the column: a whole number of `unit`, which is not finer, or a
/// datetime.
///
/// # Errors
/// An exception that Python raised; inside, a value that is not a time or that the column cannot
/// hold.
#[inline]
pub fn time(value: &Bound<'_, PyAny>, unit: EpochUnit, column: TimeUnit) -> Read<i64> {
    if value.is_exact_instance_of::<PyInt>() {
        return Ok(checked(extracted(value)?, unit, column));
    }
    if let Some(text) = text(value) {
        return Ok(if is_whole(&text) {
            checked(text.parse().ok(), unit, column)
        } else {
            Err(not_a_time(unit, text.parse().ok(), true, is_iso(&text)))
        });
    }
    if is_datetime(value)? {
        return of_datetime(value, unit, column);
    }
    if holds_several(value) {
        return Ok(Err(Unfit::Several));
    }
    // Python counts True as 1, but nobody means a time by True.
    if is_flag(value)? {
        return Ok(Err(not_a_time(unit, None, false, false)));
    }
    if value.hasattr(intern!(value.py(), "__index__"))?
        && let Some(number) = extracted(value)?
    {
        return Ok(checked(Some(number), unit, column));
    }
    Ok(Err(not_a_time(unit, extracted(value)?, false, false)))
}

/// A value as text for messages, at most 100 characters of it.
///
/// # Errors
/// An exception that must not be caught, such as Ctrl-C.
pub fn shown(value: &Bound<'_, PyAny>) -> PyResult<String> {
    const MOST: usize = 100;
    let text = match value.repr() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(error) if error.is_instance_of::<PyException>(value.py()) => {
            return Ok(format!("a {} that cannot be shown", value.get_type().name()?));
        }
        Err(error) => return Err(error),
    };
    Ok(match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    })
}

/// The text of a value, if it is text. Characters that are not Unicode are replaced by one that is
/// not a digit.
fn text<'a>(value: &'a Bound<'_, PyAny>) -> Option<Cow<'a, str>> {
    value.cast::<PyString>().ok().map(|text| text.to_string_lossy())
}

/// The number that a text of digits stands for. Python also reads blanks, underscores, nan and inf,
/// which no exchange sends as a price.
fn decimal(text: &str) -> Option<f64> {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let number = text.bytes().all(is_part).then(|| text.parse().ok())?;
    number.filter(|number: &f64| number.is_finite())
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn whole(text: &str) -> Option<i64> {
    is_whole(text).then(|| text.parse().ok())?
}

/// Whether `datetime.fromisoformat` reads the text without loss: up to 6 decimals.
fn is_iso(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let form = |byte: u8| if byte.is_ascii_digit() { '0' } else { char::from(byte) };
    let date = whole.bytes().take(10).map(form).collect::<String>();
    date == "0000-00-00" && whole.len() > 10 && !whole.contains(',') && digits <= 6
}

/// A value as Python converts it; `None` if Python reports that its type is wrong or it is too
/// large.
fn extracted<'a, 'py, T: FromPyObject<'a, 'py>>(
    value: &'a Bound<'py, PyAny>,
) -> PyResult<Option<T>> {
    let py = value.py();
    match value.extract::<T>().map_err(Into::<PyErr>::into) {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if error.is_instance_of::<PyTypeError>(py)
                || error.is_instance_of::<PyValueError>(py)
                || error.is_instance_of::<PyOverflowError>(py) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether it is a boolean, of Python or of `numpy`; both would be converted to 1 or 0.
fn is_flag(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_instance_of::<PyBool>() {
        return Ok(true);
    }
    Ok(matches!(value.get_type().name()?.to_str()?, "bool" | "bool_"))
}

/// Whether a number has an imaginary part, which `numpy` would drop.
fn has_imaginary_part(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match value.getattr_opt(intern!(value.py(), "imag"))? {
        Some(part) if !part.is_callable() => Ok(part.is_truthy().unwrap_or(false)),
        _ => Ok(false),
    }
}

/// Whether it is a sequence or an array. `numpy` would convert one with a single item to a number.
fn holds_several(value: &Bound<'_, PyAny>) -> bool {
    let is_text = value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>();
    !is_text && value.len().is_ok()
}

/// A whole number of `unit` as a time in `column`, the unit of the column.
fn checked(number: Option<i64>, unit: EpochUnit, column: TimeUnit) -> Result<i64, Unfit> {
    let time = number.filter(|number| unit.is_plausible(*number));
    let scale = column.per_second() / unit.per_second();
    let refused = || Unfit::Implausible { unit, fits: number.and_then(EpochUnit::fitting) };
    time.and_then(|time| time.checked_mul(scale)).ok_or_else(refused)
}

/// The reason why another value is not a time, with the facts that its remedy needs.
#[allow(clippy::cast_possible_truncation)] // only the magnitude of a float matters
fn not_a_time(unit: EpochUnit, float: Option<f64>, is_text: bool, is_iso: bool) -> Unfit {
    let float = float.and_then(|float| EpochUnit::fitting(float as i64));
    Unfit::Time { unit, float, is_text, is_iso }
}

/// Whether it is a datetime.
///
/// # Errors
/// An exception that Python raised.
pub fn is_datetime(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_instance(datetime(value.py())?)
}

fn datetime(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "datetime", "datetime")
}

/// The time of a datetime, which is in UTC unless it has an offset.
///
/// It is read field by field, because a subclass may subtract differently and may have nanoseconds.
fn of_datetime(value: &Bound<'_, PyAny>, unit: EpochUnit, column: TimeUnit) -> Read<i64> {
    let py = value.py();
    let field = |name: &str| -> PyResult<Option<i64>> { extracted(&value.getattr(name)?) };
    let small = |name: &str| -> PyResult<Option<u32>> { extracted(&value.getattr(name)?) };
    let date = match (extracted(&value.getattr("year")?)?, small("month")?, small("day")?) {
        (Some(year), Some(month), Some(day)) => NaiveDate::from_ymd_opt(year, month, day),
        _ => None,
    };
    let clock = (field("hour")?, field("minute")?, field("second")?, field("microsecond")?);
    let nano = match value.getattr_opt(intern!(py, "nanosecond"))? {
        Some(nanosecond) => extracted::<i64>(&nanosecond)?,
        None => Some(0),
    };
    let (Some(date), Some(nano), (Some(hour), Some(minute), Some(second), Some(micro))) =
        (date, nano, clock)
    else {
        return Ok(Err(not_a_time(unit, None, false, false)));
    };
    let days = i64::from(date.to_epoch_days());
    let mut seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    let mut micros = micro;
    let offset = value.call_method0(intern!(py, "utcoffset"))?;
    if !offset.is_none() {
        let part = |name: &str| offset.getattr(name)?.extract::<i64>();
        seconds -= part("days")? * 86_400 + part("seconds")?;
        micros -= part("microseconds")?;
    }
    let nanoseconds =
        i128::from(seconds) * 1_000_000_000 + i128::from(micros) * 1_000 + i128::from(nano);
    Ok(in_column(nanoseconds, column))
}

/// Nanoseconds in the unit of a column, if it holds them.
fn in_column(nanoseconds: i128, unit: TimeUnit) -> Result<i64, Unfit> {
    let one = 1_000_000_000 / i128::from(unit.per_second());
    let finer =
        if nanoseconds % 1_000 == 0 { TimeUnit::Microseconds } else { TimeUnit::Nanoseconds };
    if nanoseconds % one != 0 {
        return Err(Unfit::TooFine { unit, finer });
    }
    let wider = match unit {
        TimeUnit::Nanoseconds if nanoseconds % 1_000_000 != 0 => TimeUnit::Microseconds,
        _ => TimeUnit::Milliseconds,
    };
    i64::try_from(nanoseconds / one).map_err(|_| Unfit::TooFar { unit, wider })
}
