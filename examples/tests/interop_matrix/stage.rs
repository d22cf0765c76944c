//! A LAN with two hosts, what can be done to the routers on them, and what is then to be expected.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use lab::{Lan, Namespace};
use vip_netlink::{AssignedAddress, Netlink};

use crate::{
    combination::{Cast, Combination, Kind, Role, Side, To},
    router::{Log, Router},
    scene::Scene,
    watch::{Advert, Watch},
};

/// What has gone wrong, in one sentence.
pub(crate) type Result<T = ()> = std::result::Result<T, String>;

/// A shared machine may run late, and keepalived takes a while to start. Never early: the protocol's own time is a bound.
pub(crate) const SLACK: Duration = Duration::from_millis(1500);

/// A machine that stands still for longer upsets what is done between two beats.
pub(crate) const UPSETTING: Duration = Duration::from_millis(60);

/// More than an interval, less than two.
const A_WHILE: Duration = Duration::from_millis(1300);

/// What was to be seen in a scene, without its times: who sent which priority, one after the other, and which states the
/// routers entered. Repetitions are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace(pub(crate) Vec<String>);

pub(crate) struct Stage {
    combination: Combination,
    cast: Cast,
    program: PathBuf,
    lan: Lan,
    hosts: [Namespace; 2],
    watch: Watch,
    routers: [Option<Router>; 2],
    /// The logs of the routers that are gone.
    ended: Vec<(Side, Log)>,
    /// Where the present part of the trace begins: in what was seen, and in each router's states.
    since: (usize, [usize; 2]),
    trace: Trace,
    scene: Scene,
    pub(crate) played: Vec<(Scene, Trace)>,
}

impl Stage {
    /// Sets the stage. In unicast the two know each other's hardware address for good, so that what a host sends is seen while
    /// nobody answers it.
    pub(crate) fn new(program: PathBuf, combination: Combination, cast: Cast, first: Scene) -> Self {
        let mut lan = Lan::new().unwrap();
        let hosts = Side::BOTH.map(|side| {
            let host = Namespace::new().unwrap();
            lan.attach(&host, side.name(), side.address(), 24).unwrap();
            if combination.is_ipv6() {
                host.enable_ipv6("eth0").unwrap();
                await_source(&host, combination, side);
            }
            host
        });
        if combination.to == To::Peers {
            Side::BOTH
                .into_iter()
                .for_each(|side| introduce(&hosts[side.index()], combination, side.other()));
        }
        let watch = Watch::new(&lan, combination);
        Self {
            combination,
            cast,
            program,
            lan,
            hosts,
            watch,
            routers: [None, None],
            ended: Vec::new(),
            since: (0, [0, 0]),
            trace: Trace::default(),
            scene: first,
            played: Vec::new(),
        }
    }

    /// Ends one scene and begins another.
    pub(crate) fn begin(&mut self, scene: Scene) {
        self.end();
        self.scene = scene;
    }

    /// Ends the last scene.
    pub(crate) fn end(&mut self) {
        self.note("");
        self.played.push((self.scene, std::mem::take(&mut self.trace)));
    }

    pub(crate) fn scene(&self) -> Scene {
        self.scene
    }

    /// Starts a router.
    pub(crate) fn start(&mut self, side: Side, role: Role) {
        let (kind, host) = (self.cast.kind(side), &self.hosts[side.index()]);
        self.since.1[side.index()] = 0;
        let router = Router::start(kind, &self.program, host, self.combination, side, role);
        self.routers[side.index()] = Some(router);
    }

    pub(crate) fn crash(&mut self, side: Side) {
        let log = self.routers[side.index()].take().unwrap().crash();
        self.ended.push((side, log));
    }

    pub(crate) fn stop(&mut self, side: Side) {
        let log = self.routers[side.index()].take().unwrap().stop();
        self.ended.push((side, log));
    }

    pub(crate) fn set_priority(&mut self, side: Side, priority: u8) {
        self.routers[side.index()].as_mut().unwrap().set_priority(priority);
    }

    /// Cuts one side off.
    pub(crate) fn cut(&mut self) {
        self.note("");
        self.lan.cut(Side::Better.name()).unwrap();
    }

    /// Undoes [`cut`](Self::cut).
    pub(crate) fn mend(&mut self) {
        self.note_apart("cut");
        self.lan.mend(Side::Better.name()).unwrap();
    }

    /// Waits for a side's next advertisement. What is done right after it never meets the next one.
    pub(crate) fn beat(&mut self, side: Side) -> Result<Advert> {
        self.next("goes on", side, Duration::from_secs(1) + SLACK)
    }

    /// Waits for a side to speak that was silent: not before `least` after `since`, and not long after.
    pub(crate) fn takes_over(&mut self, side: Side, since: Duration, least: Duration) -> Result<Advert> {
        let within = (since + least + SLACK).saturating_sub(monotonic());
        let advert = self.next("takes over", side, within)?;
        self.took(side, advert.at.saturating_sub(since), least)?;
        Ok(advert)
    }

    /// The same, where the time counts from the last that was heard of the other.
    pub(crate) fn takes_over_from_the_silent(&mut self, side: Side, least: Duration) -> Result<Advert> {
        self.takes_over(side, self.last_of(side.other())?.at, least)
    }

    /// Watches for more than an interval: one Master that advertises, one Backup that is silent, one holder.
    pub(crate) fn is_the_only_master(&mut self, side: Side) -> Result {
        // A Master that has just given way may have said so. From the next advertisement on, there is but one.
        let next = self.beat(side)?;
        self.watch_for(A_WHILE);
        let is_stray = |advert: &&Advert| advert.at > next.at && advert.side != side;
        if let Some(stray) = self.watch.seen.iter().find(is_stray) {
            return Err(format!("{} is a second Master: {stray:?}", stray.side.name()));
        }
        self.expect_holding(side, true)?;
        // One that has crashed still holds what nobody takes from it.
        match self.routers[side.other().index()] {
            Some(_) => self.expect_holding(side.other(), false),
            None => Ok(()),
        }
    }

    /// Watches for so long, in which a side says nothing.
    pub(crate) fn is_silent(&mut self, side: Side, duration: Duration) -> Result {
        let since = self.watch.seen.len();
        self.watch_for(duration);
        match self.watch.seen[since..].iter().find(|advert| advert.side == side) {
            Some(advert) => Err(format!("{} should be silent: {advert:?}", side.name())),
            None => Ok(()),
        }
    }

    /// Waits for the farewell of one that gives up its office.
    pub(crate) fn releases(&mut self, side: Side) -> Result<Advert> {
        let seen = self.watch.look_until(SLACK, |seen| {
            seen.iter().rfind(|advert| advert.side == side && advert.priority == 0).copied()
        });
        seen.ok_or_else(|| format!("{} does not give up its office", side.name()))
    }

    /// Expects a host to have all the virtual addresses, or none.
    pub(crate) fn expect_holding(&self, side: Side, should: bool) -> Result {
        let held = holdings(&self.hosts[side.index()]);
        for vip in self.combination.vips() {
            if held.iter().any(|own| own == vip) != should {
                let verb = if should { "does not hold" } else { "still holds" };
                return Err(format!("{} {verb} {vip}, but {held:?}", side.name()));
            }
        }
        Ok(())
    }

    /// Ends all, and looks whether anybody has complained of the other.
    pub(crate) fn finish(&mut self) -> Result {
        self.end();
        for side in Side::BOTH {
            if self.routers[side.index()].is_some() {
                self.stop(side);
                self.expect_holding(side, false)?;
            }
        }
        if let Some(wrong) = self.watch.wrong.take() {
            return Err(wrong);
        }
        let lines = self.ended.iter().flat_map(|(side, log)| log.lines.iter().map(move |line| (side, line)));
        let mut complaints = lines.filter(|(_, line)| COMPLAINTS.iter().any(|word| line.contains(word)));
        match complaints.next() {
            Some((side, line)) => Err(format!("{} complains: {line}", side.name())),
            None => Ok(()),
        }
    }

    /// The same where complaints are what is expected: returns whether a side has said this.
    pub(crate) fn has_said(&self, side: Side, words: &str) -> bool {
        self.logs().iter().any(|(of, log)| *of == side && log.lines.iter().any(|line| line.contains(words)))
    }

    /// Ends all of two Masters that do not believe each other, whatever they have said.
    pub(crate) fn finish_quarrel(&mut self) {
        // When keepalived speaks has no order then: each packet that it refuses puts its own next one off.
        self.since.0 = self.watch.seen.len();
        self.end();
        self.routers = [None, None];
    }

    /// All that was said and the last that was seen, for somebody who looks for the error.
    pub(crate) fn report(&self) -> String {
        let logs = self.logs().into_iter().map(|(side, log)| {
            format!("--- {} ({:?})\n{}\n", side.name(), self.cast.kind(side), log.lines.join("\n"))
        });
        let tail = &self.watch.seen[self.watch.seen.len().saturating_sub(16)..];
        let seen =
            tail.iter().map(|Advert { at, side, priority }| format!("{at:?} {}{priority}\n", side.letter()));
        format!("{}--- seen\n{}", logs.collect::<String>(), seen.collect::<String>())
    }

    /// The last advertisement of a side.
    pub(crate) fn last_of(&self, side: Side) -> Result<Advert> {
        let last = self.watch.seen.iter().rfind(|advert| advert.side == side);
        last.copied().ok_or_else(|| format!("{} has said nothing", side.name()))
    }

    /// The last advertisement of a side before a moment.
    pub(crate) fn last_before(&self, side: Side, before: Duration) -> Result<Advert> {
        let last = self.watch.seen.iter().rfind(|advert| advert.side == side && advert.at < before);
        last.copied().ok_or_else(|| format!("{} has said nothing", side.name()))
    }

    /// Expects a side to have taken its time, and not much more.
    pub(crate) fn took(&self, side: Side, measured: Duration, protocol: Duration) -> Result {
        // Clock readings of two packets: a microsecond is no contradiction. keepalived computes in microseconds too, but from
        // a clock that it reads once a turn of its loop: a packet that comes in while it is at something else, or waits for
        // a CPU, is to it older than it is. As long as that may last, `was_upset` tells.
        let early = match self.cast.kind(side) {
            Kind::Ours => Duration::from_micros(100),
            Kind::Keepalived => UPSETTING,
        };
        if measured + early < protocol {
            return Err(format!(
                "{} takes over after {measured:?}, before the protocol's {protocol:?}",
                side.name()
            ));
        }
        if measured > protocol + SLACK {
            return Err(format!(
                "{} takes over after {measured:?}, long after the protocol's {protocol:?}",
                side.name()
            ));
        }
        Ok(())
    }

    fn next(&mut self, what: &str, side: Side, within: Duration) -> Result<Advert> {
        let since = self.watch.seen.len();
        let found = self.watch.look_until(within, |seen| {
            seen[since..].iter().find(|advert| advert.side == side && advert.priority != 0).copied()
        });
        found.ok_or_else(|| format!("{} does not do so within {within:?}: it {what}", side.name()))
    }

    pub(crate) fn watch_for(&mut self, duration: Duration) {
        self.watch.look_until(duration, |_| None::<()>);
    }

    fn logs(&self) -> Vec<(Side, Log)> {
        let running = Side::BOTH
            .into_iter()
            .filter_map(|side| self.routers[side.index()].as_ref().map(|router| (side, router.log())));
        self.ended.iter().cloned().chain(running).collect()
    }

    /// Adds what was seen and said since to the trace.
    fn note(&mut self, what: &str) {
        let (from, _) = self.since;
        let adverts = self.watch.seen[from..].iter();
        let line = compress(adverts.map(|advert| format!("{}{}", advert.side.letter(), advert.priority)));
        self.add(what, &line);
    }

    /// The same where neither hears the other, and who speaks first means nothing.
    fn note_apart(&mut self, what: &str) {
        let (from, _) = self.since;
        for side in Side::BOTH {
            let of = self.watch.seen[from..].iter().filter(|advert| advert.side == side);
            let line = compress(of.map(|advert| format!("{}{}", side.letter(), advert.priority)));
            self.add(what, &line);
        }
    }

    fn add(&mut self, what: &str, line: &str) {
        self.since.0 = self.watch.seen.len();
        let line = format!("{what}{}{line}", if what.is_empty() { "" } else { ": " });
        self.trace.0.extend((!line.is_empty()).then_some(line));
        for side in Side::BOTH {
            let Some(router) = &self.routers[side.index()] else { continue };
            let states = router.log().states;
            let news = &states[self.since.1[side.index()]..];
            if !news.is_empty() {
                self.trace.0.push(format!("{} enters {}", side.letter(), news.join(", ")));
            }
            self.since.1[side.index()] = states.len();
        }
    }
}

fn compress(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<_> = items.collect();
    items.dedup();
    items.join(" ")
}

fn assigned(host: &Namespace) -> Vec<AssignedAddress> {
    let list = || {
        let mut netlink = Netlink::open().unwrap();
        let interface = netlink.interface("eth0").unwrap();
        netlink.addresses(&interface).unwrap()
    };
    host.run(list).unwrap()
}

fn holdings(host: &Namespace) -> Vec<String> {
    assigned(host).iter().map(|own| own.address().to_string()).collect()
}

/// Waits until the kernel's link-local address can be used, which nothing tells of.
fn await_source(host: &Namespace, combination: Combination, side: Side) {
    let (source, deadline) = (combination.source(side), Instant::now() + Duration::from_secs(10));
    while !assigned(host).iter().any(|own| own.ip() == source && own.is_usable()) {
        assert!(Instant::now() < deadline, "{} has no {source}", side.name());
        std::thread::yield_now();
    }
}

/// Tells a host where the other side is.
fn introduce(host: &Namespace, combination: Combination, other: Side) {
    let ip = lab::need("ip").expect("keepalived is here, and ip is not");
    let (address, mac) = (combination.source(other).to_string(), other.hardware_address());
    let mut command = Command::new(ip);
    command.args(["neigh", "replace", &address, "lladdr", &mac, "dev", "eth0", "nud", "permanent"]);
    assert!(host.run(|| command.status()).unwrap().unwrap().success());
}

fn monotonic() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap().into()
}

/// The Master_Down_Interval of a priority, at one second: the same in both versions.
pub(crate) fn down(priority: u8) -> Duration {
    Duration::from_secs(3) + skew(priority)
}

/// The Skew_Time, likewise.
pub(crate) fn skew(priority: u8) -> Duration {
    Duration::from_secs(256 - u64::from(priority)) / 256
}

/// Now, by the clock of the advertisements.
pub(crate) fn now() -> Duration {
    monotonic()
}

/// Words in which a router complains of the other.
const COMPLAINTS: [&str; 8] =
    ["discarded", "invalid", "mismatch", "checksum", "bogus", "cannot", "replay", "already processed"];
