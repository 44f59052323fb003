//! Trades that are no frame: dicts of one chain, or of the chains of several keys.

use crate::builder::Ended;
use crate::error::Error;
use crate::lookback::Before;
use crate::overlap;
use crate::plugin::dicts::Records;
use crate::plugin::fold::Fold;
use crate::plugin::fold_keys::OfKeys;
use crate::plugin::key_share::KeyedBar;
use crate::plugin::keys::Keys;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::trace::KeyRows;
use crate::trades::{Role, Trades};
use polars_core::prelude::{DataFrame, PolarsResult};
use std::collections::HashMap;
use std::sync::Arc;

impl Fold {
    /// Fold trades that are no frame; returns a frame of the bars that ended, if one did, and how
    /// many trades were left out because they were counted already.
    ///
    /// # Errors
    /// The first bad row, or columns and times other than those of the trades before.
    pub fn push_records(
        &mut self,
        records: &Records<'_>,
    ) -> Result<(Option<DataFrame>, u64), Refusal> {
        if records.is_empty() {
            return Ok((None, 0));
        }
        self.agree_with_records(records)?;
        self.agree_on_session(records.session_kind())?;
        if self.repeats.are_skipped() {
            self.check_ids(&records.layout())?;
        }
        let left_out = if self.options.by.is_empty() {
            let extras = records.extras();
            let trades = records.trades(&extras);
            let new = self.new_trades(0, &trades)?;
            let (rows, options) = (&mut self.rows, &self.options);
            let emit = &mut |ended: Ended, before: &Before| rows.push(ended, before, 0, 0, options);
            Arc::make_mut(&mut self.builders[0]).push(&new, emit)?;
            self.note(0);
            trades.len - new.len
        } else {
            self.push_keyed_records(records)?
        } as u64;
        self.trades += records.len() as u64 - left_out;
        Ok((if self.is_empty() { None } else { Some(self.take()?) }, left_out))
    }

    /// Fold trades of several keys; returns how many were left out.
    fn push_keyed_records(&mut self, records: &Records<'_>) -> Result<usize, Refusal> {
        let (mut found, mut left_out) = (OfKeys::default(), 0);
        for (number, rows) in self.rows_by_key(records)? {
            self.add_key(number);
            found.seen.push(number);
            let part;
            let of_key = if rows.len() == records.len() {
                records
            } else {
                part = records.rows(&rows);
                &part
            };
            let extras = of_key.extras();
            let trades = of_key.trades(&extras);
            let new = match self.new_trades(number, &trades) {
                Ok(new) => new,
                Err(error) => {
                    let row = rows.first().map_or(0, |row| *row as usize);
                    found.faults.push((row, number, error));
                    continue;
                }
            };
            let skipped = trades.len - new.len;
            left_out += skipped;
            let builder = Arc::make_mut(&mut self.builders[number]);
            let key_rows = KeyRows {
                key: number,
                before: builder.rows(),
                first_row: self.trades,
                offset: 0,
                rows: rows.get(skipped..),
            };
            let bars = &mut found.bars;
            let emit = &mut |ended: Ended, before: &Before| {
                let (row, before) = (key_rows.row(ended.row), before.to_vec());
                bars.push(KeyedBar { row, key: number, opened: 0, ended, before });
            };
            if let Err(error) = builder.push(&new, emit) {
                found.faults.push((key_rows.row(error.row()), number, error));
            }
        }
        self.add(found)?;
        Ok(left_out)
    }

    /// The number of each key of some trades, and its rows.
    fn rows_by_key(&mut self, records: &Records<'_>) -> Result<Vec<(usize, Vec<u32>)>, Refusal> {
        let frame = records.keys(self.keys.as_deref(), self.trades)?;
        let keys = match &mut self.keys {
            Some(keys) => keys,
            none => none.insert(Keys::of(&frame.clear())?),
        };
        let numbers = keys.number(&frame, 1)?;
        let mut of_keys: Vec<(usize, Vec<u32>)> = Vec::new();
        let mut places = HashMap::new();
        for (row, number) in (0..).zip(numbers) {
            let number = number as usize;
            let place = *places.entry(number).or_insert(of_keys.len());
            if place == of_keys.len() {
                of_keys.push((number, Vec::new()));
            }
            of_keys[place].1.push(row);
        }
        Ok(of_keys)
    }

    /// Leave out trades of a key that were counted already, and look for a gap before the others.
    fn new_trades<'a>(&mut self, key: usize, trades: &Trades<'a>) -> Result<Trades<'a>, Error> {
        let mut new = *trades;
        let Some(builder) = self.builders.get(key) else { return Ok(new) };
        if self.repeats.are_possible(key) {
            let name = self.column_name(Role::AggTradeId).unwrap_or_default();
            new = trades.slice(overlap::counted(builder.check(), trades, name)?..trades.len);
            if new.len > 0 {
                self.repeats.end(key);
            }
        }
        if let Some(time) = new.times().first() {
            self.close_seam(key, (*time, new.agg_trade_id.and_then(|ids| ids.get(0))));
        }
        Ok(new)
    }

    /// As [`Fold::agree`], without computing the layout of the dicts if it is the same as before.
    fn agree_with_records(&mut self, records: &Records<'_>) -> PolarsResult<()> {
        let Some(first) = &self.layout else {
            return self.agree(&records.layout());
        };
        if records.has_layout(first) {
            return Ok(());
        }
        match records.other_times(first) {
            Some(text) => Err(compute_error(&text)),
            None => self.agree(&records.layout()),
        }
    }
}
