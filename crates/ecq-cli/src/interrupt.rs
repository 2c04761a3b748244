//! Handling of Ctrl-C (SIGINT).

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Installs a handler: the first Ctrl-C requests cancellation, a second one exits.
pub fn install_handler() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(())
}

/// Whether cancellation is requested; does not clear the request.
pub fn is_requested() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Whether cancellation is requested; clears the request.
pub fn take() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}
