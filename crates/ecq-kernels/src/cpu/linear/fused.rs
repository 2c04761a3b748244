use super::activations::{Activations, BLOCK};
use super::packed::packer;
use super::packed_panels::packed_bytes;
use super::rows::Streams;
use super::side::{PANEL, Side};
use super::{Linear, PackedBuffer, PackedLinear, PanelProduct, Scratch, blocks_of, check_product};
use crate::Result;
use ecq_codec::{CodesEntry, decode_grid};
use ecq_coding::Isa;
use ecq_core::EncodedTensor;
use std::ops::Range;
use std::sync::Arc;

/// Coded streams that each product decodes, some rows at a time: the form of mode `fused`.
///
/// Tables are expanded and side data decoded once. At any time only the rows that the lanes of a tile hold
/// together are decoded (at least a panel of 16).
#[derive(Debug, Clone)]
pub struct FusedLinear {
    streams: Streams,
    side: Arc<Side>,
    isa: Isa,
}

impl FusedLinear {
    /// Prepares an encoded tensor (packed, rANS or prefix, of any tile). Its streams are kept.
    ///
    /// # Errors
    /// [`CodecError`](ecq_codec::CodecError) when the tensor holds no codes or archived codes, or a part is
    /// corrupt.
    pub fn new(tensor: &EncodedTensor) -> Result<Self> {
        Self::with_isa(tensor, Isa::detect())
    }

    /// As [`new`](Self::new), with products for `isa` (to compare instruction sets); see [`Isa::resolve`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_isa(tensor: &EncodedTensor, isa: Isa) -> Result<Self> {
        let streams = Streams::new(tensor)?;
        let side = Side::new(&decode_grid(tensor)?, tensor.shape(), CodesEntry::of(tensor)?.alphabet)?;
        Ok(Self { streams, side: Arc::new(side), isa: isa.resolve() })
    }

    /// Decodes all codes to packed codes, in parallel. They share the side data and are written to `buffer`,
    /// so that matrices can be decoded into the same slot again and again. `PackedBuffer::default()`
    /// allocates.
    ///
    /// # Errors
    /// [`CodecError::Tile`](ecq_codec::CodecError::Tile) when a stream is corrupt.
    pub fn unpack(&self, buffer: PackedBuffer) -> Result<PackedLinear> {
        PackedLinear::from_streams(&self.streams, self.side.clone(), self.isa, buffer)
    }

    /// Returns the most bytes that [`unpack`](Self::unpack) writes, whatever the codes.
    pub fn packed_bytes(&self) -> usize {
        packed_bytes(self.shape(), packer(&self.side, self.streams.code_alphabet()))
    }

    fn stride(&self) -> usize {
        blocks_of(self.side.cols) * BLOCK
    }
}

impl Linear for FusedLinear {
    fn shape(&self) -> [usize; 2] {
        [self.side.rows, self.side.cols]
    }

    fn row_granularity(&self) -> usize {
        self.streams.row_granularity()
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
        let Scratch { offsets, start, quads, rows: buffer, float } = scratch;
        let bits = self.streams.bits();
        let mut product = PanelProduct::new(self.isa, x, &self.side, bits, offsets, float);
        self.streams.for_each_panel(rows.clone(), buffer, quads, |row, codes| {
            product.panel(row / PANEL, codes, start, (y, row - rows.start, rows.len()));
        })
    }

    fn row(&self, row: usize, weights: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        assert!(row < self.side.rows && weights.len() == self.side.cols, "row {row} of {:?}", self.shape());
        let tile = self.streams.rows_of_tile();
        let mut reader = self.streams.read(row / tile * tile, self.stride(), &mut scratch.rows);
        for _ in 0..row % tile {
            reader.take(1)?;
        }
        let codes = &reader.take(1)?[..weights.len()];
        match self.streams.trellis() {
            None => self.side.dequantize_row(row, codes, weights),
            Some(trellis) => {
                let mut levels = codes.to_vec();
                trellis.row(&mut levels);
                self.side.dequantize_row(row, &levels, weights);
            }
        }
        Ok(())
    }

    fn bytes_resident(&self) -> usize {
        self.streams.bytes() + self.side.bytes()
    }
}
