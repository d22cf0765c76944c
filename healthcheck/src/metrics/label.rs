use std::fmt::{self, Display, Write};

/// A label's value, in which the format has three characters escaped.
#[derive(Clone, Copy)]
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaper(f), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive(['\\', '"', '\n']) {
            match piece.char_indices().next_back() {
                Some((end, special @ ('\\' | '"' | '\n'))) => {
                    self.0.write_str(piece.get(..end).unwrap_or_default())?;
                    self.0.write_str(match special {
                        '\\' => r"\\",
                        '"' => r#"\""#,
                        _ => r"\n",
                    })?;
                }
                Some(_) | None => self.0.write_str(piece)?,
            }
        }
        Ok(())
    }
}
