//! Which columns of a schema are the trades, and whether their dtypes can be read.
//!
//! A schema is checked once, before any row is read, so that a plan or an expression refuses it
//! while it is being built.

use crate::plugin::extra_inputs::{ExtraInput, Meaning};
use crate::plugin::refusal::compute_error;
use crate::plugin::schema_text::{listed, twice};
use crate::plugin::side_text::SideTexts;
use crate::session::Kind;
use crate::trades::{Layout, Role, TimeUnit};
use polars_core::prelude as pl;
use polars_core::prelude::{DataType, Field, PolarsResult};
use pyo3::FromPyObject;
use serde::Deserialize;
use std::collections::HashMap;

/// What the user says of the columns.
#[derive(Clone, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Names {
    /// The name of the column of each role, by the default name of the role. A role without a name
    /// is not read; without one for quantities each record counts as a quantity of 1.
    roles: HashMap<String, String>,
    /// How the sides are read where their column has texts.
    sides: Option<SideTexts>,
}

/// The columns of a schema that are read, in the order of their roles.
#[derive(Clone, Debug)]
pub struct Inputs {
    columns: Vec<Input>,
    extras: Vec<ExtraInput>,
    unit: TimeUnit,
    zone: Option<String>,
    sides: Option<SideTexts>,
    counts_records: bool,
}

/// One column of a schema that is read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its role.
    pub role: Role,
    /// Its name.
    pub name: pl::PlSmallStr,
    /// Its place in the schema.
    pub index: usize,
}

impl Names {
    /// The name of the column of a role, if it is read; the role is given by its default name.
    pub fn get(&self, role: &str) -> Option<&String> {
        self.roles.get(role)
    }

    /// How the sides are read where their column has texts.
    pub const fn sides(&self) -> Option<&SideTexts> {
        self.sides.as_ref()
    }

    /// Whether each record counts as a quantity of 1.
    pub fn counts_records(&self) -> bool {
        self.get(Role::Quantity.name()).is_none()
    }

    const fn argument(&self, role: Role) -> &'static str {
        argument(role, self.sides.is_some())
    }
}

impl Inputs {
    /// Find the columns of the roles for which `reads` is true.
    ///
    /// # Errors
    /// Missing columns, or one with a dtype that cannot be read; the message lists the columns and
    /// shows the cast.
    pub fn resolve(
        schema: &[Field],
        names: &Names,
        reads: impl Fn(Role) -> bool,
    ) -> PolarsResult<Self> {
        let mut inputs = Self {
            columns: Vec::new(),
            extras: Vec::new(),
            unit: TimeUnit::Microseconds,
            zone: None,
            sides: names.sides.clone(),
            counts_records: names.counts_records() && reads(Role::Quantity),
        };
        let (mut absent, mut wrong) = (Vec::new(), None);
        // Records are counted by the rows of another column.
        let counted = |role| inputs.counts_records && role == Role::Price;
        let roles = Role::ALL.into_iter().filter(|role| reads(*role) || counted(*role));
        for role in roles.collect::<Vec<_>>() {
            let Some(name) = names.get(role.name()) else { continue };
            let mut found = (0..schema.len()).filter(|index| schema[*index].name() == name);
            let first = found.next();
            if found.next().is_some() {
                return Err(compute_error(&twice(name, schema)));
            }
            let Some(index) = first else {
                if role.is_optional() && name == role.name() {
                    continue;
                }
                absent.push((role, name.as_str()));
                continue;
            };
            let dtype = schema[index].dtype();
            if *dtype == DataType::Null && role.is_optional() {
                continue;
            }
            if !accepts(role, dtype, names.sides()) {
                wrong.get_or_insert_with(|| wrong_dtype(role, names, name, dtype, schema));
                continue;
            }
            if let DataType::Datetime(unit, zone) = dtype {
                inputs.unit = match unit {
                    pl::TimeUnit::Milliseconds => TimeUnit::Milliseconds,
                    pl::TimeUnit::Microseconds => TimeUnit::Microseconds,
                    pl::TimeUnit::Nanoseconds => TimeUnit::Nanoseconds,
                };
                inputs.zone = zone.as_ref().map(ToString::to_string);
            }
            inputs.columns.push(Input { role, name: name.into(), index });
        }
        if !absent.is_empty() {
            return Err(compute_error(&missing(&absent, names, schema)));
        }
        wrong.map_or(Ok(inputs), |text| Err(compute_error(&text)))
    }

    /// Check that every column that bars need or that the user renamed is in the schema, read or
    /// not. An optional column with its default name may be absent.
    ///
    /// # Errors
    /// The missing columns.
    pub fn check_named(schema: &[Field], names: &Names) -> PolarsResult<()> {
        let is_absent = |(role, name): &(Role, &str)| {
            (!role.is_optional() || *name != role.name())
                && schema.iter().all(|field| field.name() != name)
        };
        let of_role = |role: Role| Some((role, names.get(role.name())?.as_str()));
        let absent =
            Role::ALL.into_iter().filter_map(of_role).filter(is_absent).collect::<Vec<_>>();
        if absent.is_empty() {
            Ok(())
        } else {
            Err(compute_error(&missing(&absent, names, schema)))
        }
    }

    /// Check that the columns that rules require are among those found.
    ///
    /// # Errors
    /// The first that is missing.
    pub fn require(
        &self,
        schema: &[Field],
        names: &Names,
        required: impl Fn(Role) -> bool,
    ) -> PolarsResult<()> {
        let is_there = |role| self.columns.iter().any(|input| input.role == role);
        match Role::ALL.into_iter().find(|role| required(*role) && !is_there(*role)) {
            Some(role) => {
                let name = names.get(role.name()).map_or(role.name(), String::as_str);
                Err(compute_error(&required_by_rule(role, name, schema)))
            }
            None => Ok(()),
        }
    }

    /// Find the columns that rules bring along, each with whether it is one of conditions.
    ///
    /// # Errors
    /// A missing column, or one of another dtype.
    pub fn add_extras<'a>(
        &mut self,
        schema: &[Field],
        extras: impl Iterator<Item = (&'a String, bool)>,
    ) -> PolarsResult<()> {
        for (name, is_flags) in extras {
            self.extras.push(ExtraInput::of_rule(schema, name, is_flags)?);
        }
        Ok(())
    }

    /// Find the column whose changes begin a new chain.
    ///
    /// # Errors
    /// A missing column, or one of another dtype.
    pub fn add_sessions(&mut self, schema: &[Field], name: &str) -> PolarsResult<()> {
        self.extras.push(ExtraInput::of_reset(schema, name)?);
        Ok(())
    }

    /// What the values are whose changes begin a new chain, if a column has them.
    pub fn session_kind(&self) -> Option<Kind> {
        self.extras.iter().find_map(|extra| match extra.meaning {
            Meaning::Sessions(kind) => Some(kind),
            Meaning::Flags | Meaning::Numbers => None,
        })
    }

    /// The columns that rules and a reset bring along.
    pub fn extras(&self) -> &[ExtraInput] {
        &self.extras
    }

    /// The columns, in the order of their roles.
    pub fn columns(&self) -> &[Input] {
        &self.columns
    }

    /// How the sides are read where their column has texts.
    pub const fn sides(&self) -> Option<&SideTexts> {
        self.sides.as_ref()
    }

    /// Whether each record counts as a quantity of 1, because quantities are read and have no
    /// column.
    pub const fn counts_records(&self) -> bool {
        self.counts_records
    }

    /// The unit of the times.
    pub const fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// The layout of the trades.
    pub fn layout(&self) -> Layout {
        let columns = self.columns.iter().map(|input| input.role).collect();
        Layout { unit: self.unit, zone: self.zone.clone(), columns }
    }
}

/// The argument of Python that names the column of a role, where sides are text or not.
pub const fn argument(role: Role, has_texts: bool) -> &'static str {
    match role {
        Role::IsBuyerMaker if has_texts => "side",
        _ => role.name(),
    }
}

fn accepts(role: Role, dtype: &DataType, sides: Option<&SideTexts>) -> bool {
    match role {
        Role::IsBuyerMaker if sides.is_some() => {
            dtype.is_integer()
                || matches!(
                    dtype,
                    DataType::String | DataType::Categorical(..) | DataType::Enum(..)
                )
        }
        Role::Timestamp => matches!(dtype, DataType::Datetime(..)),
        Role::Price | Role::Quantity => dtype.is_numeric(),
        Role::IsBuyerMaker => *dtype == DataType::Boolean,
        Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => dtype.is_integer(),
    }
}

/// The message about a column that is read and that Polars has no dtype for.
pub fn no_dtype(name: &str, stored: &str) -> String {
    format!(
        "column {name:?} is stored as {stored}, for which Polars has no dtype (cast it, or select \
         the columns that are read)"
    )
}

/// The message about trades without ids, which say which of them were counted already.
pub const NO_IDS: &str = "overlap=\"skip\" finds by agg_trade_id the trades that were counted, and these have none (say \
     which column it is: columns=TradeColumns(agg_trade_id=\"...\"), or leave out yourself the trades \
     that were counted, up to processor.position)";

fn missing(absent: &[(Role, &str)], names: &Names, schema: &[Field]) -> String {
    let quoted = absent.iter().map(|(_, name)| format!("{name:?}")).collect::<Vec<_>>();
    let argument = |(role, _): &(Role, &str)| format!("{}=\"...\"", names.argument(*role));
    let (columns, which) =
        if absent.len() == 1 { ("column", "which it is") } else { ("columns", "which they are") };
    format!(
        "no {columns} {} among the trades: they have [{}] (say {which}: columns=TradeColumns({}))",
        quoted.join(", "),
        listed(schema),
        absent.iter().map(argument).collect::<Vec<_>>().join(", ")
    )
}

fn required_by_rule(role: Role, name: &str, schema: &[Field]) -> String {
    let remedy = match role {
        Role::IsBuyerMaker => {
            "say which it is: columns=TradeColumns(is_buyer_maker=\"...\"), or give the rule \
             side=\"tick_rule\""
        }
        _ => {
            "say which they are: columns=TradeColumns(first_trade_id=\"...\", last_trade_id=\"...\"), \
             or count records: TickRule(n)"
        }
    };
    format!("the rule needs a column {name:?}, and the trades have [{}] ({remedy})", listed(schema))
}

fn wrong_dtype(
    role: Role,
    names: &Names,
    name: &str,
    dtype: &DataType,
    schema: &[Field],
) -> String {
    let column = format!("pl.col({name:?})");
    let expected = match role {
        Role::Timestamp => "Datetime",
        Role::Price | Role::Quantity => "a number",
        Role::IsBuyerMaker if names.sides.is_some() => "text",
        Role::IsBuyerMaker => "Boolean",
        Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => "an integer",
    };
    let remedy = match (role, dtype) {
        (Role::Timestamp, dtype) if dtype.is_integer() => {
            format!(
                "cast it from its own unit: pl.from_epoch({name:?}, time_unit=\"s\") where today is \
                 a number of 10 digits, \"ms\" of 13, \"us\" of 16, \"ns\" of 19"
            )
        }
        (Role::Timestamp, dtype) if dtype.is_numeric() => {
            format!(
                "cast it; where it counts seconds: pl.from_epoch(({column} * \
                 1_000_000).round().cast(pl.Int64), time_unit=\"us\")"
            )
        }
        (Role::Timestamp, DataType::String) => format!("cast it: {column}.str.to_datetime()"),
        (Role::Timestamp, DataType::Date) => "a date has no time of day: give the time of each \
                                              trade"
            .to_string(),
        (Role::IsBuyerMaker, dtype)
            if let Some(remedy) = side_remedy(names.sides(), name, dtype) =>
        {
            remedy
        }
        (Role::Price | Role::Quantity, DataType::String | DataType::Boolean) => {
            format!("cast it: {column}.cast(pl.Float64)")
        }
        (Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId, dtype) if dtype.is_float() => {
            format!("cast it: {column}.fill_nan(None).cast(pl.Int64)")
        }
        (Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId, dtype)
            if dtype.is_numeric() || *dtype == DataType::String =>
        {
            format!("cast it: {column}.cast(pl.Int64)")
        }
        (Role::Price | Role::Quantity, DataType::Categorical(..) | DataType::Enum(..)) => {
            format!("cast it: {column}.cast(pl.String).cast(pl.Float64)")
        }
        _ => format!("name another column: columns=TradeColumns({}=\"...\")", names.argument(role)),
    };
    format!(
        "column {name:?} is {dtype}: expected {expected} among the trades [{}] ({remedy})",
        listed(schema)
    )
}

/// How sides of another dtype are read, if they can be.
fn side_remedy(sides: Option<&SideTexts>, name: &str, dtype: &DataType) -> Option<String> {
    let column = format!("pl.col({name:?})");
    match dtype {
        DataType::Boolean => Some(format!(
            "if true is where the aggressor sold: columns=TradeColumns(is_buyer_maker={name:?})"
        )),
        dtype if sides.is_some() && dtype.is_numeric() => {
            Some(format!("cast it: {column}.cast(pl.Int64)"))
        }
        _ if sides.is_some() => None,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Some(format!(
            "if it is the aggressor's side: columns=TradeColumns(side={name:?}); if it is that of the \
             resting order: columns=TradeColumns(side={name:?}, side_of=\"maker\")"
        )),
        dtype if dtype.is_numeric() => Some(format!(
            "true is where the aggressor sold: of 0 and 1 {column}.cast(pl.Boolean), of -1 and 1 \
             {column} < 0"
        )),
        _ => None,
    }
}

/// The dtype of times.
///
/// # Errors
/// A zone that Polars does not know.
pub fn time_dtype(layout: &Layout) -> PolarsResult<DataType> {
    let unit = match layout.unit {
        TimeUnit::Milliseconds => pl::TimeUnit::Milliseconds,
        TimeUnit::Microseconds => pl::TimeUnit::Microseconds,
        TimeUnit::Nanoseconds => pl::TimeUnit::Nanoseconds,
    };
    Ok(DataType::Datetime(unit, pl::TimeZone::opt_try_new(layout.zone.as_deref())?))
}
