//! Length-limited prefix codes over tuples of symbols. Each lane is a bit string of its own.
//!
//! A tile is a header with the length of each lane, then the lanes. Tuples run along a row; the last tuple of
//! a row is padded. With [`Order::Rows`] lane `l` holds rows `l`, `l + lanes`, ...; with
//! [`Order::Interleaved`] tuple `i` of the tile goes to lane `i mod lanes`.

mod code;
mod decode;
mod encode;
mod lookups;

pub(crate) use code::package_merge;
pub use code::{Lookup, PrefixCode};
pub use decode::{Decoder, Reader, lane_ranges};
pub use encode::Encoder;
#[cfg(target_arch = "aarch64")]
pub(crate) use lookups::place;
pub(crate) use lookups::{ENTRIES, FILLED, LANES, Tables};

use crate::layout::{Layout, Order};

/// Returns the `(row, first column)` of the tuples of one lane, in order.
fn lane_tuples(layout: Layout, tuple: usize, lane: usize) -> impl Iterator<Item = (usize, usize)> {
    let per_row = layout.cols.div_ceil(tuple);
    let (first, step, count) = match layout.order {
        Order::Rows => (lane, layout.lanes, layout.rows),
        Order::Interleaved => (lane, layout.lanes, layout.rows * per_row),
    };
    (first..count).step_by(step).flat_map(move |i| {
        let (row, tuples) = match layout.order {
            Order::Rows => (i, 0..per_row),
            Order::Interleaved => (i / per_row, i % per_row..i % per_row + 1),
        };
        tuples.map(move |t| (row, t * tuple))
    })
}

/// Returns the number of lanes that hold at least one tuple.
fn lanes_used(layout: Layout, tuple: usize) -> usize {
    match layout.order {
        Order::Rows => layout.lanes.min(layout.rows),
        Order::Interleaved => layout.lanes.min(layout.rows * layout.cols.div_ceil(tuple)),
    }
}

#[cfg(test)]
mod tests;
