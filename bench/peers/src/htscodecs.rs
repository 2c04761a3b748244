//! htscodecs' rANS Nx16, the 32-way order-0 coder, through its C interface (libhtscodecs 1.3 or later).

const ORDER_0_32_WAY: i32 = 4;

unsafe extern "C" {
    fn rans_compress_bound_4x16(len: u32, order: i32) -> u32;
    fn rans_compress_to_4x16(from: *const u8, len: u32, to: *mut u8, to_len: *mut u32, order: i32)
    -> *mut u8;
    fn rans_uncompress_to_4x16(from: *const u8, len: u32, to: *mut u8, to_len: *mut u32) -> *mut u8;
}

pub fn encode(symbols: &[u8]) -> Vec<u8> {
    let len = symbols.len() as u32;
    // SAFETY: the buffer has the size that the library asks for.
    unsafe {
        let mut bytes = rans_compress_bound_4x16(len, ORDER_0_32_WAY);
        let mut out = vec![0; bytes as usize];
        let done = rans_compress_to_4x16(symbols.as_ptr(), len, out.as_mut_ptr(), &mut bytes, ORDER_0_32_WAY);
        assert!(!done.is_null());
        out.truncate(bytes as usize);
        out
    }
}

pub fn decode(bytes: &[u8], out: &mut [u8]) {
    let mut len = out.len() as u32;
    // SAFETY: `out` has the length that was encoded.
    let done =
        unsafe { rans_uncompress_to_4x16(bytes.as_ptr(), bytes.len() as u32, out.as_mut_ptr(), &mut len) };
    assert!(!done.is_null() && len as usize == out.len());
}
