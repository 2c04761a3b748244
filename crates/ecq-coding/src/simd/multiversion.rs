/// Defines a function whose body is compiled once for each instruction set ([`Isa`](crate::Isa)).
///
/// Two forms:
///
/// - `fn name(args) -> T { body }`: the compiler vectorizes the body. The function runs the version for
///   [`Isa::detect`](crate::Isa::detect).
/// - `unsafe fn name[V: Trait in module](args) -> T { body }`, where constants may follow the vector type
///   (`[V: Trait in module, const W: usize]`). The body uses the vector type `V`, which `module` (a name in
///   scope) defines for each set under the name of the [`Isa`](crate::Isa) variant. The macro defines the
///   *safe* function `name(isa, args)`, which runs the version for `isa`, or for the widest set that the
///   processor supports if it lacks `isa`. `unsafe` in the definition means that the body may call the
///   methods of `V`; apart from that it must be sound for any arguments.
///
/// Rust never contracts a product and a sum to a fused multiply-add, so plain Rust gives the same bits on
/// every set.
#[doc(hidden)]
#[macro_export]
macro_rules! multiversion {
    // The features of each set: these lists and those of `Isa::detect` are the same.
    (@enable Neon $($item:tt)*) => {
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        #[target_feature(enable = "neon")]
        $($item)*
    };
    (@enable NeonDot $($item:tt)*) => {
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        #[target_feature(enable = "neon,dotprod")]
        $($item)*
    };
    (@enable Avx2 $($item:tt)*) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,fma,f16c")]
        $($item)*
    };
    (@enable Avx512 $($item:tt)*) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,fma,f16c")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
        $($item)*
    };
    (@enable Avx512Vnni $($item:tt)*) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,fma,f16c")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
        $($item)*
    };
    (
        $(#[$meta:meta])*
        $vis:vis unsafe fn $name:ident[$V:ident: $bound:ident in $sets:ident $(, const $c:ident: usize)*](
            $($arg:ident: $ty:ty),* $(,)?
        ) $(-> $ret:ty)? $body:block
    ) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "the instruction set is one more")]
        $vis fn $name<$(const $c: usize),*>(isa: $crate::Isa, $($arg: $ty),*) $(-> $ret)? {
            /// # Safety
            /// The caller enables the instruction set of the vector type.
            #[inline(always)]
            unsafe fn generic<$V: $bound, $(const $c: usize),*>($($arg: $ty),*) $(-> $ret)? $body
            $crate::multiversion! { @enable Neon
                fn neon<$(const $c: usize),*>($($arg: $ty),*) $(-> $ret)? {
                    // SAFETY: this function enables the instruction set.
                    unsafe { generic::<$sets::Neon, $($c),*>($($arg),*) }
                }
            }
            $crate::multiversion! { @enable NeonDot
                fn neon_dot<$(const $c: usize),*>($($arg: $ty),*) $(-> $ret)? {
                    // SAFETY: this function enables the instruction set.
                    unsafe { generic::<$sets::NeonDot, $($c),*>($($arg),*) }
                }
            }
            $crate::multiversion! { @enable Avx2
                fn avx2<$(const $c: usize),*>($($arg: $ty),*) $(-> $ret)? {
                    // SAFETY: this function enables the instruction set.
                    unsafe { generic::<$sets::Avx2, $($c),*>($($arg),*) }
                }
            }
            $crate::multiversion! { @enable Avx512
                fn avx512<$(const $c: usize),*>($($arg: $ty),*) $(-> $ret)? {
                    // SAFETY: this function enables the instruction set.
                    unsafe { generic::<$sets::Avx512, $($c),*>($($arg),*) }
                }
            }
            $crate::multiversion! { @enable Avx512Vnni
                fn avx512_vnni<$(const $c: usize),*>($($arg: $ty),*) $(-> $ret)? {
                    // SAFETY: this function enables the instruction set.
                    unsafe { generic::<$sets::Avx512Vnni, $($c),*>($($arg),*) }
                }
            }
            match isa.resolve() {
                // SAFETY: `resolve` returns only instruction sets that the processor supports.
                #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
                $crate::Isa::Neon => unsafe { neon::<$($c),*>($($arg),*) },
                // SAFETY: as above.
                #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
                $crate::Isa::NeonDot => unsafe { neon_dot::<$($c),*>($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx2 => unsafe { avx2::<$($c),*>($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx512 => unsafe { avx512::<$($c),*>($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx512Vnni => unsafe { avx512_vnni::<$($c),*>($($arg),*) },
                // SAFETY: the portable type needs no instruction set.
                _ => unsafe { generic::<$sets::Portable, $($c),*>($($arg),*) },
            }
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    ) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "kernels take plain slices and sizes")]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            $crate::multiversion! { @enable Avx2
                fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            }
            $crate::multiversion! { @enable Avx512
                fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            }
            match $crate::Isa::detect() {
                // SAFETY: `detect` returns only instruction sets that the processor supports.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx512 | $crate::Isa::Avx512Vnni => unsafe { avx512($($arg),*) },
                // AArch64 compiles the plain body with NEON.
                _ => body($($arg),*),
            }
        }
    };
}
