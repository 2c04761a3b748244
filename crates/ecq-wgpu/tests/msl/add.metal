// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size4;
    uint size5;
    uint size6;
    uint size8;
    uint size9;
    uint size10;
    uint size12;
    uint size13;
    uint size15;
    uint size16;
    uint size18;
    uint size19;
    uint size21;
    uint size23;
    uint size24;
    uint size25;
    uint size26;
    uint size28;
    uint size29;
    uint size30;
    uint size31;
    uint size32;
    uint size33;
};

struct type_6 {
    float inner[256];
};
struct NormParameters {
    uint which;
    uint heads;
    uint width;
    uint layer;
    float eps;
};
typedef float type_7[1];
struct AnglesParameters {
    uint count;
    uint per_row;
    float scale;
};
typedef uint type_9[1];
struct RotateParameters {
    uint heads;
    uint head_dim;
    uint frequencies;
    uint neighbours;
};
struct ActivateParameters {
    uint width;
    uint gelu;
    uint gated;
};
struct AddParameters {
    uint width;
    float scale;
};
struct ClearParameters {
    uint width;
};
struct GatherParameters {
    uint which;
    uint width;
};
typedef metal::uint2 type_10[1];
struct AdvanceParameters {
    uint history_len;
    uint capacity;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;

bool is_finite(
    float value_2
) {
    return (as_type<uint>(value_2) & 2139095040u) != 2139095040u;
}

bool is_nan(
    float value_3
) {
    return (as_type<uint>(value_3) & 2147483647u) > 2139095040u;
}

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
    float x_1 = static_cast<float>(as_type<int>(_e51 - (quadrant << 30u))) * 0.0000000014629181;
    float z = x_1 * x_1;
    float sine = metal::fma(x_1 * z, metal::fma(z, metal::fma(z, -0.00019515296, 0.008332161), -0.16666655), x_1);
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

uint half_bits(
    float value_4
) {
    bool local_4 = {};
    bool local_5 = {};
    uint bits_1 = as_type<uint>(value_4);
    uint sign = (bits_1 >> 16u) & 32768u;
    uint size = bits_1 & 2147483647u;
    if (size > 2139095040u) {
        return sign | 32256u;
    }
    if (size >= 1199566848u) {
        return sign | 31744u;
    }
    if (size >= 947912704u) {
        return sign | ((((size + 4095u) + ((size >> 13u) & 1u)) - 939524096u) >> 13u);
    }
    uint exponent_1 = size >> 23u;
    if (exponent_1 < 102u) {
        return sign;
    }
    uint mantissa_1 = (size & 8388607u) | 8388608u;
    uint shift_1 = 126u - exponent_1;
    uint half_ = mantissa_1 >> shift_1;
    uint rest = mantissa_1 & ((1u << shift_1) - 1u);
    uint tie = 1u << (shift_1 - 1u);
    if (!((rest > tie))) {
        if (rest == tie) {
            local_5 = (half_ & 1u) == 1u;
        } else {
            local_5 = false;
        }
        bool _e64 = local_5;
        local_4 = _e64;
    } else {
        local_4 = true;
    }
    bool _e66 = local_4;
    return sign | (half_ + (_e66 ? 1u : 0u));
}

uint bfloat_bits(
    float value_5
) {
    uint bits_2 = as_type<uint>(value_5);
    bool _e2 = is_nan(value_5);
    if (_e2) {
        return (bits_2 >> 16u) | 64u;
    }
    return ((bits_2 + 32767u) + ((bits_2 >> 16u) & 1u)) >> 16u;
}

float float_of_pair(
    uint element,
    uint word,
    uint i_7
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i_7 & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i_7 & 1u))) << 16u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

float sum_group(
    uint thread_2,
    float value_6,
    threadgroup type_6& sums
) {
    uint distance = 128u;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    sums.inner[thread_2] = value_6;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e22 = distance;
            distance = naga_div(_e22, 2u);
        }
        loop_init = false;
        uint _e6 = distance;
        if (_e6 > 0u) {
        } else {
            break;
        }
        {
            uint _e9 = distance;
            if (thread_2 < _e9) {
                float _e15 = sums.inner[thread_2];
                uint _e17 = distance;
                float _e20 = sums.inner[thread_2 + _e17];
                sums.inner[thread_2] = _e15 + _e20;
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    float _e27 = sums.inner[0];
    return _e27;
}

struct addInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void add(
  metal::uint3 id_3 [[thread_position_in_grid]]
, metal::uint3 groups_1 [[threadgroups_per_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant AddParameters& add_p [[user(fake0)]]
, device type_7 const& add_x [[user(fake0)]]
, device type_7& add_y [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i_4 = {};
    uint _e4 = active_rows.x;
    uint _e7 = add_p.width;
    uint values = _e4 * _e7;
    i_4 = id_3.x;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e28 = i_4;
            i_4 = _e28 + (groups_1.x * THREADS);
        }
        loop_init_1 = false;
        uint _e11 = i_4;
        if (_e11 < values) {
        } else {
            break;
        }
        {
            uint _e14 = i_4;
            float _e18 = add_p.scale;
            uint _e20 = i_4;
            float _e22 = add_x[_e20];
            uint _e24 = i_4;
            float _e26 = add_y[_e24];
            add_y[_e14] = metal::fma(_e18, _e22, _e26);
        }
    }
    return;
}

