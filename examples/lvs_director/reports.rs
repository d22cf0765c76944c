//! How things are, as data: what `--status` answers.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use vrrp_engine::Snapshot;

use crate::{
    balanced::{Balanced, Key},
    balancer::name_of,
    director::Director,
    vrrp::{Instance, Vrrp},
};

/// Everything there is to know of a director.
pub(crate) fn json(director: &Director) -> Value {
    let instances: Vec<_> = director
        .vrrp
        .iter()
        .flat_map(|vrrp| {
            vrrp.snapshots().map(|(instance, snapshot)| self::instance(vrrp, instance, &snapshot))
        })
        .collect();
    let groups: Vec<_> = director
        .vrrp
        .iter()
        .flat_map(|vrrp| vrrp.groups().iter())
        .map(
            |group| json!({ "name": group.model.name, "state": group.state, "members": group.model.members }),
        )
        .collect();
    let servers: Vec<_> = director
        .balancer
        .iter()
        .flat_map(|balancer| {
            balancer.servers().iter().map(|server| virtual_server(server, balancer.checker()))
        })
        .collect();
    let scripts: Vec<_> = director
        .watcher
        .scripts()
        .map(|(script, health)| json!({ "name": script.name, "health": health.to_string() }))
        .collect();
    let (pending, left_out, lost) = director.outbox.counts();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "started": seconds(director.started),
        "reloads": {
            "taken": director.reloads.taken,
            "refused": director.reloads.refused,
            "last_ms": director.reloads.last.as_secs_f64() * 1000.0,
        },
        "instances": instances,
        "groups": groups,
        "scripts": scripts,
        "virtual_servers": servers,
        "ipvs_writes": director.balancer.as_ref().map(crate::balancer::Balancer::writes),
        "notifications": { "pending": pending, "left_out": left_out, "lines_lost": lost },
    })
}

fn instance(vrrp: &Vrrp, instance: &Instance, snapshot: &Snapshot<'_>) -> Value {
    let mut value = serde_json::to_value(snapshot).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("name".into(), instance.model.name.as_str().into());
        fields.insert("interface".into(), instance.model.interface.as_str().into());
        fields.insert("source".into(), json!(vrrp.source_of(instance)));
        fields.insert("since".into(), seconds(instance.since).into());
        fields.insert(
            "excluded".into(),
            json!(instance.model.excluded.iter().map(|it| it.address.ip()).collect::<Vec<_>>()),
        );
    }
    value
}

fn virtual_server(server: &Balanced, checker: &healthcheck::Checker) -> Value {
    let snapshot = server.pool.snapshot();
    let entries: Vec<_> = server.pool.targets().collect();
    let real_servers: Vec<_> = server
        .model
        .real_servers
        .iter()
        .filter_map(|real| {
            let target = entries.iter().find(|target| target.key == Key::Real(real.address))?;
            let checks: Vec<_> = server
                .checks
                .iter()
                .filter(|(address, ..)| *address == real.address)
                .filter_map(|(_, model, id)| {
                    let snapshot = checker.monitor(*id)?.snapshot();
                    let last = snapshot.last.map(|(at, last)| {
                        json!({
                            "verdict": format!("{:?}", last.verdict).to_lowercase(),
                            "cause": last.cause.to_string(),
                            "latency_ms": last.latency.as_secs_f64() * 1000.0,
                            "ago_s": Instant::now().saturating_duration_since(at).as_secs_f64(),
                        })
                    });
                    Some(json!({
                        "kind": name_of(&model.kind),
                        "health": snapshot.health.to_string(),
                        "passed": snapshot.stats.passed,
                        "failed": snapshot.stats.failed,
                        "last": last,
                    }))
                })
                .collect();
            Some(json!({
                "address": real.address,
                "health": target.health.to_string(),
                "weight": target.entry,
                "configured_weight": real.weight,
                "checks": checks,
            }))
        })
        .collect();
    let sorry = server.model.sorry.as_ref().map(|sorry| {
        let serves = server.entries.contains_key(&Key::Sorry);
        json!({ "address": sorry.address, "serves": serves })
    });
    json!({
        "name": server.model.name,
        "services": server.model.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "mode": snapshot.mode.to_string(),
        "has_quorum": snapshot.has_quorum,
        "weight": snapshot.weight,
        "needed": snapshot.needed,
        "in_order": server.is_in_order(),
        "suspended": server.is_suspended,
        "real_servers": real_servers,
        "sorry_server": sorry,
    })
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
