// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size1;
    uint size4;
    uint size6;
    uint size7;
    uint size8;
    uint size9;
};

typedef uint type_1[1];
typedef metal::uint4 type_3[1];
struct type_4 {
    uint inner[256];
};
struct type_7 {
    metal::int2 inner[1];
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
struct TupleProductParameters {
    ProductParameters product;
    uint segments;
    uint segment_groups;
    uint groups;
    uint padded_groups;
    uint scales;
    int unit;
    uint registers;
    uint entries;
    uint starts;
    uint corrections;
    uint zero;
    uint unused_a;
};
typedef float type_10[1];
struct type_12 {
    metal::atomic_int inner[128];
};
struct Ahead {
    uint place;
    uint start;
    uint correction;
    uint corrections_end;
    uint touched;
};
struct type_14 {
    float inner[1];
};
constant uint BITS = 8u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint TUPLE = 4u;
constant uint WIDTH = 8u;
constant uint TRELLIS = 1u;
constant uint UNIT = 16u;
constant uint ROWS = 1u;
constant uint TEAMS = 8u;
constant uint TOUCHES = 1u;
constant uint VALUES = 1u;
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
constant uint THREADS = 256u;
constant uint CODE_ROWS = 16u;
constant uint TEAM_SUMS = 16u;
constant uint SUMS_PER_THREAD = 1u;
constant uint GROUP_COLS = 32u;
constant uint FIRST_BYTE = 0u;
constant uint LANE_VECTORS = 2u;

type_7 segment_sums(
    uint place,
    uint start,
    uint first,
    uint step,
    uint groups,
    uint restart,
    device type_1 const& stream,
    device type_3 const& digits,
    threadgroup type_4& table,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint at = {};
    uint word = {};
    uint next_1 = {};
    uint ahead = {};
    uint taken = {};
    bool crossed = false;
    uint bits = 0u;
    uint entry = 0u;
    uint total_1 = 0u;
    uint level = 0u;
    int high_0_0_ = 0;
    int low_0_0_ = 0;
    uint last_0_ = 0u;
    uint even_0_ = 0u;
    uint odd_0_ = 0u;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    uint last_1_ = 0u;
    uint even_1_ = 0u;
    uint odd_1_ = 0u;
    int value_0_ = 0;
    int value_1_ = 0;
    int value_2_ = 0;
    int value_3_ = 0;
    uint group_1 = 0u;
    at = place + 64u;
    uint _e11 = stream[place];
    word = _e11;
    uint _e17 = stream[place + 32u];
    next_1 = _e17;
    uint _e20 = at;
    uint _e22 = stream[_e20];
    ahead = _e22;
    taken = start;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e404 = group_1;
            group_1 = _e404 + 1u;
        }
        loop_init = false;
        uint _e65 = group_1;
        if (_e65 < groups) {
        } else {
            break;
        }
        {
            uint _e67 = group_1;
            if (_e67 == restart) {
                last_0_ = 0u;
                even_0_ = 0u;
                odd_0_ = 0u;
                last_1_ = 0u;
                even_1_ = 0u;
                odd_1_ = 0u;
            }
            uint _e75 = word;
            uint _e76 = taken;
            uint _e78 = next_1;
            uint _e82 = taken;
            bits = (_e75 << _e76) | ((_e78 >> 1u) >> (31u - _e82));
            uint _e91 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (8u * (_e91 + 0u))];
            uint _e103 = group_1;
            metal::uint4 more_0_0_ = digits[((first + (0u * step)) + (8u * (_e103 + 0u))) + 1u];
            uint _e113 = bits;
            uint _e117 = table.inner[_e113 >> 24u];
            entry = _e117;
            uint _e118 = entry;
            total_1 = _e118 & 15u;
            uint _e121 = bits;
            uint _e122 = entry;
            bits = _e121 << (_e122 & 15u);
            uint _e126 = even_0_;
            uint _e127 = last_0_;
            even_0_ = _e126 ^ (_e127 & 269488144u);
            uint _e131 = entry;
            last_0_ = _e131;
            uint _e132 = entry;
            uint _e135 = even_0_;
            level = (_e132 & 3772834016u) | _e135;
            uint _e137 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e137), metal::min(0u, 32u), metal::min(8u, 32u - metal::min(0u, 32u)));
            uint _e142 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e142), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e147 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e147), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e152 = level;
            value_3_ = metal::extract_bits(as_type<int>(_e152), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e157 = low_0_0_;
            int _e158 = value_0_;
            int _e162 = value_1_;
            int _e167 = value_2_;
            int _e172 = value_3_;
            low_0_0_ = as_type<int>(as_type<uint>(_e157) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e158) * as_type<uint>(as_type<int>(x_0_0_.x)))) + as_type<uint>(as_type<int>(as_type<uint>(_e162) * as_type<uint>(as_type<int>(x_0_0_.y)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e167) * as_type<uint>(as_type<int>(x_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e172) * as_type<uint>(as_type<int>(x_0_0_.w)))))));
            uint _e179 = bits;
            uint _e183 = table.inner[_e179 >> 24u];
            entry = _e183;
            uint _e184 = total_1;
            uint _e185 = entry;
            total_1 = _e184 + (_e185 & 15u);
            uint _e189 = bits;
            uint _e190 = entry;
            bits = _e189 << (_e190 & 15u);
            uint _e194 = even_1_;
            uint _e195 = last_1_;
            even_1_ = _e194 ^ (_e195 & 269488144u);
            uint _e199 = entry;
            last_1_ = _e199;
            uint _e200 = entry;
            uint _e203 = even_1_;
            level = (_e200 & 3772834016u) | _e203;
            uint _e205 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e205), metal::min(0u, 32u), metal::min(8u, 32u - metal::min(0u, 32u)));
            uint _e210 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e210), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e215 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e215), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e220 = level;
            value_3_ = metal::extract_bits(as_type<int>(_e220), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e225 = low_1_0_;
            int _e226 = value_0_;
            int _e230 = value_1_;
            int _e235 = value_2_;
            int _e240 = value_3_;
            low_1_0_ = as_type<int>(as_type<uint>(_e225) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e226) * as_type<uint>(as_type<int>(x_0_0_.x)))) + as_type<uint>(as_type<int>(as_type<uint>(_e230) * as_type<uint>(as_type<int>(x_0_0_.y)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e235) * as_type<uint>(as_type<int>(x_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e240) * as_type<uint>(as_type<int>(x_0_0_.w)))))));
            uint _e247 = bits;
            uint _e251 = table.inner[_e247 >> 24u];
            entry = _e251;
            uint _e252 = total_1;
            uint _e253 = entry;
            total_1 = _e252 + (_e253 & 15u);
            uint _e257 = bits;
            uint _e258 = entry;
            bits = _e257 << (_e258 & 15u);
            uint _e262 = odd_0_;
            uint _e263 = last_0_;
            odd_0_ = _e262 ^ (_e263 & 269488144u);
            uint _e267 = entry;
            last_0_ = _e267;
            uint _e268 = entry;
            uint _e271 = odd_0_;
            level = (_e268 & 3772834016u) | _e271;
            uint _e273 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e273), metal::min(0u, 32u), metal::min(8u, 32u - metal::min(0u, 32u)));
            uint _e278 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e278), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e283 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e283), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e288 = level;
            value_3_ = metal::extract_bits(as_type<int>(_e288), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e293 = low_0_0_;
            int _e294 = value_0_;
            int _e298 = value_1_;
            int _e303 = value_2_;
            int _e308 = value_3_;
            low_0_0_ = as_type<int>(as_type<uint>(_e293) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e294) * as_type<uint>(as_type<int>(more_0_0_.x)))) + as_type<uint>(as_type<int>(as_type<uint>(_e298) * as_type<uint>(as_type<int>(more_0_0_.y)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e303) * as_type<uint>(as_type<int>(more_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e308) * as_type<uint>(as_type<int>(more_0_0_.w)))))));
            uint _e315 = bits;
            uint _e319 = table.inner[_e315 >> 24u];
            entry = _e319;
            uint _e320 = total_1;
            uint _e321 = entry;
            total_1 = _e320 + (_e321 & 15u);
            uint _e325 = odd_1_;
            uint _e326 = last_1_;
            odd_1_ = _e325 ^ (_e326 & 269488144u);
            uint _e330 = entry;
            last_1_ = _e330;
            uint _e331 = entry;
            uint _e334 = odd_1_;
            level = (_e331 & 3772834016u) | _e334;
            uint _e336 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e336), metal::min(0u, 32u), metal::min(8u, 32u - metal::min(0u, 32u)));
            uint _e341 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e341), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e346 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e346), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e351 = level;
            value_3_ = metal::extract_bits(as_type<int>(_e351), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e356 = low_1_0_;
            int _e357 = value_0_;
            int _e361 = value_1_;
            int _e366 = value_2_;
            int _e371 = value_3_;
            low_1_0_ = as_type<int>(as_type<uint>(_e356) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e357) * as_type<uint>(as_type<int>(more_0_0_.x)))) + as_type<uint>(as_type<int>(as_type<uint>(_e361) * as_type<uint>(as_type<int>(more_0_0_.y)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e366) * as_type<uint>(as_type<int>(more_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e371) * as_type<uint>(as_type<int>(more_0_0_.w)))))));
            uint _e377 = taken;
            uint _e378 = total_1;
            taken = _e377 + _e378;
            uint _e380 = taken;
            crossed = _e380 >= 32u;
            uint _e383 = taken;
            taken = _e383 & 31u;
            uint _e386 = word;
            uint _e387 = next_1;
            bool _e388 = crossed;
            word = _e388 ? _e387 : _e386;
            uint _e390 = next_1;
            uint _e391 = ahead;
            bool _e392 = crossed;
            next_1 = _e392 ? _e391 : _e390;
            uint _e394 = at;
            uint _e395 = at;
            bool _e398 = crossed;
            at = _e398 ? (_e395 + 32u) : _e394;
            uint _e401 = at;
            uint _e403 = stream[_e401];
            ahead = _e403;
        }
    }
    int _e407 = high_0_0_;
    int _e410 = low_0_0_;
    int _e412 = high_1_0_;
    int _e415 = low_1_0_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e407))) + as_type<uint>(_e410)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e412))) + as_type<uint>(_e415)))}};
}

float side_float(
    uint at_1,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return as_type<float>(_e3);
}

float scaled_activation(
    Matrix m,
    float value,
    uint col,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m.scaled == 0u) {
        return value;
    }
    float _e8 = side_float(m.col_scales + col, side, _buffer_sizes);
    return value * _e8;
}

ProductParameters parameters(
    constant TupleProductParameters& p
) {
    ProductParameters _e2 = p.product;
    return _e2;
}

float result_of(
    uint row,
    float sum_1,
    device type_1 const& side,
    constant TupleProductParameters& p,
    device type_10 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step_1 = 1.0;
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
        float _e14 = side_float(_e2.m.scales + row, side, _buffer_sizes);
        step_1 = _e14;
    }
    if (_e2.biased != 0u) {
        float _e26 = bias[(_e2.y_first + row) - _e2.first];
        offset = _e26;
    }
    float _e27 = step_1;
    float _e28 = offset;
    return metal::fma(sum_1, _e27, _e28);
}

uint groups_of(
    uint segment,
    constant TupleProductParameters& p
) {
    uint _e3 = p.groups;
    uint _e6 = p.segment_groups;
    uint _e11 = p.segment_groups;
    uint _e16 = p.segments;
    return ((segment + 1u) < _e16) ? _e11 : (_e3 - (segment * _e6));
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

int digit_at(
    uint row_1,
    uint segment_1,
    uint col_1,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint in_group = naga_mod(col_1, GROUP_COLS);
    uint lane_1 = naga_div(naga_mod(in_group, 16u), TUPLE);
    uint _e11 = p.segments;
    uint _e16 = p.padded_groups;
    uint group_2 = (((row_1 * _e11) + segment_1) * _e16) + naga_div(col_1, GROUP_COLS);
    uint at_2 = ((group_2 * 4u) + lane_1) * LANE_VECTORS;
    if (true) {
        uint _e37 = digits[at_2 + naga_div(in_group, 16u)][FIRST_BYTE + naga_mod(in_group, TUPLE)];
        return as_type<int>(_e37);
    }
    metal::uint4 vector = digits[at_2];
    metal::uint2 pair = (in_group >= 16u) ? vector.zw : vector.xy;
    uint _e53 = 8u * (FIRST_BYTE + naga_mod(in_group, TUPLE));
    metal::int2 both = metal::extract_bits(as_type<metal::int2>(pair), metal::min(_e53, 32u), metal::min(8u, 32u - metal::min(_e53, 32u)));
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(both.x))) + as_type<uint>(both.y));
}

Ahead ahead_of(
    uint number,
    uint lane,
    device type_1 const& stream,
    constant TupleProductParameters& p,
    device type_1 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint touched = 0u;
    bool local_4 = {};
    uint _e5 = p.starts;
    uint _e13 = data[(_e5 + (number * 8u)) + naga_div(lane, 4u)];
    uint start_1 = (_e13 >> (8u * naga_mod(lane, 4u))) & 255u;
    uint _e23 = p.entries;
    uint at_3 = _e23 + (4u * number);
    uint row_3 = data[at_3];
    if (true) {
        uint _e39 = data[at_3 + 2u];
        local_4 = lane < ((_e39 - row_3) + 2u);
    } else {
        local_4 = false;
    }
    bool _e45 = local_4;
    if (_e45) {
        uint line = (row_3 + lane) * 32u;
        uint _e51 = stream[line];
        uint _e56 = stream[line + 8u];
        uint _e62 = stream[line + 16u];
        uint _e68 = stream[line + 24u];
        touched = ((_e51 ^ _e56) ^ _e62) ^ _e68;
    }
    uint place_1 = ((row_3 + naga_div(start_1, 32u)) * 32u) + lane;
    uint _e82 = data[at_3 + 1u];
    uint _e88 = data[at_3 + 3u];
    uint _e89 = touched;
    return Ahead {place_1, naga_mod(start_1, 32u), _e82 + lane, _e88, _e89};
}

uint correction_at(
    uint i_6,
    constant TupleProductParameters& p,
    device type_1 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.corrections;
    uint _e9 = data[_e4 + naga_div(i_6, 2u)];
    return (_e9 >> (16u * naga_mod(i_6, 2u))) & 65535u;
}

int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}

void add_correction(
    uint correction,
    uint segment_2,
    uint first_sum,
    uint row0_,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    threadgroup type_12& corrected,
    constant _mslBufferSizes& _buffer_sizes
) {
    int size = {};
    uint r_1 = 0u;
    uint size_bits = (correction >> 13u) & 3u;
    int _e17 = p.unit;
    size = as_type<int>(as_type<uint>(static_cast<int>((size_bits == 3u) ? 16u : (1u << size_bits))) * as_type<uint>(_e17));
    if ((correction >> 15u) == 1u) {
        int _e24 = size;
        size = naga_neg(_e24);
    }
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e51 = r_1;
            r_1 = _e51 + 1u;
        }
        loop_init_1 = false;
        uint _e28 = r_1;
        if (_e28 < ROWS) {
        } else {
            break;
        }
        {
            uint _e31 = r_1;
            int _e37 = digit_at(row0_ + _e31, segment_2, (correction >> 4u) & 511u, digits, p, _buffer_sizes);
            uint _e39 = r_1;
            int _e47 = size;
            int _e49 = metal::atomic_fetch_add_explicit(&corrected.inner[(first_sum + (_e39 * CODE_ROWS)) + naga_mod(correction, CODE_ROWS)], as_type<int>(as_type<uint>(_e47) * as_type<uint>(_e37)), metal::memory_order_relaxed);
        }
    }
    return;
}

float outlier_sum(
    uint row_2,
    uint x_row,
    device type_1 const& side,
    constant TupleProductParameters& p,
    device type_10 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    float sum_2 = 0.0;
    uint i_7 = {};
    ProductParameters _e2 = parameters(p);
    Matrix m_1 = _e2.m;
    uint _e10 = side[_e2.m.starts + row_2];
    i_7 = _e10;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e47 = i_7;
            i_7 = _e47 + 1u;
        }
        loop_init_2 = false;
        uint _e12 = i_7;
        uint _e19 = side[(_e2.m.starts + row_2) + 1u];
        if (_e12 < _e19) {
        } else {
            break;
        }
        {
            uint _e24 = i_7;
            uint col_2 = side[_e2.m.outliers + (2u * _e24)];
            float _e34 = x[(x_row * _e2.m.cols) + col_2];
            float _e35 = scaled_activation(m_1, _e34, col_2, side, _buffer_sizes);
            uint _e38 = i_7;
            float _e43 = side_float((_e2.m.outliers + (2u * _e38)) + 1u, side, _buffer_sizes);
            float _e44 = sum_2;
            sum_2 = metal::fma(_e43, _e35, _e44);
        }
    }
    float _e49 = sum_2;
    return _e49;
}

struct tuple_productInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void tuple_product(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_1 const& stream [[user(fake0)]]
, device type_3 const& digits [[user(fake0)]]
, threadgroup type_4& table
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_1 const& side [[user(fake0)]]
, constant TupleProductParameters& p [[user(fake0)]]
, device type_10 const& bias [[user(fake0)]]
, device type_1 const& data [[user(fake0)]]
, device type_10 const& x [[user(fake0)]]
, device type_10& y [[user(fake0)]]
, threadgroup type_12& sums
, threadgroup type_12& corrected
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    Ahead next = {};
    uint i = {};
    uint i_1 = {};
    type_14 total = {};
    uint s = 0u;
    uint r = {};
    uint i_2 = {};
    uint i_3 = {};
    bool local = {};
    uint i_4 = 0u;
    uint i_5 = {};
    bool local_1 = {};
    bool local_2 = {};
    float sum = {};
    uint other = {};
    uint row0_1 = group.y * ROWS;
    uint _e9 = p.product.which;
    uint rows_in_use = active_rows[_e9];
    if (row0_1 >= rows_in_use) {
        return;
    }
    uint lane_2 = naga_mod(thread_, 32u);
    uint team = naga_div(thread_, 32u);
    uint _e20 = p.product.first;
    uint tile = naga_div(_e20, CODE_ROWS) + group.x;
    uint _e27 = p.segments;
    uint per_team = naga_div((_e27 + TEAMS) - 1u, TEAMS);
    uint _e36 = p.segments;
    uint last_segment = _e36 - 1u;
    uint _e41 = p.segments;
    Ahead _e46 = ahead_of((tile * _e41) + metal::min(team * per_team, last_segment), lane_2, stream, p, data, _buffer_sizes);
    next = _e46;
    i = thread_;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e63 = i;
            i = _e63 + THREADS;
        }
        loop_init_3 = false;
        uint _e49 = i;
        if (_e49 < 256u) {
        } else {
            break;
        }
        {
            uint _e53 = i;
            uint _e58 = p.registers;
            uint _e59 = i;
            uint _e62 = data[_e58 + _e59];
            table.inner[_e53] = _e62;
        }
    }
    i_1 = thread_;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e78 = i_1;
            i_1 = _e78 + THREADS;
        }
        loop_init_4 = false;
        uint _e67 = i_1;
        if (_e67 < 128u) {
        } else {
            break;
        }
        {
            uint _e71 = i_1;
            metal::atomic_store_explicit(&sums.inner[_e71], 0, metal::memory_order_relaxed);
            uint _e75 = i_1;
            metal::atomic_store_explicit(&corrected.inner[_e75], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint first_sum_1 = team * TEAM_SUMS;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e249 = s;
            s = _e249 + 1u;
        }
        loop_init_5 = false;
        uint _e86 = s;
        if (_e86 < per_team) {
        } else {
            break;
        }
        {
            uint _e89 = s;
            uint segment_3 = (team * per_team) + _e89;
            uint _e93 = p.segments;
            if (segment_3 < _e93) {
                Ahead own = next;
                uint _e98 = p.segments;
                Ahead _e104 = ahead_of((tile * _e98) + metal::min(segment_3 + 1u, last_segment), lane_2, stream, p, data, _buffer_sizes);
                next = _e104;
                uint _e108 = correction_at(metal::min(own.correction, own.corrections_end), p, data, _buffer_sizes);
                uint _e113 = p.zero;
                uint place_2 = own.place + (own.touched & _e113);
                uint _e118 = p.padded_groups;
                uint vectors = (_e118 * 4u) * LANE_VECTORS;
                uint _e125 = p.segments;
                uint step_2 = _e125 * vectors;
                uint _e129 = p.segments;
                uint first_1 = (((row0_1 * _e129) + segment_3) * vectors) + (naga_mod(lane_2, 4u) * LANE_VECTORS);
                uint _e139 = groups_of(segment_3, p);
                uint _e142 = p.segment_groups;
                type_7 _e143 = segment_sums(place_2, own.start, first_1, step_2, _e139, _e142, stream, digits, table, _buffer_sizes);
                r = 0u;
                bool loop_init_6 = true;
                while(true) {
                    if (!loop_init_6) {
                        uint _e171 = r;
                        r = _e171 + 1u;
                    }
                    loop_init_6 = false;
                    uint _e146 = r;
                    if (_e146 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e149 = r;
                        uint sum_3 = (first_sum_1 + (_e149 * CODE_ROWS)) + naga_div(lane_2, 4u);
                        uint _e158 = r;
                        int _e161 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3], _e143.inner[_e158].x, metal::memory_order_relaxed);
                        uint _e166 = r;
                        int _e169 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3 + 8u], _e143.inner[_e166].y, metal::memory_order_relaxed);
                    }
                }
                if (own.correction < own.corrections_end) {
                    add_correction(_e108, segment_3, first_sum_1, row0_1, digits, p, corrected, _buffer_sizes);
                }
                i_2 = own.correction + 32u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e185 = i_2;
                        i_2 = _e185 + 32u;
                    }
                    loop_init_7 = false;
                    uint _e180 = i_2;
                    if (_e180 < own.corrections_end) {
                    } else {
                        break;
                    }
                    {
                        uint _e183 = i_2;
                        uint _e184 = correction_at(_e183, p, data, _buffer_sizes);
                        add_correction(_e184, segment_3, first_sum_1, row0_1, digits, p, corrected, _buffer_sizes);
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i_3 = 0u;
            bool loop_init_8 = true;
            while(true) {
                if (!loop_init_8) {
                    uint _e246 = i_3;
                    i_3 = _e246 + 1u;
                }
                loop_init_8 = false;
                uint _e190 = i_3;
                if (_e190 < SUMS_PER_THREAD) {
                } else {
                    break;
                }
                {
                    uint _e193 = i_3;
                    uint sum_4 = (_e193 * 32u) + lane_2;
                    uint _e199 = p.segments;
                    if (!((segment_3 >= _e199))) {
                        local = sum_4 >= TEAM_SUMS;
                    } else {
                        local = true;
                    }
                    bool _e207 = local;
                    if (_e207) {
                        continue;
                    }
                    uint row_4 = row0_1 + naga_div(sum_4, CODE_ROWS);
                    uint _e214 = p.scales;
                    uint _e217 = p.segments;
                    uint _e223 = digits[(_e214 + (row_4 * _e217)) + segment_3].x;
                    float scale = as_type<float>(_e223);
                    int _e229 = metal::atomic_exchange_explicit(&sums.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_codes = static_cast<float>(_e229);
                    int _e235 = metal::atomic_exchange_explicit(&corrected.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_corrections = static_cast<float>(_e235);
                    uint _e237 = i_3;
                    uint _e241 = i_3;
                    float _e243 = total.inner[_e241];
                    total.inner[_e237] = metal::fma(scale, metal::fma(of_corrections, 32.0, of_codes), _e243);
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e270 = i_4;
            i_4 = _e270 + 1u;
        }
        loop_init_9 = false;
        uint _e253 = i_4;
        if (_e253 < SUMS_PER_THREAD) {
        } else {
            break;
        }
        {
            uint _e256 = i_4;
            uint sum_5 = (_e256 * 32u) + lane_2;
            if (sum_5 < TEAM_SUMS) {
                uint _e265 = i_4;
                float _e267 = total.inner[_e265];
                metal::atomic_store_explicit(&sums.inner[first_sum_1 + sum_5], as_type<int>(_e267), metal::memory_order_relaxed);
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_5 = thread_;
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e348 = i_5;
            i_5 = _e348 + THREADS;
        }
        loop_init_10 = false;
        uint _e273 = i_5;
        if (_e273 < TEAM_SUMS) {
        } else {
            break;
        }
        {
            uint _e276 = i_5;
            uint r_2 = naga_div(_e276, CODE_ROWS);
            uint _e281 = i_5;
            uint row_5 = (tile * CODE_ROWS) + naga_mod(_e281, CODE_ROWS);
            ProductParameters _e285 = parameters(p);
            if (!(((row0_1 + r_2) >= rows_in_use))) {
                local_1 = row_5 < _e285.first;
            } else {
                local_1 = true;
            }
            bool _e294 = local_1;
            if (!(_e294)) {
                local_2 = row_5 >= (_e285.first + _e285.count);
            } else {
                local_2 = true;
            }
            bool _e303 = local_2;
            if (_e303) {
                continue;
            }
            sum = 0.0;
            other = 0u;
            bool loop_init_11 = true;
            while(true) {
                if (!loop_init_11) {
                    uint _e323 = other;
                    other = _e323 + 1u;
                }
                loop_init_11 = false;
                uint _e308 = other;
                if (_e308 < TEAMS) {
                } else {
                    break;
                }
                {
                    float _e311 = sum;
                    uint _e313 = other;
                    uint _e316 = i_5;
                    int _e319 = metal::atomic_load_explicit(&sums.inner[(_e313 * TEAM_SUMS) + _e316], metal::memory_order_relaxed);
                    sum = _e311 + as_type<float>(_e319);
                }
            }
            float _e325 = sum;
            sum = _e325 * 0.0625;
            if (_e285.m.listed != 0u) {
                float _e332 = sum;
                float _e334 = outlier_sum(row_5, row0_1 + r_2, side, p, x, _buffer_sizes);
                sum = _e332 + _e334;
            }
            float _e346 = sum;
            float _e347 = result_of(row_5, _e346, side, p, bias, _buffer_sizes);
            y[((((row0_1 + r_2) * _e285.y_stride) + _e285.y_first) + row_5) - _e285.first] = _e347;
        }
    }
    return;
}
