//! What the engine remembers, read off what `Debug` shows of it.

use std::fmt::{self, Debug, Write};

use super::spec::Nanos;

/// All that something shows of itself, but for its counters: the text, and the moments, which are left out of it.
///
/// `Debug` shows every field; so one that is added to the engine is not forgotten here.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) text: String,
    pub(crate) moments: Vec<Nanos>,
    place: Place,
}

impl Memory {
    pub(crate) fn of(something: &impl Debug) -> Self {
        let mut memory = Self::default();
        write!(memory, "{something:?}").unwrap();
        memory
    }
}

/// Where in the text the next piece belongs.
#[derive(Debug, Default, PartialEq)]
enum Place {
    #[default]
    Elsewhere,
    Instant(String),
    Stats,
}

impl Write for Memory {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        match &mut self.place {
            Place::Elsewhere if piece == "Instant" => self.place = Place::Instant(String::new()),
            Place::Elsewhere if piece == "Stats" || piece == "RouterStats" => self.place = Place::Stats,
            Place::Elsewhere => self.text.push_str(piece),
            Place::Instant(digits) if piece == ")" => {
                self.moments.push(digits.trim_start_matches('(').parse().unwrap());
                self.place = Place::Elsewhere;
            }
            Place::Instant(digits) => digits.push_str(piece),
            Place::Stats if piece.ends_with('}') => self.place = Place::Elsewhere,
            Place::Stats => {}
        }
        Ok(())
    }
}
