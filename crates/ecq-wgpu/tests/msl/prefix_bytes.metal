// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size2;
    uint size7;
    uint size8;
};

typedef uint type_1[1];
struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
};
struct PrefixParameters {
    Sink sink;
    uint rows;
    uint tile_rows;
    uint tile_cols;
    uint across;
    uint lanes;
    uint alphabet;
    uint raw_bits;
    uint zero;
    uint restart;
    uint ranges;
    uint ids;
    uint chosen;
    uint chosen_count;
    uint tiles;
    uint last_word;
    uint table;
    uint weight;
};
typedef metal::atomic_uint type_6[1];
struct type_7 {
    uint inner[1];
};
struct type_8 {
    uint inner[4096];
};
constant uint LAG = 0u;
constant uint THREADS = 128u;
constant uint LOCAL_TABLE = 1u;
constant uint TABLE_ENTRIES = 4096u;
constant uint TUPLE = 3u;
constant uint ROWS_ORDER = 1u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint ENTRIES = 4096u;
constant uint ESCAPE = 128u;
constant uint NO_CODEWORD = 64u;
constant uint BAD_STREAM = 3u;
constant uint BATCH = 4u;

uint tile_number(
    uint i_2,
    device type_1 const& data,
    constant PrefixParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.chosen;
    uint _e7 = data[_e4 + i_2];
    return _e7;
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
    constant PrefixParameters& p,
    device type_6& bytes,
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
    uint i_3 = 0u;
    if (true) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
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
    thread type_7& history,
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
    uint first_1,
    device type_1 const& data,
    threadgroup type_8& local_table,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_4 = {};
    i_4 = thread_1;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e14 = i_4;
            i_4 = _e14 + THREADS;
        }
        loop_init_1 = false;
        uint _e3 = i_4;
        if (_e3 < TABLE_ENTRIES) {
        } else {
            break;
        }
        {
            uint _e7 = i_4;
            uint _e10 = i_4;
            uint _e13 = data[first_1 + _e10];
            local_table.inner[_e7] = _e13;
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    return;
}

uint table_entry(
    uint i_5,
    threadgroup type_8& local_table
) {
    uint _e3 = local_table.inner[i_5];
    return _e3;
}

uint stream_word(
    uint i_6,
    constant PrefixParameters& p,
    device type_1 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.last_word;
    uint _e7 = stream[metal::min(i_6, _e4)];
    return _e7;
}

void read_behind(
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread metal::uint2& behind,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = next_word;
    uint _e3 = stream_word(_e2, p, stream, _buffer_sizes);
    uint _e5 = next_word;
    uint _e8 = stream_word(_e5 + 1u, p, stream, _buffer_sizes);
    behind = metal::uint2(_e3, _e8);
    return;
}

void open_at(
    uint word,
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread metal::uint3& window,
    thread metal::uint2& behind,
    thread uint& crossed,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = stream_word(word, p, stream, _buffer_sizes);
    uint _e5 = stream_word(word + 1u, p, stream, _buffer_sizes);
    uint _e8 = stream_word(word + 2u, p, stream, _buffer_sizes);
    window = metal::uint3(_e2, _e5, _e8);
    next_word = word + 3u;
    crossed = 0u;
    read_behind(p, stream, behind, next_word, _buffer_sizes);
    return;
}

void refill(
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread metal::uint3& window,
    thread metal::uint2& behind,
    thread uint& crossed,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e1 = crossed;
    bool both = _e1 == 2u;
    uint _e8 = window.y;
    uint _e11 = behind.x;
    window.y = both ? _e11 : _e8;
    uint _e17 = window.z;
    uint _e20 = behind.x;
    uint _e22 = crossed;
    uint _e28 = behind.y;
    window.z = both ? _e28 : ((_e22 == 1u) ? _e20 : _e17);
    uint _e31 = next_word;
    uint _e33 = crossed;
    next_word = _e31 + _e33;
    crossed = 0u;
    read_behind(p, stream, behind, next_word, _buffer_sizes);
    return;
}

uint next_bits(
    thread metal::uint3& window,
    thread uint& at
) {
    uint _e2 = window.x;
    uint _e4 = at;
    uint _e8 = window.y;
    uint _e13 = at;
    return (_e2 >> _e4) | ((_e8 << 1u) << (31u - _e13));
}

void take(
    uint bits,
    thread metal::uint3& window,
    thread uint& at,
    thread uint& crossed
) {
    uint _e2 = at;
    at = _e2 + bits;
    uint _e5 = at;
    bool over = _e5 >= 32u;
    uint _e9 = at;
    at = _e9 & 31u;
    uint _e16 = window.x;
    uint _e19 = window.y;
    window.x = over ? _e19 : _e16;
    uint _e25 = window.y;
    uint _e28 = window.z;
    window.y = over ? _e28 : _e25;
    uint _e31 = crossed;
    crossed = _e31 + (over ? 1u : 0u);
    return;
}

uint next_tuple(
    uint table_1,
    constant PrefixParameters& p,
    threadgroup type_8& local_table,
    device type_1 const& stream,
    thread metal::uint3& window,
    thread metal::uint2& behind,
    thread uint& at,
    thread uint& crossed,
    thread uint& next_word,
    thread uint& until_refill,
    thread bool& bad,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint symbols = 0u;
    uint i_7 = 0u;
    uint _e2 = until_refill;
    if (_e2 == 0u) {
        refill(p, stream, window, behind, crossed, next_word, _buffer_sizes);
        until_refill = BATCH;
    }
    uint _e9 = until_refill;
    until_refill = _e9 - 1u;
    uint _e11 = next_bits(window, at);
    uint _e15 = table_entry(table_1 + (_e11 & 4095u), local_table);
    uint length = _e15 >> 24u;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) {
            bad = true;
        }
        take(naga_mod(length, NO_CODEWORD), window, at, crossed);
        uint _e27 = next_word;
        uint _e29 = crossed;
        open_at((_e27 + _e29) - 3u, p, stream, window, behind, crossed, next_word, _buffer_sizes);
        bool loop_init_2 = true;
        while(true) {
            if (!loop_init_2) {
                uint _e65 = i_7;
                i_7 = _e65 + 1u;
            }
            loop_init_2 = false;
            uint _e37 = i_7;
            if (_e37 < TUPLE) {
            } else {
                break;
            }
            {
                uint _e40 = next_bits(window, at);
                uint _e44 = p.raw_bits;
                uint symbol_2 = _e40 & ((1u << _e44) - 1u);
                uint _e51 = p.alphabet;
                if (symbol_2 >= _e51) {
                    bad = true;
                }
                uint _e57 = p.raw_bits;
                take(_e57, window, at, crossed);
                uint _e58 = symbols;
                uint _e60 = i_7;
                symbols = _e58 | (symbol_2 << (8u * _e60));
            }
        }
        uint _e67 = symbols;
        return _e67;
    }
    take(length, window, at, crossed);
    if (true) {
        return _e15;
    }
    uint pairs = (_e15 | (_e15 << 8u)) & 16711935u;
    return (pairs | (pairs << 4u)) & 252645135u;
}

struct decode_prefixInput {
};
[[max_total_threads_per_threadgroup(128)]] kernel void decode_prefix(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_1 const& data [[user(fake0)]]
, constant PrefixParameters& p [[user(fake0)]]
, device type_6& bytes [[user(fake0)]]
, threadgroup type_8& local_table
, device type_1 const& stream [[user(fake0)]]
, device type_6& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_7 history = {};
    uint history_at = {};
    uint until_restart = {};
    metal::uint3 window = {};
    metal::uint2 behind = {};
    uint at = {};
    uint crossed = {};
    uint next_word = {};
    uint until_refill = {};
    bool bad = {};
    uint table = 0u;
    uint row = {};
    uint c = {};
    uint i = {};
    uint t = {};
    uint i_1 = {};
    bool local = {};
    bool local_1 = {};
    uint _e4 = p.table;
    open_table(thread_, _e4, data, local_table, _buffer_sizes);
    uint number = ((group.x + (group.y * 65535u)) * THREADS) + thread_;
    uint _e15 = p.lanes;
    uint _e19 = p.chosen_count;
    if (naga_div(number, _e15) >= _e19) {
        return;
    }
    uint _e23 = p.lanes;
    uint _e25 = tile_number(naga_div(number, _e23), data, p, _buffer_sizes);
    uint _e28 = p.tiles;
    if (_e25 >= _e28) {
        return;
    }
    uint _e32 = p.lanes;
    uint lane = naga_mod(number, _e32);
    uint _e36 = p.across;
    uint _e40 = p.tile_rows;
    uint row0_ = naga_div(_e25, _e36) * _e40;
    uint _e44 = p.across;
    uint _e48 = p.tile_cols;
    uint col0_ = naga_mod(_e25, _e44) * _e48;
    uint _e52 = p.tile_rows;
    uint _e55 = p.rows;
    uint rows_1 = metal::min(_e52, _e55 - row0_);
    uint _e60 = p.tile_cols;
    uint _e64 = p.sink.cols;
    uint cols = metal::min(_e60, _e64 - col0_);
    bool _e67 = skips(row0_, rows_1);
    if (_e67) {
        return;
    }
    uint per_row = naga_div((cols + TUPLE) - 1u, TUPLE);
    uint _e77 = p.ranges;
    uint _e81 = p.lanes;
    uint begin = data[_e77 + (2u * ((_e25 * _e81) + lane))];
    uint _e91 = p.ranges;
    uint _e95 = p.lanes;
    uint end = data[(_e91 + (2u * ((_e25 * _e95) + lane))) + 1u];
    if (false) {
        uint _e110 = p.ids;
        uint _e113 = data[_e110 + _e25];
        table = _e113 * ENTRIES;
    }
    open_at(naga_div(begin, 4u), p, stream, window, behind, crossed, next_word, _buffer_sizes);
    at = 8u * naga_mod(begin, 4u);
    if (true) {
        if (lane >= rows_1) {
            return;
        }
        row = lane;
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e168 = row;
                uint _e171 = p.lanes;
                row = _e168 + _e171;
            }
            loop_init_3 = false;
            uint _e126 = row;
            if (_e126 < rows_1) {
            } else {
                break;
            }
            {
                begin_branches(until_restart);
                c = 0u;
                bool loop_init_4 = true;
                while(true) {
                    if (!loop_init_4) {
                        uint _e165 = c;
                        c = _e165 + TUPLE;
                    }
                    loop_init_4 = false;
                    uint _e130 = c;
                    if (_e130 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e132 = table;
                        uint _e133 = next_tuple(_e132, p, local_table, stream, window, behind, at, crossed, next_word, until_refill, bad, _buffer_sizes);
                        i = 0u;
                        bool loop_init_5 = true;
                        while(true) {
                            if (!loop_init_5) {
                                uint _e163 = i;
                                i = _e163 + 1u;
                            }
                            loop_init_5 = false;
                            uint _e136 = i;
                            if (_e136 < TUPLE) {
                            } else {
                                break;
                            }
                            {
                                uint _e139 = c;
                                uint _e140 = i;
                                if ((_e139 + _e140) >= cols) {
                                    break;
                                }
                                uint _e144 = i;
                                uint symbol_3 = (_e133 >> (8u * _e144)) & 255u;
                                uint _e151 = p.restart;
                                uint _e152 = branch_bit(_e151, history, history_at, until_restart);
                                uint _e155 = p.zero;
                                push_code(symbol_3, _e155, history, history_at);
                                uint _e156 = row;
                                uint _e158 = c;
                                uint _e160 = i;
                                put(row0_ + _e156, (col0_ + _e158) + _e160, symbol_3, _e152, p, bytes, _buffer_sizes);
                            }
                        }
                    }
                }
            }
        }
    } else {
        uint tuples = rows_1 * per_row;
        if (lane >= tuples) {
            return;
        }
        t = lane;
        bool loop_init_6 = true;
        while(true) {
            if (!loop_init_6) {
                uint _e208 = t;
                uint _e211 = p.lanes;
                t = _e208 + _e211;
            }
            loop_init_6 = false;
            uint _e176 = t;
            if (_e176 < tuples) {
            } else {
                break;
            }
            {
                uint _e178 = table;
                uint _e179 = next_tuple(_e178, p, local_table, stream, window, behind, at, crossed, next_word, until_refill, bad, _buffer_sizes);
                uint _e180 = t;
                uint c_1 = naga_mod(_e180, per_row) * TUPLE;
                i_1 = 0u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e206 = i_1;
                        i_1 = _e206 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e186 = i_1;
                    if (_e186 < TUPLE) {
                    } else {
                        break;
                    }
                    {
                        uint _e189 = i_1;
                        if ((c_1 + _e189) >= cols) {
                            break;
                        }
                        uint _e192 = t;
                        uint _e196 = i_1;
                        uint _e199 = i_1;
                        put(row0_ + naga_div(_e192, per_row), (col0_ + c_1) + _e196, (_e179 >> (8u * _e199)) & 255u, 0u, p, bytes, _buffer_sizes);
                    }
                }
            }
        }
    }
    uint _e215 = next_word;
    uint _e217 = crossed;
    uint _e223 = at;
    uint used = (32u * ((_e215 + _e217) - 3u)) + _e223;
    uint left = (8u * end) - used;
    bool _e229 = bad;
    if (!(_e229)) {
        local = left >= 8u;
    } else {
        local = true;
    }
    bool _e236 = local;
    if (!(_e236)) {
        uint _e240 = next_bits(window, at);
        local_1 = (_e240 & ((1u << left) - 1u)) != 0u;
    } else {
        local_1 = true;
    }
    bool _e249 = local_1;
    if (_e249) {
        uint _e254 = p.weight;
        metal::atomic_store_explicit(&report[1], _e254, metal::memory_order_relaxed);
        metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
        return;
    } else {
        return;
    }
}
