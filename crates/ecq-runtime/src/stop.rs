//! Stop strings.

/// Holds text back while it may become a stop string.
///
/// The match that starts first wins, even if another one is complete earlier: with the stop strings `abcd`
/// and `bc`, the text `abc` is held back; `abcd` then emits nothing and `abcx` emits `a`. So the emitted text
/// does not depend on how the text is split into pieces. If several matches start together, the emitted text
/// is the same for all of them.
#[derive(Debug, Clone)]
pub struct StopMatcher {
    stops: Vec<String>,
    /// Text not emitted yet: empty, or a proper prefix of a stop string.
    held: String,
    /// Index of the stop string that ended the text.
    matched: Option<usize>,
}

impl StopMatcher {
    /// Creates a matcher; empty strings are ignored.
    pub fn new(mut stops: Vec<String>) -> Self {
        stops.retain(|stop| !stop.is_empty());
        Self { stops, held: String::new(), matched: None }
    }

    /// Adds a piece of text. Returns the text that can be emitted, and whether a stop string is complete.
    ///
    /// The stop string and the text after it are never emitted; later pieces return `("", true)`.
    pub fn push(&mut self, piece: &str) -> (String, bool) {
        if self.matched.is_some() {
            return (String::new(), true);
        }
        self.held.push_str(piece);
        for (start, _) in self.held.char_indices() {
            let rest = &self.held[start..];
            if let Some(stop) = self.stops.iter().position(|stop| rest.starts_with(stop.as_str())) {
                self.matched = Some(stop);
                self.held.truncate(start);
                return (std::mem::take(&mut self.held), true);
            }
            if self.stops.iter().any(|stop| stop.starts_with(rest)) {
                let held = self.held.split_off(start);
                return (std::mem::replace(&mut self.held, held), false);
            }
        }
        (std::mem::take(&mut self.held), false)
    }

    /// Ends the text and returns what was held back.
    ///
    /// It is cut before a stop string that was waiting for an earlier match.
    pub fn finish(&mut self) -> String {
        let mut held = std::mem::take(&mut self.held);
        let found =
            self.stops.iter().enumerate().filter_map(|(i, stop)| Some((held.find(stop.as_str())?, i)));
        if let Some((start, stop)) = found.min() {
            self.matched = Some(stop);
            held.truncate(start);
        }
        held
    }

    /// Returns the stop string that ended the text.
    pub fn matched(&self) -> Option<&str> {
        self.matched.map(|stop| self.stops[stop].as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % n
        }

        fn text(&mut self, min: usize, max: usize, alphabet: &[char]) -> String {
            let length = min + self.below(max - min + 1);
            (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect()
        }
    }

    /// Returns the start of the first occurrence of any stop string.
    fn first(text: &str, stops: &[String]) -> Option<usize> {
        (0..=text.len())
            .filter(|&i| text.is_char_boundary(i))
            .find(|&i| stops.iter().any(|stop| text[i..].starts_with(stop.as_str())))
    }

    /// Returns how much of a text can be emitted whatever follows, and whether it has ended.
    fn certain(text: &str, stops: &[String]) -> (usize, bool) {
        let possible = (0..text.len())
            .filter(|&i| text.is_char_boundary(i))
            .find(|&i| stops.iter().any(|stop| stop.len() > text.len() - i && stop.starts_with(&text[i..])));
        match (first(text, stops), possible) {
            (Some(found), possible) if possible.is_none_or(|p| found <= p) => (found, true),
            (_, possible) => (possible.unwrap_or(text.len()), false),
        }
    }

    #[test]
    fn splitting_a_text_does_not_change_the_output() {
        let mut random = Random(1);
        let (mut stopped, mut waited) = (0, 0);
        for round in 0..20_000 {
            // Two characters make overlapping stop strings likely; é and è share their first byte.
            let alphabet = &['é', 'è', '😀', 'a', 'b'][..[2, 5][round % 2]];
            let stops: Vec<String> = (0..random.below(4)).map(|_| random.text(1, 4, alphabet)).collect();
            let text = random.text(0, 20, alphabet);
            let characters: Vec<char> = text.chars().collect();
            let mut matcher = StopMatcher::new(stops.clone());
            let (mut shown, mut given, mut ended) = (String::new(), String::new(), false);
            let mut rest = &characters[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.below(rest.len().min(6) + 1));
                let piece: String = piece.iter().collect();
                let (new, now_ended) = matcher.push(&piece);
                rest = after;
                if ended {
                    assert_eq!((new.as_str(), now_ended), ("", true));
                    continue;
                }
                given += &piece;
                shown += &new;
                ended = now_ended;
                let (length, expected) = certain(&given, &stops);
                assert_eq!(
                    (shown.as_str(), ended),
                    (&given[..length], expected),
                    "{round}: {stops:?} {given:?}"
                );
                waited += usize::from(!ended && first(&given, &stops).is_some());
            }
            shown += &matcher.finish();
            let whole = &text[..first(&text, &stops).unwrap_or(text.len())];
            assert_eq!(shown, whole, "{round}: {stops:?} {text:?}");
            stopped += usize::from(ended);
        }
        assert!(stopped > 1000 && waited > 100, "{stopped} {waited}: the cases that matter came up");
    }

    #[test]
    fn the_documented_examples_hold() {
        let stops = ["abcd", "bc", ""].map(str::to_owned).to_vec();
        let run = |pieces: &[&str]| {
            let mut matcher = StopMatcher::new(stops.clone());
            let pushed: Vec<(String, bool)> = pieces.iter().map(|piece| matcher.push(piece)).collect();
            (pushed, matcher.finish())
        };
        let shows = |text: &str, ended| (text.to_owned(), ended);
        let mut matcher = StopMatcher::new(stops.clone());
        assert_eq!((matcher.push("ab").1, matcher.matched()), (false, None));
        assert_eq!((matcher.push("cd").1, matcher.matched()), (true, Some("abcd")));
        assert_eq!(run(&["abc", "d"]), (vec![shows("", false), shows("", true)], String::new()));
        assert_eq!(run(&["xabc", "x", "y"]).0, [shows("x", false), shows("a", true), shows("", true)]);
        assert_eq!(run(&["abc"]), (vec![shows("", false)], "a".to_owned()));
        assert_eq!(run(&["ab"]), (vec![shows("", false)], "ab".to_owned()));
        assert_eq!(run(&["", "bd"]), (vec![shows("", false), shows("bd", false)], String::new()));
    }

    #[test]
    fn a_long_piece_is_emitted_at_once() {
        let mut matcher = StopMatcher::new(vec!["\n\n".to_owned()]);
        let text = "line\n".repeat(1000);
        assert_eq!(matcher.push(&text), (text[..text.len() - 1].to_owned(), false));
        assert_eq!(matcher.push("x"), ("\nx".to_owned(), false));
    }
}
