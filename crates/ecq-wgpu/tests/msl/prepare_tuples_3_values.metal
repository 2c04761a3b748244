// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
    uint size4;
};

struct PrepareTuplesParameters {
    uint which;
    uint cols;
    uint col_scales;
    uint scaled;
    uint segments;
    uint segment_groups;
    uint groups;
    uint padded_groups;
    uint scales;
};
typedef float type_6[1];
typedef uint type_7[1];
typedef metal::uint4 type_8[1];
struct type_9 {
    float inner[64];
};
struct type_10 {
    uint inner[64];
};
constant uint TUPLE = 3u;
constant uint FIRST_BYTE = 1u;
constant uint VALUES = 1u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant float LARGEST = 32512.0;
constant uint THREADS = 64u;
constant uint GROUP_COLS = 24u;
constant uint LANE_VECTORS = 2u;

bool is_finite(
    float value
) {
    return (as_type<uint>(value) & 2139095040u) != 2139095040u;
}

float value_at(
    uint row,
    uint col,
    constant PrepareTuplesParameters& p,
    device type_6 const& x,
    device type_7 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.cols;
    if (col >= _e4) {
        return 0.0;
    }
    uint _e10 = p.cols;
    float value_2 = x[(row * _e10) + col];
    uint _e17 = p.scaled;
    if (_e17 == 0u) {
        return value_2;
    }
    uint _e23 = p.col_scales;
    uint _e26 = side[_e23 + col];
    return value_2 * as_type<float>(_e26);
}

float inverse_of(
    float largest,
    uint all_finite_1
) {
    bool local = {};
    if (all_finite_1 == 1u) {
        local = largest >= 0.000000000000000000000000000001;
    } else {
        local = false;
    }
    bool _e9 = local;
    if (_e9) {
        return LARGEST / largest;
    }
    return 0.0;
}

int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
}

int integer_of(
    float value_1,
    float inverse
) {
    if (inverse == 0.0) {
        return 0;
    }
    return metal::clamp(naga_f2i32(metal::rint(value_1 * inverse)), -32512, 32512);
}

metal::uint2 digits_of(
    int number
) {
    int high = as_type<int>(as_type<uint>(number) + as_type<uint>(128)) >> 8u;
    int low = as_type<int>(as_type<uint>(number) - as_type<uint>(as_type<int>(as_type<uint>(high) * as_type<uint>(256))));
    return metal::uint2(as_type<uint>(high), as_type<uint>(low)) & metal::uint2(255u);
}

uint scale_bits(
    float largest_1,
    uint all_finite_2
) {
    return (all_finite_2 == 1u) ? as_type<uint>(largest_1 / LARGEST) : 2143289344u;
}

metal::uint4 values_of(
    uint row_1,
    uint col_1,
    float inverse_1,
    constant PrepareTuplesParameters& p,
    device type_6 const& x,
    device type_7 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 words = metal::uint4(0u, 0u, 0u, 0u);
    uint k = 0u;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e24 = k;
            k = _e24 + 1u;
        }
        loop_init = false;
        uint _e11 = k;
        if (_e11 < TUPLE) {
        } else {
            break;
        }
        {
            uint _e15 = k;
            uint _e18 = k;
            float _e20 = value_at(row_1, col_1 + _e18, p, x, side, _buffer_sizes);
            int _e21 = integer_of(_e20, inverse_1);
            words[FIRST_BYTE + _e15] = as_type<uint>(_e21);
        }
    }
    metal::uint4 _e26 = words;
    return _e26;
}

metal::uint2 bytes_of(
    uint row_2,
    uint col_2,
    float inverse_2,
    constant PrepareTuplesParameters& p,
    device type_6 const& x,
    device type_7 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint2 words_1 = metal::uint2(0u, 0u);
    uint k_1 = 0u;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e27 = k_1;
            k_1 = _e27 + 1u;
        }
        loop_init_1 = false;
        uint _e9 = k_1;
        if (_e9 < TUPLE) {
        } else {
            break;
        }
        {
            uint _e12 = k_1;
            float _e14 = value_at(row_2, col_2 + _e12, p, x, side, _buffer_sizes);
            int _e15 = integer_of(_e14, inverse_2);
            metal::uint2 _e16 = digits_of(_e15);
            metal::uint2 _e17 = words_1;
            uint _e20 = k_1;
            words_1 = _e17 | (_e16 << metal::uint2(8u * (FIRST_BYTE + _e20)));
        }
    }
    metal::uint2 _e29 = words_1;
    return _e29;
}
uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct prepare_tuplesInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void prepare_tuples(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant PrepareTuplesParameters& p [[user(fake0)]]
, device type_6 const& x [[user(fake0)]]
, device type_7 const& side [[user(fake0)]]
, device type_8& digits [[user(fake0)]]
, threadgroup type_9& largest_2
, threadgroup type_10& finite
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    float most = 0.0;
    uint all_finite = 1u;
    uint i = {};
    uint i_1 = 0u;
    uint i_2 = {};
    metal::uint4 vector = {};
    uint segment = group.x;
    uint row_3 = group.y;
    uint _e7 = p.which;
    uint _e9 = active_rows[_e7];
    if (row_3 >= _e9) {
        return;
    }
    uint _e13 = p.segment_groups;
    uint first_group = segment * _e13;
    uint _e17 = p.groups;
    uint _e21 = p.segment_groups;
    uint _e26 = p.segments;
    uint groups = ((segment + 1u) < _e26) ? _e21 : (_e17 - first_group);
    uint first_col = first_group * GROUP_COLS;
    i = thread_;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e49 = i;
            i = _e49 + THREADS;
        }
        loop_init_2 = false;
        uint _e36 = i;
        if (_e36 < (groups * GROUP_COLS)) {
        } else {
            break;
        }
        {
            uint _e40 = i;
            float _e42 = value_at(row_3, first_col + _e40, p, x, side, _buffer_sizes);
            bool _e43 = is_finite(_e42);
            if (!(_e43)) {
                all_finite = 0u;
            }
            float _e46 = most;
            most = metal::max(_e46, metal::abs(_e42));
        }
    }
    float _e54 = most;
    largest_2.inner[thread_] = _e54;
    uint _e57 = all_finite;
    finite.inner[thread_] = _e57;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e76 = i_1;
            i_1 = _e76 + 1u;
        }
        loop_init_3 = false;
        uint _e60 = i_1;
        if (_e60 < THREADS) {
        } else {
            break;
        }
        {
            float _e63 = most;
            uint _e65 = i_1;
            float _e67 = largest_2.inner[_e65];
            most = metal::max(_e63, _e67);
            uint _e69 = all_finite;
            uint _e71 = i_1;
            uint _e73 = finite.inner[_e71];
            all_finite = _e69 & _e73;
        }
    }
    float _e78 = most;
    uint _e79 = all_finite;
    float _e80 = inverse_of(_e78, _e79);
    uint _e83 = p.segments;
    uint place = (row_3 * _e83) + segment;
    uint _e89 = p.padded_groups;
    uint vectors = 8u * _e89;
    i_2 = thread_;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e135 = i_2;
            i_2 = _e135 + THREADS;
        }
        loop_init_4 = false;
        uint _e92 = i_2;
        if (_e92 < vectors) {
        } else {
            break;
        }
        {
            uint _e94 = i_2;
            uint lane = naga_div(_e94, LANE_VECTORS);
            uint in_segment = naga_div(lane, 4u);
            vector = metal::uint4(0u, 0u, 0u, 0u);
            if (in_segment < groups) {
                uint col_3 = (first_col + (in_segment * GROUP_COLS)) + (naga_mod(lane, 4u) * TUPLE);
                if (true) {
                    uint _e115 = i_2;
                    metal::uint4 _e123 = values_of(row_3, col_3 + ((naga_mod(_e115, LANE_VECTORS) * 4u) * TUPLE), _e80, p, x, side, _buffer_sizes);
                    vector = _e123;
                } else {
                    metal::uint2 _e124 = bytes_of(row_3, col_3, _e80, p, x, side, _buffer_sizes);
                    metal::uint2 _e127 = bytes_of(row_3, col_3 + 12u, _e80, p, x, side, _buffer_sizes);
                    vector = metal::uint4(_e124, _e127);
                }
            }
            uint _e131 = i_2;
            metal::uint4 _e134 = vector;
            digits[(place * vectors) + _e131] = _e134;
        }
    }
    if (thread_ == 0u) {
        uint _e143 = p.scales;
        float _e146 = most;
        uint _e147 = all_finite;
        uint _e148 = scale_bits(_e146, _e147);
        digits[_e143 + place] = metal::uint4(_e148, 0u, 0u, 0u);
        return;
    } else {
        return;
    }
}
