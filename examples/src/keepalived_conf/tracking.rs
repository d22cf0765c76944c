//! What instances and groups depend on: `vrrp_script`, `track_file`, `vrrp_track_process`, and the lists that name them.

use std::time::Duration;

use healthcheck::presets::VrrpScript;
use vrrp_engine::Tracker;

use super::{
    globals::Defaults,
    model::{Config, FileTracker, ParamMatch, Track, Tracks, WatchedFile, WatchedProcess, WatchedScript},
    tree::{Item, Word},
    unheeded,
    values::Context,
};

/// Reads a block that says what is watched.
pub(super) fn read_watched(context: &Context, item: &Item, config: &mut Config, defaults: &Defaults) {
    match item.keyword() {
        "vrrp_script" => config.scripts.extend(read_script(context, item, defaults)),
        "track_file" | "vrrp_track_file" => config.files.extend(read_file(context, item)),
        "vrrp_track_process" | "track_process" => config.processes.extend(read_process(context, item)),
        _ => {}
    }
}

fn read_script(context: &Context, block: &Item, defaults: &Defaults) -> Option<WatchedScript> {
    let name = context.text(block)?;
    let mut timing = VrrpScript::default();
    let (mut command, mut user) = (None, defaults.script_user);
    for item in block.items() {
        match item.keyword() {
            "script" => command = context.needs(item),
            "interval" => timing.interval = context.seconds(item, 0.01..=86_400.0).unwrap_or(timing.interval),
            "timeout" => timing.timeout = context.seconds(item, 0.01..=86_400.0),
            "rise" => timing.rise = context.number(item, 1..=u16::MAX).unwrap_or(timing.rise),
            "fall" => timing.fall = context.number(item, 1..=u16::MAX).unwrap_or(timing.fall),
            "init_fail" => timing.init_fail = true,
            "user" => user = context.needs(item).and_then(|name| context.user(name, item.arg(2))),
            // Who tracks it asks for this.
            "weight" => {}
            _ => unheeded::note(context, item),
        }
    }
    let Some(command) = command else {
        context.error(block.words.first()?, format!("vrrp_script {name} has no script"));
        return None;
    };
    let command = context.command_of(command, user)?;
    if let Err(error) = timing.policy() {
        context.error(block.words.first()?, error.to_string());
        return None;
    }
    Some(WatchedScript { name, command, timing })
}

fn read_file(context: &Context, block: &Item) -> Option<WatchedFile> {
    let name = context.text(block)?;
    let (mut path, mut init) = (None, None);
    for item in block.items() {
        match item.keyword() {
            "file" => path = context.text(item),
            "init_file" => {
                let overwrites = item.args().iter().any(|word| word.text == "overwrite");
                let value = item.args().iter().find(|word| word.text != "overwrite");
                let value =
                    value.map_or(Some(0), |word| context.number_of("init_file", word, i32::MIN..=i32::MAX));
                init = value.map(|value| (value, overwrites));
            }
            "weight" => {}
            _ => unheeded::note(context, item),
        }
    }
    let Some(path) = path else {
        context.error(block.words.first()?, format!("track_file {name} has no file"));
        return None;
    };
    Some(WatchedFile { name, path: path.into(), init })
}

fn read_process(context: &Context, block: &Item) -> Option<WatchedProcess> {
    let mut process = WatchedProcess {
        name: context.text(block)?,
        command: Vec::new(),
        full_command: false,
        params: None,
        quorum: 1,
        quorum_max: None,
        fork_delay: Duration::ZERO,
        terminate_delay: Duration::ZERO,
    };
    for item in block.items() {
        match item.keyword() {
            "process" => {
                context.needs(item);
                process.command = item
                    .args()
                    .iter()
                    .flat_map(|word| word.text.split_whitespace())
                    .map(str::to_owned)
                    .collect();
            }
            "full_command" => process.full_command = true,
            "param_match" => {
                process.params = match context.text(item).as_deref() {
                    Some("initial") => Some(ParamMatch::Initial),
                    Some("partial") => Some(ParamMatch::Partial),
                    Some("exact") => Some(ParamMatch::Exact),
                    _ => {
                        context.error(item.words.first()?, "param_match is initial, partial or exact".into());
                        None
                    }
                };
            }
            "quorum" => process.quorum = context.number(item, 1..=65_535_u32).unwrap_or(1),
            "quorum_max" => process.quorum_max = context.number(item, 0..=65_535_u32),
            "fork_delay" => process.fork_delay = context.seconds(item, 0.0..=3600.0).unwrap_or_default(),
            "terminate_delay" => {
                process.terminate_delay = context.seconds(item, 0.0..=3600.0).unwrap_or_default()
            }
            "delay" => {
                let delay = context.seconds(item, 0.0..=3600.0).unwrap_or_default();
                (process.fork_delay, process.terminate_delay) = (delay, delay);
            }
            "weight" => {}
            _ => unheeded::note(context, item),
        }
    }
    if process.command.is_empty() {
        context.error(block.words.first()?, format!("vrrp_track_process {} has no process", process.name));
        return None;
    }
    Some(process)
}

/// The weight a watched object has by itself, for those who track it without one.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    number: i64,
    reverse: bool,
}

/// Reads a list of who is tracked; returns whether the item is one.
pub(super) fn read_tracks(context: &Context, top: &[Item], item: &Item, tracks: &mut Tracks) -> bool {
    let kind = item.keyword();
    match kind {
        "track_interface" => tracks.interfaces.extend(read_list(context, item, |_| Weight::default())),
        "track_script" => tracks
            .scripts
            .extend(read_list(context, item, |name| own_weight(context, top, &["vrrp_script"], name))),
        "track_process" => {
            let kinds = ["vrrp_track_process", "track_process"];
            tracks.processes.extend(read_list(context, item, |name| own_weight(context, top, &kinds, name)));
        }
        "track_file" => {
            for words in lines(item) {
                let own = own_weight_of_file(context, top, words);
                let Some((name, weight)) = read_track(context, words, own) else { continue };
                let number = i32::try_from(weight.number).unwrap_or(0);
                tracks.files.push(FileTracker {
                    name: name.text.clone(),
                    weight: number,
                    reverse: weight.reverse,
                });
            }
        }
        _ => return false,
    }
    true
}

fn own_weight_of_file(context: &Context, top: &[Item], words: &[Word]) -> Weight {
    let name = words.first().map_or("", |word| &word.text);
    let has_own = find(top, &["track_file", "vrrp_track_file"], name)
        .is_some_and(|block| block.items().iter().any(|item| item.is("weight")));
    // A file's number counts as it is, unless it is said to be a fault.
    if has_own {
        own_weight(context, top, &["track_file", "vrrp_track_file"], name)
    } else {
        Weight { number: 1, reverse: false }
    }
}

fn read_list(context: &Context, block: &Item, own: impl Fn(&str) -> Weight) -> Vec<Track> {
    let mut list = Vec::new();
    for words in lines(block) {
        // Without weights, a line may have several names.
        let has_weight = words.iter().any(|word| word.text == "weight" || word.text == "reverse");
        let groups: Vec<&[Word]> = if has_weight { vec![words] } else { words.chunks(1).collect() };
        for words in groups {
            let default = own(words.first().map_or("", |word| &word.text));
            let Some((name, weight)) = read_track(context, words, default) else { continue };
            list.extend(
                tracker(context, name, weight).map(|tracker| Track { name: name.text.clone(), tracker }),
            );
        }
    }
    list
}

fn lines(block: &Item) -> impl Iterator<Item = &[Word]> {
    let own = std::iter::once(block.args());
    own.chain(block.items().iter().map(|item| &item.words[..])).filter(|words| !words.is_empty())
}

/// `NAME [weight N [reverse]]`.
fn read_track<'w>(context: &Context, words: &'w [Word], default: Weight) -> Option<(&'w Word, Weight)> {
    let name = words.first()?;
    let mut weight = default;
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.text.as_str() {
            "weight" => {
                let Some(value) = rest.next() else {
                    context.error(word, "weight needs a value".into());
                    return None;
                };
                weight.number = context.number_of("weight", value, -254..=254_i32)?.into();
                weight.reverse = false;
            }
            "reverse" => weight.reverse = true,
            other => context.error(word, format!("{other}: a name may be followed by weight and reverse")),
        }
    }
    Some((name, weight))
}

fn tracker(context: &Context, name: &Word, weight: Weight) -> Option<Tracker> {
    let tracker = match weight.number {
        0 => Tracker::fault(),
        // As in keepalived, one less than a fault is the most there is.
        number => match Tracker::weight(i16::try_from(number.clamp(-253, 253)).unwrap_or(0)) {
            Ok(tracker) => tracker,
            Err(error) => {
                context.error(name, error.to_string());
                return None;
            }
        },
    };
    Some(if weight.reverse { tracker.reverse() } else { tracker })
}

fn find<'i>(top: &'i [Item], kinds: &[&str], name: &str) -> Option<&'i Item> {
    top.iter()
        .find(|item| kinds.contains(&item.keyword()) && item.arg(1).is_some_and(|word| word.text == name))
}

/// The `weight` in a watched object's own block.
fn own_weight(context: &Context, top: &[Item], kinds: &[&str], name: &str) -> Weight {
    let block = find(top, kinds, name).map(Item::items).unwrap_or_default();
    let Some(item) = block.iter().rev().find(|item| item.is("weight")) else { return Weight::default() };
    let number = context.number(item, -254..=254_i32).unwrap_or(0).into();
    Weight { number, reverse: item.args().iter().any(|word| word.text == "reverse") }
}

/// Looks whether all that is tracked is there.
pub(super) fn check_references(context: &Context, top: &[Item], config: &Config) {
    for block in top.iter().filter(|item| item.is("vrrp_instance") || item.is("vrrp_sync_group")) {
        for list in block.items() {
            let is_known: &dyn Fn(&str) -> bool = match list.keyword() {
                "track_script" => &|name| config.scripts.iter().any(|script| script.name == name),
                "track_file" => &|name| config.files.iter().any(|file| file.name == name),
                "track_process" => &|name| config.processes.iter().any(|process| process.name == name),
                _ => continue,
            };
            for words in lines(list) {
                let has_weight = words.iter().any(|word| word.text == "weight" || word.text == "reverse");
                let names = if has_weight { words.get(..1).unwrap_or_default() } else { words };
                for name in names.iter().filter(|name| !is_known(&name.text)) {
                    context.error(name, format!("{}: there is no {}", list.keyword(), name.text));
                }
            }
        }
    }
}
