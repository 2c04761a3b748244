use super::{Classes, LOWER};
use crate::alias::Slots;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::table::FrequencyTable;

/// Encodes tiles with one frequency table, or with tables selected by classes of rows and columns.
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
    tables: Vec<Ranks>,
    classes: Option<Classes>,
}

/// The slots of a table in the order of symbols and ranks.
#[derive(Debug, Clone)]
struct Ranks {
    frequencies: Vec<u16>,
    first: Vec<u32>,
    slots: Vec<u16>,
}

impl Ranks {
    fn new(table: &FrequencyTable) -> Self {
        let (first, slots) = Slots::new(table).by_rank(table);
        Self { frequencies: table.frequencies().to_vec(), first, slots }
    }
}

impl Encoder {
    /// Returns an encoder with one table.
    pub fn new(table: &FrequencyTable) -> Self {
        Self { precision: table.precision().into(), tables: vec![Ranks::new(table)], classes: None }
    }

    /// Returns an encoder that codes each symbol of a matrix with the table of its row's and column's class.
    ///
    /// # Errors
    /// As [`Decoder::with_classes`](super::Decoder::with_classes).
    pub fn with_classes(tables: &[FrequencyTable], classes: Classes) -> Result<Self> {
        classes.check_tables(tables)?;
        let precision = tables[0].precision().into();
        Ok(Self { precision, tables: tables.iter().map(Ranks::new).collect(), classes: Some(classes) })
    }

    /// Encodes the tile whose row `r` is `symbols[r * stride..][..cols]`.
    ///
    /// # Errors
    /// [`CodingError::UncodedSymbol`] when a symbol has no slot in its table; [`CodingError::Parameter`] when
    /// `symbols` is too short for the layout.
    pub fn encode(&self, symbols: &[u8], stride: usize, layout: Layout) -> Result<Vec<u8>> {
        self.encode_at([0, 0], symbols, stride, layout)
    }

    /// As [`encode`](Self::encode), for the tile whose first symbol is at row and column `origin` of the
    /// matrix.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), and [`CodingError::Parameter`] when the tile is not inside the matrix of
    /// the classes.
    pub fn encode_at(
        &self,
        origin: [usize; 2],
        symbols: &[u8],
        stride: usize,
        layout: Layout,
    ) -> Result<Vec<u8>> {
        layout.check_rows(symbols.len(), stride)?;
        if let Some(classes) = &self.classes {
            classes.check_tile(origin, layout)?;
        }
        let branches = self.branches(symbols, stride, layout);
        let mut states = vec![LOWER; layout.lanes_used()];
        let mut words: Vec<u16> = Vec::with_capacity(layout.symbols() / 3);
        // rANS is a stack: symbols are encoded in the reverse of the decoding order, then the words are
        // reversed.
        let mut end = layout.symbols();
        let mut group = layout.rows.div_ceil(layout.lanes);
        for run in layout.runs().rev() {
            group = group.saturating_sub(1);
            for step in (0..run.steps).rev() {
                for lane in (0..run.active).rev() {
                    let (row, col) = match layout.order {
                        Order::Rows => (group * layout.lanes + lane, step),
                        Order::Interleaved => {
                            end -= 1;
                            (end / layout.cols, end % layout.cols)
                        }
                    };
                    let index = row * stride + col;
                    let classes = self.classes.as_ref();
                    let branch = branches.get(row * layout.cols + col).copied().unwrap_or(0);
                    let table =
                        classes.map_or(0, |classes| classes.table(origin[0] + row, origin[1] + col, branch));
                    self.push(&self.tables[table], &mut states[lane], symbols[index], &mut words)
                        .ok_or(CodingError::UncodedSymbol { symbol: symbols[index], index })?;
                }
            }
        }
        let mut bytes = Vec::with_capacity(4 * states.len() + 2 * words.len());
        states.iter().for_each(|state| bytes.extend(state.to_le_bytes()));
        words.iter().rev().for_each(|word| bytes.extend(word.to_le_bytes()));
        Ok(bytes)
    }

    /// Returns the branch bits of a tile, row-major; empty if they select no tables.
    fn branches(&self, symbols: &[u8], stride: usize, layout: Layout) -> Vec<u8> {
        let Some(branches) = self.classes.as_ref().and_then(Classes::branches) else { return Vec::new() };
        let mut bits = vec![0; layout.rows * layout.cols];
        for (row, bits) in bits.chunks_exact_mut(layout.cols).enumerate() {
            branches.of_row(&symbols[row * stride..][..layout.cols], bits);
        }
        bits
    }

    /// Encodes one symbol; returns `None` if it has no slot.
    #[inline(always)]
    fn push(&self, table: &Ranks, state: &mut u32, symbol: u8, words: &mut Vec<u16>) -> Option<()> {
        let frequency = u32::from(*table.frequencies.get(usize::from(symbol))?);
        if frequency == 0 {
            return None;
        }
        let mut x = *state;
        if x >> (32 - self.precision) >= frequency {
            words.push(x as u16);
            x >>= 16;
        }
        let rank = x % frequency;
        let slot = table.slots[(table.first[usize::from(symbol)] + rank) as usize];
        *state = ((x / frequency) << self.precision) + u32::from(slot);
        Some(())
    }
}
