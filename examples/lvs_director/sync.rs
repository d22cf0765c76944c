//! The kernel's connection synchronisation, which follows an instance: its Master tells, its Backups listen.

use failover_examples::keepalived_conf::model::{self, Config};
use ipvs_netlink::{ConfigError, Ipvs, SyncDaemon, SyncRole};
use vrrp_engine::State;

use crate::log;

/// What the kernel was told.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    ipvs: Option<Ipvs>,
    running: Option<(model::SyncDaemon, SyncRole)>,
}

impl Sync {
    /// Has the daemon be what an instance's state says; without an instance, both.
    pub(crate) fn follow(&mut self, config: &Config, state_of: impl Fn(&str) -> Option<State>) {
        let wanted = wanted(config);
        let role = wanted.as_ref().and_then(|daemon| match &daemon.instance {
            Some(name) => state_of(name).map(|state| match state {
                State::Master => SyncRole::Master,
                State::Initialize | State::Fault | State::Backup => SyncRole::Backup,
            }),
            None => Some(SyncRole::Master),
        });
        let next = wanted.zip(role);
        if next == self.running {
            return;
        }
        let outcome = self.change(next.as_ref());
        match outcome {
            Ok(()) => self.running = next,
            Err(error) => log::error("lvs_sync_daemon", error),
        }
    }

    fn change(
        &mut self,
        next: Option<&(model::SyncDaemon, SyncRole)>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let ipvs = match &mut self.ipvs {
            Some(ipvs) => ipvs,
            none => none.insert(Ipvs::open()?),
        };
        let is_alone = |daemon: &model::SyncDaemon| daemon.instance.is_none();
        if let Some((daemon, role)) = &self.running {
            ipvs.stop_daemon(*role)?;
            if is_alone(daemon) {
                ipvs.stop_daemon(SyncRole::Backup)?;
            }
            self.running = None;
        }
        let Some((daemon, role)) = next else { return Ok(()) };
        // A predecessor that was killed may have left the other one.
        ipvs.stop_daemon(if *role == SyncRole::Master { SyncRole::Backup } else { SyncRole::Master })?;
        ipvs.start_daemon(&build(daemon, *role)?)?;
        if is_alone(daemon) {
            ipvs.start_daemon(&build(daemon, SyncRole::Backup)?)?;
        }
        log::info("lvs_sync_daemon", format_args!("{role:?} on {}", daemon.interface));
        Ok(())
    }

    /// Ends it.
    pub(crate) fn shutdown(&mut self) {
        if self.running.is_some()
            && let Err(error) = self.change(None)
        {
            log::warn("lvs_sync_daemon", error);
        }
    }
}

/// The daemon that is asked for, also in the old way, by an instance.
fn wanted(config: &Config) -> Option<model::SyncDaemon> {
    config.globals.sync_daemon.clone().or_else(|| {
        let instance = config.instances.iter().find(|it| it.sync_daemon_interface.is_some())?;
        Some(model::SyncDaemon {
            interface: instance.sync_daemon_interface.clone()?,
            instance: Some(instance.name.clone()),
            id: instance.vrid.get(),
            max_len: None,
            port: None,
            ttl: None,
            group: None,
        })
    })
}

fn build(model: &model::SyncDaemon, role: SyncRole) -> Result<SyncDaemon, ConfigError> {
    let mut daemon = SyncDaemon::builder(role, &model.interface, model.id);
    if let Some(bytes) = model.max_len {
        daemon = daemon.max_len(bytes);
    }
    if let Some(port) = model.port {
        daemon = daemon.port(port);
    }
    if let Some(ttl) = model.ttl {
        daemon = daemon.ttl(ttl);
    }
    if let Some(group) = model.group {
        daemon = daemon.group(group);
    }
    daemon.build()
}
