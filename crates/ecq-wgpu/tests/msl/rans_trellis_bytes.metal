// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size7;
    uint size8;
    uint size9;
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
    uint nothing;
};
struct type_7 {
    uint inner[1];
};
typedef uint type_8[1];
struct Step {
    uint symbol;
    uint state;
};
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
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;
constant uint BRANCH_TABLES = 1u;
constant uint TOUCH_COLS = 8u;
constant uint TOUCH_WORDS = 128u;

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
    uint branch_1,
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

void begin_branches(
    thread uint& until_restart
) {
    until_restart = 0u;
    return;
}

uint branch_bit(
    uint restart,
    thread type_7& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint i_2 = 0u;
    if (false) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
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
    uint at_3 = (_e43 >= LAG) ? (_e39 - LAG) : (_e35 + LAG);
    uint _e51 = history.inner[naga_div(at_3, 32u)];
    return (_e51 >> naga_mod(at_3, 32u)) & 1u;
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
    uint parity = (symbol_1 ^ zero) & 1u;
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

Step next_step(
    uint table_2,
    uint table_bits_1,
    device type_8 const& data,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = state;
    uint slot = table_2 + (_e3 & ((1u << table_bits_1) - 1u));
    if (false) {
        uint entry = data[2u * slot];
        uint _e22 = data[(2u * slot) + 1u];
        uint _e26 = state;
        return Step {_e22, ((entry & 65535u) * (_e26 >> table_bits_1)) + (entry >> 16u)};
    }
    uint entry_1 = data[slot];
    uint _e43 = state;
    return Step {(entry_1 >> 12u) & 255u, ((entry_1 >> 20u) * (_e43 >> table_bits_1)) + (entry_1 & 4095u)};
}

void finish_step(
    uint lane_2,
    bool on,
    uint next,
    threadgroup type_2& masks,
    thread uint& turn,
    device type_8 const& stream,
    thread uint& state,
    thread uint& taken,
    thread uint& limit,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_6 = {};
    if (on) {
        local_6 = next < LOWER;
    } else {
        local_6 = false;
    }
    bool needs_1 = local_6;
    metal::uint2 _e9 = words_before(lane_2, needs_1, masks, turn);
    if (on) {
        state = next;
    }
    if (needs_1) {
        uint _e15 = taken;
        uint _e18 = stream_word(_e15 + _e9.x, stream, limit, _buffer_sizes);
        state = (next << 16u) | _e18;
    }
    uint _e21 = taken;
    taken = _e21 + _e9.y;
    return;
}

uint class_table(
    uint row_class_1,
    uint col_1,
    uint branch_2,
    uint table_bits_2,
    constant RansParameters& p,
    device type_8 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e12 = p.col_classes;
    uint _e15 = data[_e12 + col_1];
    uint pair = ((row_class_1 * 16u) + (branch_2 * 8u)) + _e15;
    uint _e20 = p.class_tables;
    uint _e23 = data[_e20 + pair];
    return _e23 << table_bits_2;
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
    uint until_restart = {};
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
    uint row_class = {};
    bool local_1 = {};
    uint branch = {};
    uint table = {};
    uint touched = {};
    uint c = {};
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
                uint _e245 = row;
                uint _e248 = p.lanes;
                row = _e245 + _e248;
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
                row_class = 0u;
                if (true) {
                    local_1 = on_1;
                } else {
                    local_1 = false;
                }
                bool _e159 = local_1;
                if (_e159) {
                    uint _e163 = p.row_classes;
                    uint _e166 = data[_e163 + own];
                    row_class = _e166;
                }
                begin_branches(until_restart);
                uint _e169 = p.restart;
                uint _e170 = branch_bit(_e169, history, history_at, until_restart);
                branch = _e170;
                uint _e172 = first;
                table = _e172;
                if (true) {
                    uint _e175 = row_class;
                    uint _e176 = branch;
                    uint _e179 = table_bits;
                    uint _e180 = class_table(_e175, col0_, _e176 * BRANCH_TABLES, _e179, p, data, _buffer_sizes);
                    table = _e180;
                }
                touched = 0u;
                c = 0u;
                bool loop_init_3 = true;
                while(true) {
                    if (!loop_init_3) {
                        uint _e243 = c;
                        c = _e243 + 1u;
                    }
                    loop_init_3 = false;
                    uint _e185 = c;
                    if (_e185 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e187 = c;
                        if (naga_mod(_e187, TOUCH_COLS) == 0u) {
                            uint _e193 = taken;
                            uint _e194 = touched;
                            uint _e197 = p.nothing;
                            taken = _e193 + (_e194 & _e197);
                            uint _e201 = taken;
                            uint _e207 = stream_word((_e201 + TOUCH_WORDS) + (4u * lane), stream, limit, _buffer_sizes);
                            touched = _e207;
                        }
                        uint _e208 = table;
                        uint _e209 = table_bits;
                        Step _e210 = next_step(_e208, _e209, data, state, _buffer_sizes);
                        uint own_branch = branch;
                        uint _e215 = p.zero;
                        push_code(_e210.symbol, _e215, history, history_at);
                        uint _e218 = p.restart;
                        uint _e219 = branch_bit(_e218, history, history_at, until_restart);
                        branch = _e219;
                        if (true) {
                            uint _e221 = c;
                            uint _e228 = p.sink.cols;
                            uint next_col = metal::min((col0_ + _e221) + 1u, _e228 - 1u);
                            uint _e232 = row_class;
                            uint _e233 = branch;
                            uint _e236 = table_bits;
                            uint _e237 = class_table(_e232, next_col, _e233 * BRANCH_TABLES, _e236, p, data, _buffer_sizes);
                            table = _e237;
                        }
                        finish_step(lane, on_1, _e210.state, masks, turn, stream, state, taken, limit, _buffer_sizes);
                        if (on_1) {
                            uint _e239 = c;
                            put(own, col0_ + _e239, _e210.symbol, own_branch, bytes, p, _buffer_sizes);
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
                uint _e293 = at;
                uint _e296 = p.lanes;
                at = _e293 + _e296;
            }
            loop_init_4 = false;
            uint _e253 = at;
            if (_e253 < symbols) {
            } else {
                break;
            }
            {
                uint _e255 = at;
                uint i_3 = _e255 + lane;
                uint _e259 = p.lanes;
                if (lane < _e259) {
                    local_2 = i_3 < symbols;
                } else {
                    local_2 = false;
                }
                bool on_2 = local_2;
                uint row_2 = row0_ + naga_div(i_3, cols);
                uint col_2 = col0_ + naga_mod(i_3, cols);
                uint _e270 = first;
                table_1 = _e270;
                if (true) {
                    local_3 = on_2;
                } else {
                    local_3 = false;
                }
                bool _e276 = local_3;
                if (_e276) {
                    uint _e280 = p.row_classes;
                    uint _e283 = data[_e280 + row_2];
                    uint _e285 = table_bits;
                    uint _e286 = class_table(_e283, col_2, 0u, _e285, p, data, _buffer_sizes);
                    table_1 = _e286;
                }
                uint _e287 = table_1;
                uint _e288 = table_bits;
                Step _e289 = next_step(_e287, _e288, data, state, _buffer_sizes);
                finish_step(lane, on_2, _e289.state, masks, turn, stream, state, taken, limit, _buffer_sizes);
                if (on_2) {
                    put(row_2, col_2, _e289.symbol, 0u, bytes, p, _buffer_sizes);
                }
            }
        }
    }
    uint _e298 = used;
    if (lane < _e298) {
        uint _e303 = state;
        local_4 = _e303 != LOWER;
    } else {
        local_4 = false;
    }
    bool _e307 = local_4;
    if (!(_e307)) {
        uint _e312 = taken;
        local_5 = _e312 != naga_div(end, 2u);
    } else {
        local_5 = true;
    }
    bool _e317 = local_5;
    if (_e317) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
