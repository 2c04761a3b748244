//! The work of a kernel for one matrix, and launches that do the work of several.

use super::parameters::{JOBS, JobHead};
use crate::commands::Launch;
use crate::compiler::Program;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::layout::{TILE_ROWS, UNIT_COLUMNS};
use crate::module::{Grid, Modules, words_of};
use bytemuck::NoUninit;

/// The work of one kernel for one matrix.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    program: Program,
    kernel: &'static str,
    /// Warps of work.
    warps: usize,
    shared: SharedBytes,
    /// The stage that packs elements to units itself, without `BITS`, if there is one.
    packing: Option<Box<Stage>>,
    /// The parameters of the job behind its head.
    job: Vec<u64>,
}

/// Bytes that a warp holds of two tiles before it packs them.
const STAGED_BYTES: usize = 2 * TILE_ROWS * UNIT_COLUMNS;

/// Dynamic shared memory.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SharedBytes {
    /// Of a block: tables.
    pub(super) block: usize,
    /// Of each warp.
    pub(super) warp: usize,
}

/// Where the elements of a matrix are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// What kernels report if the stream is bad.
    pub(super) weight: u32,
    /// An element per byte.
    pub(super) bytes: u64,
    pub(super) stride: u64,
    /// Packed.
    pub(super) words: u64,
    pub(super) form: PackedForm,
}

/// How elements are packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedForm {
    /// Units of a tile, or of a row: blocks, with those that pad its last chunk.
    pub(super) units: usize,
    /// What is subtracted from elements.
    pub(super) base: u32,
}

/// Shared memory that the driver takes of each block.
const RESERVED_BYTES: usize = 1 << 10;
/// Warps of a multiprocessor for whose registers there is room, about.
const SM_WARPS: usize = 24;
/// Most warps of a block, the launch bound of the kernels.
const BLOCK_WARPS: usize = 16;

impl SharedBytes {
    /// Returns whether tables fit shared memory beside what warps need.
    pub(super) fn fits(self, gpu: &Gpu) -> bool {
        let most = gpu.properties().shared_bytes;
        self.block <= most / 2 && self.of(self.most_warps(gpu)) <= most
    }

    /// Bytes of a block of so many warps.
    fn of(self, warps: usize) -> usize {
        self.block + warps * self.warp
    }

    /// Returns the most warps of a block: of the numbers with which a multiprocessor has the most warps the
    /// least, so that small matrices use all multiprocessors and blocks divide evenly.
    fn most_warps(self, gpu: &Gpu) -> usize {
        let all = gpu.properties().shared_bytes + RESERVED_BYTES;
        let resident = |&warps: &usize| (all / (self.of(warps) + RESERVED_BYTES) * warps).min(SM_WARPS);
        let best = (4..=BLOCK_WARPS).rev().max_by_key(resident).filter(|warps| resident(warps) > 0);
        best.or_else(|| (1..4).rev().find(|warps| resident(warps) > 0)).unwrap_or(1)
    }
}

impl Stage {
    pub(super) fn new<T: NoUninit>(
        program: Program,
        kernel: &'static str,
        warps: usize,
        shared: SharedBytes,
        job: &T,
    ) -> Self {
        Self { program, kernel, warps, shared, packing: None, job: words_of(job) }
    }

    /// Returns the stage of a kernel with the macro `BITS`, which can also pack if `packs` is true.
    pub(super) fn that_packs(self, packs: bool) -> Self {
        let SharedBytes { block, warp } = self.shared;
        let shared = SharedBytes { block, warp: warp + STAGED_BYTES };
        let packing = packs.then(|| Self { shared, ..self.clone() });
        self.with_bits(0).or_packing(packing)
    }

    /// Sets the stage that takes the place of this one and packs elements itself.
    pub(super) fn or_packing(self, packing: Option<Self>) -> Self {
        Self { packing: packing.map(Box::new), ..self }
    }

    /// Returns the stage that packs elements of `bits` bits itself, if there is one.
    pub(super) fn packing(&self, bits: usize) -> Option<Self> {
        Some(Self::clone(self.packing.as_ref()?).with_bits(bits))
    }

    fn with_bits(mut self, bits: usize) -> Self {
        self.program.defines.retain(|(name, _)| *name != "BITS");
        self.program.defines.push(("BITS", bits));
        self
    }

    fn runs_with(&self, other: &Self) -> bool {
        self.program == other.program && self.kernel == other.kernel
    }
}

/// Returns launches of stages that do not depend on each other: those of one kernel together.
pub(super) fn launches(
    gpu: &Gpu,
    modules: &Modules,
    mut stages: Vec<(Stage, Target)>,
    report: u64,
) -> Result<Vec<Launch>> {
    let mut all = Vec::new();
    while let Some((first, _)) = stages.first().cloned() {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for stage in stages {
            if own.len() < JOBS && stage.0.runs_with(&first) { own.push(stage) } else { others.push(stage) }
        }
        stages = others;
        all.push(launch(gpu, modules, &own, report)?);
    }
    Ok(all)
}

/// Returns the launch of stages of one kernel.
fn launch(gpu: &Gpu, modules: &Modules, stages: &[(Stage, Target)], report: u64) -> Result<Launch> {
    let (first, _) = &stages[0];
    let kernel = modules.kernel(gpu, &first.program, first.kernel)?;
    let most_shared = |bytes: fn(SharedBytes) -> usize| {
        stages.iter().map(|(stage, _)| bytes(stage.shared)).max().unwrap_or(0)
    };
    let shared =
        SharedBytes { block: most_shared(|shared| shared.block), warp: most_shared(|shared| shared.warp) };
    let all_warps: usize = stages.iter().map(|(stage, _)| stage.warps).sum();
    let most = shared.most_warps(gpu);
    let warps = (all_warps / gpu.properties().multiprocessors.max(1)).clamp(1, most);
    let shared_bytes = shared.of(warps);
    if shared_bytes > 48 << 10 {
        kernel.allow_shared(gpu)?;
    }
    let (mut parameters, mut blocks) = (Vec::new(), 0);
    for (stage, target) in stages {
        let head = JobHead {
            first_block: blocks as u32,
            weight: target.weight,
            bytes: target.bytes,
            stride: target.stride,
            words: target.words,
            units: target.form.units as u32,
            base: target.form.base * 0x0101_0101,
        };
        parameters.extend(words_of(&head));
        parameters.extend(&stage.job);
        blocks += stage.warps.div_ceil(warps);
    }
    parameters.resize(JOBS * parameters.len() / stages.len(), 0);
    parameters.extend([report, stages.len() as u64]);
    let grid = Grid { blocks: [blocks, 1, 1], threads: 32 * warps, shared_bytes };
    Ok(Launch::of_words(kernel, grid, parameters))
}
