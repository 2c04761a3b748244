// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size3;
    uint size4;
    uint size5;
    uint size6;
    uint size12;
    uint size16;
    uint size17;
};

typedef uint type_1[1];
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
struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
    ProductParameters product;
};
struct PrefixParameters {
    Sink sink;
    uint rows;
    uint tile_rows;
    uint tile_cols;
    uint across;
    uint lanes;
    uint alphabet;
    uint raw_bits;
    uint zero;
    uint restart;
    uint ranges;
    uint ids;
    uint chosen;
    uint chosen_count;
    uint tiles;
    uint last_word;
    uint table;
    uint weight;
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
typedef metal::atomic_uint type_14[1];
constant uint LAG = 12u;
constant uint THREADS = 64u;
constant uint TABLE_ENTRIES = 0u;
constant uint TUPLE = 4u;
constant uint ROWS_ORDER = 1u;
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
constant uint ENTRIES = 4096u;
constant uint ESCAPE = 128u;
constant uint NO_CODEWORD = 64u;
constant uint BAD_STREAM = 3u;
constant uint BATCH = 4u;

uint tile_number(
    uint i_2,
    device type_1 const& data,
    constant PrefixParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.chosen;
    uint _e7 = data[_e4 + i_2];
    return _e7;
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
    uint at,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at];
    return as_type<float>(_e3);
}

uint side_word(
    uint at_1,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return _e3;
}

metal::float2 scale_and_bias(
    uint at_2,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        float _e4 = side_float(2u * at_2, side, _buffer_sizes);
        float _e9 = side_float((2u * at_2) + 1u, side, _buffer_sizes);
        return metal::float2(_e4, _e9);
    }
    uint _e11 = side_word(at_2, side, _buffer_sizes);
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
    device type_1 const& side,
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
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m_1.scaled == 0u) {
        return value;
    }
    float _e8 = side_float(m_1.col_scales + col, side, _buffer_sizes);
    return value * _e8;
}

ProductParameters parameters(
    constant PrefixParameters& p
) {
    ProductParameters _e3 = p.sink.product;
    return _e3;
}

float result_of(
    uint row_3,
    float sum,
    constant PrefixParameters& p,
    device type_1 const& side,
    device type_8 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step = 1.0;
    bool local_4 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (false) {
        local_4 = false;
    } else {
        local_4 = true;
    }
    bool _e10 = local_4;
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
    uint at_3,
    device type_9 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e5 = digits[at_3];
    int _e6 = dot_values(a_1.x, _e5);
    metal::uint4 _e12 = digits[at_3 + 1u];
    int _e13 = dot_values(a_1.y, _e12);
    int first_6 = as_type<int>(as_type<uint>(_e6) + as_type<uint>(_e13));
    metal::uint4 _e20 = digits[at_3 + 2u];
    int _e21 = dot_values(a_1.z, _e20);
    metal::uint4 _e28 = digits[at_3 + 3u];
    int _e29 = dot_values(a_1.w, _e28);
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(first_6) + as_type<uint>(_e21))) + as_type<uint>(_e29));
}

float add_sums(
    float total,
    int one,
    int two,
    metal::uint4 sums,
    metal::float2 first,
    metal::float2 second,
    constant PrefixParameters& p
) {
    bool local_5 = {};
    float sum_1 = {};
    float sum_2 = {};
    ProductParameters _e6 = parameters(p);
    int zero_1 = _e6.m.zero;
    float x_scale = as_type<float>(sums.x);
    if (false) {
        local_5 = false;
    } else {
        local_5 = false;
    }
    bool _e16 = local_5;
    if (_e16) {
        int of_first = as_type<int>(sums.y);
        int of_second = as_type<int>(sums.z);
        sum_1 = metal::fma(first.x * x_scale, static_cast<float>(as_type<int>(as_type<uint>(one) - as_type<uint>(as_type<int>(as_type<uint>(zero_1) * as_type<uint>(of_first))))), total);
        if (false) {
            float _e32 = sum_1;
            sum_1 = metal::fma(first.y * x_scale, static_cast<float>(of_first), _e32);
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
    sum_2 = metal::fma(first.x * x_scale, product, total);
    if (false) {
        float _e64 = sum_2;
        sum_2 = metal::fma(first.y * x_scale, static_cast<float>(of_x), _e64);
    }
    float _e66 = sum_2;
    return _e66;
}

float add_block(
    float total_1,
    Codes codes,
    uint at_4,
    metal::float2 first_1,
    metal::float2 second_1,
    constant PrefixParameters& p,
    device type_9 const& digits,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        int _e7 = half_of_values(codes.a, at_4, digits, _buffer_sizes);
        int _e11 = half_of_values(codes.b, at_4 + 4u, digits, _buffer_sizes);
        metal::uint4 _e16 = digits[at_4 + 8u];
        float _e17 = add_sums(total_1, _e7, _e11, _e16, first_1, second_1, p);
        return _e17;
    }
    metal::uint4 _e21 = digits[at_4];
    int _e22 = dot_half(codes.a, _e21);
    metal::uint4 _e30 = digits[at_4 + 2u];
    int _e31 = dot_half(codes.a, _e30);
    int one_1 = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e22))) + as_type<uint>(_e31));
    metal::uint4 _e38 = digits[at_4 + 1u];
    int _e39 = dot_half(codes.b, _e38);
    metal::uint4 _e47 = digits[at_4 + 3u];
    int _e48 = dot_half(codes.b, _e47);
    int two_1 = as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e39))) + as_type<uint>(_e48));
    metal::uint4 _e54 = digits[at_4 + 4u];
    float _e55 = add_sums(total_1, one_1, two_1, _e54, first_1, second_1, p);
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
    constant PrefixParameters& p,
    device type_1 const& side,
    device type_8 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_4 = {};
    uint r = {};
    ProductParameters _e6 = parameters(p);
    Matrix m_2 = _e6.m;
    uint _e12 = side[_e6.m.starts + row_4];
    i_4 = _e12 + split_1;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e65 = i_4;
            i_4 = _e65 + SPLITS;
        }
        loop_init = false;
        uint _e15 = i_4;
        uint _e22 = side[(_e6.m.starts + row_4) + 1u];
        if (_e15 < _e22) {
        } else {
            break;
        }
        {
            uint _e27 = i_4;
            uint col_2 = side[_e6.m.outliers + (2u * _e27)];
            uint _e34 = i_4;
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
                    float _e54 = x[(own * _e6.m.cols) + col_2];
                    float _e55 = scaled_activation(m_2, _e54, col_2, side, _buffer_sizes);
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
    constant PrefixParameters& p
) {
    uint _e4 = p.sink.base;
    uint base = _e4 * 16843009u;
    return ((elements | 2155905152u) - (base & ~(2155905152u))) ^ ((elements ^ ~(base)) & 2155905152u);
}

void end_range(
    uint row_5,
    constant PrefixParameters& p,
    constant metal::uint4& active_rows,
    device type_1 const& side,
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
        add_outliers(row_5, _e21, 0u, 1u, rows_in_use_1, sums_1, p, side, x, _buffer_sizes);
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
    constant PrefixParameters& p,
    constant metal::uint4& active_rows,
    device type_1 const& side,
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
    metal::float2 first_2 = metal::float2(0.0, 0.0);
    metal::float2 second_2 = {};
    bool local_6 = {};
    uint r_3 = 0u;
    bool local_7 = {};
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
    metal::float2 _e47 = first_2;
    second_2 = _e47;
    if (false) {
        metal::float2 _e51 = scales_of(m_3, row_6, block_1, 0u, side, _buffer_sizes);
        first_2 = _e51;
    }
    if (false) {
        local_6 = false;
    } else {
        local_6 = false;
    }
    bool _e57 = local_6;
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
            metal::float2 _e79 = first_2;
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
    end_range(row_6, p, active_rows, side, x, split_2, total_3, before_total, _buffer_sizes);
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
            end_range(row_6, p, active_rows, side, x, split_2, total_3, before_total, _buffer_sizes);
        }
    }
    uint _e106 = p.sink.product.which;
    uint rows_in_use_2 = active_rows[_e106];
    uint _e113 = p.sink.product.first;
    if (!((row_6 < _e113))) {
        uint _e122 = p.sink.product.first;
        uint _e127 = p.sink.product.count;
        local_7 = row_6 >= (_e122 + _e127);
    } else {
        local_7 = true;
    }
    bool _e131 = local_7;
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
            float _e165 = result_of(row_6, _e164, p, side, bias, _buffer_sizes);
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
    constant PrefixParameters& p,
    constant metal::uint4& active_rows,
    device type_1 const& side,
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
    uint i_5 = {};
    elements_1 = symbols;
    if (true) {
        elements_1 = ((symbols << 1u) & 4278124286u) | branches;
    }
    uint before = naga_mod(col_1, 4u);
    uint _e15 = pending;
    uint _e16 = elements_1;
    pending = _e15 | (_e16 << (8u * before));
    if ((before + count) >= 4u) {
        uint _e25 = pending;
        uint _e26 = less_base(_e25, p);
        push_quad(_e26, gathered_1);
        uint _e28 = elements_1;
        pending = (_e28 >> 1u) >> (31u - (8u * before));
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
                i_5 = naga_div(naga_mod(end, 32u) + 3u, 4u);
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e87 = i_5;
                        i_5 = _e87 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e82 = i_5;
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
            put_block(row_7, _e89, _e91, p, active_rows, side, bias, digits, x, split_2, total_3, before_total, y, _buffer_sizes);
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
    uint first_3,
    uint rows,
    constant PrefixParameters& p
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
    uint i_6 = 0u;
    if (false) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
        bool loop_init_8 = true;
        while(true) {
            if (!loop_init_8) {
                uint _e17 = i_6;
                i_6 = _e17 + 1u;
            }
            loop_init_8 = false;
            uint _e9 = i_6;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i_6;
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
    uint first_4
) {
    return;
}

uint table_entry(
    uint i_7,
    device type_1 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = data[i_7];
    return _e3;
}

uint stream_word(
    uint i_8,
    constant PrefixParameters& p,
    device type_1 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.last_word;
    uint _e7 = stream[metal::min(i_8, _e4)];
    return _e7;
}

void read_behind(
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread metal::uint2& behind,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = next_word;
    uint _e3 = stream_word(_e2, p, stream, _buffer_sizes);
    uint _e5 = next_word;
    uint _e8 = stream_word(_e5 + 1u, p, stream, _buffer_sizes);
    behind = metal::uint2(_e3, _e8);
    return;
}

void open_at(
    uint word_1,
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread metal::uint3& window,
    thread uint& crossed,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = stream_word(word_1, p, stream, _buffer_sizes);
    uint _e5 = stream_word(word_1 + 1u, p, stream, _buffer_sizes);
    uint _e8 = stream_word(word_1 + 2u, p, stream, _buffer_sizes);
    window = metal::uint3(_e2, _e5, _e8);
    next_word = word_1 + 3u;
    crossed = 0u;
    return;
}

void refill(
    thread metal::uint3& window,
    thread metal::uint2& behind,
    thread uint& crossed,
    thread uint& next_word
) {
    uint _e1 = crossed;
    bool both = _e1 == 2u;
    uint _e8 = window.y;
    uint _e11 = behind.x;
    window.y = both ? _e11 : _e8;
    uint _e17 = window.z;
    uint _e20 = behind.x;
    uint _e22 = crossed;
    uint _e28 = behind.y;
    window.z = both ? _e28 : ((_e22 == 1u) ? _e20 : _e17);
    uint _e31 = next_word;
    uint _e33 = crossed;
    next_word = _e31 + _e33;
    crossed = 0u;
    return;
}

uint next_bits(
    thread metal::uint3& window,
    thread uint& at_5
) {
    uint _e2 = window.x;
    uint _e4 = at_5;
    uint _e8 = window.y;
    uint _e13 = at_5;
    return (_e2 >> _e4) | ((_e8 << 1u) << (31u - _e13));
}

void take(
    uint bits,
    thread metal::uint3& window,
    thread uint& at_5,
    thread uint& crossed
) {
    uint _e2 = at_5;
    at_5 = _e2 + bits;
    uint _e5 = at_5;
    bool over = _e5 >= 32u;
    uint _e9 = at_5;
    at_5 = _e9 & 31u;
    uint _e16 = window.x;
    uint _e19 = window.y;
    window.x = over ? _e19 : _e16;
    uint _e25 = window.y;
    uint _e28 = window.z;
    window.y = over ? _e28 : _e25;
    uint _e31 = crossed;
    crossed = _e31 + (over ? 1u : 0u);
    return;
}

uint next_tuple(
    uint table_1,
    bool first_5,
    device type_1 const& data,
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread metal::uint3& window,
    thread metal::uint2& behind,
    thread uint& at_5,
    thread uint& crossed,
    thread uint& next_word,
    thread bool& bad,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint symbols_1 = 0u;
    uint i_9 = 0u;
    if (first_5) {
        read_behind(p, stream, behind, next_word, _buffer_sizes);
    }
    uint _e2 = next_bits(window, at_5);
    uint _e6 = table_entry(table_1 + (_e2 & 4095u), data, _buffer_sizes);
    uint length = _e6 >> 24u;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) {
            bad = true;
        }
        take(naga_mod(length, NO_CODEWORD), window, at_5, crossed);
        uint _e18 = next_word;
        uint _e20 = crossed;
        open_at((_e18 + _e20) - 3u, p, stream, window, crossed, next_word, _buffer_sizes);
        read_behind(p, stream, behind, next_word, _buffer_sizes);
        bool loop_init_9 = true;
        while(true) {
            if (!loop_init_9) {
                uint _e56 = i_9;
                i_9 = _e56 + 1u;
            }
            loop_init_9 = false;
            uint _e28 = i_9;
            if (_e28 < TUPLE) {
            } else {
                break;
            }
            {
                uint _e31 = next_bits(window, at_5);
                uint _e35 = p.raw_bits;
                uint symbol_1 = _e31 & ((1u << _e35) - 1u);
                uint _e42 = p.alphabet;
                if (symbol_1 >= _e42) {
                    bad = true;
                }
                uint _e48 = p.raw_bits;
                take(_e48, window, at_5, crossed);
                uint _e49 = symbols_1;
                uint _e51 = i_9;
                symbols_1 = _e49 | (symbol_1 << (8u * _e51));
            }
        }
        uint _e58 = symbols_1;
        return _e58;
    }
    take(length, window, at_5, crossed);
    if (false) {
        return _e6 & 16777215u;
    }
    uint pairs = (_e6 | (_e6 << 8u)) & 16711935u;
    return (pairs | (pairs << 4u)) & 252645135u;
}

uint branches_of(
    uint symbols_2,
    uint count_1,
    constant PrefixParameters& p,
    thread type_12& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint branches_1 = 0u;
    uint i_10 = 0u;
    if (true) {
        bool loop_init_10 = true;
        while(true) {
            if (!loop_init_10) {
                uint _e29 = i_10;
                i_10 = _e29 + 1u;
            }
            loop_init_10 = false;
            uint _e7 = i_10;
            if (_e7 < count_1) {
            } else {
                break;
            }
            {
                uint _e9 = branches_1;
                uint _e12 = p.restart;
                uint _e13 = branch_bit(_e12, history, history_at, until_restart);
                uint _e15 = i_10;
                branches_1 = _e9 | (_e13 << (8u * _e15));
                uint _e20 = i_10;
                uint _e27 = p.zero;
                push_code((symbols_2 >> (8u * _e20)) & 255u, _e27, history, history_at);
            }
        }
    }
    uint _e31 = branches_1;
    return _e31;
}

struct decode_prefixInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void decode_prefix(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_1 const& data [[user(fake0)]]
, constant PrefixParameters& p [[user(fake0)]]
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_1 const& side [[user(fake0)]]
, device type_8 const& bias [[user(fake0)]]
, device type_9 const& digits [[user(fake0)]]
, device type_8 const& x [[user(fake0)]]
, device type_8& y [[user(fake0)]]
, device type_1 const& stream [[user(fake0)]]
, device type_14& report [[user(fake0)]]
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
    metal::uint3 window = {};
    metal::uint2 behind = {};
    uint at_5 = {};
    uint crossed = {};
    uint next_word = {};
    bool bad = {};
    uint col0_ = 0u;
    uint table = 0u;
    uint row = {};
    uint c = {};
    uint i = {};
    bool local = {};
    uint t = {};
    uint i_1 = {};
    bool local_1 = {};
    bool local_2 = {};
    bool local_3 = {};
    uint _e4 = p.table;
    open_table(thread_, _e4);
    uint number = ((group.x + (group.y * 65535u)) * THREADS) + thread_;
    uint _e15 = p.lanes;
    uint _e19 = p.chosen_count;
    if (naga_div(number, _e15) >= _e19) {
        return;
    }
    uint _e23 = p.lanes;
    uint _e25 = tile_number(naga_div(number, _e23), data, p, _buffer_sizes);
    uint _e28 = p.tiles;
    if (_e25 >= _e28) {
        return;
    }
    uint _e32 = p.lanes;
    uint lane = naga_mod(number, _e32);
    uint _e36 = p.across;
    uint _e40 = p.tile_rows;
    uint row0_1 = naga_div(_e25, _e36) * _e40;
    uint _e44 = p.tile_rows;
    uint _e47 = p.rows;
    uint rows_1 = metal::min(_e44, _e47 - row0_1);
    if (false) {
        uint _e55 = p.across;
        uint _e59 = p.tile_cols;
        col0_ = naga_mod(_e25, _e55) * _e59;
    }
    uint _e63 = p.tile_cols;
    uint _e67 = p.sink.cols;
    uint _e68 = col0_;
    uint cols = metal::min(_e63, _e67 - _e68);
    bool _e71 = skips(row0_1, rows_1, p);
    if (_e71) {
        return;
    }
    uint per_row = naga_div((cols + TUPLE) - 1u, TUPLE);
    uint _e81 = p.ranges;
    uint _e85 = p.lanes;
    uint begin_1 = data[_e81 + (2u * ((_e25 * _e85) + lane))];
    uint _e95 = p.ranges;
    uint _e99 = p.lanes;
    uint end_1 = data[(_e95 + (2u * ((_e25 * _e99) + lane))) + 1u];
    if (true) {
        uint _e114 = p.ids;
        uint _e117 = data[_e114 + _e25];
        table = _e117 * ENTRIES;
    }
    open_at(naga_div(begin_1, 4u), p, stream, window, crossed, next_word, _buffer_sizes);
    at_5 = 8u * naga_mod(begin_1, 4u);
    if (true) {
        if (lane >= rows_1) {
            return;
        }
        row = lane;
        bool loop_init_11 = true;
        while(true) {
            if (!loop_init_11) {
                uint _e168 = row;
                uint _e171 = p.lanes;
                row = _e168 + _e171;
            }
            loop_init_11 = false;
            uint _e130 = row;
            if (_e130 < rows_1) {
            } else {
                break;
            }
            {
                begin_branches(until_restart);
                c = 0u;
                while(true) {
                    uint _e134 = c;
                    if (_e134 < cols) {
                    } else {
                        break;
                    }
                    {
                        i = 0u;
                        bool loop_init_12 = true;
                        while(true) {
                            if (!loop_init_12) {
                                uint _e166 = i;
                                i = _e166 + 1u;
                            }
                            loop_init_12 = false;
                            uint _e138 = i;
                            if (_e138 < BATCH) {
                                uint _e143 = c;
                                local = _e143 < cols;
                            } else {
                                local = false;
                            }
                            bool _e146 = local;
                            if (_e146) {
                            } else {
                                break;
                            }
                            {
                                uint _e147 = table;
                                uint _e148 = i;
                                uint _e151 = next_tuple(_e147, _e148 == 0u, data, p, stream, window, behind, at_5, crossed, next_word, bad, _buffer_sizes);
                                uint _e153 = c;
                                uint count_2 = metal::min(TUPLE, cols - _e153);
                                uint _e156 = row;
                                uint _e158 = col0_;
                                uint _e159 = c;
                                uint _e161 = branches_of(_e151, count_2, p, history, history_at, until_restart);
                                put(row0_1 + _e156, _e158 + _e159, count_2, _e151, _e161, p, active_rows, side, bias, digits, x, pending, gathered_1, split_2, total_3, before_total, y, _buffer_sizes);
                                uint _e162 = c;
                                c = _e162 + TUPLE;
                            }
                        }
                        refill(window, behind, crossed, next_word);
                    }
                }
            }
        }
    } else {
        uint tuples = rows_1 * per_row;
        if (lane >= tuples) {
            return;
        }
        t = lane;
        while(true) {
            uint _e176 = t;
            if (_e176 < tuples) {
            } else {
                break;
            }
            {
                i_1 = 0u;
                bool loop_init_13 = true;
                while(true) {
                    if (!loop_init_13) {
                        uint _e213 = i_1;
                        i_1 = _e213 + 1u;
                    }
                    loop_init_13 = false;
                    uint _e180 = i_1;
                    if (_e180 < BATCH) {
                        uint _e185 = t;
                        local_1 = _e185 < tuples;
                    } else {
                        local_1 = false;
                    }
                    bool _e188 = local_1;
                    if (_e188) {
                    } else {
                        break;
                    }
                    {
                        uint _e189 = t;
                        uint c_1 = naga_mod(_e189, per_row) * TUPLE;
                        uint _e193 = t;
                        uint _e196 = col0_;
                        uint _e201 = table;
                        uint _e202 = i_1;
                        uint _e205 = next_tuple(_e201, _e202 == 0u, data, p, stream, window, behind, at_5, crossed, next_word, bad, _buffer_sizes);
                        put(row0_1 + naga_div(_e193, per_row), _e196 + c_1, metal::min(TUPLE, cols - c_1), _e205, 0u, p, active_rows, side, bias, digits, x, pending, gathered_1, split_2, total_3, before_total, y, _buffer_sizes);
                        uint _e207 = t;
                        uint _e210 = p.lanes;
                        t = _e207 + _e210;
                    }
                }
                refill(window, behind, crossed, next_word);
            }
        }
    }
    uint _e217 = next_word;
    uint _e222 = at_5;
    uint used = (32u * (_e217 - 3u)) + _e222;
    uint left = (8u * end_1) - used;
    bool _e228 = bad;
    if (!(_e228)) {
        local_2 = left >= 8u;
    } else {
        local_2 = true;
    }
    bool _e235 = local_2;
    if (!(_e235)) {
        uint _e239 = next_bits(window, at_5);
        local_3 = (_e239 & ((1u << left) - 1u)) != 0u;
    } else {
        local_3 = true;
    }
    bool _e248 = local_3;
    if (_e248) {
        uint _e253 = p.weight;
        metal::atomic_store_explicit(&report[1], _e253, metal::memory_order_relaxed);
        metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
        return;
    } else {
        return;
    }
}
