//! Progress of long operations: one line on a terminal.

use crate::interrupt;
use ecq::pack::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A step of a job, made up of one or several stages of the library.
pub struct Step {
    /// Description of the step.
    pub label: &'static str,
    /// Names of the stages in the step, in order.
    pub stages: &'static [&'static str],
    /// Approximate fraction of the total time, 0 to 1.
    pub share: f64,
}

/// The steps of quantizing without calibration.
pub const QUANTIZING: &[Step] = &[
    Step { label: "searching step sizes", stages: &["measuring", "probing", "sizing the rest"], share: 0.4 },
    Step { label: "quantizing and entropy coding", stages: &["packing"], share: 0.55 },
    Step { label: "writing the file", stages: &["assembling"], share: 0.05 },
];

/// The steps of lossless coding.
pub const CODING: &[Step] = &[
    Step { label: "entropy coding", stages: &["packing"], share: 0.9 },
    Step { label: "writing the file", stages: &["assembling"], share: 0.1 },
];

/// The steps of quantizing with calibration.
pub const CALIBRATING: &[Step] = &[
    Step { label: "loading the model", stages: &["packing", "assembling"], share: 0.02 },
    Step { label: "calibrating", stages: &["writing", "calibrating"], share: 0.3 },
    Step { label: "searching step sizes", stages: &["measuring", "probing", "sizing the rest"], share: 0.02 },
    Step { label: "quantizing", stages: &["quantizing sequentially"], share: 0.4 },
    Step { label: "distilling", stages: &["distilling"], share: 0.22 },
    Step { label: "entropy coding", stages: &["packing"], share: 0.02 },
    Step { label: "writing the file", stages: &["assembling"], share: 0.02 },
];

/// A stage of an operation and its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageTime {
    /// Name of the stage; stages of one name in a row count as one.
    pub stage: &'static str,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// A line with the step, its progress and the remaining time; hidden if standard error is not a terminal.
pub struct Bar {
    state: Mutex<State>,
    steps: &'static [Step],
    visible: bool,
}

struct State {
    bar: ProgressBar,
    begun: Instant,
    /// Number of the step, from 0.
    step: usize,
    /// Number of stages of the step that have begun.
    stages: usize,
    /// Name of the current stage.
    stage: &'static str,
    done: u64,
    total: u64,
    item: String,
    /// Completed fraction of the whole job; never decreases.
    fraction: f64,
    /// When the current stage began.
    stage_begun: Instant,
    /// Stages that ended.
    times: Vec<StageTime>,
}

impl Bar {
    /// A bar for an operation of one step.
    pub fn new(json: bool) -> Self {
        Self::of_job(json, &[])
    }

    /// A bar for a job of several steps.
    pub fn of_job(json: bool, steps: &'static [Step]) -> Self {
        Self { state: Mutex::new(State::new()), steps, visible: !json && std::io::stderr().is_terminal() }
    }

    /// A spinner with a label, shown until it is dropped or the next stage begins.
    pub fn spinner(label: &'static str) -> Self {
        let bar = Self::new(false);
        bar.begin(label, 0);
        bar
    }

    /// Returns the times of the stages that ended, in order.
    pub fn times(&self) -> Vec<StageTime> {
        self.state().times.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic of another thread while drawing leaves a state that can still be drawn.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The state before the first stage.
    fn new() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            begun: Instant::now(),
            step: 0,
            stages: 0,
            stage: "",
            done: 0,
            total: 0,
            item: String::new(),
            fraction: 0.0,
            stage_begun: Instant::now(),
            times: Vec::new(),
        }
    }

    /// Adds the time of the current stage.
    fn end_stage(&mut self) {
        let seconds = self.stage_begun.elapsed().as_secs_f64();
        match self.times.last_mut() {
            Some(last) if last.stage == self.stage => last.seconds += seconds,
            _ => self.times.push(StageTime { stage: self.stage, seconds }),
        }
    }

    /// Advances to the step that contains `stage`: the current or a later one. A stage that is in no step
    /// belongs to the current step.
    fn enter(&mut self, stage: &'static str, steps: &[Step]) {
        let later = steps.iter().skip(self.step).position(|step| step.stages.contains(&stage));
        let restarts =
            |step: &Step| step.stages.len() == 1 && self.stages > 0 && step.stages.contains(&stage);
        match later {
            Some(0) if steps.get(self.step).is_some_and(restarts) => self.stages = 1,
            Some(0) | None => self.stages += 1,
            Some(ahead) => {
                self.step += ahead;
                self.stages = 1;
            }
        }
    }

    fn fraction(&self, steps: &[Step]) -> f64 {
        let of_stage = if self.total == 0 { 0.0 } else { self.done as f64 / self.total as f64 };
        let Some(step) = steps.get(self.step) else { return of_stage };
        let before: f64 = steps[..self.step].iter().map(|step| step.share).sum();
        let stages = step.stages.len().max(self.stages) as f64;
        before + step.share * (self.stages.saturating_sub(1) as f64 + of_stage.min(1.0)) / stages
    }

    fn line(&self, steps: &[Step]) -> String {
        let mut line = match steps.get(self.step) {
            Some(step) => format!("step {} of {}: {}", self.step + 1, steps.len(), step.label),
            None => self.stage.to_owned(),
        };
        if !self.item.is_empty() {
            line += &format!(" {}", self.item);
        } else if self.total > 0 {
            line += &format!(" {:.0}%", 100.0 * self.done as f64 / self.total as f64);
        }
        let elapsed = self.begun.elapsed();
        if self.fraction > 0.02 && elapsed > Duration::from_secs(2) {
            let left = elapsed.as_secs_f64() * (1.0 - self.fraction) / self.fraction;
            line += &format!(", {} left", duration(left));
        }
        line
    }

    fn show(&mut self, steps: &[Step]) {
        self.fraction = self.fraction(steps).max(self.fraction);
        self.bar.set_message(self.line(steps));
    }
}

/// Formats a duration in seconds, minutes or hours.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

impl Progress for Bar {
    fn begin(&self, stage: &'static str, total: u64) {
        let mut state = self.state();
        (state.stage, state.stage_begun) = (stage, Instant::now());
        if !self.visible {
            return;
        }
        if state.bar.is_hidden() || state.bar.is_finished() {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            // Some steps report progress rarely; the spinner shows that they are running.
            bar.enable_steady_tick(Duration::from_millis(200));
            state.bar = bar;
        }
        if self.steps.is_empty() {
            (state.begun, state.fraction) = (Instant::now(), 0.0);
        }
        state.enter(stage, self.steps);
        (state.done, state.total) = (0, total);
        state.item.clear();
        state.show(self.steps);
    }

    fn advance(&self, work: u64, item: &str) {
        if !self.visible {
            return;
        }
        let mut state = self.state();
        state.done += work;
        state.item.clear();
        // "block 3 of 30" is shown as it is; for tensors a percentage is more useful than a name.
        if item.starts_with("block ") {
            state.item.push_str(item);
        }
        state.show(self.steps);
    }

    fn end(&self) {
        let mut state = self.state();
        state.end_stage();
        if self.steps.is_empty() {
            state.bar.finish_and_clear();
        }
    }

    fn is_cancelled(&self) -> bool {
        interrupt::is_requested()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.state().bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_the_steps_of_the_whole_job() {
        let mut state = State::new();
        for stage in ["packing", "assembling", "calibrating", "measuring", "probing"] {
            state.enter(stage, CALIBRATING);
        }
        assert_eq!(state.line(CALIBRATING), "step 3 of 7: searching step sizes");
        state.enter("quantizing sequentially", CALIBRATING);
        (state.done, state.total, state.item) = (6, 30, "block 7 of 30".to_owned());
        state.begun = Instant::now() - Duration::from_secs(240);
        state.show(CALIBRATING);
        let line = state.line(CALIBRATING);
        assert!(
            line.starts_with("step 4 of 7: quantizing block 7 of 30, ") && line.ends_with("left"),
            "{line}"
        );
        assert!((0.4..0.5).contains(&state.fraction), "{}", state.fraction);
        // "packing" is the name of a stage in two steps. Distillation may be off.
        state.enter("packing", CALIBRATING);
        assert!(state.line(CALIBRATING).starts_with("step 6 of 7: entropy coding"));
    }

    #[test]
    fn times_are_those_of_stages_in_order() {
        let bar = Bar::new(true);
        for stage in ["packing", "calibrating", "calibrating", "packing"] {
            bar.begin(stage, 1);
            bar.end();
        }
        let stages: Vec<&str> = bar.times().iter().map(|time| time.stage).collect();
        assert_eq!(stages, ["packing", "calibrating", "packing"]);
    }

    #[test]
    fn shares_of_steps_add_up_to_one() {
        for steps in [QUANTIZING, CODING, CALIBRATING] {
            let sum: f64 = steps.iter().map(|step| step.share).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn durations_have_few_digits() {
        assert_eq!(
            (duration(12.3), duration(240.0), duration(9000.0)),
            ("12 s".into(), "4 min".into(), "2.5 h".into())
        );
    }
}
