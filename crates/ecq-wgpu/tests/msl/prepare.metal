// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
    uint size4;
};

struct PrepareParameters {
    uint which;
    uint cols;
    uint blocks;
    uint col_scales;
    uint scaled;
};
typedef float type_7[1];
typedef uint type_8[1];
typedef metal::uint4 type_9[1];
struct type_11 {
    float inner[32];
};
struct type_12 {
    uint inner[16];
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant float LARGEST = 32512.0;

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
    float x_2 = static_cast<float>(as_type<int>(_e51 - (quadrant << 30u))) * 0.0000000014629181;
    float z = x_2 * x_2;
    float sine = metal::fma(x_2 * z, metal::fma(z, metal::fma(z, -0.00019515296, 0.008332161), -0.16666655), x_2);
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
    bool local_3 = {};
    bool local_4 = {};
    uint bits_1 = as_type<uint>(value_2);
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
            local_4 = (half_ & 1u) == 1u;
        } else {
            local_4 = false;
        }
        bool _e64 = local_4;
        local_3 = _e64;
    } else {
        local_3 = true;
    }
    bool _e66 = local_3;
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
    uint i_3
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i_3 & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i_3 & 1u))) << 16u);
}

float value_at(
    uint row,
    uint col,
    constant PrepareParameters& p,
    device type_7 const& x_1,
    device type_8 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.cols;
    if (col >= _e4) {
        return 0.0;
    }
    uint _e10 = p.cols;
    float value_4 = x_1[(row * _e10) + col];
    uint _e17 = p.scaled;
    if (_e17 == 0u) {
        return value_4;
    }
    uint _e23 = p.col_scales;
    uint _e26 = side[_e23 + col];
    return value_4 * as_type<float>(_e26);
}
uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct prepareInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void prepare(
  metal::uint3 id [[thread_position_in_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant PrepareParameters& p [[user(fake0)]]
, device type_7 const& x_1 [[user(fake0)]]
, device type_8 const& side [[user(fake0)]]
, device type_9& digits [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    type_11 values = {};
    float largest = 0.0;
    bool finite = true;
    uint i = 0u;
    bool local_1 = {};
    float inverse = 0.0;
    bool local_2 = {};
    type_12 words = {};
    metal::int2 sums = metal::int2(0, 0);
    uint i_1 = 0u;
    int number = {};
    uint i_2 = 0u;
    uint row_1 = id.y;
    uint block = id.x;
    uint _e6 = p.which;
    uint _e8 = active_rows[_e6];
    if (!((row_1 >= _e8))) {
        uint _e15 = p.blocks;
        local = block >= _e15;
    } else {
        local = true;
    }
    bool _e18 = local;
    if (_e18) {
        return;
    }
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e46 = i;
            i = _e46 + 1u;
        }
        loop_init = false;
        uint _e26 = i;
        if (_e26 < 32u) {
        } else {
            break;
        }
        {
            uint _e31 = i;
            float _e33 = value_at(row_1, (block * 32u) + _e31, p, x_1, side, _buffer_sizes);
            uint _e34 = i;
            values.inner[_e34] = _e33;
            bool _e36 = finite;
            if (_e36) {
                bool _e39 = is_finite(_e33);
                local_1 = _e39;
            } else {
                local_1 = false;
            }
            bool _e41 = local_1;
            finite = _e41;
            float _e42 = largest;
            largest = metal::max(_e42, metal::abs(_e33));
        }
    }
    bool _e50 = finite;
    if (_e50) {
        float _e53 = largest;
        local_2 = _e53 >= 0.000000000000000000000000000001;
    } else {
        local_2 = false;
    }
    bool _e57 = local_2;
    if (_e57) {
        float _e59 = largest;
        inverse = LARGEST / _e59;
    }
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e135 = i_1;
            i_1 = _e135 + 1u;
        }
        loop_init_1 = false;
        uint _e68 = i_1;
        if (_e68 < 32u) {
        } else {
            break;
        }
        {
            number = 0;
            float _e73 = inverse;
            if (_e73 > 0.0) {
                uint _e76 = i_1;
                float _e78 = values.inner[_e76];
                float _e79 = inverse;
                number = metal::clamp(naga_f2i32(metal::rint(_e78 * _e79)), -32512, 32512);
            }
            int _e86 = number;
            int high_1 = as_type<int>(as_type<uint>(_e86) + as_type<uint>(128)) >> 8u;
            int _e91 = number;
            int low_1 = as_type<int>(as_type<uint>(_e91) - as_type<uint>(as_type<int>(as_type<uint>(high_1) * as_type<uint>(256))));
            uint _e95 = i_1;
            uint _e99 = words.inner[naga_div(_e95, 4u)];
            uint _e104 = i_1;
            words.inner[naga_div(_e95, 4u)] = _e99 | ((as_type<uint>(high_1) & 255u) << (8u * naga_mod(_e104, 4u)));
            uint _e111 = i_1;
            uint _e116 = words.inner[8u + naga_div(_e111, 4u)];
            uint _e121 = i_1;
            words.inner[8u + naga_div(_e111, 4u)] = _e116 | ((as_type<uint>(low_1) & 255u) << (8u * naga_mod(_e121, 4u)));
            uint _e127 = i_1;
            int _e131 = sums[naga_div(_e127, 16u)];
            int _e132 = number;
            sums[naga_div(_e127, 16u)] = as_type<int>(as_type<uint>(_e131) + as_type<uint>(_e132));
        }
    }
    float _e138 = largest;
    bool _e142 = finite;
    uint scale = _e142 ? as_type<uint>(_e138 / LARGEST) : 2143289344u;
    uint _e146 = p.blocks;
    uint at = ((row_1 * _e146) + block) * 5u;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e179 = i_2;
            i_2 = _e179 + 1u;
        }
        loop_init_2 = false;
        uint _e153 = i_2;
        if (_e153 < 4u) {
        } else {
            break;
        }
        {
            uint _e157 = i_2;
            uint first = 4u * _e157;
            uint _e160 = i_2;
            uint _e164 = words.inner[first];
            uint _e168 = words.inner[first + 1u];
            uint _e172 = words.inner[first + 2u];
            uint _e176 = words.inner[first + 3u];
            digits[at + _e160] = metal::uint4(_e164, _e168, _e172, _e176);
        }
    }
    int _e186 = sums.x;
    int _e189 = sums.y;
    int _e192 = sums.x;
    int _e194 = sums.y;
    digits[at + 4u] = metal::uint4(scale, as_type<uint>(_e186), as_type<uint>(_e189), as_type<uint>(as_type<int>(as_type<uint>(_e192) + as_type<uint>(_e194))));
    return;
}
