// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size5;
    uint size6;
    uint size7;
};

struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
};
typedef metal::atomic_uint type_8[1];
struct TuplesParameters {
    Sink sink;
    uint rows;
    uint segments;
    uint segment_groups;
    uint groups;
    uint stream_rows;
    uint reach;
    uint alphabet;
    int unit;
    uint entries;
    uint starts;
    uint corrections;
    uint count;
    uint weight;
};
struct type_9 {
    uint inner[1];
};
typedef uint type_10[1];
constant uint LAG = 0u;
constant uint TUPLE = 4u;
constant uint WIDTH = 10u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint HISTORY_WORDS = 1u;
constant uint CODE_ROWS = 16u;
constant uint BAD_STREAM = 3u;

bool is_finite(
    float value
) {
    return (as_type<uint>(value) & 2139095040u) != 2139095040u;
}

bool is_nan(
    float value_1
) {
    return (as_type<uint>(value_1) & 2147483647u) > 2139095040u;
}

int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
}

float exponential(
    float x
) {
    float y = 0.00019875691;
    if (x < -87.0) {
        return 0.0;
    }
    float clamped = (x > 88.0) ? 88.0 : x;
    float n = metal::rint(clamped * 1.442695);
    float r = metal::fma(n, 0.00021219444, metal::fma(n, -0.6933594, clamped));
    float _e17 = y;
    y = metal::fma(_e17, r, 0.0013981999);
    float _e20 = y;
    y = metal::fma(_e20, r, 0.008333452);
    float _e23 = y;
    y = metal::fma(_e23, r, 0.041665796);
    float _e26 = y;
    y = metal::fma(_e26, r, 0.16666666);
    float _e29 = y;
    y = metal::fma(_e29, r, 0.5);
    float _e32 = y;
    y = metal::fma(_e32 * r, r, r) + 1.0;
    float _e37 = y;
    return _e37 * as_type<float>(static_cast<uint>(as_type<int>(as_type<uint>(naga_f2i32(n)) + as_type<uint>(127))) << 23u);
}

metal::uint2 wide_product(
    uint a,
    uint b
) {
    uint low_1 = (a & 65535u) * (b & 65535u);
    uint left = (a & 65535u) * (b >> 16u);
    uint right = (a >> 16u) * (b & 65535u);
    uint middle = ((low_1 >> 16u) + (left & 65535u)) + (right & 65535u);
    uint high_1 = ((((a >> 16u) * (b >> 16u)) + (left >> 16u)) + (right >> 16u)) + (middle >> 16u);
    return metal::uint2(high_1, (middle << 16u) | (low_1 & 65535u));
}

metal::float2 cosine_and_sine(
    float angle
) {
    uint turn = 0u;
    uint bits_1 = as_type<uint>(angle);
    int exponent = metal::min(as_type<int>(as_type<uint>(static_cast<int>(bits_1 >> 23u)) - as_type<uint>(127)), 23);
    uint mantissa = (bits_1 & 8388607u) | 8388608u;
    metal::uint2 _e14 = wide_product(mantissa, 2475754826u);
    metal::uint2 _e16 = wide_product(mantissa, 683565275u);
    uint middle_1 = _e14.x + _e16.y;
    uint top = _e16.x + ((middle_1 < _e14.x) ? 1u : 0u);
    uint shift = static_cast<uint>(as_type<int>(as_type<uint>(23) - as_type<uint>(exponent)));
    if (shift == 0u) {
        turn = middle_1;
    } else {
        if (shift < 32u) {
            turn = (middle_1 >> shift) | (top << (32u - shift));
        } else {
            if (shift < 64u) {
                turn = top >> (shift - 32u);
            }
        }
    }
    uint _e46 = turn;
    uint quadrant = (_e46 + 536870912u) >> 30u;
    uint _e51 = turn;
    float x_1 = static_cast<float>(as_type<int>(_e51 - (quadrant << 30u))) * 0.0000000014629181;
    float z = x_1 * x_1;
    float sine = metal::fma(x_1 * z, metal::fma(z, metal::fma(z, -0.00019515296, 0.008332161), -0.16666655), x_1);
    float even = metal::fma(z, metal::fma(z, 0.000024433157, -0.0013887316), 0.041666646);
    float cosine = metal::fma(z * z, even, metal::fma(z, -0.5, 1.0));
    switch(quadrant & 3u) {
        case 0u: {
            return metal::float2(cosine, sine);
        }
        case 1u: {
            return metal::float2(-(sine), cosine);
        }
        case 2u: {
            return metal::float2(-(cosine), -(sine));
        }
        default: {
            return metal::float2(sine, -(cosine));
        }
    }
}

uint half_bits(
    float value_2
) {
    bool local_3 = {};
    bool local_4 = {};
    uint bits_2 = as_type<uint>(value_2);
    uint sign = (bits_2 >> 16u) & 32768u;
    uint size_1 = bits_2 & 2147483647u;
    if (size_1 > 2139095040u) {
        return sign | 32256u;
    }
    if (size_1 >= 1199566848u) {
        return sign | 31744u;
    }
    if (size_1 >= 947912704u) {
        return sign | ((((size_1 + 4095u) + ((size_1 >> 13u) & 1u)) - 939524096u) >> 13u);
    }
    uint exponent_1 = size_1 >> 23u;
    if (exponent_1 < 102u) {
        return sign;
    }
    uint mantissa_1 = (size_1 & 8388607u) | 8388608u;
    uint shift_1 = 126u - exponent_1;
    uint half_ = mantissa_1 >> shift_1;
    uint rest = mantissa_1 & ((1u << shift_1) - 1u);
    uint tie = 1u << (shift_1 - 1u);
    if (!((rest > tie))) {
        if (rest == tie) {
            local_4 = (half_ & 1u) == 1u;
        } else {
            local_4 = false;
        }
        bool _e64 = local_4;
        local_3 = _e64;
    } else {
        local_3 = true;
    }
    bool _e66 = local_3;
    return sign | (half_ + (_e66 ? 1u : 0u));
}

uint bfloat_bits(
    float value_3
) {
    uint bits_3 = as_type<uint>(value_3);
    bool _e2 = is_nan(value_3);
    if (_e2) {
        return (bits_3 >> 16u) | 64u;
    }
    return ((bits_3 + 32767u) + ((bits_3 >> 16u) & 1u)) >> 16u;
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

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void put(
    uint row_1,
    uint col,
    uint symbol,
    uint branch,
    device type_8& bytes,
    constant TuplesParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = p.sink.stride;
    uint at_1 = (row_1 * _e7) + col;
    uint _e19 = metal::atomic_fetch_or_explicit(&bytes[naga_div(at_1, 4u)], symbol << (8u * naga_mod(at_1, 4u)), metal::memory_order_relaxed);
    return;
}

bool skips(
    uint first,
    uint rows
) {
    return false;
}

uint branch_bit(
    uint col_1,
    uint restart,
    thread type_9& history,
    thread uint& history_at
) {
    uint i_3 = 0u;
    if (true) {
        return 0u;
    }
    if (naga_mod(col_1, restart) == 0u) {
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e17 = i_3;
                i_3 = _e17 + 1u;
            }
            loop_init = false;
            uint _e9 = i_3;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i_3;
                history.inner[_e13] = 0u;
            }
        }
        history_at = 0u;
    }
    uint _e22 = history_at;
    uint _e26 = history_at;
    uint _e30 = history_at;
    uint at_2 = (_e30 >= LAG) ? (_e26 - LAG) : (_e22 + LAG);
    uint _e38 = history.inner[naga_div(at_2, 32u)];
    return (_e38 >> naga_mod(at_2, 32u)) & 1u;
}

void push_code(
    uint symbol_1,
    uint zero,
    thread type_9& history,
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
    uint row_2,
    uint lane_1,
    constant TuplesParameters& p,
    device type_10 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.stream_rows;
    if (row_2 >= _e4) {
        return 0u;
    }
    uint _e12 = stream[(row_2 * 32u) + lane_1];
    return _e12;
}

uint start_of(
    uint segment,
    uint lane_2,
    constant TuplesParameters& p,
    device type_10 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = p.starts;
    uint _e13 = data[(_e5 + (segment * 8u)) + naga_div(lane_2, 4u)];
    return (_e13 >> (8u * naga_mod(lane_2, 4u))) & 255u;
}
int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}


struct decode_tuplesInput {
};
[[max_total_threads_per_threadgroup(32)]] kernel void decode_tuples(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint lane [[thread_index_in_threadgroup]]
, device type_8& bytes [[user(fake0)]]
, constant TuplesParameters& p [[user(fake0)]]
, device type_10 const& stream [[user(fake0)]]
, device type_10 const& data [[user(fake0)]]
, device type_8& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint row = {};
    uint at = {};
    uint high = {};
    uint low = {};
    uint used = {};
    uint g = 0u;
    uint f = {};
    uint bits = {};
    uint i = {};
    uint limit = {};
    bool bad = {};
    uint i_1 = {};
    bool local = {};
    bool local_1 = {};
    int size = {};
    bool local_2 = {};
    uint number = group.x + (group.y * 65535u);
    uint _e9 = p.count;
    if (number >= _e9) {
        return;
    }
    uint _e13 = p.segments;
    uint tile = naga_div(number, _e13);
    uint _e17 = p.segments;
    uint segment_1 = naga_mod(number, _e17);
    uint _e22 = p.entries;
    uint own_row = data[_e22 + (4u * number)];
    uint _e31 = p.entries;
    uint next_row = data[(_e31 + (4u * number)) + 2u];
    uint _e39 = start_of(number, lane, p, data, _buffer_sizes);
    row = own_row + naga_div(_e39, 32u);
    at = naga_mod(_e39, 32u);
    uint _e47 = row;
    uint _e48 = stream_word(_e47, lane, p, stream, _buffer_sizes);
    high = _e48;
    uint _e50 = row;
    uint _e53 = stream_word(_e50 + 1u, lane, p, stream, _buffer_sizes);
    low = _e53;
    uint _e55 = row;
    row = _e55 + 2u;
    used = _e39;
    uint _e61 = p.segment_groups;
    uint first_group = segment_1 * _e61;
    uint _e65 = p.groups;
    uint _e69 = p.segment_groups;
    uint _e74 = p.segments;
    uint groups = ((segment_1 + 1u) < _e74) ? _e69 : (_e65 - first_group);
    uint first_row = tile * CODE_ROWS;
    uint first_col = (first_group * 8u) * TUPLE;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e197 = g;
            g = _e197 + 1u;
        }
        loop_init_1 = false;
        uint _e85 = g;
        if (_e85 < groups) {
        } else {
            break;
        }
        {
            f = 0u;
            bool loop_init_2 = true;
            while(true) {
                if (!loop_init_2) {
                    uint _e194 = f;
                    f = _e194 + 1u;
                }
                loop_init_2 = false;
                uint _e89 = f;
                if (_e89 < 4u) {
                } else {
                    break;
                }
                {
                    uint _e92 = high;
                    bits = _e92;
                    uint _e94 = at;
                    if (_e94 > 0u) {
                        uint _e97 = high;
                        uint _e98 = at;
                        uint _e100 = low;
                        uint _e102 = at;
                        bits = (_e97 << _e98) | (_e100 >> (32u - _e102));
                    }
                    uint _e106 = bits;
                    uint entry = _e106 >> 22u;
                    uint symbols = data[2u * entry];
                    uint length = data[(2u * entry) + 1u];
                    uint _e121 = at;
                    at = _e121 + length;
                    uint _e123 = used;
                    used = _e123 + length;
                    uint _e125 = at;
                    if (_e125 >= 32u) {
                        uint _e128 = at;
                        at = _e128 - 32u;
                        uint _e131 = low;
                        high = _e131;
                        uint _e132 = row;
                        uint _e133 = stream_word(_e132, lane, p, stream, _buffer_sizes);
                        low = _e133;
                        uint _e135 = row;
                        row = _e135 + 1u;
                    }
                    uint _e141 = f;
                    uint to_row = (first_row + naga_div(lane, 4u)) + (8u * naga_mod(_e141, 2u));
                    uint _e146 = g;
                    uint _e152 = f;
                    uint col_2 = ((first_col + ((_e146 * 8u) * TUPLE)) + ((naga_div(_e152, 2u) * 4u) * TUPLE)) + (naga_mod(lane, 4u) * TUPLE);
                    uint _e167 = p.rows;
                    if (to_row >= _e167) {
                        continue;
                    }
                    i = 0u;
                    bool loop_init_3 = true;
                    while(true) {
                        if (!loop_init_3) {
                            uint _e191 = i;
                            i = _e191 + 1u;
                        }
                        loop_init_3 = false;
                        uint _e171 = i;
                        if (_e171 < TUPLE) {
                        } else {
                            break;
                        }
                        {
                            uint _e174 = i;
                            uint _e179 = p.sink.cols;
                            if ((col_2 + _e174) < _e179) {
                                uint _e181 = i;
                                uint _e184 = i;
                                put(to_row, col_2 + _e181, (symbols >> (8u * _e184)) & 255u, 0u, bytes, p, _buffer_sizes);
                            }
                        }
                    }
                }
            }
        }
    }
    uint _e203 = p.reach;
    limit = 32u * ((next_row - own_row) + _e203);
    uint _e207 = limit;
    uint _e211 = p.stream_rows;
    uint _e214 = p.stream_rows;
    limit = metal::min(_e207, 32u * (_e211 - metal::min(own_row, _e214)));
    uint _e223 = p.segments;
    if ((segment_1 + 1u) < _e223) {
        uint _e225 = limit;
        uint _e231 = start_of(number + 1u, lane, p, data, _buffer_sizes);
        limit = metal::min(_e225, (32u * (next_row - own_row)) + _e231);
    }
    uint _e234 = used;
    uint _e235 = limit;
    bad = _e234 > _e235;
    metal::threadgroup_barrier(metal::mem_flags::mem_device);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e241 = p.entries;
    uint last = data[(_e241 + (4u * number)) + 3u];
    uint _e252 = p.entries;
    uint _e259 = data[(_e252 + (4u * number)) + 1u];
    i_1 = _e259;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e386 = i_1;
            i_1 = _e386 + 1u;
        }
        loop_init_4 = false;
        uint _e261 = i_1;
        if (_e261 < last) {
        } else {
            break;
        }
        {
            uint _e266 = p.corrections;
            uint _e267 = i_1;
            uint _e272 = data[_e266 + naga_div(_e267, 2u)];
            uint _e274 = i_1;
            uint correction = (_e272 >> (16u * naga_mod(_e274, 2u))) & 65535u;
            if (lane != naga_mod(correction, CODE_ROWS)) {
                continue;
            }
            uint in_segment = (correction >> 4u) & 511u;
            uint to_row_1 = first_row + lane;
            uint col_3 = first_col + in_segment;
            if (!((in_segment >= ((groups * 8u) * TUPLE)))) {
                uint _e301 = p.sink.cols;
                local = col_3 >= _e301;
            } else {
                local = true;
            }
            bool _e304 = local;
            if (!(_e304)) {
                uint _e310 = p.rows;
                local_1 = to_row_1 >= _e310;
            } else {
                local_1 = true;
            }
            bool _e313 = local_1;
            if (_e313) {
                bad = true;
                continue;
            }
            uint select_bits = (correction >> 13u) & 3u;
            int _e321 = p.unit;
            size = as_type<int>(as_type<uint>(_e321) * as_type<uint>(static_cast<int>((select_bits == 3u) ? 16u : (1u << select_bits))));
            if ((correction >> 15u) == 1u) {
                int _e335 = size;
                size = naga_neg(_e335);
            }
            uint _e340 = p.sink.stride;
            uint place = (to_row_1 * _e340) + col_3;
            uint _e347 = metal::atomic_load_explicit(&bytes[naga_div(place, 4u)], metal::memory_order_relaxed);
            int found = static_cast<int>((_e347 >> (8u * naga_mod(place, 4u))) & 255u);
            int _e356 = size;
            if (!((as_type<int>(as_type<uint>(found) + as_type<uint>(_e356)) < 0))) {
                int _e363 = size;
                uint _e367 = p.alphabet;
                local_2 = as_type<int>(as_type<uint>(found) + as_type<uint>(_e363)) >= static_cast<int>(_e367);
            } else {
                local_2 = true;
            }
            bool _e371 = local_2;
            if (_e371) {
                bad = true;
                continue;
            }
            int _e377 = size;
            uint _e384 = metal::atomic_fetch_add_explicit(&bytes[naga_div(place, 4u)], as_type<uint>(_e377) << (8u * naga_mod(place, 4u)), metal::memory_order_relaxed);
        }
    }
    bool _e388 = bad;
    if (_e388) {
        uint _e393 = p.weight;
        metal::atomic_store_explicit(&report[1], _e393, metal::memory_order_relaxed);
        metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
        return;
    } else {
        return;
    }
}
