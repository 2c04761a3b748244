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
constant uint TRELLIS = 1u;
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
    uint last_0_ = 0u;
    uint even_0_ = 0u;
    uint odd_0_ = 0u;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    uint last_1_ = 0u;
    uint even_1_ = 0u;
    uint odd_1_ = 0u;
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
            uint _e655 = group_1;
            group_1 = _e655 + 3u;
        }
        loop_init = false;
        uint _e57 = group_1;
        if (_e57 < groups) {
        } else {
            break;
        }
        {
            uint _e59 = group_1;
            if (_e59 == restart) {
                last_0_ = 0u;
                even_0_ = 0u;
                odd_0_ = 0u;
                last_1_ = 0u;
                even_1_ = 0u;
                odd_1_ = 0u;
            }
            uint _e67 = word;
            uint _e68 = taken;
            uint _e70 = next_1;
            uint _e74 = taken;
            bits = (_e67 << _e68) | ((_e70 >> 1u) >> (31u - _e74));
            uint _e83 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (4u * (_e83 + 0u))];
            uint _e91 = bits;
            uint _e95 = table.inner[_e91 >> 23u];
            entry = _e95;
            uint _e96 = entry;
            total_1 = _e96;
            uint _e97 = bits;
            uint _e98 = entry;
            bits = _e97 << (_e98 & 15u);
            uint _e102 = even_0_;
            uint _e103 = last_0_;
            even_0_ = _e102 ^ (_e103 & 16843008u);
            uint _e107 = entry;
            last_0_ = _e107;
            uint _e108 = entry;
            uint _e111 = even_0_;
            level = (_e108 & 4278124287u) | _e111;
            int _e113 = high_0_0_;
            uint _e114 = level;
            uint _e115 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e114 = as_type<packed_char4>(_e114);
            packed_char4 reinterpreted_packed_char4_e115 = as_type<packed_char4>(_e115);
            high_0_0_ = as_type<int>(as_type<uint>(_e113) + as_type<uint>(( + reinterpreted_packed_char4_e114[0] * reinterpreted_packed_char4_e115[0] + reinterpreted_packed_char4_e114[1] * reinterpreted_packed_char4_e115[1] + reinterpreted_packed_char4_e114[2] * reinterpreted_packed_char4_e115[2] + reinterpreted_packed_char4_e114[3] * reinterpreted_packed_char4_e115[3])));
            int _e118 = low_0_0_;
            uint _e119 = level;
            uint _e120 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e119 = as_type<packed_char4>(_e119);
            packed_char4 reinterpreted_packed_char4_e120 = as_type<packed_char4>(_e120);
            low_0_0_ = as_type<int>(as_type<uint>(_e118) + as_type<uint>(( + reinterpreted_packed_char4_e119[0] * reinterpreted_packed_char4_e120[0] + reinterpreted_packed_char4_e119[1] * reinterpreted_packed_char4_e120[1] + reinterpreted_packed_char4_e119[2] * reinterpreted_packed_char4_e120[2] + reinterpreted_packed_char4_e119[3] * reinterpreted_packed_char4_e120[3])));
            uint _e124 = bits;
            uint _e128 = table.inner[_e124 >> 23u];
            entry = _e128;
            uint _e129 = total_1;
            uint _e130 = entry;
            total_1 = _e129 + _e130;
            uint _e132 = bits;
            uint _e133 = entry;
            bits = _e132 << (_e133 & 15u);
            uint _e137 = even_1_;
            uint _e138 = last_1_;
            even_1_ = _e137 ^ (_e138 & 16843008u);
            uint _e142 = entry;
            last_1_ = _e142;
            uint _e143 = entry;
            uint _e146 = even_1_;
            level = (_e143 & 4278124287u) | _e146;
            int _e148 = high_1_0_;
            uint _e149 = level;
            uint _e150 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e149 = as_type<packed_char4>(_e149);
            packed_char4 reinterpreted_packed_char4_e150 = as_type<packed_char4>(_e150);
            high_1_0_ = as_type<int>(as_type<uint>(_e148) + as_type<uint>(( + reinterpreted_packed_char4_e149[0] * reinterpreted_packed_char4_e150[0] + reinterpreted_packed_char4_e149[1] * reinterpreted_packed_char4_e150[1] + reinterpreted_packed_char4_e149[2] * reinterpreted_packed_char4_e150[2] + reinterpreted_packed_char4_e149[3] * reinterpreted_packed_char4_e150[3])));
            int _e153 = low_1_0_;
            uint _e154 = level;
            uint _e155 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e154 = as_type<packed_char4>(_e154);
            packed_char4 reinterpreted_packed_char4_e155 = as_type<packed_char4>(_e155);
            low_1_0_ = as_type<int>(as_type<uint>(_e153) + as_type<uint>(( + reinterpreted_packed_char4_e154[0] * reinterpreted_packed_char4_e155[0] + reinterpreted_packed_char4_e154[1] * reinterpreted_packed_char4_e155[1] + reinterpreted_packed_char4_e154[2] * reinterpreted_packed_char4_e155[2] + reinterpreted_packed_char4_e154[3] * reinterpreted_packed_char4_e155[3])));
            uint _e159 = bits;
            uint _e163 = table.inner[_e159 >> 23u];
            entry = _e163;
            uint _e164 = total_1;
            uint _e165 = entry;
            total_1 = _e164 + _e165;
            uint _e167 = odd_0_;
            uint _e168 = last_0_;
            odd_0_ = _e167 ^ (_e168 & 16843008u);
            uint _e172 = entry;
            last_0_ = _e172;
            uint _e173 = entry;
            uint _e176 = odd_0_;
            level = (_e173 & 4278124287u) | _e176;
            int _e178 = high_0_0_;
            uint _e179 = level;
            uint _e180 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e179 = as_type<packed_char4>(_e179);
            packed_char4 reinterpreted_packed_char4_e180 = as_type<packed_char4>(_e180);
            high_0_0_ = as_type<int>(as_type<uint>(_e178) + as_type<uint>(( + reinterpreted_packed_char4_e179[0] * reinterpreted_packed_char4_e180[0] + reinterpreted_packed_char4_e179[1] * reinterpreted_packed_char4_e180[1] + reinterpreted_packed_char4_e179[2] * reinterpreted_packed_char4_e180[2] + reinterpreted_packed_char4_e179[3] * reinterpreted_packed_char4_e180[3])));
            int _e183 = low_0_0_;
            uint _e184 = level;
            uint _e185 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e184 = as_type<packed_char4>(_e184);
            packed_char4 reinterpreted_packed_char4_e185 = as_type<packed_char4>(_e185);
            low_0_0_ = as_type<int>(as_type<uint>(_e183) + as_type<uint>(( + reinterpreted_packed_char4_e184[0] * reinterpreted_packed_char4_e185[0] + reinterpreted_packed_char4_e184[1] * reinterpreted_packed_char4_e185[1] + reinterpreted_packed_char4_e184[2] * reinterpreted_packed_char4_e185[2] + reinterpreted_packed_char4_e184[3] * reinterpreted_packed_char4_e185[3])));
            uint _e188 = taken;
            uint _e189 = total_1;
            taken = _e188 + (_e189 & 255u);
            uint _e193 = taken;
            crossed = _e193 >= 32u;
            uint _e196 = taken;
            taken = _e196 & 31u;
            uint _e199 = word;
            uint _e200 = next_1;
            bool _e201 = crossed;
            word = _e201 ? _e200 : _e199;
            uint _e203 = next_1;
            uint _e204 = ahead;
            bool _e205 = crossed;
            next_1 = _e205 ? _e204 : _e203;
            uint _e207 = at;
            uint _e208 = at;
            bool _e211 = crossed;
            at = _e211 ? (_e208 + 32u) : _e207;
            uint _e214 = at;
            uint _e216 = stream[_e214];
            ahead = _e216;
            uint _e217 = word;
            uint _e218 = taken;
            uint _e220 = next_1;
            uint _e224 = taken;
            bits = (_e217 << _e218) | ((_e220 >> 1u) >> (31u - _e224));
            uint _e229 = bits;
            uint _e233 = table.inner[_e229 >> 23u];
            entry = _e233;
            uint _e234 = entry;
            total_1 = _e234;
            uint _e235 = bits;
            uint _e236 = entry;
            bits = _e235 << (_e236 & 15u);
            uint _e240 = odd_1_;
            uint _e241 = last_1_;
            odd_1_ = _e240 ^ (_e241 & 16843008u);
            uint _e245 = entry;
            last_1_ = _e245;
            uint _e246 = entry;
            uint _e249 = odd_1_;
            level = (_e246 & 4278124287u) | _e249;
            int _e251 = high_1_0_;
            uint _e252 = level;
            uint _e253 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e252 = as_type<packed_char4>(_e252);
            packed_char4 reinterpreted_packed_char4_e253 = as_type<packed_char4>(_e253);
            high_1_0_ = as_type<int>(as_type<uint>(_e251) + as_type<uint>(( + reinterpreted_packed_char4_e252[0] * reinterpreted_packed_char4_e253[0] + reinterpreted_packed_char4_e252[1] * reinterpreted_packed_char4_e253[1] + reinterpreted_packed_char4_e252[2] * reinterpreted_packed_char4_e253[2] + reinterpreted_packed_char4_e252[3] * reinterpreted_packed_char4_e253[3])));
            int _e256 = low_1_0_;
            uint _e257 = level;
            uint _e258 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e257 = as_type<packed_char4>(_e257);
            packed_char4 reinterpreted_packed_char4_e258 = as_type<packed_char4>(_e258);
            low_1_0_ = as_type<int>(as_type<uint>(_e256) + as_type<uint>(( + reinterpreted_packed_char4_e257[0] * reinterpreted_packed_char4_e258[0] + reinterpreted_packed_char4_e257[1] * reinterpreted_packed_char4_e258[1] + reinterpreted_packed_char4_e257[2] * reinterpreted_packed_char4_e258[2] + reinterpreted_packed_char4_e257[3] * reinterpreted_packed_char4_e258[3])));
            uint _e266 = group_1;
            metal::uint4 x_1_0_ = digits[(first + (0u * step)) + (4u * (_e266 + 1u))];
            uint _e274 = bits;
            uint _e278 = table.inner[_e274 >> 23u];
            entry = _e278;
            uint _e279 = total_1;
            uint _e280 = entry;
            total_1 = _e279 + _e280;
            uint _e282 = bits;
            uint _e283 = entry;
            bits = _e282 << (_e283 & 15u);
            uint _e287 = even_0_;
            uint _e288 = last_0_;
            even_0_ = _e287 ^ (_e288 & 16843008u);
            uint _e292 = entry;
            last_0_ = _e292;
            uint _e293 = entry;
            uint _e296 = even_0_;
            level = (_e293 & 4278124287u) | _e296;
            int _e298 = high_0_0_;
            uint _e299 = level;
            uint _e300 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e299 = as_type<packed_char4>(_e299);
            packed_char4 reinterpreted_packed_char4_e300 = as_type<packed_char4>(_e300);
            high_0_0_ = as_type<int>(as_type<uint>(_e298) + as_type<uint>(( + reinterpreted_packed_char4_e299[0] * reinterpreted_packed_char4_e300[0] + reinterpreted_packed_char4_e299[1] * reinterpreted_packed_char4_e300[1] + reinterpreted_packed_char4_e299[2] * reinterpreted_packed_char4_e300[2] + reinterpreted_packed_char4_e299[3] * reinterpreted_packed_char4_e300[3])));
            int _e303 = low_0_0_;
            uint _e304 = level;
            uint _e305 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e304 = as_type<packed_char4>(_e304);
            packed_char4 reinterpreted_packed_char4_e305 = as_type<packed_char4>(_e305);
            low_0_0_ = as_type<int>(as_type<uint>(_e303) + as_type<uint>(( + reinterpreted_packed_char4_e304[0] * reinterpreted_packed_char4_e305[0] + reinterpreted_packed_char4_e304[1] * reinterpreted_packed_char4_e305[1] + reinterpreted_packed_char4_e304[2] * reinterpreted_packed_char4_e305[2] + reinterpreted_packed_char4_e304[3] * reinterpreted_packed_char4_e305[3])));
            uint _e309 = bits;
            uint _e313 = table.inner[_e309 >> 23u];
            entry = _e313;
            uint _e314 = total_1;
            uint _e315 = entry;
            total_1 = _e314 + _e315;
            uint _e317 = even_1_;
            uint _e318 = last_1_;
            even_1_ = _e317 ^ (_e318 & 16843008u);
            uint _e322 = entry;
            last_1_ = _e322;
            uint _e323 = entry;
            uint _e326 = even_1_;
            level = (_e323 & 4278124287u) | _e326;
            int _e328 = high_1_0_;
            uint _e329 = level;
            uint _e330 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e329 = as_type<packed_char4>(_e329);
            packed_char4 reinterpreted_packed_char4_e330 = as_type<packed_char4>(_e330);
            high_1_0_ = as_type<int>(as_type<uint>(_e328) + as_type<uint>(( + reinterpreted_packed_char4_e329[0] * reinterpreted_packed_char4_e330[0] + reinterpreted_packed_char4_e329[1] * reinterpreted_packed_char4_e330[1] + reinterpreted_packed_char4_e329[2] * reinterpreted_packed_char4_e330[2] + reinterpreted_packed_char4_e329[3] * reinterpreted_packed_char4_e330[3])));
            int _e333 = low_1_0_;
            uint _e334 = level;
            uint _e335 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e334 = as_type<packed_char4>(_e334);
            packed_char4 reinterpreted_packed_char4_e335 = as_type<packed_char4>(_e335);
            low_1_0_ = as_type<int>(as_type<uint>(_e333) + as_type<uint>(( + reinterpreted_packed_char4_e334[0] * reinterpreted_packed_char4_e335[0] + reinterpreted_packed_char4_e334[1] * reinterpreted_packed_char4_e335[1] + reinterpreted_packed_char4_e334[2] * reinterpreted_packed_char4_e335[2] + reinterpreted_packed_char4_e334[3] * reinterpreted_packed_char4_e335[3])));
            uint _e338 = taken;
            uint _e339 = total_1;
            taken = _e338 + (_e339 & 255u);
            uint _e343 = taken;
            crossed = _e343 >= 32u;
            uint _e346 = taken;
            taken = _e346 & 31u;
            uint _e349 = word;
            uint _e350 = next_1;
            bool _e351 = crossed;
            word = _e351 ? _e350 : _e349;
            uint _e353 = next_1;
            uint _e354 = ahead;
            bool _e355 = crossed;
            next_1 = _e355 ? _e354 : _e353;
            uint _e357 = at;
            uint _e358 = at;
            bool _e361 = crossed;
            at = _e361 ? (_e358 + 32u) : _e357;
            uint _e364 = at;
            uint _e366 = stream[_e364];
            ahead = _e366;
            uint _e367 = word;
            uint _e368 = taken;
            uint _e370 = next_1;
            uint _e374 = taken;
            bits = (_e367 << _e368) | ((_e370 >> 1u) >> (31u - _e374));
            uint _e379 = bits;
            uint _e383 = table.inner[_e379 >> 23u];
            entry = _e383;
            uint _e384 = entry;
            total_1 = _e384;
            uint _e385 = bits;
            uint _e386 = entry;
            bits = _e385 << (_e386 & 15u);
            uint _e390 = odd_0_;
            uint _e391 = last_0_;
            odd_0_ = _e390 ^ (_e391 & 16843008u);
            uint _e395 = entry;
            last_0_ = _e395;
            uint _e396 = entry;
            uint _e399 = odd_0_;
            level = (_e396 & 4278124287u) | _e399;
            int _e401 = high_0_0_;
            uint _e402 = level;
            uint _e403 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e402 = as_type<packed_char4>(_e402);
            packed_char4 reinterpreted_packed_char4_e403 = as_type<packed_char4>(_e403);
            high_0_0_ = as_type<int>(as_type<uint>(_e401) + as_type<uint>(( + reinterpreted_packed_char4_e402[0] * reinterpreted_packed_char4_e403[0] + reinterpreted_packed_char4_e402[1] * reinterpreted_packed_char4_e403[1] + reinterpreted_packed_char4_e402[2] * reinterpreted_packed_char4_e403[2] + reinterpreted_packed_char4_e402[3] * reinterpreted_packed_char4_e403[3])));
            int _e406 = low_0_0_;
            uint _e407 = level;
            uint _e408 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e407 = as_type<packed_char4>(_e407);
            packed_char4 reinterpreted_packed_char4_e408 = as_type<packed_char4>(_e408);
            low_0_0_ = as_type<int>(as_type<uint>(_e406) + as_type<uint>(( + reinterpreted_packed_char4_e407[0] * reinterpreted_packed_char4_e408[0] + reinterpreted_packed_char4_e407[1] * reinterpreted_packed_char4_e408[1] + reinterpreted_packed_char4_e407[2] * reinterpreted_packed_char4_e408[2] + reinterpreted_packed_char4_e407[3] * reinterpreted_packed_char4_e408[3])));
            uint _e412 = bits;
            uint _e416 = table.inner[_e412 >> 23u];
            entry = _e416;
            uint _e417 = total_1;
            uint _e418 = entry;
            total_1 = _e417 + _e418;
            uint _e420 = bits;
            uint _e421 = entry;
            bits = _e420 << (_e421 & 15u);
            uint _e425 = odd_1_;
            uint _e426 = last_1_;
            odd_1_ = _e425 ^ (_e426 & 16843008u);
            uint _e430 = entry;
            last_1_ = _e430;
            uint _e431 = entry;
            uint _e434 = odd_1_;
            level = (_e431 & 4278124287u) | _e434;
            int _e436 = high_1_0_;
            uint _e437 = level;
            uint _e438 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e437 = as_type<packed_char4>(_e437);
            packed_char4 reinterpreted_packed_char4_e438 = as_type<packed_char4>(_e438);
            high_1_0_ = as_type<int>(as_type<uint>(_e436) + as_type<uint>(( + reinterpreted_packed_char4_e437[0] * reinterpreted_packed_char4_e438[0] + reinterpreted_packed_char4_e437[1] * reinterpreted_packed_char4_e438[1] + reinterpreted_packed_char4_e437[2] * reinterpreted_packed_char4_e438[2] + reinterpreted_packed_char4_e437[3] * reinterpreted_packed_char4_e438[3])));
            int _e441 = low_1_0_;
            uint _e442 = level;
            uint _e443 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e442 = as_type<packed_char4>(_e442);
            packed_char4 reinterpreted_packed_char4_e443 = as_type<packed_char4>(_e443);
            low_1_0_ = as_type<int>(as_type<uint>(_e441) + as_type<uint>(( + reinterpreted_packed_char4_e442[0] * reinterpreted_packed_char4_e443[0] + reinterpreted_packed_char4_e442[1] * reinterpreted_packed_char4_e443[1] + reinterpreted_packed_char4_e442[2] * reinterpreted_packed_char4_e443[2] + reinterpreted_packed_char4_e442[3] * reinterpreted_packed_char4_e443[3])));
            uint _e451 = group_1;
            metal::uint4 x_2_0_ = digits[(first + (0u * step)) + (4u * (_e451 + 2u))];
            uint _e459 = bits;
            uint _e463 = table.inner[_e459 >> 23u];
            entry = _e463;
            uint _e464 = total_1;
            uint _e465 = entry;
            total_1 = _e464 + _e465;
            uint _e467 = even_0_;
            uint _e468 = last_0_;
            even_0_ = _e467 ^ (_e468 & 16843008u);
            uint _e472 = entry;
            last_0_ = _e472;
            uint _e473 = entry;
            uint _e476 = even_0_;
            level = (_e473 & 4278124287u) | _e476;
            int _e478 = high_0_0_;
            uint _e479 = level;
            uint _e480 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e479 = as_type<packed_char4>(_e479);
            packed_char4 reinterpreted_packed_char4_e480 = as_type<packed_char4>(_e480);
            high_0_0_ = as_type<int>(as_type<uint>(_e478) + as_type<uint>(( + reinterpreted_packed_char4_e479[0] * reinterpreted_packed_char4_e480[0] + reinterpreted_packed_char4_e479[1] * reinterpreted_packed_char4_e480[1] + reinterpreted_packed_char4_e479[2] * reinterpreted_packed_char4_e480[2] + reinterpreted_packed_char4_e479[3] * reinterpreted_packed_char4_e480[3])));
            int _e483 = low_0_0_;
            uint _e484 = level;
            uint _e485 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e484 = as_type<packed_char4>(_e484);
            packed_char4 reinterpreted_packed_char4_e485 = as_type<packed_char4>(_e485);
            low_0_0_ = as_type<int>(as_type<uint>(_e483) + as_type<uint>(( + reinterpreted_packed_char4_e484[0] * reinterpreted_packed_char4_e485[0] + reinterpreted_packed_char4_e484[1] * reinterpreted_packed_char4_e485[1] + reinterpreted_packed_char4_e484[2] * reinterpreted_packed_char4_e485[2] + reinterpreted_packed_char4_e484[3] * reinterpreted_packed_char4_e485[3])));
            uint _e488 = taken;
            uint _e489 = total_1;
            taken = _e488 + (_e489 & 255u);
            uint _e493 = taken;
            crossed = _e493 >= 32u;
            uint _e496 = taken;
            taken = _e496 & 31u;
            uint _e499 = word;
            uint _e500 = next_1;
            bool _e501 = crossed;
            word = _e501 ? _e500 : _e499;
            uint _e503 = next_1;
            uint _e504 = ahead;
            bool _e505 = crossed;
            next_1 = _e505 ? _e504 : _e503;
            uint _e507 = at;
            uint _e508 = at;
            bool _e511 = crossed;
            at = _e511 ? (_e508 + 32u) : _e507;
            uint _e514 = at;
            uint _e516 = stream[_e514];
            ahead = _e516;
            uint _e517 = word;
            uint _e518 = taken;
            uint _e520 = next_1;
            uint _e524 = taken;
            bits = (_e517 << _e518) | ((_e520 >> 1u) >> (31u - _e524));
            uint _e529 = bits;
            uint _e533 = table.inner[_e529 >> 23u];
            entry = _e533;
            uint _e534 = entry;
            total_1 = _e534;
            uint _e535 = bits;
            uint _e536 = entry;
            bits = _e535 << (_e536 & 15u);
            uint _e540 = even_1_;
            uint _e541 = last_1_;
            even_1_ = _e540 ^ (_e541 & 16843008u);
            uint _e545 = entry;
            last_1_ = _e545;
            uint _e546 = entry;
            uint _e549 = even_1_;
            level = (_e546 & 4278124287u) | _e549;
            int _e551 = high_1_0_;
            uint _e552 = level;
            uint _e553 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e552 = as_type<packed_char4>(_e552);
            packed_char4 reinterpreted_packed_char4_e553 = as_type<packed_char4>(_e553);
            high_1_0_ = as_type<int>(as_type<uint>(_e551) + as_type<uint>(( + reinterpreted_packed_char4_e552[0] * reinterpreted_packed_char4_e553[0] + reinterpreted_packed_char4_e552[1] * reinterpreted_packed_char4_e553[1] + reinterpreted_packed_char4_e552[2] * reinterpreted_packed_char4_e553[2] + reinterpreted_packed_char4_e552[3] * reinterpreted_packed_char4_e553[3])));
            int _e556 = low_1_0_;
            uint _e557 = level;
            uint _e558 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e557 = as_type<packed_char4>(_e557);
            packed_char4 reinterpreted_packed_char4_e558 = as_type<packed_char4>(_e558);
            low_1_0_ = as_type<int>(as_type<uint>(_e556) + as_type<uint>(( + reinterpreted_packed_char4_e557[0] * reinterpreted_packed_char4_e558[0] + reinterpreted_packed_char4_e557[1] * reinterpreted_packed_char4_e558[1] + reinterpreted_packed_char4_e557[2] * reinterpreted_packed_char4_e558[2] + reinterpreted_packed_char4_e557[3] * reinterpreted_packed_char4_e558[3])));
            uint _e562 = bits;
            uint _e566 = table.inner[_e562 >> 23u];
            entry = _e566;
            uint _e567 = total_1;
            uint _e568 = entry;
            total_1 = _e567 + _e568;
            uint _e570 = bits;
            uint _e571 = entry;
            bits = _e570 << (_e571 & 15u);
            uint _e575 = odd_0_;
            uint _e576 = last_0_;
            odd_0_ = _e575 ^ (_e576 & 16843008u);
            uint _e580 = entry;
            last_0_ = _e580;
            uint _e581 = entry;
            uint _e584 = odd_0_;
            level = (_e581 & 4278124287u) | _e584;
            int _e586 = high_0_0_;
            uint _e587 = level;
            uint _e588 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e587 = as_type<packed_char4>(_e587);
            packed_char4 reinterpreted_packed_char4_e588 = as_type<packed_char4>(_e588);
            high_0_0_ = as_type<int>(as_type<uint>(_e586) + as_type<uint>(( + reinterpreted_packed_char4_e587[0] * reinterpreted_packed_char4_e588[0] + reinterpreted_packed_char4_e587[1] * reinterpreted_packed_char4_e588[1] + reinterpreted_packed_char4_e587[2] * reinterpreted_packed_char4_e588[2] + reinterpreted_packed_char4_e587[3] * reinterpreted_packed_char4_e588[3])));
            int _e591 = low_0_0_;
            uint _e592 = level;
            uint _e593 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e592 = as_type<packed_char4>(_e592);
            packed_char4 reinterpreted_packed_char4_e593 = as_type<packed_char4>(_e593);
            low_0_0_ = as_type<int>(as_type<uint>(_e591) + as_type<uint>(( + reinterpreted_packed_char4_e592[0] * reinterpreted_packed_char4_e593[0] + reinterpreted_packed_char4_e592[1] * reinterpreted_packed_char4_e593[1] + reinterpreted_packed_char4_e592[2] * reinterpreted_packed_char4_e593[2] + reinterpreted_packed_char4_e592[3] * reinterpreted_packed_char4_e593[3])));
            uint _e597 = bits;
            uint _e601 = table.inner[_e597 >> 23u];
            entry = _e601;
            uint _e602 = total_1;
            uint _e603 = entry;
            total_1 = _e602 + _e603;
            uint _e605 = odd_1_;
            uint _e606 = last_1_;
            odd_1_ = _e605 ^ (_e606 & 16843008u);
            uint _e610 = entry;
            last_1_ = _e610;
            uint _e611 = entry;
            uint _e614 = odd_1_;
            level = (_e611 & 4278124287u) | _e614;
            int _e616 = high_1_0_;
            uint _e617 = level;
            uint _e618 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e617 = as_type<packed_char4>(_e617);
            packed_char4 reinterpreted_packed_char4_e618 = as_type<packed_char4>(_e618);
            high_1_0_ = as_type<int>(as_type<uint>(_e616) + as_type<uint>(( + reinterpreted_packed_char4_e617[0] * reinterpreted_packed_char4_e618[0] + reinterpreted_packed_char4_e617[1] * reinterpreted_packed_char4_e618[1] + reinterpreted_packed_char4_e617[2] * reinterpreted_packed_char4_e618[2] + reinterpreted_packed_char4_e617[3] * reinterpreted_packed_char4_e618[3])));
            int _e621 = low_1_0_;
            uint _e622 = level;
            uint _e623 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e622 = as_type<packed_char4>(_e622);
            packed_char4 reinterpreted_packed_char4_e623 = as_type<packed_char4>(_e623);
            low_1_0_ = as_type<int>(as_type<uint>(_e621) + as_type<uint>(( + reinterpreted_packed_char4_e622[0] * reinterpreted_packed_char4_e623[0] + reinterpreted_packed_char4_e622[1] * reinterpreted_packed_char4_e623[1] + reinterpreted_packed_char4_e622[2] * reinterpreted_packed_char4_e623[2] + reinterpreted_packed_char4_e622[3] * reinterpreted_packed_char4_e623[3])));
            uint _e626 = taken;
            uint _e627 = total_1;
            taken = _e626 + (_e627 & 255u);
            uint _e631 = taken;
            crossed = _e631 >= 32u;
            uint _e634 = taken;
            taken = _e634 & 31u;
            uint _e637 = word;
            uint _e638 = next_1;
            bool _e639 = crossed;
            word = _e639 ? _e638 : _e637;
            uint _e641 = next_1;
            uint _e642 = ahead;
            bool _e643 = crossed;
            next_1 = _e643 ? _e642 : _e641;
            uint _e645 = at;
            uint _e646 = at;
            bool _e649 = crossed;
            at = _e649 ? (_e646 + 32u) : _e645;
            uint _e652 = at;
            uint _e654 = stream[_e652];
            ahead = _e654;
        }
    }
    int _e658 = high_0_0_;
    int _e661 = low_0_0_;
    int _e663 = high_1_0_;
    int _e666 = low_1_0_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e658))) + as_type<uint>(_e661)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e663))) + as_type<uint>(_e666)))}};
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
                    total.inner[_e237] = metal::fma(scale, metal::fma(of_corrections, 2.0, of_codes), _e243);
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
