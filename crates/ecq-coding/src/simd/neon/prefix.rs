//! Batches of prefix codewords: eight lanes in step, each with its bits in a general register. AArch64 has
//! registers for eight lanes, so that the compiler's code needs five instructions a lookup and no assembly is
//! written by hand.

use crate::prefix::{ENTRIES, FILLED, LANES, Tables, place};

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
    debug_assert!(tables.tuple < 4 || tables.nibbles);
    // SAFETY: as this function's.
    unsafe {
        match (tables.tuple, tables.nibbles, tables.batch) {
            (1, ..) => decode_batches::<u8, 1, false, 4>(tables, bytes, at, batches, out),
            (2, false, 6) => decode_batches::<u16, 2, false, 6>(tables, bytes, at, batches, out),
            (2, false, _) => decode_batches::<u16, 2, false, 4>(tables, bytes, at, batches, out),
            // Four symbols have tables only where they fit half bytes.
            (_, false, 6) => decode_batches::<u32, 3, false, 6>(tables, bytes, at, batches, out),
            (_, false, _) => decode_batches::<u32, 3, false, 4>(tables, bytes, at, batches, out),
            (2, true, 6) => decode_batches::<u8, 2, true, 6>(tables, bytes, at, batches, out),
            (2, true, _) => decode_batches::<u8, 2, true, 4>(tables, bytes, at, batches, out),
            // Tuples of three and four symbols in half bytes lie in the same places.
            (_, true, 6) => decode_batches::<u16, 3, true, 6>(tables, bytes, at, batches, out),
            (_, true, _) => decode_batches::<u16, 3, true, 4>(tables, bytes, at, batches, out),
        }
    }
}

/// [`decode`] for entries of type `E` that hold `TUPLE` symbols, and `BATCH` lookups in a batch.
///
/// # Safety
/// As [`decode`], of tables with these numbers.
unsafe fn decode_batches<E: Copy, const TUPLE: usize, const NIBBLES: bool, const BATCH: usize>(
    tables: &Tables,
    bytes: &[u8],
    at: &mut [usize; LANES],
    batches: usize,
    mut out: *mut u8,
) -> (usize, [usize; LANES]) {
    assert_eq!(tables.bytes.len(), ENTRIES * (size_of::<E>() + 1));
    let symbols = tables.bytes.as_ptr().cast::<E>();
    // SAFETY: the lengths lie behind the symbols.
    let lengths = unsafe { tables.bytes.as_ptr().add(ENTRIES * size_of::<E>()) };
    let stream = bytes.as_ptr();
    for batch in 0..batches {
        let mut buffers = [0u64; LANES];
        for lane in 0..LANES {
            // SAFETY: the byte is at most the eighth from the end.
            let word = unsafe { stream.add(at[lane] / 8).cast::<u64>().read_unaligned() };
            buffers[lane] = u64::from_le(word) >> (at[lane] % 8) | 1 << 63;
        }
        // One lookup of every lane. Spelled out for each lookup: its places are constants.
        macro_rules! lookups {
            ($($lookup:literal)*) => {$(
                if $lookup < BATCH {
                    for lane in 0..LANES {
                        let index = buffers[lane] as usize % ENTRIES;
                        // SAFETY: the index is below the table's entries; the place is within the caller's
                        // room.
                        unsafe {
                            let to = out.add(const { place(TUPLE, NIBBLES, $lookup, 0) });
                            let to = to.add(const { place(TUPLE, NIBBLES, 0, 1) } * lane);
                            to.cast::<E>().write_unaligned(symbols.add(index).read_unaligned());
                            buffers[lane] >>= *lengths.add(index);
                        }
                    }
                }
            )*};
        }
        lookups!(0 1 2 3 4 5);
        let taken = buffers.map(|buffer| buffer.leading_zeros() as usize);
        if taken.iter().any(|&taken| taken > FILLED) {
            return (batch, taken);
        }
        for lane in 0..LANES {
            at[lane] += taken[lane];
        }
        // SAFETY: the caller has room for this batch.
        out = unsafe { out.add(const { place(TUPLE, NIBBLES, BATCH, 0) }) };
    }
    (batches, [0; LANES])
}
