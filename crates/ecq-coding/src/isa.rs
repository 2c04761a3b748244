//! Instruction sets, found once at run time.

/// An instruction set that a decoder can be built for, from the narrowest to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsaKind {
    /// No assumption about the processor.
    Portable,
    /// x86-64 with AVX2, BMI1, BMI2 and LZCNT.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL, DQ.
    Avx512,
}

impl IsaKind {
    /// All, from the narrowest to the widest.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The widest that this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::sync::LazyLock;
            static FOUND: LazyLock<IsaKind> = LazyLock::new(|| {
                let avx2 = is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("lzcnt")
                    && is_x86_feature_detected!("bmi2");
                let avx512 = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq");
                match (avx2, avx512) {
                    (true, true) => IsaKind::Avx512,
                    (true, false) => IsaKind::Avx2,
                    _ => IsaKind::Portable,
                }
            });
            *FOUND
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::Portable
    }

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}
