// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size6;
    uint size7;
    uint size8;
};

struct type_2 {
    metal::atomic_uint inner[3];
};
struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
};
typedef metal::atomic_uint type_6[1];
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
};
struct type_7 {
    uint inner[1];
};
typedef uint type_8[1];
constant uint LAG = 12u;
constant uint THREADS = 32u;
constant uint ROWS_ORDER = 1u;
constant uint CLASSES = 2u;
constant uint WIDE = 0u;
constant uint MASK_WORDS = 1u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint HISTORY_WORDS = 1u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;

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
    uint first_2 = naga_mod(_e3, 3u) * MASK_WORDS;
    uint _e10 = turn;
    turn = _e10 + 1u;
    if (needs) {
        uint _e21 = metal::atomic_fetch_or_explicit(&masks.inner[first_2 + naga_div(lane_1, 32u)], 1u << naga_mod(lane_1, 32u), metal::memory_order_relaxed);
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
            uint mask = metal::atomic_load_explicit(&masks.inner[first_2 + _e32], metal::memory_order_relaxed);
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

void put(
    uint row_1,
    uint col,
    uint symbol,
    uint branch,
    device type_6& bytes,
    constant RansParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = p.sink.stride;
    uint at_2 = (row_1 * _e7) + col;
    uint _e19 = metal::atomic_fetch_or_explicit(&bytes[naga_div(at_2, 4u)], symbol << (8u * naga_mod(at_2, 4u)), metal::memory_order_relaxed);
    return;
}

bool skips(
    uint first_1,
    uint rows
) {
    return false;
}

uint branch_bit(
    uint col_1,
    uint restart,
    thread type_7& history,
    thread uint& history_at
) {
    uint i_2 = 0u;
    if (false) {
        return 0u;
    }
    if (naga_mod(col_1, restart) == 0u) {
        bool loop_init_1 = true;
        while(true) {
            if (!loop_init_1) {
                uint _e17 = i_2;
                i_2 = _e17 + 1u;
            }
            loop_init_1 = false;
            uint _e9 = i_2;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i_2;
                history.inner[_e13] = 0u;
            }
        }
        history_at = 0u;
    }
    uint _e22 = history_at;
    uint _e26 = history_at;
    uint _e30 = history_at;
    uint at_3 = (_e30 >= LAG) ? (_e26 - LAG) : (_e22 + LAG);
    uint _e38 = history.inner[naga_div(at_3, 32u)];
    return (_e38 >> naga_mod(at_3, 32u)) & 1u;
}

void push_code(
    uint symbol_1,
    uint zero,
    thread type_7& history,
    thread uint& history_at
) {
    if (false) {
        return;
    }
    uint _e5 = history_at;
    uint _e9 = history.inner[naga_div(_e5, 32u)];
    uint _e14 = history_at;
    history.inner[naga_div(_e5, 32u)] = _e9 ^ (((symbol_1 ^ zero) & 1u) << naga_mod(_e14, 32u));
    uint _e21 = history_at;
    uint _e26 = history_at;
    history_at = ((_e26 + 1u) == 24u) ? 0u : (_e21 + 1u);
    return;
}

uint stream_word(
    uint at_1,
    device type_8 const& stream,
    thread uint& limit,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = limit;
    if (at_1 >= _e2) {
        return 0u;
    }
    uint _e9 = stream[naga_div(at_1, 2u)];
    return (_e9 >> (16u * naga_mod(at_1, 2u))) & 65535u;
}

uint decode_symbol(
    uint lane_2,
    bool on,
    uint table_2,
    uint table_bits_1,
    threadgroup type_2& masks,
    thread uint& turn,
    device type_8 const& stream,
    device type_8 const& data,
    thread uint& state,
    thread uint& taken,
    thread uint& limit,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint symbol_2 = 0u;
    uint next = {};
    bool local_6 = {};
    uint _e7 = state;
    next = _e7;
    if (on) {
        uint _e10 = state;
        uint slot = _e10 & ((1u << table_bits_1) - 1u);
        if (false) {
            uint entry = data[2u * (table_2 + slot)];
            uint _e30 = data[(2u * (table_2 + slot)) + 1u];
            symbol_2 = _e30;
            uint _e34 = state;
            next = ((entry & 65535u) * (_e34 >> table_bits_1)) + (entry >> 16u);
        } else {
            uint entry_1 = data[table_2 + slot];
            symbol_2 = (entry_1 >> 12u) & 255u;
            uint _e51 = state;
            next = ((entry_1 >> 20u) * (_e51 >> table_bits_1)) + (entry_1 & 4095u);
        }
    }
    if (on) {
        uint _e59 = next;
        local_6 = _e59 < LOWER;
    } else {
        local_6 = false;
    }
    bool needs_1 = local_6;
    metal::uint2 _e64 = words_before(lane_2, needs_1, masks, turn);
    if (needs_1) {
        uint _e65 = next;
        uint _e69 = taken;
        uint _e72 = stream_word(_e69 + _e64.x, stream, limit, _buffer_sizes);
        next = (_e65 << 16u) | _e72;
    }
    uint _e75 = taken;
    taken = _e75 + _e64.y;
    uint _e79 = next;
    state = _e79;
    uint _e80 = symbol_2;
    return _e80;
}

uint table_of(
    uint row_2,
    uint col_2,
    uint branch_1,
    uint table_bits_2,
    constant RansParameters& p,
    device type_8 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = p.row_classes;
    uint _e10 = data[_e7 + row_2];
    uint _e19 = p.col_classes;
    uint _e22 = data[_e19 + col_2];
    uint pair = ((_e10 * 16u) + (branch_1 * 8u)) + _e22;
    uint _e27 = p.class_tables;
    uint _e30 = data[_e27 + pair];
    return _e30 << table_bits_2;
}

void report_bad(
    constant RansParameters& p,
    device type_6& report,
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
, device type_6& bytes [[user(fake0)]]
, constant RansParameters& p [[user(fake0)]]
, device type_8 const& stream [[user(fake0)]]
, device type_8 const& data [[user(fake0)]]
, device type_6& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint turn = {};
    type_7 history = {};
    uint history_at = {};
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
    uint c = {};
    uint table = {};
    bool local_1 = {};
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
    uint row0_ = naga_div(_e7, _e14) * _e18;
    uint _e22 = p.across;
    uint _e26 = p.tile_cols;
    uint col0_ = naga_mod(_e7, _e22) * _e26;
    uint _e30 = p.tile_rows;
    uint _e33 = p.rows;
    uint rows_1 = metal::min(_e30, _e33 - row0_);
    uint _e38 = p.tile_cols;
    uint _e42 = p.sink.cols;
    uint cols = metal::min(_e38, _e42 - col0_);
    bool _e45 = skips(row0_, rows_1);
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
        uint at_4 = naga_div(start, 2u) + (2u * lane);
        uint _e91 = stream_word(at_4, stream, limit, _buffer_sizes);
        uint _e94 = stream_word(at_4 + 1u, stream, limit, _buffer_sizes);
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
        bool loop_init_2 = true;
        while(true) {
            if (!loop_init_2) {
                uint _e184 = row;
                uint _e187 = p.lanes;
                row = _e184 + _e187;
            }
            loop_init_2 = false;
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
                uint own = (row0_ + _e150) + lane;
                c = 0u;
                bool loop_init_3 = true;
                while(true) {
                    if (!loop_init_3) {
                        uint _e182 = c;
                        c = _e182 + 1u;
                    }
                    loop_init_3 = false;
                    uint _e155 = c;
                    if (_e155 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e157 = c;
                        uint col_3 = col0_ + _e157;
                        uint _e161 = p.restart;
                        uint _e162 = branch_bit(col_3, _e161, history, history_at);
                        uint _e163 = first;
                        table = _e163;
                        if (true) {
                            local_1 = on_1;
                        } else {
                            local_1 = false;
                        }
                        bool _e169 = local_1;
                        if (_e169) {
                            uint _e173 = table_bits;
                            uint _e174 = table_of(own, col_3, true ? _e162 : 0u, _e173, p, data, _buffer_sizes);
                            table = _e174;
                        }
                        uint _e175 = table;
                        uint _e176 = table_bits;
                        uint _e177 = decode_symbol(lane, on_1, _e175, _e176, masks, turn, stream, data, state, taken, limit, _buffer_sizes);
                        uint _e180 = p.zero;
                        push_code(_e177, _e180, history, history_at);
                        if (on_1) {
                            put(own, col_3, _e177, _e162, bytes, p, _buffer_sizes);
                        }
                    }
                }
            }
        }
    } else {
        uint symbols = rows_1 * cols;
        bool loop_init_4 = true;
        while(true) {
            if (!loop_init_4) {
                uint _e223 = at;
                uint _e226 = p.lanes;
                at = _e223 + _e226;
            }
            loop_init_4 = false;
            uint _e192 = at;
            if (_e192 < symbols) {
            } else {
                break;
            }
            {
                uint _e194 = at;
                uint i_3 = _e194 + lane;
                uint _e198 = p.lanes;
                if (lane < _e198) {
                    local_2 = i_3 < symbols;
                } else {
                    local_2 = false;
                }
                bool on_2 = local_2;
                uint row_3 = row0_ + naga_div(i_3, cols);
                uint col_4 = col0_ + naga_mod(i_3, cols);
                uint _e209 = first;
                table_1 = _e209;
                if (true) {
                    local_3 = on_2;
                } else {
                    local_3 = false;
                }
                bool _e215 = local_3;
                if (_e215) {
                    uint _e217 = table_bits;
                    uint _e218 = table_of(row_3, col_4, 0u, _e217, p, data, _buffer_sizes);
                    table_1 = _e218;
                }
                uint _e219 = table_1;
                uint _e220 = table_bits;
                uint _e221 = decode_symbol(lane, on_2, _e219, _e220, masks, turn, stream, data, state, taken, limit, _buffer_sizes);
                if (on_2) {
                    put(row_3, col_4, _e221, 0u, bytes, p, _buffer_sizes);
                }
            }
        }
    }
    uint _e228 = used;
    if (lane < _e228) {
        uint _e233 = state;
        local_4 = _e233 != LOWER;
    } else {
        local_4 = false;
    }
    bool _e237 = local_4;
    if (!(_e237)) {
        uint _e242 = taken;
        local_5 = _e242 != naga_div(end, 2u);
    } else {
        local_5 = true;
    }
    bool _e247 = local_5;
    if (_e247) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
