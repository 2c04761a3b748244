// A table of codes in workgroup memory: 32 lanes look up 32 places, which are as many lines of a cache.
//
// Constants: THREADS, and TABLE_ENTRIES, the entries of what is copied.

var<workgroup> local_table: array<u32, TABLE_ENTRIES>;

// Copies the entries from the word `first` on; for all threads of a workgroup, before any of them returns.
fn open_table(thread: u32, first: u32) {
    for (var i = thread; i < TABLE_ENTRIES; i += THREADS) { local_table[i] = data[first + i]; }
    workgroupBarrier();
}

fn table_entry(i: u32) -> u32 {
    return local_table[i];
}
