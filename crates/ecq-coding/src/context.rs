//! rANS with a table selected for every symbol. Streams are smaller than with one table per tile, and decode
//! one symbol at a time.
//!
//! States, words and slots are those of [`rans`](crate::rans), in row order only. The caller selects tables
//! by any function of a symbol's place and of the symbols before it in its row.

use crate::alias::Slots;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::rans::{LOWER, Words};
use crate::table::FrequencyTable;

/// A coder with several tables.
#[derive(Debug, Clone)]
pub struct ContextCoder {
    slots: Vec<Slots>,
}

impl ContextCoder {
    /// Prepares the slots of each table.
    pub fn new(tables: &[FrequencyTable]) -> Self {
        Self { slots: tables.iter().map(Slots::new).collect() }
    }

    /// Encodes a tile of rows of `layout`: symbol `i` (row-major, without gaps) with table `tables[i]`.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when the layout is not in row order or the lengths do not fit it;
    /// [`CodingError::UncodedSymbol`] when a table does not exist or has no slot for its symbol.
    pub fn encode(&self, symbols: &[u8], tables: &[u16], layout: Layout) -> Result<Vec<u8>> {
        check_order(layout)?;
        layout.check_rows(symbols.len().min(tables.len()), layout.cols)?;
        let mut states = vec![LOWER; layout.lanes_used()];
        let mut words: Vec<u16> = Vec::with_capacity(symbols.len() / 3);
        let mut base = layout.rows.next_multiple_of(layout.lanes);
        for run in layout.runs().rev() {
            base -= layout.lanes;
            for col in (0..layout.cols).rev() {
                for lane in (0..run.active).rev() {
                    let index = (base + lane) * layout.cols + col;
                    let uncoded = CodingError::UncodedSymbol { symbol: symbols[index], index };
                    let slots = self.slots.get(usize::from(tables[index])).ok_or(uncoded.clone())?;
                    let x = &mut states[lane];
                    let frequency = slots.frequency(symbols[index]).ok_or(uncoded)?;
                    if *x >> (32 - slots.precision) >= frequency {
                        words.push(*x as u16);
                        *x >>= 16;
                    }
                    let slot = slots.slot(symbols[index], *x % frequency);
                    *x = ((*x / frequency) << slots.precision) + slot;
                }
            }
        }
        let mut bytes = Vec::with_capacity(4 * states.len() + 2 * words.len());
        states.iter().for_each(|state| bytes.extend(state.to_le_bytes()));
        words.iter().rev().for_each(|word| bytes.extend(word.to_le_bytes()));
        Ok(bytes)
    }

    /// Decodes a tile to `out` (row-major, without gaps). `table(row, col, row_so_far)` returns the number of
    /// each symbol's table, given the symbols before it in its row.
    ///
    /// # Errors
    /// As [`rans::Decoder::decode`](crate::rans::Decoder::decode), and [`CodingError::Parameter`] when a
    /// table does not exist.
    pub fn decode(
        &self,
        stream: &[u8],
        layout: Layout,
        out: &mut [u8],
        mut table: impl FnMut(usize, usize, &[u8]) -> usize,
    ) -> Result<()> {
        check_order(layout)?;
        layout.check_rows(out.len(), layout.cols)?;
        let (mut states, mut words) = Words::split(stream, layout.lanes_used())?;
        let mut base = 0;
        for run in layout.runs() {
            for col in 0..layout.cols {
                for (lane, state) in states[..run.active].iter_mut().enumerate() {
                    let row = &mut out[(base + lane) * layout.cols..][..layout.cols];
                    let id = table(base + lane, col, &row[..col]);
                    let Some(slots) = self.slots.get(id) else {
                        return Err(CodingError::Parameter {
                            what: "table number of a symbol",
                            found: id as u64,
                            expected: "below the number of tables",
                        });
                    };
                    row[col] = slots.pop(state, &mut words)?;
                }
            }
            base += layout.lanes;
        }
        words.finish(&states[..layout.lanes_used()])
    }
}

fn check_order(layout: Layout) -> Result<()> {
    match layout.order {
        Order::Rows => Ok(()),
        Order::Interleaved => {
            Err(CodingError::Parameter { what: "order", found: 1, expected: "rows: contexts need row order" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Counts;

    #[test]
    fn symbols_round_trip_by_their_own_tables() {
        let (rows, cols) = (37, 50);
        let symbols: Vec<u8> =
            (0..rows * cols).map(|i| ((i * i) % 7 + if i % 3 == 0 { 8 } else { 0 }) as u8).collect();
        // A table for what follows a small symbol and one for what follows a large one.
        let id = |row: &[u8]| usize::from(row.last().is_some_and(|&s| s >= 8));
        let ids: Vec<u16> =
            symbols.chunks(cols).flat_map(|row| (0..cols).map(|col| id(&row[..col]) as u16)).collect();
        let tables = [0, 1].map(|which| {
            let mut counts = Counts::default();
            symbols.iter().zip(&ids).filter(|&(_, &i)| i == which).for_each(|(&s, _)| counts.push(s));
            FrequencyTable::new(&counts, 16, 12).unwrap()
        });
        let coder = ContextCoder::new(&tables);
        for lanes in [1, 8, 32, 64] {
            let layout = Layout::new(rows, cols, lanes, Order::Rows).unwrap();
            let bytes = coder.encode(&symbols, &ids, layout).unwrap();
            let mut out = vec![0; symbols.len()];
            coder.decode(&bytes, layout, &mut out, |_, _, row| id(row)).unwrap();
            assert_eq!(out, symbols);
            for len in 0..bytes.len() {
                assert!(coder.decode(&bytes[..len], layout, &mut out, |_, _, row| id(row)).is_err());
            }
            assert!(matches!(
                coder.decode(&bytes, layout, &mut out, |_, _, _| 2),
                Err(CodingError::Parameter { .. })
            ));
        }
        let layout = Layout::new(rows, cols, 32, Order::Interleaved).unwrap();
        assert!(matches!(coder.encode(&symbols, &ids, layout), Err(CodingError::Parameter { .. })));
    }
}
