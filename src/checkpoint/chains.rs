//! The states of several chains as bytes, and back: of each threshold, and of each key.
//!
//! ```text
//! "RBCS" | version: 1 byte | CRC-32 of the rest: 4 bytes, little-endian | the rest: postcard
//! ```
//!
//! The rest holds the symbol, the columns of the keys, and checkpoints of single chains, byte for
//! byte: one of each threshold before any trade, which has the settings, and one of each key and
//! threshold. So a state of a chain is written, read and refused in one way. Within a version, the
//! fields of [`Wire`], [`KeyColumn`], [`KeyType`] and [`KeyValue`], their order and types never
//! change.

use crate::bar::Bar;
use crate::check::Check;
use crate::checkpoint::{Checkpoint, MAX_SYMBOL, damaged};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The version that is written.
pub const VERSION: u8 = 1;
/// The most bytes of the checkpoint of several chains: 16 MiB.
pub const MAX_BYTES: usize = 1 << 24;

const MAGIC: &[u8] = b"RBCS";
const HEADER: usize = MAGIC.len() + 1 + 4;
const CONTRADICTION: &str = "its chains contradict each other";
const UNFIT: &str = "its fields do not fit";

/// A checkpoint of one chain, or of several.
#[derive(Clone, Debug, PartialEq)]
pub enum Saved {
    /// The chain of one threshold.
    One(Box<Checkpoint>),
    /// The chains of several thresholds or keys.
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

    /// A checkpoint of each threshold, whose settings are those of all chains.
    pub fn settings(&self) -> &[Checkpoint] {
        match self {
            Self::One(checkpoint) => std::slice::from_ref(checkpoint),
            Self::Several(chains) => &chains.settings,
        }
    }

    /// Whether the threshold is a column of the bars.
    pub const fn has_threshold_column(&self) -> bool {
        matches!(self, Self::Several(Chains { threshold_column: true, .. }))
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
    /// Whether the threshold is a column of the bars.
    pub threshold_column: bool,
    /// The columns of the keys, with a value for each key; empty without keys.
    pub keys: Vec<KeyColumn>,
    /// The state of each threshold before any trade, ascending.
    pub settings: Vec<Checkpoint>,
    /// By key, the state of each threshold. Without keys there is one item.
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
    threshold_column: bool,
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
            threshold_column: self.threshold_column,
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
            threshold_column: wire.threshold_column,
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
            && (self.threshold_column || self.settings.len() == 1 && !self.keys.is_empty())
            && names.len() == self.keys.len()
            // Names are passed on as C strings.
            && names.iter().all(|name| !name.contains('\0'))
            && self.keys.iter().all(keyed)
            && distinct.len() == keys
            && self.states.len() == keys
            && has_one_rule_each(&self.settings)
            && self.states.iter().all(|of_key| self.is_of_one_key(of_key))
    }

    /// Whether these are the states of the thresholds after the same trades, of at least one.
    fn is_of_one_key(&self, states: &[Checkpoint]) -> bool {
        let Some(first) = states.first() else { return false };
        let mut open: Vec<_> = states.iter().filter_map(|state| state.open.as_ref()).collect();
        open.sort_by_key(|bar| bar.rows);
        states.len() == self.settings.len()
            && (self.keys.is_empty() || first.check.rows() > 0)
            && states.iter().all(|state| state.check == first.check)
            && states.iter().map(before_any_trade).eq(self.settings.iter().cloned())
            && open.windows(2).all(|pair| ends(pair[1], pair[0]))
    }
}

/// The state with the same settings before any trade.
fn before_any_trade(state: &Checkpoint) -> Checkpoint {
    Checkpoint { check: Check::default(), open: None, ..state.clone() }
}

/// Whether these are states before any trade of ascending thresholds, with otherwise equal settings
/// and without a symbol of their own.
fn has_one_rule_each(settings: &[Checkpoint]) -> bool {
    let Some(first) = settings.first() else { return false };
    settings.windows(2).all(|pair| pair[0].threshold < pair[1].threshold)
        && settings.iter().all(|state| {
            let threshold = state.threshold;
            *state == Checkpoint { threshold, symbol: None, ..before_any_trade(first) }
        })
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
        && part.sides.zip(whole.sides).is_none_or(|(part, whole)| {
            [(part.buy, whole.buy), (part.sell, whole.sell)].iter().all(|(part, whole)| {
                part.volume <= whole.volume
                    && part.turnover <= whole.turnover
                    && part.trades <= whole.trades
            })
        })
}
