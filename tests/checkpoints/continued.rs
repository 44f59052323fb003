//! Continuing from a state with any trades.

use crate::drawn::{Drawn, Owned};
use crate::states::builder;
use rangebar_polars::bar::Bar;
use rangebar_polars::check::Last;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::columns::{Compute, OUTPUTS, Scalar};
use rangebar_polars::error::Error;
use rangebar_polars::lookback::Before;
use rangebar_polars::trades::Layout;

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

/// Continue from states with trades of this layout; returns whether all were taken.
pub fn continues<'a>(
    states: &[Checkpoint],
    layout: &Layout,
    pieces: impl IntoIterator<Item = &'a [Drawn]>,
) -> bool {
    let first = &states[0];
    let last = first.check.last().unwrap_or(Last { time: 0, id: None });
    let mut folded = builder(states);
    let (mut time, mut id) = (last.time, last.id);
    let mut price = states.iter().find_map(|state| Some(state.open.as_ref()?.price.close));
    for drawn in pieces {
        let owned = Owned::after(time, id, price.unwrap_or(100.0), drawn);
        let extras = owned.extras(first);
        let trades = owned.trades(layout, &extras);
        let result = folded.push(&trades, &mut |ended, before| {
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
            Err(error) => panic!("{error} after {states:?}"),
        }
        (time, price) = (owned.times.last().copied().unwrap_or(time), owned.prices.last().copied());
        id = folded.check().last().and_then(|last| last.id);
    }
    true
}
