// The branch bits of a row on a trellis grid. With c[j] = p[j] ^ c[j - 2 LAG], where p is the parity of a
// code, the branch bit of column j is c[j - LAG]. A kernel calls `begin_branches`, and for each column in
// order `branch_bit` and then `push_code`. Rows begin where a restart does.
//
// Constants: LAG, 0 on other grids.

// Whether c of 2 LAG columns fits a word, that of the last column in bit 0. Else it is in a ring.
const ONE_WORD: bool = LAG <= 16u;
const HISTORY_WORDS: u32 = select((2u * LAG + 31u) / 32u, 1u, ONE_WORD);

var<private> history: array<u32, HISTORY_WORDS>;
// The place of the column 2 LAG before in the ring.
var<private> history_at: u32;
// Columns until the next restart.
var<private> until_restart: u32;

fn begin_branches() {
    until_restart = 0u;
}

// Returns the branch bit of the next column. Every restart begins without a history.
fn branch_bit(restart: u32) -> u32 {
    if (LAG == 0u) { return 0u; }
    if (until_restart == 0u) {
        for (var i = 0u; i < HISTORY_WORDS; i++) { history[i] = 0u; }
        history_at = 0u;
        until_restart = restart;
    }
    until_restart--;
    if (ONE_WORD) { return history[0] >> ((LAG + 31u) % 32u) & 1u; }
    let at = select(history_at + LAG, history_at - LAG, history_at >= LAG);
    return history[at / 32u] >> (at % 32u) & 1u;
}

// Adds the code of that column.
fn push_code(symbol: u32, zero: u32) {
    if (LAG == 0u) { return; }
    let parity = (symbol ^ zero) & 1u;
    if (ONE_WORD) {
        history[0] = history[0] << 1u | (parity ^ (history[0] >> ((2u * LAG + 31u) % 32u) & 1u));
        return;
    }
    history[history_at / 32u] ^= parity << (history_at % 32u);
    history_at = select(history_at + 1u, 0u, history_at + 1u == 2u * LAG);
}
