//! The state of a chain of bars as bytes, and back.
//!
//! ```text
//! "RBCP" | version: 1 byte | CRC-32 of the rest: 4 bytes, little-endian | the rest: postcard
//! ```
//!
//! Within a version, the fields in `wire.rs`, their order and types never change, and neither does
//! the rule that will close an open bar: a change of either is a new version. Sums are kept in full
//! width. What a rule knows is computed from the open bar and its [`Memory`], and the end of the
//! period from the last time. With a column the last value is kept.
//!
//! The checksum finds accidents, not forgery. So bytes are read as a state only if trades can lead
//! to it and it is written as the same bytes again.

pub mod chains;
mod reachable;
mod reachable_levels;
mod reachable_lookback;
mod reachable_run;
mod wire;

use crate::bar::Bar;
use crate::builder::MaxGap;
use crate::check::Check;
use crate::columns::{Output, Scalar, output};
use crate::error::Error;
use crate::footprint::Footprint;
use crate::levels::MAX_LEVELS;
use crate::lookback::buckets::{Filled, MAX_BUCKETS};
use crate::lookback::past::Kept;
use crate::lookback::{Back, Before, Lookback, MAX_TRADES, VPIN, outputs};
use crate::needs::Needs;
use crate::reset::Reset;
use crate::rule::{AnyRule, Memory, Rule};
use crate::session::{MAX_TEXT, Session};
use crate::trades::{Layout, Role};
use std::sync::Arc;
use wire::Wire;

/// The version that is written.
pub const VERSION: u8 = 6;
/// The longest symbol, in bytes.
pub const MAX_SYMBOL: usize = 128;
/// The most bytes of a checkpoint without levels of the open bar and trades before the next one.
pub const MAX_BYTES: usize = 4_000;
/// The most bytes of a level.
pub const LEVEL_BYTES: usize = 90;
/// The most bytes of a trade that is kept for the windows of later bars.
pub const ROW_BYTES: usize = 31;
/// The most bytes of a full bucket of volume.
pub const BUCKET_BYTES: usize = 10;

const MAGIC: &[u8] = b"RBCP";
const HEADER: usize = MAGIC.len() + 1 + 4;
const TOO_LARGE: &str = "it is too large";
const IMPOSSIBLE: &str = "such a state cannot be";
const UNFIT: &str = "its fields do not fit";
const UNKNOWN: &str = "it holds an unknown code";

/// Everything that is kept from one batch to the next, by a builder that computes every sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The symbol of the trades, if it was given.
    pub symbol: Option<String>,
    /// The rule, at the beginning of a chain.
    pub rule: AnyRule,
    /// The borders at which chains begin.
    pub reset: Option<Reset>,
    /// The longest time between two trades of one bar.
    pub max_gap: Option<MaxGap>,
    /// Whether the sums and the features are columns too.
    pub include_microstructure: bool,
    /// Whether bars that were cut off are rows too.
    pub include_incomplete: bool,
    /// The columns that are asked for by name.
    pub features: Vec<String>,
    /// How a footprint is made, if bars have one.
    pub footprint: Option<Footprint>,
    /// How far is looked back before a bar.
    pub back: Back,
    /// The layout of the trades, if there was a batch.
    pub layout: Option<Layout>,
    /// What is known of the trades so far.
    pub check: Check,
    /// The value of the last trade, if a column says where chains begin.
    pub session: Option<Session>,
    /// The open bar.
    pub open: Option<Bar>,
    /// What the rule remembers beside it.
    pub memory: Memory,
    /// The values of what came before the open bar, one for each such feature.
    pub before: Vec<Option<Scalar>>,
    /// The trades that the windows of later bars may need.
    pub kept: Kept,
    /// The buckets of volume that the trades have filled.
    pub filled: Filled,
}

/// What columns of these names need of the run of a bar.
pub fn needs_of_run(features: &[String]) -> Needs {
    let outputs = features.iter().filter_map(|name| output(name));
    let of_bar = outputs.filter(|output| !output.looks_back());
    of_bar.fold(Needs::NOTHING, |needs, output| needs.and(output.needs)).of_run()
}

fn damaged(why: &'static str) -> Error {
    Error::CheckpointDamaged { why }
}

impl Checkpoint {
    /// Write the checkpoint as bytes.
    ///
    /// # Errors
    /// A symbol or a value of more than 128 bytes, or a name of a zone so long that [`MAX_BYTES`] do
    /// not hold the checkpoint.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        if let Some(symbol) = self.symbol.as_ref().filter(|symbol| symbol.len() > MAX_SYMBOL) {
            return Err(Error::SymbolTooLong { bytes: symbol.len() });
        }
        if let Some(Session::Text(text)) = &self.session
            && text.len() > MAX_TEXT
        {
            return Err(Error::SessionTooLong { bytes: text.len() });
        }
        let mut bytes = [MAGIC, &[VERSION], &[0; 4]].concat();
        bytes = postcard::to_extend(&Wire::of(self), bytes).map_err(|_| damaged(TOO_LARGE))?;
        if bytes.len() > self.most_bytes() {
            return Err(damaged(TOO_LARGE));
        }
        let sum = crc32fast::hash(&bytes[HEADER..]).to_le_bytes();
        bytes[HEADER - 4..HEADER].copy_from_slice(&sum);
        Ok(bytes)
    }

    /// Read the checkpoint in these bytes.
    ///
    /// # Errors
    /// Bytes that are not a checkpoint, are damaged, have another version, or hold a state that no
    /// trades can lead to.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return Err(damaged("it does not begin like one"));
        }
        let version = bytes[MAGIC.len()];
        if version != VERSION {
            return Err(Error::CheckpointVersion { got: version, reads: VERSION });
        }
        let most_kept = usize::try_from(MAX_TRADES + 1).unwrap_or(usize::MAX);
        let most_filled = usize::try_from(MAX_BUCKETS).unwrap_or(usize::MAX) * BUCKET_BYTES;
        let most = MAX_BYTES + MAX_LEVELS * LEVEL_BYTES + most_kept * ROW_BYTES + most_filled;
        if bytes.len() > most {
            return Err(damaged(TOO_LARGE));
        }
        let (header, rest) = bytes.split_at(HEADER);
        if header[HEADER - 4..] != crc32fast::hash(rest).to_le_bytes() {
            return Err(damaged("its checksum does not match"));
        }
        let Ok((wire, [])) = postcard::take_from_bytes::<Wire>(rest) else {
            return Err(damaged(UNFIT));
        };
        let checkpoint = wire.checkpoint()?;
        if bytes.len() > checkpoint.most_bytes() {
            Err(damaged(TOO_LARGE))
        } else if !reachable::is_reachable(&checkpoint) {
            Err(damaged(IMPOSSIBLE))
        } else if checkpoint.to_bytes()? == bytes {
            Ok(checkpoint)
        } else {
            // A longer form of a number, or a bit without a meaning.
            Err(damaged(UNFIT))
        }
    }

    /// How many bytes hold every such state.
    fn most_bytes(&self) -> usize {
        let levels = self.open.as_ref().and_then(|bar| bar.levels.as_ref());
        MAX_BYTES
            + LEVEL_BYTES * levels.map_or(0, |levels| levels.len())
            + ROW_BYTES * self.kept.rows.len()
            + BUCKET_BYTES * self.filled.imbalances.len()
    }

    /// Its rule in the state after the trades so far.
    pub fn rule(&self) -> AnyRule {
        self.rule_after(self.rule.clone())
    }

    /// A rule that agrees with its own, in the state after the trades so far.
    pub fn rule_after(&self, mut rule: AnyRule) -> AnyRule {
        // A checkpoint is only read if its rule can resume, and one of a builder always can.
        let _ = rule.resume(self.open.as_ref(), &self.memory, self.check.rows());
        rule
    }

    /// Check that it belongs to this rule, this reset and this longest gap.
    ///
    /// # Errors
    /// The first setting that differs.
    pub fn agrees(
        &self,
        rule: &AnyRule,
        reset: Option<Reset>,
        max_gap: Option<MaxGap>,
    ) -> Result<(), Error> {
        let borders =
            |reset: Option<Reset>| reset.map_or("none".to_owned(), |reset| reset.to_string());
        let gap = |gap: Option<MaxGap>| gap.map_or("none".to_owned(), |gap| gap.to_string());
        let all = [
            ("rule", self.rule.to_string(), rule.to_string()),
            ("reset", borders(self.reset), borders(reset)),
            ("max_gap", gap(self.max_gap), gap(max_gap)),
        ];
        match all.into_iter().find(|(_, got, expected)| got != expected) {
            Some((what, got, expected)) => Err(Error::CheckpointOther { what, got, expected }),
            None => Ok(()),
        }
    }

    /// What looks back from the bars of these checkpoints of the same trades, with the values of
    /// these outputs.
    pub fn lookback(states: &[Self], outputs: &[&'static Output]) -> Option<Lookback> {
        let first = states.first()?;
        if outputs.is_empty() {
            return None;
        }
        let lookback = Lookback::new(first.back, outputs.to_vec(), states.len());
        let columns = first.layout.as_ref().map_or(&[][..], |layout| &layout.columns);
        let open = states.iter().map(|state| state.before_of(outputs)).collect();
        let has_sides = columns.contains(&Role::IsBuyerMaker);
        let kept = (&first.kept, &first.filled);
        Some(lookback.resume(first.check.rows(), kept, has_sides, open))
    }

    /// The outputs of which it has values for the open bar.
    pub fn lookbacks(&self) -> Vec<&'static Output> {
        let vpin = self.back.vpin.and_then(|_| output(VPIN));
        outputs(&self.features).into_iter().chain(vpin).collect()
    }

    /// The values of these outputs for the open bar.
    fn before_of(&self, wanted: &[&'static Output]) -> Arc<Before> {
        let own = self.lookbacks();
        let value = |wanted: &&'static Output| {
            let place = own.iter().position(|output| output.name == wanted.name)?;
            *self.before.get(place)?
        };
        wanted.iter().map(value).collect()
    }

    /// What its columns need of a run beside every sum.
    pub fn needs_of_run(&self) -> Needs {
        needs_of_run(&self.features)
    }
}
