use super::CheckId;

/// What an event of the event loop is about, in the 64 bits that come with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Timer,
    /// The socket of a check, its program, or its program's output.
    Check(CheckId),
    Echo(usize),
    Orphan,
}

pub(super) const ORPHAN: u64 = 1;

/// A generation is never 0, so no check has a token like one of the others.
pub(super) fn check(id: CheckId) -> u64 {
    u64::from(id.generation) << 32 | u64::from(id.index)
}

pub(super) fn echo(index: usize) -> u64 {
    FIRST_ECHO + index as u64
}

pub(super) fn read(token: u64) -> Token {
    match (token >> 32) as u32 {
        0 if token >= FIRST_ECHO => Token::Echo((token - FIRST_ECHO) as usize),
        0 if token == ORPHAN => Token::Orphan,
        0 => Token::Timer,
        generation => Token::Check(CheckId { index: token as u32, generation }),
    }
}

const FIRST_ECHO: u64 = 2;
