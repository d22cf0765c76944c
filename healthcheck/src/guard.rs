use std::time::{Duration, Instant};

use crate::Kind;

/// Tells whether silence at a deadline is the target's ([`Kind::TimedOut`]) or the checker's own ([`Kind::HeldUp`]).
///
/// `deadline` is when the time was over, `timeout` how long the time was, `seen` when that was noticed, and `previous_turn` when
/// the loop last had a look at what had arrived. If after the deadline nobody looked for more than a quarter of the timeout,
/// then an answer may have come that nobody saw, and more than this one target may be taken for dead for it.
///
/// A loop that runs probes should hand in what has arrived before it looks at deadlines; the engine does, and its rule is
/// stricter: it also sees where it was held up before the deadline.
///
/// ```
/// use std::time::{Duration, Instant};
/// use healthcheck::{Kind, judge_silence};
///
/// let start = Instant::now();
/// let at = |millis| start + Duration::from_millis(millis);
/// let timeout = Duration::from_millis(1000);
/// assert_eq!(judge_silence(at(1000), timeout, at(1003), at(400)), Kind::TimedOut); // woken for the deadline
/// assert_eq!(judge_silence(at(1000), timeout, at(1400), at(400)), Kind::HeldUp); // stopped meanwhile
/// assert_eq!(judge_silence(at(1000), timeout, at(1400), at(1390)), Kind::TimedOut); // it has been looked at since
/// ```
#[must_use]
pub fn judge_silence(deadline: Instant, timeout: Duration, seen: Instant, previous_turn: Instant) -> Kind {
    let unwatched = seen.saturating_duration_since(deadline.max(previous_turn));
    if unwatched > timeout / 4 { Kind::HeldUp } else { Kind::TimedOut }
}
