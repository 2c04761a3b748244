// Levels of decoded tuples, and corrections of them. Macros: TUPLE, TRELLIS.

// Bytes of levels have an offset, so that corrections added to a word never carry into another byte.
#define OFFSET 0x80808080u

// Returns the levels of a register with an offset; `branches` are twice the branch bits, at its parities.
__device__ __forceinline__ u32 levels_of(u32 a, u32 branches) {
    if (TUPLE != 4) return (a | branches >> 1) ^ OFFSET;
    const u32 three = TRELLIS ? (a >> 4 & 0x0e0e0e0eu) | (branches >> 5 & 0x01010101u) : a >> 5 & 0x07070707u;
    return TRELLIS ? (three ^ 0x08080808u) + 0x78787878u : (three ^ 0x04040404u) + 0x7c7c7c7cu;
}

// Returns what a correction adds to a level: 1, 2, 4 or 16 units, each of which is two of k on a trellis, or
// four levels.
__device__ __forceinline__ int correction_of(u32 entry) {
    const u32 magnitude = entry >> 13 & 3;
    const int levels = (1 << (magnitude + magnitude / 3)) * (TRELLIS ? 4 : 1);
    return entry & 0x8000u ? -levels : levels;
}
