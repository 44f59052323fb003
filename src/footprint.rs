//! The footprint of a bar: what was bought and sold at each level of its prices, and what the
//! levels say together.
//!
//! All of it is computed from the integers of [`crate::levels`]; a price is the lower edge of its
//! level. An undefined value is `None`.

use crate::fixed::to_f64;
use crate::levels::{Level, Levels, Tick};
use crate::needs::Needs;
use crate::wide::Wide;

/// How a footprint is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The height of a level.
    pub tick: Tick,
    /// How many percent of the volume the value area holds, from 1 to 100.
    pub value_area: u8,
    /// How many percent of the opposite volume an imbalance needs, from 100 on.
    pub imbalance: u32,
}

/// A column of a footprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The levels themselves.
    Footprint,
    /// The level with the greatest volume.
    Poc,
    /// The lowest level of the value area.
    ValueAreaLow,
    /// The highest level of the value area.
    ValueAreaHigh,
    /// How many levels have an imbalance of buyers.
    BuyImbalanceCount,
    /// How many levels have an imbalance of sellers.
    SellImbalanceCount,
}

/// What is known of a column of a footprint.
#[derive(Clone, Copy, Debug)]
pub struct FootprintOutput {
    /// Which one it is.
    pub part: Part,
    /// Its name.
    pub name: &'static str,
    /// Its dtype.
    pub dtype: &'static str,
    /// The sums of the bar from the same columns of the trades.
    pub needs: Needs,
    /// How it is computed, in words.
    pub formula: &'static str,
    /// When it is null; empty if never.
    pub null_when: &'static str,
}

const OF_VOLUME: Needs = Needs::PRICE.and(Needs::VOLUME);
const OF_SIDES: Needs = OF_VOLUME.and(Needs::SIDES);

/// Every column of a footprint, in order.
#[rustfmt::skip]
pub const FOOTPRINT_OUTPUTS: [FootprintOutput; 6] = [
    FootprintOutput {
        part: Part::Footprint,
        name: "footprint",
        dtype: "List(Struct)",
        needs: OF_SIDES.and(Needs::TRADES),
        formula: "for each level with trades, ascending: price, volume, buy_volume, sell_volume, individual_trade_count, buy_imbalance, sell_imbalance",
        null_when: "",
    },
    FootprintOutput {
        part: Part::Poc,
        name: "poc",
        dtype: "Float64",
        needs: OF_VOLUME,
        formula: "price of the level with the greatest volume; of several the nearest to the middle, then the lower",
        null_when: "volume is 0",
    },
    FootprintOutput {
        part: Part::ValueAreaLow,
        name: "value_area_low",
        dtype: "Float64",
        needs: OF_VOLUME,
        formula: "price of the lowest level of the value area",
        null_when: "volume is 0",
    },
    FootprintOutput {
        part: Part::ValueAreaHigh,
        name: "value_area_high",
        dtype: "Float64",
        needs: OF_VOLUME,
        formula: "price of the highest level of the value area",
        null_when: "volume is 0",
    },
    FootprintOutput {
        part: Part::BuyImbalanceCount,
        name: "buy_imbalance_count",
        dtype: "Int64",
        needs: OF_SIDES,
        formula: "number of levels with buy_imbalance",
        null_when: "no is_buyer_maker column",
    },
    FootprintOutput {
        part: Part::SellImbalanceCount,
        name: "sell_imbalance_count",
        dtype: "Int64",
        needs: OF_SIDES,
        formula: "number of levels with sell_imbalance",
        null_when: "no is_buyer_maker column",
    },
];

impl Footprint {
    /// The price of a level.
    pub fn price(&self, number: i64) -> f64 {
        to_f64(self.tick.price(number))
    }

    /// For each level, whether more was bought there than was sold one level below, and whether more
    /// was sold there than was bought one level above, by the wanted ratio.
    ///
    /// The lowest level has none below, and the highest none above.
    pub fn imbalances(&self, levels: &Levels) -> impl Iterator<Item = (bool, bool)> {
        let exceeds =
            |own: i128, opposite: i128| own > 0 && is_percent(own, self.imbalance.into(), opposite);
        let mut below: Option<(i64, Level)> = None;
        let mut above = levels.iter().skip(1);
        levels.iter().map(move |(number, level)| {
            let at = |neighbour: (i64, Level), wanted: Option<i64>, of: fn(Level) -> i128| {
                if Some(neighbour.0) == wanted { of(neighbour.1) } else { 0 }
            };
            let buys = below.is_some_and(|below| {
                exceeds(level.bought, at(below, number.checked_sub(1), |level| level.sold))
            });
            let sells = above.next().is_some_and(|above| {
                exceeds(level.sold, at(*above, number.checked_add(1), |level| level.bought))
            });
            below = Some((*number, *level));
            (buys, sells)
        })
    }

    /// The place of the level with the greatest volume: of several, the nearest to the middle
    /// between the lowest and the highest level, then the lower one.
    ///
    /// `None` if the volume is 0.
    pub fn poc(&self, levels: &Levels) -> Option<usize> {
        let ends = levels.iter().next().zip(levels.iter().next_back());
        let ((lowest, _), (highest, _)) = ends?;
        let middle = i128::from(*lowest) + i128::from(*highest);
        let off = |number: i64| (2 * i128::from(number) - middle).abs();
        let best = levels.iter().enumerate().min_by_key(|(_, (number, level))| {
            // The first of equal ones is the lowest.
            (-level.volume, off(*number))
        });
        best.filter(|(_, (_, level))| level.volume > 0).map(|(place, _)| place)
    }

    /// The places of the lowest and the highest level around [`Self::poc`] that hold the wanted part
    /// of the volume.
    ///
    /// From the poc on, of the two levels above and the two below those with more volume are added,
    /// both at once, and of equal ones those above; where one side has none left, those of the other.
    pub fn value_area(&self, levels: &Levels) -> Option<(usize, usize)> {
        let poc = self.poc(levels)?;
        let volumes: Vec<_> = levels.iter().map(|(_, level)| level.volume).collect();
        let all: i128 = volumes.iter().sum();
        let (mut low, mut high, mut volume) = (poc, poc, volumes[poc]);
        while !is_percent(volume, self.value_area.into(), all) {
            let (next_low, next_high) = (low.saturating_sub(2), (high + 2).min(volumes.len() - 1));
            let below: i128 = volumes[next_low..low].iter().sum();
            let above: i128 = volumes[high + 1..=next_high].iter().sum();
            if next_high > high && (next_low == low || above >= below) {
                (high, volume) = (next_high, volume + above);
            } else {
                (low, volume) = (next_low, volume + below);
            }
        }
        Some((low, high))
    }
}

/// Whether one volume is so many percent of another, or more.
fn is_percent(part: i128, percent: i128, whole: i128) -> bool {
    match (part.checked_mul(100), whole.checked_mul(percent)) {
        (Some(part), Some(wanted)) => part >= wanted,
        _ => Wide::from(part) * Wide::from(100_i64) >= Wide::from(whole) * Wide::from(percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::{Bits, Column, Sides, TimeUnit, Trades};

    /// The prices of poc and value area of one trade a level, with a tick of 1.
    fn profile(trades: &[(f64, f64)], value_area: u8) -> Option<[f64; 3]> {
        let (prices, quantities): (Vec<_>, Vec<_>) = trades.iter().copied().unzip();
        let trades = Trades {
            price: Some(Column::new("price", &prices)),
            quantity: Some(Column::new("quantity", &quantities)),
            ..Trades::new(prices.len(), TimeUnit::Milliseconds)
        };
        let tick = Tick::new(100_000_000).unwrap();
        let footprint = Footprint { tick, value_area, imbalance: 300 };
        let levels = Levels::of(&trades, tick).unwrap();
        let price = |place: usize| footprint.price(levels.iter().nth(place).unwrap().0);
        let (low, high) = footprint.value_area(&levels)?;
        Some([footprint.poc(&levels)?, low, high].map(price))
    }

    #[test]
    fn of_equal_levels_the_nearest_to_the_middle_is_the_poc() {
        let skewed = [(100.0, 2.0), (101.0, 2.0), (102.0, 1.0), (105.0, 2.0)];
        let even = [(100.0, 1.0), (101.0, 2.0), (103.0, 2.0), (104.0, 1.0)];

        assert_eq!(profile(&skewed, 70), Some([101.0, 101.0, 105.0]));
        assert_eq!(profile(&even, 70), Some([101.0, 101.0, 104.0]));
    }

    #[test]
    fn a_level_has_an_imbalance_against_the_other_side_of_its_neighbour() {
        // Of each: price, quantity, whether it was sold. Nothing was traded at 103.
        let rows = [
            (100.0, 2.0, true),
            (100.0, 9.0, false),
            (101.0, 6.0, false),
            (101.0, 3.0, true),
            (102.0, 8.9, false),
            (102.0, 1.0, true),
            (104.0, 0.5, false),
            (105.0, 1.0, true),
        ];
        let prices = rows.map(|row| row.0);
        let quantities = rows.map(|row| row.1);
        let sold = [(0..8).fold(0, |bits, row: usize| bits | u8::from(rows[row].2) << row)];
        let trades = Trades {
            price: Some(Column::new("price", &prices)),
            quantity: Some(Column::new("quantity", &quantities)),
            is_buyer_maker: Some(Sides { sold: Bits::new(&sold, 0, 8), known: None }),
            ..Trades::new(8, TimeUnit::Milliseconds)
        };
        let tick = Tick::new(100_000_000).unwrap();
        let footprint = Footprint { tick, value_area: 70, imbalance: 300 };
        let levels = Levels::of(&trades, tick).unwrap();

        // 6 over 2 is the ratio, 8.9 over 3 less. Nothing was traded at 103, which 0.5 bought above and
        // 1 sold below exceed. Nothing exceeds nothing, where nothing was bought at 105.
        let imbalances: Vec<_> = footprint.imbalances(&levels).collect();
        assert_eq!(
            imbalances,
            [(false, false), (true, false), (false, true), (true, false), (false, false)]
        );
    }

    #[test]
    fn a_part_of_a_volume_is_so_many_percent_at_any_size() {
        for scale in [1, 1 << 100, 1 << 119] {
            assert!(is_percent(70 * scale, 70, 100 * scale));
            assert!(is_percent(71 * scale, 70, 100 * scale));
            assert!(!is_percent(70 * scale - 1, 70, 100 * scale));
            assert!(is_percent(scale, 300, scale / 3) && !is_percent(scale, 300, scale));
        }
    }

    #[test]
    fn the_value_area_ends_with_the_levels_that_are_there() {
        let hollow = [(100.0, 1.0), (101.0, 0.0), (102.0, 0.0), (103.0, 3.0)];

        assert_eq!(profile(&hollow, 70), Some([103.0, 103.0, 103.0]));
        assert_eq!(profile(&hollow, 100), Some([103.0, 100.0, 103.0]));
        let seven = [1.0, 2.0, 3.0, 9.0, 2.0, 2.0, 1.0];
        let levels: Vec<_> = (100..107).map(f64::from).zip(seven).collect();
        assert_eq!(profile(&levels, 45), Some([103.0, 103.0, 103.0]));
        // 3 and 2 below are more than 2 and 2 above.
        assert_eq!(profile(&levels, 60), Some([103.0, 101.0, 103.0]));
        assert_eq!(profile(&levels, 90), Some([103.0, 101.0, 105.0]));
        assert_eq!(profile(&levels, 100), Some([103.0, 100.0, 106.0]));
        assert_eq!(profile(&[(100.0, 0.0), (101.0, 0.0)], 70), None);
    }
}
