//! Assigns the `2^precision` slots of a frequency table to symbols by the alias method.
//!
//! Cumulative frequencies put a symbol's slots side by side, so that finding a slot's symbol takes a search
//! or a table of all slots. The alias method (Walker, Vose) cuts the slots into as many equal buckets as
//! there are symbols and gives each bucket to at most two symbols: one lookup of the bucket and one
//! comparison find the symbol, and the tables of a 16-symbol alphabet fit in three 512-bit registers. For its
//! use with rANS see F. Giesen, "rANS with static probability distributions" (2014).

use crate::table::FrequencyTable;

/// The slots of one frequency table, in buckets.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    pub(crate) precision: u32,
    /// log2 of slots per bucket.
    pub(crate) bucket_bits: u32,
    /// The first slot of each bucket that belongs to the bucket's alias.
    pub(crate) dividers: Vec<u32>,
    /// Entries of the buckets' own symbols, then those of their aliases.
    pub(crate) entries: Vec<Entry>,
}

/// The decoder's entry of a slot: the slot is rank `(slot + bias) mod 2^precision` of `symbol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) frequency: u16,
    pub(crate) bias: u16,
    pub(crate) symbol: u8,
}

/// What a slot of a table stands for: a rank of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The symbol.
    pub symbol: u8,
    /// The symbol's number of slots.
    pub frequency: u16,
    /// The slot's number among those of the symbol.
    pub rank: u16,
}

impl FrequencyTable {
    /// Returns what each of the `2^precision` slots stands for, for decoders on other devices.
    pub fn slots(&self) -> Vec<Slot> {
        let slots = Slots::new(self);
        let mask = (1u32 << slots.precision) - 1;
        let slot = |slot: u32| {
            let Entry { frequency, bias, symbol } = slots.entry(slot);
            Slot { symbol, frequency, rank: ((slot + u32::from(bias)) & mask) as u16 }
        };
        (0..1u32 << slots.precision).map(slot).collect()
    }
}

impl Entry {
    /// Returns `frequency << 20 | symbol << 12 | bias`; for tables of at most 12 bits of precision.
    pub(crate) fn packed(self) -> u32 {
        u32::from(self.frequency) << 20 | u32::from(self.symbol) << 12 | u32::from(self.bias)
    }
}

impl Slots {
    /// Assigns the slots. The rule is part of the format (`docs/format.md`).
    pub(crate) fn new(table: &FrequencyTable) -> Self {
        let precision = u32::from(table.precision());
        let mask = (1u32 << precision) - 1;
        let buckets = table.alphabet().next_power_of_two();
        let bucket_bits = precision - buckets.trailing_zeros();
        let width = 1u32 << bucket_bits;
        let frequency = |s: usize| table.frequencies().get(s).map_or(0, |&f| u32::from(f));

        // A bucket that its symbol cannot fill takes the rest from a symbol with too many slots.
        let mut own: Vec<u32> = (0..buckets).map(frequency).collect();
        let mut alias: Vec<usize> = (0..buckets).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..buckets).partition(|&b| own[b] < width);
        while let (Some(bucket), Some(&donor)) = (small.pop(), large.last()) {
            alias[bucket] = donor;
            own[donor] -= width - own[bucket];
            if own[donor] < width {
                large.pop();
                small.push(donor);
            }
        }
        for bucket in large {
            own[bucket] = width;
        }

        // Ranks: a symbol's own bucket first, then the buckets in which it is the alias, ascending.
        let mut next_rank = own.clone();
        let mut dividers = vec![0; buckets];
        let mut entries = vec![Entry { frequency: 0, bias: 0, symbol: 0 }; 2 * buckets];
        for bucket in 0..buckets {
            let first = (bucket as u32) << bucket_bits;
            dividers[bucket] = first + own[bucket];
            let donor = alias[bucket];
            for (at, symbol, rank, slot) in
                [(bucket, bucket, 0, first), (buckets + bucket, donor, next_rank[donor], dividers[bucket])]
            {
                entries[at] = Entry {
                    frequency: frequency(symbol) as u16,
                    bias: (rank.wrapping_sub(slot) & mask) as u16,
                    symbol: symbol as u8,
                };
            }
            next_rank[donor] += width - own[bucket];
        }
        Self { precision, bucket_bits, dividers, entries }
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.dividers[..]) + size_of_val(&self.entries[..])
    }

    /// Returns the entry of a slot.
    #[inline(always)]
    pub(crate) fn entry(&self, slot: u32) -> Entry {
        let bucket = (slot >> self.bucket_bits) as usize;
        let aliased = usize::from(slot >= self.dividers[bucket]);
        self.entries[bucket + aliased * self.dividers.len()]
    }

    /// Returns the number of slots of a symbol; `None` if it has none.
    #[inline(always)]
    pub(crate) fn frequency(&self, symbol: u8) -> Option<u32> {
        // The own entry of a bucket carries the symbol's whole frequency.
        let entry = self.entries[..self.dividers.len()].get(usize::from(symbol))?;
        (entry.frequency > 0).then_some(entry.frequency.into())
    }

    /// Returns the slot of one rank of one symbol, by a search through the buckets in which it is the alias.
    pub(crate) fn slot(&self, symbol: u8, rank: u32) -> u32 {
        let mask = (1u32 << self.precision) - 1;
        let (own, aliases) = self.entries.split_at(self.dividers.len());
        let slot = |entry: &Entry| rank.wrapping_sub(entry.bias.into()) & mask;
        let in_own = slot(&own[usize::from(symbol)]);
        let first = u32::from(symbol) << self.bucket_bits;
        if (first..self.dividers[usize::from(symbol)]).contains(&in_own) {
            return in_own;
        }
        let mut shared = (0..aliases.len()).filter(|&bucket| aliases[bucket].symbol == symbol);
        let found = shared.find(|&bucket| {
            let end = (bucket as u32 + 1) << self.bucket_bits;
            (self.dividers[bucket]..end).contains(&slot(&aliases[bucket]))
        });
        found.map_or(in_own, |bucket| slot(&aliases[bucket]))
    }

    /// Returns `(first, slots)` such that `slots[first[symbol] + rank]` is the slot of a rank of a symbol.
    pub(crate) fn by_rank(&self, table: &FrequencyTable) -> (Vec<u32>, Vec<u16>) {
        let mut first = vec![0u32; table.alphabet() + 1];
        for (symbol, &f) in table.frequencies().iter().enumerate() {
            first[symbol + 1] = first[symbol] + u32::from(f);
        }
        let mask = (1u32 << self.precision) - 1;
        let mut slots = vec![0u16; 1 << self.precision];
        for slot in 0..1u32 << self.precision {
            let entry = self.entry(slot);
            let rank = (slot + u32::from(entry.bias)) & mask;
            slots[(first[usize::from(entry.symbol)] + rank) as usize] = slot as u16;
        }
        (first, slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Counts;

    #[test]
    fn every_slot_is_one_rank_of_one_symbol() {
        for alphabet in [2usize, 3, 16, 17, 31, 64, 100, 256] {
            for precision in 8..=14u8 {
                let symbols: Vec<u8> = (0..5000).map(|i| ((i * i) % alphabet) as u8).collect();
                let table = FrequencyTable::new(&Counts::of(&symbols), alphabet as u16, precision).unwrap();
                let slots = Slots::new(&table);
                let mut seen: Vec<Vec<bool>> =
                    table.frequencies().iter().map(|&f| vec![false; f.into()]).collect();
                for slot in 0..1u32 << precision {
                    let entry = slots.entry(slot);
                    let rank = (slot + u32::from(entry.bias)) & ((1 << precision) - 1);
                    assert_eq!(entry.frequency, table.frequencies()[usize::from(entry.symbol)]);
                    let seen = &mut seen[usize::from(entry.symbol)][rank as usize];
                    assert_eq!(slots.slot(entry.symbol, rank), slot);
                    assert_eq!(slots.frequency(entry.symbol), Some(entry.frequency.into()));
                    assert!(!*seen, "alphabet {alphabet} precision {precision} slot {slot}");
                    *seen = true;
                }
            }
        }
    }
}
