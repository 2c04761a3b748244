use super::code::PrefixCode;
use super::{lane_tuples, lanes_used};
use crate::bits::BitWriter;
use crate::error::{CodingError, Result};
use crate::layout::Layout;

/// Encodes tiles with one prefix code.
///
/// ```
/// use ecq_coding::{Counts, FrequencyTable, Layout, Order, prefix};
///
/// let symbols: Vec<u8> = (0..64 * 100u32).map(|i| (i * i % 7) as u8).collect();
/// let table = FrequencyTable::new(&Counts::of(&symbols), 8, FrequencyTable::PRECISION)?;
/// let code = prefix::PrefixCode::best(&table, 0.01)?;
/// let layout = Layout::new(64, 100, 32, Order::Rows)?;
/// let bytes = prefix::Encoder::new(&code).encode(&symbols, 100, layout)?;
///
/// let mut back = vec![0; symbols.len()];
/// prefix::Decoder::new(&code).decode(&bytes, layout, &mut back, 100)?;
/// assert_eq!(back, symbols);
/// # Ok::<(), ecq_coding::CodingError>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'a> {
    code: &'a PrefixCode,
    /// Symbol that fills the last tuple of a row.
    padding: u8,
}

impl<'a> Encoder<'a> {
    /// Returns an encoder for `code`.
    pub fn new(code: &'a PrefixCode) -> Self {
        let frequencies = code.table.frequencies().iter().enumerate();
        let padding = frequencies.max_by_key(|&(s, &f)| (f, usize::MAX - s)).map_or(0, |(s, _)| s as u8);
        Self { code, padding }
    }

    /// Encodes the tile whose row `r` is `symbols[r * stride..][..cols]`.
    ///
    /// # Errors
    /// [`CodingError::UncodedSymbol`] when a symbol has no code; [`CodingError::Parameter`] when `symbols` is
    /// too short for the layout.
    pub fn encode(&self, symbols: &[u8], stride: usize, layout: Layout) -> Result<Vec<u8>> {
        layout.check_rows(symbols.len(), stride)?;
        let tuple = self.code.tuple;
        let alphabet = self.code.table.alphabet();
        let frequencies = self.code.table.frequencies();
        let mut lanes = Vec::with_capacity(layout.lanes);
        for lane in 0..lanes_used(layout, tuple) {
            let mut bits = BitWriter::default();
            for (row, col) in lane_tuples(layout, tuple, lane) {
                let mut digits = [self.padding; 4];
                let take = tuple.min(layout.cols - col);
                let at = row * stride + col;
                digits[..take].copy_from_slice(&symbols[at..at + take]);
                let mut index = 0;
                for (i, &symbol) in digits[..tuple].iter().enumerate().rev() {
                    if frequencies.get(usize::from(symbol)).is_none_or(|&f| f == 0) {
                        return Err(CodingError::UncodedSymbol { symbol, index: at + i });
                    }
                    index = index * alphabet + usize::from(symbol);
                }
                match (self.code.lengths[index], self.code.escape) {
                    (0, None) => {
                        return Err(CodingError::UncodedSymbol { symbol: digits[0], index: at });
                    }
                    (0, Some((length, codeword))) => {
                        bits.put(codeword.into(), length.into());
                        digits[..tuple].iter().for_each(|&s| bits.put(s.into(), self.code.raw_bits()));
                    }
                    (length, _) => bits.put(self.code.codewords[index].into(), length.into()),
                }
            }
            lanes.push(bits.finish());
        }
        Ok(with_header(&lanes))
    }
}

/// Concatenates the length of the shortest lane in bytes (`u32`), the width in bits of an excess (`u8`), each
/// lane's excess over the shortest at that width, and the lanes.
fn with_header(lanes: &[Vec<u8>]) -> Vec<u8> {
    let least = lanes.iter().map(Vec::len).min().unwrap_or(0);
    let most = lanes.iter().map(Vec::len).max().unwrap_or(0);
    let width = usize::BITS - (most - least).leading_zeros();
    let mut excess = BitWriter::default();
    lanes.iter().for_each(|lane| excess.put((lane.len() - least) as u32, width));
    let mut bytes = (least as u32).to_le_bytes().to_vec();
    bytes.push(width as u8);
    bytes.extend(excess.finish());
    lanes.iter().for_each(|lane| bytes.extend(lane));
    bytes
}
