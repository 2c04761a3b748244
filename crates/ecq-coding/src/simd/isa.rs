//! Instruction sets, detected once at run time.

use std::sync::LazyLock;

/// An instruction set for which this workspace has code of its own.
///
/// Every function that takes an `Isa` gives the same result on all of them, bit for bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// No assumption about the processor beyond the target that the program was compiled for.
    Portable,
    /// AArch64 with NEON, which every AArch64 processor has.
    Neon,
    /// AArch64 with NEON and the dot product instructions (`FEAT_DotProd`: `sdot`).
    NeonDot,
    /// x86-64 with AVX2, BMI1, BMI2, LZCNT, POPCNT, FMA and F16C (the level x86-64-v3).
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and DQ besides those of [`Avx2`](Self::Avx2) (the level x86-64-v4).
    Avx512,
    /// As [`Avx512`](Self::Avx512), with VNNI (`vpdpbusd`).
    Avx512Vnni,
}

impl Isa {
    /// All instruction sets, those of one architecture from the narrowest to the widest.
    pub const ALL: [Self; 6] =
        [Self::Portable, Self::Neon, Self::NeonDot, Self::Avx2, Self::Avx512, Self::Avx512Vnni];

    /// Returns the widest instruction set of this processor.
    pub fn detect() -> Self {
        static DETECTED: LazyLock<Isa> = LazyLock::new(detect);
        *DETECTED
    }

    /// Returns all instruction sets of this processor, from the narrowest to the widest.
    pub fn supported() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.resolve() == *isa)
    }

    /// Returns `self` where this processor supports it, otherwise [`detect`](Self::detect).
    #[inline]
    pub fn resolve(self) -> Self {
        let widest = Self::detect();
        let supported = match self {
            Self::Portable => true,
            Self::Neon => matches!(widest, Self::Neon | Self::NeonDot),
            Self::NeonDot => widest == Self::NeonDot,
            Self::Avx2 => matches!(widest, Self::Avx2 | Self::Avx512 | Self::Avx512Vnni),
            Self::Avx512 => matches!(widest, Self::Avx512 | Self::Avx512Vnni),
            Self::Avx512Vnni => widest == Self::Avx512Vnni,
        };
        if supported { self } else { widest }
    }

    /// Returns the name in lower case, such as `avx512-vnni`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::NeonDot => "neon-dotprod",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512-vnni",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Isa {
    /// Whether the processor has all of the features.
    macro_rules! has {
        ($($feature:tt)*) => { true $(&& is_x86_feature_detected!($feature))* };
    }
    // The features of `multiversion!`, one for one.
    let avx2 = has!("avx2" "bmi1" "bmi2" "lzcnt" "popcnt" "fma" "f16c");
    let avx512 = avx2 && has!("avx512f" "avx512bw" "avx512vl" "avx512dq");
    match (avx2, avx512, avx512 && has!("avx512vnni")) {
        (_, _, true) => Isa::Avx512Vnni,
        (_, true, _) => Isa::Avx512,
        (true, ..) => Isa::Avx2,
        _ => Isa::Portable,
    }
}

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
fn detect() -> Isa {
    if std::arch::is_aarch64_feature_detected!("dotprod") { Isa::NeonDot } else { Isa::Neon }
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
fn detect() -> Isa {
    Isa::Portable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_set_resolves_to_the_widest_supported_one() {
        for isa in Isa::ALL {
            let supported = Isa::supported().any(|other| other == isa);
            assert_eq!(isa.resolve(), if supported { isa } else { Isa::detect() });
        }
        assert_eq!(Isa::supported().next(), Some(Isa::Portable));
        assert_eq!(Isa::supported().last(), Some(Isa::detect()));
    }
}
