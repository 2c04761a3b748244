//! Byte strings of fixed-size elements (scales, biases, floats, blocks), coded field by field.
//!
//! The bytes of a float have different distributions: sign and exponent are skewed, low mantissa bits are
//! not. Each field of an element (one or several bytes) gets an order-0 rANS table of its own, or is stored
//! raw where coding gains nothing.

use crate::MAX_SYMBOLS_PER_BYTE;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::rans;
use crate::table::{Counts, FrequencyTable};
use rayon::prelude::*;

/// Symbols of a field in one stream, the unit of parallel work.
const CHUNK: usize = 1 << 20;
/// Most fields of an element.
const MAX_FIELDS: usize = 256;

/// Encodes `bytes`, elements of `fields.iter().sum()` bytes each. Bytes after the last whole element are
/// stored raw.
///
/// ```
/// let halves: Vec<u8> = (0..4000u32).flat_map(|i| (0x2c00 + (i * i % 500) as u16).to_le_bytes()).collect();
/// let coded = ecq_coding::planes::encode(&halves, &[1, 1])?;
/// assert!(coded.len() < halves.len());
/// assert_eq!(ecq_coding::planes::decode(&coded, halves.len())?, halves);
/// # Ok::<(), ecq_coding::CodingError>(())
/// ```
///
/// # Errors
/// [`CodingError::Parameter`] when `fields` is empty, has more than 256 entries, or one of them is zero.
pub fn encode(bytes: &[u8], fields: &[usize]) -> Result<Vec<u8>> {
    check_fields(fields)?;
    let stride: usize = fields.iter().sum();
    let (elements, tail) = bytes.split_at(bytes.len() / stride * stride);
    let mut out = Vec::with_capacity(bytes.len());
    put_varint(&mut out, fields.len());
    fields.iter().for_each(|&width| put_varint(&mut out, width));
    let mut first = 0;
    for &width in fields {
        let field = gather(elements, stride, first, width);
        encode_field(&field, &mut out)?;
        first += width;
    }
    out.extend(tail);
    Ok(out)
}

/// Decodes what [`encode`] wrote to `len` bytes.
///
/// # Errors
/// [`CodingError::Truncated`] or [`CodingError::TrailingBytes`] when `bytes` has another length than the
/// string, and other errors of [`rans`] when it is corrupt.
pub fn decode(bytes: &[u8], len: usize) -> Result<Vec<u8>> {
    let mut input = Input { bytes, at: 0 };
    if len / MAX_SYMBOLS_PER_BYTE > bytes.len() {
        return Err(input.bad("the decoded length is too large for the bytes"));
    }
    let count = input.varint()?;
    if count == 0 || count > MAX_FIELDS {
        return Err(input.bad("the number of fields is not 1 to 256"));
    }
    let fields = (0..count).map(|_| input.varint()).collect::<Result<Vec<_>>>()?;
    let stride = fields.iter().try_fold(0usize, |sum, &width| sum.checked_add(width).filter(|_| width > 0));
    let Some(stride) = stride else {
        return Err(input.bad("a field of an element is empty or too wide"));
    };
    let elements = len / stride;
    let mut out = vec![0; len];
    let mut first = 0;
    for &width in &fields {
        let symbols = elements * width;
        match input.take(1)?[0] {
            0 => scatter(input.take(symbols)?, &mut out, stride, first, width),
            lanes => scatter(&decode_field(&mut input, symbols, lanes)?, &mut out, stride, first, width),
        }
        first += width;
    }
    let tail = elements * stride;
    out[tail..].copy_from_slice(input.take(len - tail)?);
    match bytes.len() - input.at {
        0 => Ok(out),
        left => Err(CodingError::TrailingBytes { what: "byte planes", remaining: left, len: bytes.len() }),
    }
}

fn check_fields(fields: &[usize]) -> Result<()> {
    if fields.is_empty() || fields.len() > MAX_FIELDS || fields.contains(&0) {
        let found = fields.len() as u64;
        return Err(CodingError::Parameter { what: "fields", found, expected: "1 to 256, none empty" });
    }
    Ok(())
}

/// Appends a field: the number of lanes (0: raw bytes follow), then the table, then for each chunk its length
/// and its stream.
fn encode_field(field: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let counts = Counts::of(field);
    // Few symbols do not pay for many start states; long fields decode in whole vectors.
    let lanes: usize = match field.len() {
        ..1024 => 1,
        1024..16384 => 8,
        _ => 32,
    };
    // A coarse table takes fewer bytes, and its streams more.
    let mut tables = Vec::new();
    for precision in [9, 10, 11, 12] {
        let table = FrequencyTable::new(&counts, 256, precision)?;
        let bits = 8.0 * table.to_bytes().len() as f64 + table.cost_bits(&counts);
        tables.push((bits, table));
    }
    let best = tables.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((bits, table)) = best
        && bits / 8.0 + (8 * lanes) as f64 <= field.len() as f64
    {
        let encoder = rans::Encoder::new(&table);
        let streams = field.par_chunks(CHUNK).map(|chunk| {
            encoder.encode(chunk, chunk.len(), Layout::new(1, chunk.len(), lanes, Order::Interleaved)?)
        });
        let streams = streams.collect::<Result<Vec<_>>>()?;
        out.push(lanes as u8);
        out.extend(table.to_bytes());
        for stream in streams {
            put_varint(out, stream.len());
            out.extend(stream);
        }
    } else {
        out.push(0);
        out.extend(field);
    }
    Ok(())
}

fn decode_field(input: &mut Input, symbols: usize, lanes: u8) -> Result<Vec<u8>> {
    let (table, used) = FrequencyTable::from_bytes(&input.bytes[input.at..])?;
    input.at += used;
    if table.alphabet() != 256 {
        return Err(input.bad("the table of a byte field does not have 256 symbols"));
    }
    let decoder = rans::Decoder::new(&table);
    let mut field = vec![0; symbols];
    let mut streams = Vec::new();
    for _ in 0..symbols.div_ceil(CHUNK) {
        let len = input.varint()?;
        streams.push(input.take(len)?);
    }
    field.par_chunks_mut(CHUNK).zip(&streams).try_for_each(|(chunk, stream)| {
        let layout = Layout::new(1, chunk.len(), lanes.into(), Order::Interleaved)?;
        decoder.decode(stream, layout, chunk, chunk.len())
    })?;
    Ok(field)
}

fn gather(elements: &[u8], stride: usize, first: usize, width: usize) -> Vec<u8> {
    elements.chunks_exact(stride).flat_map(|element| &element[first..first + width]).copied().collect()
}

fn scatter(field: &[u8], out: &mut [u8], stride: usize, first: usize, width: usize) {
    for (element, bytes) in out.chunks_exact_mut(stride).zip(field.chunks_exact(width)) {
        element[first..first + width].copy_from_slice(bytes);
    }
}

/// Appends `value` in groups of seven bits, least significant first, bit 7 set where more follow.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let left = self.bytes.len() - self.at;
        if len > left {
            let needed = len - left;
            return Err(CodingError::Truncated { what: "byte planes", at: self.bytes.len(), needed });
        }
        self.at += len;
        Ok(&self.bytes[self.at - len..self.at])
    }

    fn varint(&mut self) -> Result<usize> {
        let mut value = 0usize;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.bad("a varint has more than nine bytes"))
    }

    fn bad(&self, reason: &'static str) -> CodingError {
        CodingError::InvalidBytes { at: self.at, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn halves(n: u32) -> Vec<u8> {
        (0..n).flat_map(|i| (0x2c00 + (i.wrapping_mul(2654435761) >> 23) as u16).to_le_bytes()).collect()
    }

    #[test]
    fn long_strings_are_cut_into_chunks() {
        let bytes = halves(3 * CHUNK as u32 / 2);
        let coded = encode(&bytes, &[1, 1]).unwrap();
        assert!(coded.len() * 10 < bytes.len() * 7, "{} of {}", coded.len(), bytes.len());
        assert_eq!(decode(&coded, bytes.len()).unwrap(), bytes);
    }

    #[test]
    fn steps_of_few_values_take_few_bits() {
        // bfloat16 steps 2^(k/4), k about normal with a deviation of three: 3.6 bits of entropy.
        let mut state = 1u32;
        let mut uniform = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut step = || {
            let k = 3.0 * ((0..12).map(|_| uniform()).sum::<f32>() - 6.0);
            ((2f32.powf(k.round() / 4.0 - 7.0).to_bits() + 0x8000) >> 16) as u16
        };
        for (n, most) in [(576, 5.5), (1536, 5.0), (8192, 4.8)] {
            let steps: Vec<u8> = (0..n).flat_map(|_| step().to_le_bytes()).collect();
            let bits = 8.0 * encode(&steps, &[1, 1]).unwrap().len() as f64 / n as f64;
            println!("{n} steps: {bits:.2} bits each");
            assert!(bits < most, "{bits} bits for each of {n}");
        }
    }

    #[test]
    fn truncation_and_hostile_bytes_are_refused() {
        let bytes = halves(3000);
        let coded = encode(&bytes, &[1, 1]).unwrap();
        for len in 0..coded.len() {
            assert!(decode(&coded[..len], bytes.len()).is_err());
        }
        let mut longer = coded.clone();
        longer.push(0);
        assert!(matches!(decode(&longer, bytes.len()), Err(CodingError::TrailingBytes { remaining: 1, .. })));
        for bad in [&[0u8][..], &[1, 0], &[0xff; 12], &[2, 1, 1, 1, 0xff, 0xff]] {
            assert!(decode(bad, 100).is_err());
        }
        assert!(
            matches!(decode(&coded, usize::MAX), Err(CodingError::InvalidBytes { .. })),
            "a length beyond the bytes is refused before allocation"
        );
        for byte in crate::emulation::cases("bytes flipped", (0..coded.len()).collect(), 8) {
            for bit in 0..8 {
                let mut flipped = coded.clone();
                flipped[byte] ^= 1 << bit;
                let _ = decode(&flipped, bytes.len());
            }
        }
        assert!(matches!(encode(&bytes, &[]), Err(CodingError::Parameter { .. })));
        assert!(matches!(encode(&bytes, &[1, 0]), Err(CodingError::Parameter { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_and_fields_round_trip(
            bytes in prop::collection::vec(0u8..20, 0..5000),
            fields in prop::collection::vec(1usize..5, 1..6),
        ) {
            let coded = encode(&bytes, &fields).unwrap();
            prop_assert!(coded.len() <= bytes.len() + 32);
            prop_assert_eq!(decode(&coded, bytes.len()).unwrap(), bytes);
        }
    }
}
