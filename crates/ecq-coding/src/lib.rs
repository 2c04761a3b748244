//! Entropy coders for small alphabets: interleaved rANS, multi-symbol prefix codes, byte planes; SIMD decode.
