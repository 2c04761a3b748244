use ecq_runtime::RuntimeError;
use thiserror::Error;

/// Error of the wgpu device.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum WgpuError {
    /// No driver of Metal, Vulkan or DX12 reports an adapter.
    #[error(
        "no driver reports a GPU; install one for Vulkan (Linux, Windows) or use Metal (macOS) or DX12 \
         (Windows). A software driver is Debian's mesa-vulkan-drivers"
    )]
    NoAdapter,
    /// The choice of an adapter or of features is unknown.
    #[error("{choice:?} chooses no adapter; {why}")]
    Choice {
        /// What was asked for.
        choice: String,
        /// What there is.
        why: String,
    },
    /// The adapter cannot run the kernels.
    #[error("{adapter} has {what} of {found}; kernels need {needed}")]
    Adapter {
        /// Its name.
        adapter: String,
        /// Name of the limit.
        what: &'static str,
        /// The adapter's limit.
        found: u64,
        /// What kernels need.
        needed: u64,
    },
    /// Something is larger than a limit of the adapter.
    #[error("{what} takes {bytes} bytes; {limit} of the adapter is {most}")]
    Limit {
        /// What is too large.
        what: String,
        /// Its size in bytes.
        bytes: u64,
        /// Name of the limit.
        limit: &'static str,
        /// The limit in bytes.
        most: u64,
    },
    /// The driver has refused something, or the device is lost.
    #[error("{0}")]
    Driver(String),
    /// The device has too little memory.
    #[error("out of GPU memory: cannot allocate {bytes} bytes")]
    OutOfMemory {
        /// Requested bytes.
        bytes: u64,
    },
}

impl From<WgpuError> for RuntimeError {
    fn from(error: WgpuError) -> Self {
        match error {
            WgpuError::OutOfMemory { bytes } => Self::OutOfMemory { bytes: bytes as usize },
            other => Self::Device { device: "wgpu", why: other.to_string() },
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, WgpuError>;
