//! A server that says what it is told to, for the tests of probes.

use crate::{Outcome, Probe, Step};

/// What a probe says of this answer, whatever the pieces in which it arrives: whole, byte by byte, and cut anywhere in two.
/// After the answer the server closes.
pub(crate) fn outcome_of(probe: &mut dyn Probe, answer: &[u8]) -> Outcome {
    let whole = play(probe, &[answer]);
    let bytes: Vec<_> = answer.chunks(1).collect();
    assert_eq!(play(probe, &bytes), whole, "byte by byte: {}", answer.escape_ascii());
    for cut in 1..answer.len() {
        let (first, second) = answer.split_at(cut);
        assert_eq!(play(probe, &[first, second]), whole, "cut at {cut}: {}", answer.escape_ascii());
    }
    whole
}

/// One run with an answer in pieces.
pub(crate) fn play(probe: &mut dyn Probe, pieces: &[&[u8]]) -> Outcome {
    let mut step = probe.start(0x0123_4567_89ab_cdef);
    for piece in pieces {
        step = send(probe, step);
        match step {
            Step::Continue => step = if piece.is_empty() { Step::Continue } else { probe.receive(piece) },
            Step::Reopen | Step::Done(_) => break,
        }
    }
    if send(probe, step.clone()) == Step::Continue && step == Step::Continue {
        step = probe.end();
    }
    let Step::Done(outcome) = step else { panic!("{step:?} at the end") };
    outcome
}

/// Sends what there is to send.
fn send(probe: &mut dyn Probe, mut step: Step) -> Step {
    while step == Step::Continue && !probe.transmit().is_empty() {
        let count = probe.transmit().len();
        step = probe.sent(count);
    }
    step
}
