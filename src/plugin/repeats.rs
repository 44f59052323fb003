//! Trades at the begin of a call that were counted already and are left out.

use std::collections::HashSet;

/// Whether such trades are left out, and which keys have had a new trade since.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    over: Option<HashSet<usize>>,
}

impl Repeats {
    /// The begin of a call.
    pub fn new(are_skipped: bool) -> Self {
        Self { over: are_skipped.then(HashSet::new) }
    }

    /// Whether trades that were counted are left out.
    pub const fn are_skipped(&self) -> bool {
        self.over.is_some()
    }

    /// Whether the next trade of a key may be one that is left out.
    pub fn are_possible(&self, key: usize) -> bool {
        self.over.as_ref().is_some_and(|over| !over.contains(&key))
    }

    /// Note a new trade of a key: trades after it are not left out.
    pub fn end(&mut self, key: usize) {
        if let Some(over) = &mut self.over {
            over.insert(key);
        }
    }
}
