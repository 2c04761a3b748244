//! The kernels that the check of translations translates: each kernel, with the constants of common models.

use crate::commands::attention_kernel;
use crate::decode::{checked_decoders, pack_kernel};
use crate::fake_quant::kernel;
use crate::kernel::{Kernel, source};
use crate::products::{matrix_kernel, prepare_kernel, product_kernel, tiled_kernel};
use crate::tuples::TupleKind;
use ecq_core::Element;
use ecq_kernels::fake_quant::{Bits, FakeQuantError, FakeQuantizer, Levels, Rounding, Symmetric};
use ecq_kernels::gpu::{FakeQuantForm, MatrixKind, element, grid};

/// Returns each kernel with a name.
pub fn checked_kernels() -> Vec<(String, Kernel)> {
    let mut all = Vec::new();
    let mut add = |name: &str, kernel: Kernel| all.push((name.to_owned(), kernel));
    for (entry, access) in [
        ("norm", "wrrw"),
        ("angles", "rrw"),
        ("rotate", "rw"),
        ("activate", "rw"),
        ("add", "rw"),
        ("clear", "w"),
        ("gather", "rrw"),
        ("weigh", "rw"),
        ("scatter", "rrw"),
        ("advance", "rrwwww"),
    ] {
        add(entry, Kernel::new(entry, &[source::ROWS], access));
    }
    for (entry, access) in [("append", "rrrrwww"), ("copy_blocks", "rw")] {
        add(entry, Kernel::new(entry, &[source::CACHE], access));
    }
    for (entry, access) in [("argmax", "rw"), ("sample", "rwrww"), ("route", "rww")] {
        add(entry, Kernel::new(entry, &[source::TOKENS], access));
    }
    for (head_dim, element) in
        [(64, Element::F16), (128, Element::F32), (80, Element::Bf16), (128, Element::I8)]
    {
        add(&format!("attend_{head_dim}_{element}"), attention_kernel(head_dim, element));
    }
    add("prepare", prepare_kernel(false));
    add("prepare_values", prepare_kernel(true));
    let kind = |grid, bits, scales, biased, group| MatrixKind { bits, grid, scales, biased, group };
    let kinds = [
        ("uniform_3", kind(grid::UNIFORM, 3, element::F32, false, 32)),
        ("uniform_8", kind(grid::UNIFORM, 8, element::F32, false, 32)),
        ("affine_4", kind(grid::AFFINE, 4, element::F16, true, 32)),
        ("affine_any_4", kind(grid::AFFINE_ANY, 4, element::F16, true, 32)),
        ("super_blocks_4", kind(grid::SUPER_BLOCKS, 4, element::F16, true, 32)),
        ("super_blocks_6", kind(grid::SUPER_BLOCKS, 6, element::F16, false, 16)),
        ("levels_4", kind(grid::LEVELS, 4, element::F32, false, 32)),
        ("f16", kind(grid::DENSE, 16, element::F16, false, 32)),
        ("f32", kind(grid::DENSE, 32, element::F32, false, 32)),
    ];
    for (name, kind) in kinds {
        add(&format!("embed_{name}"), matrix_kernel(kind, "embed", &[source::EMBED], "rrrww"));
        add(&format!("product_{name}"), product_kernel(kind, 1, false));
    }
    add("product_uniform_3_8_rows", product_kernel(kinds[0].1, 8, false));
    add("product_uniform_3_values", product_kernel(kinds[0].1, 1, true));
    add("product_affine_4_values", product_kernel(kinds[2].1, 1, true));
    for (form, dots) in [("bytes", true), ("floats", false)] {
        for (name, kind) in kinds.iter().filter(|(_, kind)| kind.is_integer()).step_by(2) {
            add(&format!("tiled_product_{form}_{name}"), tiled_kernel(*kind, 2, dots));
        }
    }
    add("tiled_product_bytes_4_rows", tiled_kernel(kinds[0].1, 4, true));
    for tuple in 2..=4 {
        add(&format!("prepare_tuples_{tuple}"), crate::tuples::prepare_kernel(tuple, false));
    }
    add("prepare_tuples_3_values", crate::tuples::prepare_kernel(3, true));
    for (name, tuple, width, trellis, rows, values) in [
        ("tuple_product_3", 3, 9, false, 1, false),
        ("tuple_product_3_values", 3, 9, false, 1, true),
        ("tuple_product_3_trellis", 3, 9, true, 1, false),
        ("tuple_product_2_trellis_8_rows", 2, 10, true, 8, false),
        ("tuple_product_4_trellis", 4, 8, true, 1, false),
        ("tuple_product_4_trellis_values", 4, 8, true, 1, true),
    ] {
        let touches = rows == 1;
        let kind = TupleKind { tuple, width, trellis, teams: 8, whole_batches: true, touches, values };
        add(name, kind.product_kernel(rows));
    }
    add("pack_4", pack_kernel(4, 0, 0));
    add("pack_4_trellis", pack_kernel(4, 12, 4));
    all.extend(checked_decoders(kinds[0].1));
    all.extend(checked_fake_quantizers());
    all
}

/// Returns the kernels of fake quantization.
fn checked_fake_quantizers() -> Vec<(String, Kernel)> {
    let quantizers = || -> Result<Vec<(&str, FakeQuantizer, FakeQuantForm)>, FakeQuantError> {
        let bits = Bits::new(4)?;
        let (away, even) = (Rounding::HalfAway, Rounding::HalfEven);
        Ok(vec![
            ("half_away", Symmetric::unit(bits, away).into(), FakeQuantForm::Vector),
            ("half_even_block", Symmetric::unit(bits, even).into(), FakeQuantForm::Block),
            ("sign", Symmetric::unit(Bits::new(1)?, away).into(), FakeQuantForm::Vector),
            ("channels", FakeQuantizer::with_limits(bits, &[1.0, 2.0], 3, away)?, FakeQuantForm::Vector),
            ("levels", Levels::range(bits, 0.0, 1.0, away)?.into(), FakeQuantForm::Vector),
        ])
    };
    // These parameters are right.
    let all = quantizers().unwrap_or_default();
    all.into_iter().map(|(name, of, form)| (format!("fake_{name}"), kernel(&of, form))).collect()
}
