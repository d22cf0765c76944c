//! `enable_script_security`: root does not run programs that others could have written.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use failover_examples::keepalived_conf::model::{CheckKind, Command, Config, Fifo};

use crate::log;

/// Takes out of a configuration what depends on programs that are not run, as keepalived does: who tracks such a script does
/// without it. Programs that tell of something are looked at whenever they are to run.
pub(crate) fn disarm(config: &mut Config) {
    if !config.globals.script_security {
        return;
    }
    let is_refused = |who: &str, command: &Command| match refusal(command) {
        Some(reason) => {
            log::error(who, format_args!("{reason}: it is left out"));
            true
        }
        None => false,
    };
    let refused: Vec<String> = config
        .scripts
        .extract_if(.., |script| is_refused(&script.name, &script.command))
        .map(|script| script.name)
        .collect();
    let of_instances = config.instances.iter_mut().map(|instance| &mut instance.track);
    let of_groups = config.groups.iter_mut().map(|group| &mut group.track);
    for tracks in of_instances.chain(of_groups) {
        tracks.scripts.retain(|track| !refused.contains(&track.name));
    }
    for server in &mut config.virtual_servers {
        for real in &mut server.real_servers {
            real.checks.retain(|check| match &check.kind {
                CheckKind::Misc { command, .. } => !is_refused(&server.name, command),
                CheckKind::Tcp
                | CheckKind::Http(_)
                | CheckKind::Smtp { .. }
                | CheckKind::Dns { .. }
                | CheckKind::Udp { .. }
                | CheckKind::Ping
                | CheckKind::File { .. } => true,
            });
        }
    }
    let globals = &mut config.globals;
    for Fifo { path, script, .. } in
        [&mut globals.fifo, &mut globals.vrrp_fifo, &mut globals.lvs_fifo].into_iter().flatten()
    {
        script.take_if(|command| is_refused(&path.display().to_string(), command));
    }
}

/// Returns why root should not run a program, if it is root who would.
pub(crate) fn refusal(command: &Command) -> Option<String> {
    let runs_as_root = command.user.map_or_else(|| nix::unistd::geteuid().is_root(), |user| user.uid == 0);
    let path = writable_by_others(&command.program).filter(|_| runs_as_root)?;
    Some(format!(
        "{} is not run: {} can be written by others than root, and enable_script_security is set",
        command.program.display(),
        path.display()
    ))
}

/// Returns the part of a path that somebody else than root could have put there: of the path as it is written, or of where
/// its symbolic links lead.
fn writable_by_others(program: &Path) -> Option<PathBuf> {
    let target = fs::canonicalize(program).ok();
    let parts = program.ancestors().chain(target.iter().flat_map(|target| target.ancestors()));
    let is_open = |part: &&Path| {
        part.metadata().is_ok_and(|data| {
            let is_sticky_directory = data.is_dir() && data.mode() & 0o1000 != 0;
            data.uid() != 0 || (data.mode() & 0o022 != 0 && !is_sticky_directory)
        })
    };
    parts.filter(|part| !part.as_os_str().is_empty()).find(is_open).map(Path::to_owned)
}
