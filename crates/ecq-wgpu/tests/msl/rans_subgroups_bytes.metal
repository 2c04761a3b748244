// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size6;
    uint size12;
    uint size13;
};

struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
};
typedef metal::atomic_uint type_5[1];
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
    uint last_word;
};
struct type_6 {
    uint inner[1];
};
struct type_7 {
    uint inner[4096];
};
typedef uint type_8[1];
struct Step {
    uint symbol;
    uint state;
};
constant uint LAG = 0u;
constant uint THREADS = 128u;
constant uint TILE_THREADS = 32u;
constant uint TABLE_ENTRIES = 4096u;
constant uint ROWS_ORDER = 1u;
constant uint CLASSES = 0u;
constant uint WIDE = 0u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant bool WHOLE_ROWS = false;
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;
constant uint BRANCH_TABLES = 0u;

uint tile_number(
    uint i
) {
    return i;
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
    uint count,
    uint symbols,
    uint branches,
    device type_5& bytes,
    constant RansParameters& p,
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
    thread type_6& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint i_2 = 0u;
    if (true) {
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
        return (_e29 >> 31u) & 1u;
    }
    uint _e35 = history_at;
    uint _e39 = history_at;
    uint _e43 = history_at;
    uint at_2 = (_e43 >= LAG) ? (_e39 - LAG) : (_e35 + LAG);
    uint _e51 = history.inner[naga_div(at_2, 32u)];
    return (_e51 >> naga_mod(at_2, 32u)) & 1u;
}

void push_code(
    uint symbol,
    uint zero,
    thread type_6& history,
    thread uint& history_at
) {
    if (true) {
        return;
    }
    uint parity = (symbol ^ zero) & 1u;
    if (ONE_WORD) {
        uint _e11 = history.inner[0];
        uint _e16 = history.inner[0];
        history.inner[0] = (_e11 << 1u) | (parity ^ ((_e16 >> 31u) & 1u));
        return;
    }
    uint _e25 = history_at;
    uint _e29 = history.inner[naga_div(_e25, 32u)];
    uint _e31 = history_at;
    history.inner[naga_div(_e25, 32u)] = _e29 ^ (parity << naga_mod(_e31, 32u));
    uint _e38 = history_at;
    uint _e43 = history_at;
    history_at = ((_e43 + 1u) == 0u) ? 0u : (_e38 + 1u);
    return;
}

void open_table(
    uint thread_1,
    uint first_2,
    threadgroup type_7& local_table,
    device type_8 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_3 = {};
    i_3 = 4u * thread_1;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e51 = i_3;
            i_3 = _e51 + 512u;
        }
        loop_init_2 = false;
        uint _e5 = i_3;
        if (_e5 < TABLE_ENTRIES) {
        } else {
            break;
        }
        {
            uint _e8 = i_3;
            uint at_3 = first_2 + _e8;
            uint _e12 = data[at_3];
            uint _e17 = data[at_3 + 1u];
            uint _e22 = data[at_3 + 2u];
            uint _e27 = data[at_3 + 3u];
            metal::uint4 entries = metal::uint4(_e12, _e17, _e22, _e27);
            uint _e30 = i_3;
            local_table.inner[_e30] = entries.x;
            uint _e34 = i_3;
            local_table.inner[_e34 + 1u] = entries.y;
            uint _e40 = i_3;
            local_table.inner[_e40 + 2u] = entries.z;
            uint _e46 = i_3;
            local_table.inner[_e46 + 3u] = entries.w;
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    return;
}

uint table_entry(
    uint i_4,
    threadgroup type_7& local_table
) {
    uint _e3 = local_table.inner[i_4];
    return _e3;
}

uint stream_word(
    uint i_5,
    constant RansParameters& p,
    device type_8 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.last_word;
    uint _e7 = stream[metal::min(i_5, _e4)];
    return _e7;
}

void open_words(
    uint lane,
    uint first_3,
    constant RansParameters& p,
    thread uint& base,
    thread uint& used,
    thread uint& near,
    thread uint& far,
    thread uint& ahead,
    device type_8 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint unnamed = metal::simd_broadcast_first(first_3);
    base = naga_div(unnamed, 64u) * 32u;
    uint _e11 = base;
    used = unnamed - (2u * _e11);
    uint _e16 = base;
    uint _e18 = stream_word(_e16 + lane, p, stream, _buffer_sizes);
    near = _e18;
    uint _e21 = base;
    uint _e25 = stream_word((_e21 + 32u) + lane, p, stream, _buffer_sizes);
    far = _e25;
    uint _e28 = base;
    uint _e32 = stream_word((_e28 + 64u) + lane, p, stream, _buffer_sizes);
    ahead = _e32;
    return;
}

bool window_is_used(
    thread uint& used
) {
    uint _e1 = used;
    return _e1 >= 64u;
}

void close_window(
    thread uint& base,
    thread uint& used,
    thread uint& near,
    thread uint& far,
    thread uint& ahead
) {
    uint _e1 = used;
    if (_e1 < 64u) {
        return;
    }
    uint _e5 = used;
    used = _e5 - 64u;
    uint _e9 = base;
    base = _e9 + 32u;
    uint _e14 = far;
    near = _e14;
    uint _e17 = ahead;
    far = _e17;
    return;
}

uint next_word(
    uint lane_1,
    bool needs,
    constant RansParameters& p,
    thread uint& base,
    thread uint& used,
    thread uint& near,
    thread uint& far,
    thread uint& ahead,
    device type_8 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_9 = {};
    metal::uint4 unnamed_1 = metal::uint4((uint64_t)metal::simd_ballot(needs), 0, 0, 0);
    uint all = unnamed_1.x;
    uint _e5 = used;
    uint at_4 = _e5 + metal::popcount(all & ((1u << lane_1) - 1u));
    uint _e14 = near;
    uint _e16 = far;
    uint _e18 = used;
    uint unnamed_2 = metal::simd_shuffle((lane_1 < naga_div(_e18, 2u)) ? _e16 : _e14, naga_mod(naga_div(at_4, 2u), 32u));
    uint used_before = used;
    uint _e31 = used;
    used = _e31 + metal::popcount(all);
    if (used_before < 32u) {
        uint _e39 = used;
        local_9 = _e39 >= 32u;
    } else {
        local_9 = false;
    }
    bool _e43 = local_9;
    if (_e43) {
        uint _e46 = base;
        uint _e50 = stream_word((_e46 + 64u) + lane_1, p, stream, _buffer_sizes);
        ahead = _e50;
    }
    return (unnamed_2 >> (16u * naga_mod(at_4, 2u))) & 65535u;
}

uint words_taken(
    thread uint& base,
    thread uint& used
) {
    uint _e2 = base;
    uint _e5 = used;
    return (2u * _e2) + _e5;
}

uint half_word(
    uint i_6,
    constant RansParameters& p,
    device type_8 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = stream_word(naga_div(i_6, 2u), p, stream, _buffer_sizes);
    return (_e3 >> (16u * naga_mod(i_6, 2u))) & 65535u;
}

Step next_step(
    uint table_2,
    uint table_bits_1,
    threadgroup type_7& local_table,
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
    uint _e33 = table_entry(slot, local_table);
    uint _e41 = state;
    return Step {(_e33 >> 12u) & 255u, ((_e33 >> 20u) * (_e41 >> table_bits_1)) + (_e33 & 4095u)};
}

void finish_step(
    uint lane_2,
    bool on,
    uint next,
    constant RansParameters& p,
    thread uint& base,
    thread uint& used,
    thread uint& near,
    thread uint& far,
    thread uint& ahead,
    device type_8 const& stream,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_10 = {};
    if (on) {
        local_10 = next < LOWER;
    } else {
        local_10 = false;
    }
    bool needs_1 = local_10;
    uint _e9 = next_word(lane_2, needs_1, p, base, used, near, far, ahead, stream, _buffer_sizes);
    if (on) {
        state = needs_1 ? ((next << 16u) | _e9) : next;
        return;
    } else {
        return;
    }
}

uint class_table(
    uint row_class_1,
    uint col_1,
    uint branch_1,
    uint table_bits_2,
    constant RansParameters& p,
    device type_8 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e12 = p.col_classes;
    uint _e15 = data[_e12 + col_1];
    uint pair = ((row_class_1 * 16u) + (branch_1 * 8u)) + _e15;
    uint _e20 = p.class_tables;
    uint _e23 = data[_e20 + pair];
    return _e23 << table_bits_2;
}

void report_bad(
    constant RansParameters& p,
    device type_5& report,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.weight;
    metal::atomic_store_explicit(&report[1], _e4, metal::memory_order_relaxed);
    metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
    return;
}

struct decode_ransInput {
};
[[max_total_threads_per_threadgroup(128)]] kernel void decode_rans(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_5& bytes [[user(fake0)]]
, constant RansParameters& p [[user(fake0)]]
, threadgroup type_7& local_table
, device type_8 const& data [[user(fake0)]]
, device type_8 const& stream [[user(fake0)]]
, device type_5& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_6 history = {};
    uint history_at = {};
    uint until_restart = {};
    uint base = {};
    uint used = {};
    uint near = {};
    uint far = {};
    uint ahead = {};
    uint state = {};
    uint col0_ = 0u;
    uint lanes = {};
    uint table_bits = {};
    uint first = 0u;
    bool local = {};
    uint row = 0u;
    bool local_1 = {};
    uint row_class = {};
    bool local_2 = {};
    uint branch = {};
    uint table = {};
    uint c = {};
    bool local_3 = {};
    uint at = 0u;
    bool local_4 = {};
    bool local_5 = {};
    uint table_1 = {};
    bool local_6 = {};
    bool local_7 = {};
    bool local_8 = {};
    open_table(thread_, 0u, local_table, data, _buffer_sizes);
    uint lane_3 = naga_mod(thread_, TILE_THREADS);
    uint group_number = group.x + (group.y * 65535u);
    uint _e15 = tile_number((group_number * 4u) + naga_div(thread_, TILE_THREADS));
    uint _e18 = p.tiles;
    if (_e15 >= _e18) {
        return;
    }
    uint _e22 = p.across;
    uint _e26 = p.tile_rows;
    uint row0_ = naga_div(_e15, _e22) * _e26;
    uint _e30 = p.tile_rows;
    uint _e33 = p.rows;
    uint rows_1 = metal::min(_e30, _e33 - row0_);
    if (true) {
        uint _e41 = p.across;
        uint _e45 = p.tile_cols;
        col0_ = naga_mod(_e15, _e41) * _e45;
    }
    uint _e49 = p.tile_cols;
    uint _e53 = p.sink.cols;
    uint _e54 = col0_;
    uint cols = metal::min(_e49, _e53 - _e54);
    bool _e57 = skips(row0_, rows_1);
    if (_e57) {
        return;
    }
    uint _e61 = p.starts;
    uint start = data[_e61 + _e15];
    uint _e68 = p.starts;
    uint end = data[(_e68 + _e15) + 1u];
    uint _e76 = p.lanes;
    lanes = metal::min(_e76, rows_1);
    if (false) {
        uint _e82 = p.lanes;
        lanes = metal::min(_e82, rows_1 * cols);
    }
    uint _e87 = lanes;
    if ((end - start) < (4u * _e87)) {
        if (lane_3 == 0u) {
            report_bad(p, report, _buffer_sizes);
        }
        return;
    }
    uint _e92 = lanes;
    if (lane_3 < _e92) {
        uint at_5 = naga_div(start, 2u) + (2u * lane_3);
        uint _e100 = half_word(at_5, p, stream, _buffer_sizes);
        uint _e103 = half_word(at_5 + 1u, p, stream, _buffer_sizes);
        state = _e100 | (_e103 << 16u);
    }
    uint _e110 = lanes;
    open_words(lane_3, naga_div(start, 2u) + (2u * _e110), p, base, used, near, far, ahead, stream, _buffer_sizes);
    uint _e115 = p.table_bits;
    table_bits = _e115;
    if (false) {
        uint _e124 = p.listed;
        local = _e124 != 0u;
    } else {
        local = false;
    }
    bool _e128 = local;
    if (_e128) {
        uint _e132 = p.firsts;
        uint _e135 = data[_e132 + _e15];
        table_bits = _e135 & 15u;
        uint _e141 = p.firsts;
        uint _e144 = data[_e141 + _e15];
        first = _e144 >> 4u;
    }
    if (true) {
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e247 = row;
                uint _e250 = p.lanes;
                row = _e247 + _e250;
            }
            loop_init_3 = false;
            uint _e150 = row;
            if (_e150 < rows_1) {
            } else {
                break;
            }
            {
                uint _e154 = p.lanes;
                if (lane_3 < _e154) {
                    uint _e158 = row;
                    local_1 = (_e158 + lane_3) < rows_1;
                } else {
                    local_1 = false;
                }
                bool on_1 = local_1;
                uint _e163 = row;
                uint own = (row0_ + _e163) + lane_3;
                row_class = 0u;
                if (false) {
                    local_2 = on_1;
                } else {
                    local_2 = false;
                }
                bool _e172 = local_2;
                if (_e172) {
                    uint _e176 = p.row_classes;
                    uint _e179 = data[_e176 + own];
                    row_class = _e179;
                }
                begin_branches(until_restart);
                uint _e182 = p.restart;
                uint _e183 = branch_bit(_e182, history, history_at, until_restart);
                branch = _e183;
                uint _e185 = first;
                table = _e185;
                if (false) {
                    uint _e188 = row_class;
                    uint _e189 = col0_;
                    uint _e190 = branch;
                    uint _e193 = table_bits;
                    uint _e194 = class_table(_e188, _e189, _e190 * BRANCH_TABLES, _e193, p, data, _buffer_sizes);
                    table = _e194;
                }
                c = 0u;
                while(true) {
                    uint _e197 = c;
                    if (_e197 < cols) {
                    } else {
                        break;
                    }
                    {
                        while(true) {
                            uint _e199 = c;
                            if (_e199 < cols) {
                                bool _e203 = window_is_used(used);
                                local_3 = !(_e203);
                            } else {
                                local_3 = false;
                            }
                            bool _e206 = local_3;
                            if (_e206) {
                            } else {
                                break;
                            }
                            {
                                uint _e207 = table;
                                uint _e208 = table_bits;
                                Step _e209 = next_step(_e207, _e208, local_table, data, state, _buffer_sizes);
                                uint own_branch = branch;
                                uint _e214 = p.zero;
                                push_code(_e209.symbol, _e214, history, history_at);
                                uint _e217 = p.restart;
                                uint _e218 = branch_bit(_e217, history, history_at, until_restart);
                                branch = _e218;
                                if (false) {
                                    uint _e220 = col0_;
                                    uint _e221 = c;
                                    uint _e228 = p.sink.cols;
                                    uint next_col = metal::min((_e220 + _e221) + 1u, _e228 - 1u);
                                    uint _e232 = row_class;
                                    uint _e233 = branch;
                                    uint _e236 = table_bits;
                                    uint _e237 = class_table(_e232, next_col, _e233 * BRANCH_TABLES, _e236, p, data, _buffer_sizes);
                                    table = _e237;
                                }
                                finish_step(lane_3, on_1, _e209.state, p, base, used, near, far, ahead, stream, state, _buffer_sizes);
                                if (on_1) {
                                    uint _e239 = col0_;
                                    uint _e240 = c;
                                    put(own, _e239 + _e240, 1u, _e209.symbol, own_branch, bytes, p, _buffer_sizes);
                                }
                                uint _e245 = c;
                                c = _e245 + 1u;
                            }
                        }
                        close_window(base, used, near, far, ahead);
                    }
                }
            }
        }
    } else {
        uint symbols_1 = rows_1 * cols;
        while(true) {
            uint _e255 = at;
            if (_e255 < symbols_1) {
            } else {
                break;
            }
            {
                while(true) {
                    uint _e257 = at;
                    if (_e257 < symbols_1) {
                        bool _e261 = window_is_used(used);
                        local_4 = !(_e261);
                    } else {
                        local_4 = false;
                    }
                    bool _e264 = local_4;
                    if (_e264) {
                    } else {
                        break;
                    }
                    {
                        uint _e265 = at;
                        uint i_7 = _e265 + lane_3;
                        uint _e269 = p.lanes;
                        if (lane_3 < _e269) {
                            local_5 = i_7 < symbols_1;
                        } else {
                            local_5 = false;
                        }
                        bool on_2 = local_5;
                        uint row_2 = row0_ + naga_div(i_7, cols);
                        uint _e278 = col0_;
                        uint col_2 = _e278 + naga_mod(i_7, cols);
                        uint _e281 = first;
                        table_1 = _e281;
                        if (false) {
                            local_6 = on_2;
                        } else {
                            local_6 = false;
                        }
                        bool _e287 = local_6;
                        if (_e287) {
                            uint _e291 = p.row_classes;
                            uint _e294 = data[_e291 + row_2];
                            uint _e296 = table_bits;
                            uint _e297 = class_table(_e294, col_2, 0u, _e296, p, data, _buffer_sizes);
                            table_1 = _e297;
                        }
                        uint _e298 = table_1;
                        uint _e299 = table_bits;
                        Step _e300 = next_step(_e298, _e299, local_table, data, state, _buffer_sizes);
                        finish_step(lane_3, on_2, _e300.state, p, base, used, near, far, ahead, stream, state, _buffer_sizes);
                        if (on_2) {
                            put(row_2, col_2, 1u, _e300.symbol, 0u, bytes, p, _buffer_sizes);
                        }
                        uint _e305 = at;
                        uint _e308 = p.lanes;
                        at = _e305 + _e308;
                    }
                }
                close_window(base, used, near, far, ahead);
            }
        }
    }
    uint _e310 = lanes;
    if (lane_3 < _e310) {
        uint _e315 = state;
        local_7 = _e315 != LOWER;
    } else {
        local_7 = false;
    }
    bool _e319 = local_7;
    if (!(_e319)) {
        uint _e323 = words_taken(base, used);
        local_8 = _e323 != naga_div(end, 2u);
    } else {
        local_8 = true;
    }
    bool _e328 = local_8;
    if (_e328) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
