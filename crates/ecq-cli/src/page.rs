//! The HTML report of a model, a single self-contained page.

use crate::plot::{self, escape};
use crate::table::{bytes, thousands};
use ecq::GridComparison;
use ecq::analyze::Analysis;
use std::fmt::Write;

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;background:#fff;\
max-width:62rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.15rem;margin-top:2.2rem}p.facts{color:#616e7c;margin-top:.2rem}\
table{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .8rem .25rem 0;text-align:right;border-bottom:1px solid #e4e7eb}\
th{color:#616e7c;font-weight:600}td:first-child,th:first-child,.l{text-align:left}\
.ecq td{background:#e6f4fe}.noisy td{background:#ffeeee}svg{max-width:100%;height:auto}\
details summary{cursor:pointer;color:#2680c2}code{background:#f0f4f8;padding:0 .25rem;border-radius:3px}";

/// Renders the report: bits per weight by kind of tensor, histograms of codes, and a comparison of grids.
pub fn report(title: &str, format: &str, analysis: &Analysis, grids: &GridComparison) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{0}</title><style>{STYLE}</style></head>\n\
         <body>\n<h1>{0}</h1>\n",
        escape(title)
    );
    let total = &analysis.total;
    let _ = writeln!(
        page,
        "<p class=\"facts\">{format} · {} · {} weights in {} tensors · {:.3} bits per weight stored, {:.3} \
         after lossless entropy coding</p>",
        bytes(analysis.source_bytes),
        thousands(total.weights),
        total.tensors,
        total.source_bpw,
        total.bpw
    );

    page += "<h2>Bits per weight</h2>\n";
    page += "<p><b>Stored</b>: in the source file. <b>Entropy</b>: order-0 entropy of the integer codes, with \
             one frequency table per tensor. <b>Side</b>: entropy-coded scales and biases. <b>Coded</b>: codes \
             and side data in a lossless <code>.ecq</code> file.</p>\n";
    let rows = analysis.kinds.iter().chain([total]).map(|t| {
        let kind = t.kind.map_or("all".to_owned(), |kind| format!("{kind:?}").to_lowercase());
        let saved = format!("{:.1}%", 100.0 * (1.0 - t.bpw / t.source_bpw));
        let numbers = [t.source_bpw, t.entropy_bits, t.side_bpw, t.bpw].map(|bits| format!("{bits:.3}"));
        let cells =
            [vec![kind, t.tensors.to_string(), thousands(t.weights)], numbers.to_vec(), vec![saved]].concat();
        (cells, "")
    });
    table(&mut page, &["", "tensors", "weights", "stored", "entropy", "side", "coded", "saved"], 1, rows);
    page += &plot::analysis(title, analysis);

    page += "<h2>Comparison of grids</h2>\n";
    page += "<p>The block projections quantized on several grids. SQNR is the signal to quantization noise \
             ratio of the weights; one bit is about 6 dB. Compare grids at equal SQNR: with <b>one scale per \
             tensor</b> most codes are zero and the entropy is low, but so is the SQNR, and below about 10 dB a \
             model is unusable. Bits in the file include streams, tables, scales and the header.</p>\n";
    let rows = grids.grids.iter().map(|row| {
        let class = match row.sqnr_db {
            Some(db) if db < 8.0 => "noisy",
            Some(_) if row.grid.starts_with("uniform") => "ecq",
            _ => "",
        };
        let sqnr = row.sqnr_db.map_or("exact".to_owned(), |db| format!("{db:.2}"));
        let numbers = [row.entropy_bpw, row.bpw].map(|bits| format!("{bits:.3}"));
        ([vec![row.what.clone(), row.grid.clone()], numbers.to_vec(), vec![sqnr]].concat(), class)
    });
    table(&mut page, &["block projections", "grid", "entropy", "in the file", "SQNR dB"], 2, rows);
    if grids.weights < grids.all_weights {
        let _ = writeln!(
            page,
            "<p class=\"facts\">Measured on a sample of {} of {} weights.</p>",
            thousands(grids.weights),
            thousands(grids.all_weights)
        );
    }

    let _ = writeln!(page, "<details><summary>All {} tensors</summary>", analysis.tensors.len());
    let rows = analysis.tensors.iter().map(|t| {
        let numbers = [t.source_bpw, t.entropy_bits, t.side_bpw, t.bpw].map(|bits| format!("{bits:.3}"));
        let names = [t.name.clone(), t.dtype.clone(), t.coding.clone().unwrap_or_default()];
        ([names.to_vec(), vec![format!("{} × {}", t.rows, t.cols)], numbers.to_vec()].concat(), "")
    });
    table(&mut page, &["tensor", "type", "coding", "shape", "stored", "entropy", "side", "coded"], 3, rows);
    let _ = writeln!(
        page,
        "</details>\n<p class=\"facts\">Written by ecq {}.</p>\n</body></html>",
        env!("CARGO_PKG_VERSION")
    );
    page
}

/// Appends a table whose first `left` columns are left-aligned.
fn table(
    page: &mut String,
    headings: &[&str],
    left: usize,
    rows: impl Iterator<Item = (Vec<String>, &'static str)>,
) {
    let class = |column: usize| if column < left { " class=\"l\"" } else { "" };
    page.push_str("<table><tr>");
    for (column, heading) in headings.iter().enumerate() {
        let _ = write!(page, "<th{}>{heading}</th>", class(column));
    }
    page.push_str("</tr>\n");
    for (cells, row_class) in rows {
        let _ = write!(page, "<tr class=\"{row_class}\">");
        for (column, cell) in cells.iter().enumerate() {
            let _ = write!(page, "<td{}>{}</td>", class(column), escape(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}
