// Tables of codes where they are: those of tiles differ, or together they are too large.

fn open_table(thread: u32, first: u32) {
}

fn table_entry(i: u32) -> u32 {
    return data[i];
}
