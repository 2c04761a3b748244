//! Block types that are integer codes on an affine grid, taken apart and put together again, bit for bit.

use super::Result;
use super::error::GgufError;
use super::types::GgmlType;
use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec};
use rayon::prelude::*;

/// Weights of a block of every type here.
const BLOCK: usize = 32;

/// How a block lies in memory: `scale`, maybe `bias`, maybe 32 fifth bits, then the codes.
struct Shape {
    bits: u8,
    /// The code that means zero, for types without a bias.
    zero: Option<u8>,
}

impl Shape {
    fn of(ty: GgmlType) -> Option<Self> {
        let (bits, zero) = match ty {
            GgmlType::Q4_0 => (4, Some(8)),
            GgmlType::Q4_1 => (4, None),
            GgmlType::Q5_0 => (5, Some(16)),
            GgmlType::Q5_1 => (5, None),
            GgmlType::Q8_0 => (8, Some(128)),
            _ => return None,
        };
        Some(Self { bits, zero })
    }

    /// Bytes before the codes: scale and bias.
    fn head(&self) -> usize {
        if self.zero.is_some() { 2 } else { 4 }
    }
}

/// The type of codes on this grid, if GGUF has one.
pub fn type_of_grid(grid: &AffineGroups) -> Option<GgmlType> {
    let half = grid.scales.dtype() == FloatType::F16 && grid.group_size == BLOCK;
    let zero = match &grid.biases {
        Biases::Zero(zero) => Some(*zero),
        Biases::PerGroup(biases) if biases.dtype() == FloatType::F16 => None,
        Biases::PerGroup(_) => return None,
    };
    let types = [GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0];
    types.into_iter().find(|&ty| {
        half && Shape::of(ty).is_some_and(|shape| shape.bits == grid.bits && shape.zero == zero)
    })
}

/// Codes (in column order) and grid of `rows x cols` weights of type `ty`; the exact inverse of [`join`].
///
/// # Errors
/// When the type is no code on an affine grid, or `bytes` has not the length of the shape.
pub fn split(ty: GgmlType, rows: usize, cols: usize, bytes: &[u8]) -> Result<(Codes, AffineGroups)> {
    let shape = shape(ty)?;
    let blocks = rows * cols / BLOCK;
    check(bytes.len(), blocks * ty.block_bytes(), "bytes of a tensor")?;
    let mut symbols = vec![0u8; blocks * BLOCK];
    symbols
        .par_chunks_mut(BLOCK * 1024)
        .zip(bytes.par_chunks(ty.block_bytes() * 1024))
        .for_each(|(out, blocks)| {
            for (out, block) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(blocks.chunks_exact(ty.block_bytes())) {
                split_block(&shape, &block[shape.head()..], out);
            }
        });
    let halves = |at: usize| {
        let bytes = bytes.chunks_exact(ty.block_bytes()).flat_map(|block| [block[at], block[at + 1]]);
        FloatVec::new(FloatType::F16, bytes.collect())
    };
    let core = |_| GgufError::Unsupported { found: ty.name(), why: "does not fit its shape" };
    let biases = match shape.zero {
        Some(zero) => Biases::Zero(zero),
        None => Biases::PerGroup(halves(2).map_err(core)?),
    };
    let codes = Codes::new(rows, cols, 1 << shape.bits, symbols).map_err(core)?;
    Ok((codes, AffineGroups { bits: shape.bits, group_size: BLOCK, scales: halves(0).map_err(core)?, biases }))
}

#[inline(always)]
fn split_block(shape: &Shape, codes: &[u8], out: &mut [u8; BLOCK]) {
    let nibbles = |codes: &[u8], out: &mut [u8; BLOCK]| {
        for i in 0..16 {
            out[i] = codes[i] & 15;
            out[i + 16] = codes[i] >> 4;
        }
    };
    match shape.bits {
        4 => nibbles(&codes[..16], out),
        5 => {
            nibbles(&codes[4..20], out);
            let fifth = u32::from_le_bytes([codes[0], codes[1], codes[2], codes[3]]);
            for (i, q) in out.iter_mut().enumerate() {
                *q |= ((fifth >> i & 1) as u8) << 4;
            }
        }
        // Signed bytes: flipping the top bit adds 128.
        _ => out.iter_mut().zip(codes).for_each(|(q, c)| *q = c ^ 0x80),
    }
}

/// The bytes of codes on a grid, as type `ty` stores them; the exact inverse of [`split`].
///
/// # Errors
/// When the type is no code on an affine grid, or codes and grid are not of that type.
pub fn join(ty: GgmlType, codes: &Codes, grid: &AffineGroups) -> Result<Vec<u8>> {
    let shape = shape(ty)?;
    if type_of_grid(grid) != Some(ty) || codes.alphabet() > 1 << shape.bits {
        return Err(GgufError::Unsupported { found: ty.name(), why: "is not the type of this grid" });
    }
    let blocks = codes.symbols().len() / BLOCK;
    check(grid.scales.len(), blocks, "scales of a tensor")?;
    let mut bytes = vec![0u8; blocks * ty.block_bytes()];
    bytes
        .par_chunks_mut(ty.block_bytes() * 1024)
        .zip(codes.symbols().par_chunks(BLOCK * 1024))
        .for_each(|(out, symbols)| {
            for (out, block) in out.chunks_exact_mut(ty.block_bytes()).zip(symbols.as_chunks::<BLOCK>().0) {
                join_block(&shape, block, &mut out[shape.head()..]);
            }
        });
    let mut put = |at: usize, floats: &FloatVec| {
        let halves = floats.as_bytes().as_chunks::<2>().0;
        for (out, half) in bytes.chunks_exact_mut(ty.block_bytes()).zip(halves) {
            out[at..at + 2].copy_from_slice(half);
        }
    };
    put(0, &grid.scales);
    if let Biases::PerGroup(biases) = &grid.biases {
        check(biases.len(), blocks, "biases of a tensor")?;
        put(2, biases);
    }
    Ok(bytes)
}

#[inline(always)]
fn join_block(shape: &Shape, q: &[u8; BLOCK], out: &mut [u8]) {
    let nibbles = |out: &mut [u8]| {
        for i in 0..16 {
            out[i] = (q[i] & 15) | q[i + 16] << 4;
        }
    };
    match shape.bits {
        4 => nibbles(&mut out[..16]),
        5 => {
            nibbles(&mut out[4..20]);
            let fifth = q.iter().enumerate().fold(0u32, |all, (i, q)| all | u32::from(q >> 4 & 1) << i);
            out[..4].copy_from_slice(&fifth.to_le_bytes());
        }
        _ => out.iter_mut().zip(q).for_each(|(out, q)| *out = q ^ 0x80),
    }
}

fn shape(ty: GgmlType) -> Result<Shape> {
    Shape::of(ty).ok_or(GgufError::Unsupported { found: ty.name(), why: "is no integer code on an affine grid" })
}

fn check(found: usize, expected: usize, what: &'static str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(GgufError::Length { what, found: found as u64, expected: expected as u64 })
}
