//! One body of plain Rust, compiled for each instruction set.

/// Defines a function whose body is compiled for every [`IsaKind`](ecq_coding::IsaKind) and runs as the widest one
/// present. Bodies spell out their lanes and never ask for fused multiply-add, so that every instruction set gives
/// the same bits.
macro_rules! per_isa {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
            fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            match ecq_coding::IsaKind::detect() {
                // SAFETY: the instruction set was found on this machine.
                #[cfg(target_arch = "x86_64")]
                ecq_coding::IsaKind::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                ecq_coding::IsaKind::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        }
    };
}
pub(super) use per_isa;
