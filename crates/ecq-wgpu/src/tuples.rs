//! Products that decode the tuple coding.

use crate::commands::Scratch;
use crate::dispatch::Dispatch;
use crate::gpu::Gpu;
use crate::kernel::{Kernel, source};
use crate::layout;
use crate::products::{MOST_PASS_ROWS, Product, ProductInput, pass_rows};
use crate::program::Resources;
use crate::side::Side;
use ecq_coding::tuples::{Shape, TILE_ROWS, TupleCode};
use ecq_core::Grid;
use ecq_kernels::gpu::{BLOCK, MatrixKind, element, grid, side_of_rows};
use ecq_runtime::RuntimeError;
use std::fmt::Write;

type Result<T> = std::result::Result<T, RuntimeError>;

/// The longest codewords whose table fits the workgroup memory that every adapter has, beside sums.
const LONGEST_WIDTH: usize = 10;
/// Teams of 32 threads in a workgroup, which every adapter has, and those of few tiles.
const TEAMS: usize = 8;
const TEAMS_OF_FEW_TILES: usize = 16;
/// Tiles up to which more teams share a tile and read words ahead. More workgroups hide the latency of memory
/// themselves, and the cache does not hold the words of all of them (an H100, one row: with reading ahead 4096
/// rows 20.3 to 15.3 us, 16384 rows 27 to 31; with 16 teams 15.3 to 12.6 and 27.1 to 28.3).
const FEW_TILES: usize = 512;
/// Words behind a stream that a product may read: ahead of a lane's window, those of the groups of a batch,
/// and those of the rows that lanes touch.
pub(crate) const SLACK_WORDS: usize = 48 * 32;
/// The kind of matrices whose steps of rows, scales of columns and outliers those with tuples have.
const CODE_KIND: MatrixKind =
    MatrixKind { bits: 8, grid: grid::UNIFORM, scales: element::F32, biased: false, group: BLOCK };
/// Bytes of a vector of digits.
const VECTOR_BYTES: usize = 16;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TupleKind {
    pub(crate) tuple: usize,
    pub(crate) width: usize,
    pub(crate) trellis: bool,
    /// Teams of a workgroup.
    pub(crate) teams: usize,
    /// Whether segments but the last are whole batches of groups.
    pub(crate) whole_batches: bool,
    /// Whether words of the next segment are read ahead.
    pub(crate) touches: bool,
    /// Whether activations are values, because the adapter has no dot products of bytes.
    pub(crate) values: bool,
}

/// A matrix in the tuple coding on the GPU, for products.
pub(crate) struct TupleStream {
    kind: TupleKind,
    shape: Shape,
    unit: i32,
    /// Stream, and table with lists.
    inputs: [wgpu::Buffer; 2],
    /// Places of registers, entries, starts and corrections in the table.
    places: [u32; 4],
    /// What belongs to the codes, which are not narrowed as those of packed elements.
    side: Side,
}

/// Returns the registers of all sequences of `width` bits, as the kernel reads them. On a trellis grid a
/// value `2k` has the parity of `k` in the bit below, which branch bits replace.
pub(crate) fn registers(code: &TupleCode) -> Vec<u32> {
    let below = branch_mask(code.tuple());
    let with_parity = |register: u32| if code.even() { register | register >> 1 & below } else { register };
    code.registers().into_iter().map(with_parity).collect()
}

/// Returns the bits of branch bits in a register.
fn branch_mask(tuple: usize) -> u32 {
    match tuple {
        2 => 0x0001_0100,
        3 => 0x0101_0100,
        _ => 0x1010_1010,
    }
}

impl TupleKind {
    /// Returns the lookups that one window of 32 bits always covers.
    fn window(self) -> usize {
        if self.width <= 8 { 4 } else { 3 }
    }

    /// Returns the groups that are decoded together: a whole number of windows, unless segments end within.
    fn batch(self) -> usize {
        if self.window() == 3 && self.whole_batches { 3 } else { 1 }
    }

    /// Returns the units of a value in a register.
    fn unit(self) -> usize {
        match (self.tuple, self.trellis) {
            (4, true) => 16,
            (4, false) => 32,
            _ => 1,
        }
    }

    /// Returns the kernel of products with up to `rows` rows of activations.
    pub(crate) fn product_kernel(self, rows: usize) -> Kernel {
        let sources = [source::MATRIX, source::RESULTS, source::TUPLE_PRODUCT];
        let constants = layout::constants(CODE_KIND);
        let mut kernel = Kernel::new("tuple_product", &sources, "rrrrrrw").with(&constants).with(&[
            ("TUPLE", self.tuple),
            ("WIDTH", self.width),
            ("TRELLIS", usize::from(self.trellis)),
            ("UNIT", self.unit()),
            ("ROWS", rows),
            ("TEAMS", self.teams),
            ("TOUCHES", usize::from(self.touches)),
            ("VALUES", usize::from(self.values)),
        ]);
        kernel.generated = self.segment_sums(rows);
        kernel
    }

    /// Writes `segment_sums`, which decodes and multiplies a segment, without loops over what registers hold.
    ///
    /// `place` is the lane's first word in the stream and `start` the bits before its first codeword, `first`
    /// and `step` are the places of the digits of the first row of activations and between rows.
    fn segment_sums(self, rows: usize) -> String {
        let mut text = format!(
            "fn segment_sums(place: u32, start: u32, first: u32, step: u32, groups: u32, restart: u32)\n    \
             -> array<vec2<i32>, {rows}> {{\n    var at = place + 64u;\n    var word = stream[place];\n    \
             var next = stream[place + 32u];\n    var ahead = stream[at];\n    var taken = start;\n    \
             var crossed = false;\n    var bits = 0u;\n    var entry = 0u;\n    var total = 0u;\n    \
             var level = 0u;\n"
        );
        for half in 0..2 {
            for row in 0..rows {
                text += &format!("    var high_{half}_{row} = 0;\n    var low_{half}_{row} = 0;\n");
            }
            if self.trellis {
                text += &format!(
                    "    var last_{half} = 0u;\n    var even_{half} = 0u;\n    var odd_{half} = 0u;\n"
                );
            }
        }
        for k in (0..self.tuple).filter(|_| self.values) {
            text += &format!("    var value_{k} = 0;\n");
        }
        let batch = self.batch();
        text += &format!("    for (var group = 0u; group < groups; group += {batch}u) {{\n");
        if self.trellis {
            // The last segment may be longer than the others.
            text += "        if (group == restart) {\n";
            for half in 0..2 {
                text += &format!("            last_{half} = 0u; even_{half} = 0u; odd_{half} = 0u;\n");
            }
            text += "        }\n";
        }
        for lookup in 0..4 * batch {
            self.lookup(&mut text, lookup, rows);
        }
        text += "    }\n";
        let of_row = |row: usize| {
            format!("vec2<i32>(256 * high_0_{row} + low_0_{row}, 256 * high_1_{row} + low_1_{row})")
        };
        let all: Vec<String> = (0..rows).map(of_row).collect();
        text + &format!("    return array<vec2<i32>, {rows}>({});\n}}\n\n", all.join(",\n        "))
    }

    /// Writes the decoding of a codeword of a batch and the products with its values.
    fn lookup(self, text: &mut String, lookup: usize, rows: usize) {
        let (group, in_group) = (lookup / 4, lookup % 4);
        let (half, right) = (in_group % 2, in_group / 2);
        // Without whole batches windows begin anew in each group.
        let from_window = if self.batch() > 1 { lookup } else { in_group } % self.window();
        let last = from_window + 1 == self.window() || lookup + 1 == 4 * self.batch();
        let mut line = |line: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "        {line}");
        };
        if from_window == 0 {
            line("bits = (word << taken) | ((next >> 1u) >> (31u - taken));");
        }
        if in_group == 0 {
            for row in 0..rows {
                let lane_vectors = 1 + usize::from(self.values);
                let at = format!("first + {row}u * step + {}u * (group + {group}u)", 4 * lane_vectors);
                line(&format!("let x_{group}_{row} = digits[{at}];"));
                if self.values {
                    line(&format!("let more_{group}_{row} = digits[{at} + 1u];"));
                }
            }
        }
        let of_four = self.tuple == 4;
        line(&format!("entry = table[bits >> {}u];", 32 - self.width));
        // Lengths are below 16. Without tuples of four their sum has a byte of its own.
        let length = if of_four { "entry & 15u" } else { "entry" };
        line(&format!("total {}= {length};", if from_window == 0 { "" } else { "+" }));
        if !last {
            line("bits <<= entry & 15u;");
        }
        let below = branch_mask(self.tuple);
        if self.trellis {
            // The branch bit of a column is the parity one step before plus the branch bit two steps before.
            let branch = if right == 0 { "even" } else { "odd" };
            line(&format!("{branch}_{half} ^= last_{half} & {below:#x}u;"));
            line(&format!("last_{half} = entry;"));
            let values = if of_four { 0xe0e0_e0e0 } else { !below };
            line(&format!("level = (entry & {values:#x}u) | {branch}_{half};"));
        } else {
            line(if of_four { "level = entry & 0xe0e0e0e0u;" } else { "level = entry;" });
        }
        if self.values {
            let first = usize::from(!of_four);
            let vector = if right == 0 { "x" } else { "more" };
            for k in 0..self.tuple {
                let at = 8 * (first + k);
                line(&format!("value_{k} = extractBits(bitcast<i32>(level), {at}u, 8u);"));
            }
            for row in 0..rows {
                let value =
                    |k: usize| format!("value_{k} * bitcast<i32>({vector}_{group}_{row}[{}])", first + k);
                let all: Vec<String> = (0..self.tuple).map(value).collect();
                line(&format!("low_{half}_{row} += {};", all.join(" + ")));
            }
        }
        let [high, low] = if right == 0 { ["x", "y"] } else { ["z", "w"] };
        for row in (0..rows).filter(|_| !self.values) {
            for (sum, digit) in [("high", high), ("low", low)] {
                line(&format!("{sum}_{half}_{row} += dot4I8Packed(level, x_{group}_{row}.{digit});"));
            }
        }
        if last {
            line(if of_four { "taken += total;" } else { "taken += total & 0xffu;" });
            // Without a branch: lanes differ, and the word that follows is there already.
            line("crossed = taken >= 32u;");
            line("taken &= 31u;");
            line("word = select(word, next, crossed);");
            line("next = select(next, ahead, crossed);");
            line("at = select(at, at + 32u, crossed);");
            line("ahead = stream[at];");
        }
    }
}

/// Returns the most teams of a workgroup for a table of codewords of up to `width` bits.
fn most_teams(gpu: &Gpu, width: usize, tiles: usize) -> usize {
    // The table, and two sums for each row of the tile and of activations of a team.
    let bytes = 4 * ((1 << width) + 2 * TEAMS_OF_FEW_TILES * TILE_ROWS * MOST_PASS_ROWS);
    let [most_threads, most_bytes] = gpu.workgroup();
    let fits = 32 * TEAMS_OF_FEW_TILES <= most_threads && bytes <= most_bytes;
    if fits && tiles <= FEW_TILES { TEAMS_OF_FEW_TILES } else { TEAMS }
}

/// Returns the kernel that writes activations as integers for products with tuples.
pub(crate) fn prepare_kernel(tuple: usize, values: bool) -> Kernel {
    let first_byte = usize::from(tuple < 4);
    let constants = [("TUPLE", tuple), ("FIRST_BYTE", first_byte), ("VALUES", usize::from(values))];
    Kernel::new("prepare_tuples", &[source::ACTIVATIONS, source::PREPARE_TUPLES], "rrw").with(&constants)
}

impl TupleStream {
    /// Returns what products know of a matrix; `None` if the table exceeds workgroup memory.
    ///
    /// # Errors
    /// If the grid is corrupt, or memory is exhausted.
    pub(crate) fn new(
        gpu: &Gpu,
        (code, shape): (&TupleCode, Shape),
        grid: &Grid,
        (inputs, places): ([wgpu::Buffer; 2], [u32; 4]),
    ) -> Result<Option<Self>> {
        let width = code.width() as usize;
        if width > LONGEST_WIDTH {
            return Ok(None);
        }
        let mut kind = TupleKind {
            tuple: code.tuple(),
            width,
            trellis: code.even(),
            teams: shape.segments().next_power_of_two().min(most_teams(gpu, width, shape.tiles())),
            whole_batches: true,
            touches: shape.tiles() <= FEW_TILES,
            values: !gpu.report().dots,
        };
        kind.whole_batches = !kind.trellis || shape.segment_groups().is_multiple_of(kind.batch());
        let (rows, cols) = (shape.rows(), shape.cols());
        let data = side_of_rows(grid, [rows, cols])?;
        let whole = layout::Shape { rows, cols, bits: CODE_KIND.bits };
        let side = Side::new(gpu, CODE_KIND, &data, whole, 0..rows)?;
        Ok(Some(Self { kind, shape, unit: code.unit(), inputs, places, side }))
    }

    /// Returns the bytes of GPU memory beside those of the streams.
    pub(crate) fn bytes(&self) -> u64 {
        self.side.bytes()
    }

    /// Returns the groups of a segment among the digits.
    fn padded_groups(&self) -> usize {
        self.shape.longest_segment().next_multiple_of(self.kind.batch())
    }

    /// Returns the place of the scales of segments among the vectors of digits, for up to `rows` rows.
    fn scales(&self, rows: usize) -> usize {
        let lane_vectors = 1 + usize::from(self.kind.values);
        4 * lane_vectors * rows * self.shape.segments() * self.padded_groups()
    }

    /// Returns the dispatches of a product: digits of activations, and the product.
    pub(crate) fn product(
        &self,
        resources: &Resources,
        input: &ProductInput,
        product: &Product,
        scratch: &mut Scratch,
    ) -> Result<[Dispatch; 2]> {
        let pass = pass_rows(input.rows.most);
        let rows = input.rows.most.next_multiple_of(pass);
        let (shape, scales) = (self.shape, self.scales(rows));
        let digits = scratch.at_least(resources, VECTOR_BYTES * (scales + rows * shape.segments()))?;
        let facts = [shape.segments(), shape.segment_groups(), shape.groups(), self.padded_groups(), scales];
        let facts = facts.map(|fact| fact as u32);
        let [col_scales, scaled] = self.side.col_scales();
        let mut parameters = vec![input.rows.which, input.cols as u32, col_scales, scaled];
        parameters.extend(facts);
        let prepare = Dispatch {
            kernel: prepare_kernel(self.kind.tuple, self.kind.values),
            parameters,
            buffers: vec![input.x.clone(), self.side.buffer.clone(), digits.clone()],
            groups: [shape.segments(), input.rows.most, 1],
            active: input.rows.active.clone(),
        };
        let range = &product.rows;
        let mut parameters = self.side.matrix().to_vec();
        parameters.extend([
            input.rows.which,
            range.start as u32,
            range.len() as u32,
            range.len() as u32,
            0,
            u32::from(product.bias.is_some()),
            0,
            0,
        ]);
        parameters.extend(facts);
        parameters.push(self.unit as u32);
        parameters.extend(self.places);
        parameters.extend([0, 0]);
        let bias = product.bias.clone().unwrap_or_else(|| resources.nothing.clone());
        let [stream, data] = self.inputs.clone();
        let (side, x, y) = (self.side.buffer.clone(), input.x.clone(), product.y.clone());
        let tiles = range.end.div_ceil(TILE_ROWS) - range.start / TILE_ROWS;
        let product = Dispatch {
            kernel: self.kind.product_kernel(pass),
            parameters,
            buffers: vec![stream, data, digits, side, x, bias, y],
            groups: [tiles, input.rows.most.div_ceil(pass), 1],
            active: input.rows.active.clone(),
        };
        Ok([prepare, product])
    }
}
