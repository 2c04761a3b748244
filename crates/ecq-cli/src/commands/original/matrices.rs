//! Single matrices with one set of streams (V1), streams per row (V2) and cached, and stacks of square ones.

use super::super::products::{Activations, Layer, Products, matrix};
use super::{Notes, Setting};
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::{bytes, table, three_digits};
use ecq::encode::TileChoice;
use ecq::runtime::{Mode, RuntimeError};
use ecq::{Coding, EncodedTensor};
use serde::Serialize;

/// Sizes, and what the prototype reports: how much faster V2 is than V1, and its time over that of cached.
const SIZES: [([usize; 2], Option<f64>, f64); 4] = [
    ([256, 512], Some(23.0), 0.9),
    ([512, 1024], Some(113.0), 1.5),
    ([1024, 2048], Some(543.0), 1.5),
    ([2048, 4096], None, 1.1),
];
/// Layers, their rows and columns, and milliseconds in cached, fused and async.
const STACKS: [(usize, usize, [f64; 3]); 2] = [(4, 512, [0.51, 0.60, 0.63]), (6, 256, [0.63, 0.51, 0.55])];
/// Products of a program, whose time is divided by their number.
const COPIES: usize = 8;

const V1: &str = "V1";
const V2: &str = "V2";
const CACHED: &str = "cached";
/// Lanes that fill the vectors of a CPU and a warp; a row has eight by default, because each costs bits.
const WARP: Option<u16> = Some(32);
/// Forms of a matrix, with coding, tile and lanes.
const FORMS: [(&str, Coding, TileChoice, Option<u16>, Mode); 6] = [
    (V1, Coding::Rans, TileChoice::Matrix, None, Mode::Fused),
    (V2, Coding::Rans, TileChoice::Row, None, Mode::Fused),
    ("V2, 32", Coding::Rans, TileChoice::Row, WARP, Mode::Fused),
    ("rANS", Coding::Rans, TileChoice::Auto, None, Mode::Fused),
    ("tuples", Coding::Tuples, TileChoice::Auto, None, Mode::Fused),
    (CACHED, Coding::Rans, TileChoice::Auto, None, Mode::Cached),
];

/// A measured product.
#[derive(Serialize)]
pub struct Row {
    shape: [usize; 2],
    form: &'static str,
    /// How the product gets at the weights.
    product: &'static str,
    seconds: f64,
    memory_bytes: u64,
    /// Time of V1 over this one.
    faster_than_v1: f64,
    /// Time over that of cached.
    over_cached: f64,
    published_faster_than_v1: Option<f64>,
    published_over_cached: Option<f64>,
    /// Why the product is not the fused one.
    why: Option<String>,
}

/// A stack of layers in a mode.
#[derive(Serialize)]
pub struct Stack {
    layers: usize,
    shape: [usize; 2],
    /// The mode of the prototype.
    mode: &'static str,
    /// The mode, and the coding, that were measured.
    measured: String,
    seconds: f64,
    memory_bytes: u64,
    published_seconds: Option<f64>,
    why: Option<String>,
}

/// Products of a tensor in a mode; decoded before each use if no kernel of the device decodes it inside a
/// product, with the device's reason.
fn products(
    setting: &Setting,
    tensor: EncodedTensor,
    mode: Mode,
    layers: usize,
) -> anyhow::Result<(Products, Mode, Option<String>)> {
    let layer: Layer = vec![vec![matrix(tensor)]];
    let all = vec![&layer; layers];
    let row = (1, Activations::Chained);
    match Products::new(setting.device, &all, mode, row) {
        Err(error) if mode == Mode::Fused => {
            let why = format!("decoded before the product: {}", refusal(error)?);
            Ok((Products::new(setting.device, &all, Mode::Lru, row)?, Mode::Lru, Some(why)))
        }
        products => Ok((products?, mode, None)),
    }
}

/// Returns why a device has no such product; other errors remain errors.
pub fn refusal(error: RuntimeError) -> Result<String, RuntimeError> {
    match error {
        RuntimeError::Mode { why, .. } => Ok(why),
        RuntimeError::Tensor { name, source } => {
            refusal(*source).map_err(|source| RuntimeError::in_tensor(&name, source))
        }
        other => Err(other),
    }
}

pub fn measure(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let _bar = Bar::spinner("measuring matrices");
    let mut rows = Vec::new();
    for ([outputs, inputs], faster, over) in SIZES {
        let shape = [setting.length(outputs), setting.length(inputs)];
        let mut own = Vec::new();
        for (form, coding, tile, lanes, mode) in FORMS {
            let tensor = setting.encoded(shape, coding, tile, lanes)?;
            let (products, used, why) = products(setting, tensor, mode, COPIES)?;
            let seconds = products.seconds(setting.device, setting.args.seconds)? / COPIES as f64;
            own.push(Row {
                shape,
                form,
                product: match used {
                    Mode::Cached => "unpacks codes",
                    Mode::Fused => "decodes inside",
                    _ => "decoded before",
                },
                seconds,
                memory_bytes: products.weight_bytes / COPIES as u64 + products.slot_bytes,
                faster_than_v1: 0.0,
                over_cached: 0.0,
                published_faster_than_v1: setting.published(faster).filter(|_| form == V2),
                published_over_cached: setting.published(Some(over)).filter(|_| form == V2),
                why,
            });
        }
        let seconds = |form: &str| own.iter().find(|row| row.form == form).map_or(0.0, |row| row.seconds);
        let (v1, cached) = (seconds(V1), seconds(CACHED));
        rows.extend(own.into_iter().map(|row| Row {
            faster_than_v1: v1 / row.seconds,
            over_cached: row.seconds / cached,
            ..row
        }));
    }
    Ok(rows)
}

pub fn print(setting: &Setting, rows: &[Row]) {
    outln!("Products of one matrix");
    let headings = ["matrix", "form", "us", "V1 / it", "there", "/ cached", "there", "memory"];
    let (mut out, mut notes, mut shape) = (table(&headings, 2), Notes::default(), [0, 0]);
    for row in rows {
        let first = std::mem::replace(&mut shape, row.shape) != row.shape;
        let mark = row.why.as_deref().map_or(String::new(), |why| format!(" {}", notes.mark(why)));
        out.add_row([
            if first { format!("{}x{}", row.shape[0], row.shape[1]) } else { String::new() },
            format!("{}{mark}", row.form),
            three_digits(row.seconds * 1e6),
            three_digits(row.faster_than_v1),
            row.published_faster_than_v1.map_or(String::new(), |ratio| format!("{ratio:.0}")),
            three_digits(row.over_cached),
            row.published_over_cached.map_or(String::new(), |ratio| format!("{ratio:.1}")),
            bytes(row.memory_bytes),
        ]);
    }
    outln!("{out}");
    notes.print();
    paragraph(
        "V1: one set of streams for the matrix. V2: streams for each row, of 8 lanes, or of 32. \
         rANS: the default tile, of several rows. V1 / it: how much faster than V1; / cached: time over \
         that of cached.",
    );
    paragraph(
        "The prototype's V1 decoded the whole matrix for each of its rows; here a product decodes it once, \
         in one thread (CPU) or one warp (GPU), because lanes of a tile share one stream.",
    );
    if setting.device.cuda().is_some() {
        paragraph("Matrices of these sizes stay in the second-level cache, as the prototype's did.");
    }
}

pub fn measure_stacks(setting: &Setting) -> anyhow::Result<Vec<Stack>> {
    let _bar = Bar::spinner("measuring stacks");
    let on_gpu = setting.device.cuda().is_some();
    let mut rows = Vec::new();
    for (layers, side, published) in STACKS {
        let shape = [setting.length(side); 2];
        for (mode, there) in [Mode::Cached, Mode::Fused, Mode::Async].into_iter().zip(published) {
            let mut why = None;
            let (used, coding) = match mode {
                Mode::Fused if on_gpu => (mode, Coding::Tuples),
                Mode::Async if !on_gpu => {
                    why = Some(no_second_queue());
                    (Mode::Prefetch, Coding::Rans)
                }
                _ => (mode, Coding::Rans),
            };
            let tile = if coding == Coding::Rans { TileChoice::Row } else { TileChoice::Auto };
            let tensor = setting.encoded(shape, coding, tile, None)?;
            let (products, used, refused) = products(setting, tensor, used, layers)?;
            rows.push(Stack {
                layers,
                shape,
                mode: mode.name(),
                measured: format!(
                    "{used}, {}",
                    if coding == Coding::Rans { "rANS per row" } else { "tuples" }
                ),
                seconds: products.seconds(setting.device, setting.args.seconds)?,
                memory_bytes: products.weight_bytes + products.slot_bytes,
                published_seconds: setting.published(Some(there * 1e-3)),
                why: why.or(refused),
            });
        }
    }
    Ok(rows)
}

/// Why a CPU has no `async`.
pub fn no_second_queue() -> String {
    "async decodes on a second queue of the device, which a CPU does not have; its prefetch decodes the next \
     layer with the threads that compute"
        .to_owned()
}

pub fn print_stacks(rows: &[Stack]) {
    outln!("Stacks of layers");
    let (mut out, mut notes, mut shown) =
        (table(&["stack", "mode", "measured", "ms", "there", "memory"], 3), Notes::default(), 0);
    for row in rows {
        let first = std::mem::replace(&mut shown, row.layers) != row.layers;
        let mark = row.why.as_deref().map_or(String::new(), |why| format!(" {}", notes.mark(why)));
        out.add_row([
            if first {
                format!("{} of {} x {}", row.layers, row.shape[0], row.shape[1])
            } else {
                String::new()
            },
            row.mode.to_owned(),
            format!("{}{mark}", row.measured),
            format!("{:.3}", row.seconds * 1e3),
            row.published_seconds.map_or(String::new(), |seconds| format!("{:.2}", seconds * 1e3)),
            bytes(row.memory_bytes),
        ]);
    }
    outln!("{out}");
    notes.print();
}
