// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
    uint size4;
};

typedef float type_6[1];
struct AnglesParameters {
    uint count;
    uint per_row;
    float scale;
};
typedef uint type_8[1];
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;

metal::uint2 wide_product(
    uint a,
    uint b
) {
    uint low = (a & 65535u) * (b & 65535u);
    uint left = (a & 65535u) * (b >> 16u);
    uint right = (a >> 16u) * (b & 65535u);
    uint middle = ((low >> 16u) + (left & 65535u)) + (right & 65535u);
    uint high = ((((a >> 16u) * (b >> 16u)) + (left >> 16u)) + (right >> 16u)) + (middle >> 16u);
    return metal::uint2(high, (middle << 16u) | (low & 65535u));
}

metal::float2 cosine_and_sine(
    float angle
) {
    uint turn = 0u;
    uint bits = as_type<uint>(angle);
    int exponent = metal::min(as_type<int>(as_type<uint>(static_cast<int>(bits >> 23u)) - as_type<uint>(127)), 23);
    uint mantissa = (bits & 8388607u) | 8388608u;
    metal::uint2 _e14 = wide_product(mantissa, 2475754826u);
    metal::uint2 _e16 = wide_product(mantissa, 683565275u);
    uint middle_1 = _e14.x + _e16.y;
    uint top = _e16.x + ((middle_1 < _e14.x) ? 1u : 0u);
    uint shift = static_cast<uint>(as_type<int>(as_type<uint>(23) - as_type<uint>(exponent)));
    if (shift == 0u) {
        turn = middle_1;
    } else {
        if (shift < 32u) {
            turn = (middle_1 >> shift) | (top << (32u - shift));
        } else {
            if (shift < 64u) {
                turn = top >> (shift - 32u);
            }
        }
    }
    uint _e46 = turn;
    uint quadrant = (_e46 + 536870912u) >> 30u;
    uint _e51 = turn;
    float x = static_cast<float>(as_type<int>(_e51 - (quadrant << 30u))) * 0.0000000014629181;
    float z = x * x;
    float sine = metal::fma(x * z, metal::fma(z, metal::fma(z, -0.00019515296, 0.008332161), -0.16666655), x);
    float even = metal::fma(z, metal::fma(z, 0.000024433157, -0.0013887316), 0.041666646);
    float cosine = metal::fma(z * z, even, metal::fma(z, -0.5, 1.0));
    switch(quadrant & 3u) {
        case 0u: {
            return metal::float2(cosine, sine);
        }
        case 1u: {
            return metal::float2(-(sine), cosine);
        }
        case 2u: {
            return metal::float2(-(cosine), -(sine));
        }
        default: {
            return metal::float2(sine, -(cosine));
        }
    }
}

struct anglesInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void angles(
  metal::uint3 id [[thread_position_in_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant AnglesParameters& angles_p [[user(fake0)]]
, device type_8 const& angles_positions [[user(fake0)]]
, device type_6 const& angles_frequencies [[user(fake0)]]
, device type_6& angles_table [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    metal::float2 found = {};
    uint row = id.y;
    uint _e4 = active_rows.x;
    if (!((row >= _e4))) {
        uint _e12 = angles_p.count;
        local = id.x >= _e12;
    } else {
        local = true;
    }
    bool _e15 = local;
    if (_e15) {
        return;
    }
    uint _e19 = angles_p.count;
    uint _e23 = angles_p.per_row;
    uint own = (_e23 != 0u) ? (row * _e19) : 0u;
    uint _e29 = angles_positions[row];
    float _e35 = angles_frequencies[own + id.x];
    float angle_1 = static_cast<float>(_e29) * _e35;
    metal::float2 _e38 = cosine_and_sine(metal::abs(angle_1));
    found = _e38;
    if (angle_1 < 0.0) {
        float _e44 = found.y;
        found.y = -(_e44);
    }
    uint _e50 = angles_p.count;
    uint at = ((row * 2u) * _e50) + id.x;
    float _e57 = found.x;
    float _e60 = angles_p.scale;
    angles_table[at] = _e57 * _e60;
    uint _e65 = angles_p.count;
    float _e69 = found.y;
    float _e72 = angles_p.scale;
    angles_table[at + _e65] = _e69 * _e72;
    return;
}
