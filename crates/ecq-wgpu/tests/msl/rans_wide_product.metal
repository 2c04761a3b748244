// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size5;
    uint size6;
    uint size7;
    uint size8;
    uint size15;
    uint size16;
    uint size17;
};

struct type_2 {
    metal::atomic_uint inner[6];
};
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
typedef uint type_9[1];
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
struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
    ProductParameters product;
};
struct RansParameters {
    Sink sink;
    uint rows;
    uint tile_rows;
    uint tile_cols;
    uint across;
    uint lanes;
    uint table_bits;
    uint zero;
    uint restart;
    uint starts;
    uint firsts;
    uint listed;
    uint row_classes;
    uint col_classes;
    uint class_tables;
    uint weight;
    uint tiles;
};
typedef float type_10[1];
typedef metal::uint4 type_11[1];
struct Codes {
    metal::uint4 a;
    metal::uint4 b;
};
struct type_12 {
    float inner[1];
};
struct type_14 {
    uint inner[8];
};
struct type_15 {
    uint inner[1];
};
typedef metal::atomic_uint type_16[1];
constant uint LAG = 0u;
constant uint THREADS = 64u;
constant uint ROWS_ORDER = 1u;
constant uint CLASSES = 1u;
constant uint WIDE = 1u;
constant uint BITS = 3u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint ROWS = 1u;
constant uint VALUES = 0u;
constant uint MASK_WORDS = 2u;
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
constant uint HISTORY_WORDS = 1u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

metal::uint2 words_before(
    uint lane_1,
    bool needs,
    threadgroup type_2& masks,
    thread uint& turn
) {
    metal::uint2 counts = metal::uint2(0u, 0u);
    uint i = 0u;
    uint _e3 = turn;
    uint first_5 = naga_mod(_e3, 3u) * MASK_WORDS;
    uint _e10 = turn;
    turn = _e10 + 1u;
    if (needs) {
        uint _e21 = metal::atomic_fetch_or_explicit(&masks.inner[first_5 + naga_div(lane_1, 32u)], 1u << naga_mod(lane_1, 32u), metal::memory_order_relaxed);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e64 = i;
            i = _e64 + 1u;
        }
        loop_init = false;
        uint _e28 = i;
        if (_e28 < MASK_WORDS) {
        } else {
            break;
        }
        {
            uint _e32 = i;
            uint mask = metal::atomic_load_explicit(&masks.inner[first_5 + _e32], metal::memory_order_relaxed);
            uint _e37 = counts.y;
            counts.y = _e37 + metal::popcount(mask);
            uint _e40 = i;
            if (_e40 < naga_div(lane_1, 32u)) {
                uint _e45 = counts.x;
                counts.x = _e45 + metal::popcount(mask);
            }
            uint _e48 = i;
            if (_e48 == naga_div(lane_1, 32u)) {
                uint _e53 = counts.x;
                counts.x = _e53 + metal::popcount(mask & ((1u << naga_mod(lane_1, 32u)) - 1u));
            }
        }
    }
    if (lane_1 < MASK_WORDS) {
        uint _e70 = turn;
        metal::atomic_store_explicit(&masks.inner[(naga_mod(_e70 + 1u, 3u) * MASK_WORDS) + lane_1], 0u, metal::memory_order_relaxed);
    }
    metal::uint2 _e80 = counts;
    return _e80;
}

uint tile_number(
    uint i_1
) {
    return i_1;
}

float float_of_pair(
    uint element,
    uint word,
    uint i_2
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i_2 & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i_2 & 1u))) << 16u);
}

float side_float(
    uint at_1,
    device type_9 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return as_type<float>(_e3);
}

uint side_word(
    uint at_2,
    device type_9 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_2];
    return _e3;
}

metal::float2 scale_and_bias(
    uint at_3,
    device type_9 const& side,
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
    uint row_1,
    uint groups,
    uint group_1
) {
    return (((naga_div(row_1, 32u) * groups) + group_1) * 32u) + naga_mod(row_1, 32u);
}

metal::float2 scales_of(
    Matrix m,
    uint row_2,
    uint block,
    uint half_,
    device type_9 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        uint group_2 = metal::min(naga_div(block * 32u, m.group_size), m.groups - 1u);
        uint _e17 = in_tiles(row_2, m.groups, group_2);
        metal::float2 _e19 = scale_and_bias(naga_div(m.scales, 2u) + _e17, side, _buffer_sizes);
        return _e19;
    }
    uint _e24 = in_tiles(row_2, m.groups, naga_div(block, 8u));
    uint _e26 = side_word(m.scales + _e24, side, _buffer_sizes);
    uint _e29 = in_tiles(row_2, m.blocks, block);
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
    device type_9 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m_1.scaled == 0u) {
        return value;
    }
    float _e8 = side_float(m_1.col_scales + col, side, _buffer_sizes);
    return value * _e8;
}

ProductParameters parameters(
    constant RansParameters& p
) {
    ProductParameters _e3 = p.sink.product;
    return _e3;
}

float result_of(
    uint row_3,
    float sum,
    device type_9 const& side,
    constant RansParameters& p,
    device type_10 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step = 1.0;
    bool local_6 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (false) {
        local_6 = false;
    } else {
        local_6 = true;
    }
    bool _e10 = local_6;
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
    device type_11 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e5 = digits[at_4];
    int _e6 = dot_values(a_1.x, _e5);
    metal::uint4 _e12 = digits[at_4 + 1u];
    int _e13 = dot_values(a_1.y, _e12);
    int first_6 = as_type<int>(as_type<uint>(_e6) + as_type<uint>(_e13));
    metal::uint4 _e20 = digits[at_4 + 2u];
    int _e21 = dot_values(a_1.z, _e20);
    metal::uint4 _e28 = digits[at_4 + 3u];
    int _e29 = dot_values(a_1.w, _e28);
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(first_6) + as_type<uint>(_e21))) + as_type<uint>(_e29));
}

float add_sums(
    float total,
    int one,
    int two,
    metal::uint4 sums,
    metal::float2 first_1,
    metal::float2 second,
    constant RansParameters& p
) {
    bool local_7 = {};
    float sum_1 = {};
    float sum_2 = {};
    ProductParameters _e6 = parameters(p);
    int zero_1 = _e6.m.zero;
    float x_scale = as_type<float>(sums.x);
    if (false) {
        local_7 = false;
    } else {
        local_7 = false;
    }
    bool _e16 = local_7;
    if (_e16) {
        int of_first = as_type<int>(sums.y);
        int of_second = as_type<int>(sums.z);
        sum_1 = metal::fma(first_1.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(one) - as_type<uint>(as_type<int>(as_type<uint>(zero_1) * as_type<uint>(of_first))))), total);
        if (false) {
            float _e32 = sum_1;
            sum_1 = metal::fma(first_1.y * x_scale, static_cast<float>(of_first), _e32);
        }
        float _e39 = sum_1;
        sum_1 = metal::fma(second.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(two) - as_type<uint>(as_type<int>(as_type<uint>(zero_1) * as_type<uint>(of_second))))), _e39);
        if (false) {
            float _e45 = sum_1;
            sum_1 = metal::fma(second.y * x_scale, static_cast<float>(of_second), _e45);
        }
        float _e47 = sum_1;
        return _e47;
    }
    int of_x = as_type<int>(sums.w);
    float product = static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(one) + as_type<uint>(two))) - as_type<uint>(as_type<int>(as_type<uint>(zero_1) * as_type<uint>(of_x)))));
    if (true) {
        return metal::fma(x_scale, product, total);
    }
    sum_2 = metal::fma(first_1.x * x_scale, product, total);
    if (false) {
        float _e64 = sum_2;
        sum_2 = metal::fma(first_1.y * x_scale, static_cast<float>(of_x), _e64);
    }
    float _e66 = sum_2;
    return _e66;
}

float add_block(
    float total_1,
    Codes codes,
    uint at_5,
    metal::float2 first_2,
    metal::float2 second_1,
    constant RansParameters& p,
    device type_11 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        int _e7 = half_of_values(codes.a, at_5, digits, _buffer_sizes);
        int _e11 = half_of_values(codes.b, at_5 + 4u, digits, _buffer_sizes);
        metal::uint4 _e16 = digits[at_5 + 8u];
        float _e17 = add_sums(total_1, _e7, _e11, _e16, first_2, second_1, p);
        return _e17;
    }
    metal::uint4 _e21 = digits[at_5];
    int _e22 = dot_half(codes.a, _e21);
    metal::uint4 _e30 = digits[at_5 + 2u];
    int _e31 = dot_half(codes.a, _e30);
    int one_1 = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e22))) + as_type<uint>(_e31));
    metal::uint4 _e38 = digits[at_5 + 1u];
    int _e39 = dot_half(codes.b, _e38);
    metal::uint4 _e47 = digits[at_5 + 3u];
    int _e48 = dot_half(codes.b, _e47);
    int two_1 = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e39))) + as_type<uint>(_e48));
    metal::uint4 _e54 = digits[at_5 + 4u];
    float _e55 = add_sums(total_1, one_1, two_1, _e54, first_2, second_1, p);
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
    uint row_4,
    uint split_1,
    uint row0_,
    uint step_1,
    uint rows_in_use,
    thread type_12& total_2,
    device type_9 const& side,
    constant RansParameters& p,
    device type_10 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_3 = {};
    uint r = {};
    ProductParameters _e6 = parameters(p);
    Matrix m_2 = _e6.m;
    uint _e12 = side[_e6.m.starts + row_4];
    i_3 = _e12 + split_1;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e65 = i_3;
            i_3 = _e65 + SPLITS;
        }
        loop_init_1 = false;
        uint _e15 = i_3;
        uint _e22 = side[(_e6.m.starts + row_4) + 1u];
        if (_e15 < _e22) {
        } else {
            break;
        }
        {
            uint _e27 = i_3;
            uint col_4 = side[_e6.m.outliers + (2u * _e27)];
            uint _e34 = i_3;
            float _e39 = side_float((_e6.m.outliers + (2u * _e34)) + 1u, side, _buffer_sizes);
            r = 0u;
            bool loop_init_2 = true;
            while(true) {
                if (!loop_init_2) {
                    uint _e63 = r;
                    r = _e63 + 1u;
                }
                loop_init_2 = false;
                uint _e42 = r;
                if (_e42 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e45 = r;
                    uint own = row0_ + (_e45 * step_1);
                    if (own >= rows_in_use) {
                        break;
                    }
                    float _e54 = x[(own * _e6.m.cols) + col_4];
                    float _e55 = scaled_activation(m_2, _e54, col_4, side, _buffer_sizes);
                    uint _e56 = r;
                    uint _e58 = r;
                    float _e60 = total_2.inner[_e58];
                    total_2.inner[_e56] = metal::fma(_e39, _e55, _e60);
                }
            }
        }
    }
    return;
}

bool skips(
    uint first_3,
    uint rows,
    constant RansParameters& p
) {
    bool local_8 = {};
    uint _e7 = p.sink.product.first;
    if (!(((first_3 + rows) <= _e7))) {
        uint _e16 = p.sink.product.first;
        uint _e21 = p.sink.product.count;
        local_8 = first_3 >= (_e16 + _e21);
    } else {
        local_8 = true;
    }
    bool _e25 = local_8;
    return _e25;
}

void end_range(
    uint row_5,
    constant metal::uint4& active_rows,
    device type_9 const& side,
    constant RansParameters& p,
    device type_10 const& x,
    thread type_12& total_3,
    thread type_12& before_total,
    thread uint& split_2,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_12 sums_1 = {};
    uint r_1 = 0u;
    uint _e6 = p.sink.product.which;
    uint rows_in_use_1 = active_rows[_e6];
    type_12 _e10 = total_3;
    sums_1 = _e10;
    uint _e17 = p.sink.product.m.listed;
    if (_e17 != 0u) {
        uint _e21 = split_2;
        add_outliers(row_5, _e21, 0u, 1u, rows_in_use_1, sums_1, side, p, x, _buffer_sizes);
    }
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e52 = r_1;
            r_1 = _e52 + 1u;
        }
        loop_init_3 = false;
        uint _e26 = r_1;
        if (_e26 < ROWS) {
        } else {
            break;
        }
        {
            uint _e30 = split_2;
            if (_e30 == 0u) {
                uint _e34 = r_1;
                uint _e36 = r_1;
                float _e38 = sums_1.inner[_e36];
                before_total.inner[_e34] = _e38;
            } else {
                uint _e40 = r_1;
                float _e42 = before_total.inner[_e40];
                uint _e43 = r_1;
                float _e45 = sums_1.inner[_e43];
                before_total.inner[_e40] = _e42 + _e45;
            }
            uint _e48 = r_1;
            total_3.inner[_e48] = 0.0;
        }
    }
    uint _e56 = split_2;
    split_2 = _e56 + 1u;
    return;
}

void put(
    uint row_6,
    uint col_1,
    uint symbol,
    uint branch,
    constant metal::uint4& active_rows,
    device type_9 const& side,
    constant RansParameters& p,
    device type_10 const& bias,
    device type_11 const& digits,
    device type_10 const& x,
    device type_10& y,
    thread type_14& pending,
    thread type_12& total_3,
    thread type_12& before_total,
    thread uint& split_2,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_2 = 0u;
    uint element_1 = {};
    bool local_9 = {};
    Codes codes_1 = {};
    uint j = 0u;
    metal::float2 first_4 = metal::float2(0.0, 0.0);
    metal::float2 second_2 = {};
    bool local_10 = {};
    uint r_3 = 0u;
    bool local_11 = {};
    uint r_4 = 0u;
    Matrix m_3 = p.sink.product.m;
    if (col_1 == 0u) {
        split_2 = 0u;
        bool loop_init_4 = true;
        while(true) {
            if (!loop_init_4) {
                uint _e23 = r_2;
                r_2 = _e23 + 1u;
            }
            loop_init_4 = false;
            uint _e15 = r_2;
            if (_e15 < ROWS) {
            } else {
                break;
            }
            {
                uint _e19 = r_2;
                total_3.inner[_e19] = 0.0;
            }
        }
    }
    element_1 = symbol;
    if (false) {
        element_1 = (2u * symbol) + branch;
    }
    uint i_5 = naga_mod(col_1, 32u);
    uint _e36 = pending.inner[naga_div(i_5, 4u)];
    uint _e37 = element_1;
    uint _e41 = p.sink.base;
    pending.inner[naga_div(i_5, 4u)] = _e36 | (((_e37 - _e41) & 7u) << (8u * naga_mod(i_5, 4u)));
    if (i_5 < 31u) {
        local_9 = (col_1 + 1u) < m_3.cols;
    } else {
        local_9 = false;
    }
    bool _e60 = local_9;
    if (_e60) {
        return;
    }
    uint block_1 = naga_div(col_1, 32u);
    uint _e65 = pending.inner[0];
    uint _e68 = pending.inner[1];
    uint _e71 = pending.inner[2];
    uint _e74 = pending.inner[3];
    uint _e78 = pending.inner[4];
    uint _e81 = pending.inner[5];
    uint _e84 = pending.inner[6];
    uint _e87 = pending.inner[7];
    codes_1 = Codes {metal::uint4(_e65, _e68, _e71, _e74), metal::uint4(_e78, _e81, _e84, _e87)};
    if (false) {
        metal::uint4 _e93 = codes_1.a;
        codes_1.a = _e93 ^ metal::uint4(2155905152u);
        metal::uint4 _e98 = codes_1.b;
        codes_1.b = _e98 ^ metal::uint4(2155905152u);
    }
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e112 = j;
            j = _e112 + 1u;
        }
        loop_init_5 = false;
        uint _e104 = j;
        if (_e104 < 8u) {
        } else {
            break;
        }
        {
            uint _e108 = j;
            pending.inner[_e108] = 0u;
        }
    }
    metal::float2 _e118 = first_4;
    second_2 = _e118;
    if (false) {
        metal::float2 _e122 = scales_of(m_3, row_6, block_1, 0u, side, _buffer_sizes);
        first_4 = _e122;
    }
    if (false) {
        local_10 = false;
    } else {
        local_10 = false;
    }
    bool _e128 = local_10;
    if (_e128) {
        metal::float2 _e130 = scales_of(m_3, row_6, block_1, 1u, side, _buffer_sizes);
        second_2 = _e130;
    }
    bool loop_init_6 = true;
    while(true) {
        if (!loop_init_6) {
            uint _e154 = r_3;
            r_3 = _e154 + 1u;
        }
        loop_init_6 = false;
        uint _e133 = r_3;
        if (_e133 < ROWS) {
        } else {
            break;
        }
        {
            uint _e137 = r_3;
            uint _e140 = r_3;
            float _e142 = total_3.inner[_e140];
            Codes _e143 = codes_1;
            uint _e144 = r_3;
            metal::float2 _e150 = first_4;
            metal::float2 _e151 = second_2;
            float _e152 = add_block(_e142, _e143, ((_e144 * m_3.blocks) + block_1) * BLOCK_VECTORS, _e150, _e151, p, digits, _buffer_sizes);
            total_3.inner[_e137] = _e152;
        }
    }
    uint _e160 = split_2;
    metal::uint2 _e161 = range_of(m_3.blocks, _e160);
    if ((block_1 + 1u) < _e161.y) {
        return;
    }
    end_range(row_6, active_rows, side, p, x, total_3, before_total, split_2, _buffer_sizes);
    if ((col_1 + 1u) < m_3.cols) {
        return;
    }
    while(true) {
        uint _e169 = split_2;
        if (_e169 < SPLITS) {
        } else {
            break;
        }
        {
            end_range(row_6, active_rows, side, p, x, total_3, before_total, split_2, _buffer_sizes);
        }
    }
    uint _e177 = p.sink.product.which;
    uint rows_in_use_2 = active_rows[_e177];
    uint _e184 = p.sink.product.first;
    if (!((row_6 < _e184))) {
        uint _e193 = p.sink.product.first;
        uint _e198 = p.sink.product.count;
        local_11 = row_6 >= (_e193 + _e198);
    } else {
        local_11 = true;
    }
    bool _e202 = local_11;
    if (_e202) {
        return;
    }
    bool loop_init_7 = true;
    while(true) {
        if (!loop_init_7) {
            uint _e238 = r_4;
            r_4 = _e238 + 1u;
        }
        loop_init_7 = false;
        uint _e205 = r_4;
        if (_e205 < ROWS) {
        } else {
            break;
        }
        {
            uint _e208 = r_4;
            if (_e208 >= rows_in_use_2) {
                break;
            }
            uint _e210 = r_4;
            uint _e215 = p.sink.product.y_stride;
            uint _e221 = p.sink.product.y_first;
            uint _e228 = p.sink.product.first;
            uint at_7 = (((_e210 * _e215) + _e221) + row_6) - _e228;
            uint _e233 = r_4;
            float _e235 = before_total.inner[_e233];
            float _e236 = result_of(row_6, _e235, side, p, bias, _buffer_sizes);
            y[at_7] = _e236;
        }
    }
    return;
}

uint branch_bit(
    uint col_2,
    uint restart,
    thread type_15& history,
    thread uint& history_at
) {
    uint i_4 = 0u;
    if (true) {
        return 0u;
    }
    if (naga_mod(col_2, restart) == 0u) {
        bool loop_init_8 = true;
        while(true) {
            if (!loop_init_8) {
                uint _e17 = i_4;
                i_4 = _e17 + 1u;
            }
            loop_init_8 = false;
            uint _e9 = i_4;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i_4;
                history.inner[_e13] = 0u;
            }
        }
        history_at = 0u;
    }
    uint _e22 = history_at;
    uint _e26 = history_at;
    uint _e30 = history_at;
    uint at_8 = (_e30 >= LAG) ? (_e26 - LAG) : (_e22 + LAG);
    uint _e38 = history.inner[naga_div(at_8, 32u)];
    return (_e38 >> naga_mod(at_8, 32u)) & 1u;
}

void push_code(
    uint symbol_1,
    uint zero,
    thread type_15& history,
    thread uint& history_at
) {
    if (true) {
        return;
    }
    uint _e5 = history_at;
    uint _e9 = history.inner[naga_div(_e5, 32u)];
    uint _e14 = history_at;
    history.inner[naga_div(_e5, 32u)] = _e9 ^ (((symbol_1 ^ zero) & 1u) << naga_mod(_e14, 32u));
    uint _e21 = history_at;
    uint _e26 = history_at;
    history_at = ((_e26 + 1u) == 0u) ? 0u : (_e21 + 1u);
    return;
}

uint stream_word(
    uint at_6,
    device type_9 const& stream,
    thread uint& limit,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = limit;
    if (at_6 >= _e2) {
        return 0u;
    }
    uint _e9 = stream[naga_div(at_6, 2u)];
    return (_e9 >> (16u * naga_mod(at_6, 2u))) & 65535u;
}

uint decode_symbol(
    uint lane_2,
    bool on,
    uint table_2,
    uint table_bits_1,
    threadgroup type_2& masks,
    thread uint& turn,
    device type_9 const& stream,
    device type_9 const& data,
    thread uint& state,
    thread uint& taken,
    thread uint& limit,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint symbol_2 = 0u;
    uint next = {};
    bool local_12 = {};
    uint _e7 = state;
    next = _e7;
    if (on) {
        uint _e10 = state;
        uint slot = _e10 & ((1u << table_bits_1) - 1u);
        if (true) {
            uint entry = data[2u * (table_2 + slot)];
            uint _e30 = data[(2u * (table_2 + slot)) + 1u];
            symbol_2 = _e30;
            uint _e34 = state;
            next = ((entry & 65535u) * (_e34 >> table_bits_1)) + (entry >> 16u);
        } else {
            uint entry_1 = data[table_2 + slot];
            symbol_2 = (entry_1 >> 12u) & 255u;
            uint _e51 = state;
            next = ((entry_1 >> 20u) * (_e51 >> table_bits_1)) + (entry_1 & 4095u);
        }
    }
    if (on) {
        uint _e59 = next;
        local_12 = _e59 < LOWER;
    } else {
        local_12 = false;
    }
    bool needs_1 = local_12;
    metal::uint2 _e64 = words_before(lane_2, needs_1, masks, turn);
    if (needs_1) {
        uint _e65 = next;
        uint _e69 = taken;
        uint _e72 = stream_word(_e69 + _e64.x, stream, limit, _buffer_sizes);
        next = (_e65 << 16u) | _e72;
    }
    uint _e75 = taken;
    taken = _e75 + _e64.y;
    uint _e79 = next;
    state = _e79;
    uint _e80 = symbol_2;
    return _e80;
}

uint table_of(
    uint row_7,
    uint col_3,
    uint branch_1,
    uint table_bits_2,
    constant RansParameters& p,
    device type_9 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = p.row_classes;
    uint _e10 = data[_e7 + row_7];
    uint _e19 = p.col_classes;
    uint _e22 = data[_e19 + col_3];
    uint pair_1 = ((_e10 * 16u) + (branch_1 * 8u)) + _e22;
    uint _e27 = p.class_tables;
    uint _e30 = data[_e27 + pair_1];
    return _e30 << table_bits_2;
}

void report_bad(
    constant RansParameters& p,
    device type_16& report,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.weight;
    metal::atomic_store_explicit(&report[1], _e4, metal::memory_order_relaxed);
    metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
    return;
}

struct decode_ransInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void decode_rans(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint lane [[thread_index_in_threadgroup]]
, threadgroup type_2& masks
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_9 const& side [[user(fake0)]]
, constant RansParameters& p [[user(fake0)]]
, device type_10 const& bias [[user(fake0)]]
, device type_11 const& digits [[user(fake0)]]
, device type_10 const& x [[user(fake0)]]
, device type_10& y [[user(fake0)]]
, device type_9 const& stream [[user(fake0)]]
, device type_9 const& data [[user(fake0)]]
, device type_16& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint turn = {};
    type_14 pending = {};
    type_12 total_3 = {};
    type_12 before_total = {};
    uint split_2 = {};
    type_15 history = {};
    uint history_at = {};
    uint state = {};
    uint taken = {};
    uint limit = {};
    if (lane == 0u) {
        for (int __i0 = 0; __i0 < 6; __i0++) {
            metal::atomic_store_explicit(&masks.inner[__i0], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint used = {};
    uint table_bits = {};
    uint first = 0u;
    uint row = 0u;
    bool local = {};
    uint c = {};
    uint table = {};
    bool local_1 = {};
    uint at = 0u;
    bool local_2 = {};
    uint table_1 = {};
    bool local_3 = {};
    bool local_4 = {};
    bool local_5 = {};
    uint _e7 = tile_number(group.x + (group.y * 65535u));
    uint _e10 = p.tiles;
    if (_e7 >= _e10) {
        return;
    }
    uint _e14 = p.across;
    uint _e18 = p.tile_rows;
    uint row0_1 = naga_div(_e7, _e14) * _e18;
    uint _e22 = p.across;
    uint _e26 = p.tile_cols;
    uint col0_ = naga_mod(_e7, _e22) * _e26;
    uint _e30 = p.tile_rows;
    uint _e33 = p.rows;
    uint rows_1 = metal::min(_e30, _e33 - row0_1);
    uint _e38 = p.tile_cols;
    uint _e42 = p.sink.cols;
    uint cols = metal::min(_e38, _e42 - col0_);
    bool _e45 = skips(row0_1, rows_1, p);
    if (_e45) {
        return;
    }
    uint _e49 = p.starts;
    uint start = data[_e49 + _e7];
    uint _e56 = p.starts;
    uint end = data[(_e56 + _e7) + 1u];
    uint _e64 = p.lanes;
    used = metal::min(_e64, rows_1);
    if (false) {
        uint _e70 = p.lanes;
        used = metal::min(_e70, rows_1 * cols);
    }
    uint _e75 = used;
    if ((end - start) < (4u * _e75)) {
        if (lane == 0u) {
            report_bad(p, report, _buffer_sizes);
        }
        return;
    }
    limit = naga_div(end, 2u);
    uint _e83 = used;
    if (lane < _e83) {
        uint at_9 = naga_div(start, 2u) + (2u * lane);
        uint _e91 = stream_word(at_9, stream, limit, _buffer_sizes);
        uint _e94 = stream_word(at_9 + 1u, stream, limit, _buffer_sizes);
        state = _e91 | (_e94 << 16u);
    }
    uint _e102 = used;
    taken = naga_div(start, 2u) + (2u * _e102);
    uint _e107 = p.table_bits;
    table_bits = _e107;
    uint _e113 = p.listed;
    if (_e113 != 0u) {
        uint _e119 = p.firsts;
        uint _e122 = data[_e119 + _e7];
        table_bits = _e122 & 15u;
        uint _e128 = p.firsts;
        uint _e131 = data[_e128 + _e7];
        first = _e131 >> 4u;
    }
    if (true) {
        bool loop_init_9 = true;
        while(true) {
            if (!loop_init_9) {
                uint _e184 = row;
                uint _e187 = p.lanes;
                row = _e184 + _e187;
            }
            loop_init_9 = false;
            uint _e137 = row;
            if (_e137 < rows_1) {
            } else {
                break;
            }
            {
                uint _e141 = p.lanes;
                if (lane < _e141) {
                    uint _e145 = row;
                    local = (_e145 + lane) < rows_1;
                } else {
                    local = false;
                }
                bool on_1 = local;
                uint _e150 = row;
                uint own_1 = (row0_1 + _e150) + lane;
                c = 0u;
                bool loop_init_10 = true;
                while(true) {
                    if (!loop_init_10) {
                        uint _e182 = c;
                        c = _e182 + 1u;
                    }
                    loop_init_10 = false;
                    uint _e155 = c;
                    if (_e155 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e157 = c;
                        uint col_5 = col0_ + _e157;
                        uint _e161 = p.restart;
                        uint _e162 = branch_bit(col_5, _e161, history, history_at);
                        uint _e163 = first;
                        table = _e163;
                        if (true) {
                            local_1 = on_1;
                        } else {
                            local_1 = false;
                        }
                        bool _e169 = local_1;
                        if (_e169) {
                            uint _e173 = table_bits;
                            uint _e174 = table_of(own_1, col_5, false ? _e162 : 0u, _e173, p, data, _buffer_sizes);
                            table = _e174;
                        }
                        uint _e175 = table;
                        uint _e176 = table_bits;
                        uint _e177 = decode_symbol(lane, on_1, _e175, _e176, masks, turn, stream, data, state, taken, limit, _buffer_sizes);
                        uint _e180 = p.zero;
                        push_code(_e177, _e180, history, history_at);
                        if (on_1) {
                            put(own_1, col_5, _e177, _e162, active_rows, side, p, bias, digits, x, y, pending, total_3, before_total, split_2, _buffer_sizes);
                        }
                    }
                }
            }
        }
    } else {
        uint symbols = rows_1 * cols;
        bool loop_init_11 = true;
        while(true) {
            if (!loop_init_11) {
                uint _e223 = at;
                uint _e226 = p.lanes;
                at = _e223 + _e226;
            }
            loop_init_11 = false;
            uint _e192 = at;
            if (_e192 < symbols) {
            } else {
                break;
            }
            {
                uint _e194 = at;
                uint i_6 = _e194 + lane;
                uint _e198 = p.lanes;
                if (lane < _e198) {
                    local_2 = i_6 < symbols;
                } else {
                    local_2 = false;
                }
                bool on_2 = local_2;
                uint row_8 = row0_1 + naga_div(i_6, cols);
                uint col_6 = col0_ + naga_mod(i_6, cols);
                uint _e209 = first;
                table_1 = _e209;
                if (true) {
                    local_3 = on_2;
                } else {
                    local_3 = false;
                }
                bool _e215 = local_3;
                if (_e215) {
                    uint _e217 = table_bits;
                    uint _e218 = table_of(row_8, col_6, 0u, _e217, p, data, _buffer_sizes);
                    table_1 = _e218;
                }
                uint _e219 = table_1;
                uint _e220 = table_bits;
                uint _e221 = decode_symbol(lane, on_2, _e219, _e220, masks, turn, stream, data, state, taken, limit, _buffer_sizes);
                if (on_2) {
                    put(row_8, col_6, _e221, 0u, active_rows, side, p, bias, digits, x, y, pending, total_3, before_total, split_2, _buffer_sizes);
                }
            }
        }
    }
    uint _e228 = used;
    if (lane < _e228) {
        uint _e233 = state;
        local_4 = _e233 != LOWER;
    } else {
        local_4 = false;
    }
    bool _e237 = local_4;
    if (!(_e237)) {
        uint _e242 = taken;
        local_5 = _e242 != naga_div(end, 2u);
    } else {
        local_5 = true;
    }
    bool _e247 = local_5;
    if (_e247) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
