use crate::{CoreError, Limits, TensorEntry, TensorPart};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The byte strings of an encoded tensor; cheap to clone (reference-counted, possibly memory-mapped).
pub type TensorParts = BTreeMap<TensorPart, Bytes>;

/// One weight matrix in its encoded form: facts and bytes.
///
/// Who checks: the constructor, all that can be checked without decoding. Every tensor has the parts that its
/// content asks for and no other, and each part whose length follows from the facts has that length. What the
/// bytes say is checked by whoever decodes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedTensor {
    entry: TensorEntry,
    parts: TensorParts,
}

impl EncodedTensor {
    /// Checks facts and bytes, under the default limits.
    ///
    /// # Errors
    /// When the facts do not hold (see [`TensorEntry::check`]), a part is missing, a part belongs to no such
    /// content, or a part has not the length that follows from the facts.
    pub fn new(entry: TensorEntry, parts: TensorParts) -> Result<Self, CoreError> {
        Self::within(entry, parts, &Limits::default())
    }

    /// As [`new`](Self::new), under limits of the caller.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn within(entry: TensorEntry, parts: TensorParts, limits: &Limits) -> Result<Self, CoreError> {
        entry.check(limits)?;
        let wanted = entry.content.parts();
        if let Some(&stray) = parts.keys().find(|part| !wanted.contains(part)) {
            return Err(CoreError::StrayPart(stray));
        }
        for part in wanted {
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

    /// The facts.
    pub fn entry(&self) -> &TensorEntry {
        &self.entry
    }

    /// Rows, columns.
    pub fn shape(&self) -> [usize; 2] {
        self.entry.shape
    }

    /// The byte strings, those that the content asks for.
    pub fn parts(&self) -> &TensorParts {
        &self.parts
    }

    /// The bytes of a part.
    ///
    /// # Errors
    /// When the content asks for no such part.
    pub fn part(&self, part: TensorPart) -> Result<&Bytes, CoreError> {
        self.parts.get(&part).ok_or(CoreError::MissingPart(part))
    }

    /// Facts and bytes apart, to make another tensor of them.
    pub fn into_parts(self) -> (TensorEntry, TensorParts) {
        (self.entry, self.parts)
    }

    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.parts.values().map(|part| part.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coding, FloatType, GridEntry, LaneOrder, RawEntry, TensorContent, TensorKind, Tile};

    /// 5 x 12 codes below 9 in three tiles, the lengths of parts right.
    fn sound(coding: Coding) -> (TensorEntry, TensorParts) {
        let content = TensorContent::Codes {
            coding,
            alphabet: 9,
            tile: Tile { rows: 2, cols: 12, lanes: 2, order: LaneOrder::Rows },
            classes: None,
            grid: GridEntry::AffineGroups {
                bits: 4,
                group_size: 4,
                dtype: FloatType::F16,
                zero: None,
                zeros: false,
            },
        };
        let entry = TensorEntry { kind: TensorKind::Linear, shape: [5, 12], content };
        // Codes below 9 take four bits.
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
        let (mut entry, mut parts) = sound(coding);
        edit(&mut entry, &mut parts);
        EncodedTensor::new(entry, parts)
    }

    #[test]
    fn a_sound_tensor_gives_back_what_it_was_made_of() {
        for coding in Coding::ALL {
            let (entry, parts) = sound(coding);
            let tensor = EncodedTensor::new(entry.clone(), parts.clone()).unwrap();
            assert_eq!((tensor.entry(), tensor.parts(), tensor.shape()), (&entry, &parts, [5, 12]));
            assert_eq!(tensor.bytes(), parts.values().map(|bytes| bytes.len() as u64).sum());
            assert_eq!(tensor.part(TensorPart::Levels), Err(CoreError::MissingPart(TensorPart::Levels)));
            assert_eq!(tensor.into_parts(), (entry, parts));
        }
    }

    #[test]
    fn parts_are_those_that_the_content_asks_for() {
        for coding in Coding::ALL {
            let wanted = sound(coding).0.content.parts();
            for part in TensorPart::ALL {
                let result = match wanted.contains(&part) {
                    true => edited(coding, |_, parts| drop(parts.remove(&part))),
                    false => edited(coding, |_, parts| drop(parts.insert(part, Bytes::new()))),
                };
                let expected = match wanted.contains(&part) {
                    true => CoreError::MissingPart(part),
                    false => CoreError::StrayPart(part),
                };
                assert_eq!(result, Err(expected), "{coding:?}");
            }
        }
    }

    #[test]
    fn lengths_follow_from_the_facts() {
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
                "how long a stream is, only its decoder knows"
            );
        }
    }

    #[test]
    fn facts_are_checked_and_caps_come_first() {
        let none = edited(Coding::Rans, |entry, _| entry.shape = [0, 12]);
        assert_eq!(none, Err(CoreError::Shape { rows: 0, cols: 12 }));
        let huge = edited(Coding::Rans, |entry, _| entry.shape = [1 << 40, 12]);
        assert_eq!(huge, Err(CoreError::Shape { rows: 1 << 40, cols: 12 }));
        let (entry, parts) = sound(Coding::Rans);
        let limits = Limits { tensor_weights: 59, ..Limits::default() };
        let refused = EncodedTensor::within(entry, parts, &limits);
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
