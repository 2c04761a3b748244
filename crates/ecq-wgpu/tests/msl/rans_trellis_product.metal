// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size5;
    uint size6;
    uint size7;
    uint size13;
    uint size17;
    uint size18;
    uint size19;
};

struct type_2 {
    metal::atomic_uint inner[3];
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
    uint nothing;
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
    uint inner[1];
};
typedef metal::atomic_uint type_15[1];
struct Step {
    uint symbol;
    uint state;
};
constant uint LAG = 12u;
constant uint THREADS = 32u;
constant uint ROWS_ORDER = 1u;
constant uint CLASSES = 2u;
constant uint WIDE = 0u;
constant uint BITS = 3u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint ROWS = 1u;
constant uint VALUES = 0u;
constant uint MASK_WORDS = 1u;
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
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;
constant uint BRANCH_TABLES = 1u;
constant uint TOUCH_COLS = 8u;
constant uint TOUCH_WORDS = 128u;

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
            uint col_3 = side[_e6.m.outliers + (2u * _e27)];
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
                    float _e54 = x[(own * _e6.m.cols) + col_3];
                    float _e55 = scaled_activation(m_2, _e54, col_3, side, _buffer_sizes);
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

void push_quad(
    uint last,
    thread Codes& gathered_1
) {
    metal::uint4 _e5 = gathered_1.a;
    uint _e10 = gathered_1.b.x;
    gathered_1.a = metal::uint4(_e5.yzw, _e10);
    metal::uint4 _e16 = gathered_1.b;
    gathered_1.b = metal::uint4(_e16.yzw, last);
    return;
}

void end_range(
    uint row_5,
    constant metal::uint4& active_rows,
    device type_9 const& side,
    constant RansParameters& p,
    device type_10 const& x,
    thread uint& split_2,
    thread type_12& total_3,
    thread type_12& before_total,
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

void put_block(
    uint row_6,
    uint block_1,
    Codes gathered,
    constant metal::uint4& active_rows,
    device type_9 const& side,
    constant RansParameters& p,
    device type_10 const& bias,
    device type_11 const& digits,
    device type_10 const& x,
    thread uint& split_2,
    thread type_12& total_3,
    thread type_12& before_total,
    device type_10& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_2 = 0u;
    Codes codes_1 = {};
    metal::float2 first_3 = metal::float2(0.0, 0.0);
    metal::float2 second_2 = {};
    bool local_8 = {};
    uint r_3 = 0u;
    bool local_9 = {};
    uint r_4 = 0u;
    Matrix m_3 = p.sink.product.m;
    if (block_1 == 0u) {
        split_2 = 0u;
        bool loop_init_4 = true;
        while(true) {
            if (!loop_init_4) {
                uint _e22 = r_2;
                r_2 = _e22 + 1u;
            }
            loop_init_4 = false;
            uint _e14 = r_2;
            if (_e14 < ROWS) {
            } else {
                break;
            }
            {
                uint _e18 = r_2;
                total_3.inner[_e18] = 0.0;
            }
        }
    }
    metal::uint4 mask_1 = metal::uint4(117901063u);
    codes_1 = Codes {gathered.a & mask_1, gathered.b & mask_1};
    if (false) {
        metal::uint4 _e34 = codes_1.a;
        codes_1.a = _e34 ^ metal::uint4(2155905152u);
        metal::uint4 _e39 = codes_1.b;
        codes_1.b = _e39 ^ metal::uint4(2155905152u);
    }
    metal::float2 _e47 = first_3;
    second_2 = _e47;
    if (false) {
        metal::float2 _e51 = scales_of(m_3, row_6, block_1, 0u, side, _buffer_sizes);
        first_3 = _e51;
    }
    if (false) {
        local_8 = false;
    } else {
        local_8 = false;
    }
    bool _e57 = local_8;
    if (_e57) {
        metal::float2 _e59 = scales_of(m_3, row_6, block_1, 1u, side, _buffer_sizes);
        second_2 = _e59;
    }
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e83 = r_3;
            r_3 = _e83 + 1u;
        }
        loop_init_5 = false;
        uint _e62 = r_3;
        if (_e62 < ROWS) {
        } else {
            break;
        }
        {
            uint _e66 = r_3;
            uint _e69 = r_3;
            float _e71 = total_3.inner[_e69];
            Codes _e72 = codes_1;
            uint _e73 = r_3;
            metal::float2 _e79 = first_3;
            metal::float2 _e80 = second_2;
            float _e81 = add_block(_e71, _e72, ((_e73 * m_3.blocks) + block_1) * BLOCK_VECTORS, _e79, _e80, p, digits, _buffer_sizes);
            total_3.inner[_e66] = _e81;
        }
    }
    uint _e89 = split_2;
    metal::uint2 _e90 = range_of(m_3.blocks, _e89);
    if ((block_1 + 1u) < _e90.y) {
        return;
    }
    end_range(row_6, active_rows, side, p, x, split_2, total_3, before_total, _buffer_sizes);
    if ((block_1 + 1u) < m_3.blocks) {
        return;
    }
    while(true) {
        uint _e98 = split_2;
        if (_e98 < SPLITS) {
        } else {
            break;
        }
        {
            end_range(row_6, active_rows, side, p, x, split_2, total_3, before_total, _buffer_sizes);
        }
    }
    uint _e106 = p.sink.product.which;
    uint rows_in_use_2 = active_rows[_e106];
    uint _e113 = p.sink.product.first;
    if (!((row_6 < _e113))) {
        uint _e122 = p.sink.product.first;
        uint _e127 = p.sink.product.count;
        local_9 = row_6 >= (_e122 + _e127);
    } else {
        local_9 = true;
    }
    bool _e131 = local_9;
    if (_e131) {
        return;
    }
    bool loop_init_6 = true;
    while(true) {
        if (!loop_init_6) {
            uint _e167 = r_4;
            r_4 = _e167 + 1u;
        }
        loop_init_6 = false;
        uint _e134 = r_4;
        if (_e134 < ROWS) {
        } else {
            break;
        }
        {
            uint _e137 = r_4;
            if (_e137 >= rows_in_use_2) {
                break;
            }
            uint _e139 = r_4;
            uint _e144 = p.sink.product.y_stride;
            uint _e150 = p.sink.product.y_first;
            uint _e157 = p.sink.product.first;
            uint at_7 = (((_e139 * _e144) + _e150) + row_6) - _e157;
            uint _e162 = r_4;
            float _e164 = before_total.inner[_e162];
            float _e165 = result_of(row_6, _e164, side, p, bias, _buffer_sizes);
            y[at_7] = _e165;
        }
    }
    return;
}

void put(
    uint row_7,
    uint col_1,
    uint symbol,
    uint branch_1,
    constant metal::uint4& active_rows,
    device type_9 const& side,
    constant RansParameters& p,
    device type_10 const& bias,
    device type_11 const& digits,
    device type_10 const& x,
    thread uint& quad_,
    thread Codes& gathered_1,
    thread uint& split_2,
    thread type_12& total_3,
    thread type_12& before_total,
    device type_10& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint element_1 = {};
    bool local_10 = {};
    bool local_11 = {};
    uint i_4 = {};
    element_1 = symbol;
    if (true) {
        element_1 = (2u * symbol) + branch_1;
    }
    uint _e11 = quad_;
    uint _e14 = element_1;
    uint _e18 = p.sink.base;
    quad_ = (_e11 >> 8u) | ((_e14 - _e18) << 24u);
    uint _e28 = p.sink.cols;
    bool is_last = (col_1 + 1u) == _e28;
    if (naga_mod(col_1, 4u) < 3u) {
        local_10 = !(is_last);
    } else {
        local_10 = false;
    }
    bool _e38 = local_10;
    if (_e38) {
        return;
    }
    uint _e40 = quad_;
    push_quad(_e40 >> (8u * (3u - naga_mod(col_1, 4u))), gathered_1);
    if (naga_mod(col_1, 32u) < 28u) {
        local_11 = !(is_last);
    } else {
        local_11 = false;
    }
    bool _e56 = local_11;
    if (_e56) {
        return;
    }
    i_4 = naga_div(naga_mod(col_1, 32u), 4u);
    bool loop_init_7 = true;
    while(true) {
        if (!loop_init_7) {
            uint _e67 = i_4;
            i_4 = _e67 + 1u;
        }
        loop_init_7 = false;
        uint _e62 = i_4;
        if (_e62 < 7u) {
        } else {
            break;
        }
        {
            push_quad(0u, gathered_1);
        }
    }
    Codes _e72 = gathered_1;
    put_block(row_7, naga_div(col_1, 32u), _e72, active_rows, side, p, bias, digits, x, split_2, total_3, before_total, y, _buffer_sizes);
    return;
}

bool skips(
    uint first_4,
    uint rows,
    constant RansParameters& p
) {
    bool local_12 = {};
    uint _e7 = p.sink.product.first;
    if (!(((first_4 + rows) <= _e7))) {
        uint _e16 = p.sink.product.first;
        uint _e21 = p.sink.product.count;
        local_12 = first_4 >= (_e16 + _e21);
    } else {
        local_12 = true;
    }
    bool _e25 = local_12;
    return _e25;
}

void begin_branches(
    thread uint& until_restart
) {
    until_restart = 0u;
    return;
}

uint branch_bit(
    uint restart,
    thread type_14& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint i_5 = 0u;
    if (false) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
        bool loop_init_8 = true;
        while(true) {
            if (!loop_init_8) {
                uint _e17 = i_5;
                i_5 = _e17 + 1u;
            }
            loop_init_8 = false;
            uint _e9 = i_5;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i_5;
                history.inner[_e13] = 0u;
            }
        }
        history_at = 0u;
        until_restart = restart;
    }
    uint _e24 = until_restart;
    until_restart = _e24 - 1u;
    if (ONE_WORD) {
        uint _e29 = history.inner[0];
        return (_e29 >> 11u) & 1u;
    }
    uint _e35 = history_at;
    uint _e39 = history_at;
    uint _e43 = history_at;
    uint at_8 = (_e43 >= LAG) ? (_e39 - LAG) : (_e35 + LAG);
    uint _e51 = history.inner[naga_div(at_8, 32u)];
    return (_e51 >> naga_mod(at_8, 32u)) & 1u;
}

void push_code(
    uint symbol_1,
    uint zero,
    thread type_14& history,
    thread uint& history_at
) {
    if (false) {
        return;
    }
    uint parity = (symbol_1 ^ zero) & 1u;
    if (ONE_WORD) {
        uint _e11 = history.inner[0];
        uint _e16 = history.inner[0];
        history.inner[0] = (_e11 << 1u) | (parity ^ ((_e16 >> 23u) & 1u));
        return;
    }
    uint _e25 = history_at;
    uint _e29 = history.inner[naga_div(_e25, 32u)];
    uint _e31 = history_at;
    history.inner[naga_div(_e25, 32u)] = _e29 ^ (parity << naga_mod(_e31, 32u));
    uint _e38 = history_at;
    uint _e43 = history_at;
    history_at = ((_e43 + 1u) == 24u) ? 0u : (_e38 + 1u);
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

Step next_step(
    uint table_2,
    uint table_bits_1,
    device type_9 const& data,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = state;
    uint slot = table_2 + (_e3 & ((1u << table_bits_1) - 1u));
    if (false) {
        uint entry = data[2u * slot];
        uint _e22 = data[(2u * slot) + 1u];
        uint _e26 = state;
        return Step {_e22, ((entry & 65535u) * (_e26 >> table_bits_1)) + (entry >> 16u)};
    }
    uint entry_1 = data[slot];
    uint _e43 = state;
    return Step {(entry_1 >> 12u) & 255u, ((entry_1 >> 20u) * (_e43 >> table_bits_1)) + (entry_1 & 4095u)};
}

void finish_step(
    uint lane_2,
    bool on,
    uint next,
    threadgroup type_2& masks,
    thread uint& turn,
    device type_9 const& stream,
    thread uint& state,
    thread uint& taken,
    thread uint& limit,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_13 = {};
    if (on) {
        local_13 = next < LOWER;
    } else {
        local_13 = false;
    }
    bool needs_1 = local_13;
    metal::uint2 _e9 = words_before(lane_2, needs_1, masks, turn);
    if (on) {
        state = next;
    }
    if (needs_1) {
        uint _e15 = taken;
        uint _e18 = stream_word(_e15 + _e9.x, stream, limit, _buffer_sizes);
        state = (next << 16u) | _e18;
    }
    uint _e21 = taken;
    taken = _e21 + _e9.y;
    return;
}

uint class_table(
    uint row_class_1,
    uint col_2,
    uint branch_2,
    uint table_bits_2,
    constant RansParameters& p,
    device type_9 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e12 = p.col_classes;
    uint _e15 = data[_e12 + col_2];
    uint pair_1 = ((row_class_1 * 16u) + (branch_2 * 8u)) + _e15;
    uint _e20 = p.class_tables;
    uint _e23 = data[_e20 + pair_1];
    return _e23 << table_bits_2;
}

void report_bad(
    constant RansParameters& p,
    device type_15& report,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.weight;
    metal::atomic_store_explicit(&report[1], _e4, metal::memory_order_relaxed);
    metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
    return;
}

struct decode_ransInput {
};
[[max_total_threads_per_threadgroup(32)]] kernel void decode_rans(
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
, device type_15& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint turn = {};
    uint quad_ = {};
    Codes gathered_1 = {};
    uint split_2 = {};
    type_12 total_3 = {};
    type_12 before_total = {};
    type_14 history = {};
    uint history_at = {};
    uint until_restart = {};
    uint state = {};
    uint taken = {};
    uint limit = {};
    if (lane == 0u) {
        for (int __i0 = 0; __i0 < 3; __i0++) {
            metal::atomic_store_explicit(&masks.inner[__i0], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint used = {};
    uint table_bits = {};
    uint first = 0u;
    uint row = 0u;
    bool local = {};
    uint row_class = {};
    bool local_1 = {};
    uint branch = {};
    uint table = {};
    uint touched = {};
    uint c = {};
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
                uint _e245 = row;
                uint _e248 = p.lanes;
                row = _e245 + _e248;
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
                row_class = 0u;
                if (true) {
                    local_1 = on_1;
                } else {
                    local_1 = false;
                }
                bool _e159 = local_1;
                if (_e159) {
                    uint _e163 = p.row_classes;
                    uint _e166 = data[_e163 + own_1];
                    row_class = _e166;
                }
                begin_branches(until_restart);
                uint _e169 = p.restart;
                uint _e170 = branch_bit(_e169, history, history_at, until_restart);
                branch = _e170;
                uint _e172 = first;
                table = _e172;
                if (true) {
                    uint _e175 = row_class;
                    uint _e176 = branch;
                    uint _e179 = table_bits;
                    uint _e180 = class_table(_e175, col0_, _e176 * BRANCH_TABLES, _e179, p, data, _buffer_sizes);
                    table = _e180;
                }
                touched = 0u;
                c = 0u;
                bool loop_init_10 = true;
                while(true) {
                    if (!loop_init_10) {
                        uint _e243 = c;
                        c = _e243 + 1u;
                    }
                    loop_init_10 = false;
                    uint _e185 = c;
                    if (_e185 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e187 = c;
                        if (naga_mod(_e187, TOUCH_COLS) == 0u) {
                            uint _e193 = taken;
                            uint _e194 = touched;
                            uint _e197 = p.nothing;
                            taken = _e193 + (_e194 & _e197);
                            uint _e201 = taken;
                            uint _e207 = stream_word((_e201 + TOUCH_WORDS) + (4u * lane), stream, limit, _buffer_sizes);
                            touched = _e207;
                        }
                        uint _e208 = table;
                        uint _e209 = table_bits;
                        Step _e210 = next_step(_e208, _e209, data, state, _buffer_sizes);
                        uint own_branch = branch;
                        uint _e215 = p.zero;
                        push_code(_e210.symbol, _e215, history, history_at);
                        uint _e218 = p.restart;
                        uint _e219 = branch_bit(_e218, history, history_at, until_restart);
                        branch = _e219;
                        if (true) {
                            uint _e221 = c;
                            uint _e228 = p.sink.cols;
                            uint next_col = metal::min((col0_ + _e221) + 1u, _e228 - 1u);
                            uint _e232 = row_class;
                            uint _e233 = branch;
                            uint _e236 = table_bits;
                            uint _e237 = class_table(_e232, next_col, _e233 * BRANCH_TABLES, _e236, p, data, _buffer_sizes);
                            table = _e237;
                        }
                        finish_step(lane, on_1, _e210.state, masks, turn, stream, state, taken, limit, _buffer_sizes);
                        if (on_1) {
                            uint _e239 = c;
                            put(own_1, col0_ + _e239, _e210.symbol, own_branch, active_rows, side, p, bias, digits, x, quad_, gathered_1, split_2, total_3, before_total, y, _buffer_sizes);
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
                uint _e293 = at;
                uint _e296 = p.lanes;
                at = _e293 + _e296;
            }
            loop_init_11 = false;
            uint _e253 = at;
            if (_e253 < symbols) {
            } else {
                break;
            }
            {
                uint _e255 = at;
                uint i_6 = _e255 + lane;
                uint _e259 = p.lanes;
                if (lane < _e259) {
                    local_2 = i_6 < symbols;
                } else {
                    local_2 = false;
                }
                bool on_2 = local_2;
                uint row_8 = row0_1 + naga_div(i_6, cols);
                uint col_4 = col0_ + naga_mod(i_6, cols);
                uint _e270 = first;
                table_1 = _e270;
                if (true) {
                    local_3 = on_2;
                } else {
                    local_3 = false;
                }
                bool _e276 = local_3;
                if (_e276) {
                    uint _e280 = p.row_classes;
                    uint _e283 = data[_e280 + row_8];
                    uint _e285 = table_bits;
                    uint _e286 = class_table(_e283, col_4, 0u, _e285, p, data, _buffer_sizes);
                    table_1 = _e286;
                }
                uint _e287 = table_1;
                uint _e288 = table_bits;
                Step _e289 = next_step(_e287, _e288, data, state, _buffer_sizes);
                finish_step(lane, on_2, _e289.state, masks, turn, stream, state, taken, limit, _buffer_sizes);
                if (on_2) {
                    put(row_8, col_4, _e289.symbol, 0u, active_rows, side, p, bias, digits, x, quad_, gathered_1, split_2, total_3, before_total, y, _buffer_sizes);
                }
            }
        }
    }
    uint _e298 = used;
    if (lane < _e298) {
        uint _e303 = state;
        local_4 = _e303 != LOWER;
    } else {
        local_4 = false;
    }
    bool _e307 = local_4;
    if (!(_e307)) {
        uint _e312 = taken;
        local_5 = _e312 != naga_div(end, 2u);
    } else {
        local_5 = true;
    }
    bool _e317 = local_5;
    if (_e317) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
