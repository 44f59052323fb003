//! Trades as dicts: rows in, columns out.
//!
//! The keys have the user's names for the columns; `volume` is another name for `quantity`. None is
//! null. The optional keys of the first dict decide which columns there are; a later dict may lack
//! one, unless the user named it.

use crate::plugin::dict_columns::{Packed, Values};
use crate::plugin::dict_error::{DictError, Unfit};
use crate::plugin::dict_extras::{ExtraValues, Reader};
use crate::plugin::dict_form::{Form, Key, NONE, There};
use crate::plugin::dict_keys::KeyValues;
use crate::plugin::keys::Keys;
use crate::plugin::refusal::Refusal;
use crate::plugin::values::{Read, id, number, shown, side, side_text, time};
use crate::session::Kind;
use crate::trades::{Extra, Layout, Role, Sides, TimeUnit, Trades};
use polars_core::prelude::{Column, DataFrame};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString};

/// How to make a dict of a trade of some class, by an attribute of the class.
const WAYS: [(&str, &str); 4] = [
    ("__dataclass_fields__", "dataclasses.asdict(trade)"),
    ("_asdict", "trade._asdict()"),
    ("model_dump", "trade.model_dump()"),
    ("keys", "dict(trade)"),
];
const ZONE: &str = "UTC";

/// Columns from dicts.
#[derive(Debug)]
pub struct Records<'f> {
    form: &'f Form,
    /// The unit of the times.
    unit: TimeUnit,
    there: There,
    len: usize,
    timestamp: Values<i64>,
    price: Values<f64>,
    quantity: Values<f64>,
    sold: Packed,
    side_known: Packed,
    agg_trade_id: Values<i64>,
    first_trade_id: Values<i64>,
    last_trade_id: Values<i64>,
    keys: Vec<KeyValues>,
    extras: Vec<ExtraValues>,
}

impl<'f> Records<'f> {
    /// Read dicts that follow `first_row` trades with the layout `layout`. Reading ends at the
    /// first dict that is refused; the reason is returned beside the columns of the dicts before
    /// it.
    ///
    /// # Errors
    /// An exception that Python raised, or an item that is not a dict.
    pub fn read(
        dicts: &Bound<'_, PyList>,
        form: &'f Form,
        layout: Option<&Layout>,
        (keys, session): (Option<&Keys>, Option<Kind>),
        first_row: u64,
    ) -> PyResult<(Self, Option<Refusal>)> {
        let there = layout.map_or(NONE, |layout| {
            Role::ALL.map(|role| form.key(role).is_some() && layout.columns.contains(&role))
        });
        let unit = form.unit.column_unit_after(layout.map(|layout| layout.unit));
        let mut records = Self::of(form, unit, there, dicts.len());
        records.keys = KeyValues::of_columns(keys, form.by.len());
        let extras = form.extras.iter().map(|(_, reader)| ExtraValues::new(*reader, session));
        records.extras = extras.collect();
        for (row, item) in dicts.iter().enumerate() {
            let other;
            let dict = if let Ok(dict) = item.cast::<PyDict>() {
                dict
            } else {
                other = copied(&item, first_row + row as u64)?;
                &other
            };
            if layout.is_none() && row == 0 {
                records.there = form.columns_of(dict)?;
            }
            match records.push(dict, first_row + row as u64) {
                Ok(()) => {}
                Err(Refusal::Python(error)) => return Err(error),
                Err(refusal) => return Ok((records, Some(refusal))),
            }
        }
        Ok((records, None))
    }

    fn of(form: &'f Form, unit: TimeUnit, there: There, rows: usize) -> Self {
        Self {
            form,
            unit,
            there,
            len: 0,
            timestamp: Values::for_rows(rows),
            price: Values::for_rows(rows),
            quantity: Values::for_rows(rows),
            sold: Packed::default(),
            side_known: Packed::default(),
            agg_trade_id: Values::default(),
            first_trade_id: Values::default(),
            last_trade_id: Values::default(),
            keys: Vec::new(),
            extras: Vec::new(),
        }
    }

    fn push(&mut self, dict: &Bound<'_, PyDict>, row: u64) -> Result<(), Refusal> {
        let (unit, column) = (self.form.unit, self.unit);
        let timestamp =
            self.value(dict, Role::Timestamp, row, |value| time(value, unit, column))?;
        let price = self.value(dict, Role::Price, row, number)?;
        let quantity = self.value(dict, Role::Quantity, row, number)?;
        let sold = match &self.form.sides {
            None => self.value(dict, Role::IsBuyerMaker, row, side)?,
            Some(texts) => {
                let read = |value: &Bound<'_, PyAny>| side_text(value, texts);
                self.value(dict, Role::IsBuyerMaker, row, read)?.flatten()
            }
        };
        let agg_trade_id = self.value(dict, Role::AggTradeId, row, id)?;
        let first_trade_id = self.value(dict, Role::FirstTradeId, row, id)?;
        let last_trade_id = self.value(dict, Role::LastTradeId, row, id)?;
        let mut of_trade = Vec::with_capacity(self.form.by.len());
        for (key, column) in self.form.by.iter().zip(&self.keys) {
            let found = dict.get_item(key.object.bind(dict.py()))?;
            let value = found.ok_or_else(|| lacks_key(dict, key, row))?;
            of_trade.push(column.read(&value)?.map_err(|why| refused(key, &value, row, why))?);
        }
        let mut read = Vec::with_capacity(self.form.extras.len());
        for ((key, reader), column) in self.form.extras.iter().zip(&self.extras) {
            let found = dict.get_item(key.object.bind(dict.py()))?;
            let value = found.ok_or_else(|| lacks_extra(dict, key, *reader, row))?;
            read.push(column.read(&value)?.map_err(|why| refused(key, &value, row, why))?);
        }
        // All columns or none, because they must have the same length.
        for (column, value) in self.keys.iter_mut().zip(of_trade) {
            column.push(value);
        }
        for (column, value) in self.extras.iter_mut().zip(read) {
            column.push(value);
        }
        self.timestamp.push(timestamp);
        self.price.push(price);
        self.quantity.push(if self.form.counts_records { Some(1.0) } else { quantity });
        self.sold.push(sold.unwrap_or(false));
        self.side_known.push(sold.is_some());
        self.agg_trade_id.push(agg_trade_id);
        self.first_trade_id.push(first_trade_id);
        self.last_trade_id.push(last_trade_id);
        self.len += 1;
        Ok(())
    }

    /// The value of a role, which may be missing.
    #[inline]
    fn value<'py, T>(
        &self,
        dict: &Bound<'py, PyDict>,
        role: Role,
        row: u64,
        read: impl Fn(&Bound<'py, PyAny>) -> Read<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(mut key) = self.form.key(role) else { return Ok(None) };
        let mut found = dict.get_item(key.object.bind(dict.py()))?;
        if role == Role::Quantity
            && found.as_ref().is_none_or(PyAnyMethods::is_none)
            && let Some(volume) = &self.form.volume
            && let Some(other) = dict.get_item(volume.object.bind(dict.py()))?
        {
            (key, found) = (volume, Some(other));
        }
        let Some(value) = found else {
            return if key.required { Err(self.lacks(dict, role, row)) } else { Ok(None) };
        };
        if value.is_none() {
            return Ok(None);
        }
        let why = match read(&value)? {
            Ok(value) if self.has(role) => return Ok(Some(value)),
            Ok(_) => Unfit::Late { argument: self.form.argument(role) },
            Err(why) => why,
        };
        Err(refused(key, &value, row, why))
    }

    /// The refusal of a dict that lacks a required key.
    #[cold]
    fn lacks(&self, dict: &Bound<'_, PyDict>, role: Role, row: u64) -> Refusal {
        let keys = match keys_of(dict) {
            Ok(keys) => keys,
            Err(error) => return error.into(),
        };
        let guess = usual(role).iter().find(|name| keys.iter().any(|key| key == *name));
        DictError::Key {
            row,
            key: self.form.name(role).to_owned(),
            or_volume: role == Role::Quantity && self.form.volume.is_some(),
            argument: self.form.argument(role),
            guess: (*guess.unwrap_or(&"...")).to_owned(),
            keys,
        }
        .into()
    }

    /// Number of rows.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The layout of the dicts.
    pub fn layout(&self) -> Layout {
        let columns = Role::ALL.into_iter().filter(|role| self.has(*role)).collect();
        Layout { unit: self.unit, zone: Some(ZONE.to_owned()), columns }
    }

    /// Whether the dicts have this layout.
    pub fn has_layout(&self, layout: &Layout) -> bool {
        let count = self.there.iter().filter(|there| **there).count();
        layout.unit == self.unit
            && layout.zone.as_deref() == Some(ZONE)
            && layout.columns.len() == count
            && layout.columns.iter().all(|role| self.has(*role))
    }

    fn has(&self, role: Role) -> bool {
        self.there[role as usize]
    }

    /// The message about dicts that follow trades with another time unit or zone, if they do. A
    /// column can be cast; dicts cannot.
    pub fn other_times(&self, first: &Layout) -> Option<String> {
        let (unit, zone) = (first.unit, first.zone.as_deref());
        let mut remedies = Vec::new();
        if unit != self.unit {
            remedies.push(format!("give the dicts times in {unit}, with time_unit=\"{unit}\""));
        }
        if zone != Some(ZONE) {
            let (column, verb) =
                (self.form.name(Role::Timestamp), zone.map_or("replace", |_| "convert"));
            remedies.push(format!(
                "give the frames times in UTC: pl.col({column:?}).dt.{verb}_time_zone(\"UTC\")"
            ));
        }
        let (own, zone) = (self.form.unit, zone.unwrap_or("no zone"));
        (!remedies.is_empty()).then(|| {
            format!(
                "dicts with times in {own} and UTC do not continue trades with times in {unit} and \
                 {zone} ({})",
                remedies.join("; ")
            )
        })
    }

    /// The columns of the keys, as numbered so far.
    ///
    /// # Errors
    /// A value that the dtype of the keys so far does not hold. Its row is counted from
    /// `first_row`.
    pub fn keys(&self, known: Option<&Keys>, first_row: u64) -> Result<DataFrame, Refusal> {
        let seen = known.map(|keys| keys.seen().columns());
        let mut columns = Vec::with_capacity(self.keys.len());
        for (number, (key, values)) in self.form.by.iter().zip(&self.keys).enumerate() {
            let dtype = seen.and_then(|seen| seen.get(number)).map(Column::dtype);
            columns.push(values.column(&key.name, dtype, first_row)?);
        }
        Ok(DataFrame::new(self.len, columns)?)
    }

    /// Some of the rows, in this order.
    #[must_use]
    pub fn rows(&self, rows: &[u32]) -> Self {
        Self {
            form: self.form,
            unit: self.unit,
            there: self.there,
            len: rows.len(),
            timestamp: self.timestamp.rows(rows),
            price: self.price.rows(rows),
            quantity: self.quantity.rows(rows),
            sold: self.sold.rows(rows),
            side_known: self.side_known.rows(rows),
            agg_trade_id: self.agg_trade_id.rows(rows),
            first_trade_id: self.first_trade_id.rows(rows),
            last_trade_id: self.last_trade_id.rows(rows),
            keys: Vec::new(),
            extras: self.extras.iter().map(|column| column.rows(rows)).collect(),
        }
    }

    /// What the values are whose changes begin a new chain, once that is known.
    pub fn session_kind(&self) -> Option<Kind> {
        self.extras.iter().find_map(ExtraValues::kind)
    }

    /// The columns that rules and a reset bring along.
    pub fn extras(&self) -> Vec<Extra<'_>> {
        let extras = self.form.extras.iter().zip(&self.extras);
        extras.map(|((key, _), column)| column.extra(&key.name)).collect()
    }

    /// The columns; `extras` are those of [`Self::extras`].
    pub fn trades<'a>(&'a self, extras: &'a [Extra<'a>]) -> Trades<'a> {
        let name_of = |role: Role| self.has(role).then(|| self.form.name(role));
        let sides = Sides { sold: self.sold.bits(), known: self.side_known.nulls() };
        let name = |role: Role| self.form.name(role);
        Trades {
            timestamp: Some(self.timestamp.column(name(Role::Timestamp))),
            price: Some(self.price.column(name(Role::Price))),
            quantity: Some(self.quantity.column(name(Role::Quantity))),
            is_buyer_maker: name_of(Role::IsBuyerMaker).map(|_| sides),
            agg_trade_id: name_of(Role::AggTradeId).map(|name| self.agg_trade_id.column(name)),
            first_trade_id: name_of(Role::FirstTradeId)
                .map(|name| self.first_trade_id.column(name)),
            last_trade_id: name_of(Role::LastTradeId).map(|name| self.last_trade_id.column(name)),
            extras,
            ..Trades::new(self.len, self.unit)
        }
    }
}

/// The keys of a dict, as text.
fn keys_of(dict: &Bound<'_, PyDict>) -> PyResult<Vec<String>> {
    let name = |key: Bound<'_, PyAny>| match key.cast::<PyString>() {
        Ok(key) => Ok(key.to_string_lossy().into_owned()),
        Err(_) => shown(&key),
    };
    dict.keys().iter().map(name).collect()
}

/// The refusal of a dict that does not say which chain it belongs to.
#[cold]
fn lacks_key(dict: &Bound<'_, PyDict>, key: &Key, row: u64) -> Refusal {
    match keys_of(dict) {
        Ok(keys) => DictError::By { row, key: key.name.clone(), keys }.into(),
        Err(error) => error.into(),
    }
}

/// The refusal of a dict without a key that a rule or a reset needs.
#[cold]
fn lacks_extra(dict: &Bound<'_, PyDict>, key: &Key, reader: Reader, row: u64) -> Refusal {
    let needed_by = if reader == Reader::Reset { "reset" } else { "the rule" };
    match keys_of(dict) {
        Ok(keys) => DictError::Extra { row, key: key.name.clone(), needed_by, keys }.into(),
        Err(error) => error.into(),
    }
}

/// The refusal of a value.
#[cold]
fn refused(key: &Key, value: &Bound<'_, PyAny>, row: u64, why: Unfit) -> Refusal {
    match shown(value) {
        Ok(value) => {
            let column = key.name.clone();
            DictError::Record { column, row, value, why }.into()
        }
        Err(error) => error.into(),
    }
}

/// A mapping that is not a dict, as a dict.
fn copied<'py>(item: &Bound<'py, PyAny>, row: u64) -> PyResult<Bound<'py, PyDict>> {
    if let Ok(mapping) = item.cast::<PyMapping>() {
        let dict = PyDict::new(item.py());
        dict.update(mapping)?;
        return Ok(dict);
    }
    let mut remedy = String::new();
    for (attribute, way) in WAYS {
        if remedy.is_empty() && item.hasattr(attribute)? {
            remedy = format!(" (give {way})");
        }
    }
    let name = item.get_type().name()?;
    Err(PyTypeError::new_err(format!("trade {row} is a {name}: expected a dict{remedy}")))
}

/// The names that exchanges use for a required key.
const fn usual(role: Role) -> &'static [&'static str] {
    match role {
        Role::Timestamp => &["time", "ts", "T"],
        Role::Price => &["px", "p"],
        Role::Quantity => &["qty", "size", "sz", "q"],
        _ => &[],
    }
}
