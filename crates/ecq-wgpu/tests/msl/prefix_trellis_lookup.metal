// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size1;
    uint size9;
    uint size10;
    uint size11;
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
struct type_6 {
    uint inner[1];
};
typedef metal::atomic_uint type_8[1];
constant uint LAG = 12u;
constant uint THREADS = 64u;
constant uint TABLE_ENTRIES = 0u;
constant uint TUPLE = 4u;
constant uint ROWS_ORDER = 1u;
constant uint BITS = 3u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant bool WHOLE_ROWS = true;
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant uint ENTRIES = 4096u;
constant uint ESCAPE = 128u;
constant uint NO_CODEWORD = 64u;
constant uint BAD_STREAM = 3u;
constant uint BATCH = 4u;

void store_block(
    uint at,
    Codes codes,
    device type_2& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    words[at + 0u] = (((((codes.a.x >> 0u) & 50529027u) << 0u) | (((codes.a.y >> 0u) & 50529027u) << 2u)) | (((codes.a.z >> 0u) & 50529027u) << 4u)) | (((codes.a.w >> 0u) & 50529027u) << 6u);
    words[at + 32u] = (((((codes.b.x >> 0u) & 50529027u) << 0u) | (((codes.b.y >> 0u) & 50529027u) << 2u)) | (((codes.b.z >> 0u) & 50529027u) << 4u)) | (((codes.b.w >> 0u) & 50529027u) << 6u);
    words[at + 64u] = (((((((((codes.a.x >> 2u) & 16843009u) << 0u) | (((codes.a.y >> 2u) & 16843009u) << 1u)) | (((codes.a.z >> 2u) & 16843009u) << 2u)) | (((codes.a.w >> 2u) & 16843009u) << 3u)) | (((codes.b.x >> 2u) & 16843009u) << 4u)) | (((codes.b.y >> 2u) & 16843009u) << 5u)) | (((codes.b.z >> 2u) & 16843009u) << 6u)) | (((codes.b.w >> 2u) & 16843009u) << 7u);
    return;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint tile_number(
    uint i_2,
    device type_2 const& looked_up,
    constant metal::uint4& active_rows,
    constant PrefixParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = active_rows.x;
    if (i_2 >= _e3) {
        return 4294967295u;
    }
    uint _e8 = looked_up[i_2];
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

uint less_base(
    uint elements,
    constant PrefixParameters& p
) {
    uint _e4 = p.sink.base;
    uint base = _e4 * 16843009u;
    return ((elements | 2155905152u) - (base & ~(2155905152u))) ^ ((elements ^ ~(base)) & 2155905152u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void put_block(
    uint row_1,
    uint block,
    Codes codes_1,
    device type_2& words,
    constant PrefixParameters& p,
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
    constant PrefixParameters& p,
    thread uint& pending,
    thread Codes& gathered,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint elements_1 = {};
    uint blocks = {};
    uint block_1 = {};
    uint i_3 = {};
    elements_1 = symbols;
    if (true) {
        elements_1 = ((symbols << 1u) & 4278124286u) | branches;
    }
    uint before = naga_mod(col, 4u);
    uint _e15 = pending;
    uint _e16 = elements_1;
    pending = _e15 | (_e16 << (8u * before));
    if ((before + count) >= 4u) {
        uint _e25 = pending;
        uint _e26 = less_base(_e25, p);
        push_quad(_e26, gathered);
        uint _e28 = elements_1;
        pending = (_e28 >> 1u) >> (31u - (8u * before));
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
                i_3 = naga_div(naga_mod(end, 32u) + 3u, 4u);
                bool loop_init_1 = true;
                while(true) {
                    if (!loop_init_1) {
                        uint _e87 = i_3;
                        i_3 = _e87 + 1u;
                    }
                    loop_init_1 = false;
                    uint _e82 = i_3;
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
    thread type_6& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint i_4 = 0u;
    if (false) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
        bool loop_init_2 = true;
        while(true) {
            if (!loop_init_2) {
                uint _e17 = i_4;
                i_4 = _e17 + 1u;
            }
            loop_init_2 = false;
            uint _e9 = i_4;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i_4;
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
    thread type_6& history,
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
    uint first_1
) {
    return;
}

uint table_entry(
    uint i_5,
    device type_2 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = data[i_5];
    return _e3;
}

uint stream_word(
    uint i_6,
    constant PrefixParameters& p,
    device type_2 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.last_word;
    uint _e7 = stream[metal::min(i_6, _e4)];
    return _e7;
}

void read_behind(
    constant PrefixParameters& p,
    device type_2 const& stream,
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
    device type_2 const& stream,
    thread metal::uint3& window,
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
    return;
}

void refill(
    thread metal::uint3& window,
    thread metal::uint2& behind,
    thread uint& crossed,
    thread uint& next_word
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
    return;
}

uint next_bits(
    thread metal::uint3& window,
    thread uint& at_1
) {
    uint _e2 = window.x;
    uint _e4 = at_1;
    uint _e8 = window.y;
    uint _e13 = at_1;
    return (_e2 >> _e4) | ((_e8 << 1u) << (31u - _e13));
}

void take(
    uint bits,
    thread metal::uint3& window,
    thread uint& at_1,
    thread uint& crossed
) {
    uint _e2 = at_1;
    at_1 = _e2 + bits;
    uint _e5 = at_1;
    bool over = _e5 >= 32u;
    uint _e9 = at_1;
    at_1 = _e9 & 31u;
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
    bool first_2,
    constant PrefixParameters& p,
    device type_2 const& data,
    device type_2 const& stream,
    thread metal::uint3& window,
    thread metal::uint2& behind,
    thread uint& at_1,
    thread uint& crossed,
    thread uint& next_word,
    thread bool& bad,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint symbols_1 = 0u;
    uint i_7 = 0u;
    if (first_2) {
        read_behind(p, stream, behind, next_word, _buffer_sizes);
    }
    uint _e2 = next_bits(window, at_1);
    uint _e6 = table_entry(table_1 + (_e2 & 4095u), data, _buffer_sizes);
    uint length = _e6 >> 24u;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) {
            bad = true;
        }
        take(naga_mod(length, NO_CODEWORD), window, at_1, crossed);
        uint _e18 = next_word;
        uint _e20 = crossed;
        open_at((_e18 + _e20) - 3u, p, stream, window, crossed, next_word, _buffer_sizes);
        read_behind(p, stream, behind, next_word, _buffer_sizes);
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e56 = i_7;
                i_7 = _e56 + 1u;
            }
            loop_init_3 = false;
            uint _e28 = i_7;
            if (_e28 < TUPLE) {
            } else {
                break;
            }
            {
                uint _e31 = next_bits(window, at_1);
                uint _e35 = p.raw_bits;
                uint symbol_1 = _e31 & ((1u << _e35) - 1u);
                uint _e42 = p.alphabet;
                if (symbol_1 >= _e42) {
                    bad = true;
                }
                uint _e48 = p.raw_bits;
                take(_e48, window, at_1, crossed);
                uint _e49 = symbols_1;
                uint _e51 = i_7;
                symbols_1 = _e49 | (symbol_1 << (8u * _e51));
            }
        }
        uint _e58 = symbols_1;
        return _e58;
    }
    take(length, window, at_1, crossed);
    if (false) {
        return _e6 & 16777215u;
    }
    uint pairs = (_e6 | (_e6 << 8u)) & 16711935u;
    return (pairs | (pairs << 4u)) & 252645135u;
}

uint branches_of(
    uint symbols_2,
    uint count_1,
    constant PrefixParameters& p,
    thread type_6& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint branches_1 = 0u;
    uint i_8 = 0u;
    if (true) {
        bool loop_init_4 = true;
        while(true) {
            if (!loop_init_4) {
                uint _e29 = i_8;
                i_8 = _e29 + 1u;
            }
            loop_init_4 = false;
            uint _e7 = i_8;
            if (_e7 < count_1) {
            } else {
                break;
            }
            {
                uint _e9 = branches_1;
                uint _e12 = p.restart;
                uint _e13 = branch_bit(_e12, history, history_at, until_restart);
                uint _e15 = i_8;
                branches_1 = _e9 | (_e13 << (8u * _e15));
                uint _e20 = i_8;
                uint _e27 = p.zero;
                push_code((symbols_2 >> (8u * _e20)) & 255u, _e27, history, history_at);
            }
        }
    }
    uint _e31 = branches_1;
    return _e31;
}

struct decode_prefixInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void decode_prefix(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_2& words [[user(fake0)]]
, device type_2 const& looked_up [[user(fake0)]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant PrefixParameters& p [[user(fake0)]]
, device type_2 const& data [[user(fake0)]]
, device type_2 const& stream [[user(fake0)]]
, device type_8& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint pending = {};
    Codes gathered = {};
    type_6 history = {};
    uint history_at = {};
    uint until_restart = {};
    metal::uint3 window = {};
    metal::uint2 behind = {};
    uint at_1 = {};
    uint crossed = {};
    uint next_word = {};
    bool bad = {};
    uint col0_ = 0u;
    uint table = 0u;
    uint row = {};
    uint c = {};
    uint i = {};
    bool local = {};
    uint t = {};
    uint i_1 = {};
    bool local_1 = {};
    bool local_2 = {};
    bool local_3 = {};
    uint _e4 = p.table;
    open_table(thread_, _e4);
    uint number = ((group.x + (group.y * 65535u)) * THREADS) + thread_;
    uint _e15 = p.lanes;
    uint _e19 = p.chosen_count;
    if (naga_div(number, _e15) >= _e19) {
        return;
    }
    uint _e23 = p.lanes;
    uint _e25 = tile_number(naga_div(number, _e23), looked_up, active_rows, p, _buffer_sizes);
    uint _e28 = p.tiles;
    if (_e25 >= _e28) {
        return;
    }
    uint _e32 = p.lanes;
    uint lane = naga_mod(number, _e32);
    uint _e36 = p.across;
    uint _e40 = p.tile_rows;
    uint row0_ = naga_div(_e25, _e36) * _e40;
    uint _e44 = p.tile_rows;
    uint _e47 = p.rows;
    uint rows_1 = metal::min(_e44, _e47 - row0_);
    if (false) {
        uint _e55 = p.across;
        uint _e59 = p.tile_cols;
        col0_ = naga_mod(_e25, _e55) * _e59;
    }
    uint _e63 = p.tile_cols;
    uint _e67 = p.sink.cols;
    uint _e68 = col0_;
    uint cols = metal::min(_e63, _e67 - _e68);
    bool _e71 = skips(row0_, rows_1);
    if (_e71) {
        return;
    }
    uint per_row = naga_div((cols + TUPLE) - 1u, TUPLE);
    uint _e81 = p.ranges;
    uint _e85 = p.lanes;
    uint begin = data[_e81 + (2u * ((_e25 * _e85) + lane))];
    uint _e95 = p.ranges;
    uint _e99 = p.lanes;
    uint end_1 = data[(_e95 + (2u * ((_e25 * _e99) + lane))) + 1u];
    if (true) {
        uint _e114 = p.ids;
        uint _e117 = data[_e114 + _e25];
        table = _e117 * ENTRIES;
    }
    open_at(naga_div(begin, 4u), p, stream, window, crossed, next_word, _buffer_sizes);
    at_1 = 8u * naga_mod(begin, 4u);
    if (true) {
        if (lane >= rows_1) {
            return;
        }
        row = lane;
        bool loop_init_5 = true;
        while(true) {
            if (!loop_init_5) {
                uint _e168 = row;
                uint _e171 = p.lanes;
                row = _e168 + _e171;
            }
            loop_init_5 = false;
            uint _e130 = row;
            if (_e130 < rows_1) {
            } else {
                break;
            }
            {
                begin_branches(until_restart);
                c = 0u;
                while(true) {
                    uint _e134 = c;
                    if (_e134 < cols) {
                    } else {
                        break;
                    }
                    {
                        i = 0u;
                        bool loop_init_6 = true;
                        while(true) {
                            if (!loop_init_6) {
                                uint _e166 = i;
                                i = _e166 + 1u;
                            }
                            loop_init_6 = false;
                            uint _e138 = i;
                            if (_e138 < BATCH) {
                                uint _e143 = c;
                                local = _e143 < cols;
                            } else {
                                local = false;
                            }
                            bool _e146 = local;
                            if (_e146) {
                            } else {
                                break;
                            }
                            {
                                uint _e147 = table;
                                uint _e148 = i;
                                uint _e151 = next_tuple(_e147, _e148 == 0u, p, data, stream, window, behind, at_1, crossed, next_word, bad, _buffer_sizes);
                                uint _e153 = c;
                                uint count_2 = metal::min(TUPLE, cols - _e153);
                                uint _e156 = row;
                                uint _e158 = col0_;
                                uint _e159 = c;
                                uint _e161 = branches_of(_e151, count_2, p, history, history_at, until_restart);
                                put(row0_ + _e156, _e158 + _e159, count_2, _e151, _e161, words, p, pending, gathered, _buffer_sizes);
                                uint _e162 = c;
                                c = _e162 + TUPLE;
                            }
                        }
                        refill(window, behind, crossed, next_word);
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
        while(true) {
            uint _e176 = t;
            if (_e176 < tuples) {
            } else {
                break;
            }
            {
                i_1 = 0u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e213 = i_1;
                        i_1 = _e213 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e180 = i_1;
                    if (_e180 < BATCH) {
                        uint _e185 = t;
                        local_1 = _e185 < tuples;
                    } else {
                        local_1 = false;
                    }
                    bool _e188 = local_1;
                    if (_e188) {
                    } else {
                        break;
                    }
                    {
                        uint _e189 = t;
                        uint c_1 = naga_mod(_e189, per_row) * TUPLE;
                        uint _e193 = t;
                        uint _e196 = col0_;
                        uint _e201 = table;
                        uint _e202 = i_1;
                        uint _e205 = next_tuple(_e201, _e202 == 0u, p, data, stream, window, behind, at_1, crossed, next_word, bad, _buffer_sizes);
                        put(row0_ + naga_div(_e193, per_row), _e196 + c_1, metal::min(TUPLE, cols - c_1), _e205, 0u, words, p, pending, gathered, _buffer_sizes);
                        uint _e207 = t;
                        uint _e210 = p.lanes;
                        t = _e207 + _e210;
                    }
                }
                refill(window, behind, crossed, next_word);
            }
        }
    }
    uint _e217 = next_word;
    uint _e222 = at_1;
    uint used = (32u * (_e217 - 3u)) + _e222;
    uint left = (8u * end_1) - used;
    bool _e228 = bad;
    if (!(_e228)) {
        local_2 = left >= 8u;
    } else {
        local_2 = true;
    }
    bool _e235 = local_2;
    if (!(_e235)) {
        uint _e239 = next_bits(window, at_1);
        local_3 = (_e239 & ((1u << left) - 1u)) != 0u;
    } else {
        local_3 = true;
    }
    bool _e248 = local_3;
    if (_e248) {
        uint _e253 = p.weight;
        metal::atomic_store_explicit(&report[1], _e253, metal::memory_order_relaxed);
        metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
        return;
    } else {
        return;
    }
}
