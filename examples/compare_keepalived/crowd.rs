//! Two hundred instances that advertise ten times a second: what they cost, and when all have moved.

use std::{error::Error, time::Duration};

use serde_json::{Value, json};

use crate::{
    director::{Director, Kind, Part},
    lan::{Site, config},
};

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) master_us: f64,
    pub(crate) backup_us: f64,
    pub(crate) master_kb: f64,
    pub(crate) backup_kb: f64,
    /// From the moment at which the protocol lets an instance take over to its address's announcement: the last of all.
    pub(crate) moved_ms: f64,
}

impl Crowd {
    pub(crate) fn json(self) -> Value {
        json!({
            "master_cpu_us": self.master_us,
            "backup_cpu_us": self.backup_us,
            "master_memory_kb": self.master_kb,
            "backup_memory_kb": self.backup_kb,
            "last_moved_ms": self.moved_ms,
        })
    }
}

pub(crate) fn measure(kind: Kind) -> Result<Crowd, Box<dyn Error>> {
    eprintln!("{COUNT} instances, {kind:?}");
    let mut site = Site::new()?;
    let timing = "version 3\n advert_int 0.1";
    let two = Director::start(&site.hosts[1], kind, Part::Vrrp, &config(COUNT, 100, timing))?;
    let mut one = Director::start(&site.hosts[0], kind, Part::Vrrp, &config(COUNT, 150, timing))?;
    site.until("the first is Master of all", PATIENCE, |seen| {
        seen.last_advert[0].len() == usize::from(COUNT)
    })?;
    // Announcements are repeated after 5 s.
    site.watch(Duration::from_secs(8))?;

    let (before, adverts) = ([one.cpu(), two.cpu()], site.seen.adverts);
    site.watch(Duration::from_secs(8))?;
    let adverts = (site.seen.adverts - adverts) as f64;
    let cost = |after: u64, before: u64| (after - before) as f64 / 1000.0 / adverts;
    let (master_us, backup_us) = (cost(one.cpu(), before[0]), cost(two.cpu(), before[1]));
    let (master_kb, backup_kb) = (one.memory() as f64, two.memory() as f64);

    site.seen.forget();
    one.crash();
    site.hosts[0].link_down("eth0")?;
    site.until("all have moved", PATIENCE, |seen| seen.announced.len() == usize::from(COUNT))?;
    let late = |vrid: u8| {
        let last = site.seen.last_advert[0].get(&vrid)?;
        Some((site.seen.announced.get(&vrid)?.as_secs_f64() - last.as_secs_f64() - MASTER_DOWN) * 1000.0)
    };
    let moved_ms = (1..=COUNT).filter_map(late).fold(f64::MIN, f64::max);
    Ok(Crowd { master_us, backup_us, master_kb, backup_kb, moved_ms })
}

const COUNT: u8 = 200;
/// Of priority 100, with an advertisement each 100 ms: RFC 9568 §6.1.
const MASTER_DOWN: f64 = 0.3 + 0.1 * 156.0 / 256.0;
const PATIENCE: Duration = Duration::from_secs(60);
