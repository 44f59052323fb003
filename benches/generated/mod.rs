//! The trades of the benchmarks of the kernel.

use rangebar_polars::trades::{Bits, Column, Sides, TimeUnit, Trades};

/// A price that wanders by cents around 50,000, with tied times and both sides.
pub struct Generated {
    times: Vec<i64>,
    prices: Vec<f64>,
    quantities: Vec<f64>,
    sold: Vec<u8>,
    ids: Vec<i64>,
}

impl Generated {
    /// So many trades.
    pub fn new(rows: usize) -> Self {
        let mut state: u64 = 5;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            i32::try_from(((state >> 32) * bound) >> 32).expect("less than a small bound")
        };
        let (mut time, mut cents) = (1_700_000_000_000_000, 5_000_000);
        let mut sold = || u8::try_from(below(256)).expect("a byte");
        let mut trades = Self {
            times: Vec::with_capacity(rows),
            prices: Vec::with_capacity(rows),
            quantities: Vec::with_capacity(rows),
            sold: (0..rows.div_ceil(8)).map(|_| sold()).collect(),
            ids: (0..).take(rows).collect(),
        };
        for _ in 0..rows {
            time += i64::from(below(4)) * 1_000;
            cents += below(347) - 173;
            trades.times.push(time);
            trades.prices.push(f64::from(cents) / 100.0);
            trades.quantities.push(f64::from(1 + below(100_000)) / 1e5);
        }
        trades
    }

    /// All of their columns.
    pub fn trades(&self) -> Trades<'_> {
        let ids = |name| Some(Column::new(name, &self.ids));
        Trades {
            timestamp: Some(Column::new("timestamp", &self.times)),
            price: Some(Column::new("price", &self.prices)),
            quantity: Some(Column::new("quantity", &self.quantities)),
            is_buyer_maker: Some(Sides {
                sold: Bits::new(&self.sold, 0, self.times.len()),
                known: None,
            }),
            first_trade_id: ids("first_trade_id"),
            last_trade_id: ids("last_trade_id"),
            ..Trades::new(self.times.len(), TimeUnit::Microseconds)
        }
    }
}
