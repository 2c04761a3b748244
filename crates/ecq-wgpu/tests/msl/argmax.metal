// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size4;
    uint size5;
    uint size6;
    uint size7;
    uint size10;
};

struct type_6 {
    metal::uint2 inner[256];
};
struct ChoiceParameters {
    uint width;
    uint room;
};
typedef float type_7[1];
typedef uint type_8[1];
typedef metal::uint2 type_10[1];
struct RouteParameters {
    uint experts;
    uint top_k;
    uint renormalize;
};
struct type_12 {
    uint inner[1024];
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;
constant uint NONE = 4294967295u;
constant uint LEAST_BITS = 4286578688u;
constant uint MAX_EXPERTS = 1024u;

bool is_finite(
    float value
) {
    return (as_type<uint>(value) & 2139095040u) != 2139095040u;
}

bool is_nan(
    float value_1
) {
    return (as_type<uint>(value_1) & 2147483647u) > 2139095040u;
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
    float n_1 = metal::rint(clamped * 1.442695);
    float r = metal::fma(n_1, 0.00021219444, metal::fma(n_1, -0.6933594, clamped));
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
    return _e37 * as_type<float>(static_cast<uint>(as_type<int>(as_type<uint>(naga_f2i32(n_1)) + as_type<uint>(127))) << 23u);
}

metal::uint2 wide_product(
    uint a,
    uint b
) {
    uint low = (a & 65535u) * (b & 65535u);
    uint left_1 = (a & 65535u) * (b >> 16u);
    uint right = (a >> 16u) * (b & 65535u);
    uint middle = ((low >> 16u) + (left_1 & 65535u)) + (right & 65535u);
    uint high = ((((a >> 16u) * (b >> 16u)) + (left_1 >> 16u)) + (right >> 16u)) + (middle >> 16u);
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
    float value_2
) {
    bool local_7 = {};
    bool local_8 = {};
    uint bits_1 = as_type<uint>(value_2);
    uint sign = (bits_1 >> 16u) & 32768u;
    uint size_1 = bits_1 & 2147483647u;
    if (size_1 > 2139095040u) {
        return sign | 32256u;
    }
    if (size_1 >= 1199566848u) {
        return sign | 31744u;
    }
    if (size_1 >= 947912704u) {
        return sign | ((((size_1 + 4095u) + ((size_1 >> 13u) & 1u)) - 939524096u) >> 13u);
    }
    uint exponent_1 = size_1 >> 23u;
    if (exponent_1 < 102u) {
        return sign;
    }
    uint mantissa_1 = (size_1 & 8388607u) | 8388608u;
    uint shift_1 = 126u - exponent_1;
    uint half_ = mantissa_1 >> shift_1;
    uint rest = mantissa_1 & ((1u << shift_1) - 1u);
    uint tie = 1u << (shift_1 - 1u);
    if (!((rest > tie))) {
        if (rest == tie) {
            local_8 = (half_ & 1u) == 1u;
        } else {
            local_8 = false;
        }
        bool _e64 = local_8;
        local_7 = _e64;
    } else {
        local_7 = true;
    }
    bool _e66 = local_7;
    return sign | (half_ + (_e66 ? 1u : 0u));
}

uint bfloat_bits(
    float value_3
) {
    uint bits_2 = as_type<uint>(value_3);
    bool _e2 = is_nan(value_3);
    if (_e2) {
        return (bits_2 >> 16u) | 64u;
    }
    return ((bits_2 + 32767u) + ((bits_2 >> 16u) & 1u)) >> 16u;
}

float float_of_pair(
    uint element,
    uint word,
    uint i_10
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i_10 & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i_10 & 1u))) << 16u);
}

uint descending(
    float logit
) {
    uint bits_3 = as_type<uint>(logit);
    return ~((((bits_3 >> 31u) == 1u) ? ~(bits_3) : (bits_3 | 2147483648u)));
}

float logit_of(
    uint key
) {
    uint ascending = ~(key);
    return as_type<float>(((ascending >> 31u) == 1u) ? (ascending & 2147483647u) : ~(ascending));
}

bool before(
    metal::uint2 a_1,
    metal::uint2 b_1
) {
    bool local_9 = {};
    bool local_10 = {};
    if (!((a_1.x < b_1.x))) {
        if (a_1.x == b_1.x) {
            local_10 = a_1.y < b_1.y;
        } else {
            local_10 = false;
        }
        bool _e17 = local_10;
        local_9 = _e17;
    } else {
        local_9 = true;
    }
    bool _e19 = local_9;
    return _e19;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

metal::uint2 first_key(
    uint thread_3,
    metal::uint2 own_1,
    threadgroup type_6& best
) {
    uint distance_1 = 128u;
    bool local_11 = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    best.inner[thread_3] = own_1;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e31 = distance_1;
            distance_1 = naga_div(_e31, 2u);
        }
        loop_init = false;
        uint _e6 = distance_1;
        if (_e6 > 0u) {
        } else {
            break;
        }
        {
            uint _e9 = distance_1;
            if (thread_3 < _e9) {
                uint _e14 = distance_1;
                metal::uint2 _e17 = best.inner[thread_3 + _e14];
                metal::uint2 _e20 = best.inner[thread_3];
                bool _e21 = before(_e17, _e20);
                local_11 = _e21;
            } else {
                local_11 = false;
            }
            bool _e23 = local_11;
            if (_e23) {
                uint _e27 = distance_1;
                metal::uint2 _e30 = best.inner[thread_3 + _e27];
                best.inner[thread_3] = _e30;
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    metal::uint2 _e36 = best.inner[0];
    return _e36;
}

float ranked(
    float logit_1
) {
    bool _e1 = is_nan(logit_1);
    if (_e1) {
        return as_type<float>(LEAST_BITS);
    }
    return (logit_1 == 0.0) ? 0.0 : logit_1;
}

metal::uint2 largest(
    uint thread_4,
    uint start,
    threadgroup type_6& best,
    constant ChoiceParameters& choice_p,
    device type_7 const& logits,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint2 own_2 = metal::uint2(4294967295u, 4294967295u);
    uint i_11 = {};
    i_11 = thread_4;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e23 = i_11;
            i_11 = _e23 + THREADS;
        }
        loop_init_1 = false;
        uint _e7 = i_11;
        uint _e10 = choice_p.width;
        if (_e7 < _e10) {
        } else {
            break;
        }
        {
            uint _e13 = i_11;
            float _e16 = logits[start + _e13];
            float _e17 = ranked(_e16);
            uint _e18 = descending(_e17);
            uint _e19 = i_11;
            metal::uint2 key_1 = metal::uint2(_e18, _e19);
            metal::uint2 _e21 = own_2;
            bool _e22 = before(key_1, _e21);
            if (_e22) {
                own_2 = key_1;
            }
        }
    }
    metal::uint2 _e26 = own_2;
    metal::uint2 _e27 = first_key(thread_4, _e26, best);
    return _e27;
}

struct argmaxInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void argmax(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, threadgroup type_6& best
, constant ChoiceParameters& choice_p [[user(fake0)]]
, device type_7 const& logits [[user(fake0)]]
, device type_8& chosen [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint row = group.x;
    uint _e5 = active_rows.y;
    if (row >= _e5) {
        return;
    }
    uint _e9 = choice_p.width;
    metal::uint2 _e11 = largest(thread_, row * _e9, best, choice_p, logits, _buffer_sizes);
    if (thread_ == 0u) {
        float _e19 = logit_of(_e11.x);
        bool _e20 = is_finite(_e19);
        chosen[row] = _e20 ? _e11.y : NONE;
        return;
    } else {
        return;
    }
}

