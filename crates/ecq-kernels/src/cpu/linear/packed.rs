use super::activations::{Activations, BLOCK, Precision};
use super::float::quad_at;
use super::integer::{BLOCK_BYTES, IntegerProduct};
use super::side::{PANEL, Side};
use super::vector::{Isa, Vector};
use super::width::{QUADS, place};
use super::{Linear, PanelProduct, Scratch, blocks_of, check_product, panels, quad_bytes};
use crate::cpu::packed::width;
use crate::error::Result;
use ecq_core::{Codes, Grid};
use std::ops::Range;

/// Codes at their own width (2 to 8 bits), laid out so that vectors unpack them: the form of mode `cached`.
///
/// `[panels of 16 rows][blocks of 32 columns][width]` rows of 64 bytes, four bytes to a row of the panel: the places of
/// column `c` of a quad, `c = 0..4`. Eight quads' codes share the `width` bytes of one place (see `width.rs`).
#[derive(Debug, Clone)]
pub struct PackedLinear {
    side: Side,
    width: usize,
    codes: Lines,
    isa: Isa,
}

/// Bytes that begin at a cache line.
#[derive(Debug, Clone)]
struct Lines(Vec<Line>);

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Lines {
    fn bytes(&self) -> &[u8] {
        // SAFETY: a line is 64 bytes without padding.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), 64 * self.0.len()) }
    }
}

impl PackedLinear {
    /// Lays codes out for products.
    ///
    /// # Errors
    /// When the grid does not fit the codes.
    pub fn new(codes: &Codes, grid: &Grid) -> Result<Self> {
        Self::with_isa(codes, grid, Isa::detect())
    }

    /// As [`new`](Self::new), for one instruction set, to compare them; one that this machine lacks falls to the best
    /// it has.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_isa(codes: &Codes, grid: &Grid, isa: Isa) -> Result<Self> {
        let (rows, cols) = (codes.rows(), codes.cols());
        let side = Side::new(grid, [rows, cols], codes.alphabet())?;
        let width = (width(codes.alphabet()) as usize).max(2);
        let mut lines = vec![Line([0; 64]); rows.div_ceil(PANEL) * blocks_of(cols) * width];
        let lay = match width {
            2 => lay::<2>,
            3 => lay::<3>,
            4 => lay::<4>,
            5 => lay::<5>,
            6 => lay::<6>,
            7 => lay::<7>,
            _ => lay::<8>,
        };
        lay(codes, &mut lines);
        Ok(Self { side, width, codes: Lines(lines), isa: isa.min(Isa::detect()) })
    }

    /// Bits that a code takes.
    pub fn width_bits(&self) -> usize {
        self.width
    }

    fn panel(&self, number: usize) -> &[u8] {
        let len = blocks_of(self.side.cols) * BLOCK_BYTES / 8 * self.width;
        &self.codes.bytes()[number * len..][..len]
    }
}

impl Linear for PackedLinear {
    fn shape(&self) -> [usize; 2] {
        [self.side.rows, self.side.cols]
    }

    fn row_granularity(&self) -> usize {
        PANEL
    }

    fn col_scales(&self) -> Option<&[f32]> {
        self.side.col_scales.as_deref()
    }

    fn matmul(
        &self,
        x: &Activations,
        rows: Range<usize>,
        y: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        check_product(self, x, &rows, y);
        let Scratch { offsets, start, quads, float, .. } = scratch;
        let direct = x.precision() == Precision::I8 && (x.rows() == 1 || self.width == 8);
        if direct
            && let Some(product) =
                IntegerProduct::new(self.isa, x, &self.side, offsets, self.width, self.width)
        {
            for (panel, at) in panels(&rows) {
                product.panel(panel, self.panel(panel), start, (y, at, rows.len()));
            }
            return Ok(());
        }
        // Several rows of activations share what is unpacked.
        quads.resize(quad_bytes(self.side.cols), 0);
        let mut product = PanelProduct::new(self.isa, x, &self.side, self.width, offsets, float);
        for (panel, at) in panels(&rows) {
            unpack(self.isa, self.width, self.panel(panel), quads);
            product.panel(panel, quads, start, (y, at, rows.len()));
        }
        Ok(())
    }

    fn row(&self, row: usize, weights: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        assert!(row < self.side.rows && weights.len() == self.side.cols, "row {row} of {:?}", self.shape());
        scratch.quads.resize(quad_bytes(self.side.cols), 0);
        unpack(self.isa, self.width, self.panel(row / PANEL), &mut scratch.quads);
        scratch.rows.clear();
        scratch.rows.extend((0..self.side.cols).map(|col| scratch.quads[quad_at(row % PANEL, col)]));
        self.side.dequantize_row(row, &scratch.rows, weights);
        Ok(())
    }

    fn bytes_resident(&self) -> usize {
        self.codes.bytes().len() + self.side.bytes()
    }
}

/// Puts codes at `W` bits where [`PackedLinear`] says.
fn lay<const W: usize>(codes: &Codes, lines: &mut [Line]) {
    let cols = codes.cols();
    let panel_lines = blocks_of(cols) * W;
    for (row, symbols) in codes.symbols().chunks_exact(cols).enumerate() {
        let panel = &mut lines[row / PANEL * panel_lines..][..panel_lines];
        for (block, symbols) in panel.chunks_exact_mut(W).zip(symbols.chunks(BLOCK)) {
            // Columns behind the last are zeros.
            let mut quads = [0; BLOCK];
            quads[..symbols.len()].copy_from_slice(symbols);
            for column in 0..4 {
                let bytes = place::<W>(std::array::from_fn(|quad| quads[4 * quad + column]));
                for (line, byte) in block.iter_mut().zip(bytes) {
                    line.0[row % PANEL * 4 + column] = byte;
                }
            }
        }
    }
}

/// A panel of codes of `width` bits to one byte each.
fn unpack(isa: Isa, width: usize, packed: &[u8], quads: &mut [u8]) {
    macro_rules! instance {
        ($unpack:ident) => {
            match width {
                2 => $unpack::<2>(packed, quads),
                3 => $unpack::<3>(packed, quads),
                4 => $unpack::<4>(packed, quads),
                5 => $unpack::<5>(packed, quads),
                6 => $unpack::<6>(packed, quads),
                7 => $unpack::<7>(packed, quads),
                _ => $unpack::<8>(packed, quads),
            }
        };
    }
    match isa {
        // SAFETY: the instruction set is one of this machine.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => unsafe { instance!(unpack_avx512) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { instance!(unpack_avx2) },
        // SAFETY: no instruction set is needed.
        _ => unsafe { instance!(unpack_portable) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn unpack_avx512<const W: usize>(packed: &[u8], quads: &mut [u8]) {
    // SAFETY: this function enables the instruction set.
    unsafe { unpack_with::<super::vector::avx512::Avx512Vnni, W>(packed, quads) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
unsafe fn unpack_avx2<const W: usize>(packed: &[u8], quads: &mut [u8]) {
    // SAFETY: this function enables the instruction set.
    unsafe { unpack_with::<super::vector::avx2::Avx2, W>(packed, quads) }
}

unsafe fn unpack_portable<const W: usize>(packed: &[u8], quads: &mut [u8]) {
    // SAFETY: no instruction set is needed.
    unsafe { unpack_with::<super::vector::portable::Portable, W>(packed, quads) }
}

/// # Safety
/// The caller enables the instruction set of `V`.
#[inline(always)]
unsafe fn unpack_with<V: Vector, const W: usize>(packed: &[u8], quads: &mut [u8]) {
    let blocks = packed.chunks_exact(BLOCK_BYTES / 8 * W).zip(quads.chunks_exact_mut(BLOCK_BYTES));
    for (packed, quads) in blocks {
        for from in (0..4 * PANEL).step_by(4 * V::LANES) {
            // SAFETY: both chunks are rows of 64 bytes, `W` and eight of them.
            unsafe {
                let codes = V::unpack::<W>(packed.as_ptr().add(from));
                for (quad, codes) in codes.into_iter().enumerate() {
                    V::store(quads.as_mut_ptr().add(quad * 4 * PANEL + from), codes);
                }
            }
        }
    }
    debug_assert_eq!(QUADS * 4 * PANEL, BLOCK_BYTES);
}
