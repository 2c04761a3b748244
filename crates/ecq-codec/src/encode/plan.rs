use super::classes::Classed;
use crate::error::{CodecError, Result};
use crate::parts::branch_rule;
use crate::tuples::TupleLayout;
use ecq_coding::prefix::PrefixCode;
use ecq_coding::{Counts, FrequencyTable, cluster};
use ecq_core::{Codes, Coding, Grid, LaneOrder, Tile, code_bits};

/// The coding of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodingChoice {
    /// This coding.
    Only(Coding),
    /// The smallest of the codings that decode at least as fast as `slowest`.
    Smallest {
        /// The slowest coding allowed, in the order packed, prefix, rans, archive.
        slowest: Coding,
    },
}

/// The tile of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileChoice {
    /// Row blocks with one lane per row, high enough that start states cost little (see [`plan`]).
    Auto,
    /// The whole matrix.
    Matrix,
    /// One row.
    Row,
    /// A block of this many rows, one lane per row.
    Rows(usize),
    /// A block of rows by columns.
    Block(usize, usize),
}

/// The classes of rows and columns that select each symbol's table, if the coding is rANS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassChoice {
    /// On uniform grids the number of classes with the fewest bits, if that saves [`MIN_CLASS_SAVING`] of the
    /// stream.
    Auto,
    /// One table per tile.
    Off,
    /// These numbers of row and of column classes, 1 to 8 each.
    Only([u8; 2]),
}

/// The share of a stream that classes save at least.
pub const MIN_CLASS_SAVING: f64 = 0.003;

/// Options of [`encode`](super::encode).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// The coding. Default: the smallest up to rANS.
    pub coding: CodingChoice,
    /// The tile. Default: automatic.
    pub tile: TileChoice,
    /// Lanes of a tile, 1 to 256; `None` (the default) for the tile's own default.
    pub lanes: Option<u16>,
    /// Saving in percent of the packed codes below which a tensor stays packed. Default: 1.
    pub hybrid_percent: f64,
    /// The largest number of frequency tables of a tensor, 1 to 256. Default: 8.
    pub tables: usize,
    /// Classes of rows and columns. Default: automatic.
    pub classes: ClassChoice,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            coding: CodingChoice::Smallest { slowest: Coding::Rans },
            tile: TileChoice::Auto,
            lanes: None,
            hybrid_percent: 1.0,
            tables: 8,
            classes: ClassChoice::Auto,
        }
    }
}

impl EncodeOptions {
    /// Whether branch bits of a trellis grid may select frequency tables: in rANS with classes and rows as
    /// lanes.
    pub fn allows_branch_tables(&self) -> bool {
        let rans = matches!(
            self.coding,
            CodingChoice::Only(Coding::Rans)
                | CodingChoice::Smallest { slowest: Coding::Rans | Coding::Archive }
        );
        let by_rows = matches!(self.tile, TileChoice::Auto | TileChoice::Rows(_));
        rans && by_rows && self.classes != ClassChoice::Off
    }
}

/// The estimated size of a tensor in one coding, without side data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The coding.
    pub coding: Coding,
    /// Size in bits, within about a percent.
    pub bits: f64,
}

/// The decisions for a tensor and their reason.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The coding chosen.
    pub coding: Coding,
    /// The tile.
    pub tile: Tile,
    /// The reason for the coding in words.
    pub reason: String,
    /// The estimate of each coding considered.
    pub estimates: Vec<Estimate>,
    /// Order-0 entropy of the codes in bits.
    pub entropy_bits: f64,
    /// Cross entropy of the codes under the tables in bits: the size with an ideal coder.
    pub cross_entropy_bits: f64,
    /// Frequency tables.
    pub(crate) tables: Vec<FrequencyTable>,
    /// The table of each tile.
    pub(crate) ids: Vec<u8>,
    /// Code and segments, if the coding is tuples.
    pub(crate) tuples: Option<TupleLayout>,
    /// Classes and their tables, which replace those of tiles, if the coding is rANS and they save bits.
    pub(crate) classed: Option<Classed>,
}

/// The smallest number of symbols of a lane, so that its start state (about 24 bits more than it carries)
/// costs less than half a percent at three bits per symbol.
const LANE_SYMBOLS: usize = 2048;
/// Lanes of a tile: a multiple of the lanes of the widest instruction sets and of GPU subgroups.
const LANES: u16 = 32;
/// The rate that a prefix code may lose to have more symbols per lookup, as a ratio.
pub(crate) const PREFIX_TOLERANCE: f64 = 0.01;

/// Decides coding, tile and tables of a tensor. The result depends on codes, grid and options only.
///
/// # Errors
/// [`CodecError`] when the grid does not fit the codes, the tile or the lanes are out of range, or the coding
/// does not support the tile.
pub fn plan(codes: &Codes, grid: &Grid, options: &EncodeOptions) -> Result<Plan> {
    grid.check(codes.rows(), codes.cols(), codes.alphabet())?;
    let tile = tile(codes, options);
    tile.check()?;
    let by_rows = tile.order == LaneOrder::Rows;
    if options.coding == CodingChoice::Only(Coding::Archive) && !by_rows {
        return Err(CodecError::Option {
            option: "coding archive",
            reason: "needs tiles of whole rows: tile auto or rows:N",
        });
    }
    let tiles = tile.count(codes.rows(), codes.cols());
    let counts = count_tiles(codes, tile);
    let mut total = Counts::default();
    counts.iter().for_each(|c| total.merge(c));
    let (tables, ids) = tables(&counts, &total, codes.alphabet(), options.tables)?;

    let lanes: usize =
        (0..tiles).map(|index| lanes_of(tile, tile.place(index, codes.rows(), codes.cols()))).sum();
    let table_bits = tables.iter().map(|t| 8.0 * t.to_bytes().len() as f64).sum::<f64>()
        + if tables.len() > 1 { 8.0 * tiles as f64 } else { 0.0 };
    let by_tile: f64 = counts.iter().zip(&ids).map(|(c, &id)| tables[usize::from(id)].cost_bits(c)).sum();
    let considered = considered(options);
    let classed = match considered.contains(&Coding::Rans) {
        true => classed(codes, grid, by_rows, options.classes, by_tile + table_bits)?,
        false => None,
    };
    let tuples = match considered.contains(&Coding::Tuples) {
        true => {
            let table = FrequencyTable::new(&total, codes.alphabet(), FrequencyTable::PRECISION)?;
            match TupleLayout::plan(codes, grid, &table) {
                Err(CodecError::UnsupportedGrid) => Ok(None),
                tuples => tuples,
            }?
        }
        false => None,
    };
    if options.coding == CodingChoice::Only(Coding::Tuples) && tuples.is_none() {
        let rans = EncodeOptions { coding: CodingChoice::Only(Coding::Rans), ..*options };
        let mut plan = plan(codes, grid, &rans)?;
        plan.reason =
            format!("tuples do not support this grid, or take more bits than packed codes: {}", plan.reason);
        return Ok(plan);
    }
    let estimate = |coding: Coding| -> Result<Option<Estimate>> {
        let width = f64::from(code_bits(codes.alphabet()));
        let bits = match coding {
            Coding::Packed => 8.0 * (codes.cols() as f64 * width / 8.0).ceil() * codes.rows() as f64,
            Coding::Rans => {
                let coded = classed.as_ref().map_or(by_tile + table_bits, Classed::bits);
                coded + 24.0 * lanes as f64 + 32.0 * tiles as f64
            }
            Coding::Prefix => {
                let rates = tables
                    .iter()
                    .map(|table| PrefixCode::best(table, PREFIX_TOLERANCE).map(|code| code.bits_per_symbol()))
                    .collect::<std::result::Result<Vec<_>, _>>()?;
                let coded: f64 =
                    counts.iter().zip(&ids).map(|(c, &id)| rates[usize::from(id)] * c.total() as f64).sum();
                coded + table_bits + 12.0 * lanes as f64 + 72.0 * tiles as f64
            }
            // The model is fitted at encoding. It costs at most its tables more than one table per tile.
            Coding::Archive if by_rows && super::archive::fits(grid) => 0.98 * by_tile + table_bits,
            Coding::Archive => return Ok(None),
            Coding::Tuples => match &tuples {
                Some((_, bits, _)) => *bits,
                None => return Ok(None),
            },
        };
        Ok(Some(Estimate { coding, bits }))
    };
    let mut estimates = Vec::new();
    for coding in considered {
        estimates.extend(estimate(coding)?);
    }
    let best = estimates.iter().copied().min_by(|a, b| a.bits.total_cmp(&b.bits));
    let packed = estimates.iter().find(|e| e.coding == Coding::Packed).map_or(f64::INFINITY, |e| e.bits);
    let (coding, mut reason) = match (options.coding, best) {
        (CodingChoice::Only(Coding::Archive), _) if !super::archive::fits(grid) => {
            (Coding::Rans, "archive does not support groups of this size: rans".to_owned())
        }
        (CodingChoice::Only(coding), _) if options.hybrid_percent <= 0.0 || coding == Coding::Packed => {
            (coding, "selected by the options".to_owned())
        }
        (_, Some(best)) => {
            let gain = 100.0 * (1.0 - best.bits / packed);
            if best.coding != Coding::Packed && gain < options.hybrid_percent {
                let reason = format!(
                    "{} would save {gain:.2}% of the packed codes, below {}%",
                    best.coding.name(),
                    options.hybrid_percent
                );
                (Coding::Packed, reason)
            } else {
                (best.coding, format!("saves {gain:.2}% of the packed codes"))
            }
        }
        (_, None) => (Coding::Packed, "the options allow no other coding".to_owned()),
    };
    let entropy_bits = total.entropy_bits() * total.total() as f64;
    let classed = classed.filter(|_| coding == Coding::Rans);
    if let Some(classed) = &classed {
        let [rows, cols] = classed.classes.counts();
        let saved = 100.0 * (1.0 - classed.bits() / (by_tile + table_bits));
        let tables = classed.tables.len();
        let branches = if classed.classes.branches().is_some() { " and branch bits" } else { "" };
        reason += &format!(
            "; {rows}x{cols} classes of rows and columns{branches} save {saved:.2}%, {tables} tables"
        );
    }
    let tuples = tuples.filter(|_| coding == Coding::Tuples).map(|(layout, _, why)| {
        reason += &format!("; {why}");
        layout
    });
    let cross_entropy_bits = classed.as_ref().map_or(by_tile, |classed| classed.ideal);
    Ok(Plan {
        coding,
        tile,
        reason,
        estimates,
        entropy_bits,
        cross_entropy_bits,
        tables,
        ids,
        tuples,
        classed,
    })
}

/// Returns the codings that the options allow.
fn considered(options: &EncodeOptions) -> Vec<Coding> {
    match options.coding {
        CodingChoice::Only(coding) => vec![coding, Coding::Packed],
        CodingChoice::Smallest { slowest } => {
            let end = Coding::ALL.iter().position(|&c| c == slowest).unwrap_or(0);
            let codings = Coding::ALL[..=end].iter().copied();
            codings.filter(|&coding| coding != Coding::Tuples || coding == slowest).collect()
        }
    }
}

/// Finds the classes that `choice` asks for, if they save enough. `by_tile` is the cost in bits with one
/// table per tile. Branch bits of a trellis grid select tables too where lanes hold rows (`by_rows`).
fn classed(
    codes: &Codes,
    grid: &Grid,
    by_rows: bool,
    choice: ClassChoice,
    by_tile: f64,
) -> Result<Option<Classed>> {
    let branches = match grid {
        Grid::TrellisRows(grid) if by_rows => Some(branch_rule(grid.uniform.zero, grid.lag, grid.restart)),
        _ => None,
    };
    match choice {
        ClassChoice::Only(counts) => Classed::of(codes, branches, counts.map(usize::from)).map(Some),
        ClassChoice::Auto if matches!(grid, Grid::UniformRows(_) | Grid::TrellisRows(_)) => {
            let best = Classed::best(codes, branches, by_tile)?;
            Ok(Some(best).filter(|classed| classed.bits() < (1.0 - MIN_CLASS_SAVING) * by_tile))
        }
        _ => Ok(None),
    }
}

fn tile(codes: &Codes, options: &EncodeOptions) -> Tile {
    let (rows, cols) = (codes.rows(), codes.cols());
    if options.coding == CodingChoice::Only(Coding::Tuples) {
        return Tile::of_tuples(cols);
    }
    let archive = options.coding == CodingChoice::Only(Coding::Archive);
    let lanes = options.lanes.unwrap_or(LANES);
    let by_rows = |rows_per_lane: usize| {
        let tile_rows = (usize::from(lanes) * rows_per_lane).min(rows.max(1));
        Tile { rows: tile_rows, cols, lanes, order: LaneOrder::Rows }
    };
    let interleaved =
        |rows: usize, cols: usize, lanes: u16| Tile { rows, cols, lanes, order: LaneOrder::Interleaved };
    match options.tile {
        // An archive is decoded as a whole: larger tiles have fewer start states.
        TileChoice::Auto if archive => by_rows((8 * LANE_SYMBOLS).div_ceil(cols.max(1))),
        TileChoice::Auto => by_rows(LANE_SYMBOLS.div_ceil(cols.max(1))),
        TileChoice::Matrix => interleaved(rows, cols, lanes),
        // A short row has few start states.
        TileChoice::Row => interleaved(1, cols, options.lanes.unwrap_or(8)),
        TileChoice::Rows(n) => Tile { rows: n.min(rows), cols, lanes, order: LaneOrder::Rows },
        TileChoice::Block(r, c) => interleaved(r.min(rows), c.min(cols), lanes),
    }
}

fn lanes_of(tile: Tile, (_, _, rows, cols): (usize, usize, usize, usize)) -> usize {
    match tile.order {
        LaneOrder::Rows => rows.min(tile.lanes.into()),
        LaneOrder::Interleaved => (rows * cols).min(tile.lanes.into()),
    }
}

fn count_tiles(codes: &Codes, tile: Tile) -> Vec<Counts> {
    use rayon::prelude::*;
    let (rows, cols) = (codes.rows(), codes.cols());
    let count = |index: usize| {
        let (row, col, tile_rows, tile_cols) = tile.place(index, rows, cols);
        let mut counts = Counts::default();
        if tile_cols == cols {
            counts.add(&codes.symbols()[row * cols..(row + tile_rows) * cols]);
        } else {
            for r in row..row + tile_rows {
                counts.add(&codes.symbols()[r * cols + col..][..tile_cols]);
            }
        }
        counts
    };
    (0..tile.count(rows, cols)).into_par_iter().map(count).collect()
}

/// Returns one table, or several if they save more than their size, and the table of each tile.
fn tables(
    counts: &[Counts],
    total: &Counts,
    alphabet: u16,
    most: usize,
) -> Result<(Vec<FrequencyTable>, Vec<u8>)> {
    if !(1..=256).contains(&most) {
        return Err(CodecError::TableCount(most));
    }
    let mut best: Option<(f64, Vec<FrequencyTable>, Vec<u8>)> = None;
    for groups in
        std::iter::successors(Some(1), |&g| Some(2 * g)).take_while(|&g| g <= most.min(counts.len()))
    {
        let ids = if groups == 1 { vec![0; counts.len()] } else { cluster(counts, groups) };
        let used = ids.iter().max().map_or(1, |&id| usize::from(id) + 1);
        let mut sums = vec![Counts::default(); used];
        counts.iter().zip(&ids).for_each(|(c, &id)| sums[usize::from(id)].merge(c));
        if groups == 1 {
            sums = vec![total.clone()];
        }
        let tables = sums
            .iter()
            .map(|sum| FrequencyTable::new(sum, alphabet, FrequencyTable::PRECISION))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let cost = tables.iter().zip(&sums).map(|(t, s)| t.cost_bits(s) + 8.0 * t.to_bytes().len() as f64);
        let bits = cost.sum::<f64>() + if groups > 1 { 8.0 * ids.len() as f64 } else { 0.0 };
        if best.as_ref().is_none_or(|b| bits < b.0) {
            best = Some((bits, tables, ids));
        }
    }
    best.map(|(_, tables, ids)| (tables, ids)).ok_or(CodecError::TableCount(most))
}
