use super::{Buffer, Element, Weight};
use crate::error::{Result, RuntimeError};
use ecq_kernels::cpu::{Activation, Pairs};
use std::ops::Range;

/// One step of a recording: a kernel, its buffers, its parameters.
///
/// Matrices of activations are row-major, one row a position. `positions` holds the position of each row.
#[derive(Debug, Clone)]
pub enum Command {
    /// `y[r] = table[index[r]] * scale`, or added to `y`.
    Embed {
        /// `[vocabulary, width]`.
        table: Weight,
        /// A `u32` for each row.
        index: Buffer,
        /// Rows.
        rows: usize,
        /// Factor.
        scale: f32,
        /// Whether to add to `y` what is there.
        add: bool,
        /// `[rows, width]`.
        y: View,
    },
    /// Rows of `x` normed.
    Norm {
        /// Which norm.
        norm: Norm,
        /// `[rows, width]`, the width being that of the norm's weights.
        x: View,
        /// Rows; heads count as rows.
        rows: usize,
        /// `[rows, width]`.
        y: View,
    },
    /// `y = x W^T + bias` for several matrices that read the same `x`.
    Linear {
        /// `[rows, cols of the matrices]`.
        x: View,
        /// Rows.
        rows: usize,
        /// What is computed of it.
        outputs: Vec<Output>,
    },
    /// Cosines and sines of each row's position.
    Angles {
        /// A `u32` for each row.
        positions: Buffer,
        /// Rows.
        rows: usize,
        /// Radians per position.
        frequencies: Buffer,
        /// Factor of cosines and sines.
        scale: f32,
        /// `[rows, 2 * frequencies]`.
        table: Buffer,
    },
    /// Heads of `x` rotated by the angles of their row.
    Rotate {
        /// `[rows, heads * head_dim]`.
        x: View,
        /// Rows.
        rows: usize,
        /// Heads.
        heads: usize,
        /// Width of a head.
        head_dim: usize,
        /// From [`Angles`](Self::Angles).
        table: Buffer,
        /// Frequencies: half of what is rotated.
        frequencies: usize,
        /// Which values make a pair.
        pairs: Pairs,
    },
    /// Rows of `x` into a ring: `ring[position % capacity] = x[r]`.
    Append {
        /// `[rows, width]`.
        x: View,
        /// Rows.
        rows: usize,
        /// Width.
        width: usize,
        /// A `u32` for each row.
        positions: Buffer,
        /// `[capacity, width]`, `f32` or `f16`.
        ring: Buffer,
    },
    /// Causal softmax attention over rings of keys and values.
    Attend(Box<Attend>),
    /// `x = f(x)`, or `x = f(x) * up`.
    Activate {
        /// The nonlinearity.
        activation: Activation,
        /// Values.
        x: View,
        /// As many factors.
        up: Option<View>,
        /// How many.
        len: usize,
    },
    /// `y = y + x`.
    Add {
        /// What is added.
        x: View,
        /// To what.
        y: View,
        /// How many.
        len: usize,
    },
    /// `to[..len] = from[..len]`, buffers of one type.
    Copy {
        /// Source.
        from: Buffer,
        /// Target.
        to: Buffer,
        /// Elements.
        len: usize,
    },
    /// Decodes a weight into memory, if it is not there.
    Decode(Weight),
    /// Forgets what [`Decode`](Self::Decode) made.
    Release(Weight),
}

/// Attention of all heads.
#[derive(Debug, Clone)]
pub struct Attend {
    /// `[rows, heads * head_dim]`.
    pub queries: View,
    /// Rows.
    pub rows: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// `[capacity, kv_heads * head_dim]`.
    pub keys: Buffer,
    /// As the keys.
    pub values: Buffer,
    /// A `u32` for each row; a row sees the positions up to its own.
    pub positions: Buffer,
    /// How many positions a row sees at most.
    pub window: Option<usize>,
    /// Factor of the scores.
    pub scale: f32,
    /// `[rows, heads * head_dim]`.
    pub y: View,
}

/// One product of a [`Command::Linear`].
#[derive(Debug, Clone)]
pub struct Output {
    /// The matrix.
    pub weight: Weight,
    /// Which of its rows.
    pub range: Range<usize>,
    /// Added to each row of `y`, `range.len()` values.
    pub bias: Option<Buffer>,
    /// `[rows, range.len()]`.
    pub y: View,
}

/// A norm and its weights.
#[derive(Debug, Clone)]
pub enum Norm {
    /// Root mean square.
    Rms {
        /// Weights.
        weight: Buffer,
        /// Added to the mean square.
        eps: f32,
    },
    /// Mean and variance.
    Layer {
        /// Weights.
        weight: Buffer,
        /// Biases.
        bias: Buffer,
        /// Added to the variance.
        eps: f32,
    },
}

/// A part of a buffer, from an element on.
#[derive(Debug, Clone)]
pub struct View {
    /// The buffer.
    pub buffer: Buffer,
    /// First element.
    pub start: usize,
}

impl From<&Buffer> for View {
    fn from(buffer: &Buffer) -> Self {
        Self { buffer: buffer.clone(), start: 0 }
    }
}

impl View {
    /// The view from `start` on.
    pub fn at(buffer: &Buffer, start: usize) -> Self {
        Self { buffer: buffer.clone(), start }
    }
}

impl Command {
    /// All buffers that it names.
    pub fn buffers(&self) -> Vec<&Buffer> {
        match self {
            Self::Embed { index, y, .. } => vec![index, &y.buffer],
            Self::Norm { norm: Norm::Rms { weight, .. }, x, y, .. } => vec![weight, &x.buffer, &y.buffer],
            Self::Norm { norm: Norm::Layer { weight, bias, .. }, x, y, .. } => {
                vec![weight, bias, &x.buffer, &y.buffer]
            }
            Self::Linear { x, outputs, .. } => {
                let all = outputs.iter().flat_map(|output| output.bias.iter().chain([&output.y.buffer]));
                all.chain([&x.buffer]).collect()
            }
            Self::Angles { positions, frequencies, table, .. } => vec![positions, frequencies, table],
            Self::Rotate { x, table, .. } => vec![&x.buffer, table],
            Self::Append { x, positions, ring, .. } => vec![&x.buffer, positions, ring],
            Self::Attend(a) => vec![&a.queries.buffer, &a.keys, &a.values, &a.positions, &a.y.buffer],
            Self::Activate { x, up, .. } => up.iter().chain([x]).map(|view| &view.buffer).collect(),
            Self::Add { x, y, .. } => vec![&x.buffer, &y.buffer],
            Self::Copy { from, to, .. } => vec![from, to],
            Self::Decode(_) | Self::Release(_) => Vec::new(),
        }
    }

    /// All weights that it names.
    pub fn weights(&self) -> Vec<&Weight> {
        match self {
            Self::Embed { table: weight, .. } | Self::Decode(weight) | Self::Release(weight) => vec![weight],
            Self::Linear { outputs, .. } => outputs.iter().map(|output| &output.weight).collect(),
            _ => Vec::new(),
        }
    }

    /// Checks that it stays inside its buffers and that what it writes is not what it reads; every backend asks when it records.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<()> {
        let f32s = |view: &View, len: usize| within(&view.buffer, view.start, len, Element::F32);
        let u32s = |buffer: &Buffer, len: usize| within(buffer, 0, len, Element::U32);
        match self {
            Self::Embed { table, index, rows, y, .. } => {
                u32s(index, *rows)?;
                f32s(y, rows * table.shape()[1])
            }
            Self::Norm { norm, x, rows, y } => {
                let (Norm::Rms { weight, .. } | Norm::Layer { weight, .. }) = norm;
                if let Norm::Layer { bias, .. } = norm {
                    within(bias, 0, weight.len(), Element::F32)?;
                }
                // In place, or not at all overlapping.
                if x.buffer.same(&y.buffer) && x.start != y.start {
                    return Err(RuntimeError::Recording("a norm that overlaps itself".to_owned()));
                }
                f32s(x, rows * weight.len())?;
                f32s(y, rows * weight.len())
            }
            Self::Linear { x, rows, outputs } => {
                let cols = outputs.first().map_or(0, |output| output.weight.shape()[1]);
                f32s(x, rows * cols)?;
                for (i, Output { weight, range, bias, y }) in outputs.iter().enumerate() {
                    let [weight_rows, weight_cols] = weight.shape();
                    if weight_cols != cols || range.is_empty() || range.end > weight_rows {
                        return Err(RuntimeError::Recording(format!("rows {range:?} of {weight:?}")));
                    }
                    f32s(y, rows * range.len())?;
                    if let Some(bias) = bias {
                        within(bias, 0, range.len(), Element::F32)?;
                    }
                    apart(&[&x.buffer], &y.buffer)?;
                    outputs[..i].iter().try_for_each(|other| apart(&[&other.y.buffer], &y.buffer))?;
                }
                Ok(())
            }
            Self::Angles { positions, rows, frequencies, table, .. } => {
                u32s(positions, *rows)?;
                apart(&[frequencies], table)?;
                within(table, 0, rows * 2 * frequencies.len(), Element::F32)
            }
            &Self::Rotate { ref x, rows, heads, head_dim, ref table, frequencies, .. } => {
                if 2 * frequencies > head_dim {
                    return Err(RuntimeError::Recording(format!(
                        "{frequencies} pairs in a head of {head_dim}"
                    )));
                }
                apart(&[table], &x.buffer)?;
                within(table, 0, rows * 2 * frequencies, Element::F32)?;
                f32s(x, rows * heads * head_dim)
            }
            Self::Append { x, rows, width, positions, ring } => {
                u32s(positions, *rows)?;
                apart(&[&x.buffer], ring)?;
                // A row that overwrites another of the same command would be a race on some devices.
                within(ring, 0, rows * width, ring.element())?;
                f32s(x, rows * width)
            }
            Self::Attend(a) => {
                u32s(&a.positions, a.rows)?;
                apart(&[&a.queries.buffer, &a.keys, &a.values], &a.y.buffer)?;
                if a.keys.len() != a.values.len() || a.kv_heads == 0 || !a.heads.is_multiple_of(a.kv_heads) {
                    return Err(RuntimeError::Recording("heads or rings that do not match".to_owned()));
                }
                f32s(&a.queries, a.rows * a.heads * a.head_dim)?;
                f32s(&a.y, a.rows * a.heads * a.head_dim)
            }
            Self::Activate { x, up, len, .. } => {
                if let Some(up) = up {
                    apart(&[&up.buffer], &x.buffer)?;
                    f32s(up, *len)?;
                }
                f32s(x, *len)
            }
            Self::Add { x, y, len } => {
                apart(&[&x.buffer], &y.buffer)?;
                f32s(x, *len)?;
                f32s(y, *len)
            }
            Self::Copy { from, to, len } => {
                apart(&[from], to)?;
                within(from, 0, *len, to.element())?;
                within(to, 0, *len, to.element())
            }
            Self::Decode(_) | Self::Release(_) => Ok(()),
        }
    }
}

fn within(buffer: &Buffer, start: usize, len: usize, element: Element) -> Result<()> {
    if buffer.element() == element && start.checked_add(len).is_some_and(|end| end <= buffer.len()) {
        return Ok(());
    }
    Err(RuntimeError::Recording(format!("{len} {element:?} from {start} on of {buffer:?}")))
}

fn apart(read: &[&Buffer], written: &Buffer) -> Result<()> {
    match read.iter().find(|buffer| buffer.same(written)) {
        Some(buffer) => Err(RuntimeError::Recording(format!("{buffer:?} is read and written at once"))),
        None => Ok(()),
    }
}
