use super::LOWER;
use crate::alias::Slots;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::table::FrequencyTable;

/// Encodes tiles with one frequency table.
///
/// ```
/// use ecq_coding::{Counts, FrequencyTable, Layout, Order, rans};
///
/// let symbols: Vec<u8> = (0..64 * 100u32).map(|i| (i * i % 7) as u8).collect();
/// let table = FrequencyTable::new(&Counts::of(&symbols), 8, FrequencyTable::PRECISION)?;
/// let layout = Layout::new(64, 100, 32, Order::Rows)?;
/// let bytes = rans::Encoder::new(&table).encode(&symbols, 100, layout)?;
///
/// let mut back = vec![0; symbols.len()];
/// rans::Decoder::new(&table).decode(&bytes, layout, &mut back, 100)?;
/// assert_eq!(back, symbols);
/// # Ok::<(), ecq_coding::CodingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encoder {
    precision: u32,
    frequencies: Vec<u16>,
    first: Vec<u32>,
    slots: Vec<u16>,
}

impl Encoder {
    /// Prepares the slot of every rank of every symbol.
    pub fn new(table: &FrequencyTable) -> Self {
        let (first, slots) = Slots::new(table).by_rank(table);
        Self { precision: table.precision().into(), frequencies: table.frequencies().to_vec(), first, slots }
    }

    /// The stream of the tile whose row `r` is `symbols[r * stride..][..cols]`.
    ///
    /// # Errors
    /// When a symbol has no slot in the table, or `symbols` is too short for the layout.
    pub fn encode(&self, symbols: &[u8], stride: usize, layout: Layout) -> Result<Vec<u8>> {
        layout.check_rows(symbols.len(), stride)?;
        let mut states = vec![LOWER; layout.lanes_used()];
        let mut words: Vec<u16> = Vec::with_capacity(layout.symbols() / 3);
        // rANS is a stack: encode in the reverse of the decoding order, then reverse the words.
        let mut end = layout.symbols();
        let mut group = layout.rows.div_ceil(layout.lanes);
        for run in layout.runs().rev() {
            group = group.saturating_sub(1);
            for step in (0..run.steps).rev() {
                for lane in (0..run.active).rev() {
                    let index = match layout.order {
                        Order::Rows => (group * layout.lanes + lane) * stride + step,
                        Order::Interleaved => {
                            end -= 1;
                            (end / layout.cols) * stride + end % layout.cols
                        }
                    };
                    self.push(&mut states[lane], symbols[index], &mut words)
                        .ok_or(CodingError::UncodedSymbol { symbol: symbols[index], index })?;
                }
            }
        }
        let mut bytes = Vec::with_capacity(4 * states.len() + 2 * words.len());
        states.iter().for_each(|state| bytes.extend(state.to_le_bytes()));
        words.iter().rev().for_each(|word| bytes.extend(word.to_le_bytes()));
        Ok(bytes)
    }

    #[inline(always)]
    fn push(&self, state: &mut u32, symbol: u8, words: &mut Vec<u16>) -> Option<()> {
        let frequency = u32::from(*self.frequencies.get(usize::from(symbol))?);
        if frequency == 0 {
            return None;
        }
        let mut x = *state;
        if x >> (32 - self.precision) >= frequency {
            words.push(x as u16);
            x >>= 16;
        }
        let rank = x % frequency;
        let slot = self.slots[(self.first[usize::from(symbol)] + rank) as usize];
        *state = ((x / frequency) << self.precision) + u32::from(slot);
        Some(())
    }
}
