//! The matrix as a table, and as JSON.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use crate::{
    combination::{Cast, Combination},
    differences::DIFFERENCES,
    matrix::{Cell, Outcome},
    scene::Scene,
};

/// Combinations as rows, scenes as columns, and below what there is to say of them.
pub(crate) fn table(cells: &[Cell], missing: &[String], took: Duration) -> String {
    let mut text = format!("{:<24}{:<19}", "", "");
    for scene in Scene::ALL {
        let _ = write!(text, "{scene:<11}");
    }
    text.push('\n');
    for combination in Combination::all() {
        for cast in Cast::ALL {
            let row: Vec<_> =
                cells.iter().filter(|cell| (cell.combination, cell.cast) == (combination, cast)).collect();
            if row.is_empty() {
                continue;
            }
            let _ = write!(text, "{:<24}{:<19}", combination.to_string(), cast.to_string());
            for scene in Scene::ALL {
                let word =
                    row.iter().find(|cell| cell.scene == scene).map_or("-".to_owned(), |cell| word(cell));
                let _ = write!(text, "{word:<11}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    legend(&mut text, cells);
    for Cell { combination, cast, scene, outcome, trace, excused } in cells {
        for what in excused {
            let _ =
                writeln!(text, "played again, for the machine stood still: {combination}, {cast}, {what}");
        }
        if let Outcome::Failed { what, logs } = outcome {
            let _ = writeln!(text, "\nFAILED: {combination}, {cast}, {scene}: {what}");
            for line in &trace.0 {
                let _ = writeln!(text, "  {line}");
            }
            text.push_str(logs);
        }
    }
    for what in missing {
        let _ = writeln!(text, "\nFAILED: a difference that is none any more: {what}");
    }
    let failed = cells.iter().filter(|cell| !is_ok(cell)).count();
    let verdict =
        if failed == 0 && missing.is_empty() { "all well".to_owned() } else { format!("{failed} not well") };
    let _ = writeln!(text, "\n{} scenes in {:.0?}: {verdict}", cells.len(), took);
    text
}

fn legend(text: &mut String, cells: &[Cell]) {
    let shown: BTreeSet<_> = cells.iter().flat_map(numbers).collect();
    text.push_str(
        "\n-: there is no such scene. keepalived alone does not survive a split with Authentication Headers: each then refuses\n\
         the other's sequence numbers, and both stay Masters. Ours is compared with keepalived without authentication there.\n",
    );
    text.push_str(
        "ok: as asserted, with the trace of keepalived alone; ok* with a number: but for this, on purpose:\n",
    );
    for number in shown {
        let difference = &DIFFERENCES[number];
        let _ = writeln!(text, "  *{} {}: {}", number + 1, difference.name, difference.why);
    }
}

fn word(cell: &Cell) -> String {
    match &cell.outcome {
        Outcome::Failed { .. } => "FAILED".to_owned(),
        Outcome::NotReached => "not reached".to_owned(),
        Outcome::Ok(_) => {
            let numbers: Vec<_> = numbers(cell).iter().map(|number| (number + 1).to_string()).collect();
            if numbers.is_empty() { "ok".to_owned() } else { format!("ok*{}", numbers.join(",")) }
        }
    }
}

/// Which differences a scene has shown.
fn numbers(cell: &Cell) -> BTreeSet<usize> {
    match &cell.outcome {
        Outcome::Ok(shown) => shown.iter().map(|(number, _)| *number).collect(),
        Outcome::Failed { .. } | Outcome::NotReached => BTreeSet::new(),
    }
}

/// All lines of all differences that were shown.
pub(crate) fn shown(cells: &[Cell]) -> Vec<(usize, usize)> {
    let of = |cell: &Cell| match &cell.outcome {
        Outcome::Ok(shown) => shown.clone(),
        Outcome::Failed { .. } | Outcome::NotReached => Vec::new(),
    };
    cells.iter().flat_map(of).collect()
}

pub(crate) fn is_ok(cell: &Cell) -> bool {
    matches!(cell.outcome, Outcome::Ok(_))
}

pub(crate) fn json(cells: &[Cell], missing: &[String], took: Duration) -> Value {
    let cell = |cell: &Cell| {
        let failure = match &cell.outcome {
            Outcome::Failed { what, .. } => Some(what.clone()),
            Outcome::NotReached => Some("a scene before it failed".to_owned()),
            Outcome::Ok(_) => None,
        };
        json!({
            "combination": cell.combination.to_string(),
            "cast": cell.cast.to_string(),
            "scene": cell.scene.to_string(),
            "ok": is_ok(cell),
            "failure": failure,
            "differences": numbers(cell).iter().map(|number| DIFFERENCES[*number].name).collect::<Vec<_>>(),
            "trace": cell.trace.0,
            "excused": cell.excused,
        })
    };
    json!({
        "ok": cells.iter().all(is_ok) && missing.is_empty(),
        "seconds": took.as_secs_f64(),
        "scenes": cells.iter().map(cell).collect::<Vec<_>>(),
        "differences": DIFFERENCES.iter().map(|one| json!({ "name": one.name, "why": one.why })).collect::<Vec<_>>(),
        "missing": missing,
    })
}
