//! The same tokens in every mode, from every coding and tile: on the CPU every form of the same codes gives
//! the same bits.

use super::models::{MODES, embedded, engine, load, tokenizer};
use ecq_codec::encode::{CodingChoice, EncodeOptions, TileChoice};
use ecq_core::{Coding, Limits};
use ecq_pack::source::{self, Source};
use ecq_pack::{GridChoice, PackOptions, pack};
use ecq_runtime::backend::ActivationType;
use ecq_runtime::{DecodeStats, Mode, Request};
use std::ops::ControlFlow;
use std::path::Path;

/// Tiles of every kind: the whole matrix, rows, blocks of rows, blocks that end inside a row.
const TILES: [TileChoice; 5] =
    [TileChoice::Auto, TileChoice::Matrix, TileChoice::Row, TileChoice::Rows(48), TileChoice::Block(40, 96)];

/// What `tokens` greedy tokens are, and what decoding cost.
fn tokens_of(file: &Path, mode: Mode, tokens: usize, activations: ActivationType) -> (Vec<u32>, DecodeStats) {
    let model = load(file, mode, activations, 2);
    let mut engine = engine(&model, None, 1);
    let prompt = tokenizer(file).encode("In the beginning", true).unwrap();
    let done = engine.complete(Request::new(prompt, tokens), |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(done[0].tokens.len(), tokens);
    (done[0].tokens.clone(), engine.executor().residency())
}

fn every_mode_agrees(source: &dyn Source, tokens: usize, forms: &[(Coding, TileChoice)], grid: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.ecq");
    let mut first = [None, None];
    for &(coding, tile) in forms {
        let encode = EncodeOptions {
            coding: CodingChoice::Only(coding),
            tile,
            hybrid_percent: 0.0,
            ..EncodeOptions::default()
        };
        let grid = GridChoice::parse(grid).unwrap();
        let options = PackOptions { linear: grid, embedding: grid, encode, ..PackOptions::default() };
        pack(source, "m", Some(&file), &options, &()).unwrap();
        // Other modes decode by the same decoders: one tile of each coding is enough.
        for &mode in if tile == TileChoice::Auto { &MODES[..] } else { &MODES[..1] } {
            for (first, activations) in first.iter_mut().zip([ActivationType::F32, ActivationType::I8]) {
                let (found, residency) = tokens_of(&file, mode, tokens, activations);
                let first = first.get_or_insert_with(|| found.clone());
                assert_eq!(*first, found, "{mode} {coding:?} {tile:?} {activations:?}");
                if mode == Mode::Prefetch && coding != Coding::Packed {
                    assert!(residency.uses > 0, "blocks pass through slots");
                }
                if mode == Mode::Lru && coding != Coding::Packed {
                    let DecodeStats { hits, uses, .. } = residency;
                    assert!(0 < hits && hits < uses, "some layers stay, some pass: {hits} of {uses}");
                }
            }
        }
    }
}

#[test]
fn every_mode_coding_and_tile_writes_the_same_text() {
    let source = source::open(&embedded(), &Limits::default()).unwrap();
    let coded = [Coding::Rans, Coding::Prefix].into_iter();
    let mut forms: Vec<_> = coded.flat_map(|coding| TILES.map(|tile| (coding, tile))).collect();
    forms.push((Coding::Packed, TileChoice::Auto));
    every_mode_agrees(&*source, 24, &forms, "affine:4:64");
}

#[test]
fn every_mode_writes_the_same_text_with_a_real_model() {
    if let Some(path) = ecq_fixtures::installed("SmolLM2-135M-Instruct.Q4_1.gguf") {
        let source = source::open(&path, &Limits::default()).unwrap();
        every_mode_agrees(&*source, 4, &[(Coding::Rans, TileChoice::Auto)], "keep");
    }
}
