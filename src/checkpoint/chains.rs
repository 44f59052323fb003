//! The states of several chains as bytes, and back: of each rule, and of each key.
//!
//! ```text
//! "RBCS" | version: 1 byte | CRC-32 of the rest: 4 bytes, little-endian | the rest: postcard
//! ```
//!
//! The rest holds the symbol, the columns of the keys, and checkpoints of single chains, byte for
//! byte: one of each rule before any trade, which has the settings, and one of each key and
//! rule. So a state of a chain is written, read and refused in one way. Within a version, the
//! fields of [`Wire`], [`KeyColumn`], [`KeyType`] and [`KeyValue`], their order and types never
//! change.

use crate::bar::Bar;
use crate::check::Check;
use crate::checkpoint::{Checkpoint, MAX_SYMBOL, damaged};
use crate::error::Error;
use crate::lookback::buckets::Filled;
use crate::lookback::past::Kept;
use crate::rule::Rule;
use crate::session::Session;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The version that is written.
pub const VERSION: u8 = 1;
/// The most bytes of the checkpoint of several chains: 16 MiB.
pub const MAX_BYTES: usize = 1 << 24;

/// Name of the column with the threshold of a bar.
pub const THRESHOLD: &str = "threshold_decimal_bps";
/// Name of the column with the text of the rule of a bar.
pub const RULE: &str = "rule";

const MAGIC: &[u8] = b"RBCS";
const HEADER: usize = MAGIC.len() + 1 + 4;
const CONTRADICTION: &str = "its chains contradict each other";
const UNFIT: &str = "its fields do not fit";

/// A checkpoint of one chain, or of several.
#[derive(Clone, Debug, PartialEq)]
pub enum Saved {
    /// The chain of one rule.
    One(Box<Checkpoint>),
    /// The chains of several rules or keys.
    Several(Chains),
}

impl Saved {
    /// Read the checkpoint in these bytes.
    ///
    /// # Errors
    /// As [`Checkpoint::from_bytes`] and [`Chains::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.starts_with(MAGIC) {
            Chains::from_bytes(bytes).map(Self::Several)
        } else {
            Checkpoint::from_bytes(bytes).map(|checkpoint| Self::One(Box::new(checkpoint)))
        }
    }

    /// The symbol of the trades, if it was given.
    pub fn symbol(&self) -> Option<&str> {
        match self {
            Self::One(checkpoint) => checkpoint.symbol.as_deref(),
            Self::Several(chains) => chains.symbol.as_deref(),
        }
    }

    /// A checkpoint of each rule, whose settings are those of all chains.
    pub fn settings(&self) -> &[Checkpoint] {
        match self {
            Self::One(checkpoint) => std::slice::from_ref(checkpoint),
            Self::Several(chains) => &chains.settings,
        }
    }

    /// The column of the bars that says which rule they are of, if there is one.
    pub fn rule_column(&self) -> Option<&str> {
        match self {
            Self::One(_) => None,
            Self::Several(chains) => chains.rule_column.as_deref(),
        }
    }

    /// The names of the columns of the keys.
    pub fn by(&self) -> Vec<&str> {
        match self {
            Self::One(_) => Vec::new(),
            Self::Several(chains) => {
                chains.keys.iter().map(|column| column.name.as_str()).collect()
            }
        }
    }
}

/// The states of several chains after the same trades.
#[derive(Clone, Debug, PartialEq)]
pub struct Chains {
    /// The symbol of the trades, if it was given.
    pub symbol: Option<String>,
    /// The column of the bars that says which rule they are of, if there is one.
    pub rule_column: Option<String>,
    /// The columns of the keys, with a value for each key; empty without keys.
    pub keys: Vec<KeyColumn>,
    /// The state of each rule before any trade.
    pub settings: Vec<Checkpoint>,
    /// By key, the state of each rule. Without keys there is one item.
    pub states: Vec<Vec<Checkpoint>>,
}

/// A column of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// Its dtype, if there was a batch.
    pub dtype: Option<KeyType>,
    /// A value for each key.
    pub values: Vec<KeyValue>,
}

/// The dtype of a column of keys; units are the places in ms, us, ns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // as in Polars
pub enum KeyType {
    Null,
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Int128,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    String,
    Binary,
    Date,
    Time,
    Datetime(u8, Option<String>),
    Duration(u8),
    Decimal(u8, u8),
    Categorical,
    Enum(Vec<String>),
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyValue {
    /// No value.
    Null,
    /// A whole number, or one that a value is stored as.
    Whole(i128),
    /// Text, or the name of a category.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    symbol: Option<String>,
    rule_column: Option<String>,
    keys: Vec<KeyColumn>,
    #[serde(borrow)]
    settings: Vec<&'a [u8]>,
    #[serde(borrow)]
    states: Vec<&'a [u8]>,
}

impl Chains {
    /// Write the checkpoint as bytes.
    ///
    /// # Errors
    /// A symbol of more than 128 bytes, or so many chains that [`MAX_BYTES`] do not hold them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        if let Some(symbol) = self.symbol.as_ref().filter(|symbol| symbol.len() > MAX_SYMBOL) {
            return Err(Error::SymbolTooLong { bytes: symbol.len() });
        }
        let written = |all: &mut dyn Iterator<Item = &Checkpoint>| {
            all.map(Checkpoint::to_bytes).collect::<Result<Vec<_>, _>>()
        };
        let settings = written(&mut self.settings.iter())?;
        let states = written(&mut self.states.iter().flatten())?;
        let wire = Wire {
            symbol: self.symbol.clone(),
            rule_column: self.rule_column.clone(),
            keys: self.keys.clone(),
            settings: settings.iter().map(Vec::as_slice).collect(),
            states: states.iter().map(Vec::as_slice).collect(),
        };
        let head = [MAGIC, &[VERSION], &[0; 4]].concat();
        let mut bytes = postcard::to_extend(&wire, head).map_err(|_| damaged(UNFIT))?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::ChainsTooLarge { chains: states.len(), bytes: bytes.len() });
        }
        let sum = crc32fast::hash(&bytes[HEADER..]).to_le_bytes();
        bytes[HEADER - 4..HEADER].copy_from_slice(&sum);
        Ok(bytes)
    }

    /// Read the checkpoint in these bytes.
    ///
    /// # Errors
    /// Bytes that are not the checkpoint of several chains, are damaged, have another version, or
    /// hold states that no trades can lead to.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return Err(damaged("it does not begin like one"));
        }
        let version = bytes[MAGIC.len()];
        if version != VERSION {
            return Err(Error::CheckpointVersion { got: version, reads: VERSION });
        }
        if bytes.len() > MAX_BYTES {
            return Err(damaged("it is too large"));
        }
        let (header, rest) = bytes.split_at(HEADER);
        if header[HEADER - 4..] != crc32fast::hash(rest).to_le_bytes() {
            return Err(damaged("its checksum does not match"));
        }
        let Ok((wire, [])) = postcard::take_from_bytes::<Wire<'_>>(rest) else {
            return Err(damaged(UNFIT));
        };
        let read = |parts: &[&[u8]]| {
            parts.iter().map(|part| Checkpoint::from_bytes(part)).collect::<Result<Vec<_>, _>>()
        };
        let (settings, states) = (read(&wire.settings)?, read(&wire.states)?);
        let chains = Self {
            symbol: wire.symbol,
            rule_column: wire.rule_column,
            keys: wire.keys,
            states: states.chunks(settings.len().max(1)).map(<[_]>::to_vec).collect(),
            settings,
        };
        if !chains.agree() {
            Err(damaged(CONTRADICTION))
        } else if chains.to_bytes()? == bytes {
            Ok(chains)
        } else {
            // A longer form of a number, or a bit without a meaning.
            Err(damaged(UNFIT))
        }
    }

    /// Whether trades can lead to these states together, each of which they can lead to alone.
    fn agree(&self) -> bool {
        let names: HashSet<_> = self.keys.iter().map(|column| &column.name).collect();
        let keys = if self.keys.is_empty() { 1 } else { self.keys[0].values.len() };
        let keyed = |column: &KeyColumn| {
            column.values.len() == keys && (column.dtype.is_some() || keys == 0)
        };
        let distinct: HashSet<Vec<&KeyValue>> = (0..keys)
            .map(|key| self.keys.iter().filter_map(|column| column.values.get(key)).collect())
            .collect();
        self.symbol.as_ref().is_none_or(|symbol| symbol.len() <= MAX_SYMBOL)
            && match self.rule_column.as_deref() {
                Some(THRESHOLD) => have_thresholds(&self.settings),
                Some(RULE) => true,
                Some(_) => false,
                None => self.settings.len() == 1 && !self.keys.is_empty(),
            }
            && names.len() == self.keys.len()
            // Names are passed on as C strings.
            && names.iter().all(|name| !name.contains('\0'))
            && self.keys.iter().all(keyed)
            && distinct.len() == keys
            && self.states.len() == keys
            && has_one_rule_each(&self.settings)
            && self.states.iter().all(|of_key| self.is_of_one_key(of_key))
            && self.has_one_kind()
    }

    /// Whether the last values of all keys are of one kind.
    fn has_one_kind(&self) -> bool {
        let sessions = self.states.iter().flatten().filter_map(|state| state.session.as_ref());
        let kinds: Vec<_> = sessions.filter_map(Session::kind).collect();
        kinds.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Whether these are the states of the rules after the same trades, of at least one.
    fn is_of_one_key(&self, states: &[Checkpoint]) -> bool {
        let Some(first) = states.first() else { return false };
        let rows = |state: &&Checkpoint| state.open.as_ref().map_or(0, |bar| bar.rows);
        let mut open: Vec<_> = states.iter().filter(|state| state.open.is_some()).collect();
        open.sort_by_key(rows);
        states.len() == self.settings.len()
            && (self.keys.is_empty() || first.check.rows() > 0)
            && states
                .iter()
                .all(|state| state.check == first.check && state.session == first.session)
            && states.iter().all(|state| state.kept == first.kept && state.filled == first.filled)
            && states.iter().map(before_any_trade).eq(self.settings.iter().cloned())
            && open.windows(2).all(|pair| can_be_beside(pair[1], pair[0]))
    }
}

/// The state with the same settings before any trade.
fn before_any_trade(state: &Checkpoint) -> Checkpoint {
    let memory = state.rule.memory();
    Checkpoint {
        symbol: state.symbol.clone(),
        rule: state.rule.clone(),
        features: state.features.clone(),
        layout: state.layout.clone(),
        check: Check::default(),
        session: None,
        open: None,
        memory,
        before: Vec::new(),
        kept: Kept::default(),
        filled: Filled::default(),
        ..*state
    }
}

/// Whether these are states before any trade of different rules, with otherwise equal settings and
/// without a symbol of their own.
fn has_one_rule_each(settings: &[Checkpoint]) -> bool {
    let Some(first) = settings.first() else { return false };
    let texts: HashSet<_> = settings.iter().map(|state| state.rule.to_string()).collect();
    texts.len() == settings.len()
        && settings.iter().all(|state| {
            let (rule, memory) = (state.rule.clone(), state.rule.memory());
            *state == Checkpoint { rule, memory, symbol: None, ..before_any_trade(first) }
        })
}

/// Whether all rules are of ascending thresholds and differ in nothing else.
fn have_thresholds(settings: &[Checkpoint]) -> bool {
    let guards: HashSet<_> =
        settings.iter().map(|state| state.rule.prevents_same_timestamp_close()).collect();
    let thresholds: Option<Vec<_>> = settings.iter().map(|state| state.rule.threshold()).collect();
    guards.len() == 1 && thresholds.is_some_and(|all| all.windows(2).all(|pair| pair[0] < pair[1]))
}

/// Whether the trades of the open bar of `part` can be the last ones of that of `whole`.
fn can_be_beside(whole: &Checkpoint, part: &Checkpoint) -> bool {
    let (Some(of_whole), Some(of_part)) = (&whole.open, &part.open) else { return true };
    ends(of_whole, of_part) && (of_whole.rows > of_part.rows || whole.before == part.before)
}

/// Whether the trades of `part` can be the last ones of `whole`.
fn ends(whole: &Bar, part: &Bar) -> bool {
    if whole.rows == part.rows {
        return whole == part;
    }
    part.time.open >= whole.time.open
        && part.price.high <= whole.price.high
        && part.price.low >= whole.price.low
        && part.price.close.to_bits() == whole.price.close.to_bits()
        && part.volume <= whole.volume
        && part.turnover <= whole.turnover
        && part.trades < whole.trades
        && part.rows_with_trade_ids <= whole.rows_with_trade_ids
        && part.last_agg_trade_id == whole.last_agg_trade_id
        && part.levels.iter().zip(&whole.levels).all(|(part, whole)| part.can_end(whole))
        && part.sides.zip(whole.sides).is_none_or(|(part, whole)| {
            [(part.buy, whole.buy), (part.sell, whole.sell)].iter().all(|(part, whole)| {
                part.volume <= whole.volume
                    && part.turnover <= whole.turnover
                    && part.trades <= whole.trades
            })
        })
}
