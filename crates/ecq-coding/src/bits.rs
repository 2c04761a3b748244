//! Bit strings of serialized tables: least significant bit first, with exponential Golomb numbers.

use crate::error::{CodingError, Result};

/// Appends bits, least significant first.
#[derive(Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl BitWriter {
    /// Appends the low `bits` (at most 32) of `value`.
    pub(crate) fn put(&mut self, value: u32, bits: u32) {
        debug_assert!(bits == 32 || u64::from(value) < 1 << bits);
        self.buffer |= u64::from(value) << self.filled;
        self.filled += bits;
        while self.filled >= 8 {
            self.bytes.push(self.buffer as u8);
            self.buffer >>= 8;
            self.filled -= 8;
        }
    }

    /// Appends `value` as an exponential Golomb number of order `k`.
    pub(crate) fn put_golomb(&mut self, value: u32, k: u32) {
        let scaled = (u64::from(value) >> k) + 1;
        let width = 63 - scaled.leading_zeros();
        self.put(0, width);
        self.put(1, 1);
        self.put((scaled - (1 << width)) as u32, width);
        self.put(value & ((1u32 << k) - 1), k);
    }

    /// Returns the bytes, the last one padded with zero bits.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push(self.buffer as u8);
        }
        self.bytes
    }
}

/// Returns the number of bits that [`BitWriter::put_golomb`] appends.
pub(crate) fn golomb_bits(value: u32, k: u32) -> u32 {
    let scaled = (u64::from(value) >> k) + 1;
    2 * (63 - scaled.leading_zeros()) + 1 + k
}

/// Reads bits that a [`BitWriter`] wrote.
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at_bit: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at_bit: 0 }
    }

    pub(crate) fn get(&mut self, bits: u32) -> Result<u32> {
        let mut value = 0u32;
        for i in 0..bits {
            let byte = self.bytes.get(self.at_bit / 8).ok_or(CodingError::Truncated {
                what: "table",
                at: self.bytes.len(),
                needed: 1,
            })?;
            value |= u32::from(byte >> (self.at_bit % 8) & 1) << i;
            self.at_bit += 1;
        }
        Ok(value)
    }

    pub(crate) fn get_golomb(&mut self, k: u32) -> Result<u32> {
        let mut width = 0;
        while self.get(1)? == 0 {
            width += 1;
            if width > 24 {
                return Err(CodingError::InvalidBytes {
                    at: self.at_bit / 8,
                    reason: "a number is too large",
                });
            }
        }
        let scaled = (1u32 << width) + self.get(width)?;
        Ok((scaled - 1) << k | self.get(k)?)
    }

    /// Returns the bytes read so far, the last one perhaps in part.
    pub(crate) fn bytes_read(&self) -> usize {
        self.at_bit.div_ceil(8)
    }
}
