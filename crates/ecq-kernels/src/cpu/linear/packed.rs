use super::activations::{Activations, Precision};
use super::integer::{BLOCK_BYTES, IntegerProduct};
use super::rows::Streams;
use super::side::{PANEL, Side};
use super::trellis::Trellis;
use super::width::{self, QUADS};
use super::{FusedLinear, Linear, PanelProduct, Scratch, blocks_of, check_product, panels, unpacked_bytes};
use crate::Result;
use crate::cpu::AlignedVec;
use crate::cpu::simd::{self, Vector};
use ecq_codec::{CodecError, CodesEntry, decode_codes, decode_grid};
use ecq_coding::{Isa, multiversion, panel};
use ecq_core::{Codes, Coding, EncodedTensor, Grid, code_bits};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Codes at fixed width (2 to 8 bits), laid out so that vectors unpack them: the form of mode `cached`.
///
/// `[panels of 16 rows][blocks of 32 columns][width]` rows of 64 bytes, four bytes to a row of the panel.
/// Byte `c` of the four belongs to the columns `4 i + c` of the block, whose eight codes share the `width`
/// bytes of one place (see `width.rs`).
#[derive(Debug, Clone)]
pub struct PackedLinear {
    side: Arc<Side>,
    width: usize,
    codes: AlignedVec<u8>,
    isa: Isa,
}

/// Memory for packed codes that outlives them: a slot into which different matrices are decoded in turn.
#[derive(Debug, Clone, Default)]
pub struct PackedBuffer(AlignedVec<u8>);

impl PackedBuffer {
    /// Allocates `bytes` of packed codes, see [`FusedLinear::packed_bytes`].
    pub fn with_bytes(bytes: usize) -> Self {
        let mut buffer = AlignedVec::default();
        buffer.set_len(bytes);
        Self(buffer)
    }
}

impl PackedLinear {
    /// Lays codes out for products.
    ///
    /// # Errors
    /// [`CodecError`] when the grid does not fit the codes.
    pub fn new(codes: &Codes, grid: &Grid) -> Result<Self> {
        Self::with_isa(codes, grid, Isa::detect())
    }

    /// As [`new`](Self::new), for `isa` (to compare instruction sets); see [`Isa::resolve`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_isa(codes: &Codes, grid: &Grid, isa: Isa) -> Result<Self> {
        let cols = codes.cols();
        let side = Arc::new(Side::new(grid, [codes.rows(), cols], codes.alphabet())?);
        let trellis = Trellis::of_grid(grid);
        let alphabet = if trellis.is_some() { 2 * codes.alphabet() } else { codes.alphabet() };
        let mut packed = Self::with_memory(AlignedVec::default(), side, alphabet, isa);
        let (width, bytes) = (packed.width, packed.panel_bytes());
        let mut quads = vec![0; unpacked_bytes(cols)];
        let panels = packed.codes.chunks_exact_mut(bytes);
        for (panel, rows) in panels.zip(codes.symbols().chunks(PANEL * cols)) {
            panel::from_rows(rows, cols, cols, &mut quads[..panel::bytes(cols)]);
            if let Some(trellis) = trellis {
                trellis.panel(&mut quads);
            }
            pack(width, &quads, panel);
        }
        Ok(packed)
    }

    /// Decodes a tensor and lays its codes out for products, panel by panel, in parallel.
    ///
    /// # Errors
    /// [`CodecError`] when the tensor holds no codes, or a part is corrupt.
    pub fn decode(tensor: &EncodedTensor) -> Result<Self> {
        if !matches!(CodesEntry::of(tensor)?.coding, Coding::Rans | Coding::Prefix) {
            return Self::new(&decode_codes(tensor)?, &decode_grid(tensor)?);
        }
        FusedLinear::new(tensor)?.unpack(PackedBuffer::default())
    }

    /// Decodes streams of codes below `alphabet` into `buffer`, panels in parallel. The buffer grows if it is
    /// too small.
    pub(super) fn from_streams(
        streams: &Streams,
        side: Arc<Side>,
        alphabet: u16,
        isa: Isa,
        PackedBuffer(codes): PackedBuffer,
    ) -> Result<Self> {
        let rows = side.rows;
        let mut packed = Self::with_memory(codes, side, alphabet, isa);
        let (width, bytes) = (packed.width, packed.panel_bytes());
        // The smallest number of panels that are whole tiles.
        let share = streams.row_granularity().div_ceil(PANEL);
        let shares = packed.codes.par_chunks_mut(share * bytes).enumerate();
        shares.try_for_each_init(
            || (Vec::new(), AlignedVec::default()),
            |(decoded, quads), (i, panels)| {
                let first = i * share * PANEL;
                let mut reader = streams.panels(first, decoded, quads);
                for (row, panel) in (first..rows).step_by(PANEL).zip(panels.chunks_exact_mut(bytes)) {
                    pack(width, reader.take(PANEL.min(rows - row))?, panel);
                }
                Ok::<(), CodecError>(())
            },
        )?;
        Ok(packed)
    }

    /// Returns the bytes of the codes. Side data may be shared with the streams.
    pub fn code_bytes(&self) -> usize {
        self.codes.len()
    }

    /// Returns a matrix whose codes are not written yet, in memory that may hold other codes.
    fn with_memory(mut codes: AlignedVec<u8>, side: Arc<Side>, alphabet: u16, isa: Isa) -> Self {
        let width = (code_bits(alphabet) as usize).max(2);
        codes.set_len(packed_bytes([side.rows, side.cols], alphabet));
        Self { side, width, codes, isa: isa.resolve() }
    }

    /// Returns the memory of the codes, for the next matrix.
    pub fn into_buffer(self) -> PackedBuffer {
        PackedBuffer(self.codes)
    }

    /// Returns the width of a code in bits.
    pub fn width_bits(&self) -> usize {
        self.width
    }

    fn panel_bytes(&self) -> usize {
        blocks_of(self.side.cols) * BLOCK_BYTES / 8 * self.width
    }

    fn panel(&self, number: usize) -> &[u8] {
        let len = self.panel_bytes();
        &self.codes[number * len..][..len]
    }
}

/// Returns the bytes of the packed codes of a matrix.
pub(super) fn packed_bytes([rows, cols]: [usize; 2], alphabet: u16) -> usize {
    64 * rows.div_ceil(PANEL) * blocks_of(cols) * (code_bits(alphabet) as usize).max(2)
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
        // Several rows of activations share the unpacked panel.
        quads.set_len(unpacked_bytes(self.side.cols));
        let mut product = PanelProduct::new(self.isa, x, &self.side, self.width, offsets, float);
        for (panel, at) in panels(&rows) {
            unpack(self.isa, self.width, self.panel(panel), quads);
            product.panel(panel, quads, start, (y, at, rows.len()));
        }
        Ok(())
    }

    fn row(&self, row: usize, weights: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        assert!(row < self.side.rows && weights.len() == self.side.cols, "row {row} of {:?}", self.shape());
        scratch.quads.set_len(unpacked_bytes(self.side.cols));
        unpack(self.isa, self.width, self.panel(row / PANEL), &mut scratch.quads);
        scratch.rows.clear();
        scratch.rows.extend((0..self.side.cols).map(|col| scratch.quads[panel::offset(row % PANEL, col)]));
        self.side.dequantize_row(row, &scratch.rows, weights);
        Ok(())
    }

    fn bytes_resident(&self) -> usize {
        self.codes.len() + self.side.bytes()
    }
}

/// Packs a panel of codes of one byte each to `width` bits.
fn pack(width: usize, quads: &[u8], packed: &mut [u8]) {
    match width {
        2 => width::pack::<2>(quads, packed),
        3 => width::pack::<3>(quads, packed),
        4 => width::pack::<4>(quads, packed),
        5 => width::pack::<5>(quads, packed),
        6 => width::pack::<6>(quads, packed),
        7 => width::pack::<7>(quads, packed),
        _ => width::pack::<8>(quads, packed),
    }
}

/// Unpacks a panel of codes of `width` bits to one byte per code.
fn unpack(isa: Isa, width: usize, packed: &[u8], quads: &mut [u8]) {
    match width {
        2 => unpack_panel::<2>(isa, packed, quads),
        3 => unpack_panel::<3>(isa, packed, quads),
        4 => unpack_panel::<4>(isa, packed, quads),
        5 => unpack_panel::<5>(isa, packed, quads),
        6 => unpack_panel::<6>(isa, packed, quads),
        7 => unpack_panel::<7>(isa, packed, quads),
        _ => unpack_panel::<8>(isa, packed, quads),
    }
}

multiversion! {
    unsafe fn unpack_panel[V: Vector in simd, const W: usize](packed: &[u8], quads: &mut [u8]) {
        let blocks = packed.chunks_exact(BLOCK_BYTES / 8 * W).zip(quads.chunks_exact_mut(BLOCK_BYTES));
        for (packed, quads) in blocks {
            for from in (0..4 * PANEL).step_by(4 * V::LANES) {
                // SAFETY: both chunks are rows of 64 bytes, `W` and eight of them; the caller enables the
                // instruction set.
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
}
