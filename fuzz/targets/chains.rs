//! Any checkpoints as those of several rules and keys: they are refused, or they are states that are
//! written as the same bytes and that take trades together.

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

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rangebar_polars::checkpoint::chains::{Chains, KeyColumn, KeyType, KeyValue, RULE, THRESHOLD};

#[derive(Debug, Arbitrary)]
enum Parts<'a> {
    /// Bytes after the head.
    Whole(&'a [u8]),
    /// The settings of rules, and states of them, each after its own head.
    Chains {
        symbol: Option<&'a str>,
        rule_column: u8,
        keys: Option<Vec<(Option<i64>, Option<&'a str>)>>,
        settings: Vec<&'a [u8]>,
        states: Vec<&'a [u8]>,
    },
}

fn bytes(parts: Parts<'_>) -> Vec<u8> {
    let (symbol, rule_column, keys, settings, states) = match parts {
        Parts::Whole(rest) => return sealed::chains(rest),
        Parts::Chains { symbol, rule_column, keys, settings, states } => {
            (symbol, rule_column, keys, settings, states)
        }
    };
    let columns = keys.map_or_else(Vec::new, |keys| {
        let whole = |key: &(Option<i64>, _)| {
            key.0.map_or(KeyValue::Null, |number| KeyValue::Whole(number.into()))
        };
        let text = |key: &(_, Option<&str>)| {
            key.1.map_or(KeyValue::Null, |text| KeyValue::Text(text.to_owned()))
        };
        let column = |name: &str, dtype, values| KeyColumn {
            name: name.to_owned(),
            dtype: Some(dtype),
            values,
        };
        vec![
            column("number", KeyType::Int64, keys.iter().map(whole).collect()),
            column("text", KeyType::String, keys.iter().map(text).collect()),
        ]
    });
    let rule_column =
        [None, Some(THRESHOLD), Some(RULE), Some("other")][usize::from(rule_column % 4)];
    let sealed_all = |all: &[&[u8]]| -> Vec<Vec<u8>> {
        all.iter().map(|rest| sealed::checkpoint(rest)).collect()
    };
    let wire = (symbol, rule_column, columns, sealed_all(&settings), sealed_all(&states));
    sealed::chains(&postcard::to_allocvec(&wire).unwrap())
}

fuzz_target!(|parts: Parts<'_>| {
    let bytes = bytes(parts);
    if let Ok(chains) = Chains::from_bytes(&bytes) {
        assert_eq!(chains.to_bytes().as_ref(), Ok(&bytes));
        for of_key in &chains.states {
            continued::continues(of_key, &sealed::layout(&of_key[0]), sealed::trades());
        }
    }
});
