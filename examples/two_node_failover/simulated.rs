//! The stage where namespaces are not permitted: the same engine and codec, on a virtual LAN and clock.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, SystemTime},
};

use vrrp_engine::{Instant, Output, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, HOP_LIMIT, Packet};

use crate::{
    Result, frames,
    pcap::Pcap,
    plan::{CLIENT, NODE_ADDRESSES, NODES, PING_PERIOD, Plan, VIP_PREFIX_LEN},
    world::{Seen, What, World},
};

/// A LAN in memory. What crosses it takes [`LATENCY`].
#[derive(Debug)]
pub(crate) struct Simulated {
    plan: Plan,
    now: Duration,
    nodes: [Node; 2],
    /// Which node the client believes each address to be at: its ARP cache.
    neighbours: Vec<Option<usize>>,
    /// How many times the client has pinged.
    pings: u64,
    agenda: BinaryHeap<Reverse<(Duration, u64, Happening)>>,
    count: u64,
    /// Seen and not told yet, in order.
    seen: std::collections::VecDeque<Seen>,
    pcap: Option<(Pcap, Duration)>,
}

#[derive(Debug, Default)]
struct Node {
    router: Option<VrrpRouter>,
    /// For each address: is it on the interface? It stays when the process is killed.
    holds: Vec<bool>,
    is_cut: bool,
}

/// What the agenda holds; in the order of its time, and of its making.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Ping,
    Arrives { from: usize, message: Vec<u8> },
    Announced { from: usize, router: usize },
    Answers { from: usize, router: usize, number: u64 },
}

impl Simulated {
    pub(crate) fn new(plan: &Plan, pcap: Option<Pcap>) -> Result<Self> {
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let node = || Node { holds: vec![false; plan.routers.len()], ..Node::default() };
        let mut world = Self {
            plan: plan.clone(),
            now: Duration::ZERO,
            nodes: [node(), node()],
            neighbours: vec![None; plan.routers.len()],
            pings: 0,
            agenda: BinaryHeap::new(),
            count: 0,
            seen: std::collections::VecDeque::new(),
            pcap: pcap.map(|pcap| (pcap, epoch)),
        };
        world.plan_for(Duration::ZERO, Happening::Ping);
        Ok(world)
    }

    fn plan_for(&mut self, at: Duration, happening: Happening) {
        self.count += 1;
        self.agenda.push(Reverse((at, self.count, happening)));
    }

    /// The earliest deadline of a living node, not before now.
    fn timer(&mut self) -> Option<Duration> {
        let deadlines = self.nodes.iter_mut().filter_map(|node| node.router.as_mut()?.poll_timeout());
        deadlines.min().map(|deadline| deadline.since_epoch().max(self.now))
    }

    fn happen(&mut self, happening: Happening) -> Result<()> {
        match happening {
            Happening::Ping => self.ping(),
            Happening::Arrives { from, message } => self.arrives(from, &message)?,
            Happening::Announced { from, router } => {
                self.neighbours[router] = Some(from);
                self.record(&frames::announcement(from, self.plan.routers[router].vip))?;
            }
            Happening::Answers { from, router, number } => self.see(from, What::Reply { router, number }),
        }
        Ok(())
    }

    /// The client asks for each address where it believes it to be, and finds out first if it does not know.
    fn ping(&mut self) {
        self.pings += 1;
        let number = self.pings;
        for router in 0..self.plan.routers.len() {
            self.see(CLIENT, What::Ping { router, number });
            let answers = |node: &usize| self.nodes[*node].holds[router] && !self.nodes[*node].is_cut;
            if self.neighbours[router].is_none() {
                self.neighbours[router] = NODES.into_iter().find(answers);
            }
            if let Some(from) = self.neighbours[router].filter(answers) {
                self.plan_for(self.now + 2 * LATENCY, Happening::Answers { from, router, number });
            }
        }
        self.plan_for(self.now + PING_PERIOD, Happening::Ping);
    }

    fn arrives(&mut self, from: usize, message: &[u8]) -> Result<()> {
        self.record(&frames::advertisement(from, self.plan.group, message))?;
        let (source, destination) = (NODE_ADDRESSES[from], self.plan.group);
        let packet = Packet::new(Endpoints::V4 { source, destination }, HOP_LIMIT, message);
        let advertisement = packet.decode()?.advertisement;
        if let Some(router) = self.plan.by_vrid(advertisement.vrid().get()) {
            self.see(from, What::Advertisement { router, priority: advertisement.priority().get() });
        }
        let to = 1 - from;
        let Node { router: Some(router), is_cut: false, .. } = &mut self.nodes[to] else {
            return Ok(());
        };
        if let Err(discard) = router.handle_packet(Instant::from_epoch(self.now), ETH0, &packet) {
            self.see(to, What::Note(format!("packet from {source} discarded: {discard}")));
        }
        self.carry_out(to)
    }

    /// Carries out what a node orders.
    fn carry_out(&mut self, node: usize) -> Result<()> {
        let Some(mut engine) = self.nodes[node].router.take() else {
            return Ok(());
        };
        while let Some((id, output)) = engine.poll_output() {
            let Some(router) = self.plan.by_vrid(id.vrid.get()) else {
                continue;
            };
            let is_cut = self.nodes[node].is_cut;
            match output {
                Output::Advertise(advertise) if !is_cut => {
                    let mut buffer = [0; Advertisement::MAX_LEN];
                    let message = advertise.encode(&mut buffer)?.to_vec();
                    self.plan_for(self.now + LATENCY, Happening::Arrives { from: node, message });
                }
                Output::Announce(_) if !is_cut => {
                    self.plan_for(self.now + LATENCY, Happening::Announced { from: node, router });
                }
                Output::Advertise(_) | Output::Announce(_) => {}
                Output::Acquire(_) => self.nodes[node].holds[router] = true,
                Output::Release(_) => {
                    if std::mem::take(&mut self.nodes[node].holds[router]) {
                        let vip = self.plan.routers[router].vip;
                        self.see(node, What::Note(format!("{vip}/{} released", VIP_PREFIX_LEN)));
                    }
                }
                Output::Transition(transition) => {
                    let (from, to, reason) = (transition.from, transition.to, transition.reason.to_string());
                    self.see(node, What::Transition { router, from, to, reason });
                }
                Output::Overdue(lateness) => {
                    self.see(node, What::Note(format!("not run for {lateness:.1?} past its deadline")));
                }
            }
        }
        self.nodes[node].router = Some(engine);
        Ok(())
    }

    fn see(&mut self, node: usize, what: What) {
        self.seen.push_back(Seen { at: self.now, node, what });
    }

    fn record(&mut self, frame: &[u8]) -> Result<()> {
        if let Some((pcap, epoch)) = &mut self.pcap {
            pcap.write(*epoch + self.now, frame)?;
        }
        Ok(())
    }
}

impl World for Simulated {
    fn now(&self) -> Duration {
        self.now
    }

    fn next(&mut self, until: Duration) -> Result<Option<Seen>> {
        while self.seen.is_empty() {
            let happening = self.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(next) = happening.into_iter().chain(self.timer()).min().filter(|next| *next <= until)
            else {
                self.now = until;
                return Ok(None);
            };
            self.now = next;
            match self.agenda.pop() {
                Some(Reverse((at, _, happening))) if at <= next => self.happen(happening)?,
                other => {
                    self.agenda.extend(other);
                    for node in NODES {
                        if let Some(router) = &mut self.nodes[node].router {
                            router.handle_timeout(Instant::from_epoch(self.now));
                        }
                        self.carry_out(node)?;
                    }
                }
            }
        }
        Ok(self.seen.pop_front())
    }

    fn start(&mut self, node: usize) -> Result<()> {
        let settings = self.plan.settings(node);
        let mut engine = VrrpRouter::new();
        for router in &settings.routers {
            engine.add(ETH0, settings.config(router, NODE_ADDRESSES[node])?)?;
        }
        engine.start(Instant::from_epoch(self.now));
        self.nodes[node].router = Some(engine);
        self.carry_out(node)
    }

    fn stop(&mut self, node: usize) -> Result<()> {
        if let Some(router) = &mut self.nodes[node].router {
            router.shutdown(Instant::from_epoch(self.now));
        }
        self.carry_out(node)?;
        self.kill(node)
    }

    fn kill(&mut self, node: usize) -> Result<()> {
        self.nodes[node].router = None;
        Ok(())
    }

    fn is_running(&self, node: usize) -> bool {
        self.nodes[node].router.is_some()
    }

    fn holds(&self, node: usize, router: usize) -> Result<bool> {
        Ok(self.nodes[node].holds[router])
    }

    fn cut(&mut self, node: usize) -> Result<()> {
        self.nodes[node].is_cut = true;
        Ok(())
    }

    fn mend(&mut self, node: usize) -> Result<()> {
        self.nodes[node].is_cut = false;
        Ok(())
    }

    fn stalled(&self, _: Duration, _: Duration) -> Duration {
        Duration::ZERO
    }

    fn finish(&mut self) -> Result<()> {
        self.pcap.take().map_or(Ok(()), |(pcap, _)| pcap.finish())
    }
}

/// How long a frame takes to cross the LAN.
const LATENCY: Duration = Duration::from_micros(50);

const ETH0: u32 = 1;
