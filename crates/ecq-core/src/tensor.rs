use crate::{CoreError, Limits, TensorEntry, TensorPart};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Byte strings of an encoded tensor. Cloning is cheap: the bytes are reference-counted and may be
/// memory-mapped.
pub type TensorParts = BTreeMap<TensorPart, Bytes>;

/// One weight matrix in encoded form: an entry and the bytes of its parts.
///
/// The constructor checks everything that can be checked without decoding: a tensor has exactly the parts
/// that its content requires, and each part whose length follows from the entry has that length. Decoders
/// check the bytes themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedTensor {
    entry: TensorEntry,
    parts: TensorParts,
}

impl EncodedTensor {
    /// Creates a tensor, with the default limits.
    ///
    /// # Errors
    /// The errors of [`TensorEntry::check`]; [`CoreError::MissingPart`] or [`CoreError::StrayPart`] if the
    /// parts are not those of the content; [`CoreError::PartLength`] if the length of a part differs from the
    /// one that follows from the entry.
    pub fn new(entry: TensorEntry, parts: TensorParts) -> Result<Self, CoreError> {
        Self::with_limits(entry, parts, &Limits::default())
    }

    /// Creates a tensor as [`new`](Self::new) does, with the given limits.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    pub fn with_limits(entry: TensorEntry, parts: TensorParts, limits: &Limits) -> Result<Self, CoreError> {
        entry.check(limits)?;
        let required = entry.content.parts();
        if let Some(&stray) = parts.keys().find(|part| !required.contains(part)) {
            return Err(CoreError::StrayPart(stray));
        }
        for part in required {
            let found = parts.get(&part).ok_or(CoreError::MissingPart(part))?.len();
            match entry.part_bytes(part) {
                Some(expected) if found != expected => {
                    return Err(CoreError::PartLength { part, found, expected });
                }
                _ => {}
            }
        }
        Ok(Self { entry, parts })
    }

    /// Returns the entry.
    pub fn entry(&self) -> &TensorEntry {
        &self.entry
    }

    /// Returns `[rows, columns]`.
    pub fn shape(&self) -> [usize; 2] {
        self.entry.shape
    }

    /// Returns all parts.
    pub fn parts(&self) -> &TensorParts {
        &self.parts
    }

    /// Returns the bytes of a part.
    ///
    /// # Errors
    /// [`CoreError::MissingPart`] if the content has no such part.
    pub fn part(&self, part: TensorPart) -> Result<&Bytes, CoreError> {
        self.parts.get(&part).ok_or(CoreError::MissingPart(part))
    }

    /// Splits the tensor into its entry and its parts.
    pub fn into_parts(self) -> (TensorEntry, TensorParts) {
        (self.entry, self.parts)
    }

    /// Returns the total size of all parts in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.values().map(|part| part.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coding, FloatType, GridEntry, LaneOrder, RawEntry, TensorContent, TensorKind, Tile};

    /// Returns a valid entry and parts: 5 x 12 codes below 9 in three tiles.
    fn valid(coding: Coding) -> (TensorEntry, TensorParts) {
        let tuples = coding == Coding::Tuples;
        let groups = GridEntry::AffineGroups {
            bits: 4,
            group_size: 4,
            dtype: FloatType::F16,
            zero: None,
            zeros: false,
        };
        let uniform = GridEntry::UniformRows {
            zero: 4,
            dtype: FloatType::F16,
            per_row: true,
            columns: None,
            levels: None,
            outliers: None,
        };
        let by_rows = Tile { rows: 2, cols: 12, lanes: 2, order: LaneOrder::Rows };
        let content = TensorContent::Codes {
            coding,
            alphabet: 9,
            tile: if tuples { Tile::of_tuples(12) } else { by_rows },
            classes: None,
            branch_tables: false,
            grid: if tuples { uniform } else { groups },
        };
        let entry = TensorEntry { kind: TensorKind::Linear, shape: [5, 12], content };
        // A code below 9 takes four bits.
        let length = |part| match part {
            TensorPart::Index => 3 * 4,
            TensorPart::Stream => 5 * 6,
            _ => 7,
        };
        let parts = entry.content.parts().into_iter();
        let parts = parts.map(|part| (part, Bytes::from(vec![0; length(part)]))).collect();
        (entry, parts)
    }

    fn edited(
        coding: Coding,
        edit: impl Fn(&mut TensorEntry, &mut TensorParts),
    ) -> Result<EncodedTensor, CoreError> {
        let (mut entry, mut parts) = valid(coding);
        edit(&mut entry, &mut parts);
        EncodedTensor::new(entry, parts)
    }

    #[test]
    fn a_valid_tensor_returns_its_entry_and_parts() {
        for coding in Coding::ALL {
            let (entry, parts) = valid(coding);
            let tensor = EncodedTensor::new(entry.clone(), parts.clone()).unwrap();
            assert_eq!((tensor.entry(), tensor.parts(), tensor.shape()), (&entry, &parts, [5, 12]));
            assert_eq!(tensor.bytes(), parts.values().map(|bytes| bytes.len() as u64).sum());
            assert_eq!(tensor.part(TensorPart::Levels), Err(CoreError::MissingPart(TensorPart::Levels)));
            assert_eq!(tensor.into_parts(), (entry, parts));
        }
    }

    #[test]
    fn missing_and_stray_parts_are_refused() {
        for coding in Coding::ALL {
            let required = valid(coding).0.content.parts();
            for part in TensorPart::ALL {
                let result = match required.contains(&part) {
                    true => edited(coding, |_, parts| drop(parts.remove(&part))),
                    false => edited(coding, |_, parts| drop(parts.insert(part, Bytes::new()))),
                };
                let expected = match required.contains(&part) {
                    true => CoreError::MissingPart(part),
                    false => CoreError::StrayPart(part),
                };
                assert_eq!(result, Err(expected), "{coding:?}");
            }
        }
    }

    #[test]
    fn wrong_part_lengths_are_refused() {
        let with = |coding, part, n| edited(coding, |_, parts| drop(parts.insert(part, vec![0; n].into())));
        for n in (0..64).filter(|&n| n != 30) {
            let expected = CoreError::PartLength { part: TensorPart::Stream, found: n, expected: 30 };
            assert_eq!(with(Coding::Packed, TensorPart::Stream, n), Err(expected));
        }
        for coding in [Coding::Rans, Coding::Prefix, Coding::Archive] {
            for n in (0..64).filter(|&n| n != 12) {
                let expected = CoreError::PartLength { part: TensorPart::Index, found: n, expected: 12 };
                assert_eq!(with(coding, TensorPart::Index, n), Err(expected));
            }
            assert!(
                with(coding, TensorPart::Stream, 0).is_ok(),
                "the length of a coded stream is checked by its decoder"
            );
        }
    }

    #[test]
    fn tuples_have_one_tile_and_grids_with_a_zero() {
        let change = |edit: &dyn Fn(&mut Tile, &mut GridEntry)| {
            edited(Coding::Tuples, |entry, _| match &mut entry.content {
                TensorContent::Codes { tile, grid, .. } => edit(tile, grid),
                TensorContent::Raw(_) => unreachable!("the entry has codes"),
            })
        };
        let rows = change(&|tile, _| tile.rows = 32);
        assert!(matches!(rows, Err(CoreError::Parameter { what: "tile rows", found: 32, .. })));
        let lanes = change(&|tile, _| tile.lanes = 16);
        assert!(matches!(lanes, Err(CoreError::Parameter { what: "tile rows", .. })));
        let levels = change(&|_, grid| {
            if let GridEntry::UniformRows { levels, .. } = grid {
                *levels = Some(FloatType::F32);
            }
        });
        assert!(matches!(levels, Err(CoreError::Parameter { what: "grid of coding tuples", .. })));
    }

    #[test]
    fn invalid_shapes_and_exceeded_limits_are_refused() {
        let none = edited(Coding::Rans, |entry, _| entry.shape = [0, 12]);
        assert_eq!(none, Err(CoreError::Shape { rows: 0, cols: 12 }));
        let huge = edited(Coding::Rans, |entry, _| entry.shape = [1 << 40, 12]);
        assert_eq!(huge, Err(CoreError::Shape { rows: 1 << 40, cols: 12 }));
        let (entry, parts) = valid(Coding::Rans);
        let limits = Limits { tensor_weights: 59, ..Limits::default() };
        let refused = EncodedTensor::with_limits(entry, parts, &limits);
        assert_eq!(refused, Err(CoreError::Shape { rows: 5, cols: 12 }));
        let raw = |bytes| {
            let content = TensorContent::Raw(RawEntry { dtype: "f32".to_owned(), bytes });
            let entry = TensorEntry { kind: TensorKind::Other, shape: [5, 12], content };
            EncodedTensor::new(entry, TensorParts::from([(TensorPart::Stream, Bytes::new())]))
        };
        assert!(raw(240).is_ok());
        assert!(matches!(raw(u64::MAX), Err(CoreError::Parameter { what: "raw bytes", .. })));
    }
}
