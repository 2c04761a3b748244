//! SmolLM2-135M (GGUF Q4_1), if it is installed: the sizes in the README, and the bit-exact round trip.

use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Coding, Limits};
use ecq_pack::{GgufOptions, PackOptions, PackReport, export_gguf, pack, source, verify};

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

#[test]
fn smollm2_has_the_documented_sizes_and_exports_bit_exactly() {
    let Some(model) = ecq_fixtures::installed(FILE) else { return };
    let limits = Limits::default();
    let folder = tempfile::tempdir().unwrap();
    let original = source::open(&model, &limits).unwrap();
    let packed = |coding: Coding| -> PackReport {
        let encode = EncodeOptions {
            coding: CodingChoice::Only(coding),
            hybrid_percent: 0.0,
            ..EncodeOptions::default()
        };
        let dest = folder.path().join("m.ecq");
        let options = PackOptions { encode, ..PackOptions::default() };
        let report = pack(&*original, FILE, Some(&dest), &options, &()).unwrap();
        let verified = verify(&dest, Some(&*original), &limits, &()).unwrap();
        assert!(verified.ok, "{:?}", verified.mismatches);
        assert_eq!(verified.codes_checked, 134_479_872);
        let exported = folder.path().join("m.gguf");
        export_gguf(&dest, &exported, &GgufOptions::default(), &limits, &()).unwrap();
        assert!(std::fs::read(&exported).unwrap() == std::fs::read(&model).unwrap(), "exported bytes differ");
        report
    };
    let rans = packed(Coding::Rans);
    assert!(rans.bpw_linear.unwrap() <= 4.45 && rans.bpw_embedding.unwrap() <= 7.85);
    for (report, max_ratio) in [(rans, 1.005), (packed(Coding::Prefix), 1.02)] {
        let large: Vec<_> = report.tensors.iter().filter(|t| t.rows * t.cols >= 800_000).collect();
        assert_eq!(large.len(), 91);
        for tensor in large {
            let ratio = tensor.codes_bpw.unwrap() / tensor.cross_entropy_bpw.unwrap();
            assert!(ratio <= max_ratio, "{}: {ratio}", tensor.name);
        }
    }
    assert!(packed(Coding::Archive).bpw_linear.unwrap() <= 4.33);
}
