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
            Place::Instant(duration) if piece == ")" => {
                self.moments.push(read_duration(duration.trim_start_matches('(')));
                self.place = Place::Elsewhere;
            }
            Place::Instant(duration) => duration.push_str(piece),
            Place::Stats if piece.ends_with('}') => self.place = Place::Elsewhere,
            Place::Stats => {}
        }
        Ok(())
    }
}

/// Reads what `Debug` has written of a `Duration`.
fn read_duration(text: &str) -> Nanos {
    let (number, unit) =
        text.split_at(text.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap());
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = match unit {
        "s" => 9,
        "ms" => 6,
        "µs" => 3,
        _ => 0,
    };
    format!("{whole}{part:0<digits$}").parse().unwrap()
}

#[test]
fn what_debug_writes_of_a_duration_is_read() {
    for nanos in [0, 1, 999, 1_000, 1_500, 78_125, 1_000_000, 609_375_000, 3_609_375_000, 40_790_039_062] {
        assert_eq!(read_duration(&format!("{:?}", std::time::Duration::from_nanos(nanos))), nanos);
    }
}
