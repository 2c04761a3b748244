// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
};

typedef float type_3[1];
struct ActivateParameters {
    uint width;
    uint gelu;
    uint gated;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;

int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
}

float exponential(
    float x
) {
    float y = 0.00019875691;
    if (x < -87.0) {
        return 0.0;
    }
    float clamped = (x > 88.0) ? 88.0 : x;
    float n = metal::rint(clamped * 1.442695);
    float r = metal::fma(n, 0.00021219444, metal::fma(n, -0.6933594, clamped));
    float _e17 = y;
    y = metal::fma(_e17, r, 0.0013981999);
    float _e20 = y;
    y = metal::fma(_e20, r, 0.008333452);
    float _e23 = y;
    y = metal::fma(_e23, r, 0.041665796);
    float _e26 = y;
    y = metal::fma(_e26, r, 0.16666666);
    float _e29 = y;
    y = metal::fma(_e29, r, 0.5);
    float _e32 = y;
    y = metal::fma(_e32 * r, r, r) + 1.0;
    float _e37 = y;
    return _e37 * as_type<float>(static_cast<uint>(as_type<int>(as_type<uint>(naga_f2i32(n)) + as_type<uint>(127))) << 23u);
}

struct activateInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void activate(
  metal::uint3 id [[thread_position_in_grid]]
, metal::uint3 groups [[threadgroups_per_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant ActivateParameters& activate_p [[user(fake0)]]
, device type_3 const& activate_up [[user(fake0)]]
, device type_3& activate_x [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i = {};
    float inner = {};
    float value = {};
    uint _e4 = active_rows.x;
    uint _e7 = activate_p.width;
    uint values = _e4 * _e7;
    i = id.x;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e51 = i;
            i = _e51 + (groups.x * THREADS);
        }
        loop_init = false;
        uint _e11 = i;
        if (_e11 < values) {
        } else {
            break;
        }
        {
            uint _e14 = i;
            float x_1 = activate_x[_e14];
            inner = x_1;
            uint _e20 = activate_p.gelu;
            if (_e20 != 0u) {
                inner = 1.595769 * metal::fma((0.044715 * x_1) * x_1, x_1, x_1);
            }
            float _e29 = inner;
            float _e31 = exponential(-(_e29));
            value = x_1 / (1.0 + _e31);
            uint _e38 = activate_p.gated;
            if (_e38 != 0u) {
                float _e41 = value;
                uint _e43 = i;
                float _e45 = activate_up[_e43];
                value = _e41 * _e45;
            }
            uint _e48 = i;
            float _e50 = value;
            activate_x[_e48] = _e50;
        }
    }
    return;
}
