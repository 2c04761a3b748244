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
    uint inner[1024];
};
struct type_7 {
    metal::int2 inner[8];
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
    uint unused_a;
    uint unused_b;
};
typedef float type_10[1];
struct type_12 {
    metal::atomic_int inner[1024];
};
struct type_14 {
    float inner[4];
};
constant uint BITS = 8u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint TUPLE = 2u;
constant uint WIDTH = 10u;
constant uint TRELLIS = 1u;
constant uint UNIT = 1u;
constant uint ROWS = 8u;
constant uint TEAMS = 8u;
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
constant uint TEAM_SUMS = 128u;
constant uint SUMS_PER_THREAD = 4u;
constant uint GROUP_COLS = 16u;
constant uint FIRST_BYTE = 1u;

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
    uint next = {};
    uint ahead = {};
    uint taken = {};
    uint bits = 0u;
    uint entry = 0u;
    uint total_1 = 0u;
    uint level = 0u;
    int high_0_0_ = 0;
    int low_0_0_ = 0;
    int high_0_1_ = 0;
    int low_0_1_ = 0;
    int high_0_2_ = 0;
    int low_0_2_ = 0;
    int high_0_3_ = 0;
    int low_0_3_ = 0;
    int high_0_4_ = 0;
    int low_0_4_ = 0;
    int high_0_5_ = 0;
    int low_0_5_ = 0;
    int high_0_6_ = 0;
    int low_0_6_ = 0;
    int high_0_7_ = 0;
    int low_0_7_ = 0;
    uint last_0_ = 0u;
    uint even_0_ = 0u;
    uint odd_0_ = 0u;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    int high_1_1_ = 0;
    int low_1_1_ = 0;
    int high_1_2_ = 0;
    int low_1_2_ = 0;
    int high_1_3_ = 0;
    int low_1_3_ = 0;
    int high_1_4_ = 0;
    int low_1_4_ = 0;
    int high_1_5_ = 0;
    int low_1_5_ = 0;
    int high_1_6_ = 0;
    int low_1_6_ = 0;
    int high_1_7_ = 0;
    int low_1_7_ = 0;
    uint last_1_ = 0u;
    uint even_1_ = 0u;
    uint odd_1_ = 0u;
    uint group_1 = 0u;
    at = place + 96u;
    uint _e11 = stream[place];
    word = _e11;
    uint _e17 = stream[place + 32u];
    next = _e17;
    uint _e23 = stream[place + 64u];
    ahead = _e23;
    taken = start;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e1766 = group_1;
            group_1 = _e1766 + 3u;
        }
        loop_init = false;
        uint _e112 = group_1;
        if (_e112 < groups) {
        } else {
            break;
        }
        {
            uint _e114 = group_1;
            if (_e114 == restart) {
                last_0_ = 0u;
                even_0_ = 0u;
                odd_0_ = 0u;
                last_1_ = 0u;
                even_1_ = 0u;
                odd_1_ = 0u;
            }
            uint _e122 = word;
            uint _e123 = taken;
            uint _e125 = next;
            uint _e129 = taken;
            bits = (_e122 << _e123) | ((_e125 >> 1u) >> (31u - _e129));
            uint _e138 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (4u * (_e138 + 0u))];
            uint _e150 = group_1;
            metal::uint4 x_0_1_ = digits[(first + (1u * step)) + (4u * (_e150 + 0u))];
            uint _e162 = group_1;
            metal::uint4 x_0_2_ = digits[(first + (2u * step)) + (4u * (_e162 + 0u))];
            uint _e174 = group_1;
            metal::uint4 x_0_3_ = digits[(first + (3u * step)) + (4u * (_e174 + 0u))];
            uint _e186 = group_1;
            metal::uint4 x_0_4_ = digits[(first + (4u * step)) + (4u * (_e186 + 0u))];
            uint _e198 = group_1;
            metal::uint4 x_0_5_ = digits[(first + (5u * step)) + (4u * (_e198 + 0u))];
            uint _e210 = group_1;
            metal::uint4 x_0_6_ = digits[(first + (6u * step)) + (4u * (_e210 + 0u))];
            uint _e222 = group_1;
            metal::uint4 x_0_7_ = digits[(first + (7u * step)) + (4u * (_e222 + 0u))];
            uint _e230 = bits;
            uint _e234 = table.inner[_e230 >> 22u];
            entry = _e234;
            uint _e235 = entry;
            total_1 = _e235;
            uint _e236 = bits;
            uint _e237 = entry;
            bits = _e236 << (_e237 & 15u);
            uint _e241 = even_0_;
            uint _e242 = last_0_;
            even_0_ = _e241 ^ (_e242 & 65792u);
            uint _e246 = entry;
            last_0_ = _e246;
            uint _e247 = entry;
            uint _e250 = even_0_;
            level = (_e247 & 4294901503u) | _e250;
            int _e252 = high_0_0_;
            uint _e253 = level;
            uint _e254 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e253 = as_type<packed_char4>(_e253);
            packed_char4 reinterpreted_packed_char4_e254 = as_type<packed_char4>(_e254);
            high_0_0_ = as_type<int>(as_type<uint>(_e252) + as_type<uint>(( + reinterpreted_packed_char4_e253[0] * reinterpreted_packed_char4_e254[0] + reinterpreted_packed_char4_e253[1] * reinterpreted_packed_char4_e254[1] + reinterpreted_packed_char4_e253[2] * reinterpreted_packed_char4_e254[2] + reinterpreted_packed_char4_e253[3] * reinterpreted_packed_char4_e254[3])));
            int _e257 = low_0_0_;
            uint _e258 = level;
            uint _e259 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e258 = as_type<packed_char4>(_e258);
            packed_char4 reinterpreted_packed_char4_e259 = as_type<packed_char4>(_e259);
            low_0_0_ = as_type<int>(as_type<uint>(_e257) + as_type<uint>(( + reinterpreted_packed_char4_e258[0] * reinterpreted_packed_char4_e259[0] + reinterpreted_packed_char4_e258[1] * reinterpreted_packed_char4_e259[1] + reinterpreted_packed_char4_e258[2] * reinterpreted_packed_char4_e259[2] + reinterpreted_packed_char4_e258[3] * reinterpreted_packed_char4_e259[3])));
            int _e262 = high_0_1_;
            uint _e263 = level;
            uint _e264 = x_0_1_.x;
            packed_char4 reinterpreted_packed_char4_e263 = as_type<packed_char4>(_e263);
            packed_char4 reinterpreted_packed_char4_e264 = as_type<packed_char4>(_e264);
            high_0_1_ = as_type<int>(as_type<uint>(_e262) + as_type<uint>(( + reinterpreted_packed_char4_e263[0] * reinterpreted_packed_char4_e264[0] + reinterpreted_packed_char4_e263[1] * reinterpreted_packed_char4_e264[1] + reinterpreted_packed_char4_e263[2] * reinterpreted_packed_char4_e264[2] + reinterpreted_packed_char4_e263[3] * reinterpreted_packed_char4_e264[3])));
            int _e267 = low_0_1_;
            uint _e268 = level;
            uint _e269 = x_0_1_.y;
            packed_char4 reinterpreted_packed_char4_e268 = as_type<packed_char4>(_e268);
            packed_char4 reinterpreted_packed_char4_e269 = as_type<packed_char4>(_e269);
            low_0_1_ = as_type<int>(as_type<uint>(_e267) + as_type<uint>(( + reinterpreted_packed_char4_e268[0] * reinterpreted_packed_char4_e269[0] + reinterpreted_packed_char4_e268[1] * reinterpreted_packed_char4_e269[1] + reinterpreted_packed_char4_e268[2] * reinterpreted_packed_char4_e269[2] + reinterpreted_packed_char4_e268[3] * reinterpreted_packed_char4_e269[3])));
            int _e272 = high_0_2_;
            uint _e273 = level;
            uint _e274 = x_0_2_.x;
            packed_char4 reinterpreted_packed_char4_e273 = as_type<packed_char4>(_e273);
            packed_char4 reinterpreted_packed_char4_e274 = as_type<packed_char4>(_e274);
            high_0_2_ = as_type<int>(as_type<uint>(_e272) + as_type<uint>(( + reinterpreted_packed_char4_e273[0] * reinterpreted_packed_char4_e274[0] + reinterpreted_packed_char4_e273[1] * reinterpreted_packed_char4_e274[1] + reinterpreted_packed_char4_e273[2] * reinterpreted_packed_char4_e274[2] + reinterpreted_packed_char4_e273[3] * reinterpreted_packed_char4_e274[3])));
            int _e277 = low_0_2_;
            uint _e278 = level;
            uint _e279 = x_0_2_.y;
            packed_char4 reinterpreted_packed_char4_e278 = as_type<packed_char4>(_e278);
            packed_char4 reinterpreted_packed_char4_e279 = as_type<packed_char4>(_e279);
            low_0_2_ = as_type<int>(as_type<uint>(_e277) + as_type<uint>(( + reinterpreted_packed_char4_e278[0] * reinterpreted_packed_char4_e279[0] + reinterpreted_packed_char4_e278[1] * reinterpreted_packed_char4_e279[1] + reinterpreted_packed_char4_e278[2] * reinterpreted_packed_char4_e279[2] + reinterpreted_packed_char4_e278[3] * reinterpreted_packed_char4_e279[3])));
            int _e282 = high_0_3_;
            uint _e283 = level;
            uint _e284 = x_0_3_.x;
            packed_char4 reinterpreted_packed_char4_e283 = as_type<packed_char4>(_e283);
            packed_char4 reinterpreted_packed_char4_e284 = as_type<packed_char4>(_e284);
            high_0_3_ = as_type<int>(as_type<uint>(_e282) + as_type<uint>(( + reinterpreted_packed_char4_e283[0] * reinterpreted_packed_char4_e284[0] + reinterpreted_packed_char4_e283[1] * reinterpreted_packed_char4_e284[1] + reinterpreted_packed_char4_e283[2] * reinterpreted_packed_char4_e284[2] + reinterpreted_packed_char4_e283[3] * reinterpreted_packed_char4_e284[3])));
            int _e287 = low_0_3_;
            uint _e288 = level;
            uint _e289 = x_0_3_.y;
            packed_char4 reinterpreted_packed_char4_e288 = as_type<packed_char4>(_e288);
            packed_char4 reinterpreted_packed_char4_e289 = as_type<packed_char4>(_e289);
            low_0_3_ = as_type<int>(as_type<uint>(_e287) + as_type<uint>(( + reinterpreted_packed_char4_e288[0] * reinterpreted_packed_char4_e289[0] + reinterpreted_packed_char4_e288[1] * reinterpreted_packed_char4_e289[1] + reinterpreted_packed_char4_e288[2] * reinterpreted_packed_char4_e289[2] + reinterpreted_packed_char4_e288[3] * reinterpreted_packed_char4_e289[3])));
            int _e292 = high_0_4_;
            uint _e293 = level;
            uint _e294 = x_0_4_.x;
            packed_char4 reinterpreted_packed_char4_e293 = as_type<packed_char4>(_e293);
            packed_char4 reinterpreted_packed_char4_e294 = as_type<packed_char4>(_e294);
            high_0_4_ = as_type<int>(as_type<uint>(_e292) + as_type<uint>(( + reinterpreted_packed_char4_e293[0] * reinterpreted_packed_char4_e294[0] + reinterpreted_packed_char4_e293[1] * reinterpreted_packed_char4_e294[1] + reinterpreted_packed_char4_e293[2] * reinterpreted_packed_char4_e294[2] + reinterpreted_packed_char4_e293[3] * reinterpreted_packed_char4_e294[3])));
            int _e297 = low_0_4_;
            uint _e298 = level;
            uint _e299 = x_0_4_.y;
            packed_char4 reinterpreted_packed_char4_e298 = as_type<packed_char4>(_e298);
            packed_char4 reinterpreted_packed_char4_e299 = as_type<packed_char4>(_e299);
            low_0_4_ = as_type<int>(as_type<uint>(_e297) + as_type<uint>(( + reinterpreted_packed_char4_e298[0] * reinterpreted_packed_char4_e299[0] + reinterpreted_packed_char4_e298[1] * reinterpreted_packed_char4_e299[1] + reinterpreted_packed_char4_e298[2] * reinterpreted_packed_char4_e299[2] + reinterpreted_packed_char4_e298[3] * reinterpreted_packed_char4_e299[3])));
            int _e302 = high_0_5_;
            uint _e303 = level;
            uint _e304 = x_0_5_.x;
            packed_char4 reinterpreted_packed_char4_e303 = as_type<packed_char4>(_e303);
            packed_char4 reinterpreted_packed_char4_e304 = as_type<packed_char4>(_e304);
            high_0_5_ = as_type<int>(as_type<uint>(_e302) + as_type<uint>(( + reinterpreted_packed_char4_e303[0] * reinterpreted_packed_char4_e304[0] + reinterpreted_packed_char4_e303[1] * reinterpreted_packed_char4_e304[1] + reinterpreted_packed_char4_e303[2] * reinterpreted_packed_char4_e304[2] + reinterpreted_packed_char4_e303[3] * reinterpreted_packed_char4_e304[3])));
            int _e307 = low_0_5_;
            uint _e308 = level;
            uint _e309 = x_0_5_.y;
            packed_char4 reinterpreted_packed_char4_e308 = as_type<packed_char4>(_e308);
            packed_char4 reinterpreted_packed_char4_e309 = as_type<packed_char4>(_e309);
            low_0_5_ = as_type<int>(as_type<uint>(_e307) + as_type<uint>(( + reinterpreted_packed_char4_e308[0] * reinterpreted_packed_char4_e309[0] + reinterpreted_packed_char4_e308[1] * reinterpreted_packed_char4_e309[1] + reinterpreted_packed_char4_e308[2] * reinterpreted_packed_char4_e309[2] + reinterpreted_packed_char4_e308[3] * reinterpreted_packed_char4_e309[3])));
            int _e312 = high_0_6_;
            uint _e313 = level;
            uint _e314 = x_0_6_.x;
            packed_char4 reinterpreted_packed_char4_e313 = as_type<packed_char4>(_e313);
            packed_char4 reinterpreted_packed_char4_e314 = as_type<packed_char4>(_e314);
            high_0_6_ = as_type<int>(as_type<uint>(_e312) + as_type<uint>(( + reinterpreted_packed_char4_e313[0] * reinterpreted_packed_char4_e314[0] + reinterpreted_packed_char4_e313[1] * reinterpreted_packed_char4_e314[1] + reinterpreted_packed_char4_e313[2] * reinterpreted_packed_char4_e314[2] + reinterpreted_packed_char4_e313[3] * reinterpreted_packed_char4_e314[3])));
            int _e317 = low_0_6_;
            uint _e318 = level;
            uint _e319 = x_0_6_.y;
            packed_char4 reinterpreted_packed_char4_e318 = as_type<packed_char4>(_e318);
            packed_char4 reinterpreted_packed_char4_e319 = as_type<packed_char4>(_e319);
            low_0_6_ = as_type<int>(as_type<uint>(_e317) + as_type<uint>(( + reinterpreted_packed_char4_e318[0] * reinterpreted_packed_char4_e319[0] + reinterpreted_packed_char4_e318[1] * reinterpreted_packed_char4_e319[1] + reinterpreted_packed_char4_e318[2] * reinterpreted_packed_char4_e319[2] + reinterpreted_packed_char4_e318[3] * reinterpreted_packed_char4_e319[3])));
            int _e322 = high_0_7_;
            uint _e323 = level;
            uint _e324 = x_0_7_.x;
            packed_char4 reinterpreted_packed_char4_e323 = as_type<packed_char4>(_e323);
            packed_char4 reinterpreted_packed_char4_e324 = as_type<packed_char4>(_e324);
            high_0_7_ = as_type<int>(as_type<uint>(_e322) + as_type<uint>(( + reinterpreted_packed_char4_e323[0] * reinterpreted_packed_char4_e324[0] + reinterpreted_packed_char4_e323[1] * reinterpreted_packed_char4_e324[1] + reinterpreted_packed_char4_e323[2] * reinterpreted_packed_char4_e324[2] + reinterpreted_packed_char4_e323[3] * reinterpreted_packed_char4_e324[3])));
            int _e327 = low_0_7_;
            uint _e328 = level;
            uint _e329 = x_0_7_.y;
            packed_char4 reinterpreted_packed_char4_e328 = as_type<packed_char4>(_e328);
            packed_char4 reinterpreted_packed_char4_e329 = as_type<packed_char4>(_e329);
            low_0_7_ = as_type<int>(as_type<uint>(_e327) + as_type<uint>(( + reinterpreted_packed_char4_e328[0] * reinterpreted_packed_char4_e329[0] + reinterpreted_packed_char4_e328[1] * reinterpreted_packed_char4_e329[1] + reinterpreted_packed_char4_e328[2] * reinterpreted_packed_char4_e329[2] + reinterpreted_packed_char4_e328[3] * reinterpreted_packed_char4_e329[3])));
            uint _e333 = bits;
            uint _e337 = table.inner[_e333 >> 22u];
            entry = _e337;
            uint _e338 = total_1;
            uint _e339 = entry;
            total_1 = _e338 + _e339;
            uint _e341 = bits;
            uint _e342 = entry;
            bits = _e341 << (_e342 & 15u);
            uint _e346 = even_1_;
            uint _e347 = last_1_;
            even_1_ = _e346 ^ (_e347 & 65792u);
            uint _e351 = entry;
            last_1_ = _e351;
            uint _e352 = entry;
            uint _e355 = even_1_;
            level = (_e352 & 4294901503u) | _e355;
            int _e357 = high_1_0_;
            uint _e358 = level;
            uint _e359 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e358 = as_type<packed_char4>(_e358);
            packed_char4 reinterpreted_packed_char4_e359 = as_type<packed_char4>(_e359);
            high_1_0_ = as_type<int>(as_type<uint>(_e357) + as_type<uint>(( + reinterpreted_packed_char4_e358[0] * reinterpreted_packed_char4_e359[0] + reinterpreted_packed_char4_e358[1] * reinterpreted_packed_char4_e359[1] + reinterpreted_packed_char4_e358[2] * reinterpreted_packed_char4_e359[2] + reinterpreted_packed_char4_e358[3] * reinterpreted_packed_char4_e359[3])));
            int _e362 = low_1_0_;
            uint _e363 = level;
            uint _e364 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e363 = as_type<packed_char4>(_e363);
            packed_char4 reinterpreted_packed_char4_e364 = as_type<packed_char4>(_e364);
            low_1_0_ = as_type<int>(as_type<uint>(_e362) + as_type<uint>(( + reinterpreted_packed_char4_e363[0] * reinterpreted_packed_char4_e364[0] + reinterpreted_packed_char4_e363[1] * reinterpreted_packed_char4_e364[1] + reinterpreted_packed_char4_e363[2] * reinterpreted_packed_char4_e364[2] + reinterpreted_packed_char4_e363[3] * reinterpreted_packed_char4_e364[3])));
            int _e367 = high_1_1_;
            uint _e368 = level;
            uint _e369 = x_0_1_.x;
            packed_char4 reinterpreted_packed_char4_e368 = as_type<packed_char4>(_e368);
            packed_char4 reinterpreted_packed_char4_e369 = as_type<packed_char4>(_e369);
            high_1_1_ = as_type<int>(as_type<uint>(_e367) + as_type<uint>(( + reinterpreted_packed_char4_e368[0] * reinterpreted_packed_char4_e369[0] + reinterpreted_packed_char4_e368[1] * reinterpreted_packed_char4_e369[1] + reinterpreted_packed_char4_e368[2] * reinterpreted_packed_char4_e369[2] + reinterpreted_packed_char4_e368[3] * reinterpreted_packed_char4_e369[3])));
            int _e372 = low_1_1_;
            uint _e373 = level;
            uint _e374 = x_0_1_.y;
            packed_char4 reinterpreted_packed_char4_e373 = as_type<packed_char4>(_e373);
            packed_char4 reinterpreted_packed_char4_e374 = as_type<packed_char4>(_e374);
            low_1_1_ = as_type<int>(as_type<uint>(_e372) + as_type<uint>(( + reinterpreted_packed_char4_e373[0] * reinterpreted_packed_char4_e374[0] + reinterpreted_packed_char4_e373[1] * reinterpreted_packed_char4_e374[1] + reinterpreted_packed_char4_e373[2] * reinterpreted_packed_char4_e374[2] + reinterpreted_packed_char4_e373[3] * reinterpreted_packed_char4_e374[3])));
            int _e377 = high_1_2_;
            uint _e378 = level;
            uint _e379 = x_0_2_.x;
            packed_char4 reinterpreted_packed_char4_e378 = as_type<packed_char4>(_e378);
            packed_char4 reinterpreted_packed_char4_e379 = as_type<packed_char4>(_e379);
            high_1_2_ = as_type<int>(as_type<uint>(_e377) + as_type<uint>(( + reinterpreted_packed_char4_e378[0] * reinterpreted_packed_char4_e379[0] + reinterpreted_packed_char4_e378[1] * reinterpreted_packed_char4_e379[1] + reinterpreted_packed_char4_e378[2] * reinterpreted_packed_char4_e379[2] + reinterpreted_packed_char4_e378[3] * reinterpreted_packed_char4_e379[3])));
            int _e382 = low_1_2_;
            uint _e383 = level;
            uint _e384 = x_0_2_.y;
            packed_char4 reinterpreted_packed_char4_e383 = as_type<packed_char4>(_e383);
            packed_char4 reinterpreted_packed_char4_e384 = as_type<packed_char4>(_e384);
            low_1_2_ = as_type<int>(as_type<uint>(_e382) + as_type<uint>(( + reinterpreted_packed_char4_e383[0] * reinterpreted_packed_char4_e384[0] + reinterpreted_packed_char4_e383[1] * reinterpreted_packed_char4_e384[1] + reinterpreted_packed_char4_e383[2] * reinterpreted_packed_char4_e384[2] + reinterpreted_packed_char4_e383[3] * reinterpreted_packed_char4_e384[3])));
            int _e387 = high_1_3_;
            uint _e388 = level;
            uint _e389 = x_0_3_.x;
            packed_char4 reinterpreted_packed_char4_e388 = as_type<packed_char4>(_e388);
            packed_char4 reinterpreted_packed_char4_e389 = as_type<packed_char4>(_e389);
            high_1_3_ = as_type<int>(as_type<uint>(_e387) + as_type<uint>(( + reinterpreted_packed_char4_e388[0] * reinterpreted_packed_char4_e389[0] + reinterpreted_packed_char4_e388[1] * reinterpreted_packed_char4_e389[1] + reinterpreted_packed_char4_e388[2] * reinterpreted_packed_char4_e389[2] + reinterpreted_packed_char4_e388[3] * reinterpreted_packed_char4_e389[3])));
            int _e392 = low_1_3_;
            uint _e393 = level;
            uint _e394 = x_0_3_.y;
            packed_char4 reinterpreted_packed_char4_e393 = as_type<packed_char4>(_e393);
            packed_char4 reinterpreted_packed_char4_e394 = as_type<packed_char4>(_e394);
            low_1_3_ = as_type<int>(as_type<uint>(_e392) + as_type<uint>(( + reinterpreted_packed_char4_e393[0] * reinterpreted_packed_char4_e394[0] + reinterpreted_packed_char4_e393[1] * reinterpreted_packed_char4_e394[1] + reinterpreted_packed_char4_e393[2] * reinterpreted_packed_char4_e394[2] + reinterpreted_packed_char4_e393[3] * reinterpreted_packed_char4_e394[3])));
            int _e397 = high_1_4_;
            uint _e398 = level;
            uint _e399 = x_0_4_.x;
            packed_char4 reinterpreted_packed_char4_e398 = as_type<packed_char4>(_e398);
            packed_char4 reinterpreted_packed_char4_e399 = as_type<packed_char4>(_e399);
            high_1_4_ = as_type<int>(as_type<uint>(_e397) + as_type<uint>(( + reinterpreted_packed_char4_e398[0] * reinterpreted_packed_char4_e399[0] + reinterpreted_packed_char4_e398[1] * reinterpreted_packed_char4_e399[1] + reinterpreted_packed_char4_e398[2] * reinterpreted_packed_char4_e399[2] + reinterpreted_packed_char4_e398[3] * reinterpreted_packed_char4_e399[3])));
            int _e402 = low_1_4_;
            uint _e403 = level;
            uint _e404 = x_0_4_.y;
            packed_char4 reinterpreted_packed_char4_e403 = as_type<packed_char4>(_e403);
            packed_char4 reinterpreted_packed_char4_e404 = as_type<packed_char4>(_e404);
            low_1_4_ = as_type<int>(as_type<uint>(_e402) + as_type<uint>(( + reinterpreted_packed_char4_e403[0] * reinterpreted_packed_char4_e404[0] + reinterpreted_packed_char4_e403[1] * reinterpreted_packed_char4_e404[1] + reinterpreted_packed_char4_e403[2] * reinterpreted_packed_char4_e404[2] + reinterpreted_packed_char4_e403[3] * reinterpreted_packed_char4_e404[3])));
            int _e407 = high_1_5_;
            uint _e408 = level;
            uint _e409 = x_0_5_.x;
            packed_char4 reinterpreted_packed_char4_e408 = as_type<packed_char4>(_e408);
            packed_char4 reinterpreted_packed_char4_e409 = as_type<packed_char4>(_e409);
            high_1_5_ = as_type<int>(as_type<uint>(_e407) + as_type<uint>(( + reinterpreted_packed_char4_e408[0] * reinterpreted_packed_char4_e409[0] + reinterpreted_packed_char4_e408[1] * reinterpreted_packed_char4_e409[1] + reinterpreted_packed_char4_e408[2] * reinterpreted_packed_char4_e409[2] + reinterpreted_packed_char4_e408[3] * reinterpreted_packed_char4_e409[3])));
            int _e412 = low_1_5_;
            uint _e413 = level;
            uint _e414 = x_0_5_.y;
            packed_char4 reinterpreted_packed_char4_e413 = as_type<packed_char4>(_e413);
            packed_char4 reinterpreted_packed_char4_e414 = as_type<packed_char4>(_e414);
            low_1_5_ = as_type<int>(as_type<uint>(_e412) + as_type<uint>(( + reinterpreted_packed_char4_e413[0] * reinterpreted_packed_char4_e414[0] + reinterpreted_packed_char4_e413[1] * reinterpreted_packed_char4_e414[1] + reinterpreted_packed_char4_e413[2] * reinterpreted_packed_char4_e414[2] + reinterpreted_packed_char4_e413[3] * reinterpreted_packed_char4_e414[3])));
            int _e417 = high_1_6_;
            uint _e418 = level;
            uint _e419 = x_0_6_.x;
            packed_char4 reinterpreted_packed_char4_e418 = as_type<packed_char4>(_e418);
            packed_char4 reinterpreted_packed_char4_e419 = as_type<packed_char4>(_e419);
            high_1_6_ = as_type<int>(as_type<uint>(_e417) + as_type<uint>(( + reinterpreted_packed_char4_e418[0] * reinterpreted_packed_char4_e419[0] + reinterpreted_packed_char4_e418[1] * reinterpreted_packed_char4_e419[1] + reinterpreted_packed_char4_e418[2] * reinterpreted_packed_char4_e419[2] + reinterpreted_packed_char4_e418[3] * reinterpreted_packed_char4_e419[3])));
            int _e422 = low_1_6_;
            uint _e423 = level;
            uint _e424 = x_0_6_.y;
            packed_char4 reinterpreted_packed_char4_e423 = as_type<packed_char4>(_e423);
            packed_char4 reinterpreted_packed_char4_e424 = as_type<packed_char4>(_e424);
            low_1_6_ = as_type<int>(as_type<uint>(_e422) + as_type<uint>(( + reinterpreted_packed_char4_e423[0] * reinterpreted_packed_char4_e424[0] + reinterpreted_packed_char4_e423[1] * reinterpreted_packed_char4_e424[1] + reinterpreted_packed_char4_e423[2] * reinterpreted_packed_char4_e424[2] + reinterpreted_packed_char4_e423[3] * reinterpreted_packed_char4_e424[3])));
            int _e427 = high_1_7_;
            uint _e428 = level;
            uint _e429 = x_0_7_.x;
            packed_char4 reinterpreted_packed_char4_e428 = as_type<packed_char4>(_e428);
            packed_char4 reinterpreted_packed_char4_e429 = as_type<packed_char4>(_e429);
            high_1_7_ = as_type<int>(as_type<uint>(_e427) + as_type<uint>(( + reinterpreted_packed_char4_e428[0] * reinterpreted_packed_char4_e429[0] + reinterpreted_packed_char4_e428[1] * reinterpreted_packed_char4_e429[1] + reinterpreted_packed_char4_e428[2] * reinterpreted_packed_char4_e429[2] + reinterpreted_packed_char4_e428[3] * reinterpreted_packed_char4_e429[3])));
            int _e432 = low_1_7_;
            uint _e433 = level;
            uint _e434 = x_0_7_.y;
            packed_char4 reinterpreted_packed_char4_e433 = as_type<packed_char4>(_e433);
            packed_char4 reinterpreted_packed_char4_e434 = as_type<packed_char4>(_e434);
            low_1_7_ = as_type<int>(as_type<uint>(_e432) + as_type<uint>(( + reinterpreted_packed_char4_e433[0] * reinterpreted_packed_char4_e434[0] + reinterpreted_packed_char4_e433[1] * reinterpreted_packed_char4_e434[1] + reinterpreted_packed_char4_e433[2] * reinterpreted_packed_char4_e434[2] + reinterpreted_packed_char4_e433[3] * reinterpreted_packed_char4_e434[3])));
            uint _e438 = bits;
            uint _e442 = table.inner[_e438 >> 22u];
            entry = _e442;
            uint _e443 = total_1;
            uint _e444 = entry;
            total_1 = _e443 + _e444;
            uint _e446 = odd_0_;
            uint _e447 = last_0_;
            odd_0_ = _e446 ^ (_e447 & 65792u);
            uint _e451 = entry;
            last_0_ = _e451;
            uint _e452 = entry;
            uint _e455 = odd_0_;
            level = (_e452 & 4294901503u) | _e455;
            int _e457 = high_0_0_;
            uint _e458 = level;
            uint _e459 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e458 = as_type<packed_char4>(_e458);
            packed_char4 reinterpreted_packed_char4_e459 = as_type<packed_char4>(_e459);
            high_0_0_ = as_type<int>(as_type<uint>(_e457) + as_type<uint>(( + reinterpreted_packed_char4_e458[0] * reinterpreted_packed_char4_e459[0] + reinterpreted_packed_char4_e458[1] * reinterpreted_packed_char4_e459[1] + reinterpreted_packed_char4_e458[2] * reinterpreted_packed_char4_e459[2] + reinterpreted_packed_char4_e458[3] * reinterpreted_packed_char4_e459[3])));
            int _e462 = low_0_0_;
            uint _e463 = level;
            uint _e464 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e463 = as_type<packed_char4>(_e463);
            packed_char4 reinterpreted_packed_char4_e464 = as_type<packed_char4>(_e464);
            low_0_0_ = as_type<int>(as_type<uint>(_e462) + as_type<uint>(( + reinterpreted_packed_char4_e463[0] * reinterpreted_packed_char4_e464[0] + reinterpreted_packed_char4_e463[1] * reinterpreted_packed_char4_e464[1] + reinterpreted_packed_char4_e463[2] * reinterpreted_packed_char4_e464[2] + reinterpreted_packed_char4_e463[3] * reinterpreted_packed_char4_e464[3])));
            int _e467 = high_0_1_;
            uint _e468 = level;
            uint _e469 = x_0_1_.z;
            packed_char4 reinterpreted_packed_char4_e468 = as_type<packed_char4>(_e468);
            packed_char4 reinterpreted_packed_char4_e469 = as_type<packed_char4>(_e469);
            high_0_1_ = as_type<int>(as_type<uint>(_e467) + as_type<uint>(( + reinterpreted_packed_char4_e468[0] * reinterpreted_packed_char4_e469[0] + reinterpreted_packed_char4_e468[1] * reinterpreted_packed_char4_e469[1] + reinterpreted_packed_char4_e468[2] * reinterpreted_packed_char4_e469[2] + reinterpreted_packed_char4_e468[3] * reinterpreted_packed_char4_e469[3])));
            int _e472 = low_0_1_;
            uint _e473 = level;
            uint _e474 = x_0_1_.w;
            packed_char4 reinterpreted_packed_char4_e473 = as_type<packed_char4>(_e473);
            packed_char4 reinterpreted_packed_char4_e474 = as_type<packed_char4>(_e474);
            low_0_1_ = as_type<int>(as_type<uint>(_e472) + as_type<uint>(( + reinterpreted_packed_char4_e473[0] * reinterpreted_packed_char4_e474[0] + reinterpreted_packed_char4_e473[1] * reinterpreted_packed_char4_e474[1] + reinterpreted_packed_char4_e473[2] * reinterpreted_packed_char4_e474[2] + reinterpreted_packed_char4_e473[3] * reinterpreted_packed_char4_e474[3])));
            int _e477 = high_0_2_;
            uint _e478 = level;
            uint _e479 = x_0_2_.z;
            packed_char4 reinterpreted_packed_char4_e478 = as_type<packed_char4>(_e478);
            packed_char4 reinterpreted_packed_char4_e479 = as_type<packed_char4>(_e479);
            high_0_2_ = as_type<int>(as_type<uint>(_e477) + as_type<uint>(( + reinterpreted_packed_char4_e478[0] * reinterpreted_packed_char4_e479[0] + reinterpreted_packed_char4_e478[1] * reinterpreted_packed_char4_e479[1] + reinterpreted_packed_char4_e478[2] * reinterpreted_packed_char4_e479[2] + reinterpreted_packed_char4_e478[3] * reinterpreted_packed_char4_e479[3])));
            int _e482 = low_0_2_;
            uint _e483 = level;
            uint _e484 = x_0_2_.w;
            packed_char4 reinterpreted_packed_char4_e483 = as_type<packed_char4>(_e483);
            packed_char4 reinterpreted_packed_char4_e484 = as_type<packed_char4>(_e484);
            low_0_2_ = as_type<int>(as_type<uint>(_e482) + as_type<uint>(( + reinterpreted_packed_char4_e483[0] * reinterpreted_packed_char4_e484[0] + reinterpreted_packed_char4_e483[1] * reinterpreted_packed_char4_e484[1] + reinterpreted_packed_char4_e483[2] * reinterpreted_packed_char4_e484[2] + reinterpreted_packed_char4_e483[3] * reinterpreted_packed_char4_e484[3])));
            int _e487 = high_0_3_;
            uint _e488 = level;
            uint _e489 = x_0_3_.z;
            packed_char4 reinterpreted_packed_char4_e488 = as_type<packed_char4>(_e488);
            packed_char4 reinterpreted_packed_char4_e489 = as_type<packed_char4>(_e489);
            high_0_3_ = as_type<int>(as_type<uint>(_e487) + as_type<uint>(( + reinterpreted_packed_char4_e488[0] * reinterpreted_packed_char4_e489[0] + reinterpreted_packed_char4_e488[1] * reinterpreted_packed_char4_e489[1] + reinterpreted_packed_char4_e488[2] * reinterpreted_packed_char4_e489[2] + reinterpreted_packed_char4_e488[3] * reinterpreted_packed_char4_e489[3])));
            int _e492 = low_0_3_;
            uint _e493 = level;
            uint _e494 = x_0_3_.w;
            packed_char4 reinterpreted_packed_char4_e493 = as_type<packed_char4>(_e493);
            packed_char4 reinterpreted_packed_char4_e494 = as_type<packed_char4>(_e494);
            low_0_3_ = as_type<int>(as_type<uint>(_e492) + as_type<uint>(( + reinterpreted_packed_char4_e493[0] * reinterpreted_packed_char4_e494[0] + reinterpreted_packed_char4_e493[1] * reinterpreted_packed_char4_e494[1] + reinterpreted_packed_char4_e493[2] * reinterpreted_packed_char4_e494[2] + reinterpreted_packed_char4_e493[3] * reinterpreted_packed_char4_e494[3])));
            int _e497 = high_0_4_;
            uint _e498 = level;
            uint _e499 = x_0_4_.z;
            packed_char4 reinterpreted_packed_char4_e498 = as_type<packed_char4>(_e498);
            packed_char4 reinterpreted_packed_char4_e499 = as_type<packed_char4>(_e499);
            high_0_4_ = as_type<int>(as_type<uint>(_e497) + as_type<uint>(( + reinterpreted_packed_char4_e498[0] * reinterpreted_packed_char4_e499[0] + reinterpreted_packed_char4_e498[1] * reinterpreted_packed_char4_e499[1] + reinterpreted_packed_char4_e498[2] * reinterpreted_packed_char4_e499[2] + reinterpreted_packed_char4_e498[3] * reinterpreted_packed_char4_e499[3])));
            int _e502 = low_0_4_;
            uint _e503 = level;
            uint _e504 = x_0_4_.w;
            packed_char4 reinterpreted_packed_char4_e503 = as_type<packed_char4>(_e503);
            packed_char4 reinterpreted_packed_char4_e504 = as_type<packed_char4>(_e504);
            low_0_4_ = as_type<int>(as_type<uint>(_e502) + as_type<uint>(( + reinterpreted_packed_char4_e503[0] * reinterpreted_packed_char4_e504[0] + reinterpreted_packed_char4_e503[1] * reinterpreted_packed_char4_e504[1] + reinterpreted_packed_char4_e503[2] * reinterpreted_packed_char4_e504[2] + reinterpreted_packed_char4_e503[3] * reinterpreted_packed_char4_e504[3])));
            int _e507 = high_0_5_;
            uint _e508 = level;
            uint _e509 = x_0_5_.z;
            packed_char4 reinterpreted_packed_char4_e508 = as_type<packed_char4>(_e508);
            packed_char4 reinterpreted_packed_char4_e509 = as_type<packed_char4>(_e509);
            high_0_5_ = as_type<int>(as_type<uint>(_e507) + as_type<uint>(( + reinterpreted_packed_char4_e508[0] * reinterpreted_packed_char4_e509[0] + reinterpreted_packed_char4_e508[1] * reinterpreted_packed_char4_e509[1] + reinterpreted_packed_char4_e508[2] * reinterpreted_packed_char4_e509[2] + reinterpreted_packed_char4_e508[3] * reinterpreted_packed_char4_e509[3])));
            int _e512 = low_0_5_;
            uint _e513 = level;
            uint _e514 = x_0_5_.w;
            packed_char4 reinterpreted_packed_char4_e513 = as_type<packed_char4>(_e513);
            packed_char4 reinterpreted_packed_char4_e514 = as_type<packed_char4>(_e514);
            low_0_5_ = as_type<int>(as_type<uint>(_e512) + as_type<uint>(( + reinterpreted_packed_char4_e513[0] * reinterpreted_packed_char4_e514[0] + reinterpreted_packed_char4_e513[1] * reinterpreted_packed_char4_e514[1] + reinterpreted_packed_char4_e513[2] * reinterpreted_packed_char4_e514[2] + reinterpreted_packed_char4_e513[3] * reinterpreted_packed_char4_e514[3])));
            int _e517 = high_0_6_;
            uint _e518 = level;
            uint _e519 = x_0_6_.z;
            packed_char4 reinterpreted_packed_char4_e518 = as_type<packed_char4>(_e518);
            packed_char4 reinterpreted_packed_char4_e519 = as_type<packed_char4>(_e519);
            high_0_6_ = as_type<int>(as_type<uint>(_e517) + as_type<uint>(( + reinterpreted_packed_char4_e518[0] * reinterpreted_packed_char4_e519[0] + reinterpreted_packed_char4_e518[1] * reinterpreted_packed_char4_e519[1] + reinterpreted_packed_char4_e518[2] * reinterpreted_packed_char4_e519[2] + reinterpreted_packed_char4_e518[3] * reinterpreted_packed_char4_e519[3])));
            int _e522 = low_0_6_;
            uint _e523 = level;
            uint _e524 = x_0_6_.w;
            packed_char4 reinterpreted_packed_char4_e523 = as_type<packed_char4>(_e523);
            packed_char4 reinterpreted_packed_char4_e524 = as_type<packed_char4>(_e524);
            low_0_6_ = as_type<int>(as_type<uint>(_e522) + as_type<uint>(( + reinterpreted_packed_char4_e523[0] * reinterpreted_packed_char4_e524[0] + reinterpreted_packed_char4_e523[1] * reinterpreted_packed_char4_e524[1] + reinterpreted_packed_char4_e523[2] * reinterpreted_packed_char4_e524[2] + reinterpreted_packed_char4_e523[3] * reinterpreted_packed_char4_e524[3])));
            int _e527 = high_0_7_;
            uint _e528 = level;
            uint _e529 = x_0_7_.z;
            packed_char4 reinterpreted_packed_char4_e528 = as_type<packed_char4>(_e528);
            packed_char4 reinterpreted_packed_char4_e529 = as_type<packed_char4>(_e529);
            high_0_7_ = as_type<int>(as_type<uint>(_e527) + as_type<uint>(( + reinterpreted_packed_char4_e528[0] * reinterpreted_packed_char4_e529[0] + reinterpreted_packed_char4_e528[1] * reinterpreted_packed_char4_e529[1] + reinterpreted_packed_char4_e528[2] * reinterpreted_packed_char4_e529[2] + reinterpreted_packed_char4_e528[3] * reinterpreted_packed_char4_e529[3])));
            int _e532 = low_0_7_;
            uint _e533 = level;
            uint _e534 = x_0_7_.w;
            packed_char4 reinterpreted_packed_char4_e533 = as_type<packed_char4>(_e533);
            packed_char4 reinterpreted_packed_char4_e534 = as_type<packed_char4>(_e534);
            low_0_7_ = as_type<int>(as_type<uint>(_e532) + as_type<uint>(( + reinterpreted_packed_char4_e533[0] * reinterpreted_packed_char4_e534[0] + reinterpreted_packed_char4_e533[1] * reinterpreted_packed_char4_e534[1] + reinterpreted_packed_char4_e533[2] * reinterpreted_packed_char4_e534[2] + reinterpreted_packed_char4_e533[3] * reinterpreted_packed_char4_e534[3])));
            uint _e537 = taken;
            uint _e538 = total_1;
            taken = _e537 + (_e538 & 255u);
            uint _e542 = taken;
            if (_e542 >= 32u) {
                uint _e545 = taken;
                taken = _e545 - 32u;
                uint _e548 = next;
                word = _e548;
                uint _e549 = ahead;
                next = _e549;
                uint _e551 = at;
                uint _e553 = stream[_e551];
                ahead = _e553;
                uint _e554 = at;
                at = _e554 + 32u;
            }
            uint _e557 = word;
            uint _e558 = taken;
            uint _e560 = next;
            uint _e564 = taken;
            bits = (_e557 << _e558) | ((_e560 >> 1u) >> (31u - _e564));
            uint _e569 = bits;
            uint _e573 = table.inner[_e569 >> 22u];
            entry = _e573;
            uint _e574 = entry;
            total_1 = _e574;
            uint _e575 = bits;
            uint _e576 = entry;
            bits = _e575 << (_e576 & 15u);
            uint _e580 = odd_1_;
            uint _e581 = last_1_;
            odd_1_ = _e580 ^ (_e581 & 65792u);
            uint _e585 = entry;
            last_1_ = _e585;
            uint _e586 = entry;
            uint _e589 = odd_1_;
            level = (_e586 & 4294901503u) | _e589;
            int _e591 = high_1_0_;
            uint _e592 = level;
            uint _e593 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e592 = as_type<packed_char4>(_e592);
            packed_char4 reinterpreted_packed_char4_e593 = as_type<packed_char4>(_e593);
            high_1_0_ = as_type<int>(as_type<uint>(_e591) + as_type<uint>(( + reinterpreted_packed_char4_e592[0] * reinterpreted_packed_char4_e593[0] + reinterpreted_packed_char4_e592[1] * reinterpreted_packed_char4_e593[1] + reinterpreted_packed_char4_e592[2] * reinterpreted_packed_char4_e593[2] + reinterpreted_packed_char4_e592[3] * reinterpreted_packed_char4_e593[3])));
            int _e596 = low_1_0_;
            uint _e597 = level;
            uint _e598 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e597 = as_type<packed_char4>(_e597);
            packed_char4 reinterpreted_packed_char4_e598 = as_type<packed_char4>(_e598);
            low_1_0_ = as_type<int>(as_type<uint>(_e596) + as_type<uint>(( + reinterpreted_packed_char4_e597[0] * reinterpreted_packed_char4_e598[0] + reinterpreted_packed_char4_e597[1] * reinterpreted_packed_char4_e598[1] + reinterpreted_packed_char4_e597[2] * reinterpreted_packed_char4_e598[2] + reinterpreted_packed_char4_e597[3] * reinterpreted_packed_char4_e598[3])));
            int _e601 = high_1_1_;
            uint _e602 = level;
            uint _e603 = x_0_1_.z;
            packed_char4 reinterpreted_packed_char4_e602 = as_type<packed_char4>(_e602);
            packed_char4 reinterpreted_packed_char4_e603 = as_type<packed_char4>(_e603);
            high_1_1_ = as_type<int>(as_type<uint>(_e601) + as_type<uint>(( + reinterpreted_packed_char4_e602[0] * reinterpreted_packed_char4_e603[0] + reinterpreted_packed_char4_e602[1] * reinterpreted_packed_char4_e603[1] + reinterpreted_packed_char4_e602[2] * reinterpreted_packed_char4_e603[2] + reinterpreted_packed_char4_e602[3] * reinterpreted_packed_char4_e603[3])));
            int _e606 = low_1_1_;
            uint _e607 = level;
            uint _e608 = x_0_1_.w;
            packed_char4 reinterpreted_packed_char4_e607 = as_type<packed_char4>(_e607);
            packed_char4 reinterpreted_packed_char4_e608 = as_type<packed_char4>(_e608);
            low_1_1_ = as_type<int>(as_type<uint>(_e606) + as_type<uint>(( + reinterpreted_packed_char4_e607[0] * reinterpreted_packed_char4_e608[0] + reinterpreted_packed_char4_e607[1] * reinterpreted_packed_char4_e608[1] + reinterpreted_packed_char4_e607[2] * reinterpreted_packed_char4_e608[2] + reinterpreted_packed_char4_e607[3] * reinterpreted_packed_char4_e608[3])));
            int _e611 = high_1_2_;
            uint _e612 = level;
            uint _e613 = x_0_2_.z;
            packed_char4 reinterpreted_packed_char4_e612 = as_type<packed_char4>(_e612);
            packed_char4 reinterpreted_packed_char4_e613 = as_type<packed_char4>(_e613);
            high_1_2_ = as_type<int>(as_type<uint>(_e611) + as_type<uint>(( + reinterpreted_packed_char4_e612[0] * reinterpreted_packed_char4_e613[0] + reinterpreted_packed_char4_e612[1] * reinterpreted_packed_char4_e613[1] + reinterpreted_packed_char4_e612[2] * reinterpreted_packed_char4_e613[2] + reinterpreted_packed_char4_e612[3] * reinterpreted_packed_char4_e613[3])));
            int _e616 = low_1_2_;
            uint _e617 = level;
            uint _e618 = x_0_2_.w;
            packed_char4 reinterpreted_packed_char4_e617 = as_type<packed_char4>(_e617);
            packed_char4 reinterpreted_packed_char4_e618 = as_type<packed_char4>(_e618);
            low_1_2_ = as_type<int>(as_type<uint>(_e616) + as_type<uint>(( + reinterpreted_packed_char4_e617[0] * reinterpreted_packed_char4_e618[0] + reinterpreted_packed_char4_e617[1] * reinterpreted_packed_char4_e618[1] + reinterpreted_packed_char4_e617[2] * reinterpreted_packed_char4_e618[2] + reinterpreted_packed_char4_e617[3] * reinterpreted_packed_char4_e618[3])));
            int _e621 = high_1_3_;
            uint _e622 = level;
            uint _e623 = x_0_3_.z;
            packed_char4 reinterpreted_packed_char4_e622 = as_type<packed_char4>(_e622);
            packed_char4 reinterpreted_packed_char4_e623 = as_type<packed_char4>(_e623);
            high_1_3_ = as_type<int>(as_type<uint>(_e621) + as_type<uint>(( + reinterpreted_packed_char4_e622[0] * reinterpreted_packed_char4_e623[0] + reinterpreted_packed_char4_e622[1] * reinterpreted_packed_char4_e623[1] + reinterpreted_packed_char4_e622[2] * reinterpreted_packed_char4_e623[2] + reinterpreted_packed_char4_e622[3] * reinterpreted_packed_char4_e623[3])));
            int _e626 = low_1_3_;
            uint _e627 = level;
            uint _e628 = x_0_3_.w;
            packed_char4 reinterpreted_packed_char4_e627 = as_type<packed_char4>(_e627);
            packed_char4 reinterpreted_packed_char4_e628 = as_type<packed_char4>(_e628);
            low_1_3_ = as_type<int>(as_type<uint>(_e626) + as_type<uint>(( + reinterpreted_packed_char4_e627[0] * reinterpreted_packed_char4_e628[0] + reinterpreted_packed_char4_e627[1] * reinterpreted_packed_char4_e628[1] + reinterpreted_packed_char4_e627[2] * reinterpreted_packed_char4_e628[2] + reinterpreted_packed_char4_e627[3] * reinterpreted_packed_char4_e628[3])));
            int _e631 = high_1_4_;
            uint _e632 = level;
            uint _e633 = x_0_4_.z;
            packed_char4 reinterpreted_packed_char4_e632 = as_type<packed_char4>(_e632);
            packed_char4 reinterpreted_packed_char4_e633 = as_type<packed_char4>(_e633);
            high_1_4_ = as_type<int>(as_type<uint>(_e631) + as_type<uint>(( + reinterpreted_packed_char4_e632[0] * reinterpreted_packed_char4_e633[0] + reinterpreted_packed_char4_e632[1] * reinterpreted_packed_char4_e633[1] + reinterpreted_packed_char4_e632[2] * reinterpreted_packed_char4_e633[2] + reinterpreted_packed_char4_e632[3] * reinterpreted_packed_char4_e633[3])));
            int _e636 = low_1_4_;
            uint _e637 = level;
            uint _e638 = x_0_4_.w;
            packed_char4 reinterpreted_packed_char4_e637 = as_type<packed_char4>(_e637);
            packed_char4 reinterpreted_packed_char4_e638 = as_type<packed_char4>(_e638);
            low_1_4_ = as_type<int>(as_type<uint>(_e636) + as_type<uint>(( + reinterpreted_packed_char4_e637[0] * reinterpreted_packed_char4_e638[0] + reinterpreted_packed_char4_e637[1] * reinterpreted_packed_char4_e638[1] + reinterpreted_packed_char4_e637[2] * reinterpreted_packed_char4_e638[2] + reinterpreted_packed_char4_e637[3] * reinterpreted_packed_char4_e638[3])));
            int _e641 = high_1_5_;
            uint _e642 = level;
            uint _e643 = x_0_5_.z;
            packed_char4 reinterpreted_packed_char4_e642 = as_type<packed_char4>(_e642);
            packed_char4 reinterpreted_packed_char4_e643 = as_type<packed_char4>(_e643);
            high_1_5_ = as_type<int>(as_type<uint>(_e641) + as_type<uint>(( + reinterpreted_packed_char4_e642[0] * reinterpreted_packed_char4_e643[0] + reinterpreted_packed_char4_e642[1] * reinterpreted_packed_char4_e643[1] + reinterpreted_packed_char4_e642[2] * reinterpreted_packed_char4_e643[2] + reinterpreted_packed_char4_e642[3] * reinterpreted_packed_char4_e643[3])));
            int _e646 = low_1_5_;
            uint _e647 = level;
            uint _e648 = x_0_5_.w;
            packed_char4 reinterpreted_packed_char4_e647 = as_type<packed_char4>(_e647);
            packed_char4 reinterpreted_packed_char4_e648 = as_type<packed_char4>(_e648);
            low_1_5_ = as_type<int>(as_type<uint>(_e646) + as_type<uint>(( + reinterpreted_packed_char4_e647[0] * reinterpreted_packed_char4_e648[0] + reinterpreted_packed_char4_e647[1] * reinterpreted_packed_char4_e648[1] + reinterpreted_packed_char4_e647[2] * reinterpreted_packed_char4_e648[2] + reinterpreted_packed_char4_e647[3] * reinterpreted_packed_char4_e648[3])));
            int _e651 = high_1_6_;
            uint _e652 = level;
            uint _e653 = x_0_6_.z;
            packed_char4 reinterpreted_packed_char4_e652 = as_type<packed_char4>(_e652);
            packed_char4 reinterpreted_packed_char4_e653 = as_type<packed_char4>(_e653);
            high_1_6_ = as_type<int>(as_type<uint>(_e651) + as_type<uint>(( + reinterpreted_packed_char4_e652[0] * reinterpreted_packed_char4_e653[0] + reinterpreted_packed_char4_e652[1] * reinterpreted_packed_char4_e653[1] + reinterpreted_packed_char4_e652[2] * reinterpreted_packed_char4_e653[2] + reinterpreted_packed_char4_e652[3] * reinterpreted_packed_char4_e653[3])));
            int _e656 = low_1_6_;
            uint _e657 = level;
            uint _e658 = x_0_6_.w;
            packed_char4 reinterpreted_packed_char4_e657 = as_type<packed_char4>(_e657);
            packed_char4 reinterpreted_packed_char4_e658 = as_type<packed_char4>(_e658);
            low_1_6_ = as_type<int>(as_type<uint>(_e656) + as_type<uint>(( + reinterpreted_packed_char4_e657[0] * reinterpreted_packed_char4_e658[0] + reinterpreted_packed_char4_e657[1] * reinterpreted_packed_char4_e658[1] + reinterpreted_packed_char4_e657[2] * reinterpreted_packed_char4_e658[2] + reinterpreted_packed_char4_e657[3] * reinterpreted_packed_char4_e658[3])));
            int _e661 = high_1_7_;
            uint _e662 = level;
            uint _e663 = x_0_7_.z;
            packed_char4 reinterpreted_packed_char4_e662 = as_type<packed_char4>(_e662);
            packed_char4 reinterpreted_packed_char4_e663 = as_type<packed_char4>(_e663);
            high_1_7_ = as_type<int>(as_type<uint>(_e661) + as_type<uint>(( + reinterpreted_packed_char4_e662[0] * reinterpreted_packed_char4_e663[0] + reinterpreted_packed_char4_e662[1] * reinterpreted_packed_char4_e663[1] + reinterpreted_packed_char4_e662[2] * reinterpreted_packed_char4_e663[2] + reinterpreted_packed_char4_e662[3] * reinterpreted_packed_char4_e663[3])));
            int _e666 = low_1_7_;
            uint _e667 = level;
            uint _e668 = x_0_7_.w;
            packed_char4 reinterpreted_packed_char4_e667 = as_type<packed_char4>(_e667);
            packed_char4 reinterpreted_packed_char4_e668 = as_type<packed_char4>(_e668);
            low_1_7_ = as_type<int>(as_type<uint>(_e666) + as_type<uint>(( + reinterpreted_packed_char4_e667[0] * reinterpreted_packed_char4_e668[0] + reinterpreted_packed_char4_e667[1] * reinterpreted_packed_char4_e668[1] + reinterpreted_packed_char4_e667[2] * reinterpreted_packed_char4_e668[2] + reinterpreted_packed_char4_e667[3] * reinterpreted_packed_char4_e668[3])));
            uint _e676 = group_1;
            metal::uint4 x_1_0_ = digits[(first + (0u * step)) + (4u * (_e676 + 1u))];
            uint _e688 = group_1;
            metal::uint4 x_1_1_ = digits[(first + (1u * step)) + (4u * (_e688 + 1u))];
            uint _e700 = group_1;
            metal::uint4 x_1_2_ = digits[(first + (2u * step)) + (4u * (_e700 + 1u))];
            uint _e712 = group_1;
            metal::uint4 x_1_3_ = digits[(first + (3u * step)) + (4u * (_e712 + 1u))];
            uint _e724 = group_1;
            metal::uint4 x_1_4_ = digits[(first + (4u * step)) + (4u * (_e724 + 1u))];
            uint _e736 = group_1;
            metal::uint4 x_1_5_ = digits[(first + (5u * step)) + (4u * (_e736 + 1u))];
            uint _e748 = group_1;
            metal::uint4 x_1_6_ = digits[(first + (6u * step)) + (4u * (_e748 + 1u))];
            uint _e760 = group_1;
            metal::uint4 x_1_7_ = digits[(first + (7u * step)) + (4u * (_e760 + 1u))];
            uint _e768 = bits;
            uint _e772 = table.inner[_e768 >> 22u];
            entry = _e772;
            uint _e773 = total_1;
            uint _e774 = entry;
            total_1 = _e773 + _e774;
            uint _e776 = bits;
            uint _e777 = entry;
            bits = _e776 << (_e777 & 15u);
            uint _e781 = even_0_;
            uint _e782 = last_0_;
            even_0_ = _e781 ^ (_e782 & 65792u);
            uint _e786 = entry;
            last_0_ = _e786;
            uint _e787 = entry;
            uint _e790 = even_0_;
            level = (_e787 & 4294901503u) | _e790;
            int _e792 = high_0_0_;
            uint _e793 = level;
            uint _e794 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e793 = as_type<packed_char4>(_e793);
            packed_char4 reinterpreted_packed_char4_e794 = as_type<packed_char4>(_e794);
            high_0_0_ = as_type<int>(as_type<uint>(_e792) + as_type<uint>(( + reinterpreted_packed_char4_e793[0] * reinterpreted_packed_char4_e794[0] + reinterpreted_packed_char4_e793[1] * reinterpreted_packed_char4_e794[1] + reinterpreted_packed_char4_e793[2] * reinterpreted_packed_char4_e794[2] + reinterpreted_packed_char4_e793[3] * reinterpreted_packed_char4_e794[3])));
            int _e797 = low_0_0_;
            uint _e798 = level;
            uint _e799 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e798 = as_type<packed_char4>(_e798);
            packed_char4 reinterpreted_packed_char4_e799 = as_type<packed_char4>(_e799);
            low_0_0_ = as_type<int>(as_type<uint>(_e797) + as_type<uint>(( + reinterpreted_packed_char4_e798[0] * reinterpreted_packed_char4_e799[0] + reinterpreted_packed_char4_e798[1] * reinterpreted_packed_char4_e799[1] + reinterpreted_packed_char4_e798[2] * reinterpreted_packed_char4_e799[2] + reinterpreted_packed_char4_e798[3] * reinterpreted_packed_char4_e799[3])));
            int _e802 = high_0_1_;
            uint _e803 = level;
            uint _e804 = x_1_1_.x;
            packed_char4 reinterpreted_packed_char4_e803 = as_type<packed_char4>(_e803);
            packed_char4 reinterpreted_packed_char4_e804 = as_type<packed_char4>(_e804);
            high_0_1_ = as_type<int>(as_type<uint>(_e802) + as_type<uint>(( + reinterpreted_packed_char4_e803[0] * reinterpreted_packed_char4_e804[0] + reinterpreted_packed_char4_e803[1] * reinterpreted_packed_char4_e804[1] + reinterpreted_packed_char4_e803[2] * reinterpreted_packed_char4_e804[2] + reinterpreted_packed_char4_e803[3] * reinterpreted_packed_char4_e804[3])));
            int _e807 = low_0_1_;
            uint _e808 = level;
            uint _e809 = x_1_1_.y;
            packed_char4 reinterpreted_packed_char4_e808 = as_type<packed_char4>(_e808);
            packed_char4 reinterpreted_packed_char4_e809 = as_type<packed_char4>(_e809);
            low_0_1_ = as_type<int>(as_type<uint>(_e807) + as_type<uint>(( + reinterpreted_packed_char4_e808[0] * reinterpreted_packed_char4_e809[0] + reinterpreted_packed_char4_e808[1] * reinterpreted_packed_char4_e809[1] + reinterpreted_packed_char4_e808[2] * reinterpreted_packed_char4_e809[2] + reinterpreted_packed_char4_e808[3] * reinterpreted_packed_char4_e809[3])));
            int _e812 = high_0_2_;
            uint _e813 = level;
            uint _e814 = x_1_2_.x;
            packed_char4 reinterpreted_packed_char4_e813 = as_type<packed_char4>(_e813);
            packed_char4 reinterpreted_packed_char4_e814 = as_type<packed_char4>(_e814);
            high_0_2_ = as_type<int>(as_type<uint>(_e812) + as_type<uint>(( + reinterpreted_packed_char4_e813[0] * reinterpreted_packed_char4_e814[0] + reinterpreted_packed_char4_e813[1] * reinterpreted_packed_char4_e814[1] + reinterpreted_packed_char4_e813[2] * reinterpreted_packed_char4_e814[2] + reinterpreted_packed_char4_e813[3] * reinterpreted_packed_char4_e814[3])));
            int _e817 = low_0_2_;
            uint _e818 = level;
            uint _e819 = x_1_2_.y;
            packed_char4 reinterpreted_packed_char4_e818 = as_type<packed_char4>(_e818);
            packed_char4 reinterpreted_packed_char4_e819 = as_type<packed_char4>(_e819);
            low_0_2_ = as_type<int>(as_type<uint>(_e817) + as_type<uint>(( + reinterpreted_packed_char4_e818[0] * reinterpreted_packed_char4_e819[0] + reinterpreted_packed_char4_e818[1] * reinterpreted_packed_char4_e819[1] + reinterpreted_packed_char4_e818[2] * reinterpreted_packed_char4_e819[2] + reinterpreted_packed_char4_e818[3] * reinterpreted_packed_char4_e819[3])));
            int _e822 = high_0_3_;
            uint _e823 = level;
            uint _e824 = x_1_3_.x;
            packed_char4 reinterpreted_packed_char4_e823 = as_type<packed_char4>(_e823);
            packed_char4 reinterpreted_packed_char4_e824 = as_type<packed_char4>(_e824);
            high_0_3_ = as_type<int>(as_type<uint>(_e822) + as_type<uint>(( + reinterpreted_packed_char4_e823[0] * reinterpreted_packed_char4_e824[0] + reinterpreted_packed_char4_e823[1] * reinterpreted_packed_char4_e824[1] + reinterpreted_packed_char4_e823[2] * reinterpreted_packed_char4_e824[2] + reinterpreted_packed_char4_e823[3] * reinterpreted_packed_char4_e824[3])));
            int _e827 = low_0_3_;
            uint _e828 = level;
            uint _e829 = x_1_3_.y;
            packed_char4 reinterpreted_packed_char4_e828 = as_type<packed_char4>(_e828);
            packed_char4 reinterpreted_packed_char4_e829 = as_type<packed_char4>(_e829);
            low_0_3_ = as_type<int>(as_type<uint>(_e827) + as_type<uint>(( + reinterpreted_packed_char4_e828[0] * reinterpreted_packed_char4_e829[0] + reinterpreted_packed_char4_e828[1] * reinterpreted_packed_char4_e829[1] + reinterpreted_packed_char4_e828[2] * reinterpreted_packed_char4_e829[2] + reinterpreted_packed_char4_e828[3] * reinterpreted_packed_char4_e829[3])));
            int _e832 = high_0_4_;
            uint _e833 = level;
            uint _e834 = x_1_4_.x;
            packed_char4 reinterpreted_packed_char4_e833 = as_type<packed_char4>(_e833);
            packed_char4 reinterpreted_packed_char4_e834 = as_type<packed_char4>(_e834);
            high_0_4_ = as_type<int>(as_type<uint>(_e832) + as_type<uint>(( + reinterpreted_packed_char4_e833[0] * reinterpreted_packed_char4_e834[0] + reinterpreted_packed_char4_e833[1] * reinterpreted_packed_char4_e834[1] + reinterpreted_packed_char4_e833[2] * reinterpreted_packed_char4_e834[2] + reinterpreted_packed_char4_e833[3] * reinterpreted_packed_char4_e834[3])));
            int _e837 = low_0_4_;
            uint _e838 = level;
            uint _e839 = x_1_4_.y;
            packed_char4 reinterpreted_packed_char4_e838 = as_type<packed_char4>(_e838);
            packed_char4 reinterpreted_packed_char4_e839 = as_type<packed_char4>(_e839);
            low_0_4_ = as_type<int>(as_type<uint>(_e837) + as_type<uint>(( + reinterpreted_packed_char4_e838[0] * reinterpreted_packed_char4_e839[0] + reinterpreted_packed_char4_e838[1] * reinterpreted_packed_char4_e839[1] + reinterpreted_packed_char4_e838[2] * reinterpreted_packed_char4_e839[2] + reinterpreted_packed_char4_e838[3] * reinterpreted_packed_char4_e839[3])));
            int _e842 = high_0_5_;
            uint _e843 = level;
            uint _e844 = x_1_5_.x;
            packed_char4 reinterpreted_packed_char4_e843 = as_type<packed_char4>(_e843);
            packed_char4 reinterpreted_packed_char4_e844 = as_type<packed_char4>(_e844);
            high_0_5_ = as_type<int>(as_type<uint>(_e842) + as_type<uint>(( + reinterpreted_packed_char4_e843[0] * reinterpreted_packed_char4_e844[0] + reinterpreted_packed_char4_e843[1] * reinterpreted_packed_char4_e844[1] + reinterpreted_packed_char4_e843[2] * reinterpreted_packed_char4_e844[2] + reinterpreted_packed_char4_e843[3] * reinterpreted_packed_char4_e844[3])));
            int _e847 = low_0_5_;
            uint _e848 = level;
            uint _e849 = x_1_5_.y;
            packed_char4 reinterpreted_packed_char4_e848 = as_type<packed_char4>(_e848);
            packed_char4 reinterpreted_packed_char4_e849 = as_type<packed_char4>(_e849);
            low_0_5_ = as_type<int>(as_type<uint>(_e847) + as_type<uint>(( + reinterpreted_packed_char4_e848[0] * reinterpreted_packed_char4_e849[0] + reinterpreted_packed_char4_e848[1] * reinterpreted_packed_char4_e849[1] + reinterpreted_packed_char4_e848[2] * reinterpreted_packed_char4_e849[2] + reinterpreted_packed_char4_e848[3] * reinterpreted_packed_char4_e849[3])));
            int _e852 = high_0_6_;
            uint _e853 = level;
            uint _e854 = x_1_6_.x;
            packed_char4 reinterpreted_packed_char4_e853 = as_type<packed_char4>(_e853);
            packed_char4 reinterpreted_packed_char4_e854 = as_type<packed_char4>(_e854);
            high_0_6_ = as_type<int>(as_type<uint>(_e852) + as_type<uint>(( + reinterpreted_packed_char4_e853[0] * reinterpreted_packed_char4_e854[0] + reinterpreted_packed_char4_e853[1] * reinterpreted_packed_char4_e854[1] + reinterpreted_packed_char4_e853[2] * reinterpreted_packed_char4_e854[2] + reinterpreted_packed_char4_e853[3] * reinterpreted_packed_char4_e854[3])));
            int _e857 = low_0_6_;
            uint _e858 = level;
            uint _e859 = x_1_6_.y;
            packed_char4 reinterpreted_packed_char4_e858 = as_type<packed_char4>(_e858);
            packed_char4 reinterpreted_packed_char4_e859 = as_type<packed_char4>(_e859);
            low_0_6_ = as_type<int>(as_type<uint>(_e857) + as_type<uint>(( + reinterpreted_packed_char4_e858[0] * reinterpreted_packed_char4_e859[0] + reinterpreted_packed_char4_e858[1] * reinterpreted_packed_char4_e859[1] + reinterpreted_packed_char4_e858[2] * reinterpreted_packed_char4_e859[2] + reinterpreted_packed_char4_e858[3] * reinterpreted_packed_char4_e859[3])));
            int _e862 = high_0_7_;
            uint _e863 = level;
            uint _e864 = x_1_7_.x;
            packed_char4 reinterpreted_packed_char4_e863 = as_type<packed_char4>(_e863);
            packed_char4 reinterpreted_packed_char4_e864 = as_type<packed_char4>(_e864);
            high_0_7_ = as_type<int>(as_type<uint>(_e862) + as_type<uint>(( + reinterpreted_packed_char4_e863[0] * reinterpreted_packed_char4_e864[0] + reinterpreted_packed_char4_e863[1] * reinterpreted_packed_char4_e864[1] + reinterpreted_packed_char4_e863[2] * reinterpreted_packed_char4_e864[2] + reinterpreted_packed_char4_e863[3] * reinterpreted_packed_char4_e864[3])));
            int _e867 = low_0_7_;
            uint _e868 = level;
            uint _e869 = x_1_7_.y;
            packed_char4 reinterpreted_packed_char4_e868 = as_type<packed_char4>(_e868);
            packed_char4 reinterpreted_packed_char4_e869 = as_type<packed_char4>(_e869);
            low_0_7_ = as_type<int>(as_type<uint>(_e867) + as_type<uint>(( + reinterpreted_packed_char4_e868[0] * reinterpreted_packed_char4_e869[0] + reinterpreted_packed_char4_e868[1] * reinterpreted_packed_char4_e869[1] + reinterpreted_packed_char4_e868[2] * reinterpreted_packed_char4_e869[2] + reinterpreted_packed_char4_e868[3] * reinterpreted_packed_char4_e869[3])));
            uint _e873 = bits;
            uint _e877 = table.inner[_e873 >> 22u];
            entry = _e877;
            uint _e878 = total_1;
            uint _e879 = entry;
            total_1 = _e878 + _e879;
            uint _e881 = even_1_;
            uint _e882 = last_1_;
            even_1_ = _e881 ^ (_e882 & 65792u);
            uint _e886 = entry;
            last_1_ = _e886;
            uint _e887 = entry;
            uint _e890 = even_1_;
            level = (_e887 & 4294901503u) | _e890;
            int _e892 = high_1_0_;
            uint _e893 = level;
            uint _e894 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e893 = as_type<packed_char4>(_e893);
            packed_char4 reinterpreted_packed_char4_e894 = as_type<packed_char4>(_e894);
            high_1_0_ = as_type<int>(as_type<uint>(_e892) + as_type<uint>(( + reinterpreted_packed_char4_e893[0] * reinterpreted_packed_char4_e894[0] + reinterpreted_packed_char4_e893[1] * reinterpreted_packed_char4_e894[1] + reinterpreted_packed_char4_e893[2] * reinterpreted_packed_char4_e894[2] + reinterpreted_packed_char4_e893[3] * reinterpreted_packed_char4_e894[3])));
            int _e897 = low_1_0_;
            uint _e898 = level;
            uint _e899 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e898 = as_type<packed_char4>(_e898);
            packed_char4 reinterpreted_packed_char4_e899 = as_type<packed_char4>(_e899);
            low_1_0_ = as_type<int>(as_type<uint>(_e897) + as_type<uint>(( + reinterpreted_packed_char4_e898[0] * reinterpreted_packed_char4_e899[0] + reinterpreted_packed_char4_e898[1] * reinterpreted_packed_char4_e899[1] + reinterpreted_packed_char4_e898[2] * reinterpreted_packed_char4_e899[2] + reinterpreted_packed_char4_e898[3] * reinterpreted_packed_char4_e899[3])));
            int _e902 = high_1_1_;
            uint _e903 = level;
            uint _e904 = x_1_1_.x;
            packed_char4 reinterpreted_packed_char4_e903 = as_type<packed_char4>(_e903);
            packed_char4 reinterpreted_packed_char4_e904 = as_type<packed_char4>(_e904);
            high_1_1_ = as_type<int>(as_type<uint>(_e902) + as_type<uint>(( + reinterpreted_packed_char4_e903[0] * reinterpreted_packed_char4_e904[0] + reinterpreted_packed_char4_e903[1] * reinterpreted_packed_char4_e904[1] + reinterpreted_packed_char4_e903[2] * reinterpreted_packed_char4_e904[2] + reinterpreted_packed_char4_e903[3] * reinterpreted_packed_char4_e904[3])));
            int _e907 = low_1_1_;
            uint _e908 = level;
            uint _e909 = x_1_1_.y;
            packed_char4 reinterpreted_packed_char4_e908 = as_type<packed_char4>(_e908);
            packed_char4 reinterpreted_packed_char4_e909 = as_type<packed_char4>(_e909);
            low_1_1_ = as_type<int>(as_type<uint>(_e907) + as_type<uint>(( + reinterpreted_packed_char4_e908[0] * reinterpreted_packed_char4_e909[0] + reinterpreted_packed_char4_e908[1] * reinterpreted_packed_char4_e909[1] + reinterpreted_packed_char4_e908[2] * reinterpreted_packed_char4_e909[2] + reinterpreted_packed_char4_e908[3] * reinterpreted_packed_char4_e909[3])));
            int _e912 = high_1_2_;
            uint _e913 = level;
            uint _e914 = x_1_2_.x;
            packed_char4 reinterpreted_packed_char4_e913 = as_type<packed_char4>(_e913);
            packed_char4 reinterpreted_packed_char4_e914 = as_type<packed_char4>(_e914);
            high_1_2_ = as_type<int>(as_type<uint>(_e912) + as_type<uint>(( + reinterpreted_packed_char4_e913[0] * reinterpreted_packed_char4_e914[0] + reinterpreted_packed_char4_e913[1] * reinterpreted_packed_char4_e914[1] + reinterpreted_packed_char4_e913[2] * reinterpreted_packed_char4_e914[2] + reinterpreted_packed_char4_e913[3] * reinterpreted_packed_char4_e914[3])));
            int _e917 = low_1_2_;
            uint _e918 = level;
            uint _e919 = x_1_2_.y;
            packed_char4 reinterpreted_packed_char4_e918 = as_type<packed_char4>(_e918);
            packed_char4 reinterpreted_packed_char4_e919 = as_type<packed_char4>(_e919);
            low_1_2_ = as_type<int>(as_type<uint>(_e917) + as_type<uint>(( + reinterpreted_packed_char4_e918[0] * reinterpreted_packed_char4_e919[0] + reinterpreted_packed_char4_e918[1] * reinterpreted_packed_char4_e919[1] + reinterpreted_packed_char4_e918[2] * reinterpreted_packed_char4_e919[2] + reinterpreted_packed_char4_e918[3] * reinterpreted_packed_char4_e919[3])));
            int _e922 = high_1_3_;
            uint _e923 = level;
            uint _e924 = x_1_3_.x;
            packed_char4 reinterpreted_packed_char4_e923 = as_type<packed_char4>(_e923);
            packed_char4 reinterpreted_packed_char4_e924 = as_type<packed_char4>(_e924);
            high_1_3_ = as_type<int>(as_type<uint>(_e922) + as_type<uint>(( + reinterpreted_packed_char4_e923[0] * reinterpreted_packed_char4_e924[0] + reinterpreted_packed_char4_e923[1] * reinterpreted_packed_char4_e924[1] + reinterpreted_packed_char4_e923[2] * reinterpreted_packed_char4_e924[2] + reinterpreted_packed_char4_e923[3] * reinterpreted_packed_char4_e924[3])));
            int _e927 = low_1_3_;
            uint _e928 = level;
            uint _e929 = x_1_3_.y;
            packed_char4 reinterpreted_packed_char4_e928 = as_type<packed_char4>(_e928);
            packed_char4 reinterpreted_packed_char4_e929 = as_type<packed_char4>(_e929);
            low_1_3_ = as_type<int>(as_type<uint>(_e927) + as_type<uint>(( + reinterpreted_packed_char4_e928[0] * reinterpreted_packed_char4_e929[0] + reinterpreted_packed_char4_e928[1] * reinterpreted_packed_char4_e929[1] + reinterpreted_packed_char4_e928[2] * reinterpreted_packed_char4_e929[2] + reinterpreted_packed_char4_e928[3] * reinterpreted_packed_char4_e929[3])));
            int _e932 = high_1_4_;
            uint _e933 = level;
            uint _e934 = x_1_4_.x;
            packed_char4 reinterpreted_packed_char4_e933 = as_type<packed_char4>(_e933);
            packed_char4 reinterpreted_packed_char4_e934 = as_type<packed_char4>(_e934);
            high_1_4_ = as_type<int>(as_type<uint>(_e932) + as_type<uint>(( + reinterpreted_packed_char4_e933[0] * reinterpreted_packed_char4_e934[0] + reinterpreted_packed_char4_e933[1] * reinterpreted_packed_char4_e934[1] + reinterpreted_packed_char4_e933[2] * reinterpreted_packed_char4_e934[2] + reinterpreted_packed_char4_e933[3] * reinterpreted_packed_char4_e934[3])));
            int _e937 = low_1_4_;
            uint _e938 = level;
            uint _e939 = x_1_4_.y;
            packed_char4 reinterpreted_packed_char4_e938 = as_type<packed_char4>(_e938);
            packed_char4 reinterpreted_packed_char4_e939 = as_type<packed_char4>(_e939);
            low_1_4_ = as_type<int>(as_type<uint>(_e937) + as_type<uint>(( + reinterpreted_packed_char4_e938[0] * reinterpreted_packed_char4_e939[0] + reinterpreted_packed_char4_e938[1] * reinterpreted_packed_char4_e939[1] + reinterpreted_packed_char4_e938[2] * reinterpreted_packed_char4_e939[2] + reinterpreted_packed_char4_e938[3] * reinterpreted_packed_char4_e939[3])));
            int _e942 = high_1_5_;
            uint _e943 = level;
            uint _e944 = x_1_5_.x;
            packed_char4 reinterpreted_packed_char4_e943 = as_type<packed_char4>(_e943);
            packed_char4 reinterpreted_packed_char4_e944 = as_type<packed_char4>(_e944);
            high_1_5_ = as_type<int>(as_type<uint>(_e942) + as_type<uint>(( + reinterpreted_packed_char4_e943[0] * reinterpreted_packed_char4_e944[0] + reinterpreted_packed_char4_e943[1] * reinterpreted_packed_char4_e944[1] + reinterpreted_packed_char4_e943[2] * reinterpreted_packed_char4_e944[2] + reinterpreted_packed_char4_e943[3] * reinterpreted_packed_char4_e944[3])));
            int _e947 = low_1_5_;
            uint _e948 = level;
            uint _e949 = x_1_5_.y;
            packed_char4 reinterpreted_packed_char4_e948 = as_type<packed_char4>(_e948);
            packed_char4 reinterpreted_packed_char4_e949 = as_type<packed_char4>(_e949);
            low_1_5_ = as_type<int>(as_type<uint>(_e947) + as_type<uint>(( + reinterpreted_packed_char4_e948[0] * reinterpreted_packed_char4_e949[0] + reinterpreted_packed_char4_e948[1] * reinterpreted_packed_char4_e949[1] + reinterpreted_packed_char4_e948[2] * reinterpreted_packed_char4_e949[2] + reinterpreted_packed_char4_e948[3] * reinterpreted_packed_char4_e949[3])));
            int _e952 = high_1_6_;
            uint _e953 = level;
            uint _e954 = x_1_6_.x;
            packed_char4 reinterpreted_packed_char4_e953 = as_type<packed_char4>(_e953);
            packed_char4 reinterpreted_packed_char4_e954 = as_type<packed_char4>(_e954);
            high_1_6_ = as_type<int>(as_type<uint>(_e952) + as_type<uint>(( + reinterpreted_packed_char4_e953[0] * reinterpreted_packed_char4_e954[0] + reinterpreted_packed_char4_e953[1] * reinterpreted_packed_char4_e954[1] + reinterpreted_packed_char4_e953[2] * reinterpreted_packed_char4_e954[2] + reinterpreted_packed_char4_e953[3] * reinterpreted_packed_char4_e954[3])));
            int _e957 = low_1_6_;
            uint _e958 = level;
            uint _e959 = x_1_6_.y;
            packed_char4 reinterpreted_packed_char4_e958 = as_type<packed_char4>(_e958);
            packed_char4 reinterpreted_packed_char4_e959 = as_type<packed_char4>(_e959);
            low_1_6_ = as_type<int>(as_type<uint>(_e957) + as_type<uint>(( + reinterpreted_packed_char4_e958[0] * reinterpreted_packed_char4_e959[0] + reinterpreted_packed_char4_e958[1] * reinterpreted_packed_char4_e959[1] + reinterpreted_packed_char4_e958[2] * reinterpreted_packed_char4_e959[2] + reinterpreted_packed_char4_e958[3] * reinterpreted_packed_char4_e959[3])));
            int _e962 = high_1_7_;
            uint _e963 = level;
            uint _e964 = x_1_7_.x;
            packed_char4 reinterpreted_packed_char4_e963 = as_type<packed_char4>(_e963);
            packed_char4 reinterpreted_packed_char4_e964 = as_type<packed_char4>(_e964);
            high_1_7_ = as_type<int>(as_type<uint>(_e962) + as_type<uint>(( + reinterpreted_packed_char4_e963[0] * reinterpreted_packed_char4_e964[0] + reinterpreted_packed_char4_e963[1] * reinterpreted_packed_char4_e964[1] + reinterpreted_packed_char4_e963[2] * reinterpreted_packed_char4_e964[2] + reinterpreted_packed_char4_e963[3] * reinterpreted_packed_char4_e964[3])));
            int _e967 = low_1_7_;
            uint _e968 = level;
            uint _e969 = x_1_7_.y;
            packed_char4 reinterpreted_packed_char4_e968 = as_type<packed_char4>(_e968);
            packed_char4 reinterpreted_packed_char4_e969 = as_type<packed_char4>(_e969);
            low_1_7_ = as_type<int>(as_type<uint>(_e967) + as_type<uint>(( + reinterpreted_packed_char4_e968[0] * reinterpreted_packed_char4_e969[0] + reinterpreted_packed_char4_e968[1] * reinterpreted_packed_char4_e969[1] + reinterpreted_packed_char4_e968[2] * reinterpreted_packed_char4_e969[2] + reinterpreted_packed_char4_e968[3] * reinterpreted_packed_char4_e969[3])));
            uint _e972 = taken;
            uint _e973 = total_1;
            taken = _e972 + (_e973 & 255u);
            uint _e977 = taken;
            if (_e977 >= 32u) {
                uint _e980 = taken;
                taken = _e980 - 32u;
                uint _e983 = next;
                word = _e983;
                uint _e984 = ahead;
                next = _e984;
                uint _e986 = at;
                uint _e988 = stream[_e986];
                ahead = _e988;
                uint _e989 = at;
                at = _e989 + 32u;
            }
            uint _e992 = word;
            uint _e993 = taken;
            uint _e995 = next;
            uint _e999 = taken;
            bits = (_e992 << _e993) | ((_e995 >> 1u) >> (31u - _e999));
            uint _e1004 = bits;
            uint _e1008 = table.inner[_e1004 >> 22u];
            entry = _e1008;
            uint _e1009 = entry;
            total_1 = _e1009;
            uint _e1010 = bits;
            uint _e1011 = entry;
            bits = _e1010 << (_e1011 & 15u);
            uint _e1015 = odd_0_;
            uint _e1016 = last_0_;
            odd_0_ = _e1015 ^ (_e1016 & 65792u);
            uint _e1020 = entry;
            last_0_ = _e1020;
            uint _e1021 = entry;
            uint _e1024 = odd_0_;
            level = (_e1021 & 4294901503u) | _e1024;
            int _e1026 = high_0_0_;
            uint _e1027 = level;
            uint _e1028 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e1027 = as_type<packed_char4>(_e1027);
            packed_char4 reinterpreted_packed_char4_e1028 = as_type<packed_char4>(_e1028);
            high_0_0_ = as_type<int>(as_type<uint>(_e1026) + as_type<uint>(( + reinterpreted_packed_char4_e1027[0] * reinterpreted_packed_char4_e1028[0] + reinterpreted_packed_char4_e1027[1] * reinterpreted_packed_char4_e1028[1] + reinterpreted_packed_char4_e1027[2] * reinterpreted_packed_char4_e1028[2] + reinterpreted_packed_char4_e1027[3] * reinterpreted_packed_char4_e1028[3])));
            int _e1031 = low_0_0_;
            uint _e1032 = level;
            uint _e1033 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e1032 = as_type<packed_char4>(_e1032);
            packed_char4 reinterpreted_packed_char4_e1033 = as_type<packed_char4>(_e1033);
            low_0_0_ = as_type<int>(as_type<uint>(_e1031) + as_type<uint>(( + reinterpreted_packed_char4_e1032[0] * reinterpreted_packed_char4_e1033[0] + reinterpreted_packed_char4_e1032[1] * reinterpreted_packed_char4_e1033[1] + reinterpreted_packed_char4_e1032[2] * reinterpreted_packed_char4_e1033[2] + reinterpreted_packed_char4_e1032[3] * reinterpreted_packed_char4_e1033[3])));
            int _e1036 = high_0_1_;
            uint _e1037 = level;
            uint _e1038 = x_1_1_.z;
            packed_char4 reinterpreted_packed_char4_e1037 = as_type<packed_char4>(_e1037);
            packed_char4 reinterpreted_packed_char4_e1038 = as_type<packed_char4>(_e1038);
            high_0_1_ = as_type<int>(as_type<uint>(_e1036) + as_type<uint>(( + reinterpreted_packed_char4_e1037[0] * reinterpreted_packed_char4_e1038[0] + reinterpreted_packed_char4_e1037[1] * reinterpreted_packed_char4_e1038[1] + reinterpreted_packed_char4_e1037[2] * reinterpreted_packed_char4_e1038[2] + reinterpreted_packed_char4_e1037[3] * reinterpreted_packed_char4_e1038[3])));
            int _e1041 = low_0_1_;
            uint _e1042 = level;
            uint _e1043 = x_1_1_.w;
            packed_char4 reinterpreted_packed_char4_e1042 = as_type<packed_char4>(_e1042);
            packed_char4 reinterpreted_packed_char4_e1043 = as_type<packed_char4>(_e1043);
            low_0_1_ = as_type<int>(as_type<uint>(_e1041) + as_type<uint>(( + reinterpreted_packed_char4_e1042[0] * reinterpreted_packed_char4_e1043[0] + reinterpreted_packed_char4_e1042[1] * reinterpreted_packed_char4_e1043[1] + reinterpreted_packed_char4_e1042[2] * reinterpreted_packed_char4_e1043[2] + reinterpreted_packed_char4_e1042[3] * reinterpreted_packed_char4_e1043[3])));
            int _e1046 = high_0_2_;
            uint _e1047 = level;
            uint _e1048 = x_1_2_.z;
            packed_char4 reinterpreted_packed_char4_e1047 = as_type<packed_char4>(_e1047);
            packed_char4 reinterpreted_packed_char4_e1048 = as_type<packed_char4>(_e1048);
            high_0_2_ = as_type<int>(as_type<uint>(_e1046) + as_type<uint>(( + reinterpreted_packed_char4_e1047[0] * reinterpreted_packed_char4_e1048[0] + reinterpreted_packed_char4_e1047[1] * reinterpreted_packed_char4_e1048[1] + reinterpreted_packed_char4_e1047[2] * reinterpreted_packed_char4_e1048[2] + reinterpreted_packed_char4_e1047[3] * reinterpreted_packed_char4_e1048[3])));
            int _e1051 = low_0_2_;
            uint _e1052 = level;
            uint _e1053 = x_1_2_.w;
            packed_char4 reinterpreted_packed_char4_e1052 = as_type<packed_char4>(_e1052);
            packed_char4 reinterpreted_packed_char4_e1053 = as_type<packed_char4>(_e1053);
            low_0_2_ = as_type<int>(as_type<uint>(_e1051) + as_type<uint>(( + reinterpreted_packed_char4_e1052[0] * reinterpreted_packed_char4_e1053[0] + reinterpreted_packed_char4_e1052[1] * reinterpreted_packed_char4_e1053[1] + reinterpreted_packed_char4_e1052[2] * reinterpreted_packed_char4_e1053[2] + reinterpreted_packed_char4_e1052[3] * reinterpreted_packed_char4_e1053[3])));
            int _e1056 = high_0_3_;
            uint _e1057 = level;
            uint _e1058 = x_1_3_.z;
            packed_char4 reinterpreted_packed_char4_e1057 = as_type<packed_char4>(_e1057);
            packed_char4 reinterpreted_packed_char4_e1058 = as_type<packed_char4>(_e1058);
            high_0_3_ = as_type<int>(as_type<uint>(_e1056) + as_type<uint>(( + reinterpreted_packed_char4_e1057[0] * reinterpreted_packed_char4_e1058[0] + reinterpreted_packed_char4_e1057[1] * reinterpreted_packed_char4_e1058[1] + reinterpreted_packed_char4_e1057[2] * reinterpreted_packed_char4_e1058[2] + reinterpreted_packed_char4_e1057[3] * reinterpreted_packed_char4_e1058[3])));
            int _e1061 = low_0_3_;
            uint _e1062 = level;
            uint _e1063 = x_1_3_.w;
            packed_char4 reinterpreted_packed_char4_e1062 = as_type<packed_char4>(_e1062);
            packed_char4 reinterpreted_packed_char4_e1063 = as_type<packed_char4>(_e1063);
            low_0_3_ = as_type<int>(as_type<uint>(_e1061) + as_type<uint>(( + reinterpreted_packed_char4_e1062[0] * reinterpreted_packed_char4_e1063[0] + reinterpreted_packed_char4_e1062[1] * reinterpreted_packed_char4_e1063[1] + reinterpreted_packed_char4_e1062[2] * reinterpreted_packed_char4_e1063[2] + reinterpreted_packed_char4_e1062[3] * reinterpreted_packed_char4_e1063[3])));
            int _e1066 = high_0_4_;
            uint _e1067 = level;
            uint _e1068 = x_1_4_.z;
            packed_char4 reinterpreted_packed_char4_e1067 = as_type<packed_char4>(_e1067);
            packed_char4 reinterpreted_packed_char4_e1068 = as_type<packed_char4>(_e1068);
            high_0_4_ = as_type<int>(as_type<uint>(_e1066) + as_type<uint>(( + reinterpreted_packed_char4_e1067[0] * reinterpreted_packed_char4_e1068[0] + reinterpreted_packed_char4_e1067[1] * reinterpreted_packed_char4_e1068[1] + reinterpreted_packed_char4_e1067[2] * reinterpreted_packed_char4_e1068[2] + reinterpreted_packed_char4_e1067[3] * reinterpreted_packed_char4_e1068[3])));
            int _e1071 = low_0_4_;
            uint _e1072 = level;
            uint _e1073 = x_1_4_.w;
            packed_char4 reinterpreted_packed_char4_e1072 = as_type<packed_char4>(_e1072);
            packed_char4 reinterpreted_packed_char4_e1073 = as_type<packed_char4>(_e1073);
            low_0_4_ = as_type<int>(as_type<uint>(_e1071) + as_type<uint>(( + reinterpreted_packed_char4_e1072[0] * reinterpreted_packed_char4_e1073[0] + reinterpreted_packed_char4_e1072[1] * reinterpreted_packed_char4_e1073[1] + reinterpreted_packed_char4_e1072[2] * reinterpreted_packed_char4_e1073[2] + reinterpreted_packed_char4_e1072[3] * reinterpreted_packed_char4_e1073[3])));
            int _e1076 = high_0_5_;
            uint _e1077 = level;
            uint _e1078 = x_1_5_.z;
            packed_char4 reinterpreted_packed_char4_e1077 = as_type<packed_char4>(_e1077);
            packed_char4 reinterpreted_packed_char4_e1078 = as_type<packed_char4>(_e1078);
            high_0_5_ = as_type<int>(as_type<uint>(_e1076) + as_type<uint>(( + reinterpreted_packed_char4_e1077[0] * reinterpreted_packed_char4_e1078[0] + reinterpreted_packed_char4_e1077[1] * reinterpreted_packed_char4_e1078[1] + reinterpreted_packed_char4_e1077[2] * reinterpreted_packed_char4_e1078[2] + reinterpreted_packed_char4_e1077[3] * reinterpreted_packed_char4_e1078[3])));
            int _e1081 = low_0_5_;
            uint _e1082 = level;
            uint _e1083 = x_1_5_.w;
            packed_char4 reinterpreted_packed_char4_e1082 = as_type<packed_char4>(_e1082);
            packed_char4 reinterpreted_packed_char4_e1083 = as_type<packed_char4>(_e1083);
            low_0_5_ = as_type<int>(as_type<uint>(_e1081) + as_type<uint>(( + reinterpreted_packed_char4_e1082[0] * reinterpreted_packed_char4_e1083[0] + reinterpreted_packed_char4_e1082[1] * reinterpreted_packed_char4_e1083[1] + reinterpreted_packed_char4_e1082[2] * reinterpreted_packed_char4_e1083[2] + reinterpreted_packed_char4_e1082[3] * reinterpreted_packed_char4_e1083[3])));
            int _e1086 = high_0_6_;
            uint _e1087 = level;
            uint _e1088 = x_1_6_.z;
            packed_char4 reinterpreted_packed_char4_e1087 = as_type<packed_char4>(_e1087);
            packed_char4 reinterpreted_packed_char4_e1088 = as_type<packed_char4>(_e1088);
            high_0_6_ = as_type<int>(as_type<uint>(_e1086) + as_type<uint>(( + reinterpreted_packed_char4_e1087[0] * reinterpreted_packed_char4_e1088[0] + reinterpreted_packed_char4_e1087[1] * reinterpreted_packed_char4_e1088[1] + reinterpreted_packed_char4_e1087[2] * reinterpreted_packed_char4_e1088[2] + reinterpreted_packed_char4_e1087[3] * reinterpreted_packed_char4_e1088[3])));
            int _e1091 = low_0_6_;
            uint _e1092 = level;
            uint _e1093 = x_1_6_.w;
            packed_char4 reinterpreted_packed_char4_e1092 = as_type<packed_char4>(_e1092);
            packed_char4 reinterpreted_packed_char4_e1093 = as_type<packed_char4>(_e1093);
            low_0_6_ = as_type<int>(as_type<uint>(_e1091) + as_type<uint>(( + reinterpreted_packed_char4_e1092[0] * reinterpreted_packed_char4_e1093[0] + reinterpreted_packed_char4_e1092[1] * reinterpreted_packed_char4_e1093[1] + reinterpreted_packed_char4_e1092[2] * reinterpreted_packed_char4_e1093[2] + reinterpreted_packed_char4_e1092[3] * reinterpreted_packed_char4_e1093[3])));
            int _e1096 = high_0_7_;
            uint _e1097 = level;
            uint _e1098 = x_1_7_.z;
            packed_char4 reinterpreted_packed_char4_e1097 = as_type<packed_char4>(_e1097);
            packed_char4 reinterpreted_packed_char4_e1098 = as_type<packed_char4>(_e1098);
            high_0_7_ = as_type<int>(as_type<uint>(_e1096) + as_type<uint>(( + reinterpreted_packed_char4_e1097[0] * reinterpreted_packed_char4_e1098[0] + reinterpreted_packed_char4_e1097[1] * reinterpreted_packed_char4_e1098[1] + reinterpreted_packed_char4_e1097[2] * reinterpreted_packed_char4_e1098[2] + reinterpreted_packed_char4_e1097[3] * reinterpreted_packed_char4_e1098[3])));
            int _e1101 = low_0_7_;
            uint _e1102 = level;
            uint _e1103 = x_1_7_.w;
            packed_char4 reinterpreted_packed_char4_e1102 = as_type<packed_char4>(_e1102);
            packed_char4 reinterpreted_packed_char4_e1103 = as_type<packed_char4>(_e1103);
            low_0_7_ = as_type<int>(as_type<uint>(_e1101) + as_type<uint>(( + reinterpreted_packed_char4_e1102[0] * reinterpreted_packed_char4_e1103[0] + reinterpreted_packed_char4_e1102[1] * reinterpreted_packed_char4_e1103[1] + reinterpreted_packed_char4_e1102[2] * reinterpreted_packed_char4_e1103[2] + reinterpreted_packed_char4_e1102[3] * reinterpreted_packed_char4_e1103[3])));
            uint _e1107 = bits;
            uint _e1111 = table.inner[_e1107 >> 22u];
            entry = _e1111;
            uint _e1112 = total_1;
            uint _e1113 = entry;
            total_1 = _e1112 + _e1113;
            uint _e1115 = bits;
            uint _e1116 = entry;
            bits = _e1115 << (_e1116 & 15u);
            uint _e1120 = odd_1_;
            uint _e1121 = last_1_;
            odd_1_ = _e1120 ^ (_e1121 & 65792u);
            uint _e1125 = entry;
            last_1_ = _e1125;
            uint _e1126 = entry;
            uint _e1129 = odd_1_;
            level = (_e1126 & 4294901503u) | _e1129;
            int _e1131 = high_1_0_;
            uint _e1132 = level;
            uint _e1133 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e1132 = as_type<packed_char4>(_e1132);
            packed_char4 reinterpreted_packed_char4_e1133 = as_type<packed_char4>(_e1133);
            high_1_0_ = as_type<int>(as_type<uint>(_e1131) + as_type<uint>(( + reinterpreted_packed_char4_e1132[0] * reinterpreted_packed_char4_e1133[0] + reinterpreted_packed_char4_e1132[1] * reinterpreted_packed_char4_e1133[1] + reinterpreted_packed_char4_e1132[2] * reinterpreted_packed_char4_e1133[2] + reinterpreted_packed_char4_e1132[3] * reinterpreted_packed_char4_e1133[3])));
            int _e1136 = low_1_0_;
            uint _e1137 = level;
            uint _e1138 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e1137 = as_type<packed_char4>(_e1137);
            packed_char4 reinterpreted_packed_char4_e1138 = as_type<packed_char4>(_e1138);
            low_1_0_ = as_type<int>(as_type<uint>(_e1136) + as_type<uint>(( + reinterpreted_packed_char4_e1137[0] * reinterpreted_packed_char4_e1138[0] + reinterpreted_packed_char4_e1137[1] * reinterpreted_packed_char4_e1138[1] + reinterpreted_packed_char4_e1137[2] * reinterpreted_packed_char4_e1138[2] + reinterpreted_packed_char4_e1137[3] * reinterpreted_packed_char4_e1138[3])));
            int _e1141 = high_1_1_;
            uint _e1142 = level;
            uint _e1143 = x_1_1_.z;
            packed_char4 reinterpreted_packed_char4_e1142 = as_type<packed_char4>(_e1142);
            packed_char4 reinterpreted_packed_char4_e1143 = as_type<packed_char4>(_e1143);
            high_1_1_ = as_type<int>(as_type<uint>(_e1141) + as_type<uint>(( + reinterpreted_packed_char4_e1142[0] * reinterpreted_packed_char4_e1143[0] + reinterpreted_packed_char4_e1142[1] * reinterpreted_packed_char4_e1143[1] + reinterpreted_packed_char4_e1142[2] * reinterpreted_packed_char4_e1143[2] + reinterpreted_packed_char4_e1142[3] * reinterpreted_packed_char4_e1143[3])));
            int _e1146 = low_1_1_;
            uint _e1147 = level;
            uint _e1148 = x_1_1_.w;
            packed_char4 reinterpreted_packed_char4_e1147 = as_type<packed_char4>(_e1147);
            packed_char4 reinterpreted_packed_char4_e1148 = as_type<packed_char4>(_e1148);
            low_1_1_ = as_type<int>(as_type<uint>(_e1146) + as_type<uint>(( + reinterpreted_packed_char4_e1147[0] * reinterpreted_packed_char4_e1148[0] + reinterpreted_packed_char4_e1147[1] * reinterpreted_packed_char4_e1148[1] + reinterpreted_packed_char4_e1147[2] * reinterpreted_packed_char4_e1148[2] + reinterpreted_packed_char4_e1147[3] * reinterpreted_packed_char4_e1148[3])));
            int _e1151 = high_1_2_;
            uint _e1152 = level;
            uint _e1153 = x_1_2_.z;
            packed_char4 reinterpreted_packed_char4_e1152 = as_type<packed_char4>(_e1152);
            packed_char4 reinterpreted_packed_char4_e1153 = as_type<packed_char4>(_e1153);
            high_1_2_ = as_type<int>(as_type<uint>(_e1151) + as_type<uint>(( + reinterpreted_packed_char4_e1152[0] * reinterpreted_packed_char4_e1153[0] + reinterpreted_packed_char4_e1152[1] * reinterpreted_packed_char4_e1153[1] + reinterpreted_packed_char4_e1152[2] * reinterpreted_packed_char4_e1153[2] + reinterpreted_packed_char4_e1152[3] * reinterpreted_packed_char4_e1153[3])));
            int _e1156 = low_1_2_;
            uint _e1157 = level;
            uint _e1158 = x_1_2_.w;
            packed_char4 reinterpreted_packed_char4_e1157 = as_type<packed_char4>(_e1157);
            packed_char4 reinterpreted_packed_char4_e1158 = as_type<packed_char4>(_e1158);
            low_1_2_ = as_type<int>(as_type<uint>(_e1156) + as_type<uint>(( + reinterpreted_packed_char4_e1157[0] * reinterpreted_packed_char4_e1158[0] + reinterpreted_packed_char4_e1157[1] * reinterpreted_packed_char4_e1158[1] + reinterpreted_packed_char4_e1157[2] * reinterpreted_packed_char4_e1158[2] + reinterpreted_packed_char4_e1157[3] * reinterpreted_packed_char4_e1158[3])));
            int _e1161 = high_1_3_;
            uint _e1162 = level;
            uint _e1163 = x_1_3_.z;
            packed_char4 reinterpreted_packed_char4_e1162 = as_type<packed_char4>(_e1162);
            packed_char4 reinterpreted_packed_char4_e1163 = as_type<packed_char4>(_e1163);
            high_1_3_ = as_type<int>(as_type<uint>(_e1161) + as_type<uint>(( + reinterpreted_packed_char4_e1162[0] * reinterpreted_packed_char4_e1163[0] + reinterpreted_packed_char4_e1162[1] * reinterpreted_packed_char4_e1163[1] + reinterpreted_packed_char4_e1162[2] * reinterpreted_packed_char4_e1163[2] + reinterpreted_packed_char4_e1162[3] * reinterpreted_packed_char4_e1163[3])));
            int _e1166 = low_1_3_;
            uint _e1167 = level;
            uint _e1168 = x_1_3_.w;
            packed_char4 reinterpreted_packed_char4_e1167 = as_type<packed_char4>(_e1167);
            packed_char4 reinterpreted_packed_char4_e1168 = as_type<packed_char4>(_e1168);
            low_1_3_ = as_type<int>(as_type<uint>(_e1166) + as_type<uint>(( + reinterpreted_packed_char4_e1167[0] * reinterpreted_packed_char4_e1168[0] + reinterpreted_packed_char4_e1167[1] * reinterpreted_packed_char4_e1168[1] + reinterpreted_packed_char4_e1167[2] * reinterpreted_packed_char4_e1168[2] + reinterpreted_packed_char4_e1167[3] * reinterpreted_packed_char4_e1168[3])));
            int _e1171 = high_1_4_;
            uint _e1172 = level;
            uint _e1173 = x_1_4_.z;
            packed_char4 reinterpreted_packed_char4_e1172 = as_type<packed_char4>(_e1172);
            packed_char4 reinterpreted_packed_char4_e1173 = as_type<packed_char4>(_e1173);
            high_1_4_ = as_type<int>(as_type<uint>(_e1171) + as_type<uint>(( + reinterpreted_packed_char4_e1172[0] * reinterpreted_packed_char4_e1173[0] + reinterpreted_packed_char4_e1172[1] * reinterpreted_packed_char4_e1173[1] + reinterpreted_packed_char4_e1172[2] * reinterpreted_packed_char4_e1173[2] + reinterpreted_packed_char4_e1172[3] * reinterpreted_packed_char4_e1173[3])));
            int _e1176 = low_1_4_;
            uint _e1177 = level;
            uint _e1178 = x_1_4_.w;
            packed_char4 reinterpreted_packed_char4_e1177 = as_type<packed_char4>(_e1177);
            packed_char4 reinterpreted_packed_char4_e1178 = as_type<packed_char4>(_e1178);
            low_1_4_ = as_type<int>(as_type<uint>(_e1176) + as_type<uint>(( + reinterpreted_packed_char4_e1177[0] * reinterpreted_packed_char4_e1178[0] + reinterpreted_packed_char4_e1177[1] * reinterpreted_packed_char4_e1178[1] + reinterpreted_packed_char4_e1177[2] * reinterpreted_packed_char4_e1178[2] + reinterpreted_packed_char4_e1177[3] * reinterpreted_packed_char4_e1178[3])));
            int _e1181 = high_1_5_;
            uint _e1182 = level;
            uint _e1183 = x_1_5_.z;
            packed_char4 reinterpreted_packed_char4_e1182 = as_type<packed_char4>(_e1182);
            packed_char4 reinterpreted_packed_char4_e1183 = as_type<packed_char4>(_e1183);
            high_1_5_ = as_type<int>(as_type<uint>(_e1181) + as_type<uint>(( + reinterpreted_packed_char4_e1182[0] * reinterpreted_packed_char4_e1183[0] + reinterpreted_packed_char4_e1182[1] * reinterpreted_packed_char4_e1183[1] + reinterpreted_packed_char4_e1182[2] * reinterpreted_packed_char4_e1183[2] + reinterpreted_packed_char4_e1182[3] * reinterpreted_packed_char4_e1183[3])));
            int _e1186 = low_1_5_;
            uint _e1187 = level;
            uint _e1188 = x_1_5_.w;
            packed_char4 reinterpreted_packed_char4_e1187 = as_type<packed_char4>(_e1187);
            packed_char4 reinterpreted_packed_char4_e1188 = as_type<packed_char4>(_e1188);
            low_1_5_ = as_type<int>(as_type<uint>(_e1186) + as_type<uint>(( + reinterpreted_packed_char4_e1187[0] * reinterpreted_packed_char4_e1188[0] + reinterpreted_packed_char4_e1187[1] * reinterpreted_packed_char4_e1188[1] + reinterpreted_packed_char4_e1187[2] * reinterpreted_packed_char4_e1188[2] + reinterpreted_packed_char4_e1187[3] * reinterpreted_packed_char4_e1188[3])));
            int _e1191 = high_1_6_;
            uint _e1192 = level;
            uint _e1193 = x_1_6_.z;
            packed_char4 reinterpreted_packed_char4_e1192 = as_type<packed_char4>(_e1192);
            packed_char4 reinterpreted_packed_char4_e1193 = as_type<packed_char4>(_e1193);
            high_1_6_ = as_type<int>(as_type<uint>(_e1191) + as_type<uint>(( + reinterpreted_packed_char4_e1192[0] * reinterpreted_packed_char4_e1193[0] + reinterpreted_packed_char4_e1192[1] * reinterpreted_packed_char4_e1193[1] + reinterpreted_packed_char4_e1192[2] * reinterpreted_packed_char4_e1193[2] + reinterpreted_packed_char4_e1192[3] * reinterpreted_packed_char4_e1193[3])));
            int _e1196 = low_1_6_;
            uint _e1197 = level;
            uint _e1198 = x_1_6_.w;
            packed_char4 reinterpreted_packed_char4_e1197 = as_type<packed_char4>(_e1197);
            packed_char4 reinterpreted_packed_char4_e1198 = as_type<packed_char4>(_e1198);
            low_1_6_ = as_type<int>(as_type<uint>(_e1196) + as_type<uint>(( + reinterpreted_packed_char4_e1197[0] * reinterpreted_packed_char4_e1198[0] + reinterpreted_packed_char4_e1197[1] * reinterpreted_packed_char4_e1198[1] + reinterpreted_packed_char4_e1197[2] * reinterpreted_packed_char4_e1198[2] + reinterpreted_packed_char4_e1197[3] * reinterpreted_packed_char4_e1198[3])));
            int _e1201 = high_1_7_;
            uint _e1202 = level;
            uint _e1203 = x_1_7_.z;
            packed_char4 reinterpreted_packed_char4_e1202 = as_type<packed_char4>(_e1202);
            packed_char4 reinterpreted_packed_char4_e1203 = as_type<packed_char4>(_e1203);
            high_1_7_ = as_type<int>(as_type<uint>(_e1201) + as_type<uint>(( + reinterpreted_packed_char4_e1202[0] * reinterpreted_packed_char4_e1203[0] + reinterpreted_packed_char4_e1202[1] * reinterpreted_packed_char4_e1203[1] + reinterpreted_packed_char4_e1202[2] * reinterpreted_packed_char4_e1203[2] + reinterpreted_packed_char4_e1202[3] * reinterpreted_packed_char4_e1203[3])));
            int _e1206 = low_1_7_;
            uint _e1207 = level;
            uint _e1208 = x_1_7_.w;
            packed_char4 reinterpreted_packed_char4_e1207 = as_type<packed_char4>(_e1207);
            packed_char4 reinterpreted_packed_char4_e1208 = as_type<packed_char4>(_e1208);
            low_1_7_ = as_type<int>(as_type<uint>(_e1206) + as_type<uint>(( + reinterpreted_packed_char4_e1207[0] * reinterpreted_packed_char4_e1208[0] + reinterpreted_packed_char4_e1207[1] * reinterpreted_packed_char4_e1208[1] + reinterpreted_packed_char4_e1207[2] * reinterpreted_packed_char4_e1208[2] + reinterpreted_packed_char4_e1207[3] * reinterpreted_packed_char4_e1208[3])));
            uint _e1216 = group_1;
            metal::uint4 x_2_0_ = digits[(first + (0u * step)) + (4u * (_e1216 + 2u))];
            uint _e1228 = group_1;
            metal::uint4 x_2_1_ = digits[(first + (1u * step)) + (4u * (_e1228 + 2u))];
            uint _e1240 = group_1;
            metal::uint4 x_2_2_ = digits[(first + (2u * step)) + (4u * (_e1240 + 2u))];
            uint _e1252 = group_1;
            metal::uint4 x_2_3_ = digits[(first + (3u * step)) + (4u * (_e1252 + 2u))];
            uint _e1264 = group_1;
            metal::uint4 x_2_4_ = digits[(first + (4u * step)) + (4u * (_e1264 + 2u))];
            uint _e1276 = group_1;
            metal::uint4 x_2_5_ = digits[(first + (5u * step)) + (4u * (_e1276 + 2u))];
            uint _e1288 = group_1;
            metal::uint4 x_2_6_ = digits[(first + (6u * step)) + (4u * (_e1288 + 2u))];
            uint _e1300 = group_1;
            metal::uint4 x_2_7_ = digits[(first + (7u * step)) + (4u * (_e1300 + 2u))];
            uint _e1308 = bits;
            uint _e1312 = table.inner[_e1308 >> 22u];
            entry = _e1312;
            uint _e1313 = total_1;
            uint _e1314 = entry;
            total_1 = _e1313 + _e1314;
            uint _e1316 = even_0_;
            uint _e1317 = last_0_;
            even_0_ = _e1316 ^ (_e1317 & 65792u);
            uint _e1321 = entry;
            last_0_ = _e1321;
            uint _e1322 = entry;
            uint _e1325 = even_0_;
            level = (_e1322 & 4294901503u) | _e1325;
            int _e1327 = high_0_0_;
            uint _e1328 = level;
            uint _e1329 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e1328 = as_type<packed_char4>(_e1328);
            packed_char4 reinterpreted_packed_char4_e1329 = as_type<packed_char4>(_e1329);
            high_0_0_ = as_type<int>(as_type<uint>(_e1327) + as_type<uint>(( + reinterpreted_packed_char4_e1328[0] * reinterpreted_packed_char4_e1329[0] + reinterpreted_packed_char4_e1328[1] * reinterpreted_packed_char4_e1329[1] + reinterpreted_packed_char4_e1328[2] * reinterpreted_packed_char4_e1329[2] + reinterpreted_packed_char4_e1328[3] * reinterpreted_packed_char4_e1329[3])));
            int _e1332 = low_0_0_;
            uint _e1333 = level;
            uint _e1334 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e1333 = as_type<packed_char4>(_e1333);
            packed_char4 reinterpreted_packed_char4_e1334 = as_type<packed_char4>(_e1334);
            low_0_0_ = as_type<int>(as_type<uint>(_e1332) + as_type<uint>(( + reinterpreted_packed_char4_e1333[0] * reinterpreted_packed_char4_e1334[0] + reinterpreted_packed_char4_e1333[1] * reinterpreted_packed_char4_e1334[1] + reinterpreted_packed_char4_e1333[2] * reinterpreted_packed_char4_e1334[2] + reinterpreted_packed_char4_e1333[3] * reinterpreted_packed_char4_e1334[3])));
            int _e1337 = high_0_1_;
            uint _e1338 = level;
            uint _e1339 = x_2_1_.x;
            packed_char4 reinterpreted_packed_char4_e1338 = as_type<packed_char4>(_e1338);
            packed_char4 reinterpreted_packed_char4_e1339 = as_type<packed_char4>(_e1339);
            high_0_1_ = as_type<int>(as_type<uint>(_e1337) + as_type<uint>(( + reinterpreted_packed_char4_e1338[0] * reinterpreted_packed_char4_e1339[0] + reinterpreted_packed_char4_e1338[1] * reinterpreted_packed_char4_e1339[1] + reinterpreted_packed_char4_e1338[2] * reinterpreted_packed_char4_e1339[2] + reinterpreted_packed_char4_e1338[3] * reinterpreted_packed_char4_e1339[3])));
            int _e1342 = low_0_1_;
            uint _e1343 = level;
            uint _e1344 = x_2_1_.y;
            packed_char4 reinterpreted_packed_char4_e1343 = as_type<packed_char4>(_e1343);
            packed_char4 reinterpreted_packed_char4_e1344 = as_type<packed_char4>(_e1344);
            low_0_1_ = as_type<int>(as_type<uint>(_e1342) + as_type<uint>(( + reinterpreted_packed_char4_e1343[0] * reinterpreted_packed_char4_e1344[0] + reinterpreted_packed_char4_e1343[1] * reinterpreted_packed_char4_e1344[1] + reinterpreted_packed_char4_e1343[2] * reinterpreted_packed_char4_e1344[2] + reinterpreted_packed_char4_e1343[3] * reinterpreted_packed_char4_e1344[3])));
            int _e1347 = high_0_2_;
            uint _e1348 = level;
            uint _e1349 = x_2_2_.x;
            packed_char4 reinterpreted_packed_char4_e1348 = as_type<packed_char4>(_e1348);
            packed_char4 reinterpreted_packed_char4_e1349 = as_type<packed_char4>(_e1349);
            high_0_2_ = as_type<int>(as_type<uint>(_e1347) + as_type<uint>(( + reinterpreted_packed_char4_e1348[0] * reinterpreted_packed_char4_e1349[0] + reinterpreted_packed_char4_e1348[1] * reinterpreted_packed_char4_e1349[1] + reinterpreted_packed_char4_e1348[2] * reinterpreted_packed_char4_e1349[2] + reinterpreted_packed_char4_e1348[3] * reinterpreted_packed_char4_e1349[3])));
            int _e1352 = low_0_2_;
            uint _e1353 = level;
            uint _e1354 = x_2_2_.y;
            packed_char4 reinterpreted_packed_char4_e1353 = as_type<packed_char4>(_e1353);
            packed_char4 reinterpreted_packed_char4_e1354 = as_type<packed_char4>(_e1354);
            low_0_2_ = as_type<int>(as_type<uint>(_e1352) + as_type<uint>(( + reinterpreted_packed_char4_e1353[0] * reinterpreted_packed_char4_e1354[0] + reinterpreted_packed_char4_e1353[1] * reinterpreted_packed_char4_e1354[1] + reinterpreted_packed_char4_e1353[2] * reinterpreted_packed_char4_e1354[2] + reinterpreted_packed_char4_e1353[3] * reinterpreted_packed_char4_e1354[3])));
            int _e1357 = high_0_3_;
            uint _e1358 = level;
            uint _e1359 = x_2_3_.x;
            packed_char4 reinterpreted_packed_char4_e1358 = as_type<packed_char4>(_e1358);
            packed_char4 reinterpreted_packed_char4_e1359 = as_type<packed_char4>(_e1359);
            high_0_3_ = as_type<int>(as_type<uint>(_e1357) + as_type<uint>(( + reinterpreted_packed_char4_e1358[0] * reinterpreted_packed_char4_e1359[0] + reinterpreted_packed_char4_e1358[1] * reinterpreted_packed_char4_e1359[1] + reinterpreted_packed_char4_e1358[2] * reinterpreted_packed_char4_e1359[2] + reinterpreted_packed_char4_e1358[3] * reinterpreted_packed_char4_e1359[3])));
            int _e1362 = low_0_3_;
            uint _e1363 = level;
            uint _e1364 = x_2_3_.y;
            packed_char4 reinterpreted_packed_char4_e1363 = as_type<packed_char4>(_e1363);
            packed_char4 reinterpreted_packed_char4_e1364 = as_type<packed_char4>(_e1364);
            low_0_3_ = as_type<int>(as_type<uint>(_e1362) + as_type<uint>(( + reinterpreted_packed_char4_e1363[0] * reinterpreted_packed_char4_e1364[0] + reinterpreted_packed_char4_e1363[1] * reinterpreted_packed_char4_e1364[1] + reinterpreted_packed_char4_e1363[2] * reinterpreted_packed_char4_e1364[2] + reinterpreted_packed_char4_e1363[3] * reinterpreted_packed_char4_e1364[3])));
            int _e1367 = high_0_4_;
            uint _e1368 = level;
            uint _e1369 = x_2_4_.x;
            packed_char4 reinterpreted_packed_char4_e1368 = as_type<packed_char4>(_e1368);
            packed_char4 reinterpreted_packed_char4_e1369 = as_type<packed_char4>(_e1369);
            high_0_4_ = as_type<int>(as_type<uint>(_e1367) + as_type<uint>(( + reinterpreted_packed_char4_e1368[0] * reinterpreted_packed_char4_e1369[0] + reinterpreted_packed_char4_e1368[1] * reinterpreted_packed_char4_e1369[1] + reinterpreted_packed_char4_e1368[2] * reinterpreted_packed_char4_e1369[2] + reinterpreted_packed_char4_e1368[3] * reinterpreted_packed_char4_e1369[3])));
            int _e1372 = low_0_4_;
            uint _e1373 = level;
            uint _e1374 = x_2_4_.y;
            packed_char4 reinterpreted_packed_char4_e1373 = as_type<packed_char4>(_e1373);
            packed_char4 reinterpreted_packed_char4_e1374 = as_type<packed_char4>(_e1374);
            low_0_4_ = as_type<int>(as_type<uint>(_e1372) + as_type<uint>(( + reinterpreted_packed_char4_e1373[0] * reinterpreted_packed_char4_e1374[0] + reinterpreted_packed_char4_e1373[1] * reinterpreted_packed_char4_e1374[1] + reinterpreted_packed_char4_e1373[2] * reinterpreted_packed_char4_e1374[2] + reinterpreted_packed_char4_e1373[3] * reinterpreted_packed_char4_e1374[3])));
            int _e1377 = high_0_5_;
            uint _e1378 = level;
            uint _e1379 = x_2_5_.x;
            packed_char4 reinterpreted_packed_char4_e1378 = as_type<packed_char4>(_e1378);
            packed_char4 reinterpreted_packed_char4_e1379 = as_type<packed_char4>(_e1379);
            high_0_5_ = as_type<int>(as_type<uint>(_e1377) + as_type<uint>(( + reinterpreted_packed_char4_e1378[0] * reinterpreted_packed_char4_e1379[0] + reinterpreted_packed_char4_e1378[1] * reinterpreted_packed_char4_e1379[1] + reinterpreted_packed_char4_e1378[2] * reinterpreted_packed_char4_e1379[2] + reinterpreted_packed_char4_e1378[3] * reinterpreted_packed_char4_e1379[3])));
            int _e1382 = low_0_5_;
            uint _e1383 = level;
            uint _e1384 = x_2_5_.y;
            packed_char4 reinterpreted_packed_char4_e1383 = as_type<packed_char4>(_e1383);
            packed_char4 reinterpreted_packed_char4_e1384 = as_type<packed_char4>(_e1384);
            low_0_5_ = as_type<int>(as_type<uint>(_e1382) + as_type<uint>(( + reinterpreted_packed_char4_e1383[0] * reinterpreted_packed_char4_e1384[0] + reinterpreted_packed_char4_e1383[1] * reinterpreted_packed_char4_e1384[1] + reinterpreted_packed_char4_e1383[2] * reinterpreted_packed_char4_e1384[2] + reinterpreted_packed_char4_e1383[3] * reinterpreted_packed_char4_e1384[3])));
            int _e1387 = high_0_6_;
            uint _e1388 = level;
            uint _e1389 = x_2_6_.x;
            packed_char4 reinterpreted_packed_char4_e1388 = as_type<packed_char4>(_e1388);
            packed_char4 reinterpreted_packed_char4_e1389 = as_type<packed_char4>(_e1389);
            high_0_6_ = as_type<int>(as_type<uint>(_e1387) + as_type<uint>(( + reinterpreted_packed_char4_e1388[0] * reinterpreted_packed_char4_e1389[0] + reinterpreted_packed_char4_e1388[1] * reinterpreted_packed_char4_e1389[1] + reinterpreted_packed_char4_e1388[2] * reinterpreted_packed_char4_e1389[2] + reinterpreted_packed_char4_e1388[3] * reinterpreted_packed_char4_e1389[3])));
            int _e1392 = low_0_6_;
            uint _e1393 = level;
            uint _e1394 = x_2_6_.y;
            packed_char4 reinterpreted_packed_char4_e1393 = as_type<packed_char4>(_e1393);
            packed_char4 reinterpreted_packed_char4_e1394 = as_type<packed_char4>(_e1394);
            low_0_6_ = as_type<int>(as_type<uint>(_e1392) + as_type<uint>(( + reinterpreted_packed_char4_e1393[0] * reinterpreted_packed_char4_e1394[0] + reinterpreted_packed_char4_e1393[1] * reinterpreted_packed_char4_e1394[1] + reinterpreted_packed_char4_e1393[2] * reinterpreted_packed_char4_e1394[2] + reinterpreted_packed_char4_e1393[3] * reinterpreted_packed_char4_e1394[3])));
            int _e1397 = high_0_7_;
            uint _e1398 = level;
            uint _e1399 = x_2_7_.x;
            packed_char4 reinterpreted_packed_char4_e1398 = as_type<packed_char4>(_e1398);
            packed_char4 reinterpreted_packed_char4_e1399 = as_type<packed_char4>(_e1399);
            high_0_7_ = as_type<int>(as_type<uint>(_e1397) + as_type<uint>(( + reinterpreted_packed_char4_e1398[0] * reinterpreted_packed_char4_e1399[0] + reinterpreted_packed_char4_e1398[1] * reinterpreted_packed_char4_e1399[1] + reinterpreted_packed_char4_e1398[2] * reinterpreted_packed_char4_e1399[2] + reinterpreted_packed_char4_e1398[3] * reinterpreted_packed_char4_e1399[3])));
            int _e1402 = low_0_7_;
            uint _e1403 = level;
            uint _e1404 = x_2_7_.y;
            packed_char4 reinterpreted_packed_char4_e1403 = as_type<packed_char4>(_e1403);
            packed_char4 reinterpreted_packed_char4_e1404 = as_type<packed_char4>(_e1404);
            low_0_7_ = as_type<int>(as_type<uint>(_e1402) + as_type<uint>(( + reinterpreted_packed_char4_e1403[0] * reinterpreted_packed_char4_e1404[0] + reinterpreted_packed_char4_e1403[1] * reinterpreted_packed_char4_e1404[1] + reinterpreted_packed_char4_e1403[2] * reinterpreted_packed_char4_e1404[2] + reinterpreted_packed_char4_e1403[3] * reinterpreted_packed_char4_e1404[3])));
            uint _e1407 = taken;
            uint _e1408 = total_1;
            taken = _e1407 + (_e1408 & 255u);
            uint _e1412 = taken;
            if (_e1412 >= 32u) {
                uint _e1415 = taken;
                taken = _e1415 - 32u;
                uint _e1418 = next;
                word = _e1418;
                uint _e1419 = ahead;
                next = _e1419;
                uint _e1421 = at;
                uint _e1423 = stream[_e1421];
                ahead = _e1423;
                uint _e1424 = at;
                at = _e1424 + 32u;
            }
            uint _e1427 = word;
            uint _e1428 = taken;
            uint _e1430 = next;
            uint _e1434 = taken;
            bits = (_e1427 << _e1428) | ((_e1430 >> 1u) >> (31u - _e1434));
            uint _e1439 = bits;
            uint _e1443 = table.inner[_e1439 >> 22u];
            entry = _e1443;
            uint _e1444 = entry;
            total_1 = _e1444;
            uint _e1445 = bits;
            uint _e1446 = entry;
            bits = _e1445 << (_e1446 & 15u);
            uint _e1450 = even_1_;
            uint _e1451 = last_1_;
            even_1_ = _e1450 ^ (_e1451 & 65792u);
            uint _e1455 = entry;
            last_1_ = _e1455;
            uint _e1456 = entry;
            uint _e1459 = even_1_;
            level = (_e1456 & 4294901503u) | _e1459;
            int _e1461 = high_1_0_;
            uint _e1462 = level;
            uint _e1463 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e1462 = as_type<packed_char4>(_e1462);
            packed_char4 reinterpreted_packed_char4_e1463 = as_type<packed_char4>(_e1463);
            high_1_0_ = as_type<int>(as_type<uint>(_e1461) + as_type<uint>(( + reinterpreted_packed_char4_e1462[0] * reinterpreted_packed_char4_e1463[0] + reinterpreted_packed_char4_e1462[1] * reinterpreted_packed_char4_e1463[1] + reinterpreted_packed_char4_e1462[2] * reinterpreted_packed_char4_e1463[2] + reinterpreted_packed_char4_e1462[3] * reinterpreted_packed_char4_e1463[3])));
            int _e1466 = low_1_0_;
            uint _e1467 = level;
            uint _e1468 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e1467 = as_type<packed_char4>(_e1467);
            packed_char4 reinterpreted_packed_char4_e1468 = as_type<packed_char4>(_e1468);
            low_1_0_ = as_type<int>(as_type<uint>(_e1466) + as_type<uint>(( + reinterpreted_packed_char4_e1467[0] * reinterpreted_packed_char4_e1468[0] + reinterpreted_packed_char4_e1467[1] * reinterpreted_packed_char4_e1468[1] + reinterpreted_packed_char4_e1467[2] * reinterpreted_packed_char4_e1468[2] + reinterpreted_packed_char4_e1467[3] * reinterpreted_packed_char4_e1468[3])));
            int _e1471 = high_1_1_;
            uint _e1472 = level;
            uint _e1473 = x_2_1_.x;
            packed_char4 reinterpreted_packed_char4_e1472 = as_type<packed_char4>(_e1472);
            packed_char4 reinterpreted_packed_char4_e1473 = as_type<packed_char4>(_e1473);
            high_1_1_ = as_type<int>(as_type<uint>(_e1471) + as_type<uint>(( + reinterpreted_packed_char4_e1472[0] * reinterpreted_packed_char4_e1473[0] + reinterpreted_packed_char4_e1472[1] * reinterpreted_packed_char4_e1473[1] + reinterpreted_packed_char4_e1472[2] * reinterpreted_packed_char4_e1473[2] + reinterpreted_packed_char4_e1472[3] * reinterpreted_packed_char4_e1473[3])));
            int _e1476 = low_1_1_;
            uint _e1477 = level;
            uint _e1478 = x_2_1_.y;
            packed_char4 reinterpreted_packed_char4_e1477 = as_type<packed_char4>(_e1477);
            packed_char4 reinterpreted_packed_char4_e1478 = as_type<packed_char4>(_e1478);
            low_1_1_ = as_type<int>(as_type<uint>(_e1476) + as_type<uint>(( + reinterpreted_packed_char4_e1477[0] * reinterpreted_packed_char4_e1478[0] + reinterpreted_packed_char4_e1477[1] * reinterpreted_packed_char4_e1478[1] + reinterpreted_packed_char4_e1477[2] * reinterpreted_packed_char4_e1478[2] + reinterpreted_packed_char4_e1477[3] * reinterpreted_packed_char4_e1478[3])));
            int _e1481 = high_1_2_;
            uint _e1482 = level;
            uint _e1483 = x_2_2_.x;
            packed_char4 reinterpreted_packed_char4_e1482 = as_type<packed_char4>(_e1482);
            packed_char4 reinterpreted_packed_char4_e1483 = as_type<packed_char4>(_e1483);
            high_1_2_ = as_type<int>(as_type<uint>(_e1481) + as_type<uint>(( + reinterpreted_packed_char4_e1482[0] * reinterpreted_packed_char4_e1483[0] + reinterpreted_packed_char4_e1482[1] * reinterpreted_packed_char4_e1483[1] + reinterpreted_packed_char4_e1482[2] * reinterpreted_packed_char4_e1483[2] + reinterpreted_packed_char4_e1482[3] * reinterpreted_packed_char4_e1483[3])));
            int _e1486 = low_1_2_;
            uint _e1487 = level;
            uint _e1488 = x_2_2_.y;
            packed_char4 reinterpreted_packed_char4_e1487 = as_type<packed_char4>(_e1487);
            packed_char4 reinterpreted_packed_char4_e1488 = as_type<packed_char4>(_e1488);
            low_1_2_ = as_type<int>(as_type<uint>(_e1486) + as_type<uint>(( + reinterpreted_packed_char4_e1487[0] * reinterpreted_packed_char4_e1488[0] + reinterpreted_packed_char4_e1487[1] * reinterpreted_packed_char4_e1488[1] + reinterpreted_packed_char4_e1487[2] * reinterpreted_packed_char4_e1488[2] + reinterpreted_packed_char4_e1487[3] * reinterpreted_packed_char4_e1488[3])));
            int _e1491 = high_1_3_;
            uint _e1492 = level;
            uint _e1493 = x_2_3_.x;
            packed_char4 reinterpreted_packed_char4_e1492 = as_type<packed_char4>(_e1492);
            packed_char4 reinterpreted_packed_char4_e1493 = as_type<packed_char4>(_e1493);
            high_1_3_ = as_type<int>(as_type<uint>(_e1491) + as_type<uint>(( + reinterpreted_packed_char4_e1492[0] * reinterpreted_packed_char4_e1493[0] + reinterpreted_packed_char4_e1492[1] * reinterpreted_packed_char4_e1493[1] + reinterpreted_packed_char4_e1492[2] * reinterpreted_packed_char4_e1493[2] + reinterpreted_packed_char4_e1492[3] * reinterpreted_packed_char4_e1493[3])));
            int _e1496 = low_1_3_;
            uint _e1497 = level;
            uint _e1498 = x_2_3_.y;
            packed_char4 reinterpreted_packed_char4_e1497 = as_type<packed_char4>(_e1497);
            packed_char4 reinterpreted_packed_char4_e1498 = as_type<packed_char4>(_e1498);
            low_1_3_ = as_type<int>(as_type<uint>(_e1496) + as_type<uint>(( + reinterpreted_packed_char4_e1497[0] * reinterpreted_packed_char4_e1498[0] + reinterpreted_packed_char4_e1497[1] * reinterpreted_packed_char4_e1498[1] + reinterpreted_packed_char4_e1497[2] * reinterpreted_packed_char4_e1498[2] + reinterpreted_packed_char4_e1497[3] * reinterpreted_packed_char4_e1498[3])));
            int _e1501 = high_1_4_;
            uint _e1502 = level;
            uint _e1503 = x_2_4_.x;
            packed_char4 reinterpreted_packed_char4_e1502 = as_type<packed_char4>(_e1502);
            packed_char4 reinterpreted_packed_char4_e1503 = as_type<packed_char4>(_e1503);
            high_1_4_ = as_type<int>(as_type<uint>(_e1501) + as_type<uint>(( + reinterpreted_packed_char4_e1502[0] * reinterpreted_packed_char4_e1503[0] + reinterpreted_packed_char4_e1502[1] * reinterpreted_packed_char4_e1503[1] + reinterpreted_packed_char4_e1502[2] * reinterpreted_packed_char4_e1503[2] + reinterpreted_packed_char4_e1502[3] * reinterpreted_packed_char4_e1503[3])));
            int _e1506 = low_1_4_;
            uint _e1507 = level;
            uint _e1508 = x_2_4_.y;
            packed_char4 reinterpreted_packed_char4_e1507 = as_type<packed_char4>(_e1507);
            packed_char4 reinterpreted_packed_char4_e1508 = as_type<packed_char4>(_e1508);
            low_1_4_ = as_type<int>(as_type<uint>(_e1506) + as_type<uint>(( + reinterpreted_packed_char4_e1507[0] * reinterpreted_packed_char4_e1508[0] + reinterpreted_packed_char4_e1507[1] * reinterpreted_packed_char4_e1508[1] + reinterpreted_packed_char4_e1507[2] * reinterpreted_packed_char4_e1508[2] + reinterpreted_packed_char4_e1507[3] * reinterpreted_packed_char4_e1508[3])));
            int _e1511 = high_1_5_;
            uint _e1512 = level;
            uint _e1513 = x_2_5_.x;
            packed_char4 reinterpreted_packed_char4_e1512 = as_type<packed_char4>(_e1512);
            packed_char4 reinterpreted_packed_char4_e1513 = as_type<packed_char4>(_e1513);
            high_1_5_ = as_type<int>(as_type<uint>(_e1511) + as_type<uint>(( + reinterpreted_packed_char4_e1512[0] * reinterpreted_packed_char4_e1513[0] + reinterpreted_packed_char4_e1512[1] * reinterpreted_packed_char4_e1513[1] + reinterpreted_packed_char4_e1512[2] * reinterpreted_packed_char4_e1513[2] + reinterpreted_packed_char4_e1512[3] * reinterpreted_packed_char4_e1513[3])));
            int _e1516 = low_1_5_;
            uint _e1517 = level;
            uint _e1518 = x_2_5_.y;
            packed_char4 reinterpreted_packed_char4_e1517 = as_type<packed_char4>(_e1517);
            packed_char4 reinterpreted_packed_char4_e1518 = as_type<packed_char4>(_e1518);
            low_1_5_ = as_type<int>(as_type<uint>(_e1516) + as_type<uint>(( + reinterpreted_packed_char4_e1517[0] * reinterpreted_packed_char4_e1518[0] + reinterpreted_packed_char4_e1517[1] * reinterpreted_packed_char4_e1518[1] + reinterpreted_packed_char4_e1517[2] * reinterpreted_packed_char4_e1518[2] + reinterpreted_packed_char4_e1517[3] * reinterpreted_packed_char4_e1518[3])));
            int _e1521 = high_1_6_;
            uint _e1522 = level;
            uint _e1523 = x_2_6_.x;
            packed_char4 reinterpreted_packed_char4_e1522 = as_type<packed_char4>(_e1522);
            packed_char4 reinterpreted_packed_char4_e1523 = as_type<packed_char4>(_e1523);
            high_1_6_ = as_type<int>(as_type<uint>(_e1521) + as_type<uint>(( + reinterpreted_packed_char4_e1522[0] * reinterpreted_packed_char4_e1523[0] + reinterpreted_packed_char4_e1522[1] * reinterpreted_packed_char4_e1523[1] + reinterpreted_packed_char4_e1522[2] * reinterpreted_packed_char4_e1523[2] + reinterpreted_packed_char4_e1522[3] * reinterpreted_packed_char4_e1523[3])));
            int _e1526 = low_1_6_;
            uint _e1527 = level;
            uint _e1528 = x_2_6_.y;
            packed_char4 reinterpreted_packed_char4_e1527 = as_type<packed_char4>(_e1527);
            packed_char4 reinterpreted_packed_char4_e1528 = as_type<packed_char4>(_e1528);
            low_1_6_ = as_type<int>(as_type<uint>(_e1526) + as_type<uint>(( + reinterpreted_packed_char4_e1527[0] * reinterpreted_packed_char4_e1528[0] + reinterpreted_packed_char4_e1527[1] * reinterpreted_packed_char4_e1528[1] + reinterpreted_packed_char4_e1527[2] * reinterpreted_packed_char4_e1528[2] + reinterpreted_packed_char4_e1527[3] * reinterpreted_packed_char4_e1528[3])));
            int _e1531 = high_1_7_;
            uint _e1532 = level;
            uint _e1533 = x_2_7_.x;
            packed_char4 reinterpreted_packed_char4_e1532 = as_type<packed_char4>(_e1532);
            packed_char4 reinterpreted_packed_char4_e1533 = as_type<packed_char4>(_e1533);
            high_1_7_ = as_type<int>(as_type<uint>(_e1531) + as_type<uint>(( + reinterpreted_packed_char4_e1532[0] * reinterpreted_packed_char4_e1533[0] + reinterpreted_packed_char4_e1532[1] * reinterpreted_packed_char4_e1533[1] + reinterpreted_packed_char4_e1532[2] * reinterpreted_packed_char4_e1533[2] + reinterpreted_packed_char4_e1532[3] * reinterpreted_packed_char4_e1533[3])));
            int _e1536 = low_1_7_;
            uint _e1537 = level;
            uint _e1538 = x_2_7_.y;
            packed_char4 reinterpreted_packed_char4_e1537 = as_type<packed_char4>(_e1537);
            packed_char4 reinterpreted_packed_char4_e1538 = as_type<packed_char4>(_e1538);
            low_1_7_ = as_type<int>(as_type<uint>(_e1536) + as_type<uint>(( + reinterpreted_packed_char4_e1537[0] * reinterpreted_packed_char4_e1538[0] + reinterpreted_packed_char4_e1537[1] * reinterpreted_packed_char4_e1538[1] + reinterpreted_packed_char4_e1537[2] * reinterpreted_packed_char4_e1538[2] + reinterpreted_packed_char4_e1537[3] * reinterpreted_packed_char4_e1538[3])));
            uint _e1542 = bits;
            uint _e1546 = table.inner[_e1542 >> 22u];
            entry = _e1546;
            uint _e1547 = total_1;
            uint _e1548 = entry;
            total_1 = _e1547 + _e1548;
            uint _e1550 = bits;
            uint _e1551 = entry;
            bits = _e1550 << (_e1551 & 15u);
            uint _e1555 = odd_0_;
            uint _e1556 = last_0_;
            odd_0_ = _e1555 ^ (_e1556 & 65792u);
            uint _e1560 = entry;
            last_0_ = _e1560;
            uint _e1561 = entry;
            uint _e1564 = odd_0_;
            level = (_e1561 & 4294901503u) | _e1564;
            int _e1566 = high_0_0_;
            uint _e1567 = level;
            uint _e1568 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e1567 = as_type<packed_char4>(_e1567);
            packed_char4 reinterpreted_packed_char4_e1568 = as_type<packed_char4>(_e1568);
            high_0_0_ = as_type<int>(as_type<uint>(_e1566) + as_type<uint>(( + reinterpreted_packed_char4_e1567[0] * reinterpreted_packed_char4_e1568[0] + reinterpreted_packed_char4_e1567[1] * reinterpreted_packed_char4_e1568[1] + reinterpreted_packed_char4_e1567[2] * reinterpreted_packed_char4_e1568[2] + reinterpreted_packed_char4_e1567[3] * reinterpreted_packed_char4_e1568[3])));
            int _e1571 = low_0_0_;
            uint _e1572 = level;
            uint _e1573 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e1572 = as_type<packed_char4>(_e1572);
            packed_char4 reinterpreted_packed_char4_e1573 = as_type<packed_char4>(_e1573);
            low_0_0_ = as_type<int>(as_type<uint>(_e1571) + as_type<uint>(( + reinterpreted_packed_char4_e1572[0] * reinterpreted_packed_char4_e1573[0] + reinterpreted_packed_char4_e1572[1] * reinterpreted_packed_char4_e1573[1] + reinterpreted_packed_char4_e1572[2] * reinterpreted_packed_char4_e1573[2] + reinterpreted_packed_char4_e1572[3] * reinterpreted_packed_char4_e1573[3])));
            int _e1576 = high_0_1_;
            uint _e1577 = level;
            uint _e1578 = x_2_1_.z;
            packed_char4 reinterpreted_packed_char4_e1577 = as_type<packed_char4>(_e1577);
            packed_char4 reinterpreted_packed_char4_e1578 = as_type<packed_char4>(_e1578);
            high_0_1_ = as_type<int>(as_type<uint>(_e1576) + as_type<uint>(( + reinterpreted_packed_char4_e1577[0] * reinterpreted_packed_char4_e1578[0] + reinterpreted_packed_char4_e1577[1] * reinterpreted_packed_char4_e1578[1] + reinterpreted_packed_char4_e1577[2] * reinterpreted_packed_char4_e1578[2] + reinterpreted_packed_char4_e1577[3] * reinterpreted_packed_char4_e1578[3])));
            int _e1581 = low_0_1_;
            uint _e1582 = level;
            uint _e1583 = x_2_1_.w;
            packed_char4 reinterpreted_packed_char4_e1582 = as_type<packed_char4>(_e1582);
            packed_char4 reinterpreted_packed_char4_e1583 = as_type<packed_char4>(_e1583);
            low_0_1_ = as_type<int>(as_type<uint>(_e1581) + as_type<uint>(( + reinterpreted_packed_char4_e1582[0] * reinterpreted_packed_char4_e1583[0] + reinterpreted_packed_char4_e1582[1] * reinterpreted_packed_char4_e1583[1] + reinterpreted_packed_char4_e1582[2] * reinterpreted_packed_char4_e1583[2] + reinterpreted_packed_char4_e1582[3] * reinterpreted_packed_char4_e1583[3])));
            int _e1586 = high_0_2_;
            uint _e1587 = level;
            uint _e1588 = x_2_2_.z;
            packed_char4 reinterpreted_packed_char4_e1587 = as_type<packed_char4>(_e1587);
            packed_char4 reinterpreted_packed_char4_e1588 = as_type<packed_char4>(_e1588);
            high_0_2_ = as_type<int>(as_type<uint>(_e1586) + as_type<uint>(( + reinterpreted_packed_char4_e1587[0] * reinterpreted_packed_char4_e1588[0] + reinterpreted_packed_char4_e1587[1] * reinterpreted_packed_char4_e1588[1] + reinterpreted_packed_char4_e1587[2] * reinterpreted_packed_char4_e1588[2] + reinterpreted_packed_char4_e1587[3] * reinterpreted_packed_char4_e1588[3])));
            int _e1591 = low_0_2_;
            uint _e1592 = level;
            uint _e1593 = x_2_2_.w;
            packed_char4 reinterpreted_packed_char4_e1592 = as_type<packed_char4>(_e1592);
            packed_char4 reinterpreted_packed_char4_e1593 = as_type<packed_char4>(_e1593);
            low_0_2_ = as_type<int>(as_type<uint>(_e1591) + as_type<uint>(( + reinterpreted_packed_char4_e1592[0] * reinterpreted_packed_char4_e1593[0] + reinterpreted_packed_char4_e1592[1] * reinterpreted_packed_char4_e1593[1] + reinterpreted_packed_char4_e1592[2] * reinterpreted_packed_char4_e1593[2] + reinterpreted_packed_char4_e1592[3] * reinterpreted_packed_char4_e1593[3])));
            int _e1596 = high_0_3_;
            uint _e1597 = level;
            uint _e1598 = x_2_3_.z;
            packed_char4 reinterpreted_packed_char4_e1597 = as_type<packed_char4>(_e1597);
            packed_char4 reinterpreted_packed_char4_e1598 = as_type<packed_char4>(_e1598);
            high_0_3_ = as_type<int>(as_type<uint>(_e1596) + as_type<uint>(( + reinterpreted_packed_char4_e1597[0] * reinterpreted_packed_char4_e1598[0] + reinterpreted_packed_char4_e1597[1] * reinterpreted_packed_char4_e1598[1] + reinterpreted_packed_char4_e1597[2] * reinterpreted_packed_char4_e1598[2] + reinterpreted_packed_char4_e1597[3] * reinterpreted_packed_char4_e1598[3])));
            int _e1601 = low_0_3_;
            uint _e1602 = level;
            uint _e1603 = x_2_3_.w;
            packed_char4 reinterpreted_packed_char4_e1602 = as_type<packed_char4>(_e1602);
            packed_char4 reinterpreted_packed_char4_e1603 = as_type<packed_char4>(_e1603);
            low_0_3_ = as_type<int>(as_type<uint>(_e1601) + as_type<uint>(( + reinterpreted_packed_char4_e1602[0] * reinterpreted_packed_char4_e1603[0] + reinterpreted_packed_char4_e1602[1] * reinterpreted_packed_char4_e1603[1] + reinterpreted_packed_char4_e1602[2] * reinterpreted_packed_char4_e1603[2] + reinterpreted_packed_char4_e1602[3] * reinterpreted_packed_char4_e1603[3])));
            int _e1606 = high_0_4_;
            uint _e1607 = level;
            uint _e1608 = x_2_4_.z;
            packed_char4 reinterpreted_packed_char4_e1607 = as_type<packed_char4>(_e1607);
            packed_char4 reinterpreted_packed_char4_e1608 = as_type<packed_char4>(_e1608);
            high_0_4_ = as_type<int>(as_type<uint>(_e1606) + as_type<uint>(( + reinterpreted_packed_char4_e1607[0] * reinterpreted_packed_char4_e1608[0] + reinterpreted_packed_char4_e1607[1] * reinterpreted_packed_char4_e1608[1] + reinterpreted_packed_char4_e1607[2] * reinterpreted_packed_char4_e1608[2] + reinterpreted_packed_char4_e1607[3] * reinterpreted_packed_char4_e1608[3])));
            int _e1611 = low_0_4_;
            uint _e1612 = level;
            uint _e1613 = x_2_4_.w;
            packed_char4 reinterpreted_packed_char4_e1612 = as_type<packed_char4>(_e1612);
            packed_char4 reinterpreted_packed_char4_e1613 = as_type<packed_char4>(_e1613);
            low_0_4_ = as_type<int>(as_type<uint>(_e1611) + as_type<uint>(( + reinterpreted_packed_char4_e1612[0] * reinterpreted_packed_char4_e1613[0] + reinterpreted_packed_char4_e1612[1] * reinterpreted_packed_char4_e1613[1] + reinterpreted_packed_char4_e1612[2] * reinterpreted_packed_char4_e1613[2] + reinterpreted_packed_char4_e1612[3] * reinterpreted_packed_char4_e1613[3])));
            int _e1616 = high_0_5_;
            uint _e1617 = level;
            uint _e1618 = x_2_5_.z;
            packed_char4 reinterpreted_packed_char4_e1617 = as_type<packed_char4>(_e1617);
            packed_char4 reinterpreted_packed_char4_e1618 = as_type<packed_char4>(_e1618);
            high_0_5_ = as_type<int>(as_type<uint>(_e1616) + as_type<uint>(( + reinterpreted_packed_char4_e1617[0] * reinterpreted_packed_char4_e1618[0] + reinterpreted_packed_char4_e1617[1] * reinterpreted_packed_char4_e1618[1] + reinterpreted_packed_char4_e1617[2] * reinterpreted_packed_char4_e1618[2] + reinterpreted_packed_char4_e1617[3] * reinterpreted_packed_char4_e1618[3])));
            int _e1621 = low_0_5_;
            uint _e1622 = level;
            uint _e1623 = x_2_5_.w;
            packed_char4 reinterpreted_packed_char4_e1622 = as_type<packed_char4>(_e1622);
            packed_char4 reinterpreted_packed_char4_e1623 = as_type<packed_char4>(_e1623);
            low_0_5_ = as_type<int>(as_type<uint>(_e1621) + as_type<uint>(( + reinterpreted_packed_char4_e1622[0] * reinterpreted_packed_char4_e1623[0] + reinterpreted_packed_char4_e1622[1] * reinterpreted_packed_char4_e1623[1] + reinterpreted_packed_char4_e1622[2] * reinterpreted_packed_char4_e1623[2] + reinterpreted_packed_char4_e1622[3] * reinterpreted_packed_char4_e1623[3])));
            int _e1626 = high_0_6_;
            uint _e1627 = level;
            uint _e1628 = x_2_6_.z;
            packed_char4 reinterpreted_packed_char4_e1627 = as_type<packed_char4>(_e1627);
            packed_char4 reinterpreted_packed_char4_e1628 = as_type<packed_char4>(_e1628);
            high_0_6_ = as_type<int>(as_type<uint>(_e1626) + as_type<uint>(( + reinterpreted_packed_char4_e1627[0] * reinterpreted_packed_char4_e1628[0] + reinterpreted_packed_char4_e1627[1] * reinterpreted_packed_char4_e1628[1] + reinterpreted_packed_char4_e1627[2] * reinterpreted_packed_char4_e1628[2] + reinterpreted_packed_char4_e1627[3] * reinterpreted_packed_char4_e1628[3])));
            int _e1631 = low_0_6_;
            uint _e1632 = level;
            uint _e1633 = x_2_6_.w;
            packed_char4 reinterpreted_packed_char4_e1632 = as_type<packed_char4>(_e1632);
            packed_char4 reinterpreted_packed_char4_e1633 = as_type<packed_char4>(_e1633);
            low_0_6_ = as_type<int>(as_type<uint>(_e1631) + as_type<uint>(( + reinterpreted_packed_char4_e1632[0] * reinterpreted_packed_char4_e1633[0] + reinterpreted_packed_char4_e1632[1] * reinterpreted_packed_char4_e1633[1] + reinterpreted_packed_char4_e1632[2] * reinterpreted_packed_char4_e1633[2] + reinterpreted_packed_char4_e1632[3] * reinterpreted_packed_char4_e1633[3])));
            int _e1636 = high_0_7_;
            uint _e1637 = level;
            uint _e1638 = x_2_7_.z;
            packed_char4 reinterpreted_packed_char4_e1637 = as_type<packed_char4>(_e1637);
            packed_char4 reinterpreted_packed_char4_e1638 = as_type<packed_char4>(_e1638);
            high_0_7_ = as_type<int>(as_type<uint>(_e1636) + as_type<uint>(( + reinterpreted_packed_char4_e1637[0] * reinterpreted_packed_char4_e1638[0] + reinterpreted_packed_char4_e1637[1] * reinterpreted_packed_char4_e1638[1] + reinterpreted_packed_char4_e1637[2] * reinterpreted_packed_char4_e1638[2] + reinterpreted_packed_char4_e1637[3] * reinterpreted_packed_char4_e1638[3])));
            int _e1641 = low_0_7_;
            uint _e1642 = level;
            uint _e1643 = x_2_7_.w;
            packed_char4 reinterpreted_packed_char4_e1642 = as_type<packed_char4>(_e1642);
            packed_char4 reinterpreted_packed_char4_e1643 = as_type<packed_char4>(_e1643);
            low_0_7_ = as_type<int>(as_type<uint>(_e1641) + as_type<uint>(( + reinterpreted_packed_char4_e1642[0] * reinterpreted_packed_char4_e1643[0] + reinterpreted_packed_char4_e1642[1] * reinterpreted_packed_char4_e1643[1] + reinterpreted_packed_char4_e1642[2] * reinterpreted_packed_char4_e1643[2] + reinterpreted_packed_char4_e1642[3] * reinterpreted_packed_char4_e1643[3])));
            uint _e1647 = bits;
            uint _e1651 = table.inner[_e1647 >> 22u];
            entry = _e1651;
            uint _e1652 = total_1;
            uint _e1653 = entry;
            total_1 = _e1652 + _e1653;
            uint _e1655 = odd_1_;
            uint _e1656 = last_1_;
            odd_1_ = _e1655 ^ (_e1656 & 65792u);
            uint _e1660 = entry;
            last_1_ = _e1660;
            uint _e1661 = entry;
            uint _e1664 = odd_1_;
            level = (_e1661 & 4294901503u) | _e1664;
            int _e1666 = high_1_0_;
            uint _e1667 = level;
            uint _e1668 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e1667 = as_type<packed_char4>(_e1667);
            packed_char4 reinterpreted_packed_char4_e1668 = as_type<packed_char4>(_e1668);
            high_1_0_ = as_type<int>(as_type<uint>(_e1666) + as_type<uint>(( + reinterpreted_packed_char4_e1667[0] * reinterpreted_packed_char4_e1668[0] + reinterpreted_packed_char4_e1667[1] * reinterpreted_packed_char4_e1668[1] + reinterpreted_packed_char4_e1667[2] * reinterpreted_packed_char4_e1668[2] + reinterpreted_packed_char4_e1667[3] * reinterpreted_packed_char4_e1668[3])));
            int _e1671 = low_1_0_;
            uint _e1672 = level;
            uint _e1673 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e1672 = as_type<packed_char4>(_e1672);
            packed_char4 reinterpreted_packed_char4_e1673 = as_type<packed_char4>(_e1673);
            low_1_0_ = as_type<int>(as_type<uint>(_e1671) + as_type<uint>(( + reinterpreted_packed_char4_e1672[0] * reinterpreted_packed_char4_e1673[0] + reinterpreted_packed_char4_e1672[1] * reinterpreted_packed_char4_e1673[1] + reinterpreted_packed_char4_e1672[2] * reinterpreted_packed_char4_e1673[2] + reinterpreted_packed_char4_e1672[3] * reinterpreted_packed_char4_e1673[3])));
            int _e1676 = high_1_1_;
            uint _e1677 = level;
            uint _e1678 = x_2_1_.z;
            packed_char4 reinterpreted_packed_char4_e1677 = as_type<packed_char4>(_e1677);
            packed_char4 reinterpreted_packed_char4_e1678 = as_type<packed_char4>(_e1678);
            high_1_1_ = as_type<int>(as_type<uint>(_e1676) + as_type<uint>(( + reinterpreted_packed_char4_e1677[0] * reinterpreted_packed_char4_e1678[0] + reinterpreted_packed_char4_e1677[1] * reinterpreted_packed_char4_e1678[1] + reinterpreted_packed_char4_e1677[2] * reinterpreted_packed_char4_e1678[2] + reinterpreted_packed_char4_e1677[3] * reinterpreted_packed_char4_e1678[3])));
            int _e1681 = low_1_1_;
            uint _e1682 = level;
            uint _e1683 = x_2_1_.w;
            packed_char4 reinterpreted_packed_char4_e1682 = as_type<packed_char4>(_e1682);
            packed_char4 reinterpreted_packed_char4_e1683 = as_type<packed_char4>(_e1683);
            low_1_1_ = as_type<int>(as_type<uint>(_e1681) + as_type<uint>(( + reinterpreted_packed_char4_e1682[0] * reinterpreted_packed_char4_e1683[0] + reinterpreted_packed_char4_e1682[1] * reinterpreted_packed_char4_e1683[1] + reinterpreted_packed_char4_e1682[2] * reinterpreted_packed_char4_e1683[2] + reinterpreted_packed_char4_e1682[3] * reinterpreted_packed_char4_e1683[3])));
            int _e1686 = high_1_2_;
            uint _e1687 = level;
            uint _e1688 = x_2_2_.z;
            packed_char4 reinterpreted_packed_char4_e1687 = as_type<packed_char4>(_e1687);
            packed_char4 reinterpreted_packed_char4_e1688 = as_type<packed_char4>(_e1688);
            high_1_2_ = as_type<int>(as_type<uint>(_e1686) + as_type<uint>(( + reinterpreted_packed_char4_e1687[0] * reinterpreted_packed_char4_e1688[0] + reinterpreted_packed_char4_e1687[1] * reinterpreted_packed_char4_e1688[1] + reinterpreted_packed_char4_e1687[2] * reinterpreted_packed_char4_e1688[2] + reinterpreted_packed_char4_e1687[3] * reinterpreted_packed_char4_e1688[3])));
            int _e1691 = low_1_2_;
            uint _e1692 = level;
            uint _e1693 = x_2_2_.w;
            packed_char4 reinterpreted_packed_char4_e1692 = as_type<packed_char4>(_e1692);
            packed_char4 reinterpreted_packed_char4_e1693 = as_type<packed_char4>(_e1693);
            low_1_2_ = as_type<int>(as_type<uint>(_e1691) + as_type<uint>(( + reinterpreted_packed_char4_e1692[0] * reinterpreted_packed_char4_e1693[0] + reinterpreted_packed_char4_e1692[1] * reinterpreted_packed_char4_e1693[1] + reinterpreted_packed_char4_e1692[2] * reinterpreted_packed_char4_e1693[2] + reinterpreted_packed_char4_e1692[3] * reinterpreted_packed_char4_e1693[3])));
            int _e1696 = high_1_3_;
            uint _e1697 = level;
            uint _e1698 = x_2_3_.z;
            packed_char4 reinterpreted_packed_char4_e1697 = as_type<packed_char4>(_e1697);
            packed_char4 reinterpreted_packed_char4_e1698 = as_type<packed_char4>(_e1698);
            high_1_3_ = as_type<int>(as_type<uint>(_e1696) + as_type<uint>(( + reinterpreted_packed_char4_e1697[0] * reinterpreted_packed_char4_e1698[0] + reinterpreted_packed_char4_e1697[1] * reinterpreted_packed_char4_e1698[1] + reinterpreted_packed_char4_e1697[2] * reinterpreted_packed_char4_e1698[2] + reinterpreted_packed_char4_e1697[3] * reinterpreted_packed_char4_e1698[3])));
            int _e1701 = low_1_3_;
            uint _e1702 = level;
            uint _e1703 = x_2_3_.w;
            packed_char4 reinterpreted_packed_char4_e1702 = as_type<packed_char4>(_e1702);
            packed_char4 reinterpreted_packed_char4_e1703 = as_type<packed_char4>(_e1703);
            low_1_3_ = as_type<int>(as_type<uint>(_e1701) + as_type<uint>(( + reinterpreted_packed_char4_e1702[0] * reinterpreted_packed_char4_e1703[0] + reinterpreted_packed_char4_e1702[1] * reinterpreted_packed_char4_e1703[1] + reinterpreted_packed_char4_e1702[2] * reinterpreted_packed_char4_e1703[2] + reinterpreted_packed_char4_e1702[3] * reinterpreted_packed_char4_e1703[3])));
            int _e1706 = high_1_4_;
            uint _e1707 = level;
            uint _e1708 = x_2_4_.z;
            packed_char4 reinterpreted_packed_char4_e1707 = as_type<packed_char4>(_e1707);
            packed_char4 reinterpreted_packed_char4_e1708 = as_type<packed_char4>(_e1708);
            high_1_4_ = as_type<int>(as_type<uint>(_e1706) + as_type<uint>(( + reinterpreted_packed_char4_e1707[0] * reinterpreted_packed_char4_e1708[0] + reinterpreted_packed_char4_e1707[1] * reinterpreted_packed_char4_e1708[1] + reinterpreted_packed_char4_e1707[2] * reinterpreted_packed_char4_e1708[2] + reinterpreted_packed_char4_e1707[3] * reinterpreted_packed_char4_e1708[3])));
            int _e1711 = low_1_4_;
            uint _e1712 = level;
            uint _e1713 = x_2_4_.w;
            packed_char4 reinterpreted_packed_char4_e1712 = as_type<packed_char4>(_e1712);
            packed_char4 reinterpreted_packed_char4_e1713 = as_type<packed_char4>(_e1713);
            low_1_4_ = as_type<int>(as_type<uint>(_e1711) + as_type<uint>(( + reinterpreted_packed_char4_e1712[0] * reinterpreted_packed_char4_e1713[0] + reinterpreted_packed_char4_e1712[1] * reinterpreted_packed_char4_e1713[1] + reinterpreted_packed_char4_e1712[2] * reinterpreted_packed_char4_e1713[2] + reinterpreted_packed_char4_e1712[3] * reinterpreted_packed_char4_e1713[3])));
            int _e1716 = high_1_5_;
            uint _e1717 = level;
            uint _e1718 = x_2_5_.z;
            packed_char4 reinterpreted_packed_char4_e1717 = as_type<packed_char4>(_e1717);
            packed_char4 reinterpreted_packed_char4_e1718 = as_type<packed_char4>(_e1718);
            high_1_5_ = as_type<int>(as_type<uint>(_e1716) + as_type<uint>(( + reinterpreted_packed_char4_e1717[0] * reinterpreted_packed_char4_e1718[0] + reinterpreted_packed_char4_e1717[1] * reinterpreted_packed_char4_e1718[1] + reinterpreted_packed_char4_e1717[2] * reinterpreted_packed_char4_e1718[2] + reinterpreted_packed_char4_e1717[3] * reinterpreted_packed_char4_e1718[3])));
            int _e1721 = low_1_5_;
            uint _e1722 = level;
            uint _e1723 = x_2_5_.w;
            packed_char4 reinterpreted_packed_char4_e1722 = as_type<packed_char4>(_e1722);
            packed_char4 reinterpreted_packed_char4_e1723 = as_type<packed_char4>(_e1723);
            low_1_5_ = as_type<int>(as_type<uint>(_e1721) + as_type<uint>(( + reinterpreted_packed_char4_e1722[0] * reinterpreted_packed_char4_e1723[0] + reinterpreted_packed_char4_e1722[1] * reinterpreted_packed_char4_e1723[1] + reinterpreted_packed_char4_e1722[2] * reinterpreted_packed_char4_e1723[2] + reinterpreted_packed_char4_e1722[3] * reinterpreted_packed_char4_e1723[3])));
            int _e1726 = high_1_6_;
            uint _e1727 = level;
            uint _e1728 = x_2_6_.z;
            packed_char4 reinterpreted_packed_char4_e1727 = as_type<packed_char4>(_e1727);
            packed_char4 reinterpreted_packed_char4_e1728 = as_type<packed_char4>(_e1728);
            high_1_6_ = as_type<int>(as_type<uint>(_e1726) + as_type<uint>(( + reinterpreted_packed_char4_e1727[0] * reinterpreted_packed_char4_e1728[0] + reinterpreted_packed_char4_e1727[1] * reinterpreted_packed_char4_e1728[1] + reinterpreted_packed_char4_e1727[2] * reinterpreted_packed_char4_e1728[2] + reinterpreted_packed_char4_e1727[3] * reinterpreted_packed_char4_e1728[3])));
            int _e1731 = low_1_6_;
            uint _e1732 = level;
            uint _e1733 = x_2_6_.w;
            packed_char4 reinterpreted_packed_char4_e1732 = as_type<packed_char4>(_e1732);
            packed_char4 reinterpreted_packed_char4_e1733 = as_type<packed_char4>(_e1733);
            low_1_6_ = as_type<int>(as_type<uint>(_e1731) + as_type<uint>(( + reinterpreted_packed_char4_e1732[0] * reinterpreted_packed_char4_e1733[0] + reinterpreted_packed_char4_e1732[1] * reinterpreted_packed_char4_e1733[1] + reinterpreted_packed_char4_e1732[2] * reinterpreted_packed_char4_e1733[2] + reinterpreted_packed_char4_e1732[3] * reinterpreted_packed_char4_e1733[3])));
            int _e1736 = high_1_7_;
            uint _e1737 = level;
            uint _e1738 = x_2_7_.z;
            packed_char4 reinterpreted_packed_char4_e1737 = as_type<packed_char4>(_e1737);
            packed_char4 reinterpreted_packed_char4_e1738 = as_type<packed_char4>(_e1738);
            high_1_7_ = as_type<int>(as_type<uint>(_e1736) + as_type<uint>(( + reinterpreted_packed_char4_e1737[0] * reinterpreted_packed_char4_e1738[0] + reinterpreted_packed_char4_e1737[1] * reinterpreted_packed_char4_e1738[1] + reinterpreted_packed_char4_e1737[2] * reinterpreted_packed_char4_e1738[2] + reinterpreted_packed_char4_e1737[3] * reinterpreted_packed_char4_e1738[3])));
            int _e1741 = low_1_7_;
            uint _e1742 = level;
            uint _e1743 = x_2_7_.w;
            packed_char4 reinterpreted_packed_char4_e1742 = as_type<packed_char4>(_e1742);
            packed_char4 reinterpreted_packed_char4_e1743 = as_type<packed_char4>(_e1743);
            low_1_7_ = as_type<int>(as_type<uint>(_e1741) + as_type<uint>(( + reinterpreted_packed_char4_e1742[0] * reinterpreted_packed_char4_e1743[0] + reinterpreted_packed_char4_e1742[1] * reinterpreted_packed_char4_e1743[1] + reinterpreted_packed_char4_e1742[2] * reinterpreted_packed_char4_e1743[2] + reinterpreted_packed_char4_e1742[3] * reinterpreted_packed_char4_e1743[3])));
            uint _e1746 = taken;
            uint _e1747 = total_1;
            taken = _e1746 + (_e1747 & 255u);
            uint _e1751 = taken;
            if (_e1751 >= 32u) {
                uint _e1754 = taken;
                taken = _e1754 - 32u;
                uint _e1757 = next;
                word = _e1757;
                uint _e1758 = ahead;
                next = _e1758;
                uint _e1760 = at;
                uint _e1762 = stream[_e1760];
                ahead = _e1762;
                uint _e1763 = at;
                at = _e1763 + 32u;
            }
        }
    }
    int _e1769 = high_0_0_;
    int _e1772 = low_0_0_;
    int _e1774 = high_1_0_;
    int _e1777 = low_1_0_;
    int _e1780 = high_0_1_;
    int _e1783 = low_0_1_;
    int _e1785 = high_1_1_;
    int _e1788 = low_1_1_;
    int _e1791 = high_0_2_;
    int _e1794 = low_0_2_;
    int _e1796 = high_1_2_;
    int _e1799 = low_1_2_;
    int _e1802 = high_0_3_;
    int _e1805 = low_0_3_;
    int _e1807 = high_1_3_;
    int _e1810 = low_1_3_;
    int _e1813 = high_0_4_;
    int _e1816 = low_0_4_;
    int _e1818 = high_1_4_;
    int _e1821 = low_1_4_;
    int _e1824 = high_0_5_;
    int _e1827 = low_0_5_;
    int _e1829 = high_1_5_;
    int _e1832 = low_1_5_;
    int _e1835 = high_0_6_;
    int _e1838 = low_0_6_;
    int _e1840 = high_1_6_;
    int _e1843 = low_1_6_;
    int _e1846 = high_0_7_;
    int _e1849 = low_0_7_;
    int _e1851 = high_1_7_;
    int _e1854 = low_1_7_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1769))) + as_type<uint>(_e1772)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1774))) + as_type<uint>(_e1777))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1780))) + as_type<uint>(_e1783)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1785))) + as_type<uint>(_e1788))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1791))) + as_type<uint>(_e1794)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1796))) + as_type<uint>(_e1799))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1802))) + as_type<uint>(_e1805)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1807))) + as_type<uint>(_e1810))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1813))) + as_type<uint>(_e1816)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1818))) + as_type<uint>(_e1821))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1824))) + as_type<uint>(_e1827)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1829))) + as_type<uint>(_e1832))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1835))) + as_type<uint>(_e1838)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1840))) + as_type<uint>(_e1843))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1846))) + as_type<uint>(_e1849)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1851))) + as_type<uint>(_e1854)))}};
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
    uint lane_1 = naga_div(naga_mod(in_group, 8u), TUPLE);
    uint _e11 = p.segments;
    uint _e16 = p.padded_groups;
    uint at_2 = (((((row_1 * _e11) + segment_1) * _e16) + naga_div(col_1, GROUP_COLS)) * 4u) + lane_1;
    metal::uint4 vector = digits[at_2];
    metal::uint2 pair = (in_group >= 8u) ? vector.zw : vector.xy;
    uint _e38 = 8u * (FIRST_BYTE + naga_mod(in_group, TUPLE));
    metal::int2 both = metal::extract_bits(as_type<metal::int2>(pair), metal::min(_e38, 32u), metal::min(8u, 32u - metal::min(_e38, 32u)));
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(both.x))) + as_type<uint>(both.y));
}

int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}

void add_corrections(
    uint number,
    uint segment_2,
    uint first_sum,
    uint lane,
    uint row0_,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    device type_1 const& data,
    threadgroup type_12& corrected,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_5 = {};
    int size = {};
    uint r_1 = {};
    uint _e8 = p.entries;
    uint last = data[(_e8 + (4u * number)) + 3u];
    uint _e19 = p.entries;
    uint _e26 = data[(_e19 + (4u * number)) + 1u];
    i_5 = _e26 + lane;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e98 = i_5;
            i_5 = _e98 + 32u;
        }
        loop_init_1 = false;
        uint _e29 = i_5;
        if (_e29 < last) {
        } else {
            break;
        }
        {
            uint _e34 = p.corrections;
            uint _e35 = i_5;
            uint _e40 = data[_e34 + naga_div(_e35, 2u)];
            uint _e42 = i_5;
            uint correction = (_e40 >> (16u * naga_mod(_e42, 2u))) & 65535u;
            uint size_bits = (correction >> 13u) & 3u;
            int _e62 = p.unit;
            size = as_type<int>(as_type<uint>(static_cast<int>((size_bits == 3u) ? 16u : (1u << size_bits))) * as_type<uint>(_e62));
            if ((correction >> 15u) == 1u) {
                int _e69 = size;
                size = naga_neg(_e69);
            }
            r_1 = 0u;
            bool loop_init_2 = true;
            while(true) {
                if (!loop_init_2) {
                    uint _e96 = r_1;
                    r_1 = _e96 + 1u;
                }
                loop_init_2 = false;
                uint _e73 = r_1;
                if (_e73 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e76 = r_1;
                    int _e82 = digit_at(row0_ + _e76, segment_2, (correction >> 4u) & 511u, digits, p, _buffer_sizes);
                    uint _e84 = r_1;
                    int _e92 = size;
                    int _e94 = metal::atomic_fetch_add_explicit(&corrected.inner[(first_sum + (_e84 * CODE_ROWS)) + naga_mod(correction, CODE_ROWS)], as_type<int>(as_type<uint>(_e92) * as_type<uint>(_e82)), metal::memory_order_relaxed);
                }
            }
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
    uint i_6 = {};
    ProductParameters _e2 = parameters(p);
    Matrix m_1 = _e2.m;
    uint _e10 = side[_e2.m.starts + row_2];
    i_6 = _e10;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e47 = i_6;
            i_6 = _e47 + 1u;
        }
        loop_init_3 = false;
        uint _e12 = i_6;
        uint _e19 = side[(_e2.m.starts + row_2) + 1u];
        if (_e12 < _e19) {
        } else {
            break;
        }
        {
            uint _e24 = i_6;
            uint col_2 = side[_e2.m.outliers + (2u * _e24)];
            uint _e31 = i_6;
            float _e36 = side_float((_e2.m.outliers + (2u * _e31)) + 1u, side, _buffer_sizes);
            float _e42 = x[(x_row * _e2.m.cols) + col_2];
            float _e43 = scaled_activation(m_1, _e42, col_2, side, _buffer_sizes);
            float _e44 = sum_2;
            sum_2 = metal::fma(_e36, _e43, _e44);
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
    uint i = {};
    uint i_1 = {};
    type_14 total = {};
    uint s = 0u;
    uint r = {};
    uint i_2 = {};
    bool local = {};
    uint i_3 = 0u;
    uint i_4 = {};
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
    i = thread_;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e28 = i;
            i = _e28 + THREADS;
        }
        loop_init_4 = false;
        uint _e14 = i;
        if (_e14 < 1024u) {
        } else {
            break;
        }
        {
            uint _e18 = i;
            uint _e23 = p.registers;
            uint _e24 = i;
            uint _e27 = data[_e23 + _e24];
            table.inner[_e18] = _e27;
        }
    }
    i_1 = thread_;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e43 = i_1;
            i_1 = _e43 + THREADS;
        }
        loop_init_5 = false;
        uint _e32 = i_1;
        if (_e32 < 1024u) {
        } else {
            break;
        }
        {
            uint _e36 = i_1;
            metal::atomic_store_explicit(&sums.inner[_e36], 0, metal::memory_order_relaxed);
            uint _e40 = i_1;
            metal::atomic_store_explicit(&corrected.inner[_e40], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint lane_2 = naga_mod(thread_, 32u);
    uint team = naga_div(thread_, 32u);
    uint _e53 = p.product.first;
    uint tile = naga_div(_e53, CODE_ROWS) + group.x;
    uint _e60 = p.segments;
    uint per_team = naga_div((_e60 + TEAMS) - 1u, TEAMS);
    uint first_sum_1 = team * TEAM_SUMS;
    bool loop_init_6 = true;
    while(true) {
        if (!loop_init_6) {
            uint _e240 = s;
            s = _e240 + 1u;
        }
        loop_init_6 = false;
        uint _e72 = s;
        if (_e72 < per_team) {
        } else {
            break;
        }
        {
            uint _e75 = s;
            uint segment_3 = (team * per_team) + _e75;
            uint _e79 = p.segments;
            uint number_1 = (tile * _e79) + segment_3;
            uint _e84 = p.segments;
            if (segment_3 < _e84) {
                uint _e89 = p.starts;
                uint _e97 = data[(_e89 + (number_1 * 8u)) + naga_div(lane_2, 4u)];
                uint start_1 = (_e97 >> (8u * naga_mod(lane_2, 4u))) & 255u;
                uint _e108 = p.entries;
                uint _e113 = data[_e108 + (4u * number_1)];
                uint word_1 = ((_e113 + naga_div(start_1, 32u)) * 32u) + lane_2;
                uint _e122 = p.segments;
                uint _e125 = p.padded_groups;
                uint step_2 = (_e122 * _e125) * 4u;
                uint _e131 = p.segments;
                uint _e136 = p.padded_groups;
                uint first_1 = ((((row0_1 * _e131) + segment_3) * _e136) * 4u) + naga_mod(lane_2, 4u);
                uint _e145 = groups_of(segment_3, p);
                uint _e148 = p.segment_groups;
                type_7 _e149 = segment_sums(word_1, naga_mod(start_1, 32u), first_1, step_2, _e145, _e148, stream, digits, table, _buffer_sizes);
                r = 0u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e177 = r;
                        r = _e177 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e152 = r;
                    if (_e152 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e155 = r;
                        uint sum_3 = (first_sum_1 + (_e155 * CODE_ROWS)) + naga_div(lane_2, 4u);
                        uint _e164 = r;
                        int _e167 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3], _e149.inner[_e164].x, metal::memory_order_relaxed);
                        uint _e172 = r;
                        int _e175 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3 + 8u], _e149.inner[_e172].y, metal::memory_order_relaxed);
                    }
                }
                add_corrections(number_1, segment_3, first_sum_1, lane_2, row0_1, digits, p, data, corrected, _buffer_sizes);
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i_2 = 0u;
            bool loop_init_8 = true;
            while(true) {
                if (!loop_init_8) {
                    uint _e237 = i_2;
                    i_2 = _e237 + 1u;
                }
                loop_init_8 = false;
                uint _e181 = i_2;
                if (_e181 < SUMS_PER_THREAD) {
                } else {
                    break;
                }
                {
                    uint _e184 = i_2;
                    uint sum_4 = (_e184 * 32u) + lane_2;
                    uint _e190 = p.segments;
                    if (!((segment_3 >= _e190))) {
                        local = sum_4 >= TEAM_SUMS;
                    } else {
                        local = true;
                    }
                    bool _e198 = local;
                    if (_e198) {
                        continue;
                    }
                    uint row_3 = row0_1 + naga_div(sum_4, CODE_ROWS);
                    uint _e205 = p.scales;
                    uint _e208 = p.segments;
                    uint _e214 = digits[(_e205 + (row_3 * _e208)) + segment_3].x;
                    float scale = as_type<float>(_e214);
                    int _e220 = metal::atomic_exchange_explicit(&sums.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_codes = static_cast<float>(_e220);
                    int _e226 = metal::atomic_exchange_explicit(&corrected.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_corrections = static_cast<float>(_e226);
                    uint _e228 = i_2;
                    uint _e232 = i_2;
                    float _e234 = total.inner[_e232];
                    total.inner[_e228] = metal::fma(scale, metal::fma(of_corrections, 2.0, of_codes), _e234);
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e261 = i_3;
            i_3 = _e261 + 1u;
        }
        loop_init_9 = false;
        uint _e244 = i_3;
        if (_e244 < SUMS_PER_THREAD) {
        } else {
            break;
        }
        {
            uint _e247 = i_3;
            uint sum_5 = (_e247 * 32u) + lane_2;
            if (sum_5 < TEAM_SUMS) {
                uint _e256 = i_3;
                float _e258 = total.inner[_e256];
                metal::atomic_store_explicit(&sums.inner[first_sum_1 + sum_5], as_type<int>(_e258), metal::memory_order_relaxed);
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_4 = thread_;
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e339 = i_4;
            i_4 = _e339 + THREADS;
        }
        loop_init_10 = false;
        uint _e264 = i_4;
        if (_e264 < TEAM_SUMS) {
        } else {
            break;
        }
        {
            uint _e267 = i_4;
            uint r_2 = naga_div(_e267, CODE_ROWS);
            uint _e272 = i_4;
            uint row_4 = (tile * CODE_ROWS) + naga_mod(_e272, CODE_ROWS);
            ProductParameters _e276 = parameters(p);
            if (!(((row0_1 + r_2) >= rows_in_use))) {
                local_1 = row_4 < _e276.first;
            } else {
                local_1 = true;
            }
            bool _e285 = local_1;
            if (!(_e285)) {
                local_2 = row_4 >= (_e276.first + _e276.count);
            } else {
                local_2 = true;
            }
            bool _e294 = local_2;
            if (_e294) {
                continue;
            }
            sum = 0.0;
            other = 0u;
            bool loop_init_11 = true;
            while(true) {
                if (!loop_init_11) {
                    uint _e314 = other;
                    other = _e314 + 1u;
                }
                loop_init_11 = false;
                uint _e299 = other;
                if (_e299 < TEAMS) {
                } else {
                    break;
                }
                {
                    float _e302 = sum;
                    uint _e304 = other;
                    uint _e307 = i_4;
                    int _e310 = metal::atomic_load_explicit(&sums.inner[(_e304 * TEAM_SUMS) + _e307], metal::memory_order_relaxed);
                    sum = _e302 + as_type<float>(_e310);
                }
            }
            float _e316 = sum;
            sum = _e316 * 1.0;
            if (_e276.m.listed != 0u) {
                float _e323 = sum;
                float _e325 = outlier_sum(row_4, row0_1 + r_2, side, p, x, _buffer_sizes);
                sum = _e323 + _e325;
            }
            float _e337 = sum;
            float _e338 = result_of(row_4, _e337, side, p, bias, _buffer_sizes);
            y[((((row0_1 + r_2) * _e276.y_stride) + _e276.y_first) + row_4) - _e276.first] = _e338;
        }
    }
    return;
}
