// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size2;
    uint size3;
    uint size4;
};

struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
};
typedef metal::atomic_uint type_5[1];
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
typedef uint type_6[1];
constant uint LAG = 0u;
constant uint TUPLE = 4u;
constant uint WIDTH = 10u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint CODE_ROWS = 16u;
constant uint BAD_STREAM = 3u;

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
    device type_5& bytes,
    constant TuplesParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = p.sink.stride;
    uint at_1 = (row_1 * _e7) + col;
    uint _e19 = metal::atomic_fetch_or_explicit(&bytes[naga_div(at_1, 4u)], symbol << (8u * naga_mod(at_1, 4u)), metal::memory_order_relaxed);
    return;
}

uint stream_word(
    uint row_2,
    uint lane_1,
    constant TuplesParameters& p,
    device type_6 const& stream,
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
    device type_6 const& data,
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
, device type_5& bytes [[user(fake0)]]
, constant TuplesParameters& p [[user(fake0)]]
, device type_6 const& stream [[user(fake0)]]
, device type_6 const& data [[user(fake0)]]
, device type_5& report [[user(fake0)]]
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
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e197 = g;
            g = _e197 + 1u;
        }
        loop_init = false;
        uint _e85 = g;
        if (_e85 < groups) {
        } else {
            break;
        }
        {
            f = 0u;
            bool loop_init_1 = true;
            while(true) {
                if (!loop_init_1) {
                    uint _e194 = f;
                    f = _e194 + 1u;
                }
                loop_init_1 = false;
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
                    uint col_1 = ((first_col + ((_e146 * 8u) * TUPLE)) + ((naga_div(_e152, 2u) * 4u) * TUPLE)) + (naga_mod(lane, 4u) * TUPLE);
                    uint _e167 = p.rows;
                    if (to_row >= _e167) {
                        continue;
                    }
                    i = 0u;
                    bool loop_init_2 = true;
                    while(true) {
                        if (!loop_init_2) {
                            uint _e191 = i;
                            i = _e191 + 1u;
                        }
                        loop_init_2 = false;
                        uint _e171 = i;
                        if (_e171 < TUPLE) {
                        } else {
                            break;
                        }
                        {
                            uint _e174 = i;
                            uint _e179 = p.sink.cols;
                            if ((col_1 + _e174) < _e179) {
                                uint _e181 = i;
                                uint _e184 = i;
                                put(to_row, col_1 + _e181, (symbols >> (8u * _e184)) & 255u, 0u, bytes, p, _buffer_sizes);
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
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e386 = i_1;
            i_1 = _e386 + 1u;
        }
        loop_init_3 = false;
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
            uint col_2 = first_col + in_segment;
            if (!((in_segment >= ((groups * 8u) * TUPLE)))) {
                uint _e301 = p.sink.cols;
                local = col_2 >= _e301;
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
            uint place = (to_row_1 * _e340) + col_2;
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
