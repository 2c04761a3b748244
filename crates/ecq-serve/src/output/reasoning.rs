//! Separates reasoning from the answer.

use super::seeker::Seeker;

/// Splits a text into reasoning and answer.
///
/// White space around both is dropped where the marks are.
#[derive(Debug, Clone)]
pub struct Reasoning {
    state: State,
    /// White space that is dropped if a mark follows.
    space: String,
}

#[derive(Debug, Clone)]
enum State {
    /// Before the first character that is not white space.
    Start(Seeker),
    Inside {
        end: Seeker,
        begun: bool,
    },
    /// After the reasoning, before the answer.
    Between,
    Answer,
}

/// A part of the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Reasoning.
    Reasoning(String),
    /// Text of the answer.
    Answer(String),
}

/// The mark that begins reasoning.
pub const BEGIN: &str = "<think>";
/// The mark that ends it.
pub const END: &str = "</think>";

impl Reasoning {
    /// For a text that begins inside reasoning, or may begin with the mark.
    pub fn new(inside: bool) -> Self {
        let state = match inside {
            true => State::Inside { end: Seeker::new(&[END]), begun: false },
            false => State::Start(Seeker::new(&[BEGIN])),
        };
        Self { state, space: String::new() }
    }

    /// Adds a piece of text.
    pub fn push(&mut self, piece: &str, mut emit: impl FnMut(Part)) {
        let mut rest = piece.to_owned();
        loop {
            match &mut self.state {
                State::Start(seeker) => {
                    let found = seeker.push(&rest);
                    let blank = found.text.trim().is_empty();
                    self.space += &found.text;
                    match found.mark {
                        Some((_, after)) if blank && self.space.trim().is_empty() => {
                            self.space.clear();
                            self.state = State::Inside { end: Seeker::new(&[END]), begun: false };
                            rest = after;
                            continue;
                        }
                        // A mark within the answer is text.
                        Some((_, after)) => {
                            self.state = State::Answer;
                            emit(Part::Answer(std::mem::take(&mut self.space) + BEGIN + &after));
                        }
                        None if blank => {}
                        None => {
                            let held = seeker.finish();
                            self.state = State::Answer;
                            emit(Part::Answer(std::mem::take(&mut self.space) + &held));
                        }
                    }
                    return;
                }
                State::Inside { end, begun } => {
                    let found = end.push(&rest);
                    self.space += &found.text;
                    if !*begun {
                        self.space = self.space.trim_start().to_owned();
                    }
                    let text = self.space.trim_end();
                    if !text.is_empty() {
                        *begun = true;
                        let space = self.space.split_off(text.len());
                        emit(Part::Reasoning(std::mem::replace(&mut self.space, space)));
                    }
                    let Some((_, after)) = found.mark else { return };
                    self.space.clear();
                    self.state = State::Between;
                    rest = after;
                }
                State::Between => {
                    let text = rest.trim_start();
                    if text.is_empty() {
                        return;
                    }
                    self.state = State::Answer;
                    emit(Part::Answer(text.to_owned()));
                    return;
                }
                State::Answer => {
                    if !rest.is_empty() {
                        emit(Part::Answer(rest));
                    }
                    return;
                }
            }
        }
    }

    /// Ends the text.
    pub fn finish(&mut self, mut emit: impl FnMut(Part)) {
        match &mut self.state {
            State::Start(seeker) => {
                let text = std::mem::take(&mut self.space) + &seeker.finish();
                emit(Part::Answer(text));
            }
            State::Inside { end, begun } => {
                let text = std::mem::take(&mut self.space) + &end.finish();
                let text = text.trim_end();
                emit(Part::Reasoning(if *begun { text } else { text.trim_start() }.to_owned()));
            }
            State::Between | State::Answer => {}
        }
    }
}
