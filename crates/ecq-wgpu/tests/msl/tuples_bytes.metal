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
constant bool WHOLE_ROWS = false;
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
    uint count,
    uint symbols,
    uint branches,
    device type_5& bytes,
    constant TuplesParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_1 = 0u;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e34 = i_1;
            i_1 = _e34 + 1u;
        }
        loop_init = false;
        uint _e7 = i_1;
        if (_e7 < count) {
        } else {
            break;
        }
        {
            uint _e12 = p.sink.stride;
            uint _e15 = i_1;
            uint at_1 = ((row_1 * _e12) + col) + _e15;
            uint _e22 = i_1;
            uint _e32 = metal::atomic_fetch_or_explicit(&bytes[naga_div(at_1, 4u)], ((symbols >> (8u * _e22)) & 255u) << (8u * naga_mod(at_1, 4u)), metal::memory_order_relaxed);
        }
    }
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
    bool local = {};
    uint limit = {};
    bool bad = {};
    uint i = {};
    bool local_1 = {};
    bool local_2 = {};
    int size = {};
    bool local_3 = {};
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
            uint _e191 = g;
            g = _e191 + 1u;
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
                    uint _e188 = f;
                    f = _e188 + 1u;
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
                    uint symbols_1 = data[2u * entry];
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
                    if (!((to_row >= _e167))) {
                        uint _e175 = p.sink.cols;
                        local = col_1 >= _e175;
                    } else {
                        local = true;
                    }
                    bool _e178 = local;
                    if (_e178) {
                        continue;
                    }
                    uint _e183 = p.sink.cols;
                    put(to_row, col_1, metal::min(TUPLE, _e183 - col_1), symbols_1, 0u, bytes, p, _buffer_sizes);
                }
            }
        }
    }
    uint _e197 = p.reach;
    limit = 32u * ((next_row - own_row) + _e197);
    uint _e201 = limit;
    uint _e205 = p.stream_rows;
    uint _e208 = p.stream_rows;
    limit = metal::min(_e201, 32u * (_e205 - metal::min(own_row, _e208)));
    uint _e217 = p.segments;
    if ((segment_1 + 1u) < _e217) {
        uint _e219 = limit;
        uint _e225 = start_of(number + 1u, lane, p, data, _buffer_sizes);
        limit = metal::min(_e219, (32u * (next_row - own_row)) + _e225);
    }
    uint _e228 = used;
    uint _e229 = limit;
    bad = _e228 > _e229;
    metal::threadgroup_barrier(metal::mem_flags::mem_device);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e235 = p.entries;
    uint last = data[(_e235 + (4u * number)) + 3u];
    uint _e246 = p.entries;
    uint _e253 = data[(_e246 + (4u * number)) + 1u];
    i = _e253;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e380 = i;
            i = _e380 + 1u;
        }
        loop_init_3 = false;
        uint _e255 = i;
        if (_e255 < last) {
        } else {
            break;
        }
        {
            uint _e260 = p.corrections;
            uint _e261 = i;
            uint _e266 = data[_e260 + naga_div(_e261, 2u)];
            uint _e268 = i;
            uint correction = (_e266 >> (16u * naga_mod(_e268, 2u))) & 65535u;
            if (lane != naga_mod(correction, CODE_ROWS)) {
                continue;
            }
            uint in_segment = (correction >> 4u) & 511u;
            uint to_row_1 = first_row + lane;
            uint col_2 = first_col + in_segment;
            if (!((in_segment >= ((groups * 8u) * TUPLE)))) {
                uint _e295 = p.sink.cols;
                local_1 = col_2 >= _e295;
            } else {
                local_1 = true;
            }
            bool _e298 = local_1;
            if (!(_e298)) {
                uint _e304 = p.rows;
                local_2 = to_row_1 >= _e304;
            } else {
                local_2 = true;
            }
            bool _e307 = local_2;
            if (_e307) {
                bad = true;
                continue;
            }
            uint select_bits = (correction >> 13u) & 3u;
            int _e315 = p.unit;
            size = as_type<int>(as_type<uint>(_e315) * as_type<uint>(static_cast<int>((select_bits == 3u) ? 16u : (1u << select_bits))));
            if ((correction >> 15u) == 1u) {
                int _e329 = size;
                size = naga_neg(_e329);
            }
            uint _e334 = p.sink.stride;
            uint place = (to_row_1 * _e334) + col_2;
            uint _e341 = metal::atomic_load_explicit(&bytes[naga_div(place, 4u)], metal::memory_order_relaxed);
            int found = static_cast<int>((_e341 >> (8u * naga_mod(place, 4u))) & 255u);
            int _e350 = size;
            if (!((as_type<int>(as_type<uint>(found) + as_type<uint>(_e350)) < 0))) {
                int _e357 = size;
                uint _e361 = p.alphabet;
                local_3 = as_type<int>(as_type<uint>(found) + as_type<uint>(_e357)) >= static_cast<int>(_e361);
            } else {
                local_3 = true;
            }
            bool _e365 = local_3;
            if (_e365) {
                bad = true;
                continue;
            }
            int _e371 = size;
            uint _e378 = metal::atomic_fetch_add_explicit(&bytes[naga_div(place, 4u)], as_type<uint>(_e371) << (8u * naga_mod(place, 4u)), metal::memory_order_relaxed);
        }
    }
    bool _e382 = bad;
    if (_e382) {
        uint _e387 = p.weight;
        metal::atomic_store_explicit(&report[1], _e387, metal::memory_order_relaxed);
        metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
        return;
    } else {
        return;
    }
}
