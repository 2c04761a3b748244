//! Memory of buffers.

use super::lock::write;
use crate::error::{Result, RuntimeError};
use bytemuck::{NoUninit, Zeroable};
use ecq_core::Element;
use ecq_kernels::cpu::AlignedVec;
use half::{bf16, f16};
use std::sync::RwLock;

/// The elements of a buffer, behind a lock because several programs may use the buffer.
pub(super) enum Data {
    F32(RwLock<AlignedVec<f32>>),
    F16(RwLock<AlignedVec<f16>>),
    Bf16(RwLock<AlignedVec<bf16>>),
    I8(RwLock<AlignedVec<i8>>),
    U32(RwLock<AlignedVec<u32>>),
}

impl Data {
    /// Allocates zeros. The system maps pages at their first use, so unused parts take no memory.
    pub(super) fn zeros(element: Element, len: usize) -> Result<Self> {
        fn zeros<T: Zeroable + NoUninit>(len: usize) -> Result<RwLock<AlignedVec<T>>> {
            let elements = AlignedVec::zeroed(len);
            let elements = elements.map_err(|error| RuntimeError::OutOfMemory { bytes: error.bytes })?;
            Ok(RwLock::new(elements))
        }
        Ok(match element {
            Element::F32 => Self::F32(zeros(len)?),
            Element::F16 => Self::F16(zeros(len)?),
            Element::Bf16 => Self::Bf16(zeros(len)?),
            Element::I8 => Self::I8(zeros(len)?),
            Element::U32 => Self::U32(zeros(len)?),
        })
    }

    /// Calls `f` with the bytes `at..at + len`; returns `None` if they are outside the buffer.
    pub(super) fn with_bytes<T>(&self, at: usize, len: usize, f: impl FnOnce(&mut [u8]) -> T) -> Option<T> {
        fn part(bytes: &mut [u8], at: usize, len: usize) -> Option<&mut [u8]> {
            bytes.get_mut(at..at.checked_add(len)?)
        }
        match self {
            Self::F32(data) => part(bytemuck::cast_slice_mut(&mut write(data)[..]), at, len).map(f),
            Self::F16(data) => part(bytemuck::cast_slice_mut(&mut write(data)[..]), at, len).map(f),
            Self::Bf16(data) => part(bytemuck::cast_slice_mut(&mut write(data)[..]), at, len).map(f),
            Self::I8(data) => part(bytemuck::cast_slice_mut(&mut write(data)[..]), at, len).map(f),
            Self::U32(data) => part(bytemuck::cast_slice_mut(&mut write(data)[..]), at, len).map(f),
        }
    }

    pub(super) fn f32s(&self) -> Result<&RwLock<AlignedVec<f32>>> {
        if let Self::F32(data) = self { Ok(data) } else { Err(other_type()) }
    }

    pub(super) fn bf16s(&self) -> Result<&RwLock<AlignedVec<bf16>>> {
        if let Self::Bf16(data) = self { Ok(data) } else { Err(other_type()) }
    }

    pub(super) fn u32s(&self) -> Result<&RwLock<AlignedVec<u32>>> {
        if let Self::U32(data) = self { Ok(data) } else { Err(other_type()) }
    }

    /// Copies elements within the buffer.
    pub(super) fn copy_within(&self, from: usize, to: usize, len: usize) {
        match self {
            Self::F32(data) => write(data).copy_within(from..from + len, to),
            Self::F16(data) => write(data).copy_within(from..from + len, to),
            Self::Bf16(data) => write(data).copy_within(from..from + len, to),
            Self::I8(data) => write(data).copy_within(from..from + len, to),
            Self::U32(data) => write(data).copy_within(from..from + len, to),
        }
    }
}

/// Error for a type mismatch, which the check of programs rules out.
pub(super) fn other_type() -> RuntimeError {
    RuntimeError::Binding("a buffer of another element type than the program was checked with".to_owned())
}
