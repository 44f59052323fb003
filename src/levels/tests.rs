//! Levels, compared with a tally trade by trade.

#![allow(clippy::cast_possible_wrap)] // few rows

use super::*;
use crate::fixed::to_f64;
use crate::trades::{Bits, Column, Sides, TimeUnit};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn levels(prices: &[i64], tick: i64) -> Levels {
    let prices: Vec<_> = prices.iter().map(|price| to_f64(i128::from(*price))).collect();
    let quantities = vec![1e-8; prices.len()];
    let trades = Trades {
        price: Some(Column::new("price", &prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        ..Trades::new(prices.len(), TimeUnit::Milliseconds)
    };
    Levels::of(&trades, Tick::new(tick).unwrap()).unwrap()
}

#[test]
fn a_tick_has_limits() {
    assert_eq!([i64::MIN, 0, MAX_TICK + 1].map(Tick::new), [None; 3]);
    assert!([1, MAX_TICK].iter().all(|units| Tick::new(*units).is_some()));
}

/// Levels of one trade each, from 0 on.
fn many(len: usize) -> Levels {
    let level = Level { trades: 1, ..Level::default() };
    Levels((0..).zip(std::iter::repeat_n(level, len)).collect())
}

#[test]
fn a_bar_has_room_for_new_levels_up_to_the_most() {
    let one = |number: i64| Levels([(number, Level::default())].into());
    let two = |first: i64, second: i64| {
        Levels([(first, Level::default()), (second, Level::default())].into())
    };
    let (nearly, full) = (many(MAX_LEVELS - 1), many(MAX_LEVELS));

    assert_eq!(nearly.check_room(&one(-1)), Ok(()));
    assert_eq!(nearly.check_room(&two(-1, 5)), Ok(()));
    assert_eq!(nearly.check_room(&two(-2, -1)), Err(LEVELS_LIMIT));
    assert_eq!(full.check_room(&two(0, 5)), Ok(()));
    assert_eq!(full.check_room(&one(-1)), Err(LEVELS_LIMIT));
}

#[test]
fn the_levels_of_the_last_trades_are_within_those_of_all() {
    let levels = |number: i64, level: Level| Levels([(number, level)].into());
    let all = Level { volume: 9, bought: 4, sold: 3, trades: 5 };
    let ends = |number, part| levels(number, part).can_end(&levels(7, all));

    assert!(ends(7, all) && ends(7, Level { trades: 1, ..Level::default() }));
    assert!(!ends(8, all));
    for more in [
        Level { volume: 10, ..all },
        Level { bought: 5, ..all },
        Level { sold: 4, ..all },
        Level { trades: 6, ..all },
    ] {
        assert!(!ends(7, more), "{more:?}");
    }
}

#[test]
fn levels_are_counted_and_numbered_by_their_places() {
    let some = levels(&[5, 7, 7], 1);

    assert_eq!((some.len(), some.is_empty(), many(0).is_empty()), (2, false, true));
    assert_eq!([0, 1, 2].map(|place| some.number(place)), [Some(5), Some(7), None]);
    assert!(some.into_iter().map(|(number, _)| *number).eq([5, 7]));
}

#[test]
fn more_trades_than_are_added_together_have_the_levels_of_all() {
    let prices: Vec<i64> = (0..3 * ROWS as i64 - 5).map(|row| 1 + row % 7).collect();
    let some = levels(&prices, 1);

    assert_eq!(some.len(), 7);
    assert_eq!(some.iter().map(|(_, level)| level.trades).sum::<i128>(), prices.len() as i128);
}

#[test]
fn every_side_is_known_where_none_is_missing() {
    let (prices, quantities) = ([1.0; 3], [1.0, 2.0, 4.0]);
    let trades = Trades {
        price: Some(Column::new("price", &prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        is_buyer_maker: Some(Sides { sold: Bits::new(&[0b010], 0, 3), known: None }),
        ..Trades::new(3, TimeUnit::Milliseconds)
    };
    let levels = Levels::of(&trades, Tick::new(1).unwrap()).unwrap();
    let units = |units: i128| units * 100_000_000;

    let expected = Level { volume: units(7), bought: units(5), sold: units(2), trades: 3 };
    assert_eq!(Vec::from(levels.0), [(100_000_000, expected)]);
}

proptest! {
    #[test]
    fn a_level_is_the_price_over_the_tick_rounded_down(
        price in prop_oneof![0..=i64::MAX, 0..1_000_000_i64],
        tick in prop_oneof![1..=MAX_TICK, 1..100_i64],
    ) {
        let number = Tick::new(tick).unwrap().level(price);

        prop_assert_eq!(number, price / tick);
    }

    #[test]
    fn levels_are_those_of_the_parts_together(
        prices in prop::collection::vec(prop_oneof![1..50_i64, 1..100_000_i64], 1..300),
        cut in 0..300_usize,
        tick in 1..30_i64,
    ) {
        let (left, right) = prices.split_at(cut.min(prices.len()));
        let mut merged = levels(left, tick);
        merged.merge(&levels(right, tick));

        prop_assert!(merged.iter().map(|(_, level)| level.volume).sum::<i128>() == prices.len() as i128);
        prop_assert!(merged.0.iter().zip(merged.0.iter().skip(1)).all(|(a, b)| a.0 < b.0));
        prop_assert_eq!(merged, levels(&prices, tick));
    }

    #[test]
    fn levels_have_every_trade_at_its_price_once(
        rows in prop::collection::vec(
            (1..3_000_i64, 0..2_000_i64, any::<bool>(), any::<bool>(), 0..5_i64),
            1..200,
        ),
        cut in 0..200_usize,
        units in prop_oneof![1..30_i64, Just(1_000)],
        largest in prop::sample::select(vec![1, 3_000_000_000_000_000, 9_000_000_000_000_000_000]),
    ) {
        let float = |number: i64| to_f64(i128::from(number));
        let prices: Vec<_> = rows.iter().map(|row| float(row.0)).collect();
        let mut quantities: Vec<_> = rows.iter().map(|row| float(row.1)).collect();
        // The second value is too large for sums of 64 bits, and the third for nearly all.
        quantities[0] = float(largest);
        let bits = |is_set: &dyn Fn(usize) -> bool| -> Vec<u8> {
            let byte = |byte| (0..8).fold(0, |bits, bit| bits | u8::from(is_set(byte * 8 + bit)) << bit);
            (0..=rows.len() / 8).map(byte).collect()
        };
        let sold = bits(&|row| rows.get(row).is_some_and(|row| row.2));
        let known = bits(&|row| rows.get(row).is_some_and(|row| row.3));
        let first: Vec<_> = (0..rows.len() as i64).map(|row| row * 10).collect();
        let last: Vec<_> = rows.iter().zip(&first).map(|(row, first)| first + row.4).collect();
        let trades = Trades {
            price: Some(Column::new("price", &prices)),
            quantity: Some(Column::new("quantity", &quantities)),
            is_buyer_maker: Some(Sides {
                sold: Bits::new(&sold, 0, rows.len()),
                known: Some(Bits::new(&known, 0, rows.len())),
            }),
            first_trade_id: Some(Column::new("first", &first)),
            last_trade_id: Some(Column::new("last", &last)),
            ..Trades::new(rows.len(), TimeUnit::Milliseconds)
        };
        let mut expected = BTreeMap::<i64, Level>::new();
        for (row, &(price, _, is_sold, is_known, more)) in rows.iter().enumerate() {
            let quantity = i128::from(to_fixed(quantities[row]));
            let level = expected.entry(price / units).or_default();
            level.volume += quantity;
            level.bought += if is_known && !is_sold { quantity } else { 0 };
            level.sold += if is_known && is_sold { quantity } else { 0 };
            level.trades += i128::from(more) + 1;
        }
        let tick = Tick::new(units).unwrap();
        let cut = cut.min(rows.len());

        let mut levels = Levels::of(&trades.slice(0..cut), tick).unwrap();
        levels.merge(&Levels::of(&trades.slice(cut..rows.len()), tick).unwrap());

        prop_assert_eq!(tick.units(), units);
        prop_assert_eq!(Vec::from(levels.0), expected.into_iter().collect::<Vec<_>>());
    }
}
