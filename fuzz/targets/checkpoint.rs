//! Any bytes after the head of a checkpoint: they are refused, or they are a state that is written
//! as the same bytes and that takes trades.

#![no_main]

#[path = "../../tests/checkpoints/continued.rs"]
mod continued;
#[allow(dead_code)] // the targets use parts of it
#[path = "../../tests/checkpoints/drawn.rs"]
mod drawn;
mod sealed;
#[allow(dead_code)] // the same
#[path = "../../tests/checkpoints/states.rs"]
mod states;

use libfuzzer_sys::fuzz_target;
use rangebar_polars::checkpoint::Checkpoint;

fuzz_target!(|rest: &[u8]| {
    let bytes = sealed::checkpoint(rest);
    if let Ok(state) = Checkpoint::from_bytes(&bytes) {
        assert_eq!(state.to_bytes().as_ref(), Ok(&bytes));
        continued::continues(&[state.clone()], &sealed::layout(&state), sealed::trades());
    }
});
