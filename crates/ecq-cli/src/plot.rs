//! Bar charts of bits per weight and histograms of codes, as SVG.

use ecq::analyze::{Analysis, TensorAnalysis};
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
pub const INK: &str = "#1f2933";
pub const PALE: &str = "#9aa5b1";
const STORED: &str = "#cbd2d9";
const SIDE: &str = "#f0b429";
const CODES: &str = "#2680c2";

/// Draws bits per weight of every tensor (stored, coded, side data) and the histograms of up to six tensors.
pub fn analysis(title: &str, analysis: &Analysis) -> String {
    let coded: Vec<&TensorAnalysis> = analysis.tensors.iter().filter(|t| !t.histogram.is_empty()).collect();
    let shown = spread(&coded, 6);
    let height = 420.0 + 170.0 * shown.len().div_ceil(3) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, LEFT, 28.0, "start", 17, INK, title);
    let t = &analysis.total;
    let line = format!(
        "bits per weight: {:.3} stored, {:.3} coded ({:.3} of them scales and biases); code entropy {:.3}",
        t.source_bpw, t.bpw, t.side_bpw, t.entropy_bits
    );
    text(&mut svg, LEFT, 48.0, "start", 12, PALE, &line);
    bars(&mut svg, &coded, 90.0, 250.0);
    for (i, tensor) in shown.iter().enumerate() {
        let (column, row) = ((i % 3) as f64, (i / 3) as f64);
        let width = (WIDTH - LEFT - RIGHT) / 3.0;
        histogram(&mut svg, tensor, LEFT + column * width, 430.0 + row * 170.0, width - 24.0, 100.0);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Selects up to `n` evenly spaced tensors, including the first and the last.
fn spread<'a>(tensors: &[&'a TensorAnalysis], n: usize) -> Vec<&'a TensorAnalysis> {
    let n = n.min(tensors.len());
    (0..n).map(|i| tensors[i * (tensors.len() - 1) / (n - 1).max(1)]).collect()
}

fn bars(svg: &mut String, tensors: &[&TensorAnalysis], top: f64, height: f64) {
    let most = tensors.iter().map(|t| t.source_bpw.max(t.bpw)).fold(1.0, f64::max).ceil();
    let y = |bits: f64| top + height * (1.0 - bits / most);
    for bits in 0..=most as usize {
        let at = y(bits as f64);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#e4e7eb\"/>",
            WIDTH - RIGHT
        );
        text(svg, LEFT - 8.0, at + 4.0, "end", 11, PALE, &bits.to_string());
    }
    let step = (WIDTH - LEFT - RIGHT) / tensors.len().max(1) as f64;
    for (i, tensor) in tensors.iter().enumerate() {
        let x = LEFT + step * i as f64;
        let codes = tensor.bpw - tensor.side_bpw;
        for (from, to, colour) in
            [(0.0, tensor.source_bpw, STORED), (0.0, codes, CODES), (codes, tensor.bpw, SIDE)]
        {
            rect(svg, x + 0.1 * step, y(to), 0.8 * step, y(from) - y(to), colour, &label(tensor));
        }
    }
    let legend = [(STORED, "stored"), (CODES, "coded: codes or floats"), (SIDE, "coded: scales and biases")];
    let mut x = LEFT;
    for (colour, label) in legend {
        rect(svg, x, top - 24.0, 12.0, 12.0, colour, label);
        text(svg, x + 17.0, top - 14.0, "start", 12, INK, label);
        x += 40.0 + 7.0 * label.len() as f64;
    }
    text(svg, WIDTH - RIGHT, top - 14.0, "end", 12, PALE, "bits per weight by tensor, in file order");
    if let (Some(first), Some(last)) = (tensors.first(), tensors.last()) {
        text(svg, LEFT, top + height + 18.0, "start", 11, PALE, &first.name);
        text(svg, WIDTH - RIGHT, top + height + 18.0, "end", 11, PALE, &last.name);
    }
    text(
        svg,
        LEFT,
        top + height + 58.0,
        "start",
        14,
        INK,
        "Histograms of the codes (of float tensors: of the weights, in bins of 0.1 rms)",
    );
}

fn histogram(svg: &mut String, tensor: &TensorAnalysis, x: f64, top: f64, width: f64, height: f64) {
    let most = tensor.histogram.iter().copied().max().unwrap_or(1).max(1) as f64;
    let step = width / tensor.histogram.len() as f64;
    for (code, &count) in tensor.histogram.iter().enumerate() {
        let tall = height * count as f64 / most;
        let title = match tensor.code_bits.is_some() || tensor.coding.is_some() {
            true => format!("code {code}: {count}"),
            false => format!("{:.1} rms: {count}", (code as f64 - 50.0) / 10.0),
        };
        rect(svg, x + step * code as f64, top + height - tall, (0.9 * step).max(0.5), tall, CODES, &title);
    }
    text(svg, x, top + height + 16.0, "start", 11, INK, &tensor.name);
    let facts = match (&tensor.coding, tensor.rms) {
        (None, Some(rms)) => format!("weights from -5 to 5 rms, rms {rms:.4}"),
        _ => format!("codes 0 to {}, entropy {:.3} bits", tensor.histogram.len() - 1, tensor.entropy_bits),
    };
    text(svg, x, top + height + 31.0, "start", 11, PALE, &facts);
}

fn label(tensor: &TensorAnalysis) -> String {
    format!(
        "{} ({} x {}): {:.3} stored, {:.3} coded, of which {:.3} side data",
        tensor.name, tensor.rows, tensor.cols, tensor.source_bpw, tensor.bpw, tensor.side_bpw
    )
}

/// Appends a rectangle with a title, which is shown when hovering over it.
pub fn rect(svg: &mut String, x: f64, y: f64, width: f64, height: f64, colour: &str, title: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{colour}\">\
         <title>{}</title></rect>",
        escape(title)
    );
}

/// Appends a text element.
pub fn text(svg: &mut String, x: f64, y: f64, anchor: &str, size: u32, colour: &str, content: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" \
         fill=\"{colour}\">{}</text>",
        escape(content)
    );
}

/// Escapes text for HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
