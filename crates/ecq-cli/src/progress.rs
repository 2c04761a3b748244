use ecq::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;

/// A bar with rate and remaining time on a terminal, nothing when piped.
pub struct Bar {
    bar: Mutex<ProgressBar>,
    visible: bool,
}

impl Bar {
    pub fn new(json: bool) -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()), visible: !json && std::io::stderr().is_terminal() }
    }

    fn with(&self, f: impl FnOnce(&mut ProgressBar)) {
        // A panic elsewhere while drawing leaves a bar that can still be drawn.
        f(&mut self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Progress for Bar {
    fn begin(&self, stage: &'static str, total_bytes: u64) {
        if !self.visible {
            return;
        }
        let template = match total_bytes {
            0 => "{prefix} {spinner}",
            _ => "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left  {msg}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr())
            .with_style(style.progress_chars("=> "))
            .with_prefix(stage);
        self.with(|old| *old = bar);
    }

    fn advance(&self, bytes: u64, tensor: &str) {
        self.with(|bar| {
            bar.inc(bytes);
            bar.set_message(tensor.to_owned());
        });
    }

    fn end(&self) {
        self.with(|bar| bar.finish_and_clear());
    }
}
