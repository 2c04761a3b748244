//! The timeline of both queues of a GPU, as SVG.

use super::token::{Part, Token};
use crate::plot::{INK, PALE, rect, text};
use crate::texts;
use std::path::Path;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const HEIGHT: f64 = 130.0;
const DECODES: &str = "#d55e00";
const PRODUCTS: &str = "#0072b2";
/// Ticks of the axis.
const TICKS: usize = 8;

/// Writes the timelines of all modes that decode ahead.
pub fn write(path: &Path, device: &str, token: &Token, force: bool) -> anyhow::Result<()> {
    let title = format!("Decoding and products of {} layers of {}: {device}", token.layers, token.shape);
    texts::write(path, draw(&title, &token.timelines().collect::<Vec<_>>()).as_bytes(), &[], force)
}

fn draw(title: &str, timelines: &[(String, &[Part])]) -> String {
    let height = 50.0 + HEIGHT * timelines.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, LEFT, 26.0, "start", 15, INK, title);
    for (i, (name, parts)) in timelines.iter().enumerate() {
        let top = 60.0 + HEIGHT * i as f64;
        let last = parts.iter().map(|part| part.end).fold(f64::MIN_POSITIVE, f64::max);
        let x = |seconds: f64| LEFT + (WIDTH - LEFT - RIGHT) * seconds / last;
        text(&mut svg, LEFT, top, "start", 13, INK, name);
        for (row, label) in ["decoding", "products"].into_iter().enumerate() {
            text(&mut svg, LEFT - 8.0, top + 26.0 + 28.0 * row as f64, "end", 12, INK, label);
        }
        for part in *parts {
            let (row, colour) = if part.decodes { (0.0, DECODES) } else { (1.0, PRODUCTS) };
            let title = format!("{:.3} to {:.3} ms", part.start * 1e3, part.end * 1e3);
            let width = (x(part.end) - x(part.start) - 0.5).max(0.3);
            rect(&mut svg, x(part.start), top + 10.0 + 28.0 * row, width, 22.0, colour, &title);
        }
        for tick in 0..=TICKS {
            let seconds = last * tick as f64 / TICKS as f64;
            text(&mut svg, x(seconds), top + 82.0, "middle", 11, PALE, &format!("{:.2} ms", seconds * 1e3));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_queues_have_their_parts() {
        let parts = [
            Part { decodes: true, start: 0.0, end: 0.001 },
            Part { decodes: false, start: 0.001, end: 0.002 },
        ];
        let svg = draw("a & b", &[("async".to_owned(), &parts[..])]);
        assert!(svg.contains("a &amp; b") && svg.contains("1.000 to 2.000 ms"), "{svg}");
        assert_eq!([DECODES, PRODUCTS].map(|colour| svg.matches(colour).count()), [1, 1]);
    }
}
