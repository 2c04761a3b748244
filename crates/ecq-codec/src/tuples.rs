//! The tuple coding: its parts, and the choice of its parameters.

use crate::error::{CodecError, Result};
use crate::parts::CodesEntry;
use bytes::Bytes;
use ecq_coding::tuples::{Decoder, Encoder, Index, Shape, TILE_ROWS, TupleCode};
use ecq_coding::{CodingError, FrequencyTable};
use ecq_core::{Codes, Coding, EncodedTensor, Grid, GridEntry, TensorPart, code_bits};

/// Symbols of a tuple and longest codewords that a plan tries.
const CODES: [(usize, u32); 6] = [(2, 9), (2, 10), (3, 9), (3, 10), (4, 9), (4, 10)];
/// Columns that a segment has at most, unless a trellis grid prescribes them: longer segments cost less,
/// shorter ones divide among more warps.
const SEGMENT_COLS: usize = 288;
/// What longer tuples, which need fewer lookups, and shorter codewords may cost in bits, as a ratio.
const TOLERANCE: f64 = 0.04;
/// Tiles that a plan encodes with each code.
const SAMPLE_TILES: usize = 4;

/// The code and the segments of a tensor in the tuple coding.
#[derive(Debug, Clone)]
pub struct TupleLayout {
    /// The code.
    pub code: TupleCode,
    /// The geometry.
    pub shape: Shape,
}

impl TupleLayout {
    /// Reads the part `table`: groups per segment (`u8`) and the code.
    ///
    /// # Errors
    /// [`CodecError::Content`] when the tensor has another coding; [`CodecError::Part`] when the part is
    /// corrupt or does not fit the grid.
    pub fn of(tensor: &EncodedTensor) -> Result<Self> {
        let entry = CodesEntry::of(tensor)?;
        if entry.coding != Coding::Tuples {
            return Err(CodecError::Content { found: entry.coding.name(), expected: "tuples" });
        }
        let corrupt = |source| CodecError::Part { part: TensorPart::Table, source };
        let bytes = tensor.part(TensorPart::Table)?;
        let Some((&groups, rest)) = bytes.split_first() else {
            return Err(corrupt(CodingError::Truncated { what: "a tuple code", at: 0, needed: 1 }));
        };
        let (code, used) = TupleCode::from_bytes(rest).map_err(corrupt)?;
        if used < rest.len() {
            let (remaining, len) = (rest.len() - used, bytes.len());
            return Err(corrupt(CodingError::TrailingBytes { what: "a tuple code", remaining, len }));
        }
        let invalid = |at, reason| Err(corrupt(CodingError::InvalidBytes { at, reason }));
        if code.table().alphabet() != usize::from(entry.alphabet) {
            let (found, expected) = (code.table().alphabet(), entry.alphabet.into());
            return Err(CodecError::TableAlphabet { table: 0, found, expected });
        }
        let [rows, cols] = tensor.shape();
        let shape = Shape::new(rows, cols, code.tuple(), groups.into()).map_err(corrupt)?;
        match entry.grid {
            GridEntry::UniformRows { zero, .. } if code.zero() == zero && !code.even() => {}
            GridEntry::TrellisRows { zero, lag, restart, .. } if code.zero() == zero && code.even() => {
                if usize::from(lag) != 4 * code.tuple() || segment_cols(shape) != restart as usize {
                    return invalid(0, "lag and restart of the trellis are not those of tuples and segments");
                }
            }
            _ => return invalid(5, "zero or parity of the code are not those of the grid"),
        }
        Ok(Self { code, shape })
    }

    /// Returns the index of a tensor, checked.
    ///
    /// # Errors
    /// [`CodecError::Part`] when the part is corrupt.
    pub fn index(&self, tensor: &EncodedTensor) -> Result<Index<Bytes>> {
        let stream = tensor.part(TensorPart::Stream)?.len();
        Index::parse(tensor.part(TensorPart::Index)?.clone(), stream, self.shape)
            .map_err(|source| CodecError::Part { part: TensorPart::Index, source })
    }

    /// Chooses tuple, longest codeword and segments for codes on a grid by the bytes that a sample takes;
    /// returns the estimated bits of the tensor and the reason. `None` if packed codes take fewer bits than
    /// any code of tuples.
    ///
    /// # Errors
    /// [`CodecError::UnsupportedGrid`] for a grid without zero or with levels; [`CodecError::Option`] when
    /// lag or restart of a trellis are not those of tuples and segments.
    pub(crate) fn plan(
        codes: &Codes,
        grid: &Grid,
        table: &FrequencyTable,
    ) -> Result<Option<(Self, f64, String)>> {
        let (zero, trellis) = match grid {
            Grid::UniformRows(uniform) if uniform.levels.is_none() => (uniform.zero, None),
            Grid::TrellisRows(grid) => {
                (grid.uniform.zero, Some((usize::from(grid.lag), grid.restart as usize)))
            }
            _ => return Err(CodecError::UnsupportedGrid),
        };
        let (rows, cols) = (codes.rows(), codes.cols());
        let (mut found, mut fits) = (Vec::new(), false);
        for (tuple, width) in CODES {
            let groups = match trellis {
                None => (SEGMENT_COLS / (8 * tuple)).min(cols.div_ceil(8 * tuple)),
                Some((lag, _)) if lag != 4 * tuple => continue,
                Some((_, restart)) if restart.is_multiple_of(8 * tuple) => restart / (8 * tuple),
                Some(_) => continue,
            };
            let Ok(shape) = Shape::new(rows, cols, tuple, groups) else { continue };
            fits = true;
            let Ok(code) = TupleCode::best(table, tuple, width, zero, trellis.is_some()) else { continue };
            // Codes that escape often are not worth encoding the sample.
            if code.bits_per_symbol() >= f64::from(code_bits(codes.alphabet())) {
                continue;
            }
            let layout = Self { code, shape };
            if let Ok(bits) = layout.sample_bits(codes) {
                found.push((bits, layout));
            }
        }
        let least = found.iter().map(|(bits, _)| *bits).fold(f64::INFINITY, f64::min);
        // Of the codes that cost little more than the best one, the longest tuples, then the shortest
        // codewords: a GPU keeps a table of all codewords in shared memory, which leaves room for fewer
        // warps.
        found.retain(|(bits, _)| *bits <= least * (1.0 + TOLERANCE));
        let best = found.into_iter().min_by(|(_, left), (_, right)| {
            let tuples = right.code.tuple().cmp(&left.code.tuple());
            tuples.then(left.code.width().cmp(&right.code.width()))
        });
        if !fits {
            return Err(CodecError::Option {
                option: "coding tuples",
                reason: "needs a trellis with a lag of 8, 12 or 16 and a restart that is a multiple of twice \
                         the lag, at most 512 columns",
            });
        }
        Ok(best.map(|(bits, layout)| {
            let reason = format!(
                "tuples of {}, codewords of at most {} bits for {} tuples, segments of {} columns",
                layout.code.tuple(),
                layout.code.width(),
                layout.code.coded_tuples(),
                segment_cols(layout.shape),
            );
            (layout, bits, reason)
        }))
    }

    /// Encodes some tiles; returns the bits of the matrix at their rate.
    fn sample_bits(&self, codes: &Codes) -> Result<f64> {
        let (rows, cols) = (codes.rows(), codes.cols());
        let tiles = self.shape.tiles().min(SAMPLE_TILES);
        let mut symbols = Vec::new();
        for i in 0..tiles {
            let first = i * (self.shape.tiles() / tiles) * TILE_ROWS;
            symbols.extend(&codes.symbols()[first * cols..(first + TILE_ROWS).min(rows) * cols]);
        }
        let sampled = symbols.len() / cols;
        let shape = Shape::new(sampled, cols, self.shape.tuple(), self.shape.segment_groups())?;
        let encoded = Encoder::new(&self.code).encode(&symbols, shape)?;
        let bytes = (encoded.index.len() + encoded.stream.len()) as f64;
        Ok(8.0 * (bytes * rows as f64 / sampled as f64 + self.code.to_bytes().len() as f64))
    }

    /// Encodes codes to the parts table, index and stream.
    ///
    /// # Errors
    /// [`CodecError::Coding`] when the codes need more corrections than an index can hold.
    pub(crate) fn encode(&self, codes: &Codes) -> Result<[(TensorPart, Bytes); 3]> {
        let encoded = Encoder::new(&self.code).encode(codes.symbols(), self.shape)?;
        let mut table = vec![self.shape.segment_groups() as u8];
        table.extend(self.code.to_bytes());
        Ok([
            (TensorPart::Table, table.into()),
            (TensorPart::Index, encoded.index.into()),
            (TensorPart::Stream, encoded.stream.into()),
        ])
    }
}

/// Decodes all codes, row-major.
pub(crate) fn decode(tensor: &EncodedTensor, symbols: &mut [u8]) -> Result<()> {
    let layout = TupleLayout::of(tensor)?;
    let index = layout.index(tensor)?;
    Decoder::new(&layout.code)
        .decode(&index, tensor.part(TensorPart::Stream)?, symbols)
        .map_err(|source| CodecError::Part { part: TensorPart::Stream, source })
}

/// Returns the number of columns of a full segment.
fn segment_cols(shape: Shape) -> usize {
    shape.segment_groups() * shape.group_cols()
}
