// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size1;
    uint size4;
    uint size6;
    uint size7;
    uint size8;
    uint size9;
};

typedef uint type_1[1];
typedef metal::uint4 type_3[1];
struct type_4 {
    uint inner[512];
};
struct type_7 {
    metal::int2 inner[1];
};
struct Matrix {
    uint rows;
    uint cols;
    uint blocks;
    uint groups;
    uint group_size;
    int zero;
    uint scales;
    uint more;
    uint col_scales;
    uint scaled;
    uint starts;
    uint outliers;
    uint listed;
    uint unused_a;
    uint unused_b;
    uint unused_c;
};
struct ProductParameters {
    Matrix m;
    uint which;
    uint first;
    uint count;
    uint y_stride;
    uint y_first;
    uint biased;
    uint unused_a;
    uint unused_b;
};
struct TupleProductParameters {
    ProductParameters product;
    uint segments;
    uint segment_groups;
    uint groups;
    uint padded_groups;
    uint scales;
    int unit;
    uint registers;
    uint entries;
    uint starts;
    uint corrections;
    uint zero;
    uint unused_a;
};
typedef float type_10[1];
struct type_12 {
    metal::atomic_int inner[128];
};
struct Ahead {
    uint place;
    uint start;
    uint correction;
    uint corrections_end;
    uint touched;
};
struct type_14 {
    float inner[1];
};
constant uint BITS = 8u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint TUPLE = 3u;
constant uint WIDTH = 9u;
constant uint TRELLIS = 0u;
constant uint UNIT = 1u;
constant uint ROWS = 1u;
constant uint TEAMS = 8u;
constant uint TOUCHES = 1u;
constant uint VALUES = 0u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint UNIFORM = 0u;
constant uint AFFINE = 1u;
constant uint AFFINE_ANY = 2u;
constant uint SUPER_BLOCKS = 3u;
constant uint LEVELS = 4u;
constant uint DENSE = 5u;
constant uint THREADS = 256u;
constant uint CODE_ROWS = 16u;
constant uint TEAM_SUMS = 16u;
constant uint SUMS_PER_THREAD = 1u;
constant uint GROUP_COLS = 24u;
constant uint FIRST_BYTE = 1u;
constant uint LANE_VECTORS = 1u;

type_7 segment_sums(
    uint place,
    uint start,
    uint first,
    uint step,
    uint groups,
    uint restart,
    device type_1 const& stream,
    device type_3 const& digits,
    threadgroup type_4& table,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint at = {};
    uint word = {};
    uint next_1 = {};
    uint ahead = {};
    uint taken = {};
    bool crossed = false;
    uint bits = 0u;
    uint entry = 0u;
    uint total_1 = 0u;
    uint level = 0u;
    int high_0_0_ = 0;
    int low_0_0_ = 0;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    uint group_1 = 0u;
    at = place + 64u;
    uint _e11 = stream[place];
    word = _e11;
    uint _e17 = stream[place + 32u];
    next_1 = _e17;
    uint _e20 = at;
    uint _e22 = stream[_e20];
    ahead = _e22;
    taken = start;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e515 = group_1;
            group_1 = _e515 + 3u;
        }
        loop_init = false;
        uint _e45 = group_1;
        if (_e45 < groups) {
        } else {
            break;
        }
        {
            uint _e47 = word;
            uint _e48 = taken;
            uint _e50 = next_1;
            uint _e54 = taken;
            bits = (_e47 << _e48) | ((_e50 >> 1u) >> (31u - _e54));
            uint _e63 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (4u * (_e63 + 0u))];
            uint _e71 = bits;
            uint _e75 = table.inner[_e71 >> 23u];
            entry = _e75;
            uint _e76 = entry;
            total_1 = _e76;
            uint _e77 = bits;
            uint _e78 = entry;
            bits = _e77 << (_e78 & 15u);
            uint _e82 = entry;
            level = _e82;
            int _e83 = high_0_0_;
            uint _e84 = level;
            uint _e85 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e84 = as_type<packed_char4>(_e84);
            packed_char4 reinterpreted_packed_char4_e85 = as_type<packed_char4>(_e85);
            high_0_0_ = as_type<int>(as_type<uint>(_e83) + as_type<uint>(( + reinterpreted_packed_char4_e84[0] * reinterpreted_packed_char4_e85[0] + reinterpreted_packed_char4_e84[1] * reinterpreted_packed_char4_e85[1] + reinterpreted_packed_char4_e84[2] * reinterpreted_packed_char4_e85[2] + reinterpreted_packed_char4_e84[3] * reinterpreted_packed_char4_e85[3])));
            int _e88 = low_0_0_;
            uint _e89 = level;
            uint _e90 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e89 = as_type<packed_char4>(_e89);
            packed_char4 reinterpreted_packed_char4_e90 = as_type<packed_char4>(_e90);
            low_0_0_ = as_type<int>(as_type<uint>(_e88) + as_type<uint>(( + reinterpreted_packed_char4_e89[0] * reinterpreted_packed_char4_e90[0] + reinterpreted_packed_char4_e89[1] * reinterpreted_packed_char4_e90[1] + reinterpreted_packed_char4_e89[2] * reinterpreted_packed_char4_e90[2] + reinterpreted_packed_char4_e89[3] * reinterpreted_packed_char4_e90[3])));
            uint _e94 = bits;
            uint _e98 = table.inner[_e94 >> 23u];
            entry = _e98;
            uint _e99 = total_1;
            uint _e100 = entry;
            total_1 = _e99 + _e100;
            uint _e102 = bits;
            uint _e103 = entry;
            bits = _e102 << (_e103 & 15u);
            uint _e107 = entry;
            level = _e107;
            int _e108 = high_1_0_;
            uint _e109 = level;
            uint _e110 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e109 = as_type<packed_char4>(_e109);
            packed_char4 reinterpreted_packed_char4_e110 = as_type<packed_char4>(_e110);
            high_1_0_ = as_type<int>(as_type<uint>(_e108) + as_type<uint>(( + reinterpreted_packed_char4_e109[0] * reinterpreted_packed_char4_e110[0] + reinterpreted_packed_char4_e109[1] * reinterpreted_packed_char4_e110[1] + reinterpreted_packed_char4_e109[2] * reinterpreted_packed_char4_e110[2] + reinterpreted_packed_char4_e109[3] * reinterpreted_packed_char4_e110[3])));
            int _e113 = low_1_0_;
            uint _e114 = level;
            uint _e115 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e114 = as_type<packed_char4>(_e114);
            packed_char4 reinterpreted_packed_char4_e115 = as_type<packed_char4>(_e115);
            low_1_0_ = as_type<int>(as_type<uint>(_e113) + as_type<uint>(( + reinterpreted_packed_char4_e114[0] * reinterpreted_packed_char4_e115[0] + reinterpreted_packed_char4_e114[1] * reinterpreted_packed_char4_e115[1] + reinterpreted_packed_char4_e114[2] * reinterpreted_packed_char4_e115[2] + reinterpreted_packed_char4_e114[3] * reinterpreted_packed_char4_e115[3])));
            uint _e119 = bits;
            uint _e123 = table.inner[_e119 >> 23u];
            entry = _e123;
            uint _e124 = total_1;
            uint _e125 = entry;
            total_1 = _e124 + _e125;
            uint _e127 = entry;
            level = _e127;
            int _e128 = high_0_0_;
            uint _e129 = level;
            uint _e130 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e129 = as_type<packed_char4>(_e129);
            packed_char4 reinterpreted_packed_char4_e130 = as_type<packed_char4>(_e130);
            high_0_0_ = as_type<int>(as_type<uint>(_e128) + as_type<uint>(( + reinterpreted_packed_char4_e129[0] * reinterpreted_packed_char4_e130[0] + reinterpreted_packed_char4_e129[1] * reinterpreted_packed_char4_e130[1] + reinterpreted_packed_char4_e129[2] * reinterpreted_packed_char4_e130[2] + reinterpreted_packed_char4_e129[3] * reinterpreted_packed_char4_e130[3])));
            int _e133 = low_0_0_;
            uint _e134 = level;
            uint _e135 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e134 = as_type<packed_char4>(_e134);
            packed_char4 reinterpreted_packed_char4_e135 = as_type<packed_char4>(_e135);
            low_0_0_ = as_type<int>(as_type<uint>(_e133) + as_type<uint>(( + reinterpreted_packed_char4_e134[0] * reinterpreted_packed_char4_e135[0] + reinterpreted_packed_char4_e134[1] * reinterpreted_packed_char4_e135[1] + reinterpreted_packed_char4_e134[2] * reinterpreted_packed_char4_e135[2] + reinterpreted_packed_char4_e134[3] * reinterpreted_packed_char4_e135[3])));
            uint _e138 = taken;
            uint _e139 = total_1;
            taken = _e138 + (_e139 & 255u);
            uint _e143 = taken;
            crossed = _e143 >= 32u;
            uint _e146 = taken;
            taken = _e146 & 31u;
            uint _e149 = word;
            uint _e150 = next_1;
            bool _e151 = crossed;
            word = _e151 ? _e150 : _e149;
            uint _e153 = next_1;
            uint _e154 = ahead;
            bool _e155 = crossed;
            next_1 = _e155 ? _e154 : _e153;
            uint _e157 = at;
            uint _e158 = at;
            bool _e161 = crossed;
            at = _e161 ? (_e158 + 32u) : _e157;
            uint _e164 = at;
            uint _e166 = stream[_e164];
            ahead = _e166;
            uint _e167 = word;
            uint _e168 = taken;
            uint _e170 = next_1;
            uint _e174 = taken;
            bits = (_e167 << _e168) | ((_e170 >> 1u) >> (31u - _e174));
            uint _e179 = bits;
            uint _e183 = table.inner[_e179 >> 23u];
            entry = _e183;
            uint _e184 = entry;
            total_1 = _e184;
            uint _e185 = bits;
            uint _e186 = entry;
            bits = _e185 << (_e186 & 15u);
            uint _e190 = entry;
            level = _e190;
            int _e191 = high_1_0_;
            uint _e192 = level;
            uint _e193 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e192 = as_type<packed_char4>(_e192);
            packed_char4 reinterpreted_packed_char4_e193 = as_type<packed_char4>(_e193);
            high_1_0_ = as_type<int>(as_type<uint>(_e191) + as_type<uint>(( + reinterpreted_packed_char4_e192[0] * reinterpreted_packed_char4_e193[0] + reinterpreted_packed_char4_e192[1] * reinterpreted_packed_char4_e193[1] + reinterpreted_packed_char4_e192[2] * reinterpreted_packed_char4_e193[2] + reinterpreted_packed_char4_e192[3] * reinterpreted_packed_char4_e193[3])));
            int _e196 = low_1_0_;
            uint _e197 = level;
            uint _e198 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e197 = as_type<packed_char4>(_e197);
            packed_char4 reinterpreted_packed_char4_e198 = as_type<packed_char4>(_e198);
            low_1_0_ = as_type<int>(as_type<uint>(_e196) + as_type<uint>(( + reinterpreted_packed_char4_e197[0] * reinterpreted_packed_char4_e198[0] + reinterpreted_packed_char4_e197[1] * reinterpreted_packed_char4_e198[1] + reinterpreted_packed_char4_e197[2] * reinterpreted_packed_char4_e198[2] + reinterpreted_packed_char4_e197[3] * reinterpreted_packed_char4_e198[3])));
            uint _e206 = group_1;
            metal::uint4 x_1_0_ = digits[(first + (0u * step)) + (4u * (_e206 + 1u))];
            uint _e214 = bits;
            uint _e218 = table.inner[_e214 >> 23u];
            entry = _e218;
            uint _e219 = total_1;
            uint _e220 = entry;
            total_1 = _e219 + _e220;
            uint _e222 = bits;
            uint _e223 = entry;
            bits = _e222 << (_e223 & 15u);
            uint _e227 = entry;
            level = _e227;
            int _e228 = high_0_0_;
            uint _e229 = level;
            uint _e230 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e229 = as_type<packed_char4>(_e229);
            packed_char4 reinterpreted_packed_char4_e230 = as_type<packed_char4>(_e230);
            high_0_0_ = as_type<int>(as_type<uint>(_e228) + as_type<uint>(( + reinterpreted_packed_char4_e229[0] * reinterpreted_packed_char4_e230[0] + reinterpreted_packed_char4_e229[1] * reinterpreted_packed_char4_e230[1] + reinterpreted_packed_char4_e229[2] * reinterpreted_packed_char4_e230[2] + reinterpreted_packed_char4_e229[3] * reinterpreted_packed_char4_e230[3])));
            int _e233 = low_0_0_;
            uint _e234 = level;
            uint _e235 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e234 = as_type<packed_char4>(_e234);
            packed_char4 reinterpreted_packed_char4_e235 = as_type<packed_char4>(_e235);
            low_0_0_ = as_type<int>(as_type<uint>(_e233) + as_type<uint>(( + reinterpreted_packed_char4_e234[0] * reinterpreted_packed_char4_e235[0] + reinterpreted_packed_char4_e234[1] * reinterpreted_packed_char4_e235[1] + reinterpreted_packed_char4_e234[2] * reinterpreted_packed_char4_e235[2] + reinterpreted_packed_char4_e234[3] * reinterpreted_packed_char4_e235[3])));
            uint _e239 = bits;
            uint _e243 = table.inner[_e239 >> 23u];
            entry = _e243;
            uint _e244 = total_1;
            uint _e245 = entry;
            total_1 = _e244 + _e245;
            uint _e247 = entry;
            level = _e247;
            int _e248 = high_1_0_;
            uint _e249 = level;
            uint _e250 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e249 = as_type<packed_char4>(_e249);
            packed_char4 reinterpreted_packed_char4_e250 = as_type<packed_char4>(_e250);
            high_1_0_ = as_type<int>(as_type<uint>(_e248) + as_type<uint>(( + reinterpreted_packed_char4_e249[0] * reinterpreted_packed_char4_e250[0] + reinterpreted_packed_char4_e249[1] * reinterpreted_packed_char4_e250[1] + reinterpreted_packed_char4_e249[2] * reinterpreted_packed_char4_e250[2] + reinterpreted_packed_char4_e249[3] * reinterpreted_packed_char4_e250[3])));
            int _e253 = low_1_0_;
            uint _e254 = level;
            uint _e255 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e254 = as_type<packed_char4>(_e254);
            packed_char4 reinterpreted_packed_char4_e255 = as_type<packed_char4>(_e255);
            low_1_0_ = as_type<int>(as_type<uint>(_e253) + as_type<uint>(( + reinterpreted_packed_char4_e254[0] * reinterpreted_packed_char4_e255[0] + reinterpreted_packed_char4_e254[1] * reinterpreted_packed_char4_e255[1] + reinterpreted_packed_char4_e254[2] * reinterpreted_packed_char4_e255[2] + reinterpreted_packed_char4_e254[3] * reinterpreted_packed_char4_e255[3])));
            uint _e258 = taken;
            uint _e259 = total_1;
            taken = _e258 + (_e259 & 255u);
            uint _e263 = taken;
            crossed = _e263 >= 32u;
            uint _e266 = taken;
            taken = _e266 & 31u;
            uint _e269 = word;
            uint _e270 = next_1;
            bool _e271 = crossed;
            word = _e271 ? _e270 : _e269;
            uint _e273 = next_1;
            uint _e274 = ahead;
            bool _e275 = crossed;
            next_1 = _e275 ? _e274 : _e273;
            uint _e277 = at;
            uint _e278 = at;
            bool _e281 = crossed;
            at = _e281 ? (_e278 + 32u) : _e277;
            uint _e284 = at;
            uint _e286 = stream[_e284];
            ahead = _e286;
            uint _e287 = word;
            uint _e288 = taken;
            uint _e290 = next_1;
            uint _e294 = taken;
            bits = (_e287 << _e288) | ((_e290 >> 1u) >> (31u - _e294));
            uint _e299 = bits;
            uint _e303 = table.inner[_e299 >> 23u];
            entry = _e303;
            uint _e304 = entry;
            total_1 = _e304;
            uint _e305 = bits;
            uint _e306 = entry;
            bits = _e305 << (_e306 & 15u);
            uint _e310 = entry;
            level = _e310;
            int _e311 = high_0_0_;
            uint _e312 = level;
            uint _e313 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e312 = as_type<packed_char4>(_e312);
            packed_char4 reinterpreted_packed_char4_e313 = as_type<packed_char4>(_e313);
            high_0_0_ = as_type<int>(as_type<uint>(_e311) + as_type<uint>(( + reinterpreted_packed_char4_e312[0] * reinterpreted_packed_char4_e313[0] + reinterpreted_packed_char4_e312[1] * reinterpreted_packed_char4_e313[1] + reinterpreted_packed_char4_e312[2] * reinterpreted_packed_char4_e313[2] + reinterpreted_packed_char4_e312[3] * reinterpreted_packed_char4_e313[3])));
            int _e316 = low_0_0_;
            uint _e317 = level;
            uint _e318 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e317 = as_type<packed_char4>(_e317);
            packed_char4 reinterpreted_packed_char4_e318 = as_type<packed_char4>(_e318);
            low_0_0_ = as_type<int>(as_type<uint>(_e316) + as_type<uint>(( + reinterpreted_packed_char4_e317[0] * reinterpreted_packed_char4_e318[0] + reinterpreted_packed_char4_e317[1] * reinterpreted_packed_char4_e318[1] + reinterpreted_packed_char4_e317[2] * reinterpreted_packed_char4_e318[2] + reinterpreted_packed_char4_e317[3] * reinterpreted_packed_char4_e318[3])));
            uint _e322 = bits;
            uint _e326 = table.inner[_e322 >> 23u];
            entry = _e326;
            uint _e327 = total_1;
            uint _e328 = entry;
            total_1 = _e327 + _e328;
            uint _e330 = bits;
            uint _e331 = entry;
            bits = _e330 << (_e331 & 15u);
            uint _e335 = entry;
            level = _e335;
            int _e336 = high_1_0_;
            uint _e337 = level;
            uint _e338 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e337 = as_type<packed_char4>(_e337);
            packed_char4 reinterpreted_packed_char4_e338 = as_type<packed_char4>(_e338);
            high_1_0_ = as_type<int>(as_type<uint>(_e336) + as_type<uint>(( + reinterpreted_packed_char4_e337[0] * reinterpreted_packed_char4_e338[0] + reinterpreted_packed_char4_e337[1] * reinterpreted_packed_char4_e338[1] + reinterpreted_packed_char4_e337[2] * reinterpreted_packed_char4_e338[2] + reinterpreted_packed_char4_e337[3] * reinterpreted_packed_char4_e338[3])));
            int _e341 = low_1_0_;
            uint _e342 = level;
            uint _e343 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e342 = as_type<packed_char4>(_e342);
            packed_char4 reinterpreted_packed_char4_e343 = as_type<packed_char4>(_e343);
            low_1_0_ = as_type<int>(as_type<uint>(_e341) + as_type<uint>(( + reinterpreted_packed_char4_e342[0] * reinterpreted_packed_char4_e343[0] + reinterpreted_packed_char4_e342[1] * reinterpreted_packed_char4_e343[1] + reinterpreted_packed_char4_e342[2] * reinterpreted_packed_char4_e343[2] + reinterpreted_packed_char4_e342[3] * reinterpreted_packed_char4_e343[3])));
            uint _e351 = group_1;
            metal::uint4 x_2_0_ = digits[(first + (0u * step)) + (4u * (_e351 + 2u))];
            uint _e359 = bits;
            uint _e363 = table.inner[_e359 >> 23u];
            entry = _e363;
            uint _e364 = total_1;
            uint _e365 = entry;
            total_1 = _e364 + _e365;
            uint _e367 = entry;
            level = _e367;
            int _e368 = high_0_0_;
            uint _e369 = level;
            uint _e370 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e369 = as_type<packed_char4>(_e369);
            packed_char4 reinterpreted_packed_char4_e370 = as_type<packed_char4>(_e370);
            high_0_0_ = as_type<int>(as_type<uint>(_e368) + as_type<uint>(( + reinterpreted_packed_char4_e369[0] * reinterpreted_packed_char4_e370[0] + reinterpreted_packed_char4_e369[1] * reinterpreted_packed_char4_e370[1] + reinterpreted_packed_char4_e369[2] * reinterpreted_packed_char4_e370[2] + reinterpreted_packed_char4_e369[3] * reinterpreted_packed_char4_e370[3])));
            int _e373 = low_0_0_;
            uint _e374 = level;
            uint _e375 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e374 = as_type<packed_char4>(_e374);
            packed_char4 reinterpreted_packed_char4_e375 = as_type<packed_char4>(_e375);
            low_0_0_ = as_type<int>(as_type<uint>(_e373) + as_type<uint>(( + reinterpreted_packed_char4_e374[0] * reinterpreted_packed_char4_e375[0] + reinterpreted_packed_char4_e374[1] * reinterpreted_packed_char4_e375[1] + reinterpreted_packed_char4_e374[2] * reinterpreted_packed_char4_e375[2] + reinterpreted_packed_char4_e374[3] * reinterpreted_packed_char4_e375[3])));
            uint _e378 = taken;
            uint _e379 = total_1;
            taken = _e378 + (_e379 & 255u);
            uint _e383 = taken;
            crossed = _e383 >= 32u;
            uint _e386 = taken;
            taken = _e386 & 31u;
            uint _e389 = word;
            uint _e390 = next_1;
            bool _e391 = crossed;
            word = _e391 ? _e390 : _e389;
            uint _e393 = next_1;
            uint _e394 = ahead;
            bool _e395 = crossed;
            next_1 = _e395 ? _e394 : _e393;
            uint _e397 = at;
            uint _e398 = at;
            bool _e401 = crossed;
            at = _e401 ? (_e398 + 32u) : _e397;
            uint _e404 = at;
            uint _e406 = stream[_e404];
            ahead = _e406;
            uint _e407 = word;
            uint _e408 = taken;
            uint _e410 = next_1;
            uint _e414 = taken;
            bits = (_e407 << _e408) | ((_e410 >> 1u) >> (31u - _e414));
            uint _e419 = bits;
            uint _e423 = table.inner[_e419 >> 23u];
            entry = _e423;
            uint _e424 = entry;
            total_1 = _e424;
            uint _e425 = bits;
            uint _e426 = entry;
            bits = _e425 << (_e426 & 15u);
            uint _e430 = entry;
            level = _e430;
            int _e431 = high_1_0_;
            uint _e432 = level;
            uint _e433 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e432 = as_type<packed_char4>(_e432);
            packed_char4 reinterpreted_packed_char4_e433 = as_type<packed_char4>(_e433);
            high_1_0_ = as_type<int>(as_type<uint>(_e431) + as_type<uint>(( + reinterpreted_packed_char4_e432[0] * reinterpreted_packed_char4_e433[0] + reinterpreted_packed_char4_e432[1] * reinterpreted_packed_char4_e433[1] + reinterpreted_packed_char4_e432[2] * reinterpreted_packed_char4_e433[2] + reinterpreted_packed_char4_e432[3] * reinterpreted_packed_char4_e433[3])));
            int _e436 = low_1_0_;
            uint _e437 = level;
            uint _e438 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e437 = as_type<packed_char4>(_e437);
            packed_char4 reinterpreted_packed_char4_e438 = as_type<packed_char4>(_e438);
            low_1_0_ = as_type<int>(as_type<uint>(_e436) + as_type<uint>(( + reinterpreted_packed_char4_e437[0] * reinterpreted_packed_char4_e438[0] + reinterpreted_packed_char4_e437[1] * reinterpreted_packed_char4_e438[1] + reinterpreted_packed_char4_e437[2] * reinterpreted_packed_char4_e438[2] + reinterpreted_packed_char4_e437[3] * reinterpreted_packed_char4_e438[3])));
            uint _e442 = bits;
            uint _e446 = table.inner[_e442 >> 23u];
            entry = _e446;
            uint _e447 = total_1;
            uint _e448 = entry;
            total_1 = _e447 + _e448;
            uint _e450 = bits;
            uint _e451 = entry;
            bits = _e450 << (_e451 & 15u);
            uint _e455 = entry;
            level = _e455;
            int _e456 = high_0_0_;
            uint _e457 = level;
            uint _e458 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e457 = as_type<packed_char4>(_e457);
            packed_char4 reinterpreted_packed_char4_e458 = as_type<packed_char4>(_e458);
            high_0_0_ = as_type<int>(as_type<uint>(_e456) + as_type<uint>(( + reinterpreted_packed_char4_e457[0] * reinterpreted_packed_char4_e458[0] + reinterpreted_packed_char4_e457[1] * reinterpreted_packed_char4_e458[1] + reinterpreted_packed_char4_e457[2] * reinterpreted_packed_char4_e458[2] + reinterpreted_packed_char4_e457[3] * reinterpreted_packed_char4_e458[3])));
            int _e461 = low_0_0_;
            uint _e462 = level;
            uint _e463 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e462 = as_type<packed_char4>(_e462);
            packed_char4 reinterpreted_packed_char4_e463 = as_type<packed_char4>(_e463);
            low_0_0_ = as_type<int>(as_type<uint>(_e461) + as_type<uint>(( + reinterpreted_packed_char4_e462[0] * reinterpreted_packed_char4_e463[0] + reinterpreted_packed_char4_e462[1] * reinterpreted_packed_char4_e463[1] + reinterpreted_packed_char4_e462[2] * reinterpreted_packed_char4_e463[2] + reinterpreted_packed_char4_e462[3] * reinterpreted_packed_char4_e463[3])));
            uint _e467 = bits;
            uint _e471 = table.inner[_e467 >> 23u];
            entry = _e471;
            uint _e472 = total_1;
            uint _e473 = entry;
            total_1 = _e472 + _e473;
            uint _e475 = entry;
            level = _e475;
            int _e476 = high_1_0_;
            uint _e477 = level;
            uint _e478 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e477 = as_type<packed_char4>(_e477);
            packed_char4 reinterpreted_packed_char4_e478 = as_type<packed_char4>(_e478);
            high_1_0_ = as_type<int>(as_type<uint>(_e476) + as_type<uint>(( + reinterpreted_packed_char4_e477[0] * reinterpreted_packed_char4_e478[0] + reinterpreted_packed_char4_e477[1] * reinterpreted_packed_char4_e478[1] + reinterpreted_packed_char4_e477[2] * reinterpreted_packed_char4_e478[2] + reinterpreted_packed_char4_e477[3] * reinterpreted_packed_char4_e478[3])));
            int _e481 = low_1_0_;
            uint _e482 = level;
            uint _e483 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e482 = as_type<packed_char4>(_e482);
            packed_char4 reinterpreted_packed_char4_e483 = as_type<packed_char4>(_e483);
            low_1_0_ = as_type<int>(as_type<uint>(_e481) + as_type<uint>(( + reinterpreted_packed_char4_e482[0] * reinterpreted_packed_char4_e483[0] + reinterpreted_packed_char4_e482[1] * reinterpreted_packed_char4_e483[1] + reinterpreted_packed_char4_e482[2] * reinterpreted_packed_char4_e483[2] + reinterpreted_packed_char4_e482[3] * reinterpreted_packed_char4_e483[3])));
            uint _e486 = taken;
            uint _e487 = total_1;
            taken = _e486 + (_e487 & 255u);
            uint _e491 = taken;
            crossed = _e491 >= 32u;
            uint _e494 = taken;
            taken = _e494 & 31u;
            uint _e497 = word;
            uint _e498 = next_1;
            bool _e499 = crossed;
            word = _e499 ? _e498 : _e497;
            uint _e501 = next_1;
            uint _e502 = ahead;
            bool _e503 = crossed;
            next_1 = _e503 ? _e502 : _e501;
            uint _e505 = at;
            uint _e506 = at;
            bool _e509 = crossed;
            at = _e509 ? (_e506 + 32u) : _e505;
            uint _e512 = at;
            uint _e514 = stream[_e512];
            ahead = _e514;
        }
    }
    int _e518 = high_0_0_;
    int _e521 = low_0_0_;
    int _e523 = high_1_0_;
    int _e526 = low_1_0_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e518))) + as_type<uint>(_e521)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e523))) + as_type<uint>(_e526)))}};
}

float side_float(
    uint at_1,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return as_type<float>(_e3);
}

float scaled_activation(
    Matrix m,
    float value,
    uint col,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m.scaled == 0u) {
        return value;
    }
    float _e8 = side_float(m.col_scales + col, side, _buffer_sizes);
    return value * _e8;
}

ProductParameters parameters(
    constant TupleProductParameters& p
) {
    ProductParameters _e2 = p.product;
    return _e2;
}

float result_of(
    uint row,
    float sum_1,
    device type_1 const& side,
    constant TupleProductParameters& p,
    device type_10 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step_1 = 1.0;
    bool local_3 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (false) {
        local_3 = false;
    } else {
        local_3 = true;
    }
    bool _e10 = local_3;
    if (_e10) {
        float _e14 = side_float(_e2.m.scales + row, side, _buffer_sizes);
        step_1 = _e14;
    }
    if (_e2.biased != 0u) {
        float _e26 = bias[(_e2.y_first + row) - _e2.first];
        offset = _e26;
    }
    float _e27 = step_1;
    float _e28 = offset;
    return metal::fma(sum_1, _e27, _e28);
}

uint groups_of(
    uint segment,
    constant TupleProductParameters& p
) {
    uint _e3 = p.groups;
    uint _e6 = p.segment_groups;
    uint _e11 = p.segment_groups;
    uint _e16 = p.segments;
    return ((segment + 1u) < _e16) ? _e11 : (_e3 - (segment * _e6));
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

int digit_at(
    uint row_1,
    uint segment_1,
    uint col_1,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint in_group = naga_mod(col_1, GROUP_COLS);
    uint lane_1 = naga_div(naga_mod(in_group, 12u), TUPLE);
    uint _e11 = p.segments;
    uint _e16 = p.padded_groups;
    uint group_2 = (((row_1 * _e11) + segment_1) * _e16) + naga_div(col_1, GROUP_COLS);
    uint at_2 = ((group_2 * 4u) + lane_1) * LANE_VECTORS;
    if (false) {
        uint _e37 = digits[at_2 + naga_div(in_group, 12u)][FIRST_BYTE + naga_mod(in_group, TUPLE)];
        return as_type<int>(_e37);
    }
    metal::uint4 vector = digits[at_2];
    metal::uint2 pair = (in_group >= 12u) ? vector.zw : vector.xy;
    uint _e53 = 8u * (FIRST_BYTE + naga_mod(in_group, TUPLE));
    metal::int2 both = metal::extract_bits(as_type<metal::int2>(pair), metal::min(_e53, 32u), metal::min(8u, 32u - metal::min(_e53, 32u)));
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(both.x))) + as_type<uint>(both.y));
}

Ahead ahead_of(
    uint number,
    uint lane,
    device type_1 const& stream,
    constant TupleProductParameters& p,
    device type_1 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint touched = 0u;
    bool local_4 = {};
    uint _e5 = p.starts;
    uint _e13 = data[(_e5 + (number * 8u)) + naga_div(lane, 4u)];
    uint start_1 = (_e13 >> (8u * naga_mod(lane, 4u))) & 255u;
    uint _e23 = p.entries;
    uint at_3 = _e23 + (4u * number);
    uint row_3 = data[at_3];
    if (true) {
        uint _e39 = data[at_3 + 2u];
        local_4 = lane < ((_e39 - row_3) + 2u);
    } else {
        local_4 = false;
    }
    bool _e45 = local_4;
    if (_e45) {
        uint line = (row_3 + lane) * 32u;
        uint _e51 = stream[line];
        uint _e56 = stream[line + 8u];
        uint _e62 = stream[line + 16u];
        uint _e68 = stream[line + 24u];
        touched = ((_e51 ^ _e56) ^ _e62) ^ _e68;
    }
    uint place_1 = ((row_3 + naga_div(start_1, 32u)) * 32u) + lane;
    uint _e82 = data[at_3 + 1u];
    uint _e88 = data[at_3 + 3u];
    uint _e89 = touched;
    return Ahead {place_1, naga_mod(start_1, 32u), _e82 + lane, _e88, _e89};
}

uint correction_at(
    uint i_6,
    constant TupleProductParameters& p,
    device type_1 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.corrections;
    uint _e9 = data[_e4 + naga_div(i_6, 2u)];
    return (_e9 >> (16u * naga_mod(i_6, 2u))) & 65535u;
}

int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}

void add_correction(
    uint correction,
    uint segment_2,
    uint first_sum,
    uint row0_,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    threadgroup type_12& corrected,
    constant _mslBufferSizes& _buffer_sizes
) {
    int size = {};
    uint r_1 = 0u;
    uint size_bits = (correction >> 13u) & 3u;
    int _e17 = p.unit;
    size = as_type<int>(as_type<uint>(static_cast<int>((size_bits == 3u) ? 16u : (1u << size_bits))) * as_type<uint>(_e17));
    if ((correction >> 15u) == 1u) {
        int _e24 = size;
        size = naga_neg(_e24);
    }
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e51 = r_1;
            r_1 = _e51 + 1u;
        }
        loop_init_1 = false;
        uint _e28 = r_1;
        if (_e28 < ROWS) {
        } else {
            break;
        }
        {
            uint _e31 = r_1;
            int _e37 = digit_at(row0_ + _e31, segment_2, (correction >> 4u) & 511u, digits, p, _buffer_sizes);
            uint _e39 = r_1;
            int _e47 = size;
            int _e49 = metal::atomic_fetch_add_explicit(&corrected.inner[(first_sum + (_e39 * CODE_ROWS)) + naga_mod(correction, CODE_ROWS)], as_type<int>(as_type<uint>(_e47) * as_type<uint>(_e37)), metal::memory_order_relaxed);
        }
    }
    return;
}

float outlier_sum(
    uint row_2,
    uint x_row,
    device type_1 const& side,
    constant TupleProductParameters& p,
    device type_10 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    float sum_2 = 0.0;
    uint i_7 = {};
    ProductParameters _e2 = parameters(p);
    Matrix m_1 = _e2.m;
    uint _e10 = side[_e2.m.starts + row_2];
    i_7 = _e10;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e47 = i_7;
            i_7 = _e47 + 1u;
        }
        loop_init_2 = false;
        uint _e12 = i_7;
        uint _e19 = side[(_e2.m.starts + row_2) + 1u];
        if (_e12 < _e19) {
        } else {
            break;
        }
        {
            uint _e24 = i_7;
            uint col_2 = side[_e2.m.outliers + (2u * _e24)];
            float _e34 = x[(x_row * _e2.m.cols) + col_2];
            float _e35 = scaled_activation(m_1, _e34, col_2, side, _buffer_sizes);
            uint _e38 = i_7;
            float _e43 = side_float((_e2.m.outliers + (2u * _e38)) + 1u, side, _buffer_sizes);
            float _e44 = sum_2;
            sum_2 = metal::fma(_e43, _e35, _e44);
        }
    }
    float _e49 = sum_2;
    return _e49;
}

struct tuple_productInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void tuple_product(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_1 const& stream [[user(fake0)]]
, device type_3 const& digits [[user(fake0)]]
, threadgroup type_4& table
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_1 const& side [[user(fake0)]]
, constant TupleProductParameters& p [[user(fake0)]]
, device type_10 const& bias [[user(fake0)]]
, device type_1 const& data [[user(fake0)]]
, device type_10 const& x [[user(fake0)]]
, device type_10& y [[user(fake0)]]
, threadgroup type_12& sums
, threadgroup type_12& corrected
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    Ahead next = {};
    uint i = {};
    uint i_1 = {};
    type_14 total = {};
    uint s = 0u;
    uint r = {};
    uint i_2 = {};
    uint i_3 = {};
    bool local = {};
    uint i_4 = 0u;
    uint i_5 = {};
    bool local_1 = {};
    bool local_2 = {};
    float sum = {};
    uint other = {};
    uint row0_1 = group.y * ROWS;
    uint _e9 = p.product.which;
    uint rows_in_use = active_rows[_e9];
    if (row0_1 >= rows_in_use) {
        return;
    }
    uint lane_2 = naga_mod(thread_, 32u);
    uint team = naga_div(thread_, 32u);
    uint _e20 = p.product.first;
    uint tile = naga_div(_e20, CODE_ROWS) + group.x;
    uint _e27 = p.segments;
    uint per_team = naga_div((_e27 + TEAMS) - 1u, TEAMS);
    uint _e36 = p.segments;
    uint last_segment = _e36 - 1u;
    uint _e41 = p.segments;
    Ahead _e46 = ahead_of((tile * _e41) + metal::min(team * per_team, last_segment), lane_2, stream, p, data, _buffer_sizes);
    next = _e46;
    i = thread_;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e63 = i;
            i = _e63 + THREADS;
        }
        loop_init_3 = false;
        uint _e49 = i;
        if (_e49 < 512u) {
        } else {
            break;
        }
        {
            uint _e53 = i;
            uint _e58 = p.registers;
            uint _e59 = i;
            uint _e62 = data[_e58 + _e59];
            table.inner[_e53] = _e62;
        }
    }
    i_1 = thread_;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e78 = i_1;
            i_1 = _e78 + THREADS;
        }
        loop_init_4 = false;
        uint _e67 = i_1;
        if (_e67 < 128u) {
        } else {
            break;
        }
        {
            uint _e71 = i_1;
            metal::atomic_store_explicit(&sums.inner[_e71], 0, metal::memory_order_relaxed);
            uint _e75 = i_1;
            metal::atomic_store_explicit(&corrected.inner[_e75], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint first_sum_1 = team * TEAM_SUMS;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e249 = s;
            s = _e249 + 1u;
        }
        loop_init_5 = false;
        uint _e86 = s;
        if (_e86 < per_team) {
        } else {
            break;
        }
        {
            uint _e89 = s;
            uint segment_3 = (team * per_team) + _e89;
            uint _e93 = p.segments;
            if (segment_3 < _e93) {
                Ahead own = next;
                uint _e98 = p.segments;
                Ahead _e104 = ahead_of((tile * _e98) + metal::min(segment_3 + 1u, last_segment), lane_2, stream, p, data, _buffer_sizes);
                next = _e104;
                uint _e108 = correction_at(metal::min(own.correction, own.corrections_end), p, data, _buffer_sizes);
                uint _e113 = p.zero;
                uint place_2 = own.place + (own.touched & _e113);
                uint _e118 = p.padded_groups;
                uint vectors = (_e118 * 4u) * LANE_VECTORS;
                uint _e125 = p.segments;
                uint step_2 = _e125 * vectors;
                uint _e129 = p.segments;
                uint first_1 = (((row0_1 * _e129) + segment_3) * vectors) + (naga_mod(lane_2, 4u) * LANE_VECTORS);
                uint _e139 = groups_of(segment_3, p);
                uint _e142 = p.segment_groups;
                type_7 _e143 = segment_sums(place_2, own.start, first_1, step_2, _e139, _e142, stream, digits, table, _buffer_sizes);
                r = 0u;
                bool loop_init_6 = true;
                while(true) {
                    if (!loop_init_6) {
                        uint _e171 = r;
                        r = _e171 + 1u;
                    }
                    loop_init_6 = false;
                    uint _e146 = r;
                    if (_e146 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e149 = r;
                        uint sum_3 = (first_sum_1 + (_e149 * CODE_ROWS)) + naga_div(lane_2, 4u);
                        uint _e158 = r;
                        int _e161 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3], _e143.inner[_e158].x, metal::memory_order_relaxed);
                        uint _e166 = r;
                        int _e169 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3 + 8u], _e143.inner[_e166].y, metal::memory_order_relaxed);
                    }
                }
                if (own.correction < own.corrections_end) {
                    add_correction(_e108, segment_3, first_sum_1, row0_1, digits, p, corrected, _buffer_sizes);
                }
                i_2 = own.correction + 32u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e185 = i_2;
                        i_2 = _e185 + 32u;
                    }
                    loop_init_7 = false;
                    uint _e180 = i_2;
                    if (_e180 < own.corrections_end) {
                    } else {
                        break;
                    }
                    {
                        uint _e183 = i_2;
                        uint _e184 = correction_at(_e183, p, data, _buffer_sizes);
                        add_correction(_e184, segment_3, first_sum_1, row0_1, digits, p, corrected, _buffer_sizes);
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i_3 = 0u;
            bool loop_init_8 = true;
            while(true) {
                if (!loop_init_8) {
                    uint _e246 = i_3;
                    i_3 = _e246 + 1u;
                }
                loop_init_8 = false;
                uint _e190 = i_3;
                if (_e190 < SUMS_PER_THREAD) {
                } else {
                    break;
                }
                {
                    uint _e193 = i_3;
                    uint sum_4 = (_e193 * 32u) + lane_2;
                    uint _e199 = p.segments;
                    if (!((segment_3 >= _e199))) {
                        local = sum_4 >= TEAM_SUMS;
                    } else {
                        local = true;
                    }
                    bool _e207 = local;
                    if (_e207) {
                        continue;
                    }
                    uint row_4 = row0_1 + naga_div(sum_4, CODE_ROWS);
                    uint _e214 = p.scales;
                    uint _e217 = p.segments;
                    uint _e223 = digits[(_e214 + (row_4 * _e217)) + segment_3].x;
                    float scale = as_type<float>(_e223);
                    int _e229 = metal::atomic_exchange_explicit(&sums.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_codes = static_cast<float>(_e229);
                    int _e235 = metal::atomic_exchange_explicit(&corrected.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_corrections = static_cast<float>(_e235);
                    uint _e237 = i_3;
                    uint _e241 = i_3;
                    float _e243 = total.inner[_e241];
                    total.inner[_e237] = metal::fma(scale, metal::fma(of_corrections, 1.0, of_codes), _e243);
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e270 = i_4;
            i_4 = _e270 + 1u;
        }
        loop_init_9 = false;
        uint _e253 = i_4;
        if (_e253 < SUMS_PER_THREAD) {
        } else {
            break;
        }
        {
            uint _e256 = i_4;
            uint sum_5 = (_e256 * 32u) + lane_2;
            if (sum_5 < TEAM_SUMS) {
                uint _e265 = i_4;
                float _e267 = total.inner[_e265];
                metal::atomic_store_explicit(&sums.inner[first_sum_1 + sum_5], as_type<int>(_e267), metal::memory_order_relaxed);
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_5 = thread_;
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e348 = i_5;
            i_5 = _e348 + THREADS;
        }
        loop_init_10 = false;
        uint _e273 = i_5;
        if (_e273 < TEAM_SUMS) {
        } else {
            break;
        }
        {
            uint _e276 = i_5;
            uint r_2 = naga_div(_e276, CODE_ROWS);
            uint _e281 = i_5;
            uint row_5 = (tile * CODE_ROWS) + naga_mod(_e281, CODE_ROWS);
            ProductParameters _e285 = parameters(p);
            if (!(((row0_1 + r_2) >= rows_in_use))) {
                local_1 = row_5 < _e285.first;
            } else {
                local_1 = true;
            }
            bool _e294 = local_1;
            if (!(_e294)) {
                local_2 = row_5 >= (_e285.first + _e285.count);
            } else {
                local_2 = true;
            }
            bool _e303 = local_2;
            if (_e303) {
                continue;
            }
            sum = 0.0;
            other = 0u;
            bool loop_init_11 = true;
            while(true) {
                if (!loop_init_11) {
                    uint _e323 = other;
                    other = _e323 + 1u;
                }
                loop_init_11 = false;
                uint _e308 = other;
                if (_e308 < TEAMS) {
                } else {
                    break;
                }
                {
                    float _e311 = sum;
                    uint _e313 = other;
                    uint _e316 = i_5;
                    int _e319 = metal::atomic_load_explicit(&sums.inner[(_e313 * TEAM_SUMS) + _e316], metal::memory_order_relaxed);
                    sum = _e311 + as_type<float>(_e319);
                }
            }
            float _e325 = sum;
            sum = _e325 * 1.0;
            if (_e285.m.listed != 0u) {
                float _e332 = sum;
                float _e334 = outlier_sum(row_5, row0_1 + r_2, side, p, x, _buffer_sizes);
                sum = _e332 + _e334;
            }
            float _e346 = sum;
            float _e347 = result_of(row_5, _e346, side, p, bias, _buffer_sizes);
            y[((((row0_1 + r_2) * _e285.y_stride) + _e285.y_first) + row_5) - _e285.first] = _e347;
        }
    }
    return;
}
