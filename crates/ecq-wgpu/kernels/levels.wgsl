// The branch bits of a row on a trellis grid. With c[j] = p[j] ^ c[j - 2 LAG], where p is the parity of a
// code, the branch bit of column j is c[j - LAG].
//
// Constants: LAG, 0 on other grids.

const HISTORY_WORDS: u32 = max((2u * LAG + 31u) / 32u, 1u);

// c of the last 2 LAG columns, in a ring, and the place of the column 2 LAG before.
var<private> history: array<u32, HISTORY_WORDS>;
var<private> history_at: u32;

// Returns the branch bit of a column. Every restart begins without a history.
fn branch_bit(col: u32, restart: u32) -> u32 {
    if (LAG == 0u) { return 0u; }
    if (col % restart == 0u) {
        for (var i = 0u; i < HISTORY_WORDS; i++) { history[i] = 0u; }
        history_at = 0u;
    }
    let at = select(history_at + LAG, history_at - LAG, history_at >= LAG);
    return history[at / 32u] >> (at % 32u) & 1u;
}

// Adds the code of a column.
fn push_code(symbol: u32, zero: u32) {
    if (LAG == 0u) { return; }
    history[history_at / 32u] ^= ((symbol ^ zero) & 1u) << (history_at % 32u);
    history_at = select(history_at + 1u, 0u, history_at + 1u == 2u * LAG);
}
