// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size2;
    uint size7;
    uint size8;
    uint size9;
};

typedef uint type_1[1];
struct type_2 {
    uint inner[8];
};
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
struct type_6 {
    uint inner[1];
};
typedef metal::atomic_uint type_8[1];
constant uint LAG = 12u;
constant uint TUPLE = 4u;
constant uint ROWS_ORDER = 1u;
constant uint BITS = 3u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint HISTORY_WORDS = 1u;
constant uint ENTRIES = 4096u;
constant uint ESCAPE = 128u;
constant uint NO_CODEWORD = 64u;
constant uint BAD_STREAM = 3u;

void store_block(
    uint at,
    device type_1& words,
    thread type_2& pending,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = pending.inner[0];
    uint _e16 = pending.inner[1];
    uint _e26 = pending.inner[2];
    uint _e36 = pending.inner[3];
    words[at + 0u] = (((((_e7 >> 0u) & 50529027u) << 0u) | (((_e16 >> 0u) & 50529027u) << 2u)) | (((_e26 >> 0u) & 50529027u) << 4u)) | (((_e36 >> 0u) & 50529027u) << 6u);
    uint _e50 = pending.inner[4];
    uint _e59 = pending.inner[5];
    uint _e69 = pending.inner[6];
    uint _e79 = pending.inner[7];
    words[at + 32u] = (((((_e50 >> 0u) & 50529027u) << 0u) | (((_e59 >> 0u) & 50529027u) << 2u)) | (((_e69 >> 0u) & 50529027u) << 4u)) | (((_e79 >> 0u) & 50529027u) << 6u);
    uint _e93 = pending.inner[0];
    uint _e102 = pending.inner[1];
    uint _e112 = pending.inner[2];
    uint _e122 = pending.inner[3];
    uint _e132 = pending.inner[4];
    uint _e142 = pending.inner[5];
    uint _e152 = pending.inner[6];
    uint _e162 = pending.inner[7];
    words[at + 64u] = (((((((((_e93 >> 2u) & 16843009u) << 0u) | (((_e102 >> 2u) & 16843009u) << 1u)) | (((_e112 >> 2u) & 16843009u) << 2u)) | (((_e122 >> 2u) & 16843009u) << 3u)) | (((_e132 >> 2u) & 16843009u) << 4u)) | (((_e142 >> 2u) & 16843009u) << 5u)) | (((_e152 >> 2u) & 16843009u) << 6u)) | (((_e162 >> 2u) & 16843009u) << 7u);
    return;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint tile_number(
    uint i_2,
    device type_1 const& looked_up,
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

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void put(
    uint row_1,
    uint col,
    uint symbol,
    uint branch,
    device type_1& words,
    thread type_2& pending,
    constant PrefixParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint element = {};
    bool local_2 = {};
    uint j = 0u;
    element = symbol;
    if (true) {
        element = (2u * symbol) + branch;
    }
    uint i_6 = naga_mod(col, 32u);
    uint _e15 = pending.inner[naga_div(i_6, 4u)];
    uint _e16 = element;
    uint _e20 = p.sink.base;
    pending.inner[naga_div(i_6, 4u)] = _e15 | (((_e16 - _e20) & 255u) << (8u * naga_mod(i_6, 4u)));
    if (!((i_6 == 31u))) {
        uint _e40 = p.sink.cols;
        local_2 = (col + 1u) == _e40;
    } else {
        local_2 = true;
    }
    bool _e43 = local_2;
    if (_e43) {
        uint _e49 = p.sink.blocks;
        store_block(((((naga_div(row_1, 32u) * _e49) + naga_div(col, 32u)) * BITS) * 32u) + naga_mod(row_1, 32u), words, pending, _buffer_sizes);
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e71 = j;
                j = _e71 + 1u;
            }
            loop_init = false;
            uint _e63 = j;
            if (_e63 < 8u) {
            } else {
                break;
            }
            {
                uint _e67 = j;
                pending.inner[_e67] = 0u;
            }
        }
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

uint branch_bit(
    uint col_1,
    uint restart,
    thread type_6& history,
    thread uint& history_at
) {
    uint i_3 = 0u;
    if (false) {
        return 0u;
    }
    if (naga_mod(col_1, restart) == 0u) {
        bool loop_init_1 = true;
        while(true) {
            if (!loop_init_1) {
                uint _e17 = i_3;
                i_3 = _e17 + 1u;
            }
            loop_init_1 = false;
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
    }
    uint _e22 = history_at;
    uint _e26 = history_at;
    uint _e30 = history_at;
    uint at_2 = (_e30 >= LAG) ? (_e26 - LAG) : (_e22 + LAG);
    uint _e38 = history.inner[naga_div(at_2, 32u)];
    return (_e38 >> naga_mod(at_2, 32u)) & 1u;
}

void push_code(
    uint symbol_1,
    uint zero,
    thread type_6& history,
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
    uint i_4,
    constant PrefixParameters& p,
    device type_1 const& stream,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = p.words;
    if (i_4 >= _e3) {
        return 0u;
    }
    uint _e8 = stream[i_4];
    return _e8;
}

void open(
    uint first_byte,
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread uint& low,
    thread uint& high,
    thread uint& at_1,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint word = naga_div(first_byte, 4u);
    uint _e4 = stream_word(word, p, stream, _buffer_sizes);
    low = _e4;
    uint _e8 = stream_word(word + 1u, p, stream, _buffer_sizes);
    high = _e8;
    next_word = word + 2u;
    at_1 = 8u * naga_mod(first_byte, 4u);
    return;
}

uint next_bits(
    thread uint& low,
    thread uint& high,
    thread uint& at_1
) {
    uint _e1 = at_1;
    if (_e1 == 0u) {
        uint _e5 = low;
        return _e5;
    }
    uint _e7 = low;
    uint _e9 = at_1;
    uint _e12 = high;
    uint _e15 = at_1;
    return (_e7 >> _e9) | (_e12 << (32u - _e15));
}

void take(
    uint bits,
    constant PrefixParameters& p,
    device type_1 const& stream,
    thread uint& low,
    thread uint& high,
    thread uint& at_1,
    thread uint& next_word,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = at_1;
    at_1 = _e2 + bits;
    uint _e5 = at_1;
    if (_e5 >= 32u) {
        uint _e9 = at_1;
        at_1 = _e9 - 32u;
        uint _e14 = high;
        low = _e14;
        uint _e17 = next_word;
        uint _e18 = stream_word(_e17, p, stream, _buffer_sizes);
        high = _e18;
        uint _e21 = next_word;
        next_word = _e21 + 1u;
        return;
    } else {
        return;
    }
}

uint next_tuple(
    uint table,
    constant PrefixParameters& p,
    device type_1 const& stream,
    device type_1 const& data,
    thread uint& low,
    thread uint& high,
    thread uint& at_1,
    thread uint& next_word,
    thread bool& bad,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint symbols = 0u;
    uint i_5 = 0u;
    uint _e2 = next_bits(low, high, at_1);
    uint entry = data[table + (_e2 & 4095u)];
    uint length = entry >> 24u;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) {
            bad = true;
        }
        take(naga_mod(length, NO_CODEWORD), p, stream, low, high, at_1, next_word, _buffer_sizes);
        bool loop_init_2 = true;
        while(true) {
            if (!loop_init_2) {
                uint _e50 = i_5;
                i_5 = _e50 + 1u;
            }
            loop_init_2 = false;
            uint _e22 = i_5;
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
                take(_e42, p, stream, low, high, at_1, next_word, _buffer_sizes);
                uint _e43 = symbols;
                uint _e45 = i_5;
                symbols = _e43 | (symbol_2 << (8u * _e45));
            }
        }
        uint _e52 = symbols;
        return _e52;
    }
    take(length, p, stream, low, high, at_1, next_word, _buffer_sizes);
    if (false) {
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
, device type_1& words [[user(fake0)]]
, device type_1 const& looked_up [[user(fake0)]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant PrefixParameters& p [[user(fake0)]]
, device type_1 const& stream [[user(fake0)]]
, device type_1 const& data [[user(fake0)]]
, device type_8& report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_2 pending = {};
    type_6 history = {};
    uint history_at = {};
    uint low = {};
    uint high = {};
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
    uint _e21 = tile_number(naga_div(number, _e19), looked_up, active_rows, p, _buffer_sizes);
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
    open(begin, p, stream, low, high, at_1, next_word, _buffer_sizes);
    if (true) {
        if (lane >= rows_1) {
            return;
        }
        row = lane;
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e157 = row;
                uint _e160 = p.lanes;
                row = _e157 + _e160;
            }
            loop_init_3 = false;
            uint _e112 = row;
            if (_e112 < rows_1) {
            } else {
                break;
            }
            {
                c = 0u;
                bool loop_init_4 = true;
                while(true) {
                    if (!loop_init_4) {
                        uint _e154 = c;
                        c = _e154 + TUPLE;
                    }
                    loop_init_4 = false;
                    uint _e116 = c;
                    if (_e116 < cols) {
                    } else {
                        break;
                    }
                    {
                        uint _e118 = next_tuple(table_1, p, stream, data, low, high, at_1, next_word, bad, _buffer_sizes);
                        i = 0u;
                        bool loop_init_5 = true;
                        while(true) {
                            if (!loop_init_5) {
                                uint _e152 = i;
                                i = _e152 + 1u;
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
                                uint _e134 = c;
                                uint _e136 = i;
                                uint _e140 = p.restart;
                                uint _e141 = branch_bit((col0_ + _e134) + _e136, _e140, history, history_at);
                                uint _e144 = p.zero;
                                push_code(symbol_3, _e144, history, history_at);
                                uint _e145 = row;
                                uint _e147 = c;
                                uint _e149 = i;
                                put(row0_ + _e145, (col0_ + _e147) + _e149, symbol_3, _e141, words, pending, p, _buffer_sizes);
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
                uint _e196 = t;
                uint _e199 = p.lanes;
                t = _e196 + _e199;
            }
            loop_init_6 = false;
            uint _e165 = t;
            if (_e165 < tuples) {
            } else {
                break;
            }
            {
                uint _e167 = next_tuple(table_1, p, stream, data, low, high, at_1, next_word, bad, _buffer_sizes);
                uint _e168 = t;
                uint c_1 = naga_mod(_e168, per_row) * TUPLE;
                i_1 = 0u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e194 = i_1;
                        i_1 = _e194 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e174 = i_1;
                    if (_e174 < TUPLE) {
                    } else {
                        break;
                    }
                    {
                        uint _e177 = i_1;
                        if ((c_1 + _e177) >= cols) {
                            break;
                        }
                        uint _e180 = t;
                        uint _e184 = i_1;
                        uint _e187 = i_1;
                        put(row0_ + naga_div(_e180, per_row), (col0_ + c_1) + _e184, (_e167 >> (8u * _e187)) & 255u, 0u, words, pending, p, _buffer_sizes);
                    }
                }
            }
        }
    }
    uint _e203 = next_word;
    uint _e208 = at_1;
    uint used = (32u * (_e203 - 2u)) + _e208;
    uint left = (8u * end) - used;
    bool _e214 = bad;
    if (!(_e214)) {
        local = left >= 8u;
    } else {
        local = true;
    }
    bool _e221 = local;
    if (!(_e221)) {
        uint _e225 = next_bits(low, high, at_1);
        local_1 = (_e225 & ((1u << left) - 1u)) != 0u;
    } else {
        local_1 = true;
    }
    bool _e234 = local_1;
    if (_e234) {
        uint _e239 = p.weight;
        metal::atomic_store_explicit(&report[1], _e239, metal::memory_order_relaxed);
        metal::atomic_store_explicit(&report[0], BAD_STREAM, metal::memory_order_relaxed);
        return;
    } else {
        return;
    }
}
