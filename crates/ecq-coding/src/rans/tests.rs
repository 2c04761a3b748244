use super::*;
use crate::error::CodingError;
use crate::layout::{Layout, Order};
use crate::panel;
use crate::simd::Isa;
use crate::table::{Counts, FrequencyTable};

/// Symbols with a skewed distribution that touches the whole alphabet.
fn symbols(n: usize, alphabet: usize, seed: u64) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x >> 11
    };
    (0..n)
        .map(|_| {
            let sum: u64 = (0..4).map(|_| next() % alphabet as u64).sum();
            (sum / 4) as u8
        })
        .collect()
}

const LANES: [usize; 12] = [1, 2, 3, 8, 16, 17, 31, 32, 64, 100, 128, 256];

fn layouts() -> Vec<Layout> {
    let mut all = Vec::new();
    for (rows, cols) in
        [(1, 1), (1, 7), (3, 5), (32, 64), (33, 65), (64, 100), (70, 576), (128, 576), (5, 1000)]
    {
        for lanes in LANES {
            for order in [Order::Rows, Order::Interleaved] {
                all.push(Layout::new(rows, cols, lanes, order).unwrap());
            }
        }
    }
    all
}

/// The oracle: a plain decoder, one symbol after the other.
fn oracle_decode(table: &FrequencyTable, bytes: &[u8], layout: Layout) -> Vec<u8> {
    oracle_decode_by(&|_, _| table, bytes, layout)
}

/// As [`oracle_decode`]; `table` returns the table of a row and a column.
fn oracle_decode_by<'a>(
    table: &dyn Fn(usize, usize) -> &'a FrequencyTable,
    bytes: &[u8],
    layout: Layout,
) -> Vec<u8> {
    let precision = table(0, 0).precision();
    let mask = (1u64 << precision) - 1;
    let lanes = layout.lanes_used();
    let mut states: Vec<u64> =
        (0..lanes).map(|l| u32::from_le_bytes(bytes[4 * l..4 * l + 4].try_into().unwrap()).into()).collect();
    let mut words =
        bytes[4 * lanes..].chunks(2).map(|w| u64::from(u16::from_le_bytes(w.try_into().unwrap())));
    let (rows, cols) = (layout.rows, layout.cols);
    let mut out = vec![0; rows * cols];
    // Every symbol in decoding order, as (row, column, lane).
    let order: Vec<(usize, usize, usize)> = match layout.order {
        Order::Interleaved => (0..rows * cols).map(|i| (i / cols, i % cols, i % layout.lanes)).collect(),
        Order::Rows => (0..rows.div_ceil(layout.lanes))
            .flat_map(|group| (0..cols).map(move |col| (group, col)))
            .flat_map(|(group, col)| {
                (0..layout.lanes).map(move |lane| (group * layout.lanes + lane, col, lane))
            })
            .filter(|&(row, _, _)| row < rows)
            .collect(),
    };
    for (row, col, lane) in order {
        let entry = crate::alias::Slots::new(table(row, col)).entry((states[lane] & mask) as u32);
        let rank = (states[lane] + u64::from(entry.bias)) & mask;
        states[lane] = u64::from(entry.frequency) * (states[lane] >> precision) + rank;
        if states[lane] < 1 << 16 {
            states[lane] = states[lane] << 16 | words.next().unwrap();
        }
        out[row * cols + col] = entry.symbol;
    }
    assert!(states.iter().all(|&s| s == 1 << 16) && words.next().is_none());
    out
}

/// Decodes to panels, a row of each lane at a time.
fn by_panels(mut reader: Reader, layout: Layout) -> Vec<u8> {
    let stride = panel::bytes(layout.cols) + 64;
    let mut out = Vec::new();
    let mut panels = vec![0xee; layout.lanes.div_ceil(panel::ROWS) * stride];
    while reader.remaining_rows() > 0 {
        for row in 0..reader.read_panels(&mut panels, stride).unwrap() {
            let panel = &panels[row / panel::ROWS * stride..];
            out.extend((0..layout.cols).map(|col| panel[panel::offset(row % panel::ROWS, col)]));
        }
    }
    assert!(panels.chunks(stride).all(|panel| panel[stride - 64..] == [0xee; 64]));
    out
}

/// Decodes a few rows at a time, with gaps between the rows in every other step.
fn in_steps(mut reader: Reader, layout: Layout) -> Vec<u8> {
    let mut out = Vec::new();
    let mut step = if layout.order == Order::Rows { layout.lanes } else { 1 };
    while reader.remaining_rows() > 0 {
        let rows = step.min(reader.remaining_rows());
        let stride = layout.cols + step % 2;
        let mut some = vec![0xee; rows * stride];
        reader.read_rows(rows, &mut some, stride).unwrap();
        some.chunks(stride).for_each(|row| out.extend(&row[..layout.cols]));
        step += if layout.order == Order::Rows { layout.lanes } else { 1 };
    }
    out
}

#[test]
fn missing_rows_are_refused() {
    let layout = Layout::new(5, 3, 2, Order::Rows).unwrap();
    let symbols = symbols(15, 4, 1);
    let table = FrequencyTable::new(&Counts::of(&symbols), 4, 12).unwrap();
    let bytes = Encoder::new(&table).encode(&symbols, 3, layout).unwrap();
    let decoder = Decoder::new(&table);
    let mut reader = decoder.open(&bytes, layout).unwrap();
    for rows in [0, 1, 3, 6] {
        let refused = reader.read_rows(rows, &mut [0; 18], 3);
        assert!(matches!(refused, Err(CodingError::Parameter { what: "rows to decode", .. })), "{rows}");
    }
    reader.read_rows(4, &mut [0; 12], 3).unwrap();
    reader.read_rows(1, &mut [0; 3], 3).unwrap();
    assert!(reader.read_rows(1, &mut [0; 3], 3).is_err());
}

#[test]
fn every_instruction_set_agrees_with_the_oracle() {
    let mut runs = 0;
    let all = layouts();
    let layouts = crate::emulation::cases("layouts", all.iter().enumerate().collect(), 5);
    // A third of the layouts for each alphabet and precision, such that every pair of an alphabet, a
    // precision and a layout occurs; emulated, all of those that are left.
    let share = if layouts.len() == all.len() { 3 } else { 1 };
    let lanes_and_orders = 2 * LANES.len();
    for (a, alphabet) in [2usize, 16, 17, 32, 33, 256].into_iter().enumerate() {
        for (p, precision) in [8u8, 12, 13, 14].into_iter().enumerate() {
            for &(l, &layout) in &layouts {
                if !(a + p + l + l / lanes_and_orders).is_multiple_of(share) {
                    continue;
                }
                let symbols = symbols(layout.symbols(), alphabet, layout.lanes as u64 + alphabet as u64);
                let table = FrequencyTable::new(&Counts::of(&symbols), alphabet as u16, precision).unwrap();
                let bytes = Encoder::new(&table).encode(&symbols, layout.cols, layout).unwrap();
                if layout.symbols() < 8000 {
                    assert_eq!(oracle_decode(&table, &bytes, layout), symbols, "oracle {layout:?}");
                }
                for isa in Isa::supported() {
                    // The bytes between rows must stay.
                    let stride = layout.cols + 3;
                    let mut out = vec![0xee; stride * layout.rows];
                    Decoder::with_isa(&table, isa).decode(&bytes, layout, &mut out, stride).unwrap();
                    for (row, expected) in out.chunks(stride).zip(symbols.chunks(layout.cols)) {
                        assert_eq!(&row[..layout.cols], expected, "{isa:?} {layout:?}");
                        assert_eq!(row[layout.cols..], [0xee; 3]);
                    }
                    let mut out = vec![0xee; symbols.len()];
                    Decoder::with_isa(&table, isa).decode(&bytes, layout, &mut out, layout.cols).unwrap();
                    assert_eq!(out, symbols, "{isa:?} {layout:?}");
                    let decoder = Decoder::with_isa(&table, isa);
                    assert_eq!(in_steps(decoder.open(&bytes, layout).unwrap(), layout), symbols);
                    if layout.order == Order::Rows {
                        let reader = decoder.open(&bytes, layout).unwrap();
                        assert_eq!(by_panels(reader, layout), symbols, "{isa:?} {layout:?}");
                    }
                    runs += 1;
                }
            }
        }
    }
    println!("{runs} decodes, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn rate_is_within_half_a_percent_of_the_cross_entropy() {
    for alphabet in [16usize, 24, 256] {
        let layout = Layout::new(1536, 576, 32, Order::Interleaved).unwrap();
        let symbols = symbols(layout.symbols(), alphabet, 1);
        let counts = Counts::of(&symbols);
        let table = FrequencyTable::new(&counts, alphabet as u16, 12).unwrap();
        let bits = 8 * Encoder::new(&table).encode(&symbols, 576, layout).unwrap().len();
        assert!((bits as f64) < 1.005 * table.cost_bits(&counts), "{alphabet}");
        assert!(table.cross_entropy_bits(&counts) < 1.005 * counts.entropy_bits());
    }
}

#[test]
fn damaged_streams_are_refused() {
    let layout = Layout::new(40, 50, 32, Order::Rows).unwrap();
    let symbols = symbols(2000, 16, 5);
    let table = FrequencyTable::new(&Counts::of(&symbols), 16, 12).unwrap();
    let bytes = Encoder::new(&table).encode(&symbols, 50, layout).unwrap();
    for isa in Isa::supported() {
        let decoder = Decoder::with_isa(&table, isa);
        let decode = |bytes: &[u8]| decoder.decode(bytes, layout, &mut vec![0; 2000], 50);
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
        assert!(matches!(decode(&bytes[..9]), Err(CodingError::Truncated { what: "rANS start states", .. })));
        let mut longer = bytes.clone();
        longer.extend([0, 0]);
        assert!(matches!(decode(&longer), Err(CodingError::TrailingBytes { remaining: 2, .. })));
        let mut flipped = bytes.clone();
        let last = flipped.len() - 1;
        flipped[last] ^= 0x10;
        assert!(decode(&flipped).is_err());
        let mut zeros = vec![0; bytes.len()];
        assert!(decode(&zeros).is_err());
        zeros.fill(0xff);
        assert!(decode(&zeros).is_err());
    }
    let short = Decoder::new(&table).decode(&bytes, layout, &mut [0; 1999], 50);
    assert!(matches!(short, Err(CodingError::Parameter { .. })));
    let missing = FrequencyTable::new(&Counts::of(&[1, 2]), 16, 12).unwrap();
    assert!(matches!(
        Encoder::new(&missing).encode(&[1, 2, 5], 3, Layout::new(1, 3, 1, Order::Rows).unwrap()),
        Err(CodingError::UncodedSymbol { symbol: 5, .. })
    ));
}

/// Returns a matrix of 80 x 600 symbols, whose range grows with their class, with its tables and classes.
fn matrix_with_classes(
    alphabet: usize,
    precision: u8,
    [r, c]: [usize; 2],
) -> (Vec<u8>, Vec<FrequencyTable>, Classes) {
    let (rows, cols) = (MATRIX[0], MATRIX[1]);
    let class_of = |i: usize, classes: usize| ((i * 7 + i / 5) % classes) as u8;
    let row_classes: Vec<u8> = (0..rows).map(|row| class_of(row, r)).collect();
    let col_classes: Vec<u8> = (0..cols).map(|col| class_of(col, c)).collect();
    // Pairs of equal sum share a table, the last two sums too.
    let tables: Vec<u8> =
        (0..r * c).map(|pair| (pair / c + pair % c).min((r + c - 2).max(2) - 1) as u8).collect();
    let count = usize::from(*tables.iter().max().unwrap()) + 1;
    let classes = Classes::new([r, c], row_classes, col_classes, None, tables).unwrap();
    let mut counts = vec![Counts::default(); count];
    let mut symbols = symbols(rows * cols, alphabet, (alphabet + r * 8 + c) as u64);
    for (i, symbol) in symbols.iter_mut().enumerate() {
        let table = classes.table(i / cols, i % cols, 0);
        *symbol = (usize::from(*symbol) * (table + 1) / count) as u8;
        counts[table].push(*symbol);
    }
    let table = |c: &Counts| FrequencyTable::new(c, alphabet as u16, precision).unwrap();
    (symbols, counts.iter().map(table).collect(), classes)
}

const MATRIX: [usize; 2] = [80, 600];

#[test]
fn classes_decode_as_the_oracle_does_on_every_instruction_set() {
    let mut runs = 0;
    for (alphabet, precision) in
        [(2, 8), (5, 12), (16, 12), (17, 10), (33, 12), (256, 12), (16, 13), (40, 14)]
    {
        for counts in [[1, 1], [1, 8], [8, 1], [2, 3], [4, 4], [8, 8]] {
            let (symbols, tables, classes) = matrix_with_classes(alphabet, precision, counts);
            let encoder = Encoder::with_classes(&tables, classes.clone()).unwrap();
            let decoders = Isa::supported();
            let decoders: Vec<Decoder> = decoders
                .map(|isa| Decoder::with_classes_and_isa(&tables, classes.clone(), isa).unwrap())
                .collect();
            for (rows, cols, lanes, origin) in [
                (1, 1, 1, [79, 599]),
                (3, 5, 2, [4, 8]),
                (64, 100, 32, [0, 0]),
                (70, 576, 32, [10, 24]),
                (80, 600, 16, [0, 0]),
                (33, 131, 64, [17, 300]),
                (9, 200, 8, [50, 13]),
                (20, 64, 31, [60, 100]),
            ] {
                for order in [Order::Rows, Order::Interleaved] {
                    let layout = Layout::new(rows, cols, lanes, order).unwrap();
                    let from = &symbols[origin[0] * MATRIX[1] + origin[1]..];
                    let expected: Vec<u8> =
                        (0..rows).flat_map(|row| &from[row * MATRIX[1]..][..cols]).copied().collect();
                    let bytes = encoder.encode_at(origin, from, MATRIX[1], layout).unwrap();
                    if layout.symbols() < 1000 {
                        let table = |row, col| &tables[classes.table(origin[0] + row, origin[1] + col, 0)];
                        assert_eq!(oracle_decode_by(&table, &bytes, layout), expected, "oracle {layout:?}");
                    }
                    for decoder in &decoders {
                        let mut out = vec![0xee; rows * (cols + 3)];
                        decoder.decode_at(origin, &bytes, layout, &mut out, cols + 3).unwrap();
                        for (row, expected) in out.chunks(cols + 3).zip(expected.chunks(cols)) {
                            assert_eq!(&row[..cols], expected, "{layout:?} {counts:?}");
                            assert_eq!(row[cols..], [0xee; 3]);
                        }
                        let mut out = vec![0; rows * cols];
                        decoder.decode_at(origin, &bytes, layout, &mut out, cols).unwrap();
                        assert_eq!(out, expected, "{layout:?} {counts:?}");
                        let reader = decoder.open_at(origin, &bytes, layout).unwrap();
                        assert_eq!(in_steps(reader, layout), expected, "{layout:?} {counts:?}");
                        if order == Order::Rows {
                            let reader = decoder.open_at(origin, &bytes, layout).unwrap();
                            assert_eq!(by_panels(reader, layout), expected, "{layout:?} {counts:?}");
                        }
                        runs += 1;
                    }
                }
            }
        }
    }
    println!("{runs} decodes, instruction sets up to {:?}", Isa::detect());
}

/// As [`matrix_with_classes`], with two tables for each pair of classes, which branch bits select; also
/// returns the branch bits.
fn matrix_with_branches(
    alphabet: usize,
    [r, c]: [usize; 2],
    rule: Branches,
) -> (Vec<u8>, Vec<FrequencyTable>, Classes, Vec<u8>) {
    let (mut symbols, _, classes) = matrix_with_classes(alphabet, 11, [r, c]);
    let count = 2 * r * c;
    let tables = (0..count as u8).collect();
    let (rows, cols) = (classes.rows().to_vec(), classes.cols().to_vec());
    let classes = Classes::new([r, c], rows, cols, Some(rule), tables).unwrap();
    let mut counts = vec![Counts::default(); count];
    let mut bits = vec![0; symbols.len()];
    for i in 0..symbols.len() {
        let at = i % MATRIX[1] % rule.restart;
        let parity = |symbol: u8| u8::from((symbol % 2 == 1) != rule.inverted);
        let one = if at < rule.lag { 0 } else { parity(symbols[i - rule.lag]) };
        bits[i] = (one + if at < 2 * rule.lag { 0 } else { bits[i - 2 * rule.lag] }) % 2;
        // A branch bit of one moves the distribution.
        symbols[i] = symbols[i].saturating_sub(bits[i]);
        counts[classes.table(i / MATRIX[1], i % MATRIX[1], bits[i])].push(symbols[i]);
    }
    let table = |c: &Counts| FrequencyTable::new(c, alphabet as u16, 11).unwrap();
    (symbols, counts.iter().map(table).collect(), classes, bits)
}

#[test]
fn branch_bits_select_tables_on_every_instruction_set() {
    let mut runs = 0;
    for (lag, restart) in [(4, 24), (12, 72), (12, 600), (16, 48), (3, 9), (1, 600)] {
        for (alphabet, counts) in [(5, [1, 1]), (33, [2, 3]), (128, [8, 8])] {
            let rule = Branches { lag, restart, inverted: alphabet == 33 };
            let (symbols, tables, classes, bits) = matrix_with_branches(alphabet, counts, rule);
            let encoder = Encoder::with_classes(&tables, classes.clone()).unwrap();
            let decoder = |isa| Decoder::with_classes_and_isa(&tables, classes.clone(), isa).unwrap();
            let decoders: Vec<Decoder> = Isa::supported().map(decoder).collect();
            let all = [
                (1, 1, 1, [79, 0]),
                (64, 600, 32, [0, 0]),
                (70, 100, 32, [10, restart % 600]),
                (33, 131, 64, [17, 2 * restart % 600]),
                (9, 200, 8, [50, 0]),
                (20, 64, 31, [60, 0]),
                (7, 600, 200, [3, 0]),
            ];
            for (rows, cols, lanes, origin) in all {
                let layout = Layout::new(rows, cols, lanes, Order::Rows).unwrap();
                let from = &symbols[origin[0] * MATRIX[1] + origin[1]..];
                let expected: Vec<u8> =
                    (0..rows).flat_map(|row| &from[row * MATRIX[1]..][..cols]).copied().collect();
                let bytes = encoder.encode_at(origin, from, MATRIX[1], layout).unwrap();
                if layout.symbols() < 2000 {
                    let table = |row: usize, col: usize| {
                        let (row, col) = (origin[0] + row, origin[1] + col);
                        &tables[classes.table(row, col, bits[row * MATRIX[1] + col])]
                    };
                    assert_eq!(oracle_decode_by(&table, &bytes, layout), expected, "oracle {layout:?}");
                }
                for decoder in &decoders {
                    let mut out = vec![0; rows * cols];
                    decoder.decode_at(origin, &bytes, layout, &mut out, cols).unwrap();
                    assert_eq!(out, expected, "{layout:?} {rule:?}");
                    let reader = decoder.open_at(origin, &bytes, layout).unwrap();
                    assert_eq!(in_steps(reader, layout), expected, "{layout:?} {rule:?}");
                    let reader = decoder.open_at(origin, &bytes, layout).unwrap();
                    assert_eq!(by_panels(reader, layout), expected, "{layout:?} {rule:?}");
                    runs += 1;
                }
            }
        }
    }
    println!("{runs} decodes, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn two_tiles_decode_together_as_alone() {
    // Rows of the first tile and of the second one, columns, lanes.
    let shapes =
        [(32, 32, 600, 32), (32, 32, 72, 16), (16, 16, 600, 8), (32, 33, 600, 32), (24, 24, 144, 64)];
    for (branches, alphabet, counts) in [(false, 11, [1, 1]), (true, 33, [2, 3])] {
        let rule = Branches { lag: 12, restart: 72, inverted: true };
        let (symbols, tables, classes) = if branches {
            let (symbols, tables, classes, _) = matrix_with_branches(alphabet, counts, rule);
            (symbols, tables, classes)
        } else {
            matrix_with_classes(alphabet, 11, counts)
        };
        let encoder = Encoder::with_classes(&tables, classes.clone()).unwrap();
        for isa in Isa::supported() {
            let decoder = Decoder::with_classes_and_isa(&tables, classes.clone(), isa).unwrap();
            for (first, second, cols, lanes) in shapes {
                let tiles = [(0, first), (first, second)].map(|(row, rows)| {
                    let layout = Layout::new(rows, cols, lanes, Order::Rows).unwrap();
                    let bytes = encoder.encode_at([row, 0], &symbols[row * MATRIX[1]..], MATRIX[1], layout);
                    (row, layout, bytes.unwrap())
                });
                let open = |i: usize| {
                    let (row, layout, bytes) = &tiles[i];
                    decoder.open_at([*row, 0], bytes, *layout).unwrap()
                };
                let stride = panel::bytes(cols);
                let panels = || vec![0; lanes.div_ceil(panel::ROWS) * stride];
                let (mut alone, mut together) = ([open(0), open(1)], [open(0), open(1)]);
                while together.iter().all(|reader| reader.remaining_rows() > 0) {
                    let mut expected = [panels(), panels()];
                    let rows: Vec<usize> =
                        (0..2).map(|i| alone[i].read_panels(&mut expected[i], stride).unwrap()).collect();
                    let mut found = [panels(), panels()];
                    let [one, two] = &mut together;
                    let [low, high] = &mut found;
                    let decoded = Reader::read_panels_of_two([one, two], [low, high], stride).unwrap();
                    assert_eq!(decoded[..], rows[..]);
                    assert!(found == expected, "{first} and {second} rows, {cols} columns, {lanes} lanes");
                }
                // A stream that is cut is an error of its tile.
                let (_, layout, bytes) = &tiles[1];
                let mut cut = decoder.open_at([first, 0], &bytes[..bytes.len() - 2], *layout).unwrap();
                let mut whole = open(0);
                let mut out = [panels(), panels()];
                let error = loop {
                    let [low, high] = &mut out;
                    match Reader::read_panels_of_two([&mut whole, &mut cut], [low, high], stride) {
                        Err(error) => break Some(error),
                        Ok(_) if whole.remaining_rows() == 0 || cut.remaining_rows() == 0 => break None,
                        Ok(_) => {}
                    }
                };
                assert!(matches!(error, Some((1, _))) || cut.remaining_rows() > 0, "{error:?}");
            }
        }
    }
}

#[test]
fn tiles_and_rules_that_branch_bits_do_not_fit_are_refused() {
    let rule = Branches { lag: 4, restart: 24, inverted: false };
    let (symbols, tables, classes, _) = matrix_with_branches(9, [1, 1], rule);
    let encoder = Encoder::with_classes(&tables, classes.clone()).unwrap();
    let decoder = Decoder::with_classes(&tables, classes).unwrap();
    let rows = Layout::new(4, 48, 2, Order::Rows).unwrap();
    let interleaved = Layout::new(4, 48, 2, Order::Interleaved).unwrap();
    for (origin, layout) in [([0, 12], rows), ([0, 0], interleaved)] {
        let encoded = encoder.encode_at(origin, &symbols, MATRIX[1], layout);
        assert!(matches!(encoded, Err(CodingError::Parameter { what: "tile", .. })));
        let opened = decoder.open_at(origin, &[0; 64], layout);
        assert!(matches!(opened, Err(CodingError::Parameter { what: "tile", .. })));
    }
    for (lag, restart) in [(0, 24), (4, 0), (4, 26)] {
        let rule = Some(Branches { lag, restart, inverted: false });
        let refused = Classes::new([1, 1], vec![0], vec![0], rule, vec![0, 0]);
        assert!(matches!(refused, Err(CodingError::Parameter { what: "restart of branches", .. })));
    }
    let refused = Classes::new([1, 1], vec![0], vec![0], Some(rule), vec![0]);
    assert!(matches!(refused, Err(CodingError::Parameter { what: "tables of classes", .. })));
}

#[test]
fn one_class_gives_the_stream_of_its_table() {
    let layout = Layout::new(80, 600, 32, Order::Rows).unwrap();
    let (symbols, tables, classes) = matrix_with_classes(16, 12, [1, 1]);
    let bytes = Encoder::with_classes(&tables, classes).unwrap().encode(&symbols, 600, layout).unwrap();
    assert_eq!(bytes, Encoder::new(&tables[0]).encode(&symbols, 600, layout).unwrap());
}

#[test]
fn invalid_classes_are_refused() {
    use CodingError as E;
    let of = |counts, rows: &[u8], cols: &[u8], tables: &[u8]| {
        Classes::new(counts, rows.to_vec(), cols.to_vec(), None, tables.to_vec())
    };
    let sound = of([2, 3], &[0, 1, 1], &[2, 1, 0, 0], &[0, 1, 1, 0, 1, 0]).unwrap();
    assert!(matches!(of([0, 3], &[], &[], &[]), Err(E::Parameter { what: "classes of rows", .. })));
    assert!(matches!(of([1, 9], &[], &[], &[]), Err(E::Parameter { what: "classes of columns", .. })));
    assert!(matches!(
        of([2, 1], &[0, 2], &[0], &[0, 0]),
        Err(E::ClassOutOfRange { what: "classes of rows", index: 1, class: 2, classes: 2 })
    ));
    assert!(matches!(
        of([1, 2], &[0], &[0, 1, 7], &[0, 0]),
        Err(E::ClassOutOfRange { what: "classes of columns", index: 2, class: 7, classes: 2 })
    ));
    assert!(matches!(of([1, 2], &[0], &[0], &[0]), Err(E::Parameter { what: "tables of classes", .. })));

    let table = |precision| FrequencyTable::new(&Counts::of(&[1, 2, 3]), 4, precision).unwrap();
    let with = |tables: &[FrequencyTable]| {
        let decoder = Decoder::with_classes(tables, sound.clone()).map(drop);
        assert_eq!(decoder, Encoder::with_classes(tables, sound.clone()).map(drop));
        decoder
    };
    with(&[table(12), table(12)]).unwrap();
    assert!(matches!(with(&[]), Err(E::MissingTable { pair: 0, table: 0, tables: 0 })));
    assert!(matches!(with(&[table(12)]), Err(E::MissingTable { pair: 1, table: 1, tables: 1 })));
    assert!(matches!(with(&vec![table(12); 7]), Err(E::Parameter { what: "tables", .. })));
    assert!(matches!(
        with(&[table(12), table(11)]),
        Err(E::MixedPrecision { table: 1, found: 11, expected: 12 })
    ));

    let tables = [table(12), table(12)];
    let encoder = Encoder::with_classes(&tables, sound.clone()).unwrap();
    let decoder = Decoder::with_classes(&tables, sound).unwrap();
    let layout = Layout::new(2, 3, 2, Order::Rows).unwrap();
    let bytes = encoder.encode_at([1, 1], &[1; 6], 3, layout).unwrap();
    decoder.decode_at([1, 1], &bytes, layout, &mut [0; 6], 3).unwrap();
    for origin in [[2, 1], [1, 2], [usize::MAX, 0]] {
        let outside = |r: Result<(), E>| matches!(r, Err(E::Parameter { what: "tile", .. }));
        assert!(outside(encoder.encode_at(origin, &[1; 6], 3, layout).map(drop)));
        assert!(outside(decoder.open_at(origin, &bytes, layout).map(drop)));
    }
    for len in 0..bytes.len() {
        assert!(decoder.decode_at([1, 1], &bytes[..len], layout, &mut [0; 6], 3).is_err());
    }
}
