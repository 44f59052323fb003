//! The states of chains that have seen the same trades, and what continues from them.

use rangebar_polars::bar::Bar;
use rangebar_polars::builder::Builder;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::checkpoint::chains::{Chains, KeyColumn, KeyType, KeyValue, RULE, THRESHOLD};
use rangebar_polars::columns::{Group, OUTPUTS};
use rangebar_polars::needs::Needs;
use rangebar_polars::rule::{AnyRule, Rule};
use rangebar_polars::trades::Role;

/// Rules that a column can name by their thresholds.
pub const THRESHOLDS: [&str; 3] = ["range-7", "range-250", "range-100000"];

/// Every sum, and what the features of a state need.
fn needs(state: &Checkpoint) -> Needs {
    let sums = OUTPUTS.iter().filter(|output| output.group != Group::Intra && !output.looks_back());
    sums.fold(state.needs_of_run(), |needs, output| needs.and(output.needs))
}

/// What continues from the states of some rules.
pub fn builder(states: &[Checkpoint]) -> Builder<AnyRule> {
    let first = &states[0];
    let chains = states.iter().map(|state| (state.rule(), state.open.clone()));
    Builder::resume(chains, first.check.clone(), needs(first))
        .reset_at(first.reset, first.session.clone())
        .cut_off_after(first.max_gap)
        .with_levels(first.footprint.map(|footprint| footprint.tick))
        .looking_back(Checkpoint::lookback(states, &first.lookbacks()))
}

/// The states of the rules of a builder, as a processor saves them.
pub fn states(builder: &Builder<AnyRule>, settings: &[Checkpoint]) -> Vec<Checkpoint> {
    let kept = builder.kept(settings[0].layout.as_ref().unwrap().unit);
    let of =
        |(chain, (settings, (rule, open))): (usize, (&Checkpoint, (&AnyRule, Option<&Bar>)))| {
            Checkpoint {
                check: builder.check().clone(),
                session: builder.session().cloned(),
                open: open.cloned(),
                memory: rule.memory(),
                before: open.map_or_else(Vec::new, |_| builder.before(chain).to_vec()),
                kept: kept.clone(),
                filled: builder.filled(),
                ..settings.clone()
            }
        };
    settings.iter().zip(builder.chains()).enumerate().map(of).collect()
}

/// The state of the only rule of a builder.
pub fn state_of(builder: &Builder<AnyRule>, settings: &Checkpoint) -> Checkpoint {
    states(builder, std::slice::from_ref(settings)).remove(0)
}

/// These settings with each of some rules, before any trade.
pub fn before(settings: &Checkpoint, rules: &[&str]) -> Vec<Checkpoint> {
    let rules: Vec<AnyRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let given = settings.layout.clone().unwrap();
    let mut layout = given.clone();
    layout.columns = Role::ALL.to_vec();
    layout.columns.retain(|role| {
        given.columns.contains(role) || rules.iter().any(|rule| rule.requires(*role))
    });
    let of = |rule: AnyRule| Checkpoint {
        symbol: None,
        memory: rule.memory(),
        rule,
        layout: Some(layout.clone()),
        ..settings.clone()
    };
    rules.into_iter().map(of).collect()
}

/// The chains of some rules, for each of which there are settings, and of some keys.
pub fn chains(settings: Vec<Checkpoint>, states: Vec<Vec<Checkpoint>>, keyed: bool) -> Chains {
    let key = |number: usize| KeyValue::Whole(i128::try_from(number).unwrap());
    let column = KeyColumn {
        name: "key".to_owned(),
        dtype: Some(KeyType::Int64),
        values: (0..states.len()).map(key).collect(),
    };
    let are_thresholds = settings.iter().map(|state| state.rule.to_string()).eq(THRESHOLDS);
    Chains {
        symbol: Some("BTCUSDT".to_owned()),
        rule_column: Some(if are_thresholds { THRESHOLD } else { RULE }.to_owned()),
        keys: if keyed { vec![column] } else { Vec::new() },
        settings,
        states,
    }
}
