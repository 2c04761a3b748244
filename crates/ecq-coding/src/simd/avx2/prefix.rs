//! Batches of prefix codewords in assembly with BMI2: six instructions per lookup and eight lanes in fourteen
//! registers. Compilers spill; the assembly is 1.4 to 1.6 times as fast as the same loop in Rust
//! (`docs/kernels.md`).

use crate::prefix::{LANES, Tables};
use core::arch::asm;

/// The state of the lanes in memory.
#[repr(C)]
struct State {
    /// The address of each lane's next bit: the address of its byte times eight, plus the bit.
    at: [u64; LANES],
    /// The bit above a lane's bits, which counts the bits taken.
    top: u64,
    /// Bits that each lane took in a refused batch.
    taken: [u64; LANES],
}

/// Refills a lane's register.
macro_rules! fill {
    ($lane:literal) => {
        concat!(
            "mov {t}, [{state} + 8 * ",
            $lane,
            "]\n",
            "mov {u}, {t}\n",
            "shr {u}, 3\n",
            "and {t:e}, 7\n",
            "shrx {b",
            $lane,
            "}, [{u}], {t}\n",
            "or {b",
            $lane,
            "}, [{state} + 64]\n",
        )
    };
}

/// One lookup of one lane: `$load` loads the symbols of entry `t` into `t`, `$store` writes them.
macro_rules! lookup {
    (
        $lane:literal, $place:literal,
        ($lengths:literal, $apart:literal, $load:literal, $store:literal, $symbols:literal)
    ) => {
        concat!(
            "mov {t:e}, {b",
            $lane,
            ":e}\n",
            "and {t:e}, 4095\n",
            "movzx {u:e}, byte ptr [{table} + {t} + ",
            $lengths,
            "]\n",
            $load,
            "\n",
            "shrx {b",
            $lane,
            "}, {b",
            $lane,
            "}, {u}\n",
            $store,
            " [{out} + ",
            $place,
            " + ",
            $apart,
            " * ",
            $lane,
            "], ",
            $symbols,
            "\n",
        )
    };
}

/// One lookup of every lane.
macro_rules! lookups {
    ($place:literal, $how:tt) => {
        concat!(
            lookup!(0, $place, $how),
            lookup!(1, $place, $how),
            lookup!(2, $place, $how),
            lookup!(3, $place, $how),
            lookup!(4, $place, $how),
            lookup!(5, $place, $how),
            lookup!(6, $place, $how),
            lookup!(7, $place, $how),
        )
    };
}

/// Jumps to label 2 if a lane took more than 57 bits: then less than six are left below the counting bit.
macro_rules! check {
    ($($lane:literal)*) => { concat!($("cmp {b", $lane, "}, 64\njb 2f\n"),*) };
}

/// Advances a lane by the bits taken.
macro_rules! advance {
    ($($lane:literal)*) => {
        concat!($("lzcnt {t}, {b", $lane, "}\nadd [{state} + 8 * ", $lane, "], {t}\n"),*)
    };
}

/// Stores the bits that a lane took.
macro_rules! keep {
    ($($lane:literal)*) => {
        concat!($("lzcnt {t}, {b", $lane, "}\nmov [{state} + 72 + 8 * ", $lane, "], {t}\n"),*)
    };
}

/// Defines a function that decodes batches of lookups, which write to the places given.
macro_rules! batches {
    ($name:ident, $how:tt, $($place:literal)*) => {
        /// # Safety
        /// As [`Tables::decode`], with BMI2 and LZCNT; a table of the tuple's size.
        unsafe fn $name(
            table: *const u8,
            state: &mut State,
            batches: usize,
            mut out: *mut u8,
            step: usize,
        ) -> usize {
            for batch in 0..batches {
                let refused: u64;
                // SAFETY: the caller guarantees the loads of streams and the stores of symbols; indices into
                // the table are below 4096, and the lengths follow the symbols.
                unsafe {
                    asm!(
                        fill!(0), fill!(1), fill!(2), fill!(3), fill!(4), fill!(5), fill!(6), fill!(7),
                        $(lookups!($place, $how),)*
                        check!(0 1 2 3 4 5 6 7),
                        advance!(0 1 2 3 4 5 6 7),
                        "xor {t:e}, {t:e}",
                        "jmp 3f",
                        "2:",
                        keep!(0 1 2 3 4 5 6 7),
                        "mov {t:e}, 1",
                        "3:",
                        state = in(reg) &raw mut *state,
                        table = in(reg) table,
                        out = in(reg) out,
                        t = out(reg) refused,
                        u = out(reg) _,
                        b0 = out(reg) _, b1 = out(reg) _, b2 = out(reg) _, b3 = out(reg) _,
                        b4 = out(reg) _, b5 = out(reg) _, b6 = out(reg) _, b7 = out(reg) _,
                        options(nostack),
                    );
                    if refused != 0 {
                        return batch;
                    }
                    out = out.add(step);
                }
            }
            batches
        }
    };
}

/// Defines the function for entries of a size in bytes: the offset of the lengths, the distance of the lanes'
/// output, the load of the symbols of entry `t` into `t`, and their store.
macro_rules! of_size {
    (1, $apart:literal, $name:ident, $places:tt) => {
        batches_at!(
            $name,
            (4096, $apart, "movzx {t:e}, byte ptr [{table} + {t}]", "mov byte ptr", "{t:l}"),
            $places
        );
    };
    (2, $apart:literal, $name:ident, $places:tt) => {
        batches_at!(
            $name,
            (8192, $apart, "movzx {t:e}, word ptr [{table} + 2 * {t}]", "mov word ptr", "{t:x}"),
            $places
        );
    };
    (4, $apart:literal, $name:ident, $places:tt) => {
        batches_at!(
            $name,
            (16384, $apart, "mov {t:e}, [{table} + 4 * {t}]", "mov dword ptr", "{t:e}"),
            $places
        );
    };
}
macro_rules! batches_at {
    ($name:ident, $how:tt, [$($place:literal)*]) => { batches!($name, $how, $($place)*); };
}
of_size!(1, 4, ones, [0 1 2 3]);
of_size!(2, 4, pairs_4, [0 2 64 66]);
of_size!(2, 4, pairs_6, [0 2 64 66 128 130]);
of_size!(4, 4, triples_4, [0 32 64 96]);
of_size!(4, 4, triples_6, [0 32 64 96 128 160]);
of_size!(1, 2, halved_pairs_4, [0 1 16 17]);
of_size!(1, 2, halved_pairs_6, [0 1 16 17 32 33]);
of_size!(2, 2, halved_4, [0 16 32 48]);
of_size!(2, 2, halved_6, [0 16 32 48 64 80]);

/// As [`Tables::decode`].
///
/// # Safety
/// As there, and the machine has BMI2 and LZCNT.
pub(crate) unsafe fn decode(
    tables: &Tables,
    bytes: &[u8],
    at: &mut [usize; LANES],
    batches: usize,
    out: *mut u8,
) -> (usize, [usize; LANES]) {
    // Addresses in bits: of the stream's first bit, and of the lanes' next bits.
    let first = (bytes.as_ptr().expose_provenance() as u64) << 3;
    let mut state = State { at: at.map(|bit| first + bit as u64), top: 1 << 63, taken: [0; LANES] };
    let decode = match (tables.tuple, tables.nibbles, tables.batch) {
        (1, ..) => ones,
        (2, false, 6) => pairs_6,
        (2, false, _) => pairs_4,
        // Four symbols have tables only where they fit half bytes.
        (_, false, 6) => triples_6,
        (_, false, _) => triples_4,
        (2, true, 6) => halved_pairs_6,
        (2, true, _) => halved_pairs_4,
        (_, true, 6) => halved_6,
        (_, true, _) => halved_4,
    };
    debug_assert!(tables.tuple < 4 || tables.nibbles);
    // SAFETY: as this function's.
    let done = unsafe { decode(tables.bytes.as_ptr(), &mut state, batches, out, tables.step()) };
    *at = state.at.map(|bit| (bit - first) as usize);
    (done, state.taken.map(|taken| taken as usize))
}
