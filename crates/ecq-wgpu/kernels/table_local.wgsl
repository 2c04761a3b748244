// A table of codes in workgroup memory: 32 lanes look up 32 places, which are as many lines of a cache.
//
// Constants: THREADS, and TABLE_ENTRIES, the entries of what is copied, a multiple of 4.

var<workgroup> local_table: array<u32, TABLE_ENTRIES>;

// Copies the entries from the word `first` on; for all threads of a workgroup, before any of them returns.
fn open_table(thread: u32, first: u32) {
    for (var i = 4u * thread; i < TABLE_ENTRIES; i += 4u * THREADS) {
        // Four loads at once.
        let at = first + i;
        let entries = vec4<u32>(data[at], data[at + 1u], data[at + 2u], data[at + 3u]);
        local_table[i] = entries.x;
        local_table[i + 1u] = entries.y;
        local_table[i + 2u] = entries.z;
        local_table[i + 3u] = entries.w;
    }
    workgroupBarrier();
}

fn table_entry(i: u32) -> u32 {
    return local_table[i];
}
