// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size1;
    uint size10;
    uint size16;
    uint size17;
};

struct Codes {
    metal::uint4 a;
    metal::uint4 b;
};
typedef uint type_2[1];
struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
};
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
struct type_5 {
    uint inner[1];
};
struct type_6 {
    uint inner[4096];
};
typedef metal::atomic_uint type_8[1];
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
constant uint BITS = 3u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;
constant uint BRANCH_TABLES = 0u;

void store_block(
    uint at_1,
    Codes codes,
    device type_2& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    words[at_1 + 0u] = (((((codes.a.x >> 0u) & 50529027u) << 0u) | (((codes.a.y >> 0u) & 50529027u) << 2u)) | (((codes.a.z >> 0u) & 50529027u) << 4u)) | (((codes.a.w >> 0u) & 50529027u) << 6u);
    words[at_1 + 32u] = (((((codes.b.x >> 0u) & 50529027u) << 0u) | (((codes.b.y >> 0u) & 50529027u) << 2u)) | (((codes.b.z >> 0u) & 50529027u) << 4u)) | (((codes.b.w >> 0u) & 50529027u) << 6u);
    words[at_1 + 64u] = (((((((((codes.a.x >> 2u) & 16843009u) << 0u) | (((codes.a.y >> 2u) & 16843009u) << 1u)) | (((codes.a.z >> 2u) & 16843009u) << 2u)) | (((codes.a.w >> 2u) & 16843009u) << 3u)) | (((codes.b.x >> 2u) & 16843009u) << 4u)) | (((codes.b.y >> 2u) & 16843009u) << 5u)) | (((codes.b.z >> 2u) & 16843009u) << 6u)) | (((codes.b.w >> 2u) & 16843009u) << 7u);
    return;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint tile_number(
    uint i,
    device type_2 const& looked_up,
    constant metal::uint4& active_rows,
    constant RansParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = active_rows.x;
    if (i >= _e3) {
        return 4294967295u;
    }
    uint _e8 = looked_up[i];
    uint _e11 = p.tile_rows;
    return naga_div(_e8, _e11);
}

void push_quad(
    uint last,
    thread Codes& gathered
) {
    metal::uint4 _e5 = gathered.a;
    uint _e10 = gathered.b.x;
    gathered.a = metal::uint4(_e5.yzw, _e10);
    metal::uint4 _e16 = gathered.b;
    gathered.b = metal::uint4(_e16.yzw, last);
    return;
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void put_block(
    uint row_1,
    uint block,
    Codes codes_1,
    device type_2& words,
    constant RansParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e8 = p.sink.blocks;
    store_block(((((naga_div(row_1, 32u) * _e8) + block) * BITS) * 32u) + naga_mod(row_1, 32u), codes_1, words, _buffer_sizes);
    return;
}

void put(
    uint row_2,
    uint col,
    uint symbol,
    uint branch_1,
    device type_2& words,
    constant RansParameters& p,
    thread uint& quad_,
    thread Codes& gathered,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint element = {};
    bool local_6 = {};
    bool local_7 = {};
    uint i_1 = {};
    element = symbol;
    if (false) {
        element = (2u * symbol) + branch_1;
    }
    uint _e11 = quad_;
    uint _e14 = element;
    uint _e18 = p.sink.base;
    quad_ = (_e11 >> 8u) | ((_e14 - _e18) << 24u);
    uint _e28 = p.sink.cols;
    bool is_last = (col + 1u) == _e28;
    if (naga_mod(col, 4u) < 3u) {
        local_6 = !(is_last);
    } else {
        local_6 = false;
    }
    bool _e38 = local_6;
    if (_e38) {
        return;
    }
    uint _e40 = quad_;
    push_quad(_e40 >> (8u * (3u - naga_mod(col, 4u))), gathered);
    if (naga_mod(col, 32u) < 28u) {
        local_7 = !(is_last);
    } else {
        local_7 = false;
    }
    bool _e56 = local_7;
    if (_e56) {
        return;
    }
    i_1 = naga_div(naga_mod(col, 32u), 4u);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e67 = i_1;
            i_1 = _e67 + 1u;
        }
        loop_init = false;
        uint _e62 = i_1;
        if (_e62 < 7u) {
        } else {
            break;
        }
        {
            push_quad(0u, gathered);
        }
    }
    Codes _e72 = gathered;
    put_block(row_2, naga_div(col, 32u), _e72, words, p, _buffer_sizes);
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
    thread type_5& history,
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
    uint symbol_1,
    uint zero,
    thread type_5& history,
    thread uint& history_at
) {
    if (true) {
        return;
    }
    uint parity = (symbol_1 ^ zero) & 1u;
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
    threadgroup type_6& local_table,
    device type_2 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_3 = {};
    i_3 = thread_1;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e14 = i_3;
            i_3 = _e14 + THREADS;
        }
        loop_init_2 = false;
        uint _e3 = i_3;
        if (_e3 < TABLE_ENTRIES) {
        } else {
            break;
        }
        {
            uint _e7 = i_3;
            uint _e10 = i_3;
            uint _e13 = data[first_2 + _e10];
            local_table.inner[_e7] = _e13;
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    return;
}

uint table_entry(
    uint i_4,
    threadgroup type_6& local_table
) {
    uint _e3 = local_table.inner[i_4];
    return _e3;
}

uint stream_word(
    uint i_5,
    constant RansParameters& p,
    device type_2 const& stream,
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
    device type_2 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    base = naga_div(first_3, 64u) * 32u;
    uint _e10 = base;
    used = first_3 - (2u * _e10);
    uint _e15 = base;
    uint _e17 = stream_word(_e15 + lane, p, stream, _buffer_sizes);
    near = _e17;
    uint _e20 = base;
    uint _e24 = stream_word((_e20 + 32u) + lane, p, stream, _buffer_sizes);
    far = _e24;
    uint _e27 = base;
    uint _e31 = stream_word((_e27 + 64u) + lane, p, stream, _buffer_sizes);
    ahead = _e31;
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
    device type_2 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 unnamed = metal::uint4((uint64_t)metal::simd_ballot(needs), 0, 0, 0);
    uint all = unnamed.x;
    uint _e5 = used;
    uint at_3 = _e5 + metal::popcount(all & ((1u << lane_1) - 1u));
    uint other = naga_mod(naga_div(at_3, 2u), 32u);
    uint _e18 = near;
    uint unnamed_1 = metal::simd_shuffle(_e18, other);
    uint _e21 = far;
    uint unnamed_2 = metal::simd_shuffle(_e21, other);
    uint word = (at_3 >= 64u) ? unnamed_2 : unnamed_1;
    uint _e27 = used;
    used = _e27 + metal::popcount(all);
    uint _e31 = used;
    if (_e31 >= 64u) {
        uint _e35 = used;
        used = _e35 - 64u;
        uint _e39 = base;
        base = _e39 + 32u;
        uint _e44 = far;
        near = _e44;
        uint _e47 = ahead;
        far = _e47;
        uint _e50 = base;
        uint _e54 = stream_word((_e50 + 64u) + lane_1, p, stream, _buffer_sizes);
        ahead = _e54;
    }
    return (word >> (16u * naga_mod(at_3, 2u))) & 65535u;
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
    device type_2 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = stream_word(naga_div(i_6, 2u), p, stream, _buffer_sizes);
    return (_e3 >> (16u * naga_mod(i_6, 2u))) & 65535u;
}

Step next_step(
    uint table_2,
    uint table_bits_1,
    threadgroup type_6& local_table,
    device type_2 const& data,
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
    device type_2 const& stream,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_8 = {};
    if (on) {
        local_8 = next < LOWER;
    } else {
        local_8 = false;
    }
    bool needs_1 = local_8;
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
    uint branch_2,
    uint table_bits_2,
    constant RansParameters& p,
    device type_2 const& data,
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
    device type_8& report,
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
, device type_2& words [[user(fake0)]]
, device type_2 const& looked_up [[user(fake0)]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant RansParameters& p [[user(fake0)]]
, threadgroup type_6& local_table
, device type_2 const& data [[user(fake0)]]
, device type_2 const& stream [[user(fake0)]]
, device type_8& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint quad_ = {};
    Codes gathered = {};
    type_5 history = {};
    uint history_at = {};
    uint until_restart = {};
    uint base = {};
    uint used = {};
    uint near = {};
    uint far = {};
    uint ahead = {};
    uint state = {};
    uint lanes = {};
    uint table_bits = {};
    uint first = 0u;
    uint row = 0u;
    bool local = {};
    uint row_class = {};
    bool local_1 = {};
    uint branch = {};
    uint table = {};
    uint c = {};
    uint at = 0u;
    bool local_2 = {};
    uint table_1 = {};
    bool local_3 = {};
    bool local_4 = {};
    bool local_5 = {};
    open_table(thread_, 0u, local_table, data, _buffer_sizes);
    uint lane_3 = naga_mod(thread_, TILE_THREADS);
    uint group_number = group.x + (group.y * 65535u);
    uint _e15 = tile_number((group_number * 4u) + naga_div(thread_, TILE_THREADS), looked_up, active_rows, p, _buffer_sizes);
    uint _e18 = p.tiles;
    if (_e15 >= _e18) {
        return;
    }
    uint _e22 = p.across;
    uint _e26 = p.tile_rows;
    uint row0_ = naga_div(_e15, _e22) * _e26;
    uint _e30 = p.across;
    uint _e34 = p.tile_cols;
    uint col0_ = naga_mod(_e15, _e30) * _e34;
    uint _e38 = p.tile_rows;
    uint _e41 = p.rows;
    uint rows_1 = metal::min(_e38, _e41 - row0_);
    uint _e46 = p.tile_cols;
    uint _e50 = p.sink.cols;
    uint cols = metal::min(_e46, _e50 - col0_);
    bool _e53 = skips(row0_, rows_1);
    if (_e53) {
        return;
    }
    uint _e57 = p.starts;
    uint start = data[_e57 + _e15];
    uint _e64 = p.starts;
    uint end = data[(_e64 + _e15) + 1u];
    uint _e72 = p.lanes;
    lanes = metal::min(_e72, rows_1);
    if (false) {
        uint _e78 = p.lanes;
        lanes = metal::min(_e78, rows_1 * cols);
    }
    uint _e83 = lanes;
    if ((end - start) < (4u * _e83)) {
        if (lane_3 == 0u) {
            report_bad(p, report, _buffer_sizes);
        }
        return;
    }
    uint _e88 = lanes;
    if (lane_3 < _e88) {
        uint at_4 = naga_div(start, 2u) + (2u * lane_3);
        uint _e96 = half_word(at_4, p, stream, _buffer_sizes);
        uint _e99 = half_word(at_4 + 1u, p, stream, _buffer_sizes);
        state = _e96 | (_e99 << 16u);
    }
    uint _e106 = lanes;
    open_words(lane_3, naga_div(start, 2u) + (2u * _e106), p, base, used, near, far, ahead, stream, _buffer_sizes);
    uint _e111 = p.table_bits;
    table_bits = _e111;
    uint _e117 = p.listed;
    if (_e117 != 0u) {
        uint _e123 = p.firsts;
        uint _e126 = data[_e123 + _e15];
        table_bits = _e126 & 15u;
        uint _e132 = p.firsts;
        uint _e135 = data[_e132 + _e15];
        first = _e135 >> 4u;
    }
    if (true) {
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e226 = row;
                uint _e229 = p.lanes;
                row = _e226 + _e229;
            }
            loop_init_3 = false;
            uint _e141 = row;
            if (_e141 < rows_1) {
            } else {
                break;
            }
            {
                uint _e145 = p.lanes;
                if (lane_3 < _e145) {
                    uint _e149 = row;
                    local = (_e149 + lane_3) < rows_1;
                } else {
                    local = false;
                }
                bool on_1 = local;
                uint _e154 = row;
                uint own = (row0_ + _e154) + lane_3;
                row_class = 0u;
                if (false) {
                    local_1 = on_1;
                } else {
                    local_1 = false;
                }
                bool _e163 = local_1;
                if (_e163) {
                    uint _e167 = p.row_classes;
                    uint _e170 = data[_e167 + own];
                    row_class = _e170;
                }
                begin_branches(until_restart);
                uint _e173 = p.restart;
                uint _e174 = branch_bit(_e173, history, history_at, until_restart);
                branch = _e174;
                uint _e176 = first;
                table = _e176;
                if (false) {
                    uint _e179 = row_class;
                    uint _e180 = branch;
                    uint _e183 = table_bits;
                    uint _e184 = class_table(_e179, col0_, _e180 * BRANCH_TABLES, _e183, p, data, _buffer_sizes);
                    table = _e184;
                }
                c = 0u;
                bool loop_init_4 = true;
                while(true) {
                    if (!loop_init_4) {
                        uint _e224 = c;
                        c = _e224 + 1u;
                    }
                    loop_init_4 = false;
                    uint _e187 = c;
                    if (_e187 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e189 = table;
                        uint _e190 = table_bits;
                        Step _e191 = next_step(_e189, _e190, local_table, data, state, _buffer_sizes);
                        uint own_branch = branch;
                        uint _e196 = p.zero;
                        push_code(_e191.symbol, _e196, history, history_at);
                        uint _e199 = p.restart;
                        uint _e200 = branch_bit(_e199, history, history_at, until_restart);
                        branch = _e200;
                        if (false) {
                            uint _e202 = c;
                            uint _e209 = p.sink.cols;
                            uint next_col = metal::min((col0_ + _e202) + 1u, _e209 - 1u);
                            uint _e213 = row_class;
                            uint _e214 = branch;
                            uint _e217 = table_bits;
                            uint _e218 = class_table(_e213, next_col, _e214 * BRANCH_TABLES, _e217, p, data, _buffer_sizes);
                            table = _e218;
                        }
                        finish_step(lane_3, on_1, _e191.state, p, base, used, near, far, ahead, stream, state, _buffer_sizes);
                        if (on_1) {
                            uint _e220 = c;
                            put(own, col0_ + _e220, _e191.symbol, own_branch, words, p, quad_, gathered, _buffer_sizes);
                        }
                    }
                }
            }
        }
    } else {
        uint symbols = rows_1 * cols;
        bool loop_init_5 = true;
        while(true) {
            if (!loop_init_5) {
                uint _e274 = at;
                uint _e277 = p.lanes;
                at = _e274 + _e277;
            }
            loop_init_5 = false;
            uint _e234 = at;
            if (_e234 < symbols) {
            } else {
                break;
            }
            {
                uint _e236 = at;
                uint i_7 = _e236 + lane_3;
                uint _e240 = p.lanes;
                if (lane_3 < _e240) {
                    local_2 = i_7 < symbols;
                } else {
                    local_2 = false;
                }
                bool on_2 = local_2;
                uint row_3 = row0_ + naga_div(i_7, cols);
                uint col_2 = col0_ + naga_mod(i_7, cols);
                uint _e251 = first;
                table_1 = _e251;
                if (false) {
                    local_3 = on_2;
                } else {
                    local_3 = false;
                }
                bool _e257 = local_3;
                if (_e257) {
                    uint _e261 = p.row_classes;
                    uint _e264 = data[_e261 + row_3];
                    uint _e266 = table_bits;
                    uint _e267 = class_table(_e264, col_2, 0u, _e266, p, data, _buffer_sizes);
                    table_1 = _e267;
                }
                uint _e268 = table_1;
                uint _e269 = table_bits;
                Step _e270 = next_step(_e268, _e269, local_table, data, state, _buffer_sizes);
                finish_step(lane_3, on_2, _e270.state, p, base, used, near, far, ahead, stream, state, _buffer_sizes);
                if (on_2) {
                    put(row_3, col_2, _e270.symbol, 0u, words, p, quad_, gathered, _buffer_sizes);
                }
            }
        }
    }
    uint _e279 = lanes;
    if (lane_3 < _e279) {
        uint _e284 = state;
        local_4 = _e284 != LOWER;
    } else {
        local_4 = false;
    }
    bool _e288 = local_4;
    if (!(_e288)) {
        uint _e292 = words_taken(base, used);
        local_5 = _e292 != naga_div(end, 2u);
    } else {
        local_5 = true;
    }
    bool _e297 = local_5;
    if (_e297) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
