//! Batches of prefix codewords: lane after lane, lookup after lookup.

use crate::prefix::{ENTRIES, FILLED, LANES, Tables};

/// As [`Tables::decode`].
///
/// # Safety
/// As there.
pub(crate) unsafe fn decode(
    tables: &Tables,
    bytes: &[u8],
    at: &mut [usize; LANES],
    batches: usize,
    out: *mut u8,
) -> (usize, [usize; LANES]) {
    let size = tables.size;
    for batch in 0..batches {
        let mut taken = [0; LANES];
        for (lane, taken) in taken.iter_mut().enumerate() {
            // SAFETY: the byte is at most the eighth from the end.
            let word = unsafe { bytes.as_ptr().add(at[lane] / 8).cast::<u64>().read_unaligned() };
            let mut buffer = u64::from_le(word) >> (at[lane] % 8) | 1 << 63;
            for lookup in 0..tables.batch {
                let index = buffer as usize % ENTRIES;
                let symbols = &tables.bytes[index * size..][..size];
                // SAFETY: the place is within the room that the caller has, and so are the `size` bytes from
                // there on.
                unsafe {
                    let to = out.add(batch * tables.step() + tables.place(lookup, lane));
                    symbols.as_ptr().copy_to_nonoverlapping(to, size);
                }
                buffer >>= tables.bytes[ENTRIES * size + index];
            }
            *taken = buffer.leading_zeros() as usize;
        }
        if taken.iter().any(|&taken| taken > FILLED) {
            return (batch, taken);
        }
        at.iter_mut().zip(taken).for_each(|(at, taken)| *at += taken);
    }
    (batches, [0; LANES])
}
