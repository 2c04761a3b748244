// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size2;
    uint size4;
    uint size5;
    uint size6;
    uint size7;
};

struct Codes {
    metal::uint4 a;
    metal::uint4 b;
};
typedef uint type_2[1];
struct Matrix {
    uint rows;
    uint cols;
    uint blocks;
    uint groups;
    uint group_size;
    int zero;
    uint scales;
    uint more;
    uint col_scales;
    uint scaled;
    uint starts;
    uint outliers;
    uint listed;
    uint unused_a;
    uint unused_b;
    uint unused_c;
};
struct ProductParameters {
    Matrix m;
    uint which;
    uint first;
    uint count;
    uint y_stride;
    uint y_first;
    uint biased;
    uint unused_a;
    uint unused_b;
};
typedef metal::uint4 type_8[1];
typedef float type_9[1];
struct type_10 {
    float inner[8];
};
struct type_12 {
    float inner[2048];
};
constant uint BITS = 3u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint ROWS = 8u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint UNIFORM = 0u;
constant uint AFFINE = 1u;
constant uint AFFINE_ANY = 2u;
constant uint SUPER_BLOCKS = 3u;
constant uint LEVELS = 4u;
constant uint DENSE = 5u;
constant uint SPLITS = 8u;

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint code_at(
    Codes codes_1,
    uint i_2
) {
    metal::uint4 quad_ = (i_2 >= 16u) ? codes_1.b : codes_1.a;
    return (quad_[naga_div(naga_mod(i_2, 16u), 4u)] >> (8u * naga_mod(i_2, 4u))) & 255u;
}

Codes unpack(
    uint at,
    device type_2 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint w0_ = words[at + 0u];
    uint w1_ = words[at + 32u];
    uint w2_ = words[at + 64u];
    metal::uint4 a_2 = metal::uint4((((w0_ >> 0u) & 50529027u) << 0u) | (((w2_ >> 0u) & 16843009u) << 2u), (((w0_ >> 2u) & 50529027u) << 0u) | (((w2_ >> 1u) & 16843009u) << 2u), (((w0_ >> 4u) & 50529027u) << 0u) | (((w2_ >> 2u) & 16843009u) << 2u), (((w0_ >> 6u) & 50529027u) << 0u) | (((w2_ >> 3u) & 16843009u) << 2u));
    metal::uint4 b_2 = metal::uint4((((w1_ >> 0u) & 50529027u) << 0u) | (((w2_ >> 4u) & 16843009u) << 2u), (((w1_ >> 2u) & 50529027u) << 0u) | (((w2_ >> 5u) & 16843009u) << 2u), (((w1_ >> 4u) & 50529027u) << 0u) | (((w2_ >> 6u) & 16843009u) << 2u), (((w1_ >> 6u) & 50529027u) << 0u) | (((w2_ >> 7u) & 16843009u) << 2u));
    return Codes {a_2, b_2};
}

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
    float r_4 = metal::fma(n, 0.00021219444, metal::fma(n, -0.6933594, clamped));
    float _e17 = y;
    y = metal::fma(_e17, r_4, 0.0013981999);
    float _e20 = y;
    y = metal::fma(_e20, r_4, 0.008333452);
    float _e23 = y;
    y = metal::fma(_e23, r_4, 0.041665796);
    float _e26 = y;
    y = metal::fma(_e26, r_4, 0.16666666);
    float _e29 = y;
    y = metal::fma(_e29, r_4, 0.5);
    float _e32 = y;
    y = metal::fma(_e32 * r_4, r_4, r_4) + 1.0;
    float _e37 = y;
    return _e37 * as_type<float>(static_cast<uint>(as_type<int>(as_type<uint>(naga_f2i32(n)) + as_type<uint>(127))) << 23u);
}

metal::uint2 wide_product(
    uint a,
    uint b
) {
    uint low_1 = (a & 65535u) * (b & 65535u);
    uint left = (a & 65535u) * (b >> 16u);
    uint right = (a >> 16u) * (b & 65535u);
    uint middle = ((low_1 >> 16u) + (left & 65535u)) + (right & 65535u);
    uint high_1 = ((((a >> 16u) * (b >> 16u)) + (left >> 16u)) + (right >> 16u)) + (middle >> 16u);
    return metal::uint2(high_1, (middle << 16u) | (low_1 & 65535u));
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
    uint shift_1 = static_cast<uint>(as_type<int>(as_type<uint>(23) - as_type<uint>(exponent)));
    if (shift_1 == 0u) {
        turn = middle_1;
    } else {
        if (shift_1 < 32u) {
            turn = (middle_1 >> shift_1) | (top << (32u - shift_1));
        } else {
            if (shift_1 < 64u) {
                turn = top >> (shift_1 - 32u);
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
    uint shift_2 = 126u - exponent_1;
    uint half_1 = mantissa_1 >> shift_2;
    uint rest = mantissa_1 & ((1u << shift_2) - 1u);
    uint tie = 1u << (shift_2 - 1u);
    if (!((rest > tie))) {
        if (rest == tie) {
            local_4 = (half_1 & 1u) == 1u;
        } else {
            local_4 = false;
        }
        bool _e64 = local_4;
        local_3 = _e64;
    } else {
        local_3 = true;
    }
    bool _e66 = local_3;
    return sign | (half_1 + (_e66 ? 1u : 0u));
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

float side_float(
    uint at_1,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return as_type<float>(_e3);
}

uint side_word(
    uint at_2,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_2];
    return _e3;
}

metal::float2 scale_and_bias(
    uint at_3,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        float _e4 = side_float(2u * at_3, side, _buffer_sizes);
        float _e9 = side_float((2u * at_3) + 1u, side, _buffer_sizes);
        return metal::float2(_e4, _e9);
    }
    uint _e11 = side_word(at_3, side, _buffer_sizes);
    float _e14 = float_of_pair(SCALES, _e11, 0u);
    float _e17 = float_of_pair(SCALES, _e11, 1u);
    return metal::float2(_e14, _e17);
}

uint in_tiles(
    uint row,
    uint groups,
    uint group_1
) {
    return (((naga_div(row, 32u) * groups) + group_1) * 32u) + naga_mod(row, 32u);
}

metal::float2 scales_of(
    Matrix m,
    uint row_1,
    uint block_1,
    uint half_,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        uint group_2 = metal::min(naga_div(block_1 * 32u, m.group_size), m.groups - 1u);
        uint _e17 = in_tiles(row_1, m.groups, group_2);
        metal::float2 _e19 = scale_and_bias(naga_div(m.scales, 2u) + _e17, side, _buffer_sizes);
        return _e19;
    }
    uint _e24 = in_tiles(row_1, m.groups, naga_div(block_1, 8u));
    uint _e26 = side_word(m.scales + _e24, side, _buffer_sizes);
    uint _e29 = in_tiles(row_1, m.blocks, block_1);
    uint _e31 = side_word(m.more + _e29, side, _buffer_sizes);
    uint bytes = _e31 >> (16u * half_);
    float scale = static_cast<float>(metal::extract_bits(as_type<int>(bytes), metal::min(0u, 32u), metal::min(8u, 32u - metal::min(0u, 32u))));
    float minimum = static_cast<float>(metal::extract_bits(bytes, metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u))));
    float _e46 = float_of_pair(F16_, _e26, 0u);
    float _e50 = float_of_pair(F16_, _e26, 1u);
    return metal::float2(_e46 * scale, -((_e50 * minimum)));
}

float scaled_activation(
    Matrix m_1,
    float value_4,
    uint col,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m_1.scaled == 0u) {
        return value_4;
    }
    float _e8 = side_float(m_1.col_scales + col, side, _buffer_sizes);
    return value_4 * _e8;
}

uint block_place(
    Matrix m_2,
    uint row_2,
    uint block_2
) {
    return ((((naga_div(row_2, 32u) * m_2.blocks) + block_2) * BITS) * 32u) + naga_mod(row_2, 32u);
}

uint single_code(
    Matrix m_3,
    uint row_3,
    uint col_1,
    device type_2 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint code_1 = 0u;
    uint load = 0u;
    uint shift = 0u;
    uint width = 8u;
    uint _e5 = block_place(m_3, row_3, naga_div(col_1, 32u));
    uint byte = naga_mod(col_1, 4u);
    uint word_1 = naga_div(naga_mod(col_1, 32u), 4u);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e63 = width;
            width = naga_div(_e63, 2u);
        }
        loop_init = false;
        uint _e20 = width;
        if (_e20 > 0u) {
        } else {
            break;
        }
        {
            uint _e24 = width;
            if ((BITS & _e24) == 0u) {
                continue;
            }
            uint _e29 = width;
            uint per_word = naga_div(8u, _e29);
            uint _e32 = load;
            uint bits_3 = words[_e5 + ((_e32 + naga_div(word_1, per_word)) * 32u)];
            uint _e40 = code_1;
            uint _e43 = width;
            uint _e49 = width;
            uint _e54 = shift;
            code_1 = _e40 | (((bits_3 >> ((8u * byte) + (_e43 * naga_mod(word_1, per_word)))) & ((1u << _e49) - 1u)) << _e54);
            uint _e57 = load;
            uint _e58 = width;
            load = _e57 + _e58;
            uint _e60 = shift;
            uint _e61 = width;
            shift = _e60 + _e61;
        }
    }
    uint _e66 = code_1;
    return _e66;
}

float outlier_at(
    Matrix m_4,
    uint row_4,
    uint col_2,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint low = {};
    uint high = {};
    bool local_5 = {};
    uint _e7 = side[m_4.starts + row_4];
    low = _e7;
    uint last = side[(m_4.starts + row_4) + 1u];
    high = last;
    while(true) {
        uint _e17 = low;
        uint _e18 = high;
        if (_e17 < _e18) {
        } else {
            break;
        }
        {
            uint _e20 = low;
            uint _e21 = high;
            uint middle_2 = naga_div(_e20 + _e21, 2u);
            uint _e31 = side[m_4.outliers + (2u * middle_2)];
            if (_e31 < col_2) {
                low = middle_2 + 1u;
            } else {
                high = middle_2;
            }
        }
    }
    uint _e35 = low;
    if (_e35 < last) {
        uint _e42 = low;
        uint _e46 = side[m_4.outliers + (2u * _e42)];
        local_5 = _e46 == col_2;
    } else {
        local_5 = false;
    }
    bool _e49 = local_5;
    if (_e49) {
        uint _e52 = low;
        float _e57 = side_float((m_4.outliers + (2u * _e52)) + 1u, side, _buffer_sizes);
        return _e57;
    }
    return 0.0;
}

float single_float(
    Matrix m_5,
    uint row_5,
    uint col_3,
    device type_2 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = block_place(m_5, row_5, naga_div(col_3, 32u));
    if (false) {
        uint _e14 = words[_e5 + (naga_mod(col_3, 32u) * 32u)];
        return as_type<float>(_e14);
    }
    uint _e26 = words[_e5 + (naga_div(naga_mod(col_3, 32u), 2u) * 32u)];
    float _e27 = float_of_pair(SCALES, _e26, col_3);
    return _e27;
}

float single_weight(
    Matrix m_6,
    uint row_6,
    uint col_4,
    device type_2 const& words,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_6 = {};
    float value_5 = {};
    if (false) {
        float _e4 = single_float(m_6, row_6, col_4, words, _buffer_sizes);
        return _e4;
    }
    uint _e5 = single_code(m_6, row_6, col_4, words, _buffer_sizes);
    float code_3 = static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(_e5)) - as_type<uint>(m_6.zero)));
    if (false) {
        uint at_5 = m_6.scales + (2u * ((row_6 * m_6.groups) + naga_div(col_4, m_6.group_size)));
        float _e20 = side_float(at_5, side, _buffer_sizes);
        float _e23 = side_float(at_5 + 1u, side, _buffer_sizes);
        return metal::fma(_e20, code_3, _e23);
    }
    if (true) {
        local_6 = false;
    } else {
        local_6 = true;
    }
    bool _e30 = local_6;
    if (_e30) {
        metal::float2 _e37 = scales_of(m_6, row_6, naga_div(col_4, 32u), naga_div(naga_mod(col_4, 32u), 16u), side, _buffer_sizes);
        return metal::fma(_e37.x, code_3, _e37.y);
    }
    value_5 = code_3;
    if (false) {
        float _e45 = side_float(m_6.more + _e5, side, _buffer_sizes);
        value_5 = _e45;
    }
    if (m_6.listed != 0u) {
        float _e49 = value_5;
        float _e50 = outlier_at(m_6, row_6, col_4, side, _buffer_sizes);
        value_5 = _e49 + _e50;
    }
    float _e54 = side_float(m_6.scales + row_6, side, _buffer_sizes);
    float _e55 = value_5;
    float _e57 = scaled_activation(m_6, _e54 * _e55, col_4, side, _buffer_sizes);
    return _e57;
}

int dot_half(
    metal::uint4 a_1,
    metal::uint4 b_1
) {
    uint _e2 = a_1.x;
    uint _e3 = b_1.x;
    packed_char4 reinterpreted_packed_char4_e2 = as_type<packed_char4>(_e2);
    packed_char4 reinterpreted_packed_char4_e3 = as_type<packed_char4>(_e3);
    uint _e5 = a_1.y;
    uint _e6 = b_1.y;
    packed_char4 reinterpreted_packed_char4_e5 = as_type<packed_char4>(_e5);
    packed_char4 reinterpreted_packed_char4_e6 = as_type<packed_char4>(_e6);
    uint _e9 = a_1.z;
    uint _e10 = b_1.z;
    packed_char4 reinterpreted_packed_char4_e9 = as_type<packed_char4>(_e9);
    packed_char4 reinterpreted_packed_char4_e10 = as_type<packed_char4>(_e10);
    uint _e13 = a_1.w;
    uint _e14 = b_1.w;
    packed_char4 reinterpreted_packed_char4_e13 = as_type<packed_char4>(_e13);
    packed_char4 reinterpreted_packed_char4_e14 = as_type<packed_char4>(_e14);
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(( + reinterpreted_packed_char4_e2[0] * reinterpreted_packed_char4_e3[0] + reinterpreted_packed_char4_e2[1] * reinterpreted_packed_char4_e3[1] + reinterpreted_packed_char4_e2[2] * reinterpreted_packed_char4_e3[2] + reinterpreted_packed_char4_e2[3] * reinterpreted_packed_char4_e3[3])) + as_type<uint>(( + reinterpreted_packed_char4_e5[0] * reinterpreted_packed_char4_e6[0] + reinterpreted_packed_char4_e5[1] * reinterpreted_packed_char4_e6[1] + reinterpreted_packed_char4_e5[2] * reinterpreted_packed_char4_e6[2] + reinterpreted_packed_char4_e5[3] * reinterpreted_packed_char4_e6[3])))) + as_type<uint>(( + reinterpreted_packed_char4_e9[0] * reinterpreted_packed_char4_e10[0] + reinterpreted_packed_char4_e9[1] * reinterpreted_packed_char4_e10[1] + reinterpreted_packed_char4_e9[2] * reinterpreted_packed_char4_e10[2] + reinterpreted_packed_char4_e9[3] * reinterpreted_packed_char4_e10[3])))) + as_type<uint>(( + reinterpreted_packed_char4_e13[0] * reinterpreted_packed_char4_e14[0] + reinterpreted_packed_char4_e13[1] * reinterpreted_packed_char4_e14[1] + reinterpreted_packed_char4_e13[2] * reinterpreted_packed_char4_e14[2] + reinterpreted_packed_char4_e13[3] * reinterpreted_packed_char4_e14[3])));
}

ProductParameters parameters(
    constant ProductParameters& p
) {
    ProductParameters _e1 = p;
    return _e1;
}

float add_block(
    float total_1,
    Codes codes_2,
    uint at_4,
    metal::float2 first_1,
    metal::float2 second_1,
    constant ProductParameters& p,
    device type_8 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_7 = {};
    float sum_1 = {};
    float sum_2 = {};
    ProductParameters _e5 = parameters(p);
    int zero = _e5.m.zero;
    metal::uint4 sums = digits[at_4 + 4u];
    float x_scale = as_type<float>(sums.x);
    metal::uint4 _e18 = digits[at_4];
    int _e19 = dot_half(codes_2.a, _e18);
    metal::uint4 _e27 = digits[at_4 + 2u];
    int _e28 = dot_half(codes_2.a, _e27);
    int one = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e19))) + as_type<uint>(_e28));
    metal::uint4 _e35 = digits[at_4 + 1u];
    int _e36 = dot_half(codes_2.b, _e35);
    metal::uint4 _e44 = digits[at_4 + 3u];
    int _e45 = dot_half(codes_2.b, _e44);
    int two = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e36))) + as_type<uint>(_e45));
    if (false) {
        local_7 = false;
    } else {
        local_7 = false;
    }
    bool _e52 = local_7;
    if (_e52) {
        int of_first = as_type<int>(sums.y);
        int of_second = as_type<int>(sums.z);
        sum_1 = metal::fma(first_1.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(one) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_first))))), total_1);
        if (false) {
            float _e68 = sum_1;
            sum_1 = metal::fma(first_1.y * x_scale, static_cast<float>(of_first), _e68);
        }
        float _e75 = sum_1;
        sum_1 = metal::fma(second_1.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(two) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_second))))), _e75);
        if (false) {
            float _e81 = sum_1;
            sum_1 = metal::fma(second_1.y * x_scale, static_cast<float>(of_second), _e81);
        }
        float _e83 = sum_1;
        return _e83;
    }
    int of_x = as_type<int>(sums.w);
    float product_1 = static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(one) + as_type<uint>(two))) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_x)))));
    if (true) {
        return metal::fma(x_scale, product_1, total_1);
    }
    sum_2 = metal::fma(first_1.x * x_scale, product_1, total_1);
    if (false) {
        float _e100 = sum_2;
        sum_2 = metal::fma(first_1.y * x_scale, static_cast<float>(of_x), _e100);
    }
    float _e102 = sum_2;
    return _e102;
}

metal::uint2 range_of(
    uint blocks,
    uint split
) {
    uint per_split = naga_div((blocks + SPLITS) - 1u, SPLITS);
    uint begin = metal::min(split * per_split, blocks);
    return metal::uint2(begin, metal::min(begin + per_split, blocks));
}

void add_outliers(
    uint row_7,
    uint split_1,
    uint row0_,
    uint rows_in_use,
    thread type_10& total_2,
    device type_2 const& side,
    constant ProductParameters& p,
    device type_9 const& x_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_4 = {};
    uint r_3 = {};
    ProductParameters _e5 = parameters(p);
    Matrix m_7 = _e5.m;
    uint _e11 = side[_e5.m.starts + row_7];
    i_4 = _e11 + split_1;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e65 = i_4;
            i_4 = _e65 + SPLITS;
        }
        loop_init_1 = false;
        uint _e14 = i_4;
        uint _e21 = side[(_e5.m.starts + row_7) + 1u];
        if (_e14 < _e21) {
        } else {
            break;
        }
        {
            uint _e26 = i_4;
            uint col_5 = side[_e5.m.outliers + (2u * _e26)];
            uint _e33 = i_4;
            float _e38 = side_float((_e5.m.outliers + (2u * _e33)) + 1u, side, _buffer_sizes);
            r_3 = 0u;
            bool loop_init_2 = true;
            while(true) {
                if (!loop_init_2) {
                    uint _e63 = r_3;
                    r_3 = _e63 + 1u;
                }
                loop_init_2 = false;
                uint _e41 = r_3;
                if (_e41 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e44 = r_3;
                    if ((row0_ + _e44) >= rows_in_use) {
                        break;
                    }
                    uint _e48 = r_3;
                    float _e54 = x_1[((row0_ + _e48) * _e5.m.cols) + col_5];
                    float _e55 = scaled_activation(m_7, _e54, col_5, side, _buffer_sizes);
                    uint _e56 = r_3;
                    uint _e58 = r_3;
                    float _e60 = total_2.inner[_e58];
                    total_2.inner[_e56] = metal::fma(_e38, _e55, _e60);
                }
            }
        }
    }
    return;
}

float result_of(
    uint row_8,
    float sum_3,
    device type_2 const& side,
    constant ProductParameters& p,
    device type_9 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step = 1.0;
    bool local_8 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (false) {
        local_8 = false;
    } else {
        local_8 = true;
    }
    bool _e10 = local_8;
    if (_e10) {
        float _e14 = side_float(_e2.m.scales + row_8, side, _buffer_sizes);
        step = _e14;
    }
    if (_e2.biased != 0u) {
        float _e26 = bias[(_e2.y_first + row_8) - _e2.first];
        offset = _e26;
    }
    float _e27 = step;
    float _e28 = offset;
    return metal::fma(sum_3, _e27, _e28);
}

float weight_at(
    uint row_9,
    uint block_3,
    uint i_5,
    uint code_2,
    device type_2 const& words,
    device type_2 const& side,
    constant ProductParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        Matrix _e7 = p.m;
        float _e11 = single_float(_e7, row_9, (block_3 * 32u) + i_5, words, _buffer_sizes);
        return _e11;
    }
    if (false) {
        uint _e16 = p.m.more;
        float _e18 = side_float(_e16 + code_2, side, _buffer_sizes);
        return _e18;
    }
    uint _e22 = p.m.scales;
    uint _e27 = p.m.groups;
    uint _e35 = p.m.group_size;
    uint at_6 = _e22 + (2u * ((row_9 * _e27) + naga_div((block_3 * 32u) + i_5, _e35)));
    float _e40 = side_float(at_6, side, _buffer_sizes);
    int _e45 = p.m.zero;
    float _e50 = side_float(at_6 + 1u, side, _buffer_sizes);
    return metal::fma(_e40, static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(code_2)) - as_type<uint>(_e45))), _e50);
}

struct productInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void product(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_2 const& words [[user(fake0)]]
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_2 const& side [[user(fake0)]]
, constant ProductParameters& p [[user(fake0)]]
, device type_8 const& digits [[user(fake0)]]
, device type_9 const& x_1 [[user(fake0)]]
, device type_9 const& bias [[user(fake0)]]
, device type_9& y_1 [[user(fake0)]]
, threadgroup type_12& parts
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_10 total = {};
    uint block = {};
    metal::float2 first = {};
    metal::float2 second = {};
    bool local = {};
    uint r = {};
    Codes codes = {};
    uint i = {};
    uint code = {};
    uint r_1 = {};
    uint r_2 = 0u;
    uint i_1 = {};
    bool local_1 = {};
    bool local_2 = {};
    float sum = {};
    uint other = {};
    uint row0_1 = group.y * ROWS;
    uint _e8 = p.which;
    uint rows_in_use_1 = active_rows[_e8];
    if (row0_1 >= rows_in_use_1) {
        return;
    }
    uint lane = naga_mod(thread_, 32u);
    uint split_2 = naga_div(thread_, 32u);
    uint _e18 = p.first;
    uint row_10 = ((naga_div(_e18, 32u) + group.x) * 32u) + lane;
    uint _e29 = p.m.rows;
    uint known = metal::min(row_10, _e29 - 1u);
    uint _e36 = p.m.blocks;
    metal::uint2 _e37 = range_of(_e36, split_2);
    block = _e37.x;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e177 = block;
            block = _e177 + 1u;
        }
        loop_init_3 = false;
        uint _e41 = block;
        if (_e41 < _e37.y) {
        } else {
            break;
        }
        {
            if (true) {
                Matrix _e47 = p.m;
                uint _e48 = block;
                uint _e49 = block_place(_e47, row_10, _e48);
                Codes _e50 = unpack(_e49, words, _buffer_sizes);
                first = metal::float2(0.0, 0.0);
                metal::float2 _e55 = first;
                second = _e55;
                if (false) {
                    Matrix _e60 = p.m;
                    uint _e61 = block;
                    metal::float2 _e63 = scales_of(_e60, known, _e61, 0u, side, _buffer_sizes);
                    first = _e63;
                }
                if (false) {
                    local = false;
                } else {
                    local = false;
                }
                bool _e69 = local;
                if (_e69) {
                    Matrix _e72 = p.m;
                    uint _e73 = block;
                    metal::float2 _e75 = scales_of(_e72, known, _e73, 1u, side, _buffer_sizes);
                    second = _e75;
                }
                r = 0u;
                bool loop_init_4 = true;
                while(true) {
                    if (!loop_init_4) {
                        uint _e101 = r;
                        r = _e101 + 1u;
                    }
                    loop_init_4 = false;
                    uint _e78 = r;
                    if (_e78 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e81 = r;
                        uint _e83 = r;
                        float _e85 = total.inner[_e83];
                        uint _e86 = r;
                        uint _e91 = p.m.blocks;
                        uint _e93 = block;
                        metal::float2 _e97 = first;
                        metal::float2 _e98 = second;
                        float _e99 = add_block(_e85, _e50, (((row0_1 + _e86) * _e91) + _e93) * 5u, _e97, _e98, p, digits, _buffer_sizes);
                        total.inner[_e81] = _e99;
                    }
                }
            } else {
                codes = Codes {};
                if (true) {
                    Matrix _e108 = p.m;
                    uint _e109 = block;
                    uint _e110 = block_place(_e108, row_10, _e109);
                    Codes _e111 = unpack(_e110, words, _buffer_sizes);
                    codes = _e111;
                }
                uint _e116 = p.m.cols;
                uint _e117 = block;
                uint count = metal::min(32u, _e116 - (_e117 * 32u));
                i = 0u;
                bool loop_init_5 = true;
                while(true) {
                    if (!loop_init_5) {
                        uint _e174 = i;
                        i = _e174 + 1u;
                    }
                    loop_init_5 = false;
                    uint _e124 = i;
                    if (_e124 < count) {
                    } else {
                        break;
                    }
                    {
                        code = 0u;
                        if (true) {
                            Codes _e129 = codes;
                            uint _e130 = i;
                            uint _e131 = code_at(_e129, _e130);
                            code = _e131;
                        }
                        uint _e132 = block;
                        uint _e133 = i;
                        uint _e134 = code;
                        float _e135 = weight_at(known, _e132, _e133, _e134, words, side, p, _buffer_sizes);
                        uint _e136 = block;
                        uint _e139 = i;
                        uint col_6 = (_e136 * 32u) + _e139;
                        r_1 = 0u;
                        bool loop_init_6 = true;
                        while(true) {
                            if (!loop_init_6) {
                                uint _e171 = r_1;
                                r_1 = _e171 + 1u;
                            }
                            loop_init_6 = false;
                            uint _e143 = r_1;
                            if (_e143 < ROWS) {
                            } else {
                                break;
                            }
                            {
                                uint _e146 = r_1;
                                if ((row0_1 + _e146) >= rows_in_use_1) {
                                    break;
                                }
                                Matrix _e151 = p.m;
                                uint _e153 = r_1;
                                uint _e158 = p.m.cols;
                                float _e162 = x_1[((row0_1 + _e153) * _e158) + col_6];
                                float _e163 = scaled_activation(_e151, _e162, col_6, side, _buffer_sizes);
                                uint _e164 = r_1;
                                uint _e166 = r_1;
                                float _e168 = total.inner[_e166];
                                total.inner[_e164] = metal::fma(_e135, _e163, _e168);
                            }
                        }
                    }
                }
            }
        }
    }
    uint _e182 = p.m.listed;
    if (_e182 != 0u) {
        add_outliers(known, split_2, row0_1, rows_in_use_1, total, side, p, x_1, _buffer_sizes);
    }
    bool loop_init_7 = true;
    while(true) {
        if (!loop_init_7) {
            uint _e203 = r_2;
            r_2 = _e203 + 1u;
        }
        loop_init_7 = false;
        uint _e187 = r_2;
        if (_e187 < ROWS) {
        } else {
            break;
        }
        {
            uint _e193 = r_2;
            uint _e199 = r_2;
            float _e201 = total.inner[_e199];
            parts.inner[(((split_2 * ROWS) + _e193) * 32u) + lane] = _e201;
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_1 = thread_;
    bool loop_init_8 = true;
    while(true) {
        if (!loop_init_8) {
            uint _e292 = i_1;
            i_1 = _e292 + 256u;
        }
        loop_init_8 = false;
        uint _e206 = i_1;
        if (_e206 < 256u) {
        } else {
            break;
        }
        {
            uint _e209 = i_1;
            uint r_5 = naga_div(_e209, 32u);
            uint _e214 = p.first;
            uint _e221 = i_1;
            uint out = ((naga_div(_e214, 32u) + group.x) * 32u) + naga_mod(_e221, 32u);
            if (!(((row0_1 + r_5) >= rows_in_use_1))) {
                uint _e232 = p.first;
                local_1 = out < _e232;
            } else {
                local_1 = true;
            }
            bool _e235 = local_1;
            if (!(_e235)) {
                uint _e241 = p.first;
                uint _e244 = p.count;
                local_2 = out >= (_e241 + _e244);
            } else {
                local_2 = true;
            }
            bool _e248 = local_2;
            if (_e248) {
                continue;
            }
            uint _e250 = i_1;
            float _e252 = parts.inner[_e250];
            sum = _e252;
            other = 1u;
            bool loop_init_9 = true;
            while(true) {
                if (!loop_init_9) {
                    uint _e272 = other;
                    other = _e272 + 1u;
                }
                loop_init_9 = false;
                uint _e256 = other;
                if (_e256 < SPLITS) {
                } else {
                    break;
                }
                {
                    float _e259 = sum;
                    uint _e261 = other;
                    uint _e266 = i_1;
                    float _e269 = parts.inner[((_e261 * ROWS) * 32u) + _e266];
                    sum = _e259 + _e269;
                }
            }
            uint _e278 = p.y_stride;
            uint _e282 = p.y_first;
            uint _e287 = p.first;
            float _e290 = sum;
            float _e291 = result_of(out, _e290, side, p, bias, _buffer_sizes);
            y_1[((((row0_1 + r_5) * _e278) + _e282) + out) - _e287] = _e291;
        }
    }
    return;
}
