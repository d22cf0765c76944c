//! Virtual routers that are Master together or not at all, on two routers that share two or more LANs.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use proptest::prelude::*;
use vrrp_engine::{
    Config, ConfigError, Fault, GroupId, Health, Instant, MemberWeights, OnAddressLoss, Output, RouterId,
    State, Tracker, VrrpRouter,
};
use vrrp_proto::{Advertisement, Endpoints, Packet, Priority, Vrid};

use super::{SEC, at};

const LATENCY: Duration = Duration::from_millis(1);

struct Node {
    router: VrrpRouter,
    ids: Vec<RouterId>,
    group: GroupId,
    trace: Vec<String>,
}

/// A message on its way: when it arrives, at which node, on which interface, from where.
struct Flight {
    at: Instant,
    to: usize,
    interface: u32,
    endpoints: Endpoints,
    bytes: Vec<u8>,
}

/// Two nodes; each virtual router is on a LAN of its own, with its number for the interface.
struct Site {
    nodes: Vec<Node>,
    wire: VecDeque<Flight>,
    now: Instant,
    /// LANs that carry nothing.
    cut: Vec<u32>,
}

impl Site {
    /// For each node, the last byte of its address and its priority on each LAN.
    fn new(nodes: [&[(u8, u8)]; 2]) -> Self {
        let nodes = nodes.map(|members| {
            let mut router = VrrpRouter::new();
            let ids: Vec<_> = members
                .iter()
                .zip(1u8..)
                .map(|((last, priority), lan)| router.add(lan.into(), config(lan, *last, *priority)).unwrap())
                .collect();
            let group = router.add_group(Instant::EPOCH, ids.iter().copied(), MemberWeights::Ignore).unwrap();
            Node { router, ids, group, trace: Vec::new() }
        });
        Self { nodes: nodes.into(), wire: VecDeque::new(), now: Instant::EPOCH, cut: Vec::new() }
    }

    fn start(mut self) -> Self {
        for number in 0..2 {
            self.nodes[number].router.start(self.now);
            self.drain(number);
        }
        self
    }

    fn drain(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        while let Some((id, output)) = node.router.poll_output() {
            match output {
                Output::Advertise(advertise) if !self.cut.contains(&id.interface) => {
                    let mut buffer = [0; Advertisement::MAX_LEN];
                    let bytes = advertise.encode(&mut buffer).unwrap().to_vec();
                    let (at, to, interface) = (self.now + LATENCY, 1 - number, id.interface);
                    let endpoints = advertise.endpoints;
                    self.wire.push_back(Flight { at, to, interface, endpoints, bytes });
                }
                Output::Transition(transition) => node.trace.push(format!("{} {transition}", id.vrid)),
                Output::Advertise(_) | Output::Acquire(_) | Output::Release(_) => {}
                Output::Announce(_) | Output::Overdue(_) => {}
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        self.run_for(Duration::from_secs(seconds));
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timers = self.nodes.iter_mut().filter_map(|node| node.router.poll_timeout());
            let next = timers.chain(self.wire.front().map(|flight| flight.at)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next;
            let arrives = self.wire.front().is_some_and(|flight| flight.at <= next);
            if arrives && let Some(flight) = self.wire.pop_front() {
                let Flight { to, interface, endpoints, bytes, .. } = flight;
                let packet = Packet::new(endpoints, 255, &bytes);
                let _ = self.nodes[to].router.handle_packet(next, interface, &packet);
                self.drain(to);
            } else {
                for number in 0..2 {
                    self.nodes[number].router.handle_timeout(next);
                    self.drain(number);
                }
            }
            for node in &self.nodes {
                let states: Vec<_> = node.router.iter().map(|(_, router)| router.state()).collect();
                assert!(states.windows(2).all(|pair| pair[0] == pair[1]), "members disagree: {states:?}");
            }
        }
        self.now = end;
    }

    /// The state that all members of a node are in.
    fn state(&self, number: usize) -> State {
        self.nodes[number].router.iter().next().unwrap().1.state()
    }

    fn states(&self) -> [State; 2] {
        [self.state(0), self.state(1)]
    }
}

fn config(lan: u8, last: u8, priority: u8) -> Config {
    let source = IpAddr::from([10, 0, lan, last]);
    let builder = Config::builder(Vrid::new(lan).unwrap(), source, [IpAddr::from([10, 0, lan, 100])]);
    builder.priority(Priority::new(priority)).build().unwrap()
}

const ONE_MASTER: [State; 2] = [State::Master, State::Backup];

#[test]
fn all_wait_for_the_last_and_become_master_together() {
    let mut site = Site::new([&[(1, 200), (1, 100), (1, 150)], &[(2, 50), (2, 50), (2, 50)]]).start();
    site.run(4);
    assert_eq!(site.states(), ONE_MASTER);
    let masters: Vec<_> = site.nodes[0].trace.iter().filter(|line| line.contains("-> Master")).collect();
    assert_eq!(masters.len(), 3);
}

#[test]
fn where_the_leader_gives_way_all_do() {
    let mut site = Site::new([&[(1, 100), (1, 100)], &[(2, 50), (2, 50)]]).start();
    site.run(10);
    assert_eq!(site.states(), ONE_MASTER);
    for lan in [1, 2] {
        let better = site.nodes[1].router.get(site.nodes[1].ids[lan - 1]).unwrap();
        let better = better.config().to_builder().priority(Priority::new(200)).build().unwrap();
        let (id, now) = (site.nodes[1].ids[lan - 1], site.now);
        site.nodes[1].router.reconfigure(now, id, better).unwrap();
    }
    site.run(10);
    assert_eq!(site.states(), [State::Backup, State::Master]);
    let follows = "follows virtual router 1 on interface 1, of its sync group";
    assert!(site.nodes[0].trace.iter().any(|line| line.ends_with(follows)), "{:?}", site.nodes[0].trace);
}

#[test]
fn one_fault_is_everybodys_and_the_other_node_takes_all_over() {
    let mut site = Site::new([&[(1, 100), (1, 100)], &[(2, 50), (2, 50)]]).start();
    site.run(10);
    let (id, now) = (site.nodes[0].ids[1], site.now);
    site.nodes[0].router.raise(now, id, Fault::InterfaceDown).unwrap();
    site.drain(0);
    assert_eq!(site.state(0), State::Fault);
    site.run(1);
    assert_eq!(site.states(), [State::Fault, State::Master], "told by priority 0, within the Skew_Time");
    let now = site.now;
    site.nodes[0].router.clear(now, id, Fault::InterfaceDown).unwrap();
    site.drain(0);
    site.run(10);
    assert_eq!(site.states(), ONE_MASTER, "back, and preempting");
}

/// Where keepalived's groups give way to each other for ever: each has the better claim to one member.
#[test]
fn two_groups_that_contend_agree() {
    let crossed: [[&[(u8, u8)]; 2]; 4] = [
        [&[(1, 200), (1, 50)], &[(2, 50), (2, 200)]],
        // The same priority, and addresses that decide both ways.
        [&[(2, 100), (1, 100)], &[(1, 100), (2, 100)]],
        [&[(1, 50), (1, 200), (1, 200)], &[(2, 200), (2, 50), (2, 50)]],
        [&[(1, 100), (2, 100), (1, 7)], &[(2, 100), (1, 100), (2, 7)]],
    ];
    for (number, nodes) in crossed.into_iter().enumerate() {
        let mut site = Site::new(nodes).start();
        site.run(30);
        let masters = site.states().iter().filter(|state| **state == State::Master).count();
        assert_eq!(masters, 1, "case {number}: {:?}", site.states());
        let settled = site.nodes.iter().map(|node| node.trace.len()).sum::<usize>();
        site.run(60);
        let later = site.nodes.iter().map(|node| node.trace.len()).sum::<usize>();
        assert_eq!(settled, later, "case {number}: it goes on and on");
    }
}

#[test]
fn after_a_split_the_groups_agree_again() {
    let mut site = Site::new([&[(2, 100), (1, 100)], &[(1, 100), (2, 100)]]).start();
    site.cut = vec![1, 2];
    site.run(10);
    assert_eq!(site.states(), [State::Master; 2]);
    site.cut.clear();
    site.run(6);
    assert_eq!(site.states(), ONE_MASTER, "the leader's address is higher there");
}

#[test]
fn where_the_leaders_lan_is_cut_the_better_claim_to_another_member_counts() {
    let mut site = Site::new([&[(1, 200), (1, 50)], &[(2, 50), (2, 200)]]).start();
    site.cut = vec![1];
    site.run(30);
    assert_eq!(site.states(), [State::Backup, State::Master]);
}

#[test]
fn a_lost_address_takes_the_group_along_and_back() {
    let mut site = Site::new([&[(1, 200), (1, 200)], &[(2, 50), (2, 50)]]).start();
    site.run(10);
    let now = site.now;
    site.nodes[0].router.handle_lost_address(now, 1, [10, 0, 1, 100].into());
    site.drain(0);
    assert_eq!(site.state(0), State::Backup);
    site.run(1);
    assert_eq!(site.states(), ONE_MASTER, "its Skew_Time is the shortest");
    assert_eq!(OnAddressLoss::default(), OnAddressLoss::StepBack);
}

#[test]
fn owners_of_all_members_start_as_masters_and_of_some_wait_for_the_rest() {
    let mut site = Site::new([&[(1, 255), (1, 255)], &[(2, 50), (2, 50)]]).start();
    site.run(0);
    assert_eq!(site.states(), ONE_MASTER);
    let mut site = Site::new([&[(1, 255), (1, 100)], &[(2, 50), (2, 50)]]).start();
    site.run(1);
    assert_eq!(site.states(), [State::Backup; 2]);
    site.run(10);
    assert_eq!(site.states(), ONE_MASTER);
}

#[test]
fn a_groups_own_trackers_count_and_its_members_weights_only_if_told_so() {
    for (weights, expected) in [(MemberWeights::Ignore, 90), (MemberWeights::Apply, 70)] {
        let mut router = VrrpRouter::new();
        let ids = [1, 2].map(|lan| router.add(lan.into(), config(lan, 1, 100)).unwrap());
        let group = router.add_group(Instant::EPOCH, ids, weights).unwrap();
        let [own, shared] = [router.add_tracker(), router.add_tracker()];
        router.track(at(0), ids[0], own, Tracker::weight(-20).unwrap()).unwrap();
        router.track_group(at(0), group, shared, Tracker::weight(-10).unwrap()).unwrap();
        router.report(at(SEC), own, Health::Down);
        router.report(at(SEC), shared, Health::Down);
        assert_eq!(router.get(ids[0]).unwrap().priority().get(), expected);
        assert_eq!(router.get(ids[1]).unwrap().priority().get(), 90);
    }
}

#[test]
fn a_tracked_fault_of_the_group_is_the_same_for_all() {
    let mut site = Site::new([&[(1, 100), (1, 100)], &[(2, 50), (2, 50)]]).start();
    site.run(10);
    let (node, now) = (&mut site.nodes[0], site.now);
    let tracker = node.router.add_tracker();
    node.router.report(now, tracker, Health::Up);
    node.router.track_group(now, node.group, tracker, Tracker::fault()).unwrap();
    assert_eq!(site.state(0), State::Master);
    site.nodes[0].router.report(now, tracker, Health::Down);
    site.drain(0);
    assert_eq!(site.state(0), State::Fault);
}

#[test]
fn who_is_in_a_group_cannot_be_in_another_and_leaves_it_when_removed() {
    let mut router = VrrpRouter::new();
    let ids = [1, 2, 3].map(|lan| router.add(lan.into(), config(lan, 1, 100)).unwrap());
    let group = |router: &mut VrrpRouter, ids: &[RouterId]| {
        router.add_group(Instant::EPOCH, ids.iter().copied(), MemberWeights::Ignore)
    };
    assert_eq!(group(&mut router, &[]), Err(ConfigError::EmptySyncGroup));
    assert!(group(&mut router, &[ids[0], ids[0]]).is_err(), "one twice");
    group(&mut router, &ids[..2]).unwrap();
    assert!(matches!(group(&mut router, &ids[1..]), Err(ConfigError::InSyncGroup { .. })));
    router.start(Instant::EPOCH);
    router.raise(at(SEC), ids[0], Fault::Operator).unwrap();
    assert_eq!(router.get(ids[1]).unwrap().state(), State::Fault);
    router.remove(at(SEC), ids[0]).unwrap();
    assert_eq!(router.get(ids[1]).unwrap().state(), State::Backup, "its fault went with it");
    for _ in 0..2 {
        let due = router.poll_timeout().unwrap();
        router.handle_timeout(due);
    }
    assert_eq!(router.get(ids[1]).unwrap().state(), State::Master, "alone in its group");
}

/// What happens to a site.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Run(u64),
    Cut(u32),
    Mend(u32),
    Fail(usize, usize),
    Repair(usize, usize),
    LoseAddress(usize, usize),
    Restart(usize),
    Priority(usize, usize, u8),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let priority = prop_oneof![Just(50u8), Just(100), Just(200), 1u8..=254];
    prop_oneof![
        5 => (1u64..9000).prop_map(Trouble::Run),
        1 => (1u32..4).prop_map(Trouble::Cut),
        1 => (1u32..4).prop_map(Trouble::Mend),
        1 => (0usize..2, 0usize..3).prop_map(|(node, member)| Trouble::Fail(node, member)),
        1 => (0usize..2, 0usize..3).prop_map(|(node, member)| Trouble::Repair(node, member)),
        1 => (0usize..2, 0usize..3).prop_map(|(node, member)| Trouble::LoseAddress(node, member)),
        1 => (0usize..2).prop_map(Trouble::Restart),
        1 => (0usize..2, 0usize..3, priority).prop_map(|(node, member, to)| Trouble::Priority(node, member, to)),
    ]
}

impl Site {
    fn happen(&mut self, trouble: Trouble) {
        let now = self.now;
        match trouble {
            Trouble::Run(millis) => return self.run_for(Duration::from_millis(millis)),
            Trouble::Cut(lan) => self.cut.push(lan),
            Trouble::Mend(lan) => self.cut.retain(|cut| *cut != lan),
            Trouble::Fail(node, member) => {
                let node = &mut self.nodes[node];
                node.router.raise(now, node.ids[member], Fault::Operator).unwrap();
            }
            Trouble::Repair(node, member) => {
                let node = &mut self.nodes[node];
                node.router.clear(now, node.ids[member], Fault::Operator).unwrap();
            }
            Trouble::LoseAddress(node, member) => {
                let lan = member as u8 + 1;
                self.nodes[node].router.handle_lost_address(now, lan.into(), [10, 0, lan, 100].into());
            }
            Trouble::Restart(node) => {
                self.nodes[node].router.shutdown(now);
                self.nodes[node].router.start(now);
            }
            Trouble::Priority(node, member, to) => {
                let node = &mut self.nodes[node];
                let id = node.ids[member];
                let config = node.router.get(id).unwrap().config().to_builder().priority(Priority::new(to));
                node.router.reconfigure(now, id, config.build().unwrap()).unwrap();
            }
        }
        for number in 0..2 {
            self.drain(number);
        }
    }
}

proptest! {
    /// Whatever the priorities and addresses of the members, and whatever has happened: members agree at every moment, and once
    /// all is well, one node is Master of all of them, soon, and stays it.
    #[test]
    fn after_any_trouble_one_node_has_it_all(
        priorities in prop::array::uniform6(prop_oneof![Just(50u8), Just(100), Just(200), 1u8..=254]),
        swaps in prop::array::uniform3(any::<bool>()),
        troubles in prop::collection::vec(trouble(), 0..20),
    ) {
        let [a, b, c, d, e, f] = priorities;
        let last = |node: u8, lan: usize| if swaps[lan] { 3 - node } else { node };
        let members = |node: u8, of: [u8; 3]| -> Vec<(u8, u8)> {
            of.into_iter().enumerate().map(|(lan, priority)| (last(node, lan), priority)).collect()
        };
        let (one, other) = (members(1, [a, b, c]), members(2, [d, e, f]));
        let mut site = Site::new([&one, &other]).start();
        for trouble in troubles {
            site.happen(trouble);
        }
        site.cut.clear();
        for (node, member) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
            site.happen(Trouble::Repair(node, member));
        }

        // Four Master_Down_Intervals of the slowest.
        site.run(16);
        let masters = |site: &Site| site.states().map(|state| state == State::Master);
        let settled = masters(&site);
        prop_assert_eq!(settled.iter().filter(|is_master| **is_master).count(), 1, "{:?}", site.states());
        site.run(30);
        prop_assert_eq!(masters(&site), settled, "it does not stay so");
    }
}

#[test]
fn members_of_one_number_on_two_lans_agree_on_their_leader() {
    let config = |last: u8, lan: u8, priority: u8| {
        let source = IpAddr::from([10, 0, lan, last]);
        let builder = Config::builder(Vrid::new(51).unwrap(), source, [IpAddr::from([10, 0, lan, 100])]);
        builder.priority(Priority::new(priority)).build().unwrap()
    };
    let node = |last: u8, priorities: [u8; 2], order: [usize; 2]| {
        let mut router = VrrpRouter::new();
        let ids: Vec<_> = [1u8, 2]
            .into_iter()
            .zip(priorities)
            .map(|(lan, priority)| router.add(lan.into(), config(last, lan, priority)).unwrap())
            .collect();
        let listed = order.map(|number| ids[number]);
        let group = router.add_group(Instant::EPOCH, listed, MemberWeights::Ignore).unwrap();
        Node { router, ids, group, trace: Vec::new() }
    };
    let nodes = vec![node(1, [200, 50], [0, 1]), node(2, [50, 200], [1, 0])];
    let mut site = Site { nodes, wire: VecDeque::new(), now: Instant::EPOCH, cut: Vec::new() }.start();
    site.run(30);
    assert_eq!(site.states(), ONE_MASTER);
    let settled = site.nodes.iter().map(|node| node.trace.len()).sum::<usize>();
    site.run(300);
    assert_eq!(site.nodes.iter().map(|node| node.trace.len()).sum::<usize>(), settled);
}

#[test]
fn who_has_a_fault_of_his_own_says_so_when_it_is_over() {
    let mut site = Site::new([&[(1, 100), (1, 100)], &[(2, 50), (2, 50)]]).start();
    let (ids, now) = (site.nodes[0].ids.clone(), site.now);
    let node = &mut site.nodes[0];
    node.router.raise(now, ids[1], Fault::InterfaceDown).unwrap();
    assert!(!node.router.get(ids[1]).unwrap().faults().contains(Fault::SyncGroup));
    site.drain(0);
    site.nodes[0].router.clear(now, ids[1], Fault::InterfaceDown).unwrap();
    site.drain(0);
    let trace = &site.nodes[0].trace;
    assert!(
        trace.contains(&"2 Fault -> Backup: no longer so: the interface is down".to_owned()),
        "{trace:?}"
    );
}
