// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size8;
    uint size13;
    uint size14;
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
    uint inner[1024];
};
struct type_8 {
    metal::atomic_uint inner[3];
};
typedef metal::atomic_uint type_9[1];
struct Step {
    uint symbol;
    uint state;
};
struct Tile {
    uint col0_;
    uint cols;
    uint table_bits;
    uint first;
};
constant uint LAG = 12u;
constant uint THREADS = 32u;
constant uint TILE_THREADS = 32u;
constant uint TABLE_ENTRIES = 1024u;
constant uint ROWS_ORDER = 1u;
constant uint CLASSES = 2u;
constant uint WIDE = 0u;
constant uint BITS = 3u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant bool WHOLE_ROWS = true;
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint MASK_WORDS = 1u;
constant uint TOUCH_STEPS = 8u;
constant uint TOUCH_WORDS = 128u;
constant uint LOWER = 65536u;
constant uint BAD_STREAM = 3u;
constant uint BRANCH_TABLES = 1u;

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

uint tile_number(
    uint i
) {
    return i;
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

uint less_base(
    uint elements,
    constant RansParameters& p
) {
    uint _e4 = p.sink.base;
    uint base = _e4 * 16843009u;
    return ((elements | 2155905152u) - (base & ~(2155905152u))) ^ ((elements ^ ~(base)) & 2155905152u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
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
    uint count,
    uint symbols,
    uint branches,
    device type_2& words,
    thread uint& pending,
    thread Codes& gathered,
    constant RansParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint elements_1 = {};
    uint blocks = {};
    uint block_1 = {};
    uint i_1 = {};
    elements_1 = symbols;
    if (true) {
        elements_1 = ((symbols << 1u) & 4278124286u) | branches;
    }
    uint before_1 = naga_mod(col, 4u);
    uint _e15 = pending;
    uint _e16 = elements_1;
    pending = _e15 | (_e16 << (8u * before_1));
    if ((before_1 + count) >= 4u) {
        uint _e25 = pending;
        uint _e26 = less_base(_e25, p);
        push_quad(_e26, gathered);
        uint _e28 = elements_1;
        pending = (_e28 >> 1u) >> (31u - (8u * before_1));
    }
    uint end = col + count;
    blocks = naga_div(end, 32u);
    uint _e43 = p.sink.cols;
    if (end == _e43) {
        blocks = naga_div(end + 31u, 32u);
    }
    block_1 = naga_div(col, 32u);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e93 = block_1;
            block_1 = _e93 + 1u;
        }
        loop_init = false;
        uint _e52 = block_1;
        uint _e53 = blocks;
        if (_e52 < _e53) {
        } else {
            break;
        }
        {
            uint _e55 = block_1;
            if (_e55 == naga_div(end, 32u)) {
                if (naga_mod(end, 4u) > 0u) {
                    uint _e64 = pending;
                    uint _e65 = less_base(_e64, p);
                    push_quad(_e65 & ((1u << (8u * naga_mod(end, 4u))) - 1u), gathered);
                }
                i_1 = naga_div(naga_mod(end, 32u) + 3u, 4u);
                bool loop_init_1 = true;
                while(true) {
                    if (!loop_init_1) {
                        uint _e87 = i_1;
                        i_1 = _e87 + 1u;
                    }
                    loop_init_1 = false;
                    uint _e82 = i_1;
                    if (_e82 < 8u) {
                    } else {
                        break;
                    }
                    {
                        push_quad(0u, gathered);
                    }
                }
            }
            uint _e89 = block_1;
            Codes _e91 = gathered;
            put_block(row_2, _e89, _e91, words, p, _buffer_sizes);
        }
    }
    uint _e98 = p.sink.cols;
    if (end == _e98) {
        pending = 0u;
        return;
    } else {
        return;
    }
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
    if (false) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
        bool loop_init_2 = true;
        while(true) {
            if (!loop_init_2) {
                uint _e17 = i_2;
                i_2 = _e17 + 1u;
            }
            loop_init_2 = false;
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
    uint at_2 = (_e43 >= LAG) ? (_e39 - LAG) : (_e35 + LAG);
    uint _e51 = history.inner[naga_div(at_2, 32u)];
    return (_e51 >> naga_mod(at_2, 32u)) & 1u;
}

void push_code(
    uint symbol,
    uint zero,
    thread type_5& history,
    thread uint& history_at
) {
    if (false) {
        return;
    }
    uint parity = (symbol ^ zero) & 1u;
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

void open_table(
    uint thread_1,
    uint first_2,
    threadgroup type_6& local_table,
    device type_2 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_3 = {};
    i_3 = 4u * thread_1;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e51 = i_3;
            i_3 = _e51 + 128u;
        }
        loop_init_3 = false;
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
    threadgroup type_6& local_table
) {
    uint _e3 = local_table.inner[i_4];
    return _e3;
}

void open_words(
    uint lane,
    uint first_3,
    threadgroup type_8& masks,
    thread uint& taken
) {
    taken = first_3;
    if (lane < 3u) {
        metal::atomic_store_explicit(&masks.inner[lane], 0u, metal::memory_order_relaxed);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    return;
}

void close_window(
    uint lane_1
) {
    return;
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

uint half_word(
    uint i_6,
    constant RansParameters& p,
    device type_2 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = stream_word(naga_div(i_6, 2u), p, stream, _buffer_sizes);
    return (_e3 >> (16u * naga_mod(i_6, 2u))) & 65535u;
}

uint next_word(
    uint lane_2,
    bool needs,
    constant RansParameters& p,
    threadgroup type_8& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_2 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint before = 0u;
    uint all = 0u;
    uint i_7 = 0u;
    uint word = 0u;
    uint _e3 = turn;
    if (naga_mod(_e3, TOUCH_STEPS) == 0u) {
        uint _e9 = taken;
        uint _e11 = touched;
        uint _e14 = p.nothing;
        taken = _e9 + (_e11 & _e14);
        uint _e19 = taken;
        uint _e25 = half_word((_e19 + TOUCH_WORDS) + (4u * lane_2), p, stream, _buffer_sizes);
        touched = _e25;
    }
    uint _e27 = turn;
    uint first_4 = naga_mod(_e27, 3u) * MASK_WORDS;
    uint _e34 = turn;
    turn = _e34 + 1u;
    if (needs) {
        uint _e45 = metal::atomic_fetch_or_explicit(&masks.inner[first_4 + naga_div(lane_2, 32u)], 1u << naga_mod(lane_2, 32u), metal::memory_order_relaxed);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e85 = i_7;
            i_7 = _e85 + 1u;
        }
        loop_init_4 = false;
        uint _e52 = i_7;
        if (_e52 < MASK_WORDS) {
        } else {
            break;
        }
        {
            uint _e56 = i_7;
            uint mask = metal::atomic_load_explicit(&masks.inner[first_4 + _e56], metal::memory_order_relaxed);
            uint _e60 = all;
            all = _e60 + metal::popcount(mask);
            uint _e63 = i_7;
            if (_e63 < naga_div(lane_2, 32u)) {
                uint _e67 = before;
                before = _e67 + metal::popcount(mask);
            }
            uint _e70 = i_7;
            if (_e70 == naga_div(lane_2, 32u)) {
                uint _e74 = before;
                before = _e74 + metal::popcount(mask & ((1u << naga_mod(lane_2, 32u)) - 1u));
            }
        }
    }
    if (lane_2 < MASK_WORDS) {
        uint _e91 = turn;
        metal::atomic_store_explicit(&masks.inner[(naga_mod(_e91 + 1u, 3u) * MASK_WORDS) + lane_2], 0u, metal::memory_order_relaxed);
    }
    if (needs) {
        uint _e104 = taken;
        uint _e105 = before;
        uint _e107 = half_word(_e104 + _e105, p, stream, _buffer_sizes);
        word = _e107;
    }
    uint _e109 = taken;
    uint _e110 = all;
    taken = _e109 + _e110;
    uint _e112 = word;
    return _e112;
}

uint words_taken(
    thread uint& taken
) {
    uint _e1 = taken;
    return _e1;
}

Step next_step(
    uint table,
    uint table_bits_1,
    threadgroup type_6& local_table,
    device type_2 const& data,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = state;
    uint slot = table + (_e3 & ((1u << table_bits_1) - 1u));
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
    uint lane_3,
    bool on,
    uint next,
    constant RansParameters& p,
    threadgroup type_8& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_2 const& stream,
    thread uint& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool needs_1 = on & (next < LOWER);
    uint _e6 = next_word(lane_3, needs_1, p, masks, turn, taken, touched, stream, _buffer_sizes);
    uint _e9 = state;
    state = on ? (needs_1 ? ((next << 16u) | _e6) : next) : _e9;
    return;
}

uint class_table(
    uint row_class,
    uint col_1,
    uint branch,
    uint table_bits_2,
    constant RansParameters& p,
    device type_2 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e12 = p.col_classes;
    uint _e15 = data[_e12 + col_1];
    uint pair = ((row_class * 16u) + (branch * 8u)) + _e15;
    uint _e20 = p.class_tables;
    uint _e23 = data[_e20 + pair];
    return _e23 << table_bits_2;
}

void open_column(
    Tile t,
    uint c_1,
    constant RansParameters& p,
    thread type_5& history,
    thread uint& history_at,
    thread uint& until_restart,
    device type_2 const& data,
    thread uint& row_class_1,
    thread uint& branch_1,
    thread uint& table_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = p.restart;
    uint _e6 = branch_bit(_e5, history, history_at, until_restart);
    branch_1 = _e6;
    table_1 = t.first;
    if (true) {
        uint _e15 = p.sink.cols;
        uint col_2 = metal::min(t.col0_ + c_1, _e15 - 1u);
        uint _e21 = row_class_1;
        uint _e23 = branch_1;
        uint _e27 = class_table(_e21, col_2, _e23 * BRANCH_TABLES, t.table_bits, p, data, _buffer_sizes);
        table_1 = _e27;
        return;
    } else {
        return;
    }
}

void decode_column(
    Tile t_1,
    uint lane_4,
    bool on_1,
    uint c_2,
    uint i_8,
    constant RansParameters& p,
    thread type_5& history,
    thread uint& history_at,
    thread uint& until_restart,
    threadgroup type_6& local_table,
    device type_2 const& data,
    threadgroup type_8& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_2 const& stream,
    thread uint& state,
    thread uint& row_class_1,
    thread uint& branch_1,
    thread uint& table_1,
    thread uint& symbols_1,
    thread uint& branches_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e6 = table_1;
    Step _e8 = next_step(_e6, t_1.table_bits, local_table, data, state, _buffer_sizes);
    uint _e10 = symbols_1;
    symbols_1 = _e10 | (_e8.symbol << (8u * i_8));
    uint _e17 = branches_1;
    uint _e19 = branch_1;
    branches_1 = _e17 | (_e19 << (8u * i_8));
    uint _e27 = p.zero;
    push_code(_e8.symbol, _e27, history, history_at);
    open_column(t_1, (c_2 + i_8) + 1u, p, history, history_at, until_restart, data, row_class_1, branch_1, table_1, _buffer_sizes);
    finish_step(lane_4, on_1 & ((c_2 + i_8) < t_1.cols), _e8.state, p, masks, turn, taken, touched, stream, state, _buffer_sizes);
    return;
}

void decode_columns(
    Tile t_2,
    uint lane_5,
    bool on_2,
    uint row_3,
    uint c_3,
    device type_2& words,
    thread uint& pending,
    thread Codes& gathered,
    constant RansParameters& p,
    thread type_5& history,
    thread uint& history_at,
    thread uint& until_restart,
    threadgroup type_6& local_table,
    device type_2 const& data,
    threadgroup type_8& masks,
    thread uint& turn,
    thread uint& taken,
    thread uint& touched,
    device type_2 const& stream,
    thread uint& state,
    thread uint& row_class_1,
    thread uint& branch_1,
    thread uint& table_1,
    thread uint& symbols_1,
    thread uint& branches_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    symbols_1 = 0u;
    branches_1 = 0u;
    decode_column(t_2, lane_5, on_2, c_3, 0u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    decode_column(t_2, lane_5, on_2, c_3, 1u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    decode_column(t_2, lane_5, on_2, c_3, 2u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    decode_column(t_2, lane_5, on_2, c_3, 3u, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
    close_window(lane_5);
    if (on_2 & (c_3 < t_2.cols)) {
        uint _e23 = symbols_1;
        uint _e25 = branches_1;
        put(row_3, t_2.col0_ + c_3, metal::min(4u, t_2.cols - c_3), _e23, _e25, words, pending, gathered, p, _buffer_sizes);
        return;
    } else {
        return;
    }
}

void report_bad(
    constant RansParameters& p,
    device type_9& report,
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
, uint thread_ [[thread_index_in_threadgroup]]
, device type_2& words [[user(fake0)]]
, constant RansParameters& p [[user(fake0)]]
, threadgroup type_6& local_table
, device type_2 const& data [[user(fake0)]]
, threadgroup type_8& masks
, device type_2 const& stream [[user(fake0)]]
, device type_9& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint pending = {};
    Codes gathered = {};
    type_5 history = {};
    uint history_at = {};
    uint until_restart = {};
    uint turn = {};
    uint taken = {};
    uint touched = {};
    uint state = {};
    uint row_class_1 = {};
    uint branch_1 = {};
    uint table_1 = {};
    uint symbols_1 = {};
    uint branches_1 = {};
    uint col0_ = 0u;
    uint lanes = {};
    uint table_bits = {};
    uint first = 0u;
    bool local = {};
    uint row = 0u;
    bool local_1 = {};
    bool local_2 = {};
    uint c = {};
    uint at = 0u;
    bool local_3 = {};
    bool local_4 = {};
    bool local_5 = {};
    bool local_6 = {};
    open_table(thread_, 0u, local_table, data, _buffer_sizes);
    uint lane_6 = naga_mod(thread_, TILE_THREADS);
    uint group_number = group.x + (group.y * 65535u);
    uint _e15 = tile_number((group_number * 1u) + naga_div(thread_, TILE_THREADS));
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
    if (false) {
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
    uint end_1 = data[(_e68 + _e15) + 1u];
    uint _e76 = p.lanes;
    lanes = metal::min(_e76, rows_1);
    if (false) {
        uint _e82 = p.lanes;
        lanes = metal::min(_e82, rows_1 * cols);
    }
    uint _e87 = lanes;
    if ((end_1 - start) < (4u * _e87)) {
        if (lane_6 == 0u) {
            report_bad(p, report, _buffer_sizes);
        }
        return;
    }
    uint _e92 = lanes;
    if (lane_6 < _e92) {
        uint at_4 = naga_div(start, 2u) + (2u * lane_6);
        uint _e100 = half_word(at_4, p, stream, _buffer_sizes);
        uint _e103 = half_word(at_4 + 1u, p, stream, _buffer_sizes);
        state = _e100 | (_e103 << 16u);
    }
    uint _e110 = lanes;
    open_words(lane_6, naga_div(start, 2u) + (2u * _e110), masks, taken);
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
    uint _e147 = col0_;
    uint _e148 = table_bits;
    uint _e149 = first;
    Tile tile = Tile {_e147, cols, _e148, _e149};
    if (true) {
        bool loop_init_5 = true;
        while(true) {
            if (!loop_init_5) {
                uint _e195 = row;
                uint _e198 = p.lanes;
                row = _e195 + _e198;
            }
            loop_init_5 = false;
            uint _e154 = row;
            if (_e154 < rows_1) {
            } else {
                break;
            }
            {
                uint _e158 = p.lanes;
                if (lane_6 < _e158) {
                    uint _e162 = row;
                    local_1 = (_e162 + lane_6) < rows_1;
                } else {
                    local_1 = false;
                }
                bool on_3 = local_1;
                uint _e167 = row;
                uint own = (row0_ + _e167) + lane_6;
                if (true) {
                    local_2 = on_3;
                } else {
                    local_2 = false;
                }
                bool _e174 = local_2;
                if (_e174) {
                    uint _e179 = p.row_classes;
                    uint _e182 = data[_e179 + own];
                    row_class_1 = _e182;
                }
                begin_branches(until_restart);
                open_column(tile, 0u, p, history, history_at, until_restart, data, row_class_1, branch_1, table_1, _buffer_sizes);
                c = 0u;
                bool loop_init_6 = true;
                while(true) {
                    if (!loop_init_6) {
                        uint _e192 = c;
                        c = _e192 + 8u;
                    }
                    loop_init_6 = false;
                    uint _e186 = c;
                    if (_e186 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e188 = c;
                        decode_columns(tile, lane_6, on_3, own, _e188, words, pending, gathered, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
                        uint _e189 = c;
                        decode_columns(tile, lane_6, on_3, own, _e189 + 4u, words, pending, gathered, p, history, history_at, until_restart, local_table, data, masks, turn, taken, touched, stream, state, row_class_1, branch_1, table_1, symbols_1, branches_1, _buffer_sizes);
                    }
                }
            }
        }
    } else {
        uint count_1 = rows_1 * cols;
        bool loop_init_7 = true;
        while(true) {
            if (!loop_init_7) {
                uint _e247 = at;
                uint _e250 = p.lanes;
                at = _e247 + _e250;
            }
            loop_init_7 = false;
            uint _e203 = at;
            if (_e203 < count_1) {
            } else {
                break;
            }
            {
                uint _e205 = at;
                uint i_9 = _e205 + lane_6;
                uint _e209 = p.lanes;
                if (lane_6 < _e209) {
                    local_3 = i_9 < count_1;
                } else {
                    local_3 = false;
                }
                bool on_4 = local_3;
                uint row_4 = row0_ + naga_div(i_9, cols);
                uint _e218 = col0_;
                uint col_3 = _e218 + naga_mod(i_9, cols);
                uint _e222 = first;
                table_1 = _e222;
                if (true) {
                    local_4 = on_4;
                } else {
                    local_4 = false;
                }
                bool _e227 = local_4;
                if (_e227) {
                    uint _e232 = p.row_classes;
                    uint _e235 = data[_e232 + row_4];
                    uint _e237 = table_bits;
                    uint _e238 = class_table(_e235, col_3, 0u, _e237, p, data, _buffer_sizes);
                    table_1 = _e238;
                }
                uint _e240 = table_1;
                uint _e241 = table_bits;
                Step _e242 = next_step(_e240, _e241, local_table, data, state, _buffer_sizes);
                finish_step(lane_6, on_4, _e242.state, p, masks, turn, taken, touched, stream, state, _buffer_sizes);
                close_window(lane_6);
                if (on_4) {
                    put(row_4, col_3, 1u, _e242.symbol, 0u, words, pending, gathered, p, _buffer_sizes);
                }
            }
        }
    }
    uint _e252 = lanes;
    if (lane_6 < _e252) {
        uint _e257 = state;
        local_5 = _e257 != LOWER;
    } else {
        local_5 = false;
    }
    bool _e261 = local_5;
    if (!(_e261)) {
        uint _e265 = words_taken(taken);
        local_6 = _e265 != naga_div(end_1, 2u);
    } else {
        local_6 = true;
    }
    bool _e270 = local_6;
    if (_e270) {
        report_bad(p, report, _buffer_sizes);
        return;
    } else {
        return;
    }
}
