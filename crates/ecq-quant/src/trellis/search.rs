//! The Viterbi search along the columns of a phase, for rows side by side.
//!
//! Four survivors, one for each state, follow the columns. With error feedback each has the feedback of its
//! own errors. The oldest columns are committed to the path of the cheapest survivor [`DELAY`] columns later,
//! when nearly always all survivors share them; a survivor that does not is dropped. The errors of committed
//! columns are common to all survivors and are added to the targets of later columns.
//!
//! Loops over lanes have constant lengths and no branches, so that the compiler vectorizes them.

use std::ops::Range;

/// Rows that are searched side by side.
pub(super) const LANES: usize = 8;
/// Columns that are committed together.
const COMMIT: usize = 8;
/// Columns that the survivors have searched behind a column before it is committed.
const DELAY: usize = 56;
/// The most columns that are not committed. The parities of a path are bits of a `u64`.
const WINDOW: usize = COMMIT + DELAY;
/// Rate-distortion multiplier: squared error, in squared steps, that is accepted to save one bit.
const LAMBDA: f32 = 0.35;
/// Integers of at most this magnitude have a bit estimate of their own.
const MAX_ESTIMATED: i32 = 96;
/// Largest target in steps: beyond it single precision cannot resolve neighbouring levels.
const MAX_TARGET: f32 = (1 << 21) as f32;

/// The two predecessors of each state, with the parity of the integer that leads to it. A state is
/// `2 * branch + parity before`; see [`next`].
pub(super) const FROM: [[(usize, u32); 2]; 4] =
    [[(0, 0), (1, 1)], [(2, 0), (3, 1)], [(0, 1), (1, 0)], [(2, 1), (3, 0)]];

/// Returns the state that follows a state and the parity of an integer:
/// `[[0, 2], [2, 0], [1, 3], [3, 1]][state][parity]`.
#[inline(always)]
pub(super) fn next(state: u32, parity: u32) -> u32 {
    (parity ^ state & 1) << 1 | state >> 1
}

/// One number for each row of a group.
pub(super) type Lanes<T> = [T; LANES];
/// One number for each state and row.
type States<T> = [Lanes<T>; 4];

/// Rows of a matrix, columns in the order in which they are quantized. Vectors are `[position][group]`.
pub(super) struct Rows {
    /// Number of groups of [`LANES`] rows.
    pub(super) groups: usize,
    /// Weights in units of the row's step; errors at committed positions.
    pub(super) weights: Vec<Lanes<f32>>,
    /// Weights corrected for the errors of committed positions.
    pub(super) targets: Vec<Lanes<f32>>,
    /// Levels at committed positions.
    pub(super) levels: Vec<Lanes<i32>>,
}

/// What a search needs of the columns, by position.
pub(super) struct Columns<'a> {
    pub(super) scales: &'a [f32],
    pub(super) inverse_scales: &'a [f32],
    /// Whether a position is the last of its run.
    pub(super) last_of_run: &'a [bool],
    /// Row-major `[positions, positions]`: see `ErrorFeedback::propagation`.
    pub(super) propagation: Option<&'a [f32]>,
}

/// The best path to each state, for a group of rows.
pub(super) struct Survivors {
    /// Error and bits of each path, less those of the cheapest one when columns were committed last.
    cost: States<f32>,
    /// Parities of the integers of each path, the last one in bit 0.
    parities: States<u64>,
    /// The state behind the last committed column.
    state: Lanes<u32>,
    /// Columns that are searched and not committed.
    open: usize,
    /// Number of committed positions.
    pub(super) committed: usize,
    /// `[open column]`: the level that leads to each state.
    levels: [States<i32>; WINDOW],
    /// `[open column]`: the error of the path to each state.
    errors: [States<f32>; WINDOW],
    /// `[open column]`: propagation factors to the columns behind it.
    factors: [[f32; WINDOW]; WINDOW],
    /// Sum of the propagated errors of open columns at the next column.
    correction: States<f32>,
}

impl Survivors {
    pub(super) fn new() -> Self {
        Self {
            cost: [[0.0; LANES]; 4],
            parities: [[0; LANES]; 4],
            state: [0; LANES],
            open: 0,
            committed: 0,
            levels: [[[0; LANES]; 4]; WINDOW],
            errors: [[[0.0; LANES]; 4]; WINDOW],
            factors: [[0.0; WINDOW]; WINDOW],
            correction: [[0.0; LANES]; 4],
        }
    }

    /// Searches the positions `near`, which follow the last ones searched. Errors are propagated to targets
    /// at positions of `near`, not to those behind it. Fails with the lane and position of a target that is
    /// out of range.
    #[inline(always)]
    pub(super) fn search(
        &mut self,
        near: Range<usize>,
        columns: &Columns,
        bits: &Bits,
        rows: &mut Rows,
        group: usize,
    ) -> Result<(), (usize, usize)> {
        for position in near.clone() {
            if position == 0 || columns.last_of_run[position - 1] {
                self.cost = [[f32::INFINITY; LANES]; 4];
                self.cost[0] = [0.0; LANES];
                self.state = [0; LANES];
                self.correction = [[0.0; LANES]; 4];
            }
            let at = position * rows.groups + group;
            let inverse = columns.inverse_scales[position];
            let Some(seconds) = self.extend(&rows.targets[at], inverse, bits) else {
                let lane = rows.targets[at].iter().position(|&target| !in_range(target * inverse));
                return Err((lane.unwrap_or(0), position));
            };
            self.open += 1;
            let commit = match columns.last_of_run[position] {
                true => self.open,
                false if self.open == WINDOW => COMMIT,
                false => 0,
            };
            if let Some(propagation) = columns.propagation {
                self.follow(position, commit, &seconds, propagation, columns.scales, &rows.weights[at]);
            }
            if commit > 0 {
                self.commit(commit, position + 1..near.end, columns, rows, group);
            }
        }
        Ok(())
    }

    /// Extends the survivors by a column. Returns a mask of the lanes whose path to each state comes from the
    /// second of [`FROM`], or `None` if a target is out of range.
    #[inline(always)]
    fn extend(&mut self, target: &Lanes<f32>, inverse: f32, bits: &Bits) -> Option<States<u32>> {
        // [parity of the integer][state]
        let mut costs = [[[0f32; LANES]; 4]; 2];
        let mut levels = [[[0i32; LANES]; 4]; 2];
        let mut out_of_range = false;
        for s in 0..4 {
            let branch = (s >> 1) as i32;
            let mut near = [0i32; LANES];
            let mut rest = [0f32; LANES];
            let mut entries = [0u32; LANES];
            for lane in 0..LANES {
                let target = (target[lane] + self.correction[s][lane]) * inverse;
                out_of_range |= !in_range(target);
                let exact = (target - branch as f32) * 0.5;
                let rounded = exact + ROUND;
                near[lane] = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
                rest[lane] = 2.0 * (exact - (rounded - ROUND));
            }
            for lane in 0..LANES {
                entries[lane] = bits.entry(branch as usize, near[lane]);
            }
            for lane in 0..LANES {
                // The candidates are the nearest integer and, of the other parity, its two neighbours.
                let [below, own, above] = Bits::costs(entries[lane]);
                let (down, distance) = (rest[lane] < 0.0, rest[lane].abs());
                let nearest = distance * distance + own;
                let toward = (2.0 - distance) * (2.0 - distance) + if down { below } else { above };
                let away = (2.0 + distance) * (2.0 + distance) + if down { above } else { below };
                let behind = away < toward;
                let other = near[lane] + if down != behind { -1 } else { 1 };
                let least = if behind { away } else { toward };
                let odd = near[lane] & 1 != 0;
                let cost = self.cost[s][lane];
                costs[0][s][lane] = cost + if odd { least } else { nearest };
                costs[1][s][lane] = cost + if odd { nearest } else { least };
                levels[0][s][lane] = 2 * (if odd { other } else { near[lane] }) + branch;
                levels[1][s][lane] = 2 * (if odd { near[lane] } else { other }) + branch;
            }
        }
        if out_of_range {
            return None;
        }
        let parities = self.parities;
        let mut seconds = [[0u32; LANES]; 4];
        for (z, [(a, parity_a), (b, parity_b)]) in FROM.into_iter().enumerate() {
            let (from_a, from_b) = (&costs[parity_a as usize][a], &costs[parity_b as usize][b]);
            let (level_a, level_b) = (&levels[parity_a as usize][a], &levels[parity_b as usize][b]);
            for lane in 0..LANES {
                let second = from_b[lane] < from_a[lane];
                seconds[z][lane] = if second { u32::MAX } else { 0 };
                self.cost[z][lane] = if second { from_b[lane] } else { from_a[lane] };
                self.levels[self.open][z][lane] = if second { level_b[lane] } else { level_a[lane] };
                let path = if second { parities[b][lane] } else { parities[a][lane] };
                self.parities[z][lane] = path << 1 | u64::from(if second { parity_b } else { parity_a });
            }
        }
        Some(seconds)
    }

    /// Gives each survivor the errors of its path, except those of the first `commit` open columns, and sums
    /// their corrections of the next column.
    #[inline(always)]
    fn follow(
        &mut self,
        position: usize,
        commit: usize,
        seconds: &States<u32>,
        propagation: &[f32],
        scales: &[f32],
        weight: &Lanes<f32>,
    ) {
        let (last, scale) = (self.open - 1, scales[position]);
        for (errors, levels) in self.errors[last].iter_mut().zip(&self.levels[last]) {
            for lane in 0..LANES {
                errors[lane] = weight[lane] - levels[lane] as f32 * scale;
            }
        }
        let positions = scales.len();
        let later = &propagation[position * positions..][position + 1..positions];
        let factors = later.len().min(WINDOW);
        self.factors[last][..factors].copy_from_slice(&later[..factors]);
        let mut correction = [[0f32; LANES]; 4];
        for open in commit..last {
            let factor = self.factors[open][last - open];
            let [e0, e1, e2, e3] = self.errors[open];
            let errors = &mut self.errors[open];
            for lane in 0..LANES {
                // As in `FROM`.
                errors[0][lane] = if seconds[0][lane] != 0 { e1[lane] } else { e0[lane] };
                errors[1][lane] = if seconds[1][lane] != 0 { e3[lane] } else { e2[lane] };
                errors[2][lane] = if seconds[2][lane] != 0 { e1[lane] } else { e0[lane] };
                errors[3][lane] = if seconds[3][lane] != 0 { e3[lane] } else { e2[lane] };
            }
            for (correction, errors) in correction.iter_mut().zip(errors) {
                for lane in 0..LANES {
                    correction[lane] += errors[lane] * factor;
                }
            }
        }
        if commit <= last && factors > 0 {
            for (correction, errors) in correction.iter_mut().zip(&self.errors[last]) {
                for lane in 0..LANES {
                    correction[lane] += errors[lane] * self.factors[last][0];
                }
            }
        }
        self.correction = correction;
    }

    /// Commits the first `count` open columns to the path of the cheapest survivor, adds their propagated
    /// errors to the targets at the positions `later`, and drops the survivors with other paths.
    #[inline(always)]
    fn commit(
        &mut self,
        count: usize,
        later: Range<usize>,
        columns: &Columns,
        rows: &mut Rows,
        group: usize,
    ) {
        let mut least = self.cost[0];
        let mut path = self.parities[0];
        for (cost, parities) in self.cost.iter().zip(&self.parities).skip(1) {
            for lane in 0..LANES {
                let cheaper = cost[lane] < least[lane];
                least[lane] = if cheaper { cost[lane] } else { least[lane] };
                path[lane] = if cheaper { parities[lane] } else { path[lane] };
            }
        }
        let (open, first, groups) = (self.open - count, self.committed, rows.groups);
        let mut errors = [[0f32; LANES]; WINDOW];
        for (column, errors) in errors.iter_mut().enumerate().take(count) {
            let at = (first + column) * groups + group;
            let (levels, scale) = (&self.levels[column], columns.scales[first + column]);
            let shift = (self.open - 1 - column) as u32;
            for lane in 0..LANES {
                let state = next(self.state[lane], (path[lane] >> shift) as u32 & 1);
                let (low, high) = (state & 1 != 0, state & 2 != 0);
                let lower = if low { levels[1][lane] } else { levels[0][lane] };
                let upper = if low { levels[3][lane] } else { levels[2][lane] };
                let level = if high { upper } else { lower };
                errors[lane] = rows.weights[at][lane] - level as f32 * scale;
                rows.levels[at][lane] = level;
                self.state[lane] = state;
            }
            rows.weights[at] = *errors;
        }
        if let Some(propagation) = columns.propagation {
            let positions = columns.scales.len();
            for position in later {
                let target = &mut rows.targets[position * groups + group];
                for (column, errors) in errors.iter().enumerate().take(count) {
                    let factor = propagation[(first + column) * positions + position];
                    for lane in 0..LANES {
                        target[lane] += errors[lane] * factor;
                    }
                }
            }
        }
        let committed = |parities: u64| parities >> open & u64::MAX >> (64 - count);
        for (cost, parities) in self.cost.iter_mut().zip(&self.parities) {
            for lane in 0..LANES {
                let shared = committed(parities[lane]) == committed(path[lane]);
                cost[lane] = if shared { cost[lane] - least[lane] } else { f32::INFINITY };
            }
        }
        self.levels.copy_within(count..self.open, 0);
        self.errors.copy_within(count..self.open, 0);
        self.factors.copy_within(count..self.open, 0);
        self.open = open;
        self.committed += count;
    }
}

/// Arguments of [`Survivors::search`], which is compiled for each instruction set. Rust contracts no products
/// and sums, so all sets give the same result.
pub(super) struct Search<'a> {
    pub(super) survivors: &'a mut Survivors,
    pub(super) near: Range<usize>,
    pub(super) columns: &'a Columns<'a>,
    pub(super) bits: &'a Bits,
    pub(super) rows: &'a mut Rows,
    pub(super) group: usize,
}

impl pulp::WithSimd for Search<'_> {
    type Output = Result<(), (usize, usize)>;

    // A closure would not be inlined into the function that enables the instruction set.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        let Self { survivors, near, columns, bits, rows, group } = self;
        survivors.search(near, columns, bits, rows, group)
    }
}

/// Returns whether levels near a target in steps can be told apart; not if it is NaN.
#[inline(always)]
fn in_range(target: f32) -> bool {
    target.abs() < MAX_TARGET
}

/// Returns the integer of a level, whose lowest bit is the branch bit.
pub(super) fn integer(level: i32) -> i32 {
    // An arithmetic shift rounds down.
    level >> 1
}

/// Added to a number below 2^22 in magnitude, rounds it to the nearest integer, ties to even.
const ROUND: f32 = (3 << 22) as f32;

/// Cost of each integer by its branch bit: its bits times [`LAMBDA`], in squared steps.
///
/// Element `k + MAX_ESTIMATED` holds the bits of `k - 1`, `k` and `k + 1`, 10 bits of [`Self::UNIT`] each, so
/// that one lookup finds the costs of all candidates.
pub(super) struct Bits([[u32; 256]; 2]);

impl Bits {
    /// The unit of the fields in bits; 20.46 is the most that they hold.
    const UNIT: f32 = 0.02;

    /// No cost for any integer.
    pub(super) fn none() -> Self {
        Self([[0; 256]; 2])
    }

    /// Estimates bits from the frequencies of levels.
    pub(super) fn from_levels<'a>(levels: impl Iterator<Item = &'a i32>, by_branch: bool) -> Self {
        let mut counts = [[0.5; 2 * MAX_ESTIMATED as usize + 1]; 2];
        for &level in levels {
            let k = integer(level).clamp(-MAX_ESTIMATED, MAX_ESTIMATED);
            counts[(level & 1) as usize][(k + MAX_ESTIMATED) as usize] += 1.0;
        }
        if !by_branch {
            let both = std::array::from_fn(|i| counts[0][i] + counts[1][i]);
            counts = [both; 2];
        }
        let mut bits = Self::none();
        for (entries, counts) in bits.0.iter_mut().zip(counts) {
            let total: f64 = counts.iter().sum();
            let field = |i: usize| {
                let bits = (total / counts[i.min(counts.len() - 1)]).log2();
                (bits / f64::from(Self::UNIT)).round().min(1023.0) as u32
            };
            for (i, entry) in entries.iter_mut().enumerate().take(counts.len()) {
                *entry = field(i.saturating_sub(1)) | field(i) << 10 | field(i + 1) << 20;
            }
        }
        bits
    }

    /// Returns the element of an integer.
    #[inline(always)]
    fn entry(&self, branch: usize, k: i32) -> u32 {
        // The remainder only removes the bounds check.
        self.0[branch][(k.clamp(-MAX_ESTIMATED, MAX_ESTIMATED) + MAX_ESTIMATED) as usize % 256]
    }

    /// Returns the costs of the integers below, at and above that of an element.
    #[inline(always)]
    fn costs(entry: u32) -> [f32; 3] {
        // Signed numbers convert in one instruction.
        let cost = |field: u32| (field & 1023) as i32 as f32 * (Self::UNIT * LAMBDA);
        [cost(entry), cost(entry >> 10), cost(entry >> 20)]
    }

    /// Returns the cost of an integer.
    #[cfg(test)]
    pub(super) fn of(&self, branch: usize, k: i32) -> f32 {
        Self::costs(self.entry(branch, k))[1]
    }
}
