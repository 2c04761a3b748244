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
    uint unused_a;
    uint unused_b;
};
typedef float type_10[1];
struct type_12 {
    metal::atomic_int inner[128];
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
    uint next = {};
    uint ahead = {};
    uint taken = {};
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
    uint group_1 = 0u;
    at = place + 96u;
    uint _e11 = stream[place];
    word = _e11;
    uint _e17 = stream[place + 32u];
    next = _e17;
    uint _e23 = stream[place + 64u];
    ahead = _e23;
    taken = start;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e248 = group_1;
            group_1 = _e248 + 1u;
        }
        loop_init = false;
        uint _e56 = group_1;
        if (_e56 < groups) {
        } else {
            break;
        }
        {
            uint _e58 = group_1;
            if (_e58 == restart) {
                last_0_ = 0u;
                even_0_ = 0u;
                odd_0_ = 0u;
                last_1_ = 0u;
                even_1_ = 0u;
                odd_1_ = 0u;
            }
            uint _e66 = word;
            uint _e67 = taken;
            uint _e69 = next;
            uint _e73 = taken;
            bits = (_e66 << _e67) | ((_e69 >> 1u) >> (31u - _e73));
            uint _e82 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (4u * (_e82 + 0u))];
            uint _e90 = bits;
            uint _e94 = table.inner[_e90 >> 24u];
            entry = _e94;
            uint _e95 = entry;
            total_1 = _e95 & 15u;
            uint _e98 = bits;
            uint _e99 = entry;
            bits = _e98 << (_e99 & 15u);
            uint _e103 = even_0_;
            uint _e104 = last_0_;
            even_0_ = _e103 ^ (_e104 & 269488144u);
            uint _e108 = entry;
            last_0_ = _e108;
            uint _e109 = entry;
            uint _e112 = even_0_;
            level = (_e109 & 3772834016u) | _e112;
            int _e114 = high_0_0_;
            uint _e115 = level;
            uint _e116 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e115 = as_type<packed_char4>(_e115);
            packed_char4 reinterpreted_packed_char4_e116 = as_type<packed_char4>(_e116);
            high_0_0_ = as_type<int>(as_type<uint>(_e114) + as_type<uint>(( + reinterpreted_packed_char4_e115[0] * reinterpreted_packed_char4_e116[0] + reinterpreted_packed_char4_e115[1] * reinterpreted_packed_char4_e116[1] + reinterpreted_packed_char4_e115[2] * reinterpreted_packed_char4_e116[2] + reinterpreted_packed_char4_e115[3] * reinterpreted_packed_char4_e116[3])));
            int _e119 = low_0_0_;
            uint _e120 = level;
            uint _e121 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e120 = as_type<packed_char4>(_e120);
            packed_char4 reinterpreted_packed_char4_e121 = as_type<packed_char4>(_e121);
            low_0_0_ = as_type<int>(as_type<uint>(_e119) + as_type<uint>(( + reinterpreted_packed_char4_e120[0] * reinterpreted_packed_char4_e121[0] + reinterpreted_packed_char4_e120[1] * reinterpreted_packed_char4_e121[1] + reinterpreted_packed_char4_e120[2] * reinterpreted_packed_char4_e121[2] + reinterpreted_packed_char4_e120[3] * reinterpreted_packed_char4_e121[3])));
            uint _e125 = bits;
            uint _e129 = table.inner[_e125 >> 24u];
            entry = _e129;
            uint _e130 = total_1;
            uint _e131 = entry;
            total_1 = _e130 + (_e131 & 15u);
            uint _e135 = bits;
            uint _e136 = entry;
            bits = _e135 << (_e136 & 15u);
            uint _e140 = even_1_;
            uint _e141 = last_1_;
            even_1_ = _e140 ^ (_e141 & 269488144u);
            uint _e145 = entry;
            last_1_ = _e145;
            uint _e146 = entry;
            uint _e149 = even_1_;
            level = (_e146 & 3772834016u) | _e149;
            int _e151 = high_1_0_;
            uint _e152 = level;
            uint _e153 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e152 = as_type<packed_char4>(_e152);
            packed_char4 reinterpreted_packed_char4_e153 = as_type<packed_char4>(_e153);
            high_1_0_ = as_type<int>(as_type<uint>(_e151) + as_type<uint>(( + reinterpreted_packed_char4_e152[0] * reinterpreted_packed_char4_e153[0] + reinterpreted_packed_char4_e152[1] * reinterpreted_packed_char4_e153[1] + reinterpreted_packed_char4_e152[2] * reinterpreted_packed_char4_e153[2] + reinterpreted_packed_char4_e152[3] * reinterpreted_packed_char4_e153[3])));
            int _e156 = low_1_0_;
            uint _e157 = level;
            uint _e158 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e157 = as_type<packed_char4>(_e157);
            packed_char4 reinterpreted_packed_char4_e158 = as_type<packed_char4>(_e158);
            low_1_0_ = as_type<int>(as_type<uint>(_e156) + as_type<uint>(( + reinterpreted_packed_char4_e157[0] * reinterpreted_packed_char4_e158[0] + reinterpreted_packed_char4_e157[1] * reinterpreted_packed_char4_e158[1] + reinterpreted_packed_char4_e157[2] * reinterpreted_packed_char4_e158[2] + reinterpreted_packed_char4_e157[3] * reinterpreted_packed_char4_e158[3])));
            uint _e162 = bits;
            uint _e166 = table.inner[_e162 >> 24u];
            entry = _e166;
            uint _e167 = total_1;
            uint _e168 = entry;
            total_1 = _e167 + (_e168 & 15u);
            uint _e172 = bits;
            uint _e173 = entry;
            bits = _e172 << (_e173 & 15u);
            uint _e177 = odd_0_;
            uint _e178 = last_0_;
            odd_0_ = _e177 ^ (_e178 & 269488144u);
            uint _e182 = entry;
            last_0_ = _e182;
            uint _e183 = entry;
            uint _e186 = odd_0_;
            level = (_e183 & 3772834016u) | _e186;
            int _e188 = high_0_0_;
            uint _e189 = level;
            uint _e190 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e189 = as_type<packed_char4>(_e189);
            packed_char4 reinterpreted_packed_char4_e190 = as_type<packed_char4>(_e190);
            high_0_0_ = as_type<int>(as_type<uint>(_e188) + as_type<uint>(( + reinterpreted_packed_char4_e189[0] * reinterpreted_packed_char4_e190[0] + reinterpreted_packed_char4_e189[1] * reinterpreted_packed_char4_e190[1] + reinterpreted_packed_char4_e189[2] * reinterpreted_packed_char4_e190[2] + reinterpreted_packed_char4_e189[3] * reinterpreted_packed_char4_e190[3])));
            int _e193 = low_0_0_;
            uint _e194 = level;
            uint _e195 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e194 = as_type<packed_char4>(_e194);
            packed_char4 reinterpreted_packed_char4_e195 = as_type<packed_char4>(_e195);
            low_0_0_ = as_type<int>(as_type<uint>(_e193) + as_type<uint>(( + reinterpreted_packed_char4_e194[0] * reinterpreted_packed_char4_e195[0] + reinterpreted_packed_char4_e194[1] * reinterpreted_packed_char4_e195[1] + reinterpreted_packed_char4_e194[2] * reinterpreted_packed_char4_e195[2] + reinterpreted_packed_char4_e194[3] * reinterpreted_packed_char4_e195[3])));
            uint _e199 = bits;
            uint _e203 = table.inner[_e199 >> 24u];
            entry = _e203;
            uint _e204 = total_1;
            uint _e205 = entry;
            total_1 = _e204 + (_e205 & 15u);
            uint _e209 = odd_1_;
            uint _e210 = last_1_;
            odd_1_ = _e209 ^ (_e210 & 269488144u);
            uint _e214 = entry;
            last_1_ = _e214;
            uint _e215 = entry;
            uint _e218 = odd_1_;
            level = (_e215 & 3772834016u) | _e218;
            int _e220 = high_1_0_;
            uint _e221 = level;
            uint _e222 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e221 = as_type<packed_char4>(_e221);
            packed_char4 reinterpreted_packed_char4_e222 = as_type<packed_char4>(_e222);
            high_1_0_ = as_type<int>(as_type<uint>(_e220) + as_type<uint>(( + reinterpreted_packed_char4_e221[0] * reinterpreted_packed_char4_e222[0] + reinterpreted_packed_char4_e221[1] * reinterpreted_packed_char4_e222[1] + reinterpreted_packed_char4_e221[2] * reinterpreted_packed_char4_e222[2] + reinterpreted_packed_char4_e221[3] * reinterpreted_packed_char4_e222[3])));
            int _e225 = low_1_0_;
            uint _e226 = level;
            uint _e227 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e226 = as_type<packed_char4>(_e226);
            packed_char4 reinterpreted_packed_char4_e227 = as_type<packed_char4>(_e227);
            low_1_0_ = as_type<int>(as_type<uint>(_e225) + as_type<uint>(( + reinterpreted_packed_char4_e226[0] * reinterpreted_packed_char4_e227[0] + reinterpreted_packed_char4_e226[1] * reinterpreted_packed_char4_e227[1] + reinterpreted_packed_char4_e226[2] * reinterpreted_packed_char4_e227[2] + reinterpreted_packed_char4_e226[3] * reinterpreted_packed_char4_e227[3])));
            uint _e230 = taken;
            uint _e231 = total_1;
            taken = _e230 + _e231;
            uint _e233 = taken;
            if (_e233 >= 32u) {
                uint _e236 = taken;
                taken = _e236 - 32u;
                uint _e239 = next;
                word = _e239;
                uint _e240 = ahead;
                next = _e240;
                uint _e242 = at;
                uint _e244 = stream[_e242];
                ahead = _e244;
                uint _e245 = at;
                at = _e245 + 32u;
            }
        }
    }
    int _e251 = high_0_0_;
    int _e254 = low_0_0_;
    int _e256 = high_1_0_;
    int _e259 = low_1_0_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e251))) + as_type<uint>(_e254)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e256))) + as_type<uint>(_e259)))}};
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
    uint at_2 = (((((row_1 * _e11) + segment_1) * _e16) + naga_div(col_1, GROUP_COLS)) * 4u) + lane_1;
    metal::uint4 vector = digits[at_2];
    metal::uint2 pair = (in_group >= 16u) ? vector.zw : vector.xy;
    uint _e38 = 8u * (FIRST_BYTE + naga_mod(in_group, TUPLE));
    metal::int2 both = metal::extract_bits(as_type<metal::int2>(pair), metal::min(_e38, 32u), metal::min(8u, 32u - metal::min(_e38, 32u)));
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(both.x))) + as_type<uint>(both.y));
}

int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}

void add_corrections(
    uint number,
    uint segment_2,
    uint first_sum,
    uint lane,
    uint row0_,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    device type_1 const& data,
    threadgroup type_12& corrected,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_5 = {};
    int size = {};
    uint r_1 = {};
    uint _e8 = p.entries;
    uint last = data[(_e8 + (4u * number)) + 3u];
    uint _e19 = p.entries;
    uint _e26 = data[(_e19 + (4u * number)) + 1u];
    i_5 = _e26 + lane;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e98 = i_5;
            i_5 = _e98 + 32u;
        }
        loop_init_1 = false;
        uint _e29 = i_5;
        if (_e29 < last) {
        } else {
            break;
        }
        {
            uint _e34 = p.corrections;
            uint _e35 = i_5;
            uint _e40 = data[_e34 + naga_div(_e35, 2u)];
            uint _e42 = i_5;
            uint correction = (_e40 >> (16u * naga_mod(_e42, 2u))) & 65535u;
            uint size_bits = (correction >> 13u) & 3u;
            int _e62 = p.unit;
            size = as_type<int>(as_type<uint>(static_cast<int>((size_bits == 3u) ? 16u : (1u << size_bits))) * as_type<uint>(_e62));
            if ((correction >> 15u) == 1u) {
                int _e69 = size;
                size = naga_neg(_e69);
            }
            r_1 = 0u;
            bool loop_init_2 = true;
            while(true) {
                if (!loop_init_2) {
                    uint _e96 = r_1;
                    r_1 = _e96 + 1u;
                }
                loop_init_2 = false;
                uint _e73 = r_1;
                if (_e73 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e76 = r_1;
                    int _e82 = digit_at(row0_ + _e76, segment_2, (correction >> 4u) & 511u, digits, p, _buffer_sizes);
                    uint _e84 = r_1;
                    int _e92 = size;
                    int _e94 = metal::atomic_fetch_add_explicit(&corrected.inner[(first_sum + (_e84 * CODE_ROWS)) + naga_mod(correction, CODE_ROWS)], as_type<int>(as_type<uint>(_e92) * as_type<uint>(_e82)), metal::memory_order_relaxed);
                }
            }
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
    uint i_6 = {};
    ProductParameters _e2 = parameters(p);
    Matrix m_1 = _e2.m;
    uint _e10 = side[_e2.m.starts + row_2];
    i_6 = _e10;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e47 = i_6;
            i_6 = _e47 + 1u;
        }
        loop_init_3 = false;
        uint _e12 = i_6;
        uint _e19 = side[(_e2.m.starts + row_2) + 1u];
        if (_e12 < _e19) {
        } else {
            break;
        }
        {
            uint _e24 = i_6;
            uint col_2 = side[_e2.m.outliers + (2u * _e24)];
            uint _e31 = i_6;
            float _e36 = side_float((_e2.m.outliers + (2u * _e31)) + 1u, side, _buffer_sizes);
            float _e42 = x[(x_row * _e2.m.cols) + col_2];
            float _e43 = scaled_activation(m_1, _e42, col_2, side, _buffer_sizes);
            float _e44 = sum_2;
            sum_2 = metal::fma(_e36, _e43, _e44);
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
    uint i = {};
    uint i_1 = {};
    type_14 total = {};
    uint s = 0u;
    uint r = {};
    uint i_2 = {};
    bool local = {};
    uint i_3 = 0u;
    uint i_4 = {};
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
    i = thread_;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e28 = i;
            i = _e28 + THREADS;
        }
        loop_init_4 = false;
        uint _e14 = i;
        if (_e14 < 256u) {
        } else {
            break;
        }
        {
            uint _e18 = i;
            uint _e23 = p.registers;
            uint _e24 = i;
            uint _e27 = data[_e23 + _e24];
            table.inner[_e18] = _e27;
        }
    }
    i_1 = thread_;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e43 = i_1;
            i_1 = _e43 + THREADS;
        }
        loop_init_5 = false;
        uint _e32 = i_1;
        if (_e32 < 128u) {
        } else {
            break;
        }
        {
            uint _e36 = i_1;
            metal::atomic_store_explicit(&sums.inner[_e36], 0, metal::memory_order_relaxed);
            uint _e40 = i_1;
            metal::atomic_store_explicit(&corrected.inner[_e40], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint lane_2 = naga_mod(thread_, 32u);
    uint team = naga_div(thread_, 32u);
    uint _e53 = p.product.first;
    uint tile = naga_div(_e53, CODE_ROWS) + group.x;
    uint _e60 = p.segments;
    uint per_team = naga_div((_e60 + TEAMS) - 1u, TEAMS);
    uint first_sum_1 = team * TEAM_SUMS;
    bool loop_init_6 = true;
    while(true) {
        if (!loop_init_6) {
            uint _e240 = s;
            s = _e240 + 1u;
        }
        loop_init_6 = false;
        uint _e72 = s;
        if (_e72 < per_team) {
        } else {
            break;
        }
        {
            uint _e75 = s;
            uint segment_3 = (team * per_team) + _e75;
            uint _e79 = p.segments;
            uint number_1 = (tile * _e79) + segment_3;
            uint _e84 = p.segments;
            if (segment_3 < _e84) {
                uint _e89 = p.starts;
                uint _e97 = data[(_e89 + (number_1 * 8u)) + naga_div(lane_2, 4u)];
                uint start_1 = (_e97 >> (8u * naga_mod(lane_2, 4u))) & 255u;
                uint _e108 = p.entries;
                uint _e113 = data[_e108 + (4u * number_1)];
                uint word_1 = ((_e113 + naga_div(start_1, 32u)) * 32u) + lane_2;
                uint _e122 = p.segments;
                uint _e125 = p.padded_groups;
                uint step_2 = (_e122 * _e125) * 4u;
                uint _e131 = p.segments;
                uint _e136 = p.padded_groups;
                uint first_1 = ((((row0_1 * _e131) + segment_3) * _e136) * 4u) + naga_mod(lane_2, 4u);
                uint _e145 = groups_of(segment_3, p);
                uint _e148 = p.segment_groups;
                type_7 _e149 = segment_sums(word_1, naga_mod(start_1, 32u), first_1, step_2, _e145, _e148, stream, digits, table, _buffer_sizes);
                r = 0u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e177 = r;
                        r = _e177 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e152 = r;
                    if (_e152 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e155 = r;
                        uint sum_3 = (first_sum_1 + (_e155 * CODE_ROWS)) + naga_div(lane_2, 4u);
                        uint _e164 = r;
                        int _e167 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3], _e149.inner[_e164].x, metal::memory_order_relaxed);
                        uint _e172 = r;
                        int _e175 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3 + 8u], _e149.inner[_e172].y, metal::memory_order_relaxed);
                    }
                }
                add_corrections(number_1, segment_3, first_sum_1, lane_2, row0_1, digits, p, data, corrected, _buffer_sizes);
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i_2 = 0u;
            bool loop_init_8 = true;
            while(true) {
                if (!loop_init_8) {
                    uint _e237 = i_2;
                    i_2 = _e237 + 1u;
                }
                loop_init_8 = false;
                uint _e181 = i_2;
                if (_e181 < SUMS_PER_THREAD) {
                } else {
                    break;
                }
                {
                    uint _e184 = i_2;
                    uint sum_4 = (_e184 * 32u) + lane_2;
                    uint _e190 = p.segments;
                    if (!((segment_3 >= _e190))) {
                        local = sum_4 >= TEAM_SUMS;
                    } else {
                        local = true;
                    }
                    bool _e198 = local;
                    if (_e198) {
                        continue;
                    }
                    uint row_3 = row0_1 + naga_div(sum_4, CODE_ROWS);
                    uint _e205 = p.scales;
                    uint _e208 = p.segments;
                    uint _e214 = digits[(_e205 + (row_3 * _e208)) + segment_3].x;
                    float scale = as_type<float>(_e214);
                    int _e220 = metal::atomic_exchange_explicit(&sums.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_codes = static_cast<float>(_e220);
                    int _e226 = metal::atomic_exchange_explicit(&corrected.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_corrections = static_cast<float>(_e226);
                    uint _e228 = i_2;
                    uint _e232 = i_2;
                    float _e234 = total.inner[_e232];
                    total.inner[_e228] = metal::fma(scale, metal::fma(of_corrections, 32.0, of_codes), _e234);
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e261 = i_3;
            i_3 = _e261 + 1u;
        }
        loop_init_9 = false;
        uint _e244 = i_3;
        if (_e244 < SUMS_PER_THREAD) {
        } else {
            break;
        }
        {
            uint _e247 = i_3;
            uint sum_5 = (_e247 * 32u) + lane_2;
            if (sum_5 < TEAM_SUMS) {
                uint _e256 = i_3;
                float _e258 = total.inner[_e256];
                metal::atomic_store_explicit(&sums.inner[first_sum_1 + sum_5], as_type<int>(_e258), metal::memory_order_relaxed);
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_4 = thread_;
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e339 = i_4;
            i_4 = _e339 + THREADS;
        }
        loop_init_10 = false;
        uint _e264 = i_4;
        if (_e264 < TEAM_SUMS) {
        } else {
            break;
        }
        {
            uint _e267 = i_4;
            uint r_2 = naga_div(_e267, CODE_ROWS);
            uint _e272 = i_4;
            uint row_4 = (tile * CODE_ROWS) + naga_mod(_e272, CODE_ROWS);
            ProductParameters _e276 = parameters(p);
            if (!(((row0_1 + r_2) >= rows_in_use))) {
                local_1 = row_4 < _e276.first;
            } else {
                local_1 = true;
            }
            bool _e285 = local_1;
            if (!(_e285)) {
                local_2 = row_4 >= (_e276.first + _e276.count);
            } else {
                local_2 = true;
            }
            bool _e294 = local_2;
            if (_e294) {
                continue;
            }
            sum = 0.0;
            other = 0u;
            bool loop_init_11 = true;
            while(true) {
                if (!loop_init_11) {
                    uint _e314 = other;
                    other = _e314 + 1u;
                }
                loop_init_11 = false;
                uint _e299 = other;
                if (_e299 < TEAMS) {
                } else {
                    break;
                }
                {
                    float _e302 = sum;
                    uint _e304 = other;
                    uint _e307 = i_4;
                    int _e310 = metal::atomic_load_explicit(&sums.inner[(_e304 * TEAM_SUMS) + _e307], metal::memory_order_relaxed);
                    sum = _e302 + as_type<float>(_e310);
                }
            }
            float _e316 = sum;
            sum = _e316 * 0.0625;
            if (_e276.m.listed != 0u) {
                float _e323 = sum;
                float _e325 = outlier_sum(row_4, row0_1 + r_2, side, p, x, _buffer_sizes);
                sum = _e323 + _e325;
            }
            float _e337 = sum;
            float _e338 = result_of(row_4, _e337, side, p, bias, _buffer_sizes);
            y[((((row0_1 + r_2) * _e276.y_stride) + _e276.y_first) + row_4) - _e276.first] = _e338;
        }
    }
    return;
}
