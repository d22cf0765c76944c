//! Words that cannot be read.

use std::{fmt, num::NonZeroUsize};

use super::ConfigError;

/// Says which word of a text is wrong, and in which line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParseError {
    line: Option<NonZeroUsize>,
    word: Box<str>,
    problem: Problem,
}

impl ParseError {
    pub(crate) fn new(word: &str, problem: impl Into<Problem>) -> Self {
        Self { line: None, word: word.into(), problem: problem.into() }
    }

    pub(crate) fn in_line(self, line: usize) -> Self {
        Self { line: NonZeroUsize::new(line), ..self }
    }

    /// Returns the line, from 1, `None` where the text was one line.
    pub fn line(&self) -> Option<usize> {
        self.line.map(NonZeroUsize::get)
    }

    /// Returns the offending word. Where one is missing, it is the one that asks for it.
    pub fn word(&self) -> &str {
        &self.word
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "`{}`: {}", self.word.escape_debug(), self.problem)
    }
}

impl std::error::Error for ParseError {}

/// What is wrong with the word.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum Problem {
    #[error("unknown option")]
    Unknown,
    #[error("the option needs a value")]
    NoValue,
    #[error("the option has no value")]
    SpareValue,
    #[error("not an option")]
    NotAnOption,
    #[error("given twice, or beside another that excludes it")]
    Twice,
    #[error("not an option of this command, or not with its other options")]
    Misplaced,
    #[error("the line has to begin with -A or -a")]
    Command,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("not a flag of this scheduler")]
    Flag,
    #[error("no line before adds this service")]
    NoSuchService,
    #[error(transparent)]
    Config(#[from] ConfigError),
}
