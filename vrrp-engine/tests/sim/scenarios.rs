//! Histories worth a name.

use super::{
    clock::Clock,
    dice::Dice,
    garbage::Garbage,
    host::{Preempt, Reassert},
    lan::{Lan, Pause, Weather},
    spec::{MAX_ROLES, Nanos, Role, Spec, Version},
    trouble::Trouble,
};

const SEC: Nanos = 1_000_000_000;

/// Hosts 192.0.2.1, .2 and so on, with these priorities, started together.
fn lan(version: Version, preempt: Preempt, priorities: &[u8]) -> Lan {
    let spec = |(priority, last): (&u8, u8)| {
        let mut roles = [None; MAX_ROLES];
        roles[0] = Some(Role::plain(version, *priority, preempt));
        Spec { last, roles }
    };
    let specs: Vec<_> = priorities.iter().zip(1..).map(spec).collect();
    let clock = Clock { epoch: 0, ppm: 0, stood_still: 0 };
    let calm = Weather { loss: 0, twice: 0, delay: 200_000, overtaking: false };
    let mut lan = Lan::new(&specs, vec![clock; specs.len()], calm, Dice::new(1));
    for host in 0..specs.len() {
        lan.start(host).unwrap();
    }
    lan
}

#[test]
fn two_equals_settle_on_the_higher_address() {
    let mut lan = lan(Version::V2, Preempt::Allow, &[100, 100]);
    lan.run(5 * SEC).unwrap();
    assert_eq!(lan.masters(0), [1]);
}

#[test]
fn after_a_split_the_higher_address_of_equals_stays() {
    for version in [Version::V2, Version::V3] {
        let mut lan = lan(version, Preempt::Forbid, &[100, 100, 100]);
        lan.run(5 * SEC).unwrap();
        Trouble::Split(vec![true, false, true]).happen(&mut lan).unwrap();
        lan.run(5 * SEC).unwrap();
        assert_eq!(lan.masters(0), [1, 2]);
        Trouble::Heal.happen(&mut lan).unwrap();
        lan.run(2 * SEC).unwrap();
        assert_eq!(lan.masters(0), [2]);
    }
}

#[test]
fn a_host_that_stopped_for_a_while_does_not_take_over_from_a_living_master() {
    let mut lan = lan(Version::V2, Preempt::Allow, &[200, 100]);
    lan.run(5 * SEC).unwrap();
    lan.pause(1, Pause::Stopped(100));
    lan.run(10 * SEC).unwrap();
    lan.trace = Some(Vec::new());
    lan.resume(1).unwrap();
    lan.run(5 * SEC).unwrap();
    assert_eq!(lan.masters(0), [0]);
    let trace = lan.trace.unwrap();
    assert!(!trace.iter().any(|line| line.contains("->")), "{trace:?}");
}

/// The farewell of a Master that gives way comes after the advertisement that made it do so, and has its own interval. A
/// third router that learns that interval soon misses a Master with a longer one, and takes over itself, again and again;
/// unless that Master answers.
#[test]
fn a_farewell_does_not_teach_others_its_interval() {
    let mut lan = lan(Version::V3, Preempt::Forbid, &[100, 150, 255]);
    // Every packet takes the same time, so an answer is heard after what it answers.
    lan.weather.delay = 1;
    lan.run(5 * SEC).unwrap();
    for host in 0..3 {
        lan.crash(host).unwrap();
        if let Some(role) = &mut lan.nodes[host].spec.roles[0] {
            role.centis = [10, 10, 100][host];
            role.reassert = Reassert::Stay;
        }
    }
    // The first two find each other, then the third comes, the owner, which is slower.
    lan.start(0).unwrap();
    lan.start(1).unwrap();
    lan.run(5 * SEC).unwrap();
    Trouble::Split(vec![true, true, false]).happen(&mut lan).unwrap();
    lan.start(2).unwrap();
    lan.run(10 * SEC).unwrap();
    Trouble::Heal.happen(&mut lan).unwrap();
    lan.run(20 * SEC).unwrap();
    assert_eq!(lan.masters(0), [2]);
    lan.mind_the_gaps();
    lan.trace = Some(Vec::new());
    lan.run(10 * SEC).unwrap();
    let trace = lan.trace.unwrap();
    let changes: Vec<_> = trace.iter().filter(|line| line.contains("->")).collect();
    assert!(changes.is_empty(), "{changes:#?}");
}

/// keepalived's Master puts its next advertisement off with every packet of its VRID, refused ones too.
#[test]
fn junk_faster_than_advertisements_does_not_silence_a_master() {
    let mut lan = lan(Version::V2, Preempt::Allow, &[200, 100]);
    lan.run(5 * SEC).unwrap();
    let (from, role) = (lan.nodes[1].spec, Role::plain(Version::V2, 100, Preempt::Allow));
    for count in 0..1000 {
        let garbage = Garbage::draw(&mut lan.dice, &role);
        let to = lan.nodes[0].spec;
        let (datagram, fate) = garbage.make(&mut lan.dice, from.source(role.family), &role, &to);
        lan.inject(0, count * SEC / 100, datagram, fate);
    }
    lan.trace = Some(Vec::new());
    lan.run(10 * SEC).unwrap();
    assert_eq!(lan.masters(0), [0]);
    let trace = lan.trace.unwrap();
    assert!(!trace.iter().any(|line| line.contains("->")), "{trace:?}");
    assert_eq!(trace.iter().filter(|line| line.contains("advertises")).count(), 10);
}

#[test]
fn a_master_that_hears_nobody_is_no_rival_to_itself() {
    let mut lan = lan(Version::V3, Preempt::Allow, &[200, 100]);
    lan.run(5 * SEC).unwrap();
    Trouble::Cut(1, 0).happen(&mut lan).unwrap();
    lan.run(10 * SEC).unwrap();
    assert_eq!(lan.masters(0), [0]);
    Trouble::Heal.happen(&mut lan).unwrap();
    Trouble::Cut(0, 1).happen(&mut lan).unwrap();
    lan.run(10 * SEC).unwrap();
    assert_eq!(
        lan.masters(0),
        [0, 1],
        "whom the Master does not reach takes over, and there is no help for it"
    );
}
