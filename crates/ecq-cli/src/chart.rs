//! Line and scatter charts as SVG.

use crate::plot::{INK, PALE, text};
use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 540.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 60.0;
/// A palette that is distinguishable with colour vision deficiencies (Okabe and Ito, 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// A measurement.
pub struct Point {
    pub x: f64,
    pub y: f64,
    /// Standard error of `y`; 0 draws none.
    pub error: f64,
    /// Label, shown next to the point or when hovering over it.
    pub label: String,
}

/// A named series of points.
pub struct Series {
    pub name: String,
    pub points: Vec<Point>,
}

/// Title and axis labels.
pub struct Chart<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    /// Whether the points of a series are joined by lines; otherwise each has its label.
    pub joined: bool,
}

/// A map from values to coordinates.
struct Axis {
    from: f64,
    to: f64,
    log: bool,
    start: f64,
    end: f64,
}

impl Axis {
    /// Returns an axis that covers all values; logarithmic if `may_log` and they span more than a factor of
    /// 10.
    fn new(values: impl Iterator<Item = f64> + Clone, may_log: bool, (start, end): (f64, f64)) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        if may_log && low > 0.0 && high / low > 10.0 {
            return Self { from: (low / 1.3).ln(), to: (high * 1.3).ln(), log: true, start, end };
        }
        let margin = if high > low { 0.07 * (high - low) } else { 0.1 * high.abs().max(1.0) };
        let from = if low >= 0.0 { (low - margin).max(0.0) } else { low - margin };
        Self { from, to: high + margin, log: false, start, end }
    }

    fn position(&self, value: f64) -> f64 {
        let value = if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let part = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.start + (self.end - self.start) * part
    }

    /// Round values within the range of the axis.
    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let (low, high) = (self.from.exp(), self.to.exp());
            let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
            let all = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(decade)));
            return all.filter(|&tick| tick >= low && tick <= high).collect();
        }
        let rough = (self.to - self.from) / 6.0;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|&step| step >= rough);
        let step = step.unwrap_or(10.0 * decade);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|i| i as f64 * step).take_while(|&tick| tick <= self.to * (1.0 + 1e-12)).collect()
    }
}

/// Draws all series into one chart.
pub fn draw(chart: &Chart, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let x = Axis::new(points().map(|p| p.x), false, (LEFT, WIDTH - RIGHT));
    let y = Axis::new(points().flat_map(|p| [p.y - p.error, p.y + p.error]), true, (HEIGHT - BOTTOM, TOP));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, LEFT, 26.0, "start", 16, INK, chart.title);
    for tick in x.ticks() {
        let at = x.position(tick);
        line(&mut svg, (at, TOP), (at, HEIGHT - BOTTOM), "#e4e7eb", 1.0);
        text(&mut svg, at, HEIGHT - BOTTOM + 18.0, "middle", 11, PALE, &number(tick));
    }
    for tick in y.ticks() {
        let at = y.position(tick);
        line(&mut svg, (LEFT, at), (WIDTH - RIGHT, at), "#e4e7eb", 1.0);
        text(&mut svg, LEFT - 8.0, at + 4.0, "end", 11, PALE, &number(tick));
    }
    text(&mut svg, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 18.0, "middle", 12, INK, chart.x);
    text(&mut svg, LEFT, TOP - 12.0, "start", 12, INK, chart.y);
    for (i, series) in series.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let positions: Vec<(f64, f64)> =
            series.points.iter().map(|p| (x.position(p.x), y.position(p.y))).collect();
        if chart.joined {
            positions.windows(2).for_each(|pair| line(&mut svg, pair[0], pair[1], colour, 1.5));
        }
        for (point, &(px, py)) in series.points.iter().zip(&positions) {
            if point.error > 0.0 {
                let ends = [point.y - point.error, point.y + point.error].map(|v| (px, y.position(v)));
                line(&mut svg, ends[0], ends[1], colour, 1.0);
            }
            let _ = writeln!(
                svg,
                "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"4\" fill=\"{colour}\">\
                 <title>{}: {}, {}</title></circle>",
                crate::plot::escape(&point.label),
                number(point.x),
                number(point.y)
            );
            if !chart.joined {
                // Labels of points near the right edge are placed to their left.
                let (at, anchor) = if px > 0.8 * WIDTH { (px - 8.0, "end") } else { (px + 8.0, "start") };
                text(&mut svg, at, py - 6.0, anchor, 11, colour, &point.label);
            }
        }
        let at = TOP + 16.0 * i as f64 + 12.0;
        line(&mut svg, (WIDTH - RIGHT - 20.0, at - 4.0), (WIDTH - RIGHT, at - 4.0), colour, 3.0);
        text(&mut svg, WIDTH - RIGHT - 26.0, at, "end", 12, INK, &series.name);
    }
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" \
         stroke-width=\"{width}\"/>"
    );
}

/// Formats a number with at most four significant digits.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_cover_their_values_and_have_round_ticks() {
        let linear = Axis::new([2.5, 4.0].into_iter(), true, (0.0, 100.0));
        assert!(!linear.log && linear.position(2.5) > 0.0 && linear.position(4.0) < 100.0);
        assert_eq!(linear.ticks(), [2.5, 3.0, 3.5, 4.0]);
        let log = Axis::new([0.001, 0.5].into_iter(), true, (0.0, 100.0));
        assert!(log.log && log.ticks().contains(&0.01));
        // Degenerate inputs: no value, zero, one value.
        for values in [vec![], vec![0.0], vec![7.0, 7.0]] {
            let axis = Axis::new(values.into_iter(), true, (0.0, 1.0));
            assert!(axis.from < axis.to && !axis.ticks().is_empty());
        }
        assert_eq!([0.0, 0.05, 2.5, 1200.0, 0.00012].map(number), ["0", "0.05", "2.5", "1200", "0.00012"]);
    }
}
