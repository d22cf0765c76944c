use std::fmt;

use serde::Serialize;

/// Something there is to say of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "it is read, in data too")]
pub struct Diagnostic {
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Where in the line, in characters from 1; after definitions were put in.
    pub column: usize,
    /// What.
    pub message: String,
    /// The line, with definitions put in.
    pub text: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the file is refused for it or it is not")]
pub enum Severity {
    /// It cannot be: the file is refused.
    Error,
    /// It is not as the user may think; the message says what happens instead.
    Warning,
}

/// As compilers write it: where and what, the line, and a caret.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Self { file, line, column, message, text, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {message}")?;
        if text.is_empty() {
            return Ok(());
        }
        let before: String = text
            .chars()
            .take(column.saturating_sub(1))
            .map(|it| if it == '\t' { '\t' } else { ' ' })
            .collect();
        write!(f, "\n    {text}\n    {before}^")
    }
}
