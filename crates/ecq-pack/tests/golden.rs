//! Files of the first release of the schema, never to be rewritten: what they hold must come back for as long
//! as the schema's version is 1. `small_gguf(2, 256)` in every coding.

use ecq_core::Limits;
use ecq_pack::{export_gguf, source, verify};

#[test]
fn golden_files_decode_to_what_they_were_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let gguf = folder.path().join("small.gguf");
    std::fs::write(&gguf, ecq_testkit::small_gguf(2, 256)).unwrap();
    let limits = Limits::default();
    let original = source::open(&gguf, &limits).unwrap();
    for coding in ["packed", "rans", "prefix", "archive"] {
        let golden = format!("{}/tests/data/{coding}-v1.ecq", env!("CARGO_MANIFEST_DIR"));
        let found = verify(golden.as_ref(), Some(&*original), &limits, &()).unwrap();
        assert!(found.ok, "{coding}: {:?}", found.mismatches);
        let back = folder.path().join(coding);
        export_gguf(golden.as_ref(), &back, &limits, &()).unwrap();
        assert!(std::fs::read(&back).unwrap() == std::fs::read(&gguf).unwrap(), "{coding}");
    }
}
