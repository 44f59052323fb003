//! The names of the keys of dicts of trades.

use crate::epoch::EpochUnit;
use crate::plugin::dict_extras::Reader;
use crate::plugin::inputs::argument;
use crate::plugin::options::Options;
use crate::plugin::side_text::SideTexts;
use crate::trades::Role;
use polars_core::prelude::PolarsResult;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The other name of the key for quantities.
const VOLUME: &str = "volume";

/// By role, whether there is such a column.
pub type There = [bool; Role::ALL.len()];
/// No column.
pub const NONE: There = [false; Role::ALL.len()];

/// The names of the keys, and the unit of times that are whole numbers.
#[derive(Debug)]
pub struct Form {
    /// The key of each role; a role without a key is not read.
    keys: [Option<Key>; Role::ALL.len()],
    /// The other key for quantities.
    pub volume: Option<Key>,
    /// The keys whose values say which chain a trade belongs to.
    pub by: Vec<Key>,
    /// The keys that rules and a reset read, and which of them does.
    pub extras: Vec<(Key, Reader)>,
    /// How the sides are read where they are texts.
    pub sides: Option<SideTexts>,
    /// Whether each dict counts as a quantity of 1.
    pub counts_records: bool,
    /// The unit of times that are whole numbers.
    pub unit: EpochUnit,
}

/// One key of dicts.
#[derive(Debug)]
pub struct Key {
    /// The user's name for it.
    pub name: String,
    /// The same, for Python.
    pub object: Py<PyString>,
    /// Whether every dict must have it.
    pub required: bool,
}

impl Form {
    /// The form of dicts with these options, whose whole numbers have this unit.
    ///
    /// # Errors
    /// Options that are refused.
    pub fn new(py: Python<'_>, options: &Options, unit: EpochUnit) -> PolarsResult<Self> {
        let (names, by) = (&options.columns, &options.by);
        let key = |name: &str, required| Key {
            name: name.to_owned(),
            object: PyString::intern(py, name).unbind(),
            required,
        };
        let keys = Role::ALL.map(|role| {
            let name = names.get(role.name())?;
            Some(key(name, !role.is_optional() || name != role.name()))
        });
        let volume =
            names.get(Role::Quantity.name()).is_some_and(|name| name == Role::Quantity.name());
        let rules = options.rules()?;
        let of_rules = rules.iter().filter_map(|rule| {
            let (_, is_flags) = rule.extra()?;
            Some(if is_flags { Reader::When } else { Reader::Sum })
        });
        let names_of_extras = options.extras.iter().chain(&options.reset_column);
        let readers = of_rules.chain(options.reset_column.as_ref().map(|_| Reader::Reset));
        let extras = names_of_extras.zip(readers);
        Ok(Self {
            keys,
            volume: volume.then(|| key(VOLUME, false)),
            by: by.iter().map(|name| key(name, true)).collect(),
            extras: extras.map(|(name, reader)| (key(name, true), reader)).collect(),
            sides: names.sides().cloned(),
            counts_records: names.counts_records(),
            unit,
        })
    }

    /// The columns of the trades, if this is the first of them.
    ///
    /// # Errors
    /// An exception that Python raised.
    pub fn columns_of(&self, dict: &Bound<'_, PyDict>) -> PyResult<There> {
        let mut there = NONE;
        for (there, key) in there.iter_mut().zip(&self.keys) {
            let Some(key) = key else { continue };
            *there = key.required || dict.contains(key.object.bind(dict.py()))?;
        }
        Ok(there)
    }

    /// The key of a role.
    pub fn key(&self, role: Role) -> Option<&Key> {
        self.keys.get(role as usize).and_then(Option::as_ref)
    }

    /// The argument of Python that names the key of a role.
    pub const fn argument(&self, role: Role) -> &'static str {
        argument(role, self.sides.is_some())
    }

    /// The name of the key of a role.
    pub fn name(&self, role: Role) -> &str {
        self.key(role).map_or(role.name(), |key| &key.name)
    }
}
