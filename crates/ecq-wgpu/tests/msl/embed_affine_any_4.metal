// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size4;
    uint size5;
    uint size6;
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
typedef uint type_6[1];
struct EmbedParameters {
    Matrix m;
    uint first;
    uint vocabulary;
    float scale;
    uint added;
};
typedef float type_7[1];
typedef metal::atomic_uint type_9[1];
constant uint BITS = 4u;
constant uint GRID = 2u;
constant uint SCALES = 1u;
constant uint BIASED = 1u;
constant uint GROUP = 32u;
constant uint INTEGER = 0u;
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
constant uint UNKNOWN_TOKEN = 1u;

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
    uint at,
    device type_6 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at];
    return as_type<float>(_e3);
}

uint side_word(
    uint at_1,
    device type_6 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return _e3;
}

metal::float2 scale_and_bias(
    uint at_2,
    device type_6 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
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
    uint row,
    uint groups,
    uint group_1
) {
    return (((naga_div(row, 32u) * groups) + group_1) * 32u) + naga_mod(row, 32u);
}

metal::float2 scales_of(
    Matrix m,
    uint row_1,
    uint block,
    uint half_,
    device type_6 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (false) {
        uint group_2 = metal::min(naga_div(block * 32u, m.group_size), m.groups - 1u);
        uint _e17 = in_tiles(row_1, m.groups, group_2);
        metal::float2 _e19 = scale_and_bias(naga_div(m.scales, 1u) + _e17, side, _buffer_sizes);
        return _e19;
    }
    uint _e24 = in_tiles(row_1, m.groups, naga_div(block, 8u));
    uint _e26 = side_word(m.scales + _e24, side, _buffer_sizes);
    uint _e29 = in_tiles(row_1, m.blocks, block);
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
    float value,
    uint col_1,
    device type_6 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m_1.scaled == 0u) {
        return value;
    }
    float _e8 = side_float(m_1.col_scales + col_1, side, _buffer_sizes);
    return value * _e8;
}

uint block_place(
    Matrix m_2,
    uint row_2,
    uint block_1
) {
    return ((((naga_div(row_2, 32u) * m_2.blocks) + block_1) * BITS) * 32u) + naga_mod(row_2, 32u);
}

uint single_code(
    Matrix m_3,
    uint row_3,
    uint col_2,
    device type_6 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint code = 0u;
    uint load = 0u;
    uint shift = 0u;
    uint width = 8u;
    uint _e5 = block_place(m_3, row_3, naga_div(col_2, 32u));
    uint byte = naga_mod(col_2, 4u);
    uint word_1 = naga_div(naga_mod(col_2, 32u), 4u);
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
            uint bits = words[_e5 + ((_e32 + naga_div(word_1, per_word)) * 32u)];
            uint _e40 = code;
            uint _e43 = width;
            uint _e49 = width;
            uint _e54 = shift;
            code = _e40 | (((bits >> ((8u * byte) + (_e43 * naga_mod(word_1, per_word)))) & ((1u << _e49) - 1u)) << _e54);
            uint _e57 = load;
            uint _e58 = width;
            load = _e57 + _e58;
            uint _e60 = shift;
            uint _e61 = width;
            shift = _e60 + _e61;
        }
    }
    uint _e66 = code;
    return _e66;
}

float outlier_at(
    Matrix m_4,
    uint row_4,
    uint col_3,
    device type_6 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint low = {};
    uint high = {};
    bool local_1 = {};
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
            uint middle = naga_div(_e20 + _e21, 2u);
            uint _e31 = side[m_4.outliers + (2u * middle)];
            if (_e31 < col_3) {
                low = middle + 1u;
            } else {
                high = middle;
            }
        }
    }
    uint _e35 = low;
    if (_e35 < last) {
        uint _e42 = low;
        uint _e46 = side[m_4.outliers + (2u * _e42)];
        local_1 = _e46 == col_3;
    } else {
        local_1 = false;
    }
    bool _e49 = local_1;
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
    uint col_4,
    device type_6 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = block_place(m_5, row_5, naga_div(col_4, 32u));
    if (false) {
        uint _e14 = words[_e5 + (naga_mod(col_4, 32u) * 32u)];
        return as_type<float>(_e14);
    }
    uint _e26 = words[_e5 + (naga_div(naga_mod(col_4, 32u), 2u) * 32u)];
    float _e27 = float_of_pair(SCALES, _e26, col_4);
    return _e27;
}

float single_weight(
    Matrix m_6,
    uint row_6,
    uint col_5,
    device type_6 const& side,
    device type_6 const& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_2 = {};
    float value_1 = {};
    if (false) {
        float _e4 = single_float(m_6, row_6, col_5, words, _buffer_sizes);
        return _e4;
    }
    uint _e5 = single_code(m_6, row_6, col_5, words, _buffer_sizes);
    float code_1 = static_cast<float>(as_type<int>(as_type<uint>(as_type<int>(_e5)) - as_type<uint>(m_6.zero)));
    if (true) {
        uint at_3 = m_6.scales + (2u * ((row_6 * m_6.groups) + naga_div(col_5, m_6.group_size)));
        float _e20 = side_float(at_3, side, _buffer_sizes);
        float _e23 = side_float(at_3 + 1u, side, _buffer_sizes);
        return metal::fma(_e20, code_1, _e23);
    }
    if (true) {
        local_2 = false;
    } else {
        local_2 = true;
    }
    bool _e30 = local_2;
    if (_e30) {
        metal::float2 _e37 = scales_of(m_6, row_6, naga_div(col_5, 32u), naga_div(naga_mod(col_5, 32u), 16u), side, _buffer_sizes);
        return metal::fma(_e37.x, code_1, _e37.y);
    }
    value_1 = code_1;
    if (false) {
        float _e45 = side_float(m_6.more + _e5, side, _buffer_sizes);
        value_1 = _e45;
    }
    if (m_6.listed != 0u) {
        float _e49 = value_1;
        float _e50 = outlier_at(m_6, row_6, col_5, side, _buffer_sizes);
        value_1 = _e49 + _e50;
    }
    float _e54 = side_float(m_6.scales + row_6, side, _buffer_sizes);
    float _e55 = value_1;
    float _e57 = scaled_activation(m_6, _e54 * _e55, col_5, side, _buffer_sizes);
    return _e57;
}

struct embedInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void embed(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_6 const& side [[user(fake0)]]
, device type_6 const& words [[user(fake0)]]
, constant EmbedParameters& p [[user(fake0)]]
, device type_6 const& index [[user(fake0)]]
, device type_7& y [[user(fake0)]]
, device type_9& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    uint col = {};
    uint row_7 = group.x;
    uint _e5 = active_rows.x;
    if (row_7 >= _e5) {
        return;
    }
    uint token = index[row_7];
    uint _e12 = p.vocabulary;
    if (token >= _e12) {
        if (thread_ == 0u) {
            metal::atomic_store_explicit(&report[1], token, metal::memory_order_relaxed);
            metal::atomic_store_explicit(&report[0], UNKNOWN_TOKEN, metal::memory_order_relaxed);
        }
        return;
    }
    uint _e23 = p.first;
    if (!((token < _e23))) {
        uint _e30 = p.first;
        uint _e34 = p.m.rows;
        local = token >= (_e30 + _e34);
    } else {
        local = true;
    }
    bool _e38 = local;
    if (_e38) {
        return;
    }
    col = thread_;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e82 = col;
            col = _e82 + 256u;
        }
        loop_init_1 = false;
        uint _e40 = col;
        uint _e44 = p.m.cols;
        if (_e40 < _e44) {
        } else {
            break;
        }
        {
            Matrix _e48 = p.m;
            uint _e51 = p.first;
            uint _e53 = col;
            float _e54 = single_weight(_e48, token - _e51, _e53, side, words, _buffer_sizes);
            uint _e58 = p.m.cols;
            uint _e60 = col;
            uint at_4 = (row_7 * _e58) + _e60;
            uint _e64 = p.added;
            if (_e64 != 0u) {
                float _e71 = p.scale;
                float _e74 = y[at_4];
                y[at_4] = metal::fma(_e54, _e71, _e74);
            } else {
                float _e80 = p.scale;
                y[at_4] = _e54 * _e80;
            }
        }
    }
    return;
}
