//! The warnings about the bars of a fold: at most one of each kind.

use crate::builder::Builder;
use crate::notice::Notice;
use crate::plugin::bar_rows::BarRows;
use crate::plugin::options::Options;
use crate::rule::Rule;
use crate::trades::{Layout, Role};

/// The name of a kind of warning, and its text.
pub type Warning = (&'static str, String);

/// At most one notice of each kind, in the order in which they came up.
#[derive(Clone, Debug, Default)]
pub struct Notices(Vec<Notice>);

impl Notices {
    /// Add a notice, unless there is one of its kind.
    fn add(&mut self, notice: Notice) {
        if self.0.iter().all(|known| known.kind() != notice.kind()) {
            self.0.push(notice);
        }
    }

    /// Note which values of these bars and trades are counted as other values, and whether the
    /// trades of a bar all have a null side.
    pub fn note<R: Rule>(&mut self, rows: &BarRows, builder: &Builder<R>, options: &Options) {
        let open = || builder.open_bars().find_map(|(_, bar)| bar.price.finer());
        let price = rows.finer().or_else(open).map(|price| Notice::FinePrice { price });
        let quantity = builder.check().lost().map(Notice::LostQuantity);
        let columns = if rows.has_sideless() { options.columns_by_side() } else { Vec::new() };
        let side = (!columns.is_empty()).then(|| Notice::NullSide {
            columns: columns.into_iter().map(str::to_owned).collect(),
        });
        for notice in [price, quantity, side].into_iter().flatten() {
            self.add(notice);
        }
    }

    /// Note which columns of bars are null because the trades have no column of sides.
    pub fn note_layout(&mut self, layout: &Layout, options: &Options) {
        let columns = options.columns_by_side();
        if !columns.is_empty() && !layout.columns.contains(&Role::IsBuyerMaker) {
            self.add(Notice::NoSide { columns });
        }
    }

    /// The notices as warnings.
    pub fn warnings(&self) -> Vec<Warning> {
        self.0.iter().map(Notice::warning).collect()
    }
}

impl Notice {
    /// The notice as a warning.
    pub fn warning(&self) -> Warning {
        (self.kind(), self.to_string())
    }
}
