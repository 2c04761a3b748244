//! Launches that are prepared once, for operands anywhere.

use super::Result;
use crate::commands::Launch;
use crate::error::Result as CudaResult;
use crate::gpu::driver_version;
use cudarc::driver::sys::{self, CUstream};
use ecq_core::Element;
use std::ptr;
use std::sync::OnceLock;

/// Where a product finds its operands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) scratch: u64,
    /// Type of `x` and `y`.
    pub(super) element: Element,
}

impl Default for Operands {
    fn default() -> Self {
        Self { x: 0, y: 0, scratch: 0, element: Element::F32 }
    }
}

/// The launches of a product with a number of rows, for each type of activations.
pub(super) struct Plan {
    pub(super) scratch_bytes: usize,
    types: Vec<(Element, Vec<Prepared>)>,
}

/// A launch with operands at address 0.
struct Prepared {
    launch: Launch,
    /// Words of the parameter that are addresses in an operand, with its index.
    addresses: Vec<(usize, usize)>,
}

/// What an operand is moved by to find the addresses in it.
const MOVED: u64 = 1 << 40;

impl Plan {
    /// Prepares the launches of a product. Words of parameters that change with the address of an operand
    /// are addresses in it.
    ///
    /// # Errors
    /// Those of `launches`.
    pub(super) fn new(
        types: impl Iterator<Item = Element>,
        launches: impl Fn(Operands) -> Result<(Vec<Launch>, usize)>,
    ) -> Result<Self> {
        let mut scratch_bytes = 0;
        let mut prepared = |element: Element| {
            let launches_at = |[x, y, scratch]: [u64; 3]| launches(Operands { x, y, scratch, element });
            let (own, bytes) = launches_at([0; 3])?;
            scratch_bytes = scratch_bytes.max(bytes);
            let mut all: Vec<Prepared> =
                own.into_iter().map(|launch| Prepared { launch, addresses: Vec::new() }).collect();
            for operand in 0..3 {
                let mut addresses = [0; 3];
                addresses[operand] = MOVED;
                let (moved, _) = launches_at(addresses)?;
                for (own, moved) in all.iter_mut().zip(&moved) {
                    let words = own.launch.parameters().iter().zip(moved.parameters()).enumerate();
                    let found = words.filter(|(_, (own, moved))| own != moved);
                    own.addresses.extend(found.map(|(word, _)| (word, operand)));
                }
            }
            Ok((element, all))
        };
        let types = types.map(&mut prepared).collect::<Result<_>>()?;
        Ok(Self { scratch_bytes, types })
    }

    /// Enqueues the product with activations of a type that is prepared.
    ///
    /// # Safety
    /// The stream must be one of the GPU, and operands must have the lengths of the product and exist until
    /// it is complete.
    pub(super) unsafe fn run(&self, stream: CUstream, operands: Operands) -> CudaResult<()> {
        let Operands { x, y, scratch, element } = operands;
        let own = self.types.iter().find(|(own, _)| *own == element);
        // SAFETY: the caller's conditions.
        let mut early = unsafe { follows_one_kernel(stream) };
        for Prepared { launch, addresses } in own.iter().flat_map(|(_, all)| all) {
            let mut parameters = launch.parameters().to_vec();
            for &(word, operand) in addresses {
                parameters[word] += [x, y, scratch][operand];
            }
            // SAFETY: the caller's conditions; the parameter is that of the launch with these operands.
            unsafe { launch.run_with(stream, &parameters, early)? };
            early = true;
        }
        Ok(())
    }
}

/// Enqueues launches.
///
/// # Safety
/// As [`Plan::run`].
pub(super) unsafe fn run(launches: &[Launch], stream: CUstream) -> CudaResult<()> {
    // SAFETY: the caller's conditions.
    let mut early = unsafe { follows_one_kernel(stream) };
    for launch in launches {
        // SAFETY: the caller's conditions.
        unsafe { launch.run_with(stream, launch.parameters(), early)? };
        early = true;
    }
    Ok(())
}

/// Returns whether what is enqueued next follows one kernel and nothing else, so that it may be launched
/// before that kernel is done. Of streams that are not captured this is not known; there the host's time
/// counts.
///
/// # Safety
/// The stream must be one of the current context.
unsafe fn follows_one_kernel(stream: CUstream) -> bool {
    // Older drivers do not have the function.
    static KNOWN: OnceLock<bool> = OnceLock::new();
    if !*KNOWN.get_or_init(|| driver_version().is_ok_and(|version| version >= 12_030)) {
        return false;
    }
    let mut status = sys::CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE;
    let (mut nodes, mut count) = (ptr::null(), 0);
    // SAFETY: pointers are valid or may be null. Edges that cannot be told without their data are an error.
    let result = unsafe {
        sys::cuStreamGetCaptureInfo_v3(
            stream,
            &raw mut status,
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut nodes,
            ptr::null_mut(),
            &raw mut count,
        )
    };
    let active = status == sys::CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_ACTIVE;
    if result.result().is_err() || !active || count != 1 || nodes.is_null() {
        return false;
    }
    let mut kind = sys::CUgraphNodeType::CU_GRAPH_NODE_TYPE_EMPTY;
    // SAFETY: there is one node, which exists while the stream is captured; the pointer is valid.
    let result = unsafe { sys::cuGraphNodeGetType(*nodes, &raw mut kind) };
    result.result().is_ok() && kind == sys::CUgraphNodeType::CU_GRAPH_NODE_TYPE_KERNEL
}

/// Returns the stream of a number, as other libraries pass it.
pub(super) fn stream_of(number: u64) -> CUstream {
    ptr::with_exposed_provenance_mut::<()>(number as usize).cast()
}
