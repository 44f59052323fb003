//! Trades as a list of dicts, in rangebar-py's form.
//!
//! `timestamp` is a datetime, or a whole number in a unit that the caller names, `price` and
//! `quantity` (or `volume`) are numbers or text of numbers; ids and `is_buyer_maker` may be there.
//! None is null. Which of the optional keys the first dict ever has decides which columns there are.

use crate::checkpoint::Given;
use crate::epoch::EpochUnit;
use crate::error::Error;
use crate::trades::{Bits, Column, Role, Sides, Trades};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyList, PyMapping, PyString};
use std::borrow::Cow;

const TRUE_OR_FALSE: &str = "True or False";
const NUMBER: &str = "a number";
const INTEGER: &str = "an integer";
/// The day 1970-01-01 in Python's count of days.
const EPOCH_ORDINAL: i64 = 719_163;

/// How dicts are read.
#[derive(Debug)]
pub struct Reading<'py> {
    /// The key of each role; `None`: not read.
    names: [Option<Bound<'py, PyAny>>; Role::ALL.len()],
    /// Another key of the quantity.
    volume: Option<Bound<'py, PyAny>>,
    unit: EpochUnit,
}

impl<'py> Reading<'py> {
    /// Keys by the default name of each role, and the unit of times that are whole numbers.
    ///
    /// # Errors
    /// Those of Python.
    pub fn new(names: &Bound<'py, PyDict>, unit: EpochUnit) -> PyResult<Self> {
        let mut keys = [const { None }; Role::ALL.len()];
        for (key, role) in keys.iter_mut().zip(Role::ALL) {
            *key = names.get_item(role.name())?;
        }
        let default =
            names.get_item("quantity")?.is_some_and(|name| name.eq("quantity").unwrap_or(false));
        let volume = default.then(|| intern!(names.py(), "volume").clone().into_any());
        Ok(Self { names: keys, volume, unit })
    }

    fn name(&self, role: Role) -> Option<&Bound<'py, PyAny>> {
        self.names[role as usize].as_ref()
    }
}

/// Columns made of dicts.
#[derive(Debug)]
pub struct Records {
    len: usize,
    given: Given,
    timestamp: Values<i64>,
    price: Values<f64>,
    quantity: Values<f64>,
    sold: Packed,
    side_known: Packed,
    agg_trade_id: Values<i64>,
    first_trade_id: Values<i64>,
    last_trade_id: Values<i64>,
}

/// A column of values, some of which may be missing.
#[derive(Debug, Default)]
struct Values<T> {
    values: Vec<T>,
    valid: Packed,
}

/// Booleans, eight to a byte.
#[derive(Debug, Default)]
struct Packed {
    bytes: Vec<u8>,
    len: usize,
    unset: usize,
}

impl Records {
    /// Read the dicts, which follow `first_row` trades of that form.
    ///
    /// # Errors
    /// The outer: an item that is no mapping. The inner: a key that is missing, a value of a wrong
    /// type, or a key that the first dict did not have.
    pub fn read<'py>(
        dicts: &Bound<'py, PyList>,
        reading: &Reading<'py>,
        given: Option<&Given>,
        first_row: u64,
    ) -> PyResult<Result<Self, Error>> {
        let mut records: Option<Self> = None;
        for (row, item) in dicts.iter().enumerate() {
            let dict = match item.cast::<PyDict>() {
                Ok(dict) => dict.clone(),
                Err(_) => Self::dict_of(&item, row)?,
            };
            let records = match &mut records {
                Some(records) => records,
                None => records.insert(Self::of(Self::given(&dict, reading, given)?, dicts.len())),
            };
            if let Err(error) = records.push(&dict, reading, first_row + row as u64)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(records.unwrap_or_else(|| Self::of(Self::looking(reading.unit, Vec::new()), 0))))
    }

    /// The items of another mapping as a dict.
    fn dict_of<'py>(item: &Bound<'py, PyAny>, row: usize) -> PyResult<Bound<'py, PyDict>> {
        if item.cast::<PyMapping>().is_err() {
            let name = item.get_type().name()?;
            let message = format!("trade {row} of the list is a {name}: expected a dict");
            return Err(PyTypeError::new_err(message));
        }
        Ok(item.py().get_type::<PyDict>().call1((item,))?.cast_into::<PyDict>()?)
    }

    fn given(
        dict: &Bound<'_, PyDict>,
        reading: &Reading<'_>,
        given: Option<&Given>,
    ) -> PyResult<Given> {
        let mut columns = given.map(|given| given.columns.clone()).unwrap_or_default();
        if given.is_some() {
            return Ok(Self::looking(reading.unit, columns));
        }
        for role in Role::ALL {
            let name = reading.name(role);
            let is_there = match name {
                Some(name) => !role.is_optional() || dict.contains(name)?,
                None => !role.is_optional(),
            };
            if is_there {
                columns.push(role);
            }
        }
        Ok(Self::looking(reading.unit, columns))
    }

    fn looking(unit: EpochUnit, columns: Vec<Role>) -> Given {
        Given { unit: unit.column_unit(), zone: Some("UTC".to_owned()), columns }
    }

    fn of(given: Given, capacity: usize) -> Self {
        Self {
            len: 0,
            given,
            timestamp: Values::with_capacity(capacity),
            price: Values::with_capacity(capacity),
            quantity: Values::with_capacity(capacity),
            sold: Packed::default(),
            side_known: Packed::default(),
            agg_trade_id: Values::default(),
            first_trade_id: Values::default(),
            last_trade_id: Values::default(),
        }
    }

    fn push<'py>(
        &mut self,
        dict: &Bound<'py, PyDict>,
        reading: &Reading<'py>,
        row: u64,
    ) -> PyResult<Result<(), Error>> {
        macro_rules! tri {
            ($result:expr) => {
                match $result {
                    Ok(value) => value,
                    Err(error) => return Ok(Err(error)),
                }
            };
        }
        let timestamp = Field::of(dict, reading.name(Role::Timestamp), row)?;
        self.timestamp.push(tri!(timestamp.required(dict, None)?.time(reading.unit)?));
        let price = Field::of(dict, reading.name(Role::Price), row)?;
        self.price.push(tri!(price.required(dict, None)?.number()?));
        let mut quantity = Field::of(dict, reading.name(Role::Quantity), row)?;
        if quantity.value.is_none() && reading.volume.is_some() {
            let volume = Field::of(dict, reading.volume.as_ref(), row)?;
            if volume.is_key {
                quantity = volume;
            }
        }
        let other = reading.volume.as_ref().map(|_| "volume");
        self.quantity.push(tri!(quantity.required(dict, other)?.number()?));
        let side = Field::of(dict, reading.name(Role::IsBuyerMaker), row)?;
        let side: Option<bool> = tri!(side.flag()?);
        self.sold.push(side.unwrap_or(false));
        self.side_known.push(side.is_some());
        let ids: [Option<i64>; 3] = [
            tri!(Field::of(dict, reading.name(Role::AggTradeId), row)?.id()?),
            tri!(Field::of(dict, reading.name(Role::FirstTradeId), row)?.id()?),
            tri!(Field::of(dict, reading.name(Role::LastTradeId), row)?.id()?),
        ];
        let columns = [&mut self.agg_trade_id, &mut self.first_trade_id, &mut self.last_trade_id];
        columns.into_iter().zip(ids).for_each(|(column, id)| column.push(id));
        self.len += 1;
        let there = [side.map(|_| ()), ids[0].map(|_| ()), ids[1].map(|_| ()), ids[2].map(|_| ())];
        for (role, there) in Role::ALL.into_iter().skip(3).zip(there) {
            if there.is_some() && !self.given.columns.contains(&role) {
                let (column, value) = (role.name().to_owned(), "given".to_owned());
                let expected = Cow::Borrowed("no such key, as in the first trade");
                return Ok(Err(Error::Record { column, row, value, expected }));
            }
        }
        Ok(Ok(()))
    }

    /// What the dicts look like.
    pub const fn looks(&self) -> &Given {
        &self.given
    }

    /// The columns.
    pub fn trades(&self) -> Trades<'_> {
        let given = |role: Role| self.given.columns.contains(&role).then_some(role);
        let sides = Sides { sold: self.sold.bits(), known: self.side_known.nulls() };
        Trades {
            timestamp: Some(self.timestamp.column(Role::Timestamp)),
            price: Some(self.price.column(Role::Price)),
            quantity: Some(self.quantity.column(Role::Quantity)),
            is_buyer_maker: given(Role::IsBuyerMaker).map(|_| sides),
            agg_trade_id: given(Role::AggTradeId).map(|role| self.agg_trade_id.column(role)),
            first_trade_id: given(Role::FirstTradeId).map(|role| self.first_trade_id.column(role)),
            last_trade_id: given(Role::LastTradeId).map(|role| self.last_trade_id.column(role)),
            ..Trades::new(self.len, self.given.unit)
        }
    }
}

/// The value of a key of a dict.
struct Field<'a, 'py> {
    name: Option<&'a Bound<'py, PyAny>>,
    row: u64,
    /// Whether the dict has the key.
    is_key: bool,
    /// Its value, unless it is None.
    value: Option<Bound<'py, PyAny>>,
}

impl<'a, 'py> Field<'a, 'py> {
    /// The value of the key of that name; without a name, none.
    fn of(
        dict: &Bound<'py, PyDict>,
        name: Option<&'a Bound<'py, PyAny>>,
        row: u64,
    ) -> PyResult<Self> {
        let value = name.map_or(Ok(None), |name| dict.get_item(name))?;
        let (is_key, value) = (value.is_some(), value.filter(|value| !value.is_none()));
        Ok(Self { name, row, is_key, value })
    }

    fn called(&self) -> String {
        self.name.map_or_else(String::new, ToString::to_string)
    }

    fn wrong(&self, expected: impl Into<Cow<'static, str>>) -> PyResult<Error> {
        let value = self.value.as_ref().map(PyAnyMethods::repr).transpose()?;
        Ok(Error::Record {
            column: self.called(),
            row: self.row,
            value: value.map_or_else(String::new, |text| text.to_string()),
            expected: expected.into(),
        })
    }

    /// The same, but an error if the dict has no such key.
    fn required(
        self,
        dict: &Bound<'_, PyDict>,
        other: Option<&'static str>,
    ) -> PyResult<Required<'a, 'py>> {
        if self.is_key {
            return Ok(Required(Ok(self)));
        }
        let keys = dict.keys().iter().map(|key| Ok(key.str()?.to_string()));
        Ok(Required(Err(Error::Key {
            row: self.row,
            name: self.called(),
            other: other.map_or_else(String::new, |other| format!(" or {other:?}")),
            keys: keys.collect::<PyResult<Vec<_>>>()?.join(", "),
        })))
    }

    /// Python counts True as 1, but nobody means that by it.
    fn is_flag(&self) -> bool {
        self.value.as_ref().is_some_and(PyAnyMethods::is_instance_of::<PyBool>)
    }

    fn flag(&self) -> PyResult<Result<Option<bool>, Error>> {
        let Some(value) = &self.value else { return Ok(Ok(None)) };
        match value.extract() {
            Ok(value) => Ok(Ok(Some(value))),
            Err(_) => self.wrong(TRUE_OR_FALSE).map(Err),
        }
    }

    fn id(&self) -> PyResult<Result<Option<i64>, Error>> {
        let Some(value) = &self.value else { return Ok(Ok(None)) };
        let id = match value.cast::<PyString>() {
            Ok(text) => text.to_str()?.parse().ok().filter(|_| is_numeral(text.to_str())),
            Err(_) => value.extract().ok().filter(|_| !self.is_flag()),
        };
        match id {
            Some(id) => Ok(Ok(Some(id))),
            None => self.wrong(INTEGER).map(Err),
        }
    }

    fn number(&self) -> PyResult<Result<Option<f64>, Error>> {
        let Some(value) = &self.value else { return Ok(Ok(None)) };
        let number = match value.cast::<PyString>() {
            Ok(text) => text.to_str()?.parse().ok().filter(|_| is_numeral(text.to_str())),
            Err(_) => value.extract().ok().filter(|_| !self.is_flag()),
        };
        match number {
            Some(number) => Ok(Ok(Some(number))),
            None => self.wrong(NUMBER).map(Err),
        }
    }

    fn time(&self, unit: EpochUnit) -> PyResult<Result<Option<i64>, Error>> {
        let Some(value) = &self.value else { return Ok(Ok(None)) };
        let is_integer = value.is_instance_of::<PyInt>();
        if !is_integer && value.hasattr("utcoffset")? && value.hasattr("microsecond")? {
            return self.moment(value, unit);
        }
        if self.is_flag() || !(is_integer || value.hasattr("__index__")?) {
            return self.wrong(format!("an integer of {} or a datetime", unit.plural())).map(Err);
        }
        let number = value.extract::<i64>().ok();
        if let Some(number) = number.filter(|number| unit.is_plausible(*number)) {
            // From 1990 to 2100 there is room for a thousand times as many.
            let per = if unit == EpochUnit::Seconds { 1_000 } else { 1 };
            return Ok(Ok(Some(number * per)));
        }
        let remedy = number.and_then(EpochUnit::fitting).map_or_else(
            || "give a datetime, which is not judged".to_owned(),
            |fits| format!("it is one in {fits}: give the processor time_unit=\"{fits}\""),
        );
        self.wrong(format!("a time from 1990 to 2100 in {unit} ({remedy})")).map(Err)
    }

    /// A datetime; one without a zone is UTC.
    fn moment(
        &self,
        value: &Bound<'_, PyAny>,
        unit: EpochUnit,
    ) -> PyResult<Result<Option<i64>, Error>> {
        let part = |name: &str| value.getattr(name)?.extract::<i64>();
        let days = value.call_method0("toordinal")?.extract::<i64>()? - EPOCH_ORDINAL;
        let seconds =
            days * 86_400 + part("hour")? * 3_600 + part("minute")? * 60 + part("second")?;
        let mut nanos =
            i128::from(seconds) * 1_000_000_000 + i128::from(part("microsecond")?) * 1_000;
        if value.hasattr("nanosecond")? {
            nanos += i128::from(part("nanosecond")?);
        }
        let offset = value.call_method0("utcoffset")?;
        if !offset.is_none() {
            let part = |name: &str| offset.getattr(name)?.extract::<i64>();
            let seconds = part("days")? * 86_400 + part("seconds")?;
            nanos -=
                i128::from(seconds) * 1_000_000_000 + i128::from(part("microseconds")?) * 1_000;
        }
        let column = unit.column_unit();
        let of_unit = i128::from(1_000_000_000 / column.per_second());
        if nanos % of_unit != 0 {
            let finer = if nanos % 1_000 == 0 { "us" } else { "ns" };
            let text =
                format!("a time of whole {column} (give the processor time_unit=\"{finer}\")");
            return self.wrong(text).map(Err);
        }
        match i64::try_from(nanos / of_unit) {
            Ok(time) => Ok(Ok(Some(time))),
            Err(_) => self.wrong(format!("a time that 64 bits of {column} hold")).map(Err),
        }
    }
}

/// A field that the dict has, or the error that it has not.
struct Required<'a, 'py>(Result<Field<'a, 'py>, Error>);

impl Required<'_, '_> {
    fn time(self, unit: EpochUnit) -> PyResult<Result<Option<i64>, Error>> {
        match self.0 {
            Ok(field) => field.time(unit),
            Err(error) => Ok(Err(error)),
        }
    }

    fn number(self) -> PyResult<Result<Option<f64>, Error>> {
        match self.0 {
            Ok(field) => field.number(),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// Whether text is a decimal number and nothing else that a parser takes, such as "nan".
fn is_numeral(text: PyResult<&str>) -> bool {
    text.is_ok_and(|text| {
        text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
    })
}

impl<T: Copy + Default> Values<T> {
    fn with_capacity(capacity: usize) -> Self {
        Self { values: Vec::with_capacity(capacity), valid: Packed::default() }
    }

    fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.valid.push(value.is_some());
    }

    fn column(&self, role: Role) -> Column<'_, T> {
        Column { name: role.name(), values: &self.values, valid: self.valid.nulls() }
    }
}

impl Packed {
    fn push(&mut self, set: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(byte) = self.bytes.last_mut() {
            *byte |= u8::from(set) << (self.len % 8);
        }
        self.len += 1;
        self.unset += usize::from(!set);
    }

    fn bits(&self) -> Bits<'_> {
        Bits::new(&self.bytes, 0, self.len)
    }

    /// The bits, unless all are set.
    fn nulls(&self) -> Option<Bits<'_>> {
        (self.unset > 0).then(|| self.bits())
    }
}
