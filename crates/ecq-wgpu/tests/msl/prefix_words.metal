// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size1;
    uint size8;
    uint size9;
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
    uint words;
    uint weight;
};
struct type_5 {
    uint inner[1];
};
typedef metal::atomic_uint type_7[1];
constant uint LAG = 0u;
constant uint TUPLE = 3u;
constant uint ROWS_ORDER = 1u;
constant uint BITS = 3u;
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

uint tile_number(
    uint i_2,
    device type_2 const& data,
    constant PrefixParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.chosen;
    uint _e7 = data[_e4 + i_2];
    return _e7;
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
    uint symbol,
    uint branch,
    device type_2& words,
    constant PrefixParameters& p,
    thread uint& quad_,
    thread Codes& gathered,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint element = {};
    bool local_2 = {};
    bool local_3 = {};
    uint i_3 = {};
    element = symbol;
    if (false) {
        element = (2u * symbol) + branch;
    }
    uint _e11 = quad_;
    uint _e14 = element;
    uint _e18 = p.sink.base;
    quad_ = (_e11 >> 8u) | ((_e14 - _e18) << 24u);
    uint _e28 = p.sink.cols;
    bool is_last = (col + 1u) == _e28;
    if (naga_mod(col, 4u) < 3u) {
        local_2 = !(is_last);
    } else {
        local_2 = false;
    }
    bool _e38 = local_2;
    if (_e38) {
        return;
    }
    uint _e40 = quad_;
    push_quad(_e40 >> (8u * (3u - naga_mod(col, 4u))), gathered);
    if (naga_mod(col, 32u) < 28u) {
        local_3 = !(is_last);
    } else {
        local_3 = false;
    }
    bool _e56 = local_3;
    if (_e56) {
        return;
    }
    i_3 = naga_div(naga_mod(col, 32u), 4u);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e67 = i_3;
            i_3 = _e67 + 1u;
        }
        loop_init = false;
        uint _e62 = i_3;
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
    thread type_5& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint i_4 = 0u;
    if (true) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
        bool loop_init_1 = true;
        while(true) {
            if (!loop_init_1) {
                uint _e17 = i_4;
                i_4 = _e17 + 1u;
            }
            loop_init_1 = false;
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

uint stream_word(
    uint i_5,
    constant PrefixParameters& p,
    device type_2 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = p.words;
    if (i_5 >= _e3) {
        return 0u;
    }
    uint _e8 = stream[i_5];
    return _e8;
}

void open(
    uint first_byte,
    constant PrefixParameters& p,
    device type_2 const& stream,
    thread uint& low,
    thread uint& high,
    thread uint& ahead,
    thread uint& at_1,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint word = naga_div(first_byte, 4u);
    uint _e4 = stream_word(word, p, stream, _buffer_sizes);
    low = _e4;
    uint _e8 = stream_word(word + 1u, p, stream, _buffer_sizes);
    high = _e8;
    uint _e12 = stream_word(word + 2u, p, stream, _buffer_sizes);
    ahead = _e12;
    next_word = word + 2u;
    at_1 = 8u * naga_mod(first_byte, 4u);
    return;
}

uint next_bits(
    thread uint& low,
    thread uint& high,
    thread uint& at_1
) {
    uint _e1 = low;
    uint _e3 = at_1;
    uint _e6 = high;
    uint _e11 = at_1;
    return (_e1 >> _e3) | ((_e6 << 1u) << (31u - _e11));
}

void take(
    uint bits,
    constant PrefixParameters& p,
    device type_2 const& stream,
    thread uint& low,
    thread uint& high,
    thread uint& ahead,
    thread uint& at_1,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = at_1;
    at_1 = _e2 + bits;
    uint _e5 = at_1;
    bool crossed = _e5 >= 32u;
    uint _e9 = at_1;
    at_1 = _e9 & 31u;
    uint _e14 = low;
    uint _e16 = high;
    low = crossed ? _e16 : _e14;
    uint _e20 = high;
    uint _e22 = ahead;
    high = crossed ? _e22 : _e20;
    uint _e25 = next_word;
    next_word = _e25 + (crossed ? 1u : 0u);
    uint _e32 = next_word;
    uint _e33 = stream_word(_e32, p, stream, _buffer_sizes);
    ahead = _e33;
    return;
}

uint next_tuple(
    uint table,
    device type_2 const& data,
    constant PrefixParameters& p,
    device type_2 const& stream,
    thread uint& low,
    thread uint& high,
    thread uint& ahead,
    thread uint& at_1,
    thread uint& next_word,
    thread bool& bad,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint symbols = 0u;
    uint i_6 = 0u;
    uint _e2 = next_bits(low, high, at_1);
    uint entry = data[table + (_e2 & 4095u)];
    uint length = entry >> 24u;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) {
            bad = true;
        }
        take(naga_mod(length, NO_CODEWORD), p, stream, low, high, ahead, at_1, next_word, _buffer_sizes);
        bool loop_init_2 = true;
        while(true) {
            if (!loop_init_2) {
                uint _e50 = i_6;
                i_6 = _e50 + 1u;
            }
            loop_init_2 = false;
            uint _e22 = i_6;
            if (_e22 < TUPLE) {
            } else {
                break;
            }
            {
                uint _e25 = next_bits(low, high, at_1);
                uint _e29 = p.raw_bits;
                uint symbol_2 = _e25 & ((1u << _e29) - 1u);
                uint _e36 = p.alphabet;
                if (symbol_2 >= _e36) {
                    bad = true;
                }
                uint _e42 = p.raw_bits;
                take(_e42, p, stream, low, high, ahead, at_1, next_word, _buffer_sizes);
                uint _e43 = symbols;
                uint _e45 = i_6;
                symbols = _e43 | (symbol_2 << (8u * _e45));
            }
        }
        uint _e52 = symbols;
        return _e52;
    }
    take(length, p, stream, low, high, ahead, at_1, next_word, _buffer_sizes);
    if (true) {
        return entry;
    }
    uint pairs = (entry | (entry << 8u)) & 16711935u;
    return (pairs | (pairs << 4u)) & 252645135u;
}

struct decode_prefixInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void decode_prefix(
  metal::uint3 id [[thread_position_in_grid]]
, metal::uint3 groups [[threadgroups_per_grid]]
, device type_2& words [[user(fake0)]]
, device type_2 const& data [[user(fake0)]]
, constant PrefixParameters& p [[user(fake0)]]
, device type_2 const& stream [[user(fake0)]]
, device type_7& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint quad_ = {};
    Codes gathered = {};
    type_5 history = {};
    uint history_at = {};
    uint until_restart = {};
    uint low = {};
    uint high = {};
    uint ahead = {};
    uint at_1 = {};
    uint next_word = {};
    bool bad = {};
    uint row = {};
    uint c = {};
    uint i = {};
    uint t = {};
    uint i_1 = {};
    bool local = {};
    bool local_1 = {};
    uint number = id.x + ((id.y * groups.x) * 64u);
    uint _e11 = p.lanes;
    uint _e15 = p.chosen_count;
    if (naga_div(number, _e11) >= _e15) {
        return;
    }
    uint _e19 = p.lanes;
    uint _e21 = tile_number(naga_div(number, _e19), data, p, _buffer_sizes);
    uint _e24 = p.tiles;
    if (_e21 >= _e24) {
        return;
    }
    uint _e28 = p.lanes;
    uint lane = naga_mod(number, _e28);
    uint _e32 = p.across;
    uint _e36 = p.tile_rows;
    uint row0_ = naga_div(_e21, _e32) * _e36;
    uint _e40 = p.across;
    uint _e44 = p.tile_cols;
    uint col0_ = naga_mod(_e21, _e40) * _e44;
    uint _e48 = p.tile_rows;
    uint _e51 = p.rows;
    uint rows_1 = metal::min(_e48, _e51 - row0_);
    uint _e56 = p.tile_cols;
    uint _e60 = p.sink.cols;
    uint cols = metal::min(_e56, _e60 - col0_);
    bool _e63 = skips(row0_, rows_1);
    if (_e63) {
        return;
    }
    uint per_row = naga_div((cols + TUPLE) - 1u, TUPLE);
    uint _e73 = p.ranges;
    uint _e77 = p.lanes;
    uint begin = data[_e73 + (2u * ((_e21 * _e77) + lane))];
    uint _e87 = p.ranges;
    uint _e91 = p.lanes;
    uint end = data[(_e87 + (2u * ((_e21 * _e91) + lane))) + 1u];
    uint _e103 = p.ids;
    uint _e106 = data[_e103 + _e21];
    uint table_1 = _e106 * ENTRIES;
    open(begin, p, stream, low, high, ahead, at_1, next_word, _buffer_sizes);
    if (true) {
        if (lane >= rows_1) {
            return;
        }
        row = lane;
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e153 = row;
                uint _e156 = p.lanes;
                row = _e153 + _e156;
            }
            loop_init_3 = false;
            uint _e112 = row;
            if (_e112 < rows_1) {
            } else {
                break;
            }
            {
                begin_branches(until_restart);
                c = 0u;
                bool loop_init_4 = true;
                while(true) {
                    if (!loop_init_4) {
                        uint _e150 = c;
                        c = _e150 + TUPLE;
                    }
                    loop_init_4 = false;
                    uint _e116 = c;
                    if (_e116 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e118 = next_tuple(table_1, data, p, stream, low, high, ahead, at_1, next_word, bad, _buffer_sizes);
                        i = 0u;
                        bool loop_init_5 = true;
                        while(true) {
                            if (!loop_init_5) {
                                uint _e148 = i;
                                i = _e148 + 1u;
                            }
                            loop_init_5 = false;
                            uint _e121 = i;
                            if (_e121 < TUPLE) {
                            } else {
                                break;
                            }
                            {
                                uint _e124 = c;
                                uint _e125 = i;
                                if ((_e124 + _e125) >= cols) {
                                    break;
                                }
                                uint _e129 = i;
                                uint symbol_3 = (_e118 >> (8u * _e129)) & 255u;
                                uint _e136 = p.restart;
                                uint _e137 = branch_bit(_e136, history, history_at, until_restart);
                                uint _e140 = p.zero;
                                push_code(symbol_3, _e140, history, history_at);
                                uint _e141 = row;
                                uint _e143 = c;
                                uint _e145 = i;
                                put(row0_ + _e141, (col0_ + _e143) + _e145, symbol_3, _e137, words, p, quad_, gathered, _buffer_sizes);
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
                uint _e192 = t;
                uint _e195 = p.lanes;
                t = _e192 + _e195;
            }
            loop_init_6 = false;
            uint _e161 = t;
            if (_e161 < tuples) {
            } else {
                break;
            }
            {
                uint _e163 = next_tuple(table_1, data, p, stream, low, high, ahead, at_1, next_word, bad, _buffer_sizes);
                uint _e164 = t;
                uint c_1 = naga_mod(_e164, per_row) * TUPLE;
                i_1 = 0u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e190 = i_1;
                        i_1 = _e190 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e170 = i_1;
                    if (_e170 < TUPLE) {
                    } else {
                        break;
                    }
                    {
                        uint _e173 = i_1;
                        if ((c_1 + _e173) >= cols) {
                            break;
                        }
                        uint _e176 = t;
                        uint _e180 = i_1;
                        uint _e183 = i_1;
                        put(row0_ + naga_div(_e176, per_row), (col0_ + c_1) + _e180, (_e163 >> (8u * _e183)) & 255u, 0u, words, p, quad_, gathered, _buffer_sizes);
                    }
                }
            }
        }
    }
    uint _e199 = next_word;
    uint _e204 = at_1;
    uint used = (32u * (_e199 - 2u)) + _e204;
    uint left = (8u * end) - used;
    bool _e210 = bad;
    if (!(_e210)) {
        local = left >= 8u;
    } else {
        local = true;
    }
    bool _e217 = local;
    if (!(_e217)) {
        uint _e221 = next_bits(low, high, at_1);
        local_1 = (_e221 & ((1u << left) - 1u)) != 0u;
    } else {
        local_1 = true;
    }
    bool _e230 = local_1;
    if (_e230) {
        uint _e235 = p.weight;
        metal::atomic_store_explicit(&report[1], _e235, metal::memory_order_relaxed);
        metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
        return;
    } else {
        return;
    }
}
