//! Parsers of numbers with units or ranges.

/// Parses a number of bytes with an optional unit: kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB
/// (powers of 1024).
pub fn byte_count(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1000 * 1000,
        "g" | "gb" => 1000 * 1000 * 1000,
        "t" | "tb" => 1000 * 1000 * 1000 * 1000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ if number.is_empty() => return Err("expected a size in bytes, such as 64MiB or 2GB".to_owned()),
        _ => return Err(format!("unknown unit {unit:?}; expected B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    Ok((number * factor as f64) as u64)
}

/// Smallest memory budget accepted, in bytes: no model has smaller layers.
const MIN_BUDGET: u64 = 4096;

/// Parses a memory budget: 0, or at least [`MIN_BUDGET`]. A smaller number is most likely one without its
/// unit.
pub fn budget(text: &str) -> Result<u64, String> {
    match byte_count(text)? {
        bytes @ 1..MIN_BUDGET => Err(format!(
            "{bytes} bytes hold no layer; expected 0, or 4096 bytes or more, with a unit such as 64MiB or 2GB"
        )),
        bytes => Ok(bytes),
    }
}

/// Parses a maximum number of tokens; -1 is no limit.
pub fn token_limit(text: &str) -> Result<usize, String> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(usize::MAX),
        Ok(n) => usize::try_from(n).map_err(|_| expected()),
        Err(_) => Err(expected()),
    }
}

fn expected() -> String {
    "expected a number of tokens, 0 or more, or -1 for no limit".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_counts_have_units_of_both_kinds() {
        let known = [
            ("0", 0),
            ("17", 17),
            ("64MiB", 64 << 20),
            ("2GB", 2_000_000_000),
            ("1.5 KiB", 1536),
            ("3k", 3000),
        ];
        for (text, bytes) in known {
            assert_eq!(byte_count(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "12XB", "1.2.3", "-5"] {
            assert!(byte_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_budget_without_its_unit_is_refused() {
        assert_eq!(budget("0"), Ok(0));
        assert_eq!(budget("900kB"), Ok(900_000));
        for text in ["1", "8", "4095"] {
            assert!(budget(text).unwrap_err().contains("expected 0, or 4096 bytes or more"), "{text}");
        }
    }

    #[test]
    fn a_limit_of_tokens_may_be_none() {
        assert_eq!((token_limit("0"), token_limit("12")), (Ok(0), Ok(12)));
        assert_eq!(token_limit("-1"), Ok(usize::MAX));
        for text in ["-2", "x", "1.5", ""] {
            assert!(token_limit(text).is_err(), "{text}");
        }
    }
}
