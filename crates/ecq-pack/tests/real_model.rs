//! SmolLM2-135M (GGUF Q4_1) where it is installed: sizes that the README promises, and every bit back.

use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Coding, Limits};
use ecq_pack::{GgufOptions, PackOptions, PackReport, export_gguf, pack, source, verify};

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

#[test]
fn smollm2_is_as_small_as_promised_and_comes_back() {
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
        let found = verify(&dest, Some(&*original), &limits, &()).unwrap();
        assert!(found.ok, "{:?}", found.mismatches);
        assert_eq!(found.codes_checked, 134_479_872);
        let back = folder.path().join("m.gguf");
        export_gguf(&dest, &back, &GgufOptions::default(), &limits, &()).unwrap();
        assert!(std::fs::read(&back).unwrap() == std::fs::read(&model).unwrap(), "exported to other bytes");
        report
    };
    let rans = packed(Coding::Rans);
    assert!(rans.bpw_linear.unwrap() <= 4.45 && rans.bpw_embedding.unwrap() <= 7.85);
    for (report, most) in [(rans, 1.005), (packed(Coding::Prefix), 1.02)] {
        let large: Vec<_> = report.tensors.iter().filter(|t| t.rows * t.cols >= 800_000).collect();
        assert_eq!(large.len(), 91);
        for tensor in large {
            let ratio = tensor.codes_bpw.unwrap() / tensor.cross_entropy_bpw.unwrap();
            assert!(ratio <= most, "{}: {ratio}", tensor.name);
        }
    }
    assert!(packed(Coding::Archive).bpw_linear.unwrap() <= 4.33);
}
