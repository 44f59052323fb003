//! Can trades lead to these levels of a footprint?
//!
//! Each condition follows from the trades that are admitted and from the sums of the open bar. None
//! refuses levels that trades can lead to.

use crate::bar::Bar;
use crate::fixed::to_fixed;
use crate::footprint::Footprint;
use crate::levels::{Level, Levels, MAX_LEVELS};

/// Whether a footprint can have these settings.
pub(super) fn is_footprint(footprint: Option<Footprint>) -> bool {
    footprint.is_none_or(|Footprint { value_area, imbalance, .. }| {
        (1..=100).contains(&value_area) && (100..=1_000_000).contains(&imbalance)
    })
}

/// Whether an open bar has levels if there is a footprint, and trades can lead to them.
pub(super) fn has_levels(bar: &Bar, footprint: Option<Footprint>) -> bool {
    let (Some(levels), Some(footprint)) = (&bar.levels, footprint) else {
        return bar.levels.is_none() && footprint.is_none();
    };
    let price = bar.price;
    let number = |price: f64| footprint.tick.level(to_fixed(price));
    let has = |price: f64| levels.iter().any(|(own, _)| *own == number(price));
    let ends = [levels.iter().next(), levels.iter().next_back()].map(|end| end.map(|end| end.0));
    let rises = levels.iter().zip(levels.iter().skip(1)).all(|(one, next)| one.0 < next.0);
    let of_rows = i64::try_from(levels.len()).is_ok_and(|levels| levels <= bar.rows);
    of_rows
        && levels.len() <= MAX_LEVELS
        && rises
        && ends == [Some(number(price.low)), Some(number(price.high))]
        && has(price.open)
        && has(price.close)
        && levels.iter().all(|(_, level)| is_level(*level))
        && sums(levels) == Some(sums_of(bar))
}

/// Whether trades of one level can have such sums.
fn is_level(level: Level) -> bool {
    let Level { volume, bought, sold, trades } = level;
    [bought, sold].iter().all(|side| (0..=volume).contains(side))
        && bought <= volume - sold
        && trades > 0
}

/// The sums of all levels; `None` if 128 bits do not hold one.
fn sums(levels: &Levels) -> Option<Level> {
    levels.iter().try_fold(Level::default(), |sum, (_, level)| {
        Some(Level {
            volume: sum.volume.checked_add(level.volume)?,
            bought: sum.bought.checked_add(level.bought)?,
            sold: sum.sold.checked_add(level.sold)?,
            trades: sum.trades.checked_add(level.trades)?,
        })
    })
}

/// The sums that the levels of a bar have together.
fn sums_of(bar: &Bar) -> Level {
    let sides = bar.sides.unwrap_or_default();
    Level {
        volume: bar.volume,
        bought: sides.buy.volume,
        sold: sides.sell.volume,
        trades: bar.trades.into(),
    }
}
