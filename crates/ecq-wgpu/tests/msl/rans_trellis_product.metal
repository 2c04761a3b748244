// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size3;
    uint size4;
    uint size5;
    uint size11;
    uint size16;
    uint size21;
    uint size22;
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
typedef uint type_7[1];
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
    uint last_word;
};
typedef float type_8[1];
typedef metal::uint4 type_9[1];
struct Codes {
    metal::uint4 a;
    metal::uint4 b;
};
struct type_10 {
    float inner[1];
};
struct type_12 {
    uint inner[1];
};
struct type_13 {
    uint inner[1024];
};
struct type_15 {
    metal::atomic_uint inner[3];
};
typedef metal::atomic_uint type_16[1];
struct Step {
    uint symbol;
    uint state;
};
struct Tile {
    uint col0_;
    uint cols;
    uint table_bits;
    uint first;
};
constant uint LAG = 12u;
constant uint THREADS = 32u;
constant uint TILE_THREADS = 32u;
constant uint TABLE_ENTRIES = 1024u;
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
constant bool WHOLE_ROWS = true;
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint MASK_WORDS = 1u;
constant uint TOUCH_STEPS = 8u;
constant uint TOUCH_WORDS = 128u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;
constant uint BRANCH_TABLES = 1u;

uint tile_number(
    uint i
) {
    return i;
}

float float_of_pair(
    uint element,
    uint word,
    uint i_1
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i_1 & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i_1 & 1u))) << 16u);
}

float side_float(
    uint at_1,
    device type_7 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return as_type<float>(_e3);
}

uint side_word(
    uint at_2,
    device type_7 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_2];
    return _e3;
}

metal::float2 scale_and_bias(
    uint at_3,
    device type_7 const& side,
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
    device type_7 const& side,
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
    device type_7 const& side,
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
    device type_7 const& side,
    constant RansParameters& p,
    device type_8 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step = 1.0;
    bool local_7 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (false) {
        local_7 = false;
    } else {
        local_7 = true;
    }
    bool _e10 = local_7;
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
    device type_9 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e5 = digits[at_4];
    int _e6 = dot_values(a_1.x, _e5);
    metal::uint4 _e12 = digits[at_4 + 1u];
    int _e13 = dot_values(a_1.y, _e12);
    int first_7 = as_type<int>(as_type<uint>(_e6) + as_type<uint>(_e13));
    metal::uint4 _e20 = digits[at_4 + 2u];
    int _e21 = dot_values(a_1.z, _e20);
    metal::uint4 _e28 = digits[at_4 + 3u];
    int _e29 = dot_values(a_1.w, _e28);
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(first_7) + as_type<uint>(_e21))) + as_type<uint>(_e29));
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
    bool local_8 = {};
    float sum_1 = {};
    float sum_2 = {};
    ProductParameters _e6 = parameters(p);
    int zero_1 = _e6.m.zero;
    float x_scale = as_type<float>(sums.x);
    if (false) {
        local_8 = false;
    } else {
        local_8 = false;
    }
    bool _e16 = local_8;
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
    device type_9 const& digits,
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
    thread type_10& total_2,
    device type_7 const& side,
    constant RansParameters& p,
    device type_8 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_2 = {};
    uint r = {};
    ProductParameters _e6 = parameters(p);
    Matrix m_2 = _e6.m;
    uint _e12 = side[_e6.m.starts + row_4];
    i_2 = _e12 + split_1;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e65 = i_2;
            i_2 = _e65 + SPLITS;
        }
        loop_init = false;
        uint _e15 = i_2;
        uint _e22 = side[(_e6.m.starts + row_4) + 1u];
        if (_e15 < _e22) {
        } else {
            break;
        }
        {
            uint _e27 = i_2;
            uint col_3 = side[_e6.m.outliers + (2u * _e27)];
            uint _e34 = i_2;
            float _e39 = side_float((_e6.m.outliers + (2u * _e34)) + 1u, side, _buffer_sizes);
            r = 0u;
            bool loop_init_1 = true;
            while(true) {
                if (!loop_init_1) {
                    uint _e63 = r;
                    r = _e63 + 1u;
                }
                loop_init_1 = false;
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

uint less_base(
    uint elements,
    constant RansParameters& p
) {
    uint _e4 = p.sink.base;
    uint base = _e4 * 16843009u;
    return ((elements | 2155905152u) - (base & ~(2155905152u))) ^ ((elements ^ ~(base)) & 2155905152u);
}

void end_range(
    uint row_5,
    constant metal::uint4& active_rows,
    device type_7 const& side,
    constant RansParameters& p,
    device type_8 const& x,
    thread uint& split_2,
    thread type_10& total_3,
    thread type_10& before_total,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_10 sums_1 = {};
    uint r_1 = 0u;
    uint _e6 = p.sink.product.which;
    uint rows_in_use_1 = active_rows[_e6];
    type_10 _e10 = total_3;
    sums_1 = _e10;
    uint _e17 = p.sink.product.m.listed;
    if (_e17 != 0u) {
        uint _e21 = split_2;
        add_outliers(row_5, _e21, 0u, 1u, rows_in_use_1, sums_1, side, p, x, _buffer_sizes);
    }
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e52 = r_1;
            r_1 = _e52 + 1u;
        }
        loop_init_2 = false;
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
    device type_7 const& side,
    constant RansParameters& p,
    device type_8 const& bias,
    device type_9 const& digits,
    device type_8 const& x,
    thread uint& split_2,
    thread type_10& total_3,
    thread type_10& before_total,
    device type_8& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_2 = 0u;
    Codes codes_1 = {};
    metal::float2 first_3 = metal::float2(0.0, 0.0);
    metal::float2 second_2 = {};
    bool local_9 = {};
    uint r_3 = 0u;
    bool local_10 = {};
    uint r_4 = 0u;
    Matrix m_3 = p.sink.product.m;
    if (block_1 == 0u) {
        split_2 = 0u;
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e22 = r_2;
                r_2 = _e22 + 1u;
            }
            loop_init_3 = false;
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
    metal::uint4 mask = metal::uint4(117901063u);
    codes_1 = Codes {gathered.a & mask, gathered.b & mask};
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
        local_9 = false;
    } else {
        local_9 = false;
    }
    bool _e57 = local_9;
    if (_e57) {
        metal::float2 _e59 = scales_of(m_3, row_6, block_1, 1u, side, _buffer_sizes);
        second_2 = _e59;
    }
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e83 = r_3;
            r_3 = _e83 + 1u;
        }
        loop_init_4 = false;
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
        local_10 = row_6 >= (_e122 + _e127);
    } else {
        local_10 = true;
    }
    bool _e131 = local_10;
    if (_e131) {
        return;
    }
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e167 = r_4;
            r_4 = _e167 + 1u;
        }
        loop_init_5 = false;
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
            uint at_6 = (((_e139 * _e144) + _e150) + row_6) - _e157;
            uint _e162 = r_4;
            float _e164 = before_total.inner[_e162];
            float _e165 = result_of(row_6, _e164, side, p, bias, _buffer_sizes);
            y[at_6] = _e165;
        }
    }
    return;
}

void put(
    uint row_7,
    uint col_1,
    uint count,
    uint symbols,
    uint branches,
    constant metal::uint4& active_rows,
    device type_7 const& side,
    constant RansParameters& p,
    device type_8 const& bias,
    device type_9 const& digits,
    device type_8 const& x,
    thread uint& pending,
    thread Codes& gathered_1,
    thread uint& split_2,
    thread type_10& total_3,
    thread type_10& before_total,
    device type_8& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint elements_1 = {};
    uint blocks_1 = {};
    uint block_2 = {};
    uint i_3 = {};
    elements_1 = symbols;
    if (true) {
        elements_1 = ((symbols << 1u) & 4278124286u) | branches;
    }
    uint before_1 = naga_mod(col_1, 4u);
    uint _e15 = pending;
    uint _e16 = elements_1;
    pending = _e15 | (_e16 << (8u * before_1));
    if ((before_1 + count) >= 4u) {
        uint _e25 = pending;
        uint _e26 = less_base(_e25, p);
        push_quad(_e26, gathered_1);
        uint _e28 = elements_1;
        pending = (_e28 >> 1u) >> (31u - (8u * before_1));
    }
    uint end = col_1 + count;
    blocks_1 = naga_div(end, 32u);
    uint _e43 = p.sink.cols;
    if (end == _e43) {
        blocks_1 = naga_div(end + 31u, 32u);
    }
    block_2 = naga_div(col_1, 32u);
    bool loop_init_6 = true;
    while(true) {
        if (!loop_init_6) {
            uint _e93 = block_2;
            block_2 = _e93 + 1u;
        }
        loop_init_6 = false;
        uint _e52 = block_2;
        uint _e53 = blocks_1;
        if (_e52 < _e53) {
        } else {
            break;
        }
        {
            uint _e55 = block_2;
            if (_e55 == naga_div(end, 32u)) {
                if (naga_mod(end, 4u) > 0u) {
                    uint _e64 = pending;
                    uint _e65 = less_base(_e64, p);
                    push_quad(_e65 & ((1u << (8u * naga_mod(end, 4u))) - 1u), gathered_1);
                }
                i_3 = naga_div(naga_mod(end, 32u) + 3u, 4u);
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e87 = i_3;
                        i_3 = _e87 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e82 = i_3;
                    if (_e82 < 8u) {
                    } else {
                        break;
                    }
                    {
                        push_quad(0u, gathered_1);
                    }
                }
            }
            uint _e89 = block_2;
            Codes _e91 = gathered_1;
            put_block(row_7, _e89, _e91, active_rows, side, p, bias, digits, x, split_2, total_3, before_total, y, _buffer_sizes);
        }
    }
    uint _e98 = p.sink.cols;
    if (end == _e98) {
        pending = 0u;
        return;
    } else {
        return;
    }
}

bool skips(
    uint first_4,
    uint rows,
    constant RansParameters& p
) {
    bool local_11 = {};
    uint _e7 = p.sink.product.first;
    if (!(((first_4 + rows) <= _e7))) {
        uint _e16 = p.sink.product.first;
        uint _e21 = p.sink.product.count;
        local_11 = first_4 >= (_e16 + _e21);
    } else {
        local_11 = true;
    }
    bool _e25 = local_11;
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
    thread type_12& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint i_4 = 0u;
    if (false) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
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
    uint at_7 = (_e43 >= LAG) ? (_e39 - LAG) : (_e35 + LAG);
    uint _e51 = history.inner[naga_div(at_7, 32u)];
    return (_e51 >> naga_mod(at_7, 32u)) & 1u;
}

void push_code(
    uint symbol,
    uint zero,
    thread type_12& history,
    thread uint& history_at
) {
    if (false) {
        return;
    }
    uint parity = (symbol ^ zero) & 1u;
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

void open_table(
    uint thread_1,
    uint first_5,
    threadgroup type_13& local_table,
    device type_7 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_5 = {};
    i_5 = 4u * thread_1;
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e51 = i_5;
            i_5 = _e51 + 128u;
        }
        loop_init_9 = false;
        uint _e5 = i_5;
        if (_e5 < TABLE_ENTRIES) {
        } else {
            break;
        }
        {
            uint _e8 = i_5;
            uint at_8 = first_5 + _e8;
            uint _e12 = data[at_8];
            uint _e17 = data[at_8 + 1u];
            uint _e22 = data[at_8 + 2u];
            uint _e27 = data[at_8 + 3u];
            metal::uint4 entries = metal::uint4(_e12, _e17, _e22, _e27);
            uint _e30 = i_5;
            local_table.inner[_e30] = entries.x;
            uint _e34 = i_5;
            local_table.inner[_e34 + 1u] = entries.y;
            uint _e40 = i_5;
            local_table.inner[_e40 + 2u] = entries.z;
            uint _e46 = i_5;
            local_table.inner[_e46 + 3u] = entries.w;
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    return;
}

uint table_entry(
    uint i_6,
    threadgroup type_13& local_table
) {
    uint _e3 = local_table.inner[i_6];
    return _e3;
}

void open_words(
    uint lane,
    uint first_6,
    threadgroup type_15& masks,
    thread uint& taken
) {
    taken = first_6;
    if (lane < 3u) {
        metal::atomic_store_explicit(&masks.inner[lane], 0u, metal::memory_order_relaxed);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    return;
}

void close_window(
    uint lane_1
) {
    return;
}

uint stream_word(
    uint i_7,
    constant RansParameters& p,
    device type_7 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.last_word;
    uint _e7 = stream[metal::min(i_7, _e4)];
    return _e7;
}

uint half_word(
    uint i_8,
    constant RansParameters& p,
    device type_7 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = stream_word(naga_div(i_8, 2u), p, stream, _buffer_sizes);
    return (_e3 >> (16u * naga_mod(i_8, 2u))) & 65535u;
}

uint next_word(
    uint lane_2,
    bool needs,
    constant RansParameters& p,
    threadgroup type_15& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_7 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint before = 0u;
    uint all = 0u;
    uint i_9 = 0u;
    uint word_1 = 0u;
    uint _e3 = turn;
    if (naga_mod(_e3, TOUCH_STEPS) == 0u) {
        uint _e9 = taken;
        uint _e11 = touched;
        uint _e14 = p.nothing;
        taken = _e9 + (_e11 & _e14);
        uint _e19 = taken;
        uint _e25 = half_word((_e19 + TOUCH_WORDS) + (4u * lane_2), p, stream, _buffer_sizes);
        touched = _e25;
    }
    uint _e27 = turn;
    uint first_8 = naga_mod(_e27, 3u) * MASK_WORDS;
    uint _e34 = turn;
    turn = _e34 + 1u;
    if (needs) {
        uint _e45 = metal::atomic_fetch_or_explicit(&masks.inner[first_8 + naga_div(lane_2, 32u)], 1u << naga_mod(lane_2, 32u), metal::memory_order_relaxed);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e85 = i_9;
            i_9 = _e85 + 1u;
        }
        loop_init_10 = false;
        uint _e52 = i_9;
        if (_e52 < MASK_WORDS) {
        } else {
            break;
        }
        {
            uint _e56 = i_9;
            uint mask_1 = metal::atomic_load_explicit(&masks.inner[first_8 + _e56], metal::memory_order_relaxed);
            uint _e60 = all;
            all = _e60 + metal::popcount(mask_1);
            uint _e63 = i_9;
            if (_e63 < naga_div(lane_2, 32u)) {
                uint _e67 = before;
                before = _e67 + metal::popcount(mask_1);
            }
            uint _e70 = i_9;
            if (_e70 == naga_div(lane_2, 32u)) {
                uint _e74 = before;
                before = _e74 + metal::popcount(mask_1 & ((1u << naga_mod(lane_2, 32u)) - 1u));
            }
        }
    }
    if (lane_2 < MASK_WORDS) {
        uint _e91 = turn;
        metal::atomic_store_explicit(&masks.inner[(naga_mod(_e91 + 1u, 3u) * MASK_WORDS) + lane_2], 0u, metal::memory_order_relaxed);
    }
    if (needs) {
        uint _e104 = taken;
        uint _e105 = before;
        uint _e107 = half_word(_e104 + _e105, p, stream, _buffer_sizes);
        word_1 = _e107;
    }
    uint _e109 = taken;
    uint _e110 = all;
    taken = _e109 + _e110;
    uint _e112 = word_1;
    return _e112;
}

uint words_taken(
    thread uint& taken
) {
    uint _e1 = taken;
    return _e1;
}

Step next_step(
    uint table,
    uint table_bits_1,
    threadgroup type_13& local_table,
    device type_7 const& data,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = state;
    uint slot = table + (_e3 & ((1u << table_bits_1) - 1u));
    if (false) {
        uint entry = data[2u * slot];
        uint _e22 = data[(2u * slot) + 1u];
        uint _e26 = state;
        return Step {_e22, ((entry & 65535u) * (_e26 >> table_bits_1)) + (entry >> 16u)};
    }
    uint _e33 = table_entry(slot, local_table);
    uint _e41 = state;
    return Step {(_e33 >> 12u) & 255u, ((_e33 >> 20u) * (_e41 >> table_bits_1)) + (_e33 & 4095u)};
}

void finish_step(
    uint lane_3,
    bool on,
    uint next,
    constant RansParameters& p,
    threadgroup type_15& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_7 const& stream,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool needs_1 = on & (next < LOWER);
    uint _e6 = next_word(lane_3, needs_1, p, masks, turn, taken, touched, stream, _buffer_sizes);
    uint _e9 = state;
    state = on ? (needs_1 ? ((next << 16u) | _e6) : next) : _e9;
    return;
}

uint class_table(
    uint row_class,
    uint col_2,
    uint branch,
    uint table_bits_2,
    constant RansParameters& p,
    device type_7 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e12 = p.col_classes;
    uint _e15 = data[_e12 + col_2];
    uint pair_1 = ((row_class * 16u) + (branch * 8u)) + _e15;
    uint _e20 = p.class_tables;
    uint _e23 = data[_e20 + pair_1];
    return _e23 << table_bits_2;
}

void open_column(
    Tile t,
    uint c_1,
    constant RansParameters& p,
    thread type_12& history,
    thread uint& history_at,
    thread uint& until_restart,
    device type_7 const& data,
    thread uint& row_class_1,
    thread uint& branch_1,
    thread uint& table_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = p.restart;
    uint _e6 = branch_bit(_e5, history, history_at, until_restart);
    branch_1 = _e6;
    table_1 = t.first;
    if (true) {
        uint _e15 = p.sink.cols;
        uint col_4 = metal::min(t.col0_ + c_1, _e15 - 1u);
        uint _e21 = row_class_1;
        uint _e23 = branch_1;
        uint _e27 = class_table(_e21, col_4, _e23 * BRANCH_TABLES, t.table_bits, p, data, _buffer_sizes);
        table_1 = _e27;
        return;
    } else {
        return;
    }
}

void decode_column(
    Tile t_1,
    uint lane_4,
    bool on_1,
    uint c_2,
    uint i_10,
    constant RansParameters& p,
    thread type_12& history,
    thread uint& history_at,
    thread uint& until_restart,
    threadgroup type_13& local_table,
    device type_7 const& data,
    threadgroup type_15& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_7 const& stream,
    thread uint& state,
    thread uint& row_class_1,
    thread uint& branch_1,
    thread uint& table_1,
    thread uint& symbols_1,
    thread uint& branches_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e6 = table_1;
    Step _e8 = next_step(_e6, t_1.table_bits, local_table, data, state, _buffer_sizes);
    uint _e10 = symbols_1;
    symbols_1 = _e10 | (_e8.symbol << (8u * i_10));
    uint _e17 = branches_1;
    uint _e19 = branch_1;
    branches_1 = _e17 | (_e19 << (8u * i_10));
    uint _e27 = p.zero;
    push_code(_e8.symbol, _e27, history, history_at);
    open_column(t_1, (c_2 + i_10) + 1u, p, history, history_at, until_restart, data, row_class_1, branch_1, table_1, _buffer_sizes);
    finish_step(lane_4, on_1 & ((c_2 + i_10) < t_1.cols), _e8.state, p, masks, turn, taken, touched, stream, state, _buffer_sizes);
    return;
}

void decode_columns(
    Tile t_2,
    uint lane_5,
    bool on_2,
    uint row_8,
    uint c_3,
    constant metal::uint4& active_rows,
    device type_7 const& side,
    constant RansParameters& p,
    device type_8 const& bias,
    device type_9 const& digits,
    device type_8 const& x,
    thread uint& pending,
    thread Codes& gathered_1,
    thread uint& split_2,
    thread type_10& total_3,
    thread type_10& before_total,
    device type_8& y,
    thread type_12& history,
    thread uint& history_at,
    thread uint& until_restart,
    threadgroup type_13& local_table,
    device type_7 const& data,
    threadgroup type_15& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_7 const& stream,
    thread uint& state,
    thread uint& row_class_1,
    thread uint& branch_1,
    thread uint& table_1,
    thread uint& symbols_1,
    thread uint& branches_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    symbols_1 = 0u;
    branches_1 = 0u;
    decode_column(t_2, lane_5, on_2, c_3, 0u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    decode_column(t_2, lane_5, on_2, c_3, 1u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    decode_column(t_2, lane_5, on_2, c_3, 2u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    decode_column(t_2, lane_5, on_2, c_3, 3u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    close_window(lane_5);
    if (on_2 & (c_3 < t_2.cols)) {
        uint _e23 = symbols_1;
        uint _e25 = branches_1;
        put(row_8, t_2.col0_ + c_3, metal::min(4u, t_2.cols - c_3), _e23, _e25, active_rows, side, p, bias, digits, x, pending, gathered_1, split_2, total_3, before_total, y, _buffer_sizes);
        return;
    } else {
        return;
    }
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
[[max_total_threads_per_threadgroup(32)]] kernel void decode_rans(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_7 const& side [[user(fake0)]]
, constant RansParameters& p [[user(fake0)]]
, device type_8 const& bias [[user(fake0)]]
, device type_9 const& digits [[user(fake0)]]
, device type_8 const& x [[user(fake0)]]
, device type_8& y [[user(fake0)]]
, threadgroup type_13& local_table
, device type_7 const& data [[user(fake0)]]
, threadgroup type_15& masks
, device type_7 const& stream [[user(fake0)]]
, device type_16& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint pending = {};
    Codes gathered_1 = {};
    uint split_2 = {};
    type_10 total_3 = {};
    type_10 before_total = {};
    type_12 history = {};
    uint history_at = {};
    uint until_restart = {};
    uint turn = {};
    uint taken = {};
    uint touched = {};
    uint state = {};
    uint row_class_1 = {};
    uint branch_1 = {};
    uint table_1 = {};
    uint symbols_1 = {};
    uint branches_1 = {};
    uint col0_ = 0u;
    uint lanes = {};
    uint table_bits = {};
    uint first = 0u;
    bool local = {};
    uint row = 0u;
    bool local_1 = {};
    bool local_2 = {};
    uint c = {};
    uint at = 0u;
    bool local_3 = {};
    bool local_4 = {};
    bool local_5 = {};
    bool local_6 = {};
    open_table(thread_, 0u, local_table, data, _buffer_sizes);
    uint lane_6 = naga_mod(thread_, TILE_THREADS);
    uint group_number = group.x + (group.y * 65535u);
    uint _e15 = tile_number((group_number * 1u) + naga_div(thread_, TILE_THREADS));
    uint _e18 = p.tiles;
    if (_e15 >= _e18) {
        return;
    }
    uint _e22 = p.across;
    uint _e26 = p.tile_rows;
    uint row0_1 = naga_div(_e15, _e22) * _e26;
    uint _e30 = p.tile_rows;
    uint _e33 = p.rows;
    uint rows_1 = metal::min(_e30, _e33 - row0_1);
    if (false) {
        uint _e41 = p.across;
        uint _e45 = p.tile_cols;
        col0_ = naga_mod(_e15, _e41) * _e45;
    }
    uint _e49 = p.tile_cols;
    uint _e53 = p.sink.cols;
    uint _e54 = col0_;
    uint cols = metal::min(_e49, _e53 - _e54);
    bool _e57 = skips(row0_1, rows_1, p);
    if (_e57) {
        return;
    }
    uint _e61 = p.starts;
    uint start = data[_e61 + _e15];
    uint _e68 = p.starts;
    uint end_1 = data[(_e68 + _e15) + 1u];
    uint _e76 = p.lanes;
    lanes = metal::min(_e76, rows_1);
    if (false) {
        uint _e82 = p.lanes;
        lanes = metal::min(_e82, rows_1 * cols);
    }
    uint _e87 = lanes;
    if ((end_1 - start) < (4u * _e87)) {
        if (lane_6 == 0u) {
            report_bad(p, report, _buffer_sizes);
        }
        return;
    }
    uint _e92 = lanes;
    if (lane_6 < _e92) {
        uint at_9 = naga_div(start, 2u) + (2u * lane_6);
        uint _e100 = half_word(at_9, p, stream, _buffer_sizes);
        uint _e103 = half_word(at_9 + 1u, p, stream, _buffer_sizes);
        state = _e100 | (_e103 << 16u);
    }
    uint _e110 = lanes;
    open_words(lane_6, naga_div(start, 2u) + (2u * _e110), masks, taken);
    uint _e115 = p.table_bits;
    table_bits = _e115;
    if (false) {
        uint _e124 = p.listed;
        local = _e124 != 0u;
    } else {
        local = false;
    }
    bool _e128 = local;
    if (_e128) {
        uint _e132 = p.firsts;
        uint _e135 = data[_e132 + _e15];
        table_bits = _e135 & 15u;
        uint _e141 = p.firsts;
        uint _e144 = data[_e141 + _e15];
        first = _e144 >> 4u;
    }
    uint _e147 = col0_;
    uint _e148 = table_bits;
    uint _e149 = first;
    Tile tile = Tile {_e147, cols, _e148, _e149};
    if (true) {
        bool loop_init_11 = true;
        while(true) {
            if (!loop_init_11) {
                uint _e195 = row;
                uint _e198 = p.lanes;
                row = _e195 + _e198;
            }
            loop_init_11 = false;
            uint _e154 = row;
            if (_e154 < rows_1) {
            } else {
                break;
            }
            {
                uint _e158 = p.lanes;
                if (lane_6 < _e158) {
                    uint _e162 = row;
                    local_1 = (_e162 + lane_6) < rows_1;
                } else {
                    local_1 = false;
                }
                bool on_3 = local_1;
                uint _e167 = row;
                uint own_1 = (row0_1 + _e167) + lane_6;
                if (true) {
                    local_2 = on_3;
                } else {
                    local_2 = false;
                }
                bool _e174 = local_2;
                if (_e174) {
                    uint _e179 = p.row_classes;
                    uint _e182 = data[_e179 + own_1];
                    row_class_1 = _e182;
                }
                begin_branches(until_restart);
                open_column(tile, 0u, p, history, history_at, until_restart, data, row_class_1, branch_1, table_1, _buffer_sizes);
                c = 0u;
                bool loop_init_12 = true;
                while(true) {
                    if (!loop_init_12) {
                        uint _e192 = c;
                        c = _e192 + 8u;
                    }
                    loop_init_12 = false;
                    uint _e186 = c;
                    if (_e186 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e188 = c;
                        decode_columns(tile, lane_6, on_3, own_1, _e188, active_rows, side, p, bias, digits, x, pending, gathered_1, split_2, total_3, before_total, y, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
                        uint _e189 = c;
                        decode_columns(tile, lane_6, on_3, own_1, _e189 + 4u, active_rows, side, p, bias, digits, x, pending, gathered_1, split_2, total_3, before_total, y, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
                    }
                }
            }
        }
    } else {
        uint count_1 = rows_1 * cols;
        bool loop_init_13 = true;
        while(true) {
            if (!loop_init_13) {
                uint _e247 = at;
                uint _e250 = p.lanes;
                at = _e247 + _e250;
            }
            loop_init_13 = false;
            uint _e203 = at;
            if (_e203 < count_1) {
            } else {
                break;
            }
            {
                uint _e205 = at;
                uint i_11 = _e205 + lane_6;
                uint _e209 = p.lanes;
                if (lane_6 < _e209) {
                    local_3 = i_11 < count_1;
                } else {
                    local_3 = false;
                }
                bool on_4 = local_3;
                uint row_9 = row0_1 + naga_div(i_11, cols);
                uint _e218 = col0_;
                uint col_5 = _e218 + naga_mod(i_11, cols);
                uint _e222 = first;
                table_1 = _e222;
                if (true) {
                    local_4 = on_4;
                } else {
                    local_4 = false;
                }
                bool _e227 = local_4;
                if (_e227) {
                    uint _e232 = p.row_classes;
                    uint _e235 = data[_e232 + row_9];
                    uint _e237 = table_bits;
                    uint _e238 = class_table(_e235, col_5, 0u, _e237, p, data, _buffer_sizes);
                    table_1 = _e238;
                }
                uint _e240 = table_1;
                uint _e241 = table_bits;
                Step _e242 = next_step(_e240, _e241, local_table, data, state, _buffer_sizes);
                finish_step(lane_6, on_4, _e242.state, p, masks, turn, taken, touched, stream, state, _buffer_sizes);
                close_window(lane_6);
                if (on_4) {
                    put(row_9, col_5, 1u, _e242.symbol, 0u, active_rows, side, p, bias, digits, x, pending, gathered_1, split_2, total_3, before_total, y, _buffer_sizes);
                }
            }
        }
    }
    uint _e252 = lanes;
    if (lane_6 < _e252) {
        uint _e257 = state;
        local_5 = _e257 != LOWER;
    } else {
        local_5 = false;
    }
    bool _e261 = local_5;
    if (!(_e261)) {
        uint _e265 = words_taken(taken);
        local_6 = _e265 != naga_div(end_1, 2u);
    } else {
        local_6 = true;
    }
    bool _e270 = local_6;
    if (_e270) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
