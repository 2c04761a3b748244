//! Integers of matrices of every coding, tile and number of lanes, exact.

use super::Subject;
use super::harness::{Harness, compute};
use super::queues::assert_names_tensor;
use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_codec::{CodesEntry, tile_layout};
use ecq_coding::{Counts, FrequencyTable, rans};
use ecq_core::{
    Codes, Coding, EncodedTensor, FloatType, FloatVec, Grid, Outlier, TensorKind, TensorPart, TrellisRows,
    UniformRows,
};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{Command, Rows};
use ecq_runtime::{Matrix, MatrixStorage, Residence, RuntimeError};

/// A coded matrix whose steps are 1, so that its weights are integers.
struct Case {
    shape: [usize; 2],
    alphabet: u16,
    /// Lag and restart of a trellis grid.
    trellis: Option<[u32; 2]>,
    coding: Coding,
    tile: TileChoice,
    lanes: Option<u16>,
    classes: ClassChoice,
    tables: usize,
    /// Precision of the table in place of the encoder's choice.
    precision: Option<u8>,
}

impl Case {
    fn new(coding: Coding, tile: TileChoice, lanes: Option<u16>) -> Self {
        let (classes, tables) = (ClassChoice::Off, 1);
        let (shape, alphabet, trellis, precision) = ([50, 96], 16, None, None);
        Self { shape, alphabet, trellis, coding, tile, lanes, classes, tables, precision }
    }

    fn name(&self) -> String {
        let Self { shape: [rows, cols], alphabet, coding, tile, lanes, classes, tables, .. } = self;
        let mut name = format!("{} {tile:?}, {rows} x {cols}, alphabet {alphabet}", coding.name());
        for (what, value) in [
            ("lanes", lanes.map(|lanes| format!("{lanes}"))),
            ("trellis", self.trellis.map(|[lag, restart]| format!("{lag}x{restart}"))),
            ("classes", (*classes != ClassChoice::Off).then(|| format!("{classes:?}"))),
            ("tables", (*tables > 1).then(|| format!("{tables}"))),
            ("precision", self.precision.map(|precision| format!("{precision}"))),
        ] {
            name += &value.map_or(String::new(), |value| format!(", {what} {value}"));
        }
        name
    }

    fn codes(&self, numbers: &mut Numbers) -> Codes {
        let [rows, cols] = self.shape;
        let (middle, last) = (0.5 * f32::from(self.alphabet), f32::from(self.alphabet) - 1.0);
        let symbols = (0..rows * cols).map(|i| {
            // Wide and narrow rows and columns, for classes and tables.
            let scale = [0.05, 0.3][i / cols / 7 % 2] * [1.0, 0.4, 0.7][i % cols % 3];
            (numbers.normal() * scale * middle + middle).clamp(0.0, last) as u8
        });
        Codes::new(rows, cols, self.alphabet, symbols.collect()).unwrap()
    }

    fn grid(&self, codes: &Codes) -> Grid {
        let [rows, cols] = self.shape;
        // An outlier's code is the nearest one in the alphabet.
        let last = codes.symbols().iter().rposition(|&symbol| u16::from(symbol) + 1 == self.alphabet);
        let outlier = last.map(|index| Outlier { index: index as u64, delta: 40 });
        let uniform = UniformRows {
            zero: (self.alphabet / 2) as u8,
            steps: FloatVec::from_f32(FloatType::F16, &vec![1.0; rows]),
            col_scales: None,
            levels: None,
            outliers: outlier.filter(|_| cols > 40).into_iter().collect(),
        };
        match self.trellis {
            None => Grid::UniformRows(uniform),
            Some([lag, restart]) => Grid::TrellisRows(TrellisRows { uniform, lag: lag as u16, restart }),
        }
    }

    fn matrix(&self, numbers: &mut Numbers) -> Matrix {
        let codes = self.codes(numbers);
        let options = EncodeOptions {
            coding: CodingChoice::Only(self.coding),
            tile: self.tile,
            lanes: self.lanes,
            classes: self.classes,
            tables: self.tables,
            hybrid_percent: 0.0,
        };
        let (mut tensor, _) = encode(TensorKind::Linear, &codes, &self.grid(&codes), &options).unwrap();
        if let Some(precision) = self.precision {
            tensor = with_precision(tensor, &codes, precision);
        }
        assert_eq!(CodesEntry::of(&tensor).unwrap().coding, self.coding, "{}", self.name());
        Matrix { name: self.name(), shape: self.shape, storage: MatrixStorage::Codes(tensor) }
    }
}

/// Encodes tiles of rANS again, with a table of another precision.
fn with_precision(tensor: EncodedTensor, codes: &Codes, precision: u8) -> EncodedTensor {
    let entry = CodesEntry::of(&tensor).unwrap();
    let [rows, cols] = tensor.shape();
    let table = FrequencyTable::new(&Counts::of(codes.symbols()), codes.alphabet(), precision).unwrap();
    let (mut index, mut stream) = (Vec::new(), Vec::new());
    for tile in 0..entry.tile.count(rows, cols) {
        let (row, col, tile_rows, tile_cols) = entry.tile.place(tile, rows, cols);
        let layout = tile_layout(entry.tile, tile_rows, tile_cols).unwrap();
        let symbols = &codes.symbols()[row * cols + col..];
        let bytes = rans::Encoder::new(&table).encode(symbols, cols, layout).unwrap();
        index.extend((bytes.len() as u32).to_le_bytes());
        stream.extend(bytes);
    }
    let (head, mut parts) = tensor.into_parts();
    parts.insert(TensorPart::Table, [vec![0], table.to_bytes()].concat().into());
    parts.insert(TensorPart::Index, index.into());
    parts.insert(TensorPart::Stream, stream.into());
    EncodedTensor::new(head, parts).unwrap()
}

/// Every way to divide rANS streams, and every way to choose tables.
fn rans_cases() -> Vec<Case> {
    use TileChoice::{Auto, Block, Matrix, Row, Rows as RowsOf};
    let case = |tile, lanes| Case::new(Coding::Rans, tile, lanes);
    let mut all = Vec::new();
    for tile in [Auto, Matrix, Row, RowsOf(48), RowsOf(7), Block(20, 24), Block(7, 33)] {
        all.push(case(tile, None));
    }
    for lanes in [1, 2, 3, 8, 31, 33, 100, 256] {
        all.push(case(Auto, Some(lanes)));
        all.push(case(Matrix, Some(lanes)));
    }
    all.push(case(RowsOf(20), Some(5)));
    all.push(case(Row, Some(1)));
    for shape in [[1, 1], [1, 300], [33, 67], [129, 17], [300, 3], [17, 260]] {
        all.push(Case { shape, ..case(Auto, None) });
        all.push(Case { shape, ..case(Block(16, 64), Some(8)) });
    }
    for alphabet in [2, 3, 13, 100, 256] {
        all.push(Case { alphabet, ..case(RowsOf(32), None) });
    }
    for precision in [8, 13, 14] {
        all.push(Case { precision: Some(precision), ..case(RowsOf(48), None) });
        all.push(Case { precision: Some(precision), ..case(Matrix, Some(7)) });
    }
    for tile in [RowsOf(4), Block(10, 24)] {
        all.push(Case { tables: 8, ..case(tile, None) });
    }
    let classes = ClassChoice::Only([2, 3]);
    for (tile, lanes) in [(RowsOf(32), None), (RowsOf(9), Some(4)), (Matrix, None), (Block(20, 24), Some(40))]
    {
        all.push(Case { classes, ..case(tile, lanes) });
    }
    for trellis in [[4, 8], [12, 24], [36, 72], [8, 96]] {
        let trellis = Some(trellis);
        all.push(Case { trellis, ..case(RowsOf(32), None) });
        all.push(Case { trellis, classes, ..case(RowsOf(48), None) });
        all.push(Case { trellis, classes, alphabet: 128, ..case(Auto, Some(3)) });
    }
    all.push(Case { trellis: Some([12, 24]), classes, shape: [70, 101], ..case(Auto, Some(64)) });
    all.push(Case { trellis: Some([12, 24]), shape: [70, 101], ..case(Matrix, None) });
    all
}

/// Tuples of one to four symbols; packed codes and the tuple coding have no choice of tiles.
fn other_cases() -> Vec<Case> {
    use TileChoice::{Auto, Block, Matrix, Row, Rows as RowsOf};
    let case = |tile, lanes| Case::new(Coding::Prefix, tile, lanes);
    let mut all = Vec::new();
    for alphabet in [2, 5, 16, 40, 200] {
        for (tile, lanes) in [(Auto, None), (Matrix, None), (Row, Some(3)), (Block(20, 24), None)] {
            all.push(Case { alphabet, ..case(tile, lanes) });
        }
    }
    for lanes in [1, 7, 100, 256] {
        all.push(case(RowsOf(48), Some(lanes)));
        all.push(case(Matrix, Some(lanes)));
    }
    for shape in [[1, 1], [1, 300], [33, 67], [129, 17], [300, 3]] {
        all.push(Case { shape, alphabet: 6, ..case(Auto, None) });
        all.push(Case { shape, ..case(Block(16, 63), Some(8)) });
    }
    // Tiles whose tuples have different lengths.
    all.push(Case { tables: 8, shape: [56, 200], alphabet: 30, ..case(RowsOf(7), None) });
    all.push(Case { trellis: Some([12, 24]), ..case(Auto, None) });
    all.push(Case { trellis: Some([4, 96]), alphabet: 128, shape: [33, 67], ..case(Matrix, None) });
    for alphabet in [2, 3, 8, 13, 31, 33, 100, 256] {
        all.push(Case { alphabet, shape: [33, 67], ..Case::new(Coding::Packed, Auto, None) });
    }
    all.push(Case { trellis: Some([12, 24]), ..Case::new(Coding::Packed, Auto, None) });
    for trellis in [None, Some([8, 48]), Some([12, 72]), Some([16, 96])] {
        for shape in [[50, 96], [16, 300], [33, 67]] {
            all.push(Case { trellis, alphabet: 8, shape, ..Case::new(Coding::Tuples, Auto, None) });
        }
    }
    // Segments that begin within units, and more of them than units.
    for trellis in [None, Some([12, 288]), Some([12, 216]), Some([8, 176]), Some([16, 160])] {
        for shape in [[18, 1100], [40, 700]] {
            all.push(Case { trellis, alphabet: 16, shape, ..Case::new(Coding::Tuples, Auto, None) });
        }
    }
    all
}

/// Decodes matrices of rANS and compares every integer with the reference decoder.
pub fn decoding_rans(subject: &Subject) -> usize {
    check(subject, rans_cases())
}

/// As [`decoding_rans`], for the other codings.
pub fn decoding(subject: &Subject) -> usize {
    check(subject, other_cases())
}

fn check(subject: &Subject, cases: Vec<Case>) -> usize {
    let mut numbers = Numbers::new(23);
    let mut count = 0;
    for case in cases {
        let matrix = case.matrix(&mut numbers);
        for residence in [Residence::Packed, Residence::Slot] {
            let found = integers(subject, &matrix, residence).unwrap();
            assert_integers(&matrix, &found, residence);
            count += 1;
        }
    }
    count
}

fn assert_integers(matrix: &Matrix, found: &[f32], residence: Residence) {
    let [rows, cols] = matrix.shape;
    let expected = matrix.to_f32().unwrap();
    for (i, &expected) in expected.iter().enumerate() {
        let (row, col) = (i / cols, i % cols);
        let found = found[col * rows + row];
        let near = (found - expected).abs() < 0.02;
        assert!(near, "{}, {residence:?}: row {row}, column {col}: {found}, not {expected}", matrix.name);
    }
}

/// Returns the products of a matrix with each unit vector: its columns.
fn integers(subject: &Subject, matrix: &Matrix, residence: Residence) -> Result<Vec<f32>, RuntimeError> {
    let [rows, cols] = matrix.shape;
    let mut harness = Harness::new(subject);
    harness.try_load(matrix, residence)?;
    let loaded = harness.load_operand(matrix, residence);
    let mut units = vec![0.0f32; cols * cols];
    (0..cols).for_each(|col| units[col * cols + col] = 1.0);
    let (x, y) = (harness.filled(&units), harness.results(cols * rows));
    let output = harness.output(loaded.operand, cols, 0..rows, y);
    let mut commands: Vec<Command> = loaded.decode.into_iter().collect();
    commands.push(Command::Linear { rows: Rows::Batch, x, outputs: vec![output] });
    harness.submit(&harness.compile([cols, 0], compute(commands)), [cols, 0], &[])?;
    Ok(harness.read(y))
}

/// Damages parts of matrices of every coding. What the reference decoder refuses must be an error with the
/// matrix's name; what it decodes must be decoded to the same integers.
pub fn damaged_streams(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(29);
    let mut count = 0;
    let every = |n: usize, cases: Vec<Case>| cases.into_iter().step_by(n);
    for case in every(4, rans_cases()).chain(every(4, other_cases())) {
        // Packed codes outside the alphabet are not refused by every device.
        if case.coding == Coding::Packed {
            continue;
        }
        let sound = case.matrix(&mut numbers);
        let MatrixStorage::Codes(tensor) = &sound.storage else { continue };
        for part in [TensorPart::Stream, TensorPart::Index, TensorPart::Table] {
            for _ in 0..2 {
                let (entry, mut parts) = tensor.clone().into_parts();
                let Some(bytes) = parts.get(&part) else { continue };
                let mut bytes = bytes.to_vec();
                let at = (numbers.normal().abs() * 1e6) as usize % bytes.len();
                bytes[at] ^= 1 << (at % 8);
                parts.insert(part, bytes.into());
                let Ok(damaged) = EncodedTensor::new(entry, parts) else { continue };
                let refused = ecq_codec::decode_codes(&damaged).is_err();
                let matrix = Matrix { storage: MatrixStorage::Codes(damaged), ..sound.clone() };
                let found = integers(subject, &matrix, Residence::Slot);
                match refused {
                    true => assert_names_tensor(found, &matrix, &format!("{part:?} damaged at byte {at}")),
                    false => assert_integers(&matrix, &found.unwrap(), Residence::Slot),
                }
                count += 1;
            }
        }
    }
    count
}
