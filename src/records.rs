//! Trades as a list of dicts, in rangebar-py's form.
//!
//! `timestamp` is an integer of milliseconds, `price` and `quantity` (or `volume`) are numbers; ids
//! and `is_buyer_maker` may be there. What is missing or None is null. Which of the optional keys
//! the first dict ever has decides which columns there are.

use crate::checkpoint::Given;
use crate::error::Error;
use crate::trades::{Bits, Column, Role, Sides, TimeUnit, Trades};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString};

const TRUE_OR_FALSE: &str = "True or False";

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
    /// The outer: an item that is no dict. The inner: a value of a wrong type, or a key that the
    /// first dict did not have.
    pub fn read(
        dicts: &Bound<'_, PyList>,
        given: Option<&Given>,
        first_row: u64,
    ) -> PyResult<Result<Self, Error>> {
        let mut records: Option<Self> = None;
        for (row, item) in dicts.iter().enumerate() {
            let Ok(dict) = item.cast::<PyDict>() else {
                let name = item.get_type().name()?;
                let message = format!("trade {row} of the list is a {name}: expected a dict");
                return Err(PyTypeError::new_err(message));
            };
            let records = match &mut records {
                Some(records) => records,
                None => records.insert(Self::of(Self::given(dict, given)?, dicts.len())),
            };
            if let Err(error) = records.push(dict, first_row + row as u64)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(records.unwrap_or_else(|| Self::of(Self::in_milliseconds(Vec::new()), 0))))
    }

    fn given(dict: &Bound<'_, PyDict>, given: Option<&Given>) -> PyResult<Given> {
        let mut columns = given.map(|given| given.columns.clone()).unwrap_or_default();
        if given.is_some() {
            return Ok(Self::in_milliseconds(columns));
        }
        for role in Role::ALL {
            if !role.is_optional() || dict.contains(role.name())? {
                columns.push(role);
            }
        }
        Ok(Self::in_milliseconds(columns))
    }

    fn in_milliseconds(columns: Vec<Role>) -> Given {
        Given { unit: TimeUnit::Milliseconds, zone: Some("UTC".to_owned()), columns }
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

    fn push(&mut self, dict: &Bound<'_, PyDict>, row: u64) -> PyResult<Result<(), Error>> {
        macro_rules! take {
            ($name:literal, $expected:expr) => {
                match Self::value(dict, intern!(dict.py(), $name), row, $expected)? {
                    Ok(value) => value,
                    Err(error) => return Ok(Err(error)),
                }
            };
        }
        self.timestamp.push(take!("timestamp", "an integer of milliseconds"));
        self.price.push(take!("price", "a number"));
        let quantity = take!("quantity", "a number");
        let quantity = if quantity.is_none() { take!("volume", "a number") } else { quantity };
        self.quantity.push(quantity);
        let side: Option<bool> = take!("is_buyer_maker", TRUE_OR_FALSE);
        self.sold.push(side.unwrap_or(false));
        self.side_known.push(side.is_some());
        let ids: [Option<i64>; 3] = [
            take!("agg_trade_id", "an integer"),
            take!("first_trade_id", "an integer"),
            take!("last_trade_id", "an integer"),
        ];
        let columns = [&mut self.agg_trade_id, &mut self.first_trade_id, &mut self.last_trade_id];
        columns.into_iter().zip(ids).for_each(|(column, id)| column.push(id));
        self.len += 1;
        let there = [side.map(|_| ()), ids[0].map(|_| ()), ids[1].map(|_| ()), ids[2].map(|_| ())];
        for (role, there) in Role::ALL.into_iter().skip(3).zip(there) {
            if there.is_some() && !self.given.columns.contains(&role) {
                let (column, value) = (role.name().to_owned(), "given".to_owned());
                let expected = "no such key, as in the first trade";
                return Ok(Err(Error::Record { column, row, value, expected }));
            }
        }
        Ok(Ok(()))
    }

    /// The value of a key, which may be missing.
    fn value<'py, T: for<'a> FromPyObject<'a, 'py>>(
        dict: &Bound<'py, PyDict>,
        key: &Bound<'py, PyString>,
        row: u64,
        expected: &'static str,
    ) -> PyResult<Result<Option<T>, Error>> {
        let Some(value) = dict.get_item(key)?.filter(|value| !value.is_none()) else {
            return Ok(Ok(None));
        };
        // Python counts True as 1, but nobody means that by it.
        let is_flag = value.is_instance_of::<PyBool>() && expected != TRUE_OR_FALSE;
        Ok(match value.extract() {
            Ok(value) if !is_flag => Ok(Some(value)),
            _ => Err(Error::Record {
                column: key.to_string(),
                row,
                value: value.repr()?.to_string(),
                expected,
            }),
        })
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
            ..Trades::new(self.len, TimeUnit::Milliseconds)
        }
    }
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
