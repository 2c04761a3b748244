// Types and conversions that all kernels use. There are no headers at run time, so nothing is included.

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INFINITY __int_as_float(0x7f800000)

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

// Element types as template parameters of loads and stores.
template <int ELEMENT> __device__ __forceinline__ float load_float(const void* values, u64 i) {
    if (ELEMENT == F32) return ((const float*)values)[i];
    const u16 bits = ((const u16*)values)[i];
    return ELEMENT == F16 ? half_to_float(bits) : bfloat_to_float(bits);
}

// Errors that kernels report to the host, in memory that both see.
struct Report {
    u32 code;
    u32 value;
};
#define UNKNOWN_TOKEN 1
#define CACHE_RANGE 2

// Numbers of rows in use: of the batch, and of logits.
struct ActiveRows {
    u32 rows[2];
};

// Sums a value over groups of `lanes` lanes of a warp (a power of two), in a fixed order; all lanes get the
// sum.
__device__ __forceinline__ float sum_lanes(float value, u32 lanes) {
    for (u32 distance = lanes / 2; distance > 0; distance /= 2)
        value = __fadd_rn(value, __shfl_xor_sync(0xffffffffu, value, distance));
    return value;
}

// Sums a value over a block of at most 1024 threads, in a fixed order; all threads get the sum.
__device__ __forceinline__ float sum_block(float value) {
    __shared__ float parts[32];
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    value = sum_lanes(value, 32);
    if (warps == 1) return value;
    __syncthreads();
    if (lane == 0) parts[warp] = value;
    __syncthreads();
    return sum_lanes(lane < warps ? parts[lane] : 0.0f, 32);
}

// Waits for the kernels before this one, which may still run if this one was launched early, and allows the
// next one to be launched early. Everything that other kernels write is read after this.
__device__ __forceinline__ void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents; griddepcontrol.wait;" ::: "memory");
#endif
}
