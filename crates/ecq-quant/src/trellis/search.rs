//! The Viterbi search over the columns of a phase, for the rows of a block side by side.

/// Rows that are quantized side by side.
pub(super) const LANES: usize = 16;
/// Rate-distortion multiplier: squared error, in squared steps, that is accepted to save one bit.
const LAMBDA: f32 = 0.35;
/// Integers of at most this magnitude have a bit estimate of their own.
const MAX_ESTIMATED: i32 = 96;
/// Largest target in steps: beyond it single precision cannot resolve neighbouring levels.
const MAX_TARGET: f32 = (1 << 21) as f32;

/// The two predecessors of each state, with the parity of the integer that leads to it. The branch bit of a
/// state is its second bit: state `s` and parity `p` lead to `[[0, 2], [2, 0], [1, 3], [3, 1]][s][p]`.
pub(super) const FROM: [[(usize, usize); 2]; 4] =
    [[(0, 0), (1, 1)], [(2, 0), (3, 1)], [(0, 1), (1, 0)], [(2, 1), (3, 0)]];

/// One number for each row of a block.
pub(super) type Lanes<T> = [T; LANES];

/// The best path to each state.
#[derive(Default)]
pub(super) struct Survivors {
    /// `[state]`: error and bits so far.
    cost: [Lanes<f32>; 4],
    /// `[state][step]`: targets, corrected by the survivor's own errors. Without feedback one for all states.
    targets: [Vec<Lanes<f32>>; 4],
    next_targets: [Vec<Lanes<f32>>; 4],
    has_feedback: bool,
    /// `[step][state]`: the level that leads to the state, and whether the path uses the second of [`FROM`].
    level: Vec<[Lanes<i32>; 4]>,
    second: Vec<[Lanes<u8>; 4]>,
    /// `[step]`: levels of the chosen path.
    pub(super) levels: Vec<Lanes<i32>>,
    /// Columns of the window whose levels are final.
    pub(super) chosen: usize,
}

impl Survivors {
    pub(super) fn begin(&mut self, targets: &[Lanes<f32>], state: &Lanes<u8>, has_feedback: bool) {
        self.has_feedback = has_feedback;
        for (s, own) in self.targets.iter_mut().enumerate() {
            own.clear();
            if has_feedback || s == 0 {
                own.extend_from_slice(targets);
            }
            self.cost[s] =
                std::array::from_fn(|lane| if usize::from(state[lane]) == s { 0.0 } else { f32::INFINITY });
        }
        for next in &mut self.next_targets {
            next.resize(targets.len(), [0.0; LANES]);
        }
        self.level.resize(targets.len(), [[0; LANES]; 4]);
        self.second.resize(targets.len(), [[0; LANES]; 4]);
        self.levels.resize(targets.len(), [0; LANES]);
    }

    /// Extends the survivors by one column. Returns the lane of a target that is out of range.
    #[inline(always)]
    pub(super) fn extend(&mut self, step: usize, inverse: f32, bits: &Bits) -> Option<usize> {
        // [state][parity of the integer]
        let mut costs = [[[0f32; LANES]; 2]; 4];
        let mut levels = [[[0i32; LANES]; 2]; 4];
        for s in 0..4 {
            let (branch, targets) = (s >> 1, &self.targets[if self.has_feedback { s } else { 0 }][step]);
            let mut out_of_range = [false; LANES];
            for lane in 0..LANES {
                let target = targets[lane] * inverse;
                out_of_range[lane] = target.is_nan() | (target.abs() >= MAX_TARGET);
            }
            if out_of_range.contains(&true) {
                return out_of_range.iter().position(|&out| out);
            }
            for lane in 0..LANES {
                let target = targets[lane] * inverse;
                // The candidates are the nearest integer and, of the other parity, its two neighbours.
                let exact = (target - branch as f32) * 0.5;
                let near = round(exact);
                let away = if exact < near as f32 { -1 } else { 1 };
                let cost = |k: i32| {
                    let error = target - (2 * k + branch as i32) as f32;
                    error * error + bits.of(branch, k)
                };
                let (first, other, behind) = (cost(near), cost(near + away), cost(near - away));
                let (k, least) = if behind < other { (near - away, behind) } else { (near + away, other) };
                let parity = (near & 1) as usize;
                costs[s][parity][lane] = self.cost[s][lane] + first;
                levels[s][parity][lane] = 2 * near + branch as i32;
                costs[s][1 - parity][lane] = self.cost[s][lane] + least;
                levels[s][1 - parity][lane] = 2 * k + branch as i32;
            }
        }
        for (z, [(a, parity_a), (b, parity_b)]) in FROM.into_iter().enumerate() {
            let (from_a, from_b) = (&costs[a][parity_a], &costs[b][parity_b]);
            for lane in 0..LANES {
                let second = from_b[lane] < from_a[lane];
                self.cost[z][lane] = if second { from_b[lane] } else { from_a[lane] };
                self.level[step][z][lane] =
                    if second { levels[b][parity_b][lane] } else { levels[a][parity_a][lane] };
                self.second[step][z][lane] = second.into();
            }
        }
        None
    }

    /// Corrects the later targets of each survivor for its error.
    #[inline(always)]
    pub(super) fn propagate(&mut self, step: usize, scale: f32, weight: &Lanes<f32>, carry: &[f32]) {
        for (z, [(a, _), (b, _)]) in FROM.into_iter().enumerate() {
            let (level, second) = (&self.level[step][z], &self.second[step][z]);
            let error: Lanes<f32> = std::array::from_fn(|lane| weight[lane] - level[lane] as f32 * scale);
            let later = self.targets[a][step + 1..].iter().zip(&self.targets[b][step + 1..]);
            for ((own, (from_a, from_b)), &carry) in
                self.next_targets[z][step + 1..].iter_mut().zip(later).zip(carry)
            {
                for lane in 0..LANES {
                    let from = if second[lane] != 0 { from_b[lane] } else { from_a[lane] };
                    own[lane] = from + error[lane] * carry;
                }
            }
        }
        std::mem::swap(&mut self.targets, &mut self.next_targets);
    }

    /// Chooses the cheapest path and traces it back. Sets `state` to its state after the chosen columns.
    pub(super) fn end(&mut self, length: usize, state: &mut Lanes<u8>) {
        for lane in 0..LANES {
            let cheapest =
                (1..4).fold(0, |best, s| if self.cost[s][lane] < self.cost[best][lane] { s } else { best });
            let mut at = cheapest;
            for step in (0..length).rev() {
                if step + 1 == self.chosen {
                    state[lane] = at as u8;
                }
                self.levels[step][lane] = self.level[step][at][lane];
                at = FROM[at][usize::from(self.second[step][at][lane])].0;
            }
        }
    }
}

/// Returns the integer of a level, whose lowest bit is the branch bit.
pub(super) fn integer(level: i32) -> i32 {
    // An arithmetic shift rounds down.
    level >> 1
}

/// Rounds a number below 2^22 in magnitude to the nearest integer, ties to even.
#[inline(always)]
fn round(x: f32) -> i32 {
    const SHIFT: f32 = (3 << 22) as f32;
    (x + SHIFT - SHIFT) as i32
}

/// Cost of each integer by its branch bit: its bits times [`LAMBDA`], in squared steps. The integer `k` is at
/// `k + MAX_ESTIMATED`.
pub(super) struct Bits([[f32; 256]; 2]);

impl Bits {
    /// No cost for any integer.
    pub(super) fn none() -> Self {
        Self([[0.0; 256]; 2])
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
        for (bits, counts) in bits.0.iter_mut().zip(counts) {
            let total: f64 = counts.iter().sum();
            for (bits, n) in bits.iter_mut().zip(counts) {
                *bits = LAMBDA * (total / n).log2() as f32;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) fn of(&self, branch: usize, k: i32) -> f32 {
        // The remainder only removes the bounds check.
        self.0[branch][(k.clamp(-MAX_ESTIMATED, MAX_ESTIMATED) + MAX_ESTIMATED) as usize % 256]
    }
}
