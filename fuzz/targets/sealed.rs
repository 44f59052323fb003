//! Checkpoints with heads and checksums that are right, and trades to continue from them.

use crate::drawn::{Drawn, some_trades};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rangebar_polars::checkpoint::{Checkpoint, VERSION, chains};
use rangebar_polars::trades::{Layout, Role, TimeUnit};
use std::sync::OnceLock;

fn sealed(magic: &[u8], version: u8, rest: &[u8]) -> Vec<u8> {
    [magic, &[version], &crc32fast::hash(rest).to_le_bytes(), rest].concat()
}

/// The checkpoint of one chain.
pub fn checkpoint(rest: &[u8]) -> Vec<u8> {
    sealed(b"RBCP", VERSION, rest)
}

/// The checkpoint of several chains.
#[allow(dead_code)] // one target has them
pub fn chains(rest: &[u8]) -> Vec<u8> {
    sealed(b"RBCS", chains::VERSION, rest)
}

/// What the trades of a state look like.
pub fn layout(state: &Checkpoint) -> Layout {
    let any = || Layout { unit: TimeUnit::Microseconds, zone: None, columns: Role::ALL.to_vec() };
    state.layout.clone().unwrap_or_else(any)
}

/// Some trades, the same for every input: calm ones, and then some that let sums overflow.
pub fn trades() -> impl Iterator<Item = &'static [Drawn]> {
    static TRADES: OnceLock<[Vec<Drawn>; 3]> = OnceLock::new();
    let all = TRADES.get_or_init(|| {
        let mut runner = TestRunner::deterministic();
        [true, true, false]
            .map(|is_calm| some_trades(60..61, is_calm).new_tree(&mut runner).unwrap().current())
    });
    all.iter().map(Vec::as_slice)
}
