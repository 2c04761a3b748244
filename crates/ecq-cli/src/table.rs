//! Tables and number formats of the text output.

use crate::wrap::{COLUMNS, terminal_columns};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Creates a table whose first `left` columns are left-aligned and the others right-aligned. Cells wrap to
/// the width of the terminal, or to 80 columns if standard output is not a terminal.
pub fn table(headings: &[&str], left: usize) -> Table {
    let columns = terminal_columns().unwrap_or(COLUMNS);
    let mut table = list(headings, left);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    table
}

/// Creates a table of tensors: as [`table`], but cells do not wrap if standard output is not a terminal, so
/// that tensor names stay searchable.
pub fn list(headings: &[&str], left: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(columns) = terminal_columns() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    }
    table.set_header(headings.to_vec());
    for (i, column) in table.column_iter_mut().enumerate() {
        if i >= left {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Formats a number of bytes with a decimal unit and three significant digits.
pub fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{} {}", three_digits(value), units[unit]) }
}

/// Formats a number with three significant digits.
pub fn three_digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Formats a count with three significant digits and a decimal prefix (k, M, G, T).
pub fn count(n: u64) -> String {
    let (mut value, mut unit) = (n as f64, 0);
    let units = ["", " k", " M", " G", " T"];
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { n.to_string() } else { format!("{}{}", three_digits(value), units[unit]) }
}

/// Formats a number with a comma as thousands separator.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_separators() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.00 kB");
        assert_eq!(bytes(97_891_234), "97.9 MB");
        assert_eq!(bytes(999_600_000), "1.00 GB");
        assert_eq!(thousands(134_479_872), "134,479,872");
        assert_eq!(thousands(12), "12");
        assert_eq!(
            (count(999), count(4_128_768), count(8_030_261_248)),
            ("999".into(), "4.13 M".into(), "8.03 G".into())
        );
    }
}
