//! Where we do otherwise than keepalived in our place: on purpose, and all there is.
//!
//! A scene that is played by keepalived and us must leave the same trace as the same scene played by keepalived alone, but for
//! the lines here. One that is no longer found anywhere is an error too.

use crate::{combination::Cast, scene::Scene, stage::Trace};

/// A kind of difference, with its justification.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    lines: &'static [Line],
}

/// A line of a trace that is otherwise.
#[derive(Debug)]
struct Line {
    scenes: &'static [Scene],
    cast: Cast,
    keepalived: &'static str,
    ours: &'static str,
}

pub(crate) const DIFFERENCES: &[Difference] = &[Difference {
    name: "farewell",
    why: "our Master that gives way to a better one sends a last advertisement, so that the winner announces the \
          addresses again and no neighbour keeps sending to the loser (`Farewell`); keepalived is silent unless \
          `higher_prio_send_advert` is set",
    lines: &[
        // Ours is the worse, and is preempted or loses after a split.
        Line {
            scenes: &[Scene::Start, Scene::Return, Scene::Delay, Scene::Split],
            cast: Cast::KeepalivedIsBetter,
            keepalived: "W100 B150",
            ours: "W100 B150 W100 B150",
        },
        Line {
            scenes: &[Scene::Split],
            cast: Cast::KeepalivedIsBetter,
            keepalived: "B150",
            ours: "B150 W100 B150",
        },
        Line {
            scenes: &[Scene::Priority],
            cast: Cast::KeepalivedIsBetter,
            keepalived: "B150 B50 W100 B150",
            ours: "B150 B50 W100 B150 W100 B150",
        },
        // The better has become worse, and gives way.
        Line {
            scenes: &[Scene::Priority],
            cast: Cast::OursIsBetter,
            keepalived: "B150 B50 W100 B150",
            ours: "B150 B50 W100 B50 W100 B150",
        },
        // It loses by its address.
        Line {
            scenes: &[Scene::Equal],
            cast: Cast::KeepalivedIsBetter,
            keepalived: "B100",
            ours: "B100 W100 B100",
        },
        Line {
            scenes: &[Scene::Equal],
            cast: Cast::KeepalivedIsBetter,
            keepalived: "W100 B100",
            ours: "W100 B100 W100 B100",
        },
    ],
}];

/// Compares the trace of keepalived and us with that of keepalived alone: returns which differences it shows, by their
/// places in [`DIFFERENCES`], and in each which lines.
///
/// # Errors
///
/// The first line that nothing here explains.
pub(crate) fn explain(
    scene: Scene,
    cast: Cast,
    keepalived: &Trace,
    ours: &Trace,
) -> Result<Vec<(usize, usize)>, String> {
    let (theirs, own) = (&keepalived.0, &ours.0);
    if theirs.len() != own.len() {
        return Err(format!(
            "it was\n  {}\nand is with keepalived alone\n  {}",
            own.join("\n  "),
            theirs.join("\n  ")
        ));
    }
    let mut found = Vec::new();
    for (keepalived, ours) in theirs.iter().zip(own).filter(|(keepalived, ours)| keepalived != ours) {
        let all = DIFFERENCES.iter().enumerate().flat_map(|(number, one)| {
            one.lines.iter().enumerate().map(move |(line, of)| ((number, line), of))
        });
        let explains = |line: &Line| {
            line.scenes.contains(&scene)
                && (line.cast, line.keepalived, line.ours) == (cast, keepalived, ours)
        };
        let place = all.into_iter().find(|(_, line)| explains(line)).map(|(place, _)| place);
        found.push(place.ok_or_else(|| format!("`{ours}`, where keepalived alone has `{keepalived}`"))?);
    }
    Ok(found)
}

/// The lines that nothing has shown.
pub(crate) fn missing(shown: &[(usize, usize)]) -> Vec<String> {
    let all = DIFFERENCES.iter().enumerate().flat_map(|(number, one)| {
        one.lines.iter().enumerate().map(move |(place, line)| ((number, place), one.name, line))
    });
    all.filter(|(place, ..)| !shown.contains(place))
        .map(|(_, name, line)| {
            format!("{name}: nowhere is `{}` where keepalived alone has `{}`", line.ours, line.keepalived)
        })
        .collect()
}
