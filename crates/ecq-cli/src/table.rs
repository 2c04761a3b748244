//! Tables and numbers as a person reads them.

use crate::wrap::{COLUMNS, terminal_columns};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table with these headings; all columns but the first `left` are numbers. Cells fold where the terminal,
/// or a page of 80 columns, is narrower.
pub fn table(headings: &[&str], left: usize) -> Table {
    let columns = terminal_columns().unwrap_or(COLUMNS);
    let mut table = list(headings, left);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    table
}

/// A table with a row for each tensor: cells fold on a terminal only, so that other programs find the names.
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

/// Bytes with a decimal unit and three digits.
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

/// A number with three significant digits.
pub fn three_digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A count with three digits and a letter for its size.
pub fn count(n: u64) -> String {
    let (mut value, mut unit) = (n as f64, 0);
    let units = ["", " k", " M", " G", " T"];
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { n.to_string() } else { format!("{}{}", three_digits(value), units[unit]) }
}

/// A number with thousands apart.
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
    fn numbers_read_well() {
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
