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
    uint size9;
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
    float inner[2];
};
struct type_12 {
    metal::uint4 inner[96];
};
struct type_13 {
    metal::uint4 inner[128];
};
struct type_14 {
    int inner[2];
};
struct HalfProducts {
    type_14 a;
    type_14 b;
};
struct type_15 {
    metal::uint4 inner[32];
};
constant uint BITS = 3u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint ROWS = 2u;
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
constant uint TILE = 32u;
constant uint CODE_STRIDE = 3u;

Codes unpack(
    uint at,
    device type_2 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint w0_ = words[at + 0u];
    uint w1_ = words[at + 32u];
    uint w2_ = words[at + 64u];
    metal::uint4 a_1 = metal::uint4((((w0_ >> 0u) & 50529027u) << 0u) | (((w2_ >> 0u) & 16843009u) << 2u), (((w0_ >> 2u) & 50529027u) << 0u) | (((w2_ >> 1u) & 16843009u) << 2u), (((w0_ >> 4u) & 50529027u) << 0u) | (((w2_ >> 2u) & 16843009u) << 2u), (((w0_ >> 6u) & 50529027u) << 0u) | (((w2_ >> 3u) & 16843009u) << 2u));
    metal::uint4 b_1 = metal::uint4((((w1_ >> 0u) & 50529027u) << 0u) | (((w2_ >> 4u) & 16843009u) << 2u), (((w1_ >> 2u) & 50529027u) << 0u) | (((w2_ >> 5u) & 16843009u) << 2u), (((w1_ >> 4u) & 50529027u) << 0u) | (((w2_ >> 6u) & 16843009u) << 2u), (((w1_ >> 6u) & 50529027u) << 0u) | (((w2_ >> 7u) & 16843009u) << 2u));
    return Codes {a_1, b_1};
}

float float_of_pair(
    uint element,
    uint word,
    uint i
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i & 1u))) << 16u);
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

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
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

ProductParameters parameters(
    constant ProductParameters& p
) {
    ProductParameters _e1 = p;
    return _e1;
}

float result_of(
    uint row_3,
    float sum,
    device type_2 const& side,
    constant ProductParameters& p,
    device type_8 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step = 1.0;
    bool local_3 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (false) {
        local_3 = false;
    } else {
        local_3 = true;
    }
    bool _e10 = local_3;
    if (_e10) {
        float _e14 = side_float(_e2.m.scales + row_3, side, _buffer_sizes);
        step = _e14;
    }
    if (_e2.biased != 0u) {
        float _e26 = bias[(_e2.y_first + row_3) - _e2.first];
        offset = _e26;
    }
    float _e27 = step;
    float _e28 = offset;
    return metal::fma(sum, _e27, _e28);
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

float add_sums(
    float total,
    int one,
    int two,
    metal::uint4 sums,
    metal::float2 first,
    metal::float2 second,
    constant ProductParameters& p
) {
    bool local_4 = {};
    float sum_1 = {};
    float sum_2 = {};
    ProductParameters _e6 = parameters(p);
    int zero = _e6.m.zero;
    float x_scale = as_type<float>(sums.x);
    if (false) {
        local_4 = false;
    } else {
        local_4 = false;
    }
    bool _e16 = local_4;
    if (_e16) {
        int of_first = as_type<int>(sums.y);
        int of_second = as_type<int>(sums.z);
        sum_1 = metal::fma(first.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(one) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_first))))), total);
        if (false) {
            float _e32 = sum_1;
            sum_1 = metal::fma(first.y * x_scale, static_cast<float>(of_first), _e32);
        }
        float _e39 = sum_1;
        sum_1 = metal::fma(second.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(two) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_second))))), _e39);
        if (false) {
            float _e45 = sum_1;
            sum_1 = metal::fma(second.y * x_scale, static_cast<float>(of_second), _e45);
        }
        float _e47 = sum_1;
        return _e47;
    }
    int of_x = as_type<int>(sums.w);
    float product = static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(one) + as_type<uint>(two))) - as_type<uint>(as_type<int>(as_type<uint>(zero) * as_type<uint>(of_x)))));
    if (true) {
        return metal::fma(x_scale, product, total);
    }
    sum_2 = metal::fma(first.x * x_scale, product, total);
    if (false) {
        float _e64 = sum_2;
        sum_2 = metal::fma(first.y * x_scale, static_cast<float>(of_x), _e64);
    }
    float _e66 = sum_2;
    return _e66;
}

metal::uint2 range_of(
    uint blocks,
    uint split_1
) {
    uint per_split = naga_div((blocks + SPLITS) - 1u, SPLITS);
    uint begin = metal::min(split_1 * per_split, blocks);
    return metal::uint2(begin, metal::min(begin + per_split, blocks));
}

void add_outliers(
    uint row_4,
    uint split_2,
    uint row0_,
    uint step_1,
    uint rows_in_use,
    thread type_10& total_1,
    device type_2 const& side,
    constant ProductParameters& p,
    device type_8 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_1 = {};
    uint r_3 = {};
    ProductParameters _e6 = parameters(p);
    Matrix m_3 = _e6.m;
    uint _e12 = side[_e6.m.starts + row_4];
    i_1 = _e12 + split_2;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e65 = i_1;
            i_1 = _e65 + SPLITS;
        }
        loop_init = false;
        uint _e15 = i_1;
        uint _e22 = side[(_e6.m.starts + row_4) + 1u];
        if (_e15 < _e22) {
        } else {
            break;
        }
        {
            uint _e27 = i_1;
            uint col_1 = side[_e6.m.outliers + (2u * _e27)];
            uint _e34 = i_1;
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
                    uint own_1 = row0_ + (_e45 * step_1);
                    if (own_1 >= rows_in_use) {
                        break;
                    }
                    float _e54 = x[(own_1 * _e6.m.cols) + col_1];
                    float _e55 = scaled_activation(m_3, _e54, col_1, side, _buffer_sizes);
                    uint _e56 = r_3;
                    uint _e58 = r_3;
                    float _e60 = total_1.inner[_e58];
                    total_1.inner[_e56] = metal::fma(_e39, _e55, _e60);
                }
            }
        }
    }
    return;
}

void keep_codes(
    uint row_5,
    Codes codes,
    threadgroup type_12& tile_codes
) {
    tile_codes.inner[row_5 * CODE_STRIDE] = codes.a;
    tile_codes.inner[(row_5 * CODE_STRIDE) + 1u] = codes.b;
    return;
}

void keep_digits(
    uint row_6,
    uint part,
    metal::uint4 bytes,
    threadgroup type_13& tile_digits
) {
    tile_digits.inner[(4u * row_6) + part] = bytes;
    return;
}

HalfProducts half_products(
    uint row_7,
    uint own,
    uint half_1,
    threadgroup type_12& tile_codes,
    threadgroup type_13& tile_digits
) {
    HalfProducts products = {};
    uint r_4 = 0u;
    metal::uint4 a_2 = tile_codes.inner[(row_7 * CODE_STRIDE) + half_1];
    metal::uint4 b_2 = tile_codes.inner[((row_7 + 16u) * CODE_STRIDE) + half_1];
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e55 = r_4;
            r_4 = _e55 + 1u;
        }
        loop_init_2 = false;
        uint _e20 = r_4;
        if (_e20 < ROWS) {
        } else {
            break;
        }
        {
            uint _e25 = r_4;
            uint at_4 = (4u * (own + (16u * _e25))) + half_1;
            metal::uint4 high = tile_digits.inner[at_4];
            metal::uint4 low = tile_digits.inner[at_4 + 2u];
            uint _e39 = r_4;
            int _e41 = dot_half(a_2, high);
            int _e44 = dot_half(a_2, low);
            products.a.inner[_e39] = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e41))) + as_type<uint>(_e44));
            uint _e47 = r_4;
            int _e49 = dot_half(b_2, high);
            int _e52 = dot_half(b_2, low);
            products.b.inner[_e47] = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e49))) + as_type<uint>(_e52));
        }
    }
    HalfProducts _e57 = products;
    return _e57;
}

void fetch(
    uint thread_1,
    uint tile_row,
    uint row0_1,
    uint last,
    uint block_3,
    device type_2 const& words,
    constant ProductParameters& p,
    device type_9 const& digits,
    threadgroup type_12& tile_codes,
    threadgroup type_13& tile_digits,
    threadgroup type_15& tile_sums,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_2 = {};
    if (thread_1 < 32u) {
        Matrix _e9 = p.m;
        uint _e11 = block_place(_e9, tile_row + thread_1, block_3);
        Codes _e12 = unpack(_e11, words, _buffer_sizes);
        keep_codes(thread_1, _e12, tile_codes);
        return;
    }
    i_2 = thread_1 - 32u;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e43 = i_2;
            i_2 = _e43 + 224u;
        }
        loop_init_3 = false;
        uint _e16 = i_2;
        if (_e16 < 160u) {
        } else {
            break;
        }
        {
            uint _e19 = i_2;
            uint row_8 = naga_div(_e19, BLOCK_VECTORS);
            uint _e22 = i_2;
            uint part_1 = naga_mod(_e22, BLOCK_VECTORS);
            uint _e31 = p.m.blocks;
            metal::uint4 digit = digits[(((metal::min(row0_1 + row_8, last) * _e31) + block_3) * BLOCK_VECTORS) + part_1];
            if (part_1 < 4u) {
                keep_digits(row_8, part_1, digit, tile_digits);
            } else {
                tile_sums.inner[row_8] = digit;
            }
        }
    }
    return;
}

struct tiled_productInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void tiled_product(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_2 const& words [[user(fake0)]]
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_2 const& side [[user(fake0)]]
, constant ProductParameters& p [[user(fake0)]]
, device type_8 const& bias [[user(fake0)]]
, device type_9 const& digits [[user(fake0)]]
, device type_8 const& x [[user(fake0)]]
, threadgroup type_12& tile_codes
, threadgroup type_13& tile_digits
, device type_8& y [[user(fake0)]]
, threadgroup type_15& tile_sums
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_10 sum_a = {};
    type_10 sum_b = {};
    uint split = 0u;
    type_10 total_a = {};
    type_10 total_b = {};
    uint block = {};
    metal::float2 first_a = {};
    metal::float2 first_b = {};
    metal::float2 second_a = {};
    metal::float2 second_b = {};
    bool local = {};
    uint r = {};
    uint r_1 = {};
    uint r_2 = 0u;
    bool local_1 = {};
    bool local_2 = {};
    uint row0_2 = group.y * TILE;
    uint _e8 = p.which;
    uint rows_in_use_1 = active_rows[_e8];
    if (row0_2 >= rows_in_use_1) {
        return;
    }
    uint own_2 = naga_div(thread_, 16u);
    uint _e16 = p.first;
    uint tile_row_1 = (naga_div(_e16, 32u) + group.x) * 32u;
    uint row_a = tile_row_1 + naga_mod(thread_, 16u);
    uint row_b = row_a + 16u;
    uint _e31 = p.m.rows;
    uint known_a = metal::min(row_a, _e31 - 1u);
    uint _e38 = p.m.rows;
    uint known_b = metal::min(row_b, _e38 - 1u);
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e213 = split;
            split = _e213 + 1u;
        }
        loop_init_4 = false;
        uint _e46 = split;
        if (_e46 < SPLITS) {
        } else {
            break;
        }
        {
            uint _e52 = p.m.blocks;
            uint _e53 = split;
            metal::uint2 _e54 = range_of(_e52, _e53);
            total_a = type_10 {};
            total_b = type_10 {};
            block = _e54.x;
            bool loop_init_5 = true;
            while(true) {
                if (!loop_init_5) {
                    uint _e160 = block;
                    block = _e160 + 1u;
                }
                loop_init_5 = false;
                uint _e61 = block;
                if (_e61 < _e54.y) {
                } else {
                    break;
                }
                {
                    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
                    uint _e66 = block;
                    fetch(thread_, tile_row_1, row0_2, rows_in_use_1 - 1u, _e66, words, p, digits, tile_codes, tile_digits, tile_sums, _buffer_sizes);
                    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
                    HalfProducts _e70 = half_products(naga_mod(thread_, 16u), own_2, 0u, tile_codes, tile_digits);
                    HalfProducts _e74 = half_products(naga_mod(thread_, 16u), own_2, 1u, tile_codes, tile_digits);
                    first_a = metal::float2(0.0, 0.0);
                    metal::float2 _e79 = first_a;
                    first_b = _e79;
                    metal::float2 _e81 = first_a;
                    second_a = _e81;
                    metal::float2 _e83 = first_a;
                    second_b = _e83;
                    if (false) {
                        Matrix _e88 = p.m;
                        uint _e89 = block;
                        metal::float2 _e91 = scales_of(_e88, known_a, _e89, 0u, side, _buffer_sizes);
                        first_a = _e91;
                        Matrix _e94 = p.m;
                        uint _e95 = block;
                        metal::float2 _e97 = scales_of(_e94, known_b, _e95, 0u, side, _buffer_sizes);
                        first_b = _e97;
                    }
                    if (false) {
                        local = false;
                    } else {
                        local = false;
                    }
                    bool _e103 = local;
                    if (_e103) {
                        Matrix _e106 = p.m;
                        uint _e107 = block;
                        metal::float2 _e109 = scales_of(_e106, known_a, _e107, 1u, side, _buffer_sizes);
                        second_a = _e109;
                        Matrix _e112 = p.m;
                        uint _e113 = block;
                        metal::float2 _e115 = scales_of(_e112, known_b, _e113, 1u, side, _buffer_sizes);
                        second_b = _e115;
                    }
                    r = 0u;
                    bool loop_init_6 = true;
                    while(true) {
                        if (!loop_init_6) {
                            uint _e157 = r;
                            r = _e157 + 1u;
                        }
                        loop_init_6 = false;
                        uint _e118 = r;
                        if (_e118 < ROWS) {
                        } else {
                            break;
                        }
                        {
                            uint _e123 = r;
                            metal::uint4 sums_1 = tile_sums.inner[own_2 + (16u * _e123)];
                            uint _e128 = r;
                            uint _e130 = r;
                            float _e132 = total_a.inner[_e130];
                            uint _e134 = r;
                            uint _e137 = r;
                            metal::float2 _e139 = first_a;
                            metal::float2 _e140 = second_a;
                            float _e141 = add_sums(_e132, _e70.a.inner[_e134], _e74.a.inner[_e137], sums_1, _e139, _e140, p);
                            total_a.inner[_e128] = _e141;
                            uint _e142 = r;
                            uint _e144 = r;
                            float _e146 = total_b.inner[_e144];
                            uint _e148 = r;
                            uint _e151 = r;
                            metal::float2 _e153 = first_b;
                            metal::float2 _e154 = second_b;
                            float _e155 = add_sums(_e146, _e70.b.inner[_e148], _e74.b.inner[_e151], sums_1, _e153, _e154, p);
                            total_b.inner[_e142] = _e155;
                        }
                    }
                }
            }
            uint _e165 = p.m.listed;
            if (_e165 != 0u) {
                uint _e168 = split;
                add_outliers(known_a, _e168, row0_2 + own_2, 16u, rows_in_use_1, total_a, side, p, x, _buffer_sizes);
                uint _e171 = split;
                add_outliers(known_b, _e171, row0_2 + own_2, 16u, rows_in_use_1, total_b, side, p, x, _buffer_sizes);
            }
            r_1 = 0u;
            bool loop_init_7 = true;
            while(true) {
                if (!loop_init_7) {
                    uint _e210 = r_1;
                    r_1 = _e210 + 1u;
                }
                loop_init_7 = false;
                uint _e176 = r_1;
                if (_e176 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e179 = split;
                    if (_e179 == 0u) {
                        uint _e182 = r_1;
                        uint _e184 = r_1;
                        float _e186 = total_a.inner[_e184];
                        sum_a.inner[_e182] = _e186;
                    } else {
                        uint _e187 = r_1;
                        float _e189 = sum_a.inner[_e187];
                        uint _e190 = r_1;
                        float _e192 = total_a.inner[_e190];
                        sum_a.inner[_e187] = _e189 + _e192;
                    }
                    uint _e194 = split;
                    if (_e194 == 0u) {
                        uint _e197 = r_1;
                        uint _e199 = r_1;
                        float _e201 = total_b.inner[_e199];
                        sum_b.inner[_e197] = _e201;
                    } else {
                        uint _e202 = r_1;
                        float _e204 = sum_b.inner[_e202];
                        uint _e205 = r_1;
                        float _e207 = total_b.inner[_e205];
                        sum_b.inner[_e202] = _e204 + _e207;
                    }
                }
            }
        }
    }
    bool loop_init_8 = true;
    while(true) {
        if (!loop_init_8) {
            uint _e285 = r_2;
            r_2 = _e285 + 1u;
        }
        loop_init_8 = false;
        uint _e217 = r_2;
        if (_e217 < ROWS) {
        } else {
            break;
        }
        {
            uint _e222 = r_2;
            uint row_9 = (row0_2 + own_2) + (16u * _e222);
            if (row_9 >= rows_in_use_1) {
                break;
            }
            uint _e228 = p.y_stride;
            uint _e232 = p.y_first;
            uint _e236 = p.first;
            uint at_5 = ((row_9 * _e228) + _e232) - _e236;
            uint _e240 = p.first;
            if (row_a >= _e240) {
                uint _e246 = p.first;
                uint _e249 = p.count;
                local_1 = row_a < (_e246 + _e249);
            } else {
                local_1 = false;
            }
            bool _e253 = local_1;
            if (_e253) {
                uint _e257 = r_2;
                float _e259 = sum_a.inner[_e257];
                float _e260 = result_of(row_a, _e259, side, p, bias, _buffer_sizes);
                y[at_5 + row_a] = _e260;
            }
            uint _e263 = p.first;
            if (row_b >= _e263) {
                uint _e269 = p.first;
                uint _e272 = p.count;
                local_2 = row_b < (_e269 + _e272);
            } else {
                local_2 = false;
            }
            bool _e276 = local_2;
            if (_e276) {
                uint _e280 = r_2;
                float _e282 = sum_b.inner[_e280];
                float _e283 = result_of(row_b, _e282, side, p, bias, _buffer_sizes);
                y[at_5 + row_b] = _e283;
            }
        }
    }
    return;
}
