//! How things are, for Prometheus: instances under the names of keepalived's exporter, the kernel's table under those of the node
//! exporter.

use std::fmt::{self, Write};

use ipvs_netlink::{Service, Stats};
use vrrp_engine::State;

use crate::director::Director;

/// Returns the whole page.
pub(crate) fn text(director: &mut Director) -> String {
    let mut page = Page::default();
    // Writing to a String does not fail.
    let _ = vrrp(&mut page, director);
    let _ = scripts(&mut page, director);
    let _ = real_servers(&mut page, director);
    let _ = ipvs(&mut page, director);
    page.0
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) -> fmt::Result {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(self.0, "{before}{label}=\"{text}\"")?;
        }
        let after = if labels.is_empty() { "" } else { "}" };
        writeln!(self.0, "{after} {value}")
    }
}

fn vrrp(page: &mut Page, director: &Director) -> fmt::Result {
    page.head("keepalived_up", "gauge", "Whether the director answers.")?;
    page.sample("keepalived_up", &[], 1)?;
    let Some(vrrp) = &director.vrrp else { return Ok(()) };
    page.head("keepalived_vrrp_state", "gauge", "0 init, 1 backup, 2 master, 3 fault.")?;
    for (instance, snapshot) in vrrp.snapshots() {
        let state = match snapshot.state {
            State::Initialize => 0,
            State::Backup => 1,
            State::Master => 2,
            State::Fault => 3,
        };
        let vrid = snapshot.vrid.to_string();
        for ip in snapshot.addresses.iter() {
            let (model, ip) = (&instance.model, ip.to_string());
            let labels = [
                ("iname", model.name.as_str()),
                ("intf", &model.interface),
                ("vrid", &vrid),
                ("ip_address", &ip),
            ];
            page.sample("keepalived_vrrp_state", &labels, state)?;
        }
    }
    type Read = fn(&vrrp_engine::Stats) -> u64;
    let counters: [(&str, &str, Read); 14] = [
        ("advertisements_received_total", "Advertisements taken.", |it| it.advertisement_rcvd),
        ("advertisements_sent_total", "Advertisements sent.", |it| it.advertisement_sent),
        ("become_master_total", "Times it became Master.", |it| it.master_transitions),
        ("packet_length_errors_total", "Packets of a wrong length.", |it| it.packet_length_errors),
        ("advertisements_interval_errors_total", "Packets of another interval.", |it| it.interval_errors),
        ("ip_ttl_errors_total", "Packets of a wrong TTL.", |it| it.ip_ttl_errors),
        ("invalid_type_received_total", "Packets of an unknown type.", |it| it.invalid_type_pkts_rcvd),
        ("address_list_errors_total", "Packets of other addresses.", |it| it.address_list_errors),
        ("authentication_invalid_total", "Packets of an unknown authentication.", |it| it.invalid_auth_type),
        ("authentication_mismatch_total", "Packets of another authentication.", |it| it.auth_type_mismatches),
        ("authentication_failure_total", "Packets that were not authentic.", |it| it.auth_failures),
        ("priority_zero_received_total", "Masters that gave up.", |it| it.priority_zero_pkts_rcvd),
        ("priority_zero_sent_total", "Times it gave up.", |it| it.priority_zero_pkts_sent),
        ("checksum_errors_total", "Packets of a wrong checksum.", |it| it.checksum_errors),
    ];
    for (name, help, read) in counters {
        let name = format!("keepalived_{name}");
        page.head(&name, "counter", help)?;
        for (instance, snapshot) in vrrp.snapshots() {
            let vrid = snapshot.vrid.to_string();
            let model = &instance.model;
            let labels = [("iname", model.name.as_str()), ("intf", &model.interface), ("vrid", &vrid)];
            page.sample(&name, &labels, read(&snapshot.statistics))?;
        }
    }
    page.head("keepalived_gratuitous_arp_sent_total", "counter", "Addresses announced.")?;
    for instance in vrrp.instances() {
        let (model, vrid) = (&instance.model, instance.model.vrid.to_string());
        let labels = [("iname", model.name.as_str()), ("intf", &model.interface), ("vrid", &vrid)];
        page.sample("keepalived_gratuitous_arp_sent_total", &labels, instance.announcements)?;
    }
    page.head("keepalived_packets_received_total", "counter", "Packets handed in, good and bad.")?;
    page.sample("keepalived_packets_received_total", &[], vrrp.stats().received)
}

fn scripts(page: &mut Page, director: &Director) -> fmt::Result {
    page.head("keepalived_script_status", "gauge", "Whether a tracked script passes.")?;
    for (script, health) in director.watcher.scripts() {
        page.sample("keepalived_script_status", &[("name", &script.name)], u8::from(health.serves()))?;
    }
    Ok(())
}

fn real_servers(page: &mut Page, director: &Director) -> fmt::Result {
    let Some(balancer) = &director.balancer else { return Ok(()) };
    page.head("lvs_director_real_server_up", "gauge", "Whether a real server is fit to serve.")?;
    for server in balancer.servers() {
        for target in server.pool.targets() {
            let crate::balanced::Key::Real(address) = target.key else { continue };
            let labels =
                [("virtual_server", server.model.name.as_str()), ("real_server", &address.to_string())];
            page.sample("lvs_director_real_server_up", &labels, u8::from(target.health.serves()))?;
        }
    }
    page.head("lvs_director_quorum", "gauge", "Whether a virtual server has its quorum.")?;
    for server in balancer.servers() {
        let labels = [("virtual_server", server.model.name.as_str())];
        page.sample("lvs_director_quorum", &labels, u8::from(server.pool.has_quorum()))?;
    }
    Ok(())
}

/// What the kernel counts, of all its services, whoever put them there.
fn ipvs(page: &mut Page, director: &mut Director) -> fmt::Result {
    let Some(balancer) = &mut director.balancer else { return Ok(()) };
    let ipvs = balancer.ipvs();
    let Ok(services) = ipvs.services() else { return Ok(()) };
    let mut total = [0_u64; 5];
    let mut backends = Vec::new();
    for entry in &services {
        let Stats { connections, incoming_packets, outgoing_packets, incoming_bytes, outgoing_bytes, .. } =
            entry.stats;
        let numbers = [connections, incoming_packets, outgoing_packets, incoming_bytes, outgoing_bytes];
        total.iter_mut().zip(numbers).for_each(|(total, number)| *total += number);
        for destination in ipvs.destinations(&entry.service.id()).unwrap_or_default() {
            backends.push((entry.service, destination));
        }
    }
    let names = ["connections", "incoming_packets", "outgoing_packets", "incoming_bytes", "outgoing_bytes"];
    for (name, total) in names.into_iter().zip(total) {
        let name = format!("node_ipvs_{name}_total");
        page.head(&name, "counter", "Of all virtual servers.")?;
        page.sample(&name, &[], total)?;
    }
    for (name, read) in [("connections_active", 0), ("connections_inactive", 1), ("weight", 2)] {
        let name = format!("node_ipvs_backend_{name}");
        page.head(&name, "gauge", "Of a real server.")?;
        for (service, backend) in &backends {
            let value = match read {
                0 => backend.connections.active,
                1 => backend.connections.inactive,
                _ => backend.destination.weight(),
            };
            let labels = labels(service, backend.destination.address());
            let labels: Vec<_> = labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
            page.sample(&name, &labels, value)?;
        }
    }
    Ok(())
}

fn labels(service: &Service, remote: std::net::SocketAddr) -> [(&'static str, String); 6] {
    let id = service.id();
    let local = id.address();
    [
        ("local_address", local.map(|local| local.ip().to_string()).unwrap_or_default()),
        ("local_port", local.map_or(0, |local| local.port()).to_string()),
        ("local_mark", id.mark().map(|mark| mark.to_string()).unwrap_or_default()),
        (
            "proto",
            id.protocol().map_or_else(
                || "FWM".into(),
                |protocol| crate::balanced::protocol_name(protocol).to_uppercase(),
            ),
        ),
        ("remote_address", remote.ip().to_string()),
        ("remote_port", remote.port().to_string()),
    ]
}
