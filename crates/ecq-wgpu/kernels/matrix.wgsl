// What kernels that read matrices share.
//
// Constants:
//   BITS    bits of an element: 2 to 8, or 16 or 32 for floats
//   GRID    as the host numbers grids
//   SCALES  element type of scales and biases of groups, or of floats
//   BIASED  whether groups have biases or minima
//   GROUP   columns of a group on super-blocks: 16 or 32
//
// Layout of elements: [tiles of 32 rows][blocks of 32 columns][BITS words][32 rows]. Of codes, four columns
// are four bytes; their bits are in planes of 8, 4, 2 or 1 bits, and a word of a plane has the bits of 4, 8,
// 16 or 32 columns. The host writes `unpack` for BITS, which returns the bytes of a block of a row. Codes of
// eight bits are less 128, so that they are signed.
//
// Side data, in words from the places in the parameters on:
//   UNIFORM, LEVELS   steps of rows; then levels
//   AFFINE            [tiles][groups][32 rows], scale and bias in a word, or in two in single precision
//   AFFINE_ANY        [rows][groups], scale and bias in two words
//   SUPER_BLOCKS      [tiles][groups][32 rows], steps of scales and minima; then [tiles][blocks][32 rows],
//                     scale and minimum of the first and of the second 16 columns in a byte each

const UNIFORM: u32 = 0u;
const AFFINE: u32 = 1u;
const AFFINE_ANY: u32 = 2u;
const SUPER_BLOCKS: u32 = 3u;
const LEVELS: u32 = 4u;
const DENSE: u32 = 5u;

struct Matrix {
    rows: u32,
    cols: u32,
    blocks: u32,
    groups: u32,
    group_size: u32,
    zero: i32,
    scales: u32,
    more: u32,                   // place of levels, or of scales and minima in bytes
    col_scales: u32,
    scaled: u32,                 // whether there are scales of columns
    starts: u32,                 // first outlier of each row
    outliers: u32,               // column, and bits of what is added to the element
    listed: u32,                 // whether there are outliers
    unused_a: u32,               // structures in uniform memory are whole vectors
    unused_b: u32,
    unused_c: u32,
}

fn side_float(at: u32) -> f32 {
    return bitcast<f32>(side[at]);
}

// Scale and bias of a group, which is number `at`.
fn scale_and_bias(at: u32) -> vec2<f32> {
    if (SCALES == F32) { return vec2<f32>(side_float(2u * at), side_float(2u * at + 1u)); }
    let pair = side_word(at);
    return vec2<f32>(float_of_pair(SCALES, pair, 0u), float_of_pair(SCALES, pair, 1u));
}

fn side_word(at: u32) -> u32 {
    return side[at];
}

// The index of a group of a row in [tiles][groups][32 rows].
fn in_tiles(row: u32, groups: u32, group: u32) -> u32 {
    return ((row / 32u) * groups + group) * 32u + row % 32u;
}

// Returns scale and bias of 16 columns (`half`) of a block of a row; not on grids without groups.
fn scales_of(m: Matrix, row: u32, block: u32, half: u32) -> vec2<f32> {
    if (GRID == AFFINE) {
        let group = min(block * 32u / m.group_size, m.groups - 1u);
        let words = select(1u, 2u, SCALES == F32);
        return scale_and_bias(m.scales / words + in_tiles(row, m.groups, group));
    }
    let pair = side_word(m.scales + in_tiles(row, m.groups, block / 8u));
    let bytes = side_word(m.more + in_tiles(row, m.blocks, block)) >> (16u * half);
    let scale = f32(extractBits(bitcast<i32>(bytes), 0u, 8u));
    let minimum = f32(extractBits(bytes, 8u, 8u));
    return vec2<f32>(float_of_pair(F16, pair, 0u) * scale, -(float_of_pair(F16, pair, 1u) * minimum));
}

// Returns an activation times its column's scale.
fn scaled_activation(m: Matrix, value: f32, col: u32) -> f32 {
    if (m.scaled == 0u) { return value; }
    return value * side_float(m.col_scales + col);
}
