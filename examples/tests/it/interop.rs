//! keepalived and we are Master and Backup to each other in turn: start, crash, return, stop.

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use lab::{Lan, Namespace};

use super::{
    keepalived::Keepalived,
    ours::Ours,
    watch::{Watch, holds},
};

const VIP: &str = "192.0.2.100/24";
const BETTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const WORSE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const BETTER_PRIORITY: u8 = 150;
const WORSE_PRIORITY: u8 = 100;

/// A shared machine may run late, and keepalived takes a while to start. Never early: the protocol's own time is a bound.
const SLACK: Duration = Duration::from_millis(1500);

pub(crate) fn ours_is_better_without_authentication() {
    play(Kind::Ours, Kind::Keepalived, 2, None);
}

pub(crate) fn ours_is_better_with_a_password() {
    play(Kind::Ours, Kind::Keepalived, 2, Some("s3cr3t"));
}

pub(crate) fn keepalived_is_better_without_authentication() {
    play(Kind::Keepalived, Kind::Ours, 2, None);
}

pub(crate) fn ours_is_better_in_version_3() {
    play(Kind::Ours, Kind::Keepalived, 3, None);
}

pub(crate) fn keepalived_is_better_in_version_3() {
    play(Kind::Keepalived, Kind::Ours, 3, None);
}

pub(crate) fn keepalived_is_better_with_a_password() {
    play(Kind::Keepalived, Kind::Ours, 2, Some("s3cr3t"));
}

/// The two do not believe each other, so both are Master, as RFC 2338 has it; ours says what is wrong.
pub(crate) fn a_wrong_password_makes_two_masters_and_says_why() {
    let Some(site) = Site::new() else { return };
    let Site { mut watch, better, worse, program, .. } = site;
    let role = |priority, password| Role { version: 2, priority, vip: VIP, password: Some(password) };
    let ours = Ours::start(&better, role(BETTER_PRIORITY, "s3cr3t"));
    let _keepalived = Keepalived::start(&program, &worse, role(WORSE_PRIORITY, "secret"));
    let within = down(WORSE_PRIORITY) + SLACK + SLACK;
    watch.wait_for("ours is Master", Duration::ZERO, within, |advert| advert.source == BETTER);
    let theirs = watch.wait_for("theirs is Master", Duration::ZERO, within, |advert| advert.source == WORSE);
    watch.wait_for("ours goes on", theirs.at, SLACK, |advert| advert.source == BETTER);

    assert!(holds(&better, VIP) && holds(&worse, VIP));
    let said = ours.said();
    assert!(
        said.iter().any(|line| line == "packet from 192.0.2.2 discarded: the password is wrong"),
        "{said:#?}"
    );
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Keepalived,
}

/// What a router is told, of either kind.
#[derive(Clone, Copy)]
pub(crate) struct Role<'a> {
    /// Of VRRP.
    pub(crate) version: u8,
    pub(crate) priority: u8,
    pub(crate) vip: &'a str,
    pub(crate) password: Option<&'a str>,
}

/// A router of either kind, running.
enum Router {
    Ours(Ours),
    Keepalived(Keepalived),
}

impl Router {
    fn crash(self) {
        match self {
            Self::Ours(ours) => ours.crash(),
            Self::Keepalived(keepalived) => keepalived.crash(),
        }
    }

    fn stop(self) {
        match self {
            Self::Ours(ours) => ours.stop(),
            Self::Keepalived(keepalived) => keepalived.stop(),
        }
    }

    fn log(&self) -> String {
        match self {
            Self::Ours(ours) => ours.said().join("\n"),
            Self::Keepalived(keepalived) => keepalived.log(),
        }
    }
}

struct Site {
    /// Held for its bridge.
    _lan: Lan,
    watch: Watch,
    better: Namespace,
    worse: Namespace,
    program: PathBuf,
}

impl Site {
    /// `None` where there is no keepalived.
    fn new() -> Option<Self> {
        let program = lab::need("keepalived")?;
        let mut lan = Lan::new().unwrap();
        let (better, worse) = (Namespace::new().unwrap(), Namespace::new().unwrap());
        lan.attach(&better, "better", BETTER, 24).unwrap();
        lan.attach(&worse, "worse", WORSE, 24).unwrap();
        let watch = Watch::new(&mut lan);
        Some(Self { _lan: lan, watch, better, worse, program })
    }

    fn start(&self, kind: Kind, role: Role<'_>) -> Router {
        let host = if role.priority == BETTER_PRIORITY { &self.better } else { &self.worse };
        match kind {
            Kind::Ours => Router::Ours(Ours::start(host, role)),
            Kind::Keepalived => Router::Keepalived(Keepalived::start(&self.program, host, role)),
        }
    }

    /// Watches for more than an interval: one Master that advertises, one Backup that is silent, one address.
    fn assert_the_only_master(&mut self, source: Ipv4Addr) {
        // A Master that has just given way may have said so. From the next advertisement on, there is but one.
        let is_his = |advert: &super::watch::Advert| advert.source == source;
        let since = self.watch.now();
        let next = self.watch.wait_for("the Master goes on", since, Duration::from_secs(1) + SLACK, is_his);
        self.watch.look_for(Duration::from_millis(1300));
        let stray = self.watch.seen.iter().find(|advert| advert.at > next.at && advert.source != source);
        assert_eq!(stray, None, "a second Master");
        assert_eq!((holds(&self.better, VIP), holds(&self.worse, VIP)), (source == BETTER, source == WORSE));
    }
}

/// The Master_Down_Interval of a priority, at one second: the same in both versions.
fn down(priority: u8) -> Duration {
    Duration::from_secs(3) + skew(priority)
}

fn skew(priority: u8) -> Duration {
    Duration::from_secs(256 - u64::from(priority)) / 256
}

fn play(better: Kind, worse: Kind, version: u8, password: Option<&str>) {
    let Some(mut site) = Site::new() else { return };
    let from = |source| move |advert: &super::watch::Advert| advert.source == source;
    let role = |priority| Role { version, priority, vip: VIP, password };

    // Start: the better one becomes Master, though the other was there first.
    let backup = site.start(worse, role(WORSE_PRIORITY));
    let first =
        site.watch.wait_for("the worse alone", Duration::ZERO, down(WORSE_PRIORITY) + SLACK, from(WORSE));
    let master = site.start(better, role(BETTER_PRIORITY));
    site.watch.wait_for("the better preempts", first.at, down(BETTER_PRIORITY) + SLACK, from(BETTER));
    site.assert_the_only_master(BETTER);

    // Crash: the other takes over after its Master_Down_Interval, not before.
    master.crash();
    let since = site.watch.now();
    let takeover =
        site.watch.wait_for("the crash is survived", since, down(WORSE_PRIORITY) + SLACK, from(WORSE));
    assert_took(takeover.at - site.watch.last_before(BETTER, takeover.at).at, down(WORSE_PRIORITY));

    // Return: it finds its stale address, and preempts.
    assert!(holds(&site.better, VIP), "a crash leaves the address");
    let master = site.start(better, role(BETTER_PRIORITY));
    site.watch.wait_for("the better returns", takeover.at, down(BETTER_PRIORITY) + SLACK, from(BETTER));
    site.assert_the_only_master(BETTER);

    // Stop: it gives up its office, and the other takes over after its Skew_Time.
    let since = site.watch.now();
    master.stop();
    let is_release = |advert: &super::watch::Advert| advert.source == BETTER && advert.priority == 0;
    let release = site.watch.wait_for("the release", since, SLACK, is_release);
    let takeover =
        site.watch.wait_for("the stop is noticed", release.at, skew(WORSE_PRIORITY) + SLACK, from(WORSE));
    assert_took(takeover.at - release.at, skew(WORSE_PRIORITY));
    site.assert_the_only_master(WORSE);

    assert_eq!(complaint(&backup.log()), None);
    backup.stop();
    assert!(!holds(&site.worse, VIP));
}

/// A takeover is never early, and late only by what the machine is.
fn assert_took(measured: Duration, protocol: Duration) {
    // Clock readings of two packets: a microsecond is no contradiction. keepalived computes in microseconds too.
    assert!(
        measured + Duration::from_micros(100) >= protocol,
        "{measured:?} is before the protocol's {protocol:?}"
    );
    assert!(measured <= protocol + SLACK, "{measured:?} is long after the protocol's {protocol:?}");
}

/// A line in which a router complains of the other.
fn complaint(log: &str) -> Option<&str> {
    const WORDS: [&str; 6] = ["discarded", "invalid", "mismatch", "checksum", "bogus", "cannot"];
    log.lines().find(|line| WORDS.iter().any(|word| line.contains(word)))
}
