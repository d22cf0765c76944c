use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use proptest::prelude::*;

use super::*;
use crate::arbitrary::pairs_of_tables;

/// What the kernel does with a write, in plain maps: `Err` where it would refuse.
#[derive(Clone, Debug, Default)]
struct Kernel(BTreeMap<ServiceId, (Service, BTreeMap<SocketAddr, Destination>)>);

impl Kernel {
    fn of(table: &Table) -> Self {
        let servers = table.servers().iter().map(|server| {
            let destinations = server.destinations().iter().map(|one| (one.address(), *one)).collect();
            (server.id(), (*server.service(), destinations))
        });
        Self(servers.collect())
    }

    fn table(&self) -> Table {
        let servers = self.0.values().map(|(service, destinations)| {
            VirtualServer::from_kernel(*service, destinations.values().copied().collect())
        });
        Table::from_kernel(servers.collect())
    }

    fn write(&mut self, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::AddService(service) => match self.0.insert(service.id(), (*service, BTreeMap::new())) {
                Some(_) => Err("EEXIST"),
                None => Ok(()),
            },
            Step::EditService { from, to } => {
                let (service, _) = self.0.get_mut(&to.id()).ok_or("ESRCH")?;
                assert_eq!(service, from);
                *service = *to;
                Ok(())
            }
            Step::RemoveService(server) => self.0.remove(&server.id()).map(drop).ok_or("ESRCH"),
            Step::AddDestination { service, destination } => {
                match self.destinations(service)?.insert(destination.address(), *destination) {
                    Some(_) => Err("EEXIST"),
                    None => Ok(()),
                }
            }
            Step::EditDestination { service, from, to } => {
                let destination = self.destinations(service)?.get_mut(&to.address()).ok_or("ENOENT")?;
                assert_eq!(destination, from);
                *destination = *to;
                Ok(())
            }
            Step::RemoveDestination { service, destination } => {
                self.destinations(service)?.remove(&destination.address()).map(drop).ok_or("ENOENT")
            }
        }
    }

    fn destinations(
        &mut self,
        service: &ServiceId,
    ) -> Result<&mut BTreeMap<SocketAddr, Destination>, &'static str> {
        Ok(&mut self.0.get_mut(service).ok_or("ESRCH")?.1)
    }

    /// The services that a new connection finds a destination for.
    fn serving(&self) -> BTreeSet<ServiceId> {
        let serving = |destinations: &BTreeMap<_, Destination>| {
            destinations.values().any(|destination| destination.weight() > 0)
        };
        self.0.iter().filter(|(_, (_, destinations))| serving(destinations)).map(|(id, _)| *id).collect()
    }
}

proptest! {
    #[test]
    fn any_state_becomes_the_desired_one((actual, desired) in pairs_of_tables(), foreign_port: u16) {
        let is_ours = |service: &Service| service.id().address().is_some_and(|address| address.port() != foreign_port % 100);
        let mut kernel = Kernel::of(&actual);

        let made = plan(&desired, &actual, is_ours);
        let serving_always: Vec<_> =
            kernel.serving().intersection(&Kernel::of(&desired).serving()).copied().collect();
        for step in made.steps() {
            prop_assert_eq!(kernel.write(step), Ok(()), "{}", step);
            for service in &serving_always {
                prop_assert!(kernel.serving().contains(service), "{} leaves {} without a destination", step, service);
            }
        }

        for server in kernel.table().servers() {
            let wanted = desired.server(&server.id());
            let left_alone = actual.server(&server.id()).filter(|_| !is_ours(server.service()));
            prop_assert_eq!(Some(server), wanted.or(left_alone));
        }
        for server in desired.servers() {
            prop_assert!(kernel.table().server(&server.id()).is_some());
        }
        for server in actual.servers().iter().filter(|server| !is_ours(server.service())) {
            prop_assert!(kernel.table().server(&server.id()).is_some());
        }
        prop_assert!(plan(&desired, &kernel.table(), is_ours).is_empty());
    }

    #[test]
    fn any_table_reads_as_it_prints((table, _) in pairs_of_tables()) {
        prop_assert_eq!(table.to_string().parse::<Table>(), Ok(table));
    }
}

#[test]
fn the_diff_shows_what_was_and_what_becomes() {
    let actual: Table = "\
-A -t 192.0.2.1:80 -s wlc
-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 1
-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 1
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -g -w 1
-A -t 192.0.2.9:80 -s wlc
-a -t 192.0.2.9:80 -r 10.0.0.9:80 -m -w 1
-A -f 7 -s rr
"
    .parse()
    .unwrap();
    let desired: Table = "\
-A -t 192.0.2.1:80 -s wrr -p 300
-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 0
-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 5
-a -t 192.0.2.1:80 -r 10.0.0.4:80 -g -w 1
-A -u 192.0.2.1:53 -s sh -b sh-port
-a -u 192.0.2.1:53 -r 10.0.0.1:53 -g -w 1
"
    .parse()
    .unwrap();

    let plan = plan(&desired, &actual, |service| service.id().mark().is_none());

    assert_eq!(
        plan.to_string(),
        "\
~ -A -t 192.0.2.1:80 -s wrr -p 300 (was -s wlc)
~ -a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 5 (was -g -w 1)
+ -a -t 192.0.2.1:80 -r 10.0.0.4:80 -g -w 1
+ -A -u 192.0.2.1:53 -s sh -b sh-port
+ -a -u 192.0.2.1:53 -r 10.0.0.1:53 -g -w 1
~ -a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 0 (was -g -w 1)
- -a -t 192.0.2.1:80 -r 10.0.0.3:80 -g -w 1
- -A -t 192.0.2.9:80 -s wlc
- -a -t 192.0.2.9:80 -r 10.0.0.9:80 -m -w 1
"
    );
}

#[test]
fn bits_of_the_flags_that_nobody_asked_for_are_no_difference() {
    let service = |bits| {
        let service = Service::builder("-f 7".parse().unwrap());
        let service = service.flags(crate::ServiceFlags::from_bits(bits).unwrap()).build().unwrap();
        Table::new([VirtualServer::new(service, []).unwrap()]).unwrap()
    };

    assert!(plan(&service(0x8), &service(0xff08), |_| true).is_empty());
    assert!(!plan(&service(0x100), &service(0xfe00), |_| true).is_empty());
    assert!(!plan(&service(0x8), &service(0x10), |_| true).is_empty());
}

#[test]
fn the_empty_plan_allocates_nothing() {
    let mut text = String::new();
    for service in 0..200 {
        text += &format!("-A -t 192.0.2.{service}:80 -s wrr\n");
        for destination in 1..=10 {
            text += &format!("-a -t 192.0.2.{service}:80 -r 10.0.{service}.{destination}:80 -g -w 1\n");
        }
    }
    let (desired, actual): (Table, Table) = (text.parse().unwrap(), text.parse().unwrap());
    // Made once, for what is made only once.
    assert!(plan(&desired, &actual, |_| true).is_empty());

    let before = lab::allocations();
    let nothing = plan(&desired, &actual, |_| true);
    let after = lab::allocations();

    assert!(nothing.is_empty());
    assert_eq!(after, before);
}
