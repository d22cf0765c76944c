//! Reads keepalived.conf(5): the files that keepalived's users have.
//!
//! [`read`] takes a file, with what it includes, and returns a [`Config`] in the crates' own words, and
//! everything there is to say of the file, with line and column: errors, which refuse it, and warnings, which say what happens
//! instead. All of them in one run.
//!
//! It goes in steps: `source` makes plain lines of files (comments, includes, conditions, definitions), `tree` makes words and
//! blocks of lines, and the others each read one kind of block.

mod addresses;
mod checkers;
mod diagnostic;
mod globals;
mod groups;
mod instances;
mod links;
pub mod model;
mod routes;
mod servers;
mod source;
mod tracking;
mod tree;
mod unheeded;
mod values;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use self::diagnostic::{Diagnostic, Severity};
use self::{
    globals::Defaults,
    instances::read_instances,
    model::Config,
    source::Source,
    tree::{Item, Lines},
    values::Context,
};

/// What a configuration can ask about where it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct Environment {
    /// What `@` lines are compared with.
    pub config_id: String,
    /// `${_INSTANCE}`.
    pub instance: Option<String>,
    /// The host's name: `router_id`, and the name mails are sent under, where nothing else is said.
    pub host_name: String,
    /// Whether files may be included, variables of the environment used, and programs and users looked up.
    pub may_look_around: bool,
    /// How many lines there may be, with all that definitions and `~SEQ` make of them.
    pub most_lines: usize,
}

impl Environment {
    /// Takes what this host says.
    pub fn of_this_host() -> Self {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = if name.trim().is_empty() { "localhost" } else { name.trim() };
        Self {
            config_id: name.split('.').next().unwrap_or(name).to_owned(),
            instance: None,
            host_name: name.to_owned(),
            may_look_around: true,
            most_lines: 4_000_000,
        }
    }
}

/// What has become of a file.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the caller takes it apart")]
pub struct Reading {
    /// What it says; `None` where it says something that cannot be.
    pub config: Option<Config>,
    /// All there is to say of it, in the order of its lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

/// Reads a file, and those that it includes.
pub fn read(path: &Path, environment: &Environment) -> Reading {
    finish(Source::of_file(path, environment), environment)
}

/// Reads a text as if it were a file of this name.
pub fn read_text(name: &str, text: &[u8], environment: &Environment) -> Reading {
    finish(Source::of_text(name, text, environment), environment)
}

fn finish(source: Source, environment: &Environment) -> Reading {
    let Source { lines, files, diagnostics } = source;
    let context = Context::new(Lines(lines), diagnostics, environment.clone());
    let items = tree::read(&context);
    let config = read_config(&context, &items);
    let diagnostics = context.into_diagnostics();
    let is_refused = diagnostics.iter().any(|one| one.severity == Severity::Error);
    Reading { config: (!is_refused).then_some(config), diagnostics, files }
}

fn read_config(context: &Context, items: &[Item]) -> Config {
    let mut config = Config::default();
    let mut defaults = Defaults::new(context);
    // Whatever the order in the file, what others refer to comes first.
    for item in items {
        if item.is("global_defs") {
            globals::read(context, item, &mut config.globals, &mut defaults);
        }
    }
    globals::finish(context, &mut config.globals, &mut defaults);
    for item in items {
        tracking::read_watched(context, item, &mut config, &defaults);
        addresses::read_static(context, item, &mut config, &defaults);
        routes::read_static(context, item, &mut config);
        links::read_delays(context, item, &mut config);
    }
    read_instances(context, items, &mut config, &defaults);
    groups::read_groups(context, items, &mut config, &defaults);
    servers::read_servers(context, items, &mut config, &defaults);
    tracking::check_references(context, items, &config);
    for item in items.iter().filter(|item| !TOP.contains(&item.keyword())) {
        unheeded::note(context, item);
    }
    config
}

/// The blocks that are read.
const TOP: [&str; 17] = [
    "global_defs",
    "static_ipaddress",
    "static_routes",
    "static_rules",
    "interface_up_down_delays",
    "vrrp_sync_group",
    "vrrp_instance",
    "vrrp_script",
    "vrrp_track_process",
    "track_process",
    "track_file",
    "vrrp_track_file",
    "virtual_server",
    "virtual_server_group",
    "SSL",
    "static_group",
    "virtual_ipaddress_group",
];
