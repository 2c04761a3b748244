// Types and conversions that all kernels use. There are no headers at run time, so nothing is included.

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// Converts the bits of a half-precision float.
__device__ __forceinline__ float half_to_float(u16 bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

// Rounds to half precision, ties to even.
__device__ __forceinline__ u16 float_to_half(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

// Converts the bits of a bfloat16.
__device__ __forceinline__ float bfloat_to_float(u16 bits) {
    return __uint_as_float((u32)bits << 16);
}

// Rounds to bfloat16, ties to even.
__device__ __forceinline__ u16 float_to_bfloat(float value) {
    u16 bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

// Element types, numbered as in `Element` of the host.
#define F32 0
#define F16 1
#define BF16 2
#define I8 3
