use super::activations::{Activations, Precision};
use super::block::{self, Packer};
use super::direct::DirectProduct;
use super::integer::FixedProduct;
use super::packed_panels::{PackedBuffer, PackedPanels};
use super::rows::Streams;
use super::side::{PANEL, Side};
use super::trellis::Trellis;
use super::{FusedLinear, Linear, PanelProduct, Scratch, check_product, panels, unpacked_bytes};
use crate::Result;
use crate::cpu::AlignedVec;
use ecq_codec::{CodecError, CodesEntry, decode_codes, decode_grid};
use ecq_coding::{Isa, panel};
use ecq_core::{Codes, Coding, EncodedTensor, Grid, code_bits};
use std::ops::Range;
use std::sync::Arc;

/// Codes at fixed widths (2 to 8 bits), laid out so that vectors unpack them: the form of mode `cached`.
///
/// Each block of 16 rows and 32 columns has a width of its own (`block.rs`), so that few rows and columns do
/// not widen all others; on grids with groups, whose codes fill the range, all have the width of the
/// alphabet. On a trellis grid codes are packed, not levels.
#[derive(Debug, Clone)]
pub struct PackedLinear {
    side: Arc<Side>,
    trellis: Option<Trellis>,
    /// Codes, or levels on a trellis grid, are below `2^bits`.
    bits: usize,
    panels: PackedPanels,
    isa: Isa,
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
        let ([rows, cols], alphabet) = ([codes.rows(), codes.cols()], codes.alphabet());
        let side = Arc::new(Side::new(grid, [rows, cols], alphabet)?);
        let trellis = Trellis::of_grid(grid);
        let packer = packer(&side, alphabet);
        let buffer = PackedBuffer::default();
        let panels =
            PackedPanels::pack([rows, cols], packer, 1, buffer, |range, quads: &mut Vec<u8>, writer| {
                quads.resize(unpacked_bytes(cols), 0);
                for number in range {
                    let count = PANEL.min(rows - number * PANEL);
                    let symbols = &codes.symbols()[number * PANEL * cols..][..count * cols];
                    panel::from_rows(symbols, cols, cols, &mut quads[..panel::bytes(cols)]);
                    writer.push(count, quads);
                }
                Ok::<(), CodecError>(())
            })?;
        Ok(Self { side, trellis, bits: bits(trellis, alphabet), panels: panels.shrunk(), isa: isa.resolve() })
    }

    /// Decodes a tensor and lays its codes out for products, panel by panel, in parallel.
    ///
    /// # Errors
    /// [`CodecError`] when the tensor holds no codes, or a part is corrupt.
    pub fn decode(tensor: &EncodedTensor) -> Result<Self> {
        if !matches!(CodesEntry::of(tensor)?.coding, Coding::Rans | Coding::Prefix | Coding::Tuples) {
            return Self::new(&decode_codes(tensor)?, &decode_grid(tensor)?);
        }
        let packed = FusedLinear::new(tensor)?.unpack(PackedBuffer::default())?;
        Ok(Self { panels: packed.panels.shrunk(), ..packed })
    }

    /// Decodes streams into `buffer`, panels in parallel. The buffer grows if it is too small.
    pub(super) fn from_streams(
        streams: &Streams,
        side: Arc<Side>,
        isa: Isa,
        buffer: PackedBuffer,
    ) -> Result<Self> {
        let (shape, alphabet, trellis) = ([side.rows, side.cols], streams.code_alphabet(), streams.trellis());
        // The smallest number of panels that are whole tiles.
        let share = streams.row_granularity().div_ceil(PANEL);
        let packer = packer(&side, alphabet);
        let panels = PackedPanels::pack(
            shape,
            packer,
            share,
            buffer,
            |range, (decoded, quads): &mut (Vec<u8>, AlignedVec<u8>), writer| {
                let mut reader = streams.panels(range.start * PANEL, decoded, quads);
                for number in range {
                    let count = PANEL.min(shape[0] - number * PANEL);
                    writer.push(count, reader.codes(count)?);
                }
                Ok::<(), CodecError>(())
            },
        )?;
        Ok(Self { side, trellis, bits: bits(trellis, alphabet), panels, isa: isa.resolve() })
    }

    /// Returns the bytes of the codes and of their tables. Side data may be shared with the streams.
    pub fn code_bytes(&self) -> usize {
        self.panels.bytes()
    }

    /// Returns the memory of the codes, for the next matrix.
    pub fn into_buffer(self) -> PackedBuffer {
        self.panels.into_buffer()
    }

    /// Unpacks a panel to one byte per code, or level on a trellis grid.
    fn unpack(&self, number: usize, quads: &mut AlignedVec<u8>) {
        quads.set_len(unpacked_bytes(self.side.cols));
        block::unpack(self.isa, &self.panels.panel(number), quads);
        if let Some(trellis) = self.trellis {
            trellis.panel(quads);
        }
    }
}

/// Returns how codes of a matrix are packed.
pub(super) fn packer(side: &Side, alphabet: u16) -> Packer {
    // Where groups have scales, their codes fill the range.
    let of = if side.is_uniform() { Packer::new } else { Packer::fixed };
    of(alphabet, side.cols)
}

fn bits(trellis: Option<Trellis>, alphabet: u16) -> usize {
    code_bits(alphabet) as usize + usize::from(trellis.is_some())
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
        if x.precision() == Precision::I8
            && let Some(block) = self.panels.fixed_block()
            && (x.rows() == 1 || block.width() == 8)
            && let Some(product) =
                FixedProduct::new(self.isa, x, &self.side, offsets, block.width(), block.width())
        {
            for (number, at) in panels(&rows) {
                product.panel(number, self.panels.panel(number).codes, start, (y, at, rows.len()));
            }
            return Ok(());
        }
        if x.precision() == Precision::I8
            && self.panels.fixed_block().is_none()
            && let Some(product) = DirectProduct::new(self.isa, x, &self.side, self.trellis, offsets)
        {
            for (number, at) in panels(&rows) {
                product.panel(number, &self.panels.panel(number), start, (y, at));
            }
            return Ok(());
        }
        // Several rows of activations share the unpacked panel.
        let mut product = PanelProduct::new(self.isa, x, &self.side, self.bits, offsets, float);
        for (number, at) in panels(&rows) {
            self.unpack(number, quads);
            product.panel(number, quads, start, (y, at, rows.len()));
        }
        Ok(())
    }

    fn row(&self, row: usize, weights: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        assert!(row < self.side.rows && weights.len() == self.side.cols, "row {row} of {:?}", self.shape());
        self.unpack(row / PANEL, &mut scratch.quads);
        scratch.rows.clear();
        scratch.rows.extend((0..self.side.cols).map(|col| scratch.quads[panel::offset(row % PANEL, col)]));
        self.side.dequantize_row(row, &scratch.rows, weights);
        Ok(())
    }

    fn bytes_resident(&self) -> usize {
        self.panels.bytes() + self.side.bytes()
    }
}
