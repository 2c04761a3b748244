//! What each mode adds to the time of a token, over the matrix products of all layers of a model, and how
//! much of decoding hides behind products.

use super::super::products::{Activations, Layer, Products, encoded, matrix};
use super::super::shape::{layers_of, projection};
use super::Setting;
use super::matrices::{no_second_queue, refusal};
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::{bytes, table, three_digits};
use ecq::Coding;
use ecq::cuda::Span;
use ecq::encode::EncodeOptions;
use ecq::runtime::Mode;
use ecq::runtime::program::Queue;
use serde::Serialize;
use std::collections::BTreeMap;

/// A token in a mode.
#[derive(Serialize)]
pub struct Row {
    mode: &'static str,
    coding: &'static str,
    /// Seconds of all products of a token; none if the device cannot do it.
    seconds: Option<f64>,
    /// Seconds more than in cached.
    overhead_seconds: Option<f64>,
    /// The part of the time of decoding by which a token is faster than if layers were decoded before use.
    hidden: Option<f64>,
    weight_bytes: u64,
    slot_bytes: u64,
    published: &'static str,
    why: Option<String>,
    /// The part of a token's time that products waited for decoding, if the host knows.
    waiting: Option<f64>,
    /// The part of the time of decoding during which products ran, by events.
    overlap: Option<f64>,
    /// Start and end of what each queue does, in seconds.
    timeline: Vec<Part>,
}

/// A part of a timeline.
#[derive(Serialize, Clone, Copy)]
pub struct Part {
    pub decodes: bool,
    pub start: f64,
    pub end: f64,
}

/// All modes, and the tokens after which decoding once has cost less than decoding inside products.
#[derive(Serialize)]
pub struct Token {
    pub shape: String,
    pub layers: usize,
    weights: u64,
    pub rows: Vec<Row>,
    break_even_tokens: Option<f64>,
}

impl Token {
    /// Returns the timelines of modes that decode ahead.
    pub fn timelines(&self) -> impl Iterator<Item = (String, &[Part])> {
        let traced = self.rows.iter().filter(|row| !row.timeline.is_empty());
        traced.map(|row| (format!("{}, {}", row.mode, row.coding), &row.timeline[..]))
    }
}

/// Modes and codings, and what the prototype says of the mode.
const ROWS: [(Mode, Coding, &str); 8] = [
    (Mode::Cached, Coding::Rans, "0"),
    (Mode::Lru, Coding::Rans, "17 ms"),
    (Mode::Lru, Coding::Tuples, ""),
    (Mode::Fused, Coding::Rans, "24%"),
    (Mode::Fused, Coding::Tuples, ""),
    (Mode::Prefetch, Coding::Rans, ""),
    (Mode::Async, Coding::Rans, "about 0"),
    (Mode::Async, Coding::Tuples, ""),
];

pub fn measure(setting: &Setting) -> anyhow::Result<Token> {
    let args = setting.args;
    let (all, groups) = layers_of(&args.shape)?;
    let count = args.layers.unwrap_or(all);
    let on_gpu = setting.device.cuda().is_some();
    let mut made: BTreeMap<&str, Layer> = BTreeMap::new();
    let mut rows: Vec<Row> = Vec::new();
    for (mode, coding, published) in ROWS {
        // The CPU's decoder of tuples is portable code: the coding is made for the tensor cores of GPUs.
        if !on_gpu && coding == Coding::Tuples {
            continue;
        }
        let _bar = Bar::spinner("measuring a token");
        let mut row = Row {
            mode: mode.name(),
            coding: coding.name(),
            seconds: None,
            overhead_seconds: None,
            hidden: None,
            weight_bytes: 0,
            slot_bytes: 0,
            published,
            why: None,
            waiting: None,
            overlap: None,
            timeline: Vec::new(),
        };
        if mode == Mode::Async && !on_gpu {
            row.why = Some(no_second_queue());
            rows.push(row);
            continue;
        }
        if !made.contains_key(coding.name()) {
            made.insert(coding.name(), layer(setting, &groups, coding)?);
        }
        let layers = vec![&made[coding.name()]; count];
        let products = match Products::new(setting.device, &layers, mode, (1, Activations::Chained)) {
            Ok(products) => products,
            Err(error) if mode == Mode::Fused => {
                row.why = Some(refusal(error)?);
                rows.push(row);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let seconds = products.seconds(setting.device, args.seconds)?;
        (row.weight_bytes, row.slot_bytes) = (products.weight_bytes, products.slot_bytes);
        row.seconds = Some(seconds);
        let of = |mode: Mode| {
            rows.iter().find(|row| row.mode == mode.name() && row.coding == coding.name())?.seconds
        };
        let cached = rows.first().and_then(|row| row.seconds).unwrap_or(seconds);
        row.overhead_seconds = Some(seconds - cached);
        if matches!(mode, Mode::Prefetch | Mode::Async) {
            row.hidden = of(Mode::Lru).map(|before| (before - seconds) / (before - cached));
            if let Some(cuda) = setting.device.cuda() {
                row.timeline = parts(&cuda.timeline(products.program(), &products.inputs())?);
                row.overlap = overlap(&row.timeline);
            }
            row.waiting = products.waiting(setting.device)?;
        }
        rows.push(row);
    }
    let fastest = |mode: Mode, value: fn(&Row) -> Option<f64>| {
        let own = rows.iter().filter(|row| row.mode == mode.name());
        own.filter_map(value).min_by(f64::total_cmp)
    };
    let overhead = |row: &Row| row.overhead_seconds;
    let break_even_tokens = match (fastest(Mode::Lru, overhead), fastest(Mode::Fused, overhead)) {
        (Some(once), Some(each)) if each > 0.0 => Some(once / each),
        _ => None,
    };
    let weights = groups.iter().flatten().map(|[rows, cols]| (rows * cols * count) as u64).sum();
    Ok(Token { shape: args.shape.clone(), layers: count, weights, rows, break_even_tokens })
}

fn layer(setting: &Setting, groups: &[Vec<[usize; 2]>], coding: Coding) -> anyhow::Result<Layer> {
    let mut made = BTreeMap::new();
    let mut layer = Vec::new();
    for group in groups {
        let mut own = Vec::new();
        for &shape in group {
            if let std::collections::btree_map::Entry::Vacant(entry) = made.entry(shape) {
                let (codes, grid) = projection(shape, setting.args.entropy, None)?;
                entry.insert(matrix(encoded(&codes, &grid, coding, &EncodeOptions::default())?));
            }
            own.push(made[&shape].clone());
        }
        layer.push(own);
    }
    Ok(layer)
}

fn parts(spans: &[Span]) -> Vec<Part> {
    let part = |span: &Span| Part { decodes: span.queue == Queue::Decode, start: span.start, end: span.end };
    spans.iter().map(part).collect()
}

/// Returns the part of the time of decoding during which products ran; parts of a queue do not overlap.
fn overlap(parts: &[Part]) -> Option<f64> {
    let decodes: f64 = parts.iter().filter(|part| part.decodes).map(|part| part.end - part.start).sum();
    let both = |decode: &Part| -> f64 {
        let products = parts.iter().filter(|part| !part.decodes);
        products.map(|part| (part.end.min(decode.end) - part.start.max(decode.start)).max(0.0)).sum()
    };
    let shared: f64 = parts.iter().filter(|part| part.decodes).map(both).sum();
    (decodes > 0.0).then(|| shared / decodes)
}

pub fn print(setting: &Setting, token: &Token) {
    let Token { shape, layers, weights, rows, .. } = token;
    outln!("The products of a token: {layers} layers of {shape}, {:.2} G weights", *weights as f64 / 1e9);
    let headings = ["mode", "coding", "ms", "over cached", "there", "hidden", "weights", "slots"];
    let (mut out, mut notes) = (table(&headings, 2), super::Notes::default());
    for row in rows {
        let milliseconds = |seconds: Option<f64>| seconds.map_or(String::new(), |s| three_digits(s * 1e3));
        out.add_row([
            row.mode.to_owned(),
            row.coding.to_owned(),
            match &row.why {
                Some(why) => notes.mark(why),
                None => milliseconds(row.seconds),
            },
            milliseconds(row.overhead_seconds),
            setting.published(Some(row.published)).unwrap_or("").to_owned(),
            row.hidden.map_or(String::new(), |part| format!("{:.0}%", 100.0 * part)),
            if row.seconds.is_some() { bytes(row.weight_bytes) } else { String::new() },
            if row.slot_bytes > 0 { bytes(row.slot_bytes) } else { String::new() },
        ]);
    }
    outln!("{out}");
    notes.print();
    paragraph(
        "lru keeps no layer: each is decoded before its use. hidden: the part of that decoding by which a \
         mode that decodes ahead is faster. The prototype also gives 179 s for decoding in Python, and 28 MB \
         for the two layers of async.",
    );
    for row in rows {
        let name = format!("{}, {}", row.mode, row.coding);
        if let Some(overlap) = row.overlap {
            let percent = 100.0 * overlap;
            outln!("{name}: products run during {percent:.0}% of the time of decoding (events)");
        }
        if let Some(waiting) = row.waiting {
            outln!("{name}: products wait for decoding {:.0}% of the time", 100.0 * waiting);
        }
    }
    paragraph(&match token.break_even_tokens {
        Some(tokens) => format!(
            "Decoding once (cached) takes less time than decoding in every product (fused) after {} tokens; \
             there: about 430.",
            three_digits(tokens.max(0.0))
        ),
        None => "fused is not slower than cached here, so decoding once saves no time; there, it did after \
                 about 430 tokens."
            .to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_the_part_of_decoding_beside_products() {
        let part = |decodes, start, end| Part { decodes, start, end };
        assert_eq!(overlap(&[part(false, 0.0, 1.0)]), None);
        assert_eq!(overlap(&[part(true, 0.0, 2.0), part(false, 2.0, 3.0)]), Some(0.0));
        let parts =
            [part(true, 0.0, 4.0), part(false, 1.0, 2.0), part(false, 3.0, 9.0), part(true, 5.0, 9.0)];
        assert_eq!(overlap(&parts), Some(0.75));
    }
}
