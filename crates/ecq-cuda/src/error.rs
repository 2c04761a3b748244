use ecq_runtime::RuntimeError;
use thiserror::Error;

/// Error of the CUDA device.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum CudaError {
    /// A library that CUDA consists of cannot be loaded.
    #[error("{library} cannot be loaded: {why}")]
    Library {
        /// The library.
        library: &'static str,
        /// Where it was looked for, and what to install.
        why: String,
    },
    /// There is no GPU of this number.
    #[error("there is no GPU {ordinal}; the driver reports {count}")]
    NoGpu {
        /// Requested number.
        ordinal: usize,
        /// Number of GPUs.
        count: usize,
    },
    /// The GPU is older than the kernels support.
    #[error("{name} has compute capability {found}; kernels need 8.0 (Ampere) or newer")]
    OldGpu {
        /// The GPU.
        name: String,
        /// Its compute capability.
        found: String,
    },
    /// A call of the driver failed.
    #[error("{operation}: {why}")]
    Driver {
        /// What was attempted.
        operation: &'static str,
        /// Name and description of the driver's error.
        why: String,
    },
    /// A kernel does not compile.
    #[error("kernels {program} do not compile for {architecture}: {log}")]
    Compile {
        /// The source and its definitions.
        program: String,
        /// Target, such as `sm_90`.
        architecture: String,
        /// The compiler's messages.
        log: String,
    },
    /// A matrix in the tuple coding is corrupt or does not fit the kernels.
    #[error(transparent)]
    Coding(#[from] ecq_coding::CodingError),
    /// The device has too little memory.
    #[error("out of GPU memory: cannot allocate {bytes} bytes")]
    OutOfMemory {
        /// Requested bytes.
        bytes: usize,
    },
}

impl From<CudaError> for RuntimeError {
    fn from(error: CudaError) -> Self {
        match error {
            CudaError::OutOfMemory { bytes } => Self::OutOfMemory { bytes },
            other => Self::Device { device: "cuda", why: other.to_string() },
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, CudaError>;

/// Names the operation of a failed driver call.
pub(crate) trait DriverResult<T> {
    /// # Errors
    /// [`CudaError::Driver`] if the call failed.
    fn during(self, operation: &'static str) -> Result<T>;
}

impl<T> DriverResult<T> for std::result::Result<T, cudarc::driver::DriverError> {
    fn during(self, operation: &'static str) -> Result<T> {
        self.map_err(|error| {
            let text = |text: std::result::Result<&std::ffi::CStr, _>| {
                text.map_or_else(|_| format!("{:?}", error.0), |text| text.to_string_lossy().into_owned())
            };
            let why = format!("{} ({})", text(error.error_string()), text(error.error_name()));
            CudaError::Driver { operation, why }
        })
    }
}
