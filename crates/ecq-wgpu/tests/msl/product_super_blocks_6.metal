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
typedef float type_8[1];
typedef metal::uint4 type_9[1];
struct type_10 {
    float inner[1];
};
struct type_12 {
    float inner[256];
};
constant uint BITS = 6u;
constant uint GRID = 3u;
constant uint SCALES = 1u;
constant uint BIASED = 0u;
constant uint GROUP = 16u;
constant uint INTEGER = 1u;
constant uint ROWS = 1u;
constant uint VALUES = 0u;
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
constant uint BLOCK_VECTORS = 5u;

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
    uint w3_ = words[at + 96u];
    uint w4_ = words[at + 128u];
    uint w5_ = words[at + 160u];
    metal::uint4 a_2 = metal::uint4((((w0_ >> 0u) & 252645135u) << 0u) | (((w4_ >> 0u) & 50529027u) << 4u), (((w0_ >> 4u) & 252645135u) << 0u) | (((w4_ >> 2u) & 50529027u) << 4u), (((w1_ >> 0u) & 252645135u) << 0u) | (((w4_ >> 4u) & 50529027u) << 4u), (((w1_ >> 4u) & 252645135u) << 0u) | (((w4_ >> 6u) & 50529027u) << 4u));
    metal::uint4 b_1 = metal::uint4((((w2_ >> 0u) & 252645135u) << 0u) | (((w5_ >> 0u) & 50529027u) << 4u), (((w2_ >> 4u) & 252645135u) << 0u) | (((w5_ >> 2u) & 50529027u) << 4u), (((w3_ >> 0u) & 252645135u) << 0u) | (((w5_ >> 4u) & 50529027u) << 4u), (((w3_ >> 4u) & 252645135u) << 0u) | (((w5_ >> 6u) & 50529027u) << 4u));
    return Codes {a_2, b_1};
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
    if (false) {
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
        metal::float2 _e19 = scale_and_bias(naga_div(m.scales, 1u) + _e17, side, _buffer_sizes);
        return _e19;
    }
    uint _e24 = in_tiles(row_1, m.groups, naga_div(block_1, 8u));
    uint _e26 = side_word(m.scales + _e24, side, _buffer_sizes);
    uint _e29 = in_tiles(row_1, m.blocks, block_1);
    uint _e31 = side_word(m.more + _e29, side, _buffer_sizes);
    uint bytes_1 = _e31 >> (16u * half_);
    float scale = static_cast<float>(metal::extract_bits(as_type<int>(bytes_1), metal::min(0u, 32u), metal::min(8u, 32u - metal::min(0u, 32u))));
    float minimum = static_cast<float>(metal::extract_bits(bytes_1, metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u))));
    float _e46 = float_of_pair(F16_, _e26, 0u);
    float _e50 = float_of_pair(F16_, _e26, 1u);
    return metal::float2(_e46 * scale, -((_e50 * minimum)));
}

float scaled_activation(
    Matrix m_1,
    float value,
    uint col,
    device type_2 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m_1.scaled == 0u) {
        return value;
    }
    float _e8 = side_float(m_1.col_scales + col, side, _buffer_sizes);
    return value * _e8;
}

uint block_place(
    Matrix m_2,
    uint row_2,
    uint block_2
) {
    return ((((naga_div(row_2, 32u) * m_2.blocks) + block_2) * BITS) * 32u) + naga_mod(row_2, 32u);
}

float single_float(
    Matrix m_3,
    uint row_3,
    uint col_1,
    device type_2 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = block_place(m_3, row_3, naga_div(col_1, 32u));
    if (false) {
        uint _e14 = words[_e5 + (naga_mod(col_1, 32u) * 32u)];
        return as_type<float>(_e14);
    }
    uint _e26 = words[_e5 + (naga_div(naga_mod(col_1, 32u), 2u) * 32u)];
    float _e27 = float_of_pair(SCALES, _e26, col_1);
    return _e27;
}

ProductParameters parameters(
    constant ProductParameters& p
) {
    ProductParameters _e1 = p;
    return _e1;
}

float result_of(
    uint row_4,
    float sum_1,
    device type_2 const& side,
    constant ProductParameters& p,
    device type_8 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step = 1.0;
    bool local_3 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (true) {
        local_3 = false;
    } else {
        local_3 = true;
    }
    bool _e10 = local_3;
    if (_e10) {
        float _e14 = side_float(_e2.m.scales + row_4, side, _buffer_sizes);
        step = _e14;
    }
    if (_e2.biased != 0u) {
        float _e26 = bias[(_e2.y_first + row_4) - _e2.first];
        offset = _e26;
    }
    float _e27 = step;
    float _e28 = offset;
    return metal::fma(sum_1, _e27, _e28);
}

int dot_half(
    metal::uint4 a,
    metal::uint4 b
) {
    uint _e2 = a.x;
    uint _e3 = b.x;
    packed_char4 reinterpreted_packed_char4_e2 = as_type<packed_char4>(_e2);
    packed_char4 reinterpreted_packed_char4_e3 = as_type<packed_char4>(_e3);
    uint _e5 = a.y;
    uint _e6 = b.y;
    packed_char4 reinterpreted_packed_char4_e5 = as_type<packed_char4>(_e5);
    packed_char4 reinterpreted_packed_char4_e6 = as_type<packed_char4>(_e6);
    uint _e9 = a.z;
    uint _e10 = b.z;
    packed_char4 reinterpreted_packed_char4_e9 = as_type<packed_char4>(_e9);
    packed_char4 reinterpreted_packed_char4_e10 = as_type<packed_char4>(_e10);
    uint _e13 = a.w;
    uint _e14 = b.w;
    packed_char4 reinterpreted_packed_char4_e13 = as_type<packed_char4>(_e13);
    packed_char4 reinterpreted_packed_char4_e14 = as_type<packed_char4>(_e14);
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(( + reinterpreted_packed_char4_e2[0] * reinterpreted_packed_char4_e3[0] + reinterpreted_packed_char4_e2[1] * reinterpreted_packed_char4_e3[1] + reinterpreted_packed_char4_e2[2] * reinterpreted_packed_char4_e3[2] + reinterpreted_packed_char4_e2[3] * reinterpreted_packed_char4_e3[3])) + as_type<uint>(( + reinterpreted_packed_char4_e5[0] * reinterpreted_packed_char4_e6[0] + reinterpreted_packed_char4_e5[1] * reinterpreted_packed_char4_e6[1] + reinterpreted_packed_char4_e5[2] * reinterpreted_packed_char4_e6[2] + reinterpreted_packed_char4_e5[3] * reinterpreted_packed_char4_e6[3])))) + as_type<uint>(( + reinterpreted_packed_char4_e9[0] * reinterpreted_packed_char4_e10[0] + reinterpreted_packed_char4_e9[1] * reinterpreted_packed_char4_e10[1] + reinterpreted_packed_char4_e9[2] * reinterpreted_packed_char4_e10[2] + reinterpreted_packed_char4_e9[3] * reinterpreted_packed_char4_e10[3])))) + as_type<uint>(( + reinterpreted_packed_char4_e13[0] * reinterpreted_packed_char4_e14[0] + reinterpreted_packed_char4_e13[1] * reinterpreted_packed_char4_e14[1] + reinterpreted_packed_char4_e13[2] * reinterpreted_packed_char4_e14[2] + reinterpreted_packed_char4_e13[3] * reinterpreted_packed_char4_e14[3])));
}

int dot_values(
    uint bytes,
    metal::uint4 values
) {
    metal::int4 products = as_type<metal::int4>(as_type<metal::uint4>(int4(as_type<packed_char4>(bytes))) * as_type<metal::uint4>(as_type<metal::int4>(values)));
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(products.x) + as_type<uint>(products.y))) + as_type<uint>(products.z))) + as_type<uint>(products.w));
}

int half_of_values(
    metal::uint4 a_1,
    uint at_4,
    device type_9 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e5 = digits[at_4];
    int _e6 = dot_values(a_1.x, _e5);
    metal::uint4 _e12 = digits[at_4 + 1u];
    int _e13 = dot_values(a_1.y, _e12);
    int first_3 = as_type<int>(as_type<uint>(_e6) + as_type<uint>(_e13));
    metal::uint4 _e20 = digits[at_4 + 2u];
    int _e21 = dot_values(a_1.z, _e20);
    metal::uint4 _e28 = digits[at_4 + 3u];
    int _e29 = dot_values(a_1.w, _e28);
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(first_3) + as_type<uint>(_e21))) + as_type<uint>(_e29));
}

float add_sums(
    float total_1,
    int one,
    int two,
    metal::uint4 sums,
    metal::float2 first_1,
    metal::float2 second_1,
    constant ProductParameters& p
) {
    bool local_4 = {};
    float sum_2 = {};
    float sum_3 = {};
    ProductParameters _e6 = parameters(p);
    int zero = _e6.m.zero;
    float x_scale = as_type<float>(sums.x);
    if (true) {
        local_4 = true;
    } else {
        local_4 = false;
    }
    bool _e16 = local_4;
    if (_e16) {
        int of_first = as_type<int>(sums.y);
        int of_second = as_type<int>(sums.z);
        sum_2 = metal::fma(first_1.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(one) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_first))))), total_1);
        if (false) {
            float _e32 = sum_2;
            sum_2 = metal::fma(first_1.y * x_scale, static_cast<float>(of_first), _e32);
        }
        float _e39 = sum_2;
        sum_2 = metal::fma(second_1.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(two) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_second))))), _e39);
        if (false) {
            float _e45 = sum_2;
            sum_2 = metal::fma(second_1.y * x_scale, static_cast<float>(of_second), _e45);
        }
        float _e47 = sum_2;
        return _e47;
    }
    int of_x = as_type<int>(sums.w);
    float product_1 = static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(one) + as_type<uint>(two))) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_x)))));
    if (false) {
        return metal::fma(x_scale, product_1, total_1);
    }
    sum_3 = metal::fma(first_1.x * x_scale, product_1, total_1);
    if (false) {
        float _e64 = sum_3;
        sum_3 = metal::fma(first_1.y * x_scale, static_cast<float>(of_x), _e64);
    }
    float _e66 = sum_3;
    return _e66;
}

float add_block(
    float total_2,
    Codes codes_2,
    uint at_5,
    metal::float2 first_2,
    metal::float2 second_2,
    constant ProductParameters& p,
    device type_9 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        int _e7 = half_of_values(codes_2.a, at_5, digits, _buffer_sizes);
        int _e11 = half_of_values(codes_2.b, at_5 + 4u, digits, _buffer_sizes);
        metal::uint4 _e16 = digits[at_5 + 8u];
        float _e17 = add_sums(total_2, _e7, _e11, _e16, first_2, second_2, p);
        return _e17;
    }
    metal::uint4 _e21 = digits[at_5];
    int _e22 = dot_half(codes_2.a, _e21);
    metal::uint4 _e30 = digits[at_5 + 2u];
    int _e31 = dot_half(codes_2.a, _e30);
    int one_1 = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e22))) + as_type<uint>(_e31));
    metal::uint4 _e38 = digits[at_5 + 1u];
    int _e39 = dot_half(codes_2.b, _e38);
    metal::uint4 _e47 = digits[at_5 + 3u];
    int _e48 = dot_half(codes_2.b, _e47);
    int two_1 = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e39))) + as_type<uint>(_e48));
    metal::uint4 _e54 = digits[at_5 + 4u];
    float _e55 = add_sums(total_2, one_1, two_1, _e54, first_2, second_2, p);
    return _e55;
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
    uint row_5,
    uint split_1,
    uint row0_,
    uint step_1,
    uint rows_in_use,
    thread type_10& total_3,
    device type_2 const& side,
    constant ProductParameters& p,
    device type_8 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_4 = {};
    uint r_3 = {};
    ProductParameters _e6 = parameters(p);
    Matrix m_4 = _e6.m;
    uint _e12 = side[_e6.m.starts + row_5];
    i_4 = _e12 + split_1;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e65 = i_4;
            i_4 = _e65 + SPLITS;
        }
        loop_init = false;
        uint _e15 = i_4;
        uint _e22 = side[(_e6.m.starts + row_5) + 1u];
        if (_e15 < _e22) {
        } else {
            break;
        }
        {
            uint _e27 = i_4;
            uint col_2 = side[_e6.m.outliers + (2u * _e27)];
            uint _e34 = i_4;
            float _e39 = side_float((_e6.m.outliers + (2u * _e34)) + 1u, side, _buffer_sizes);
            r_3 = 0u;
            bool loop_init_1 = true;
            while(true) {
                if (!loop_init_1) {
                    uint _e63 = r_3;
                    r_3 = _e63 + 1u;
                }
                loop_init_1 = false;
                uint _e42 = r_3;
                if (_e42 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e45 = r_3;
                    uint own = row0_ + (_e45 * step_1);
                    if (own >= rows_in_use) {
                        break;
                    }
                    float _e54 = x[(own * _e6.m.cols) + col_2];
                    float _e55 = scaled_activation(m_4, _e54, col_2, side, _buffer_sizes);
                    uint _e56 = r_3;
                    uint _e58 = r_3;
                    float _e60 = total_3.inner[_e58];
                    total_3.inner[_e56] = metal::fma(_e39, _e55, _e60);
                }
            }
        }
    }
    return;
}

float weight_at(
    uint row_6,
    uint block_3,
    uint i_5,
    uint code_1,
    device type_2 const& words,
    device type_2 const& side,
    constant ProductParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        Matrix _e7 = p.m;
        float _e11 = single_float(_e7, row_6, (block_3 * 32u) + i_5, words, _buffer_sizes);
        return _e11;
    }
    if (false) {
        uint _e16 = p.m.more;
        float _e18 = side_float(_e16 + code_1, side, _buffer_sizes);
        return _e18;
    }
    uint _e22 = p.m.scales;
    uint _e27 = p.m.groups;
    uint _e35 = p.m.group_size;
    uint at_6 = _e22 + (2u * ((row_6 * _e27) + naga_div((block_3 * 32u) + i_5, _e35)));
    float _e40 = side_float(at_6, side, _buffer_sizes);
    int _e45 = p.m.zero;
    float _e50 = side_float(at_6 + 1u, side, _buffer_sizes);
    return metal::fma(_e40, static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(code_1)) - as_type<uint>(_e45))), _e50);
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
, device type_8 const& bias [[user(fake0)]]
, device type_9 const& digits [[user(fake0)]]
, device type_8 const& x [[user(fake0)]]
, device type_8& y [[user(fake0)]]
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
    uint row_7 = ((naga_div(_e18, 32u) + group.x) * 32u) + lane;
    uint _e29 = p.m.rows;
    uint known = metal::min(row_7, _e29 - 1u);
    uint _e36 = p.m.blocks;
    metal::uint2 _e37 = range_of(_e36, split_2);
    block = _e37.x;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e177 = block;
            block = _e177 + 1u;
        }
        loop_init_2 = false;
        uint _e41 = block;
        if (_e41 < _e37.y) {
        } else {
            break;
        }
        {
            if (true) {
                Matrix _e47 = p.m;
                uint _e48 = block;
                uint _e49 = block_place(_e47, row_7, _e48);
                Codes _e50 = unpack(_e49, words, _buffer_sizes);
                first = metal::float2(0.0, 0.0);
                metal::float2 _e55 = first;
                second = _e55;
                if (true) {
                    Matrix _e60 = p.m;
                    uint _e61 = block;
                    metal::float2 _e63 = scales_of(_e60, known, _e61, 0u, side, _buffer_sizes);
                    first = _e63;
                }
                if (true) {
                    local = true;
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
                bool loop_init_3 = true;
                while(true) {
                    if (!loop_init_3) {
                        uint _e101 = r;
                        r = _e101 + 1u;
                    }
                    loop_init_3 = false;
                    uint _e78 = r;
                    if (_e78 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e81 = r;
                        uint _e86 = p.m.blocks;
                        uint _e88 = block;
                        uint at_7 = (((row0_1 + _e81) * _e86) + _e88) * BLOCK_VECTORS;
                        uint _e92 = r;
                        uint _e94 = r;
                        float _e96 = total.inner[_e94];
                        metal::float2 _e97 = first;
                        metal::float2 _e98 = second;
                        float _e99 = add_block(_e96, _e50, at_7, _e97, _e98, p, digits, _buffer_sizes);
                        total.inner[_e92] = _e99;
                    }
                }
            } else {
                codes = Codes {};
                if (true) {
                    Matrix _e108 = p.m;
                    uint _e109 = block;
                    uint _e110 = block_place(_e108, row_7, _e109);
                    Codes _e111 = unpack(_e110, words, _buffer_sizes);
                    codes = _e111;
                }
                uint _e116 = p.m.cols;
                uint _e117 = block;
                uint count = metal::min(32u, _e116 - (_e117 * 32u));
                i = 0u;
                bool loop_init_4 = true;
                while(true) {
                    if (!loop_init_4) {
                        uint _e174 = i;
                        i = _e174 + 1u;
                    }
                    loop_init_4 = false;
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
                        uint col_3 = (_e136 * 32u) + _e139;
                        r_1 = 0u;
                        bool loop_init_5 = true;
                        while(true) {
                            if (!loop_init_5) {
                                uint _e171 = r_1;
                                r_1 = _e171 + 1u;
                            }
                            loop_init_5 = false;
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
                                float _e162 = x[((row0_1 + _e153) * _e158) + col_3];
                                float _e163 = scaled_activation(_e151, _e162, col_3, side, _buffer_sizes);
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
        add_outliers(known, split_2, row0_1, 1u, rows_in_use_1, total, side, p, x, _buffer_sizes);
    }
    bool loop_init_6 = true;
    while(true) {
        if (!loop_init_6) {
            uint _e204 = r_2;
            r_2 = _e204 + 1u;
        }
        loop_init_6 = false;
        uint _e188 = r_2;
        if (_e188 < ROWS) {
        } else {
            break;
        }
        {
            uint _e194 = r_2;
            uint _e200 = r_2;
            float _e202 = total.inner[_e200];
            parts.inner[(((split_2 * ROWS) + _e194) * 32u) + lane] = _e202;
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_1 = thread_;
    bool loop_init_7 = true;
    while(true) {
        if (!loop_init_7) {
            uint _e293 = i_1;
            i_1 = _e293 + 256u;
        }
        loop_init_7 = false;
        uint _e207 = i_1;
        if (_e207 < 32u) {
        } else {
            break;
        }
        {
            uint _e210 = i_1;
            uint r_4 = naga_div(_e210, 32u);
            uint _e215 = p.first;
            uint _e222 = i_1;
            uint out = ((naga_div(_e215, 32u) + group.x) * 32u) + naga_mod(_e222, 32u);
            if (!(((row0_1 + r_4) >= rows_in_use_1))) {
                uint _e233 = p.first;
                local_1 = out < _e233;
            } else {
                local_1 = true;
            }
            bool _e236 = local_1;
            if (!(_e236)) {
                uint _e242 = p.first;
                uint _e245 = p.count;
                local_2 = out >= (_e242 + _e245);
            } else {
                local_2 = true;
            }
            bool _e249 = local_2;
            if (_e249) {
                continue;
            }
            uint _e251 = i_1;
            float _e253 = parts.inner[_e251];
            sum = _e253;
            other = 1u;
            bool loop_init_8 = true;
            while(true) {
                if (!loop_init_8) {
                    uint _e273 = other;
                    other = _e273 + 1u;
                }
                loop_init_8 = false;
                uint _e257 = other;
                if (_e257 < SPLITS) {
                } else {
                    break;
                }
                {
                    float _e260 = sum;
                    uint _e262 = other;
                    uint _e267 = i_1;
                    float _e270 = parts.inner[((_e262 * ROWS) * 32u) + _e267];
                    sum = _e260 + _e270;
                }
            }
            uint _e279 = p.y_stride;
            uint _e283 = p.y_first;
            uint _e288 = p.first;
            float _e291 = sum;
            float _e292 = result_of(out, _e291, side, p, bias, _buffer_sizes);
            y[((((row0_1 + r_4) * _e279) + _e283) + out) - _e288] = _e292;
        }
    }
    return;
}
