//! Every state that trades lead to is read again, and no other one makes the kernel stop.
//!
//! `RANGEBAR_FUZZ=N` looks at N hostile checkpoints instead of a few thousand.

// Numbers are small, and a panic is how a test fails.
#![allow(clippy::cast_precision_loss, clippy::print_stdout, clippy::unwrap_used)]

mod drawn;
mod impossible;
mod mutation;

use drawn::{Drawn, Owned, settings, some_trades, start};
use mutation::{Draw, mutate};
use proptest::prelude::*;
use rangebar_polars::bar::Bar;
use rangebar_polars::builder::Builder;
use rangebar_polars::check::Last;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::columns::{Compute, Group, OUTPUTS, Scalar};
use rangebar_polars::error::Error;
use rangebar_polars::lookback::{Before, outputs};
use rangebar_polars::needs::Needs;
use rangebar_polars::rule::{AnyRule, Rule};

/// Every sum, and what the features of a state need.
fn needs(state: &Checkpoint) -> Needs {
    let sums =
        OUTPUTS.iter().filter(|output| !matches!(output.group, Group::Intra | Group::Lookback));
    sums.fold(state.needs_of_run(), |needs, output| needs.and(output.needs))
}

/// What continues from a state.
fn builder(state: &Checkpoint) -> Builder<AnyRule> {
    Builder::resume([(state.rule(), state.open.clone())], state.check.clone(), needs(state))
        .reset_at(state.reset, state.session.clone())
        .cut_off_after(state.max_gap)
        .with_levels(state.footprint.map(|footprint| footprint.tick))
        .looking_back(Checkpoint::lookback(std::slice::from_ref(state), &outputs(&state.features)))
}

/// The state of a builder, as a processor saves it.
fn state_of(builder: &Builder<AnyRule>, settings: &Checkpoint) -> Checkpoint {
    let (rule, open) = builder.chains().next().unwrap();
    Checkpoint {
        check: builder.check().clone(),
        session: builder.session().cloned(),
        open: open.cloned(),
        memory: rule.memory(),
        before: open.map_or_else(Vec::new, |_| builder.before(0).to_vec()),
        kept: builder.kept(settings.layout.as_ref().unwrap().unit),
        ..settings.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 400 } else { 4_000 }))]

    #[test]
    fn a_state_that_trades_lead_to_is_read_again(
        settings in settings(),
        (time, price) in start(),
        drawn in prop_oneof![some_trades(1..90, true), some_trades(1..90, false)],
        piece in 1..4_usize,
    ) {
        let owned = Owned::after(time, None, price, &drawn);
        let extras = owned.extras(&settings);
        let trades = owned.trades(settings.layout.as_ref().unwrap(), &extras);
        let mut folded = builder(&settings);

        for at in (0..trades.len).step_by(piece) {
            let bytes = state_of(&folded, &settings).to_bytes().unwrap();
            let restored = Checkpoint::from_bytes(&bytes);
            prop_assert!(restored.is_ok(), "{:?} {:?}", restored, state_of(&folded, &settings));
            prop_assert_eq!(restored.unwrap().to_bytes().unwrap(), bytes);
            let rows = at..trades.len.min(at + piece);
            if folded.push(&trades.slice(rows), &mut |_, _| ()).is_err() {
                // A sum is beyond its integer.
                break;
            }
        }
    }
}

fn assert_holds(bar: &Bar) {
    let sides = bar.sides.unwrap_or_default();
    let price = bar.price;
    for price in [price.open, price.close] {
        assert!(bar.price.low <= price && price <= bar.price.high, "{bar:?}");
    }
    assert!(bar.time.open <= bar.time.close && 0 < bar.rows && bar.rows <= bar.trades, "{bar:?}");
    assert!(0 <= bar.volume && 0 <= bar.turnover, "{bar:?}");
    assert!(sides.buy.volume + sides.sell.volume <= bar.volume, "{bar:?}");
    assert!(sides.buy.turnover + sides.sell.turnover <= bar.turnover, "{bar:?}");
    assert!(sides.buy.trades + sides.sell.trades <= bar.trades, "{bar:?}");
    for output in OUTPUTS {
        let value = match output.compute {
            Compute::Float(compute) => compute(bar),
            Compute::Price(compute) => Some(compute(bar)),
            Compute::Volume(compute) | Compute::Turnover(compute) => {
                compute(bar).map(|sum| sum as f64)
            }
            Compute::Int(compute) => compute(bar).map(|value| value as f64),
            Compute::Time(compute) => Some(compute(bar) as f64),
        };
        assert!(value.is_none_or(f64::is_finite), "{} of {bar:?}", output.name);
        if output.name == "vwap"
            && let Some(vwap) = value
        {
            let (low, high) = (bar.price.low, bar.price.high);
            assert!(low * 0.999_999 - 1e-8 <= vwap && vwap <= high * 1.000_001 + 1e-8, "{bar:?}");
        }
    }
}

fn assert_finite(before: &Before) {
    let is_finite = |value: &Option<Scalar>| match value {
        Some(Scalar::Float(value)) => value.is_finite(),
        _ => true,
    };
    assert!(before.iter().all(is_finite), "{before:?}");
}

/// A state that trades lead to.
fn reached(draw: &mut Draw, settings: &Checkpoint, pool: &[Vec<Drawn>]) -> Checkpoint {
    let (time, price) = draw.one(&start());
    let most = draw.below(40);
    let drawn = &pool[draw.below(pool.len())];
    let owned = Owned::after(time, None, price, &drawn[..most.min(drawn.len())]);
    let extras = owned.extras(settings);
    let trades = owned.trades(settings.layout.as_ref().unwrap(), &extras);
    let mut folded = builder(settings);
    for row in 0..trades.len {
        let before = folded.clone();
        if folded.push(&trades.slice(row..row + 1), &mut |_, _| ()).is_err() {
            return state_of(&before, settings);
        }
    }
    state_of(&folded, settings)
}

/// Continue from a state with 1,000 trades; returns whether all were taken.
fn continues(state: &Checkpoint, draw: &mut Draw, pool: &[Vec<Drawn>]) -> bool {
    let layout = state.layout.clone().unwrap_or_else(|| draw.one(&settings()).layout.unwrap());
    let last = state.check.last().unwrap_or(Last { time: 0, id: None });
    let price = state.open.as_ref().map_or(100.0, |bar| bar.price.close);
    let (mut folded, mut left) = (builder(state), 1_000);
    let (mut time, mut id, mut price) = (last.time, last.id, price);
    while left > 0 {
        let drawn = &pool[draw.below(pool.len())];
        let owned = Owned::after(time, id, price, &drawn[..left.min(drawn.len())]);
        let extras = owned.extras(state);
        let result = folded.push(&owned.trades(&layout, &extras), &mut |ended, before| {
            assert_holds(&ended.bar);
            assert_finite(before);
        });
        folded.open_bars().for_each(|(_, bar)| assert_holds(bar));
        match result {
            Ok(()) => {}
            Err(
                Error::Overflow { .. }
                | Error::TooMany { .. }
                | Error::TooManyLevels { .. }
                | Error::WindowOverflow { .. },
            ) => return false,
            Err(error) => panic!("{error} after {state:?}"),
        }
        left -= owned.times.len();
        (time, price) = (*owned.times.last().unwrap(), *owned.prices.last().unwrap());
        id = folded.check().last().unwrap().id;
    }
    true
}

#[test]
fn a_hostile_checkpoint_is_refused_or_continues_like_any_other() {
    let asked = std::env::var("RANGEBAR_FUZZ").ok().map(|cases| cases.parse().unwrap());
    let cases: usize = asked.unwrap_or(4_000);
    let mut draw = Draw(proptest::test_runner::TestRunner::deterministic());
    let settings = settings();
    let pool: Vec<_> =
        (0..100).map(|number| draw.one(&some_trades(300..400, number % 5 > 0))).collect();
    let (mut refused, mut continued, mut ended) = (0, 0, 0);

    for _ in 0..cases {
        let settings = draw.one(&settings);
        let mut state = reached(&mut draw, &settings, &pool);
        for _ in 0..=draw.below(3) {
            mutate(&mut state, &mut draw);
        }
        let Ok(bytes) = state.to_bytes() else { continue };
        match Checkpoint::from_bytes(&bytes) {
            Err(Error::CheckpointDamaged { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
            Ok(state) if continues(&state, &mut draw, &pool) => continued += 1,
            Ok(_) => ended += 1,
        }
    }

    println!(
        "{cases} hostile checkpoints: {refused} refused, {continued} continued, {ended} overflowed"
    );
    assert!(refused > cases / 10 && continued > cases / 20 && ended > 0);
}
