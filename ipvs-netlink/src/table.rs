//! Services with their destinations: a whole table, as text too.

mod text;

use std::{collections::BTreeMap, fmt, net::SocketAddr, str::FromStr};

use self::text::Line;
use crate::{
    destination::Destination,
    error::{ConfigError, ParseError, Problem},
    service::{Service, ServiceId},
};

/// A service with its destinations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VirtualServer {
    service: Service,
    /// In the order of their addresses.
    destinations: Vec<Destination>,
}

impl VirtualServer {
    /// Puts destinations behind a service, each as [`Destination::of_service`].
    ///
    /// # Errors
    ///
    /// A destination of the other version of IP without a tunnel; one that is given twice, which two may become when their
    /// ports are the service's.
    pub fn new(
        service: Service,
        destinations: impl IntoIterator<Item = Destination>,
    ) -> Result<Self, ConfigError> {
        let destinations = destinations.into_iter().map(|one| one.of_service(&service.id()));
        let mut destinations = destinations.collect::<Result<Vec<_>, _>>()?;
        destinations.sort_unstable_by_key(Destination::address);
        let mut pairs = destinations.iter().zip(destinations.iter().skip(1));
        if let Some((twice, _)) = pairs.find(|(one, next)| one.address() == next.address()) {
            return Err(ConfigError::DuplicateDestination {
                service: service.id(),
                destination: twice.address(),
            });
        }
        Ok(Self { service, destinations })
    }

    /// Takes what the kernel holds, as it is. Of what a dump shows twice, the first counts.
    pub(crate) fn from_kernel(service: Service, mut destinations: Vec<Destination>) -> Self {
        destinations.sort_by_key(Destination::address);
        destinations.dedup_by_key(|one| one.address());
        Self { service, destinations }
    }

    /// Returns the service.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Returns its destinations in the order of their addresses.
    pub fn destinations(&self) -> &[Destination] {
        &self.destinations
    }

    pub(crate) fn id(&self) -> ServiceId {
        self.service.id()
    }
}

impl fmt::Display for VirtualServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.service)?;
        self.destinations.iter().try_for_each(|one| writeln!(f, "-a {} {one}", self.id()))
    }
}

/// A table of services and their destinations: one that is desired, or the one that the kernel has.
///
/// It is in order: by service, and for each by destination. Its `Display` is what `ipvsadm -Sn` prints and `ipvsadm -R`
/// reads, with thresholds, which `ipvsadm` forgets, and `--local` and `--bypass`, which it has no options for. `FromStr` reads the same, with `ipvsadm`'s long options too, and with
/// empty lines and lines that begin with `#`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    servers: Vec<VirtualServer>,
}

impl Table {
    /// Puts services into a table.
    ///
    /// # Errors
    ///
    /// A service that is given twice.
    pub fn new(servers: impl IntoIterator<Item = VirtualServer>) -> Result<Self, ConfigError> {
        let mut servers: Vec<_> = servers.into_iter().collect();
        servers.sort_unstable_by_key(VirtualServer::id);
        let mut pairs = servers.iter().zip(servers.iter().skip(1));
        match pairs.find(|(one, next)| one.id() == next.id()) {
            Some((twice, _)) => Err(ConfigError::DuplicateService { service: twice.id() }),
            None => Ok(Self { servers }),
        }
    }

    /// Takes what the kernel holds, as it is. Of what a dump shows twice, the first counts.
    pub(crate) fn from_kernel(mut servers: Vec<VirtualServer>) -> Self {
        servers.sort_by_key(VirtualServer::id);
        servers.dedup_by_key(|one| one.id());
        Self { servers }
    }

    /// Returns the services in their order.
    pub fn servers(&self) -> &[VirtualServer] {
        &self.servers
    }

    /// Finds a service.
    pub fn server(&self, service: &ServiceId) -> Option<&VirtualServer> {
        let index = self.servers.binary_search_by_key(service, VirtualServer::id).ok()?;
        self.servers.get(index)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.servers.iter().try_for_each(|one| one.fmt(f))
    }
}

impl FromStr for Table {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut servers = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            take(&mut servers, line).map_err(|error| error.in_line(number))?;
        }
        let servers = servers.into_iter().map(|(_, (service, destinations))| VirtualServer {
            service,
            destinations: destinations.into_values().collect(),
        });
        Ok(Self { servers: servers.collect() })
    }
}

/// Adds what a line says.
fn take(servers: &mut Servers, line: &str) -> Result<(), ParseError> {
    match text::line(line)? {
        Some(Line::Service(service)) => {
            let id = service.id();
            if servers.insert(id, (service, BTreeMap::new())).is_some() {
                let problem = ConfigError::DuplicateService { service: id };
                return Err(ParseError::new(&id.to_string(), problem));
            }
        }
        Some(Line::Destination(service, destination)) => {
            let Some((_, destinations)) = servers.get_mut(&service) else {
                return Err(ParseError::new(&service.to_string(), Problem::NoSuchService));
            };
            let address = destination.address();
            if destinations.insert(address, destination).is_some() {
                let problem = ConfigError::DuplicateDestination { service, destination: address };
                return Err(ParseError::new(&address.to_string(), problem));
            }
        }
        None => {}
    }
    Ok(())
}

type Servers = BTreeMap<ServiceId, (Service, BTreeMap<SocketAddr, Destination>)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ipvsadm_prints_is_read_and_printed_alike() {
        // Recorded from ipvsadm 1.31 -Sn.
        let printed = "\
-A -t 192.0.2.1:0 -s nq -p 99
-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 3
-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 3
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i -w 3 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 192.0.2.1:80 -r 10.0.0.4:80 -i -w 3 --tun-type gue --tun-port 6080 --tun-csum
-a -t 192.0.2.1:80 -r 10.0.0.5:80 -i -w 3 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 192.0.2.1:80 -r 10.0.0.6:80 -i -w 3 --tun-type gre --tun-nocsum
-a -t 192.0.2.1:80 -r 10.0.0.7:80 -i -w 3 --tun-type gre --tun-csum
-a -t 192.0.2.1:80 -r 10.0.0.8:80 -i -w 2147483647 --tun-type ipip
-A -u 192.0.2.1:61 -s wlc -p 100 -M 0.0.0.0
-A -u 192.0.2.2:5060 -s rr --pe sip
-A -u [2001:db8::1]:53 -s sh -p 50 -M 64 --pe sip -o -b sh-fallback,sh-port
-a -u [2001:db8::1]:53 -r 10.0.0.1:53 -i -w 1 --tun-type ipip
-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -g -w 0
-A -u [2001:db8::1]:54 -s mh -o -b mh-port
-A -u [2001:db8::1]:55 -s wlc -b flag-1,flag-2,flag-3
-A --sctp-service 192.0.2.1:59 -s none
-a --sctp-service 192.0.2.1:59 -r 10.0.0.1:5 -m -w 1
-A -f 7 -s dh
-a -f 7 -r 10.0.0.1:0 -g -w 1
-A -f 7 -6 -s fo -p 99 -M 48
-a -f 7 -6 -r [2001:db8::2]:80 -g -w 1
";

        let table: Table = printed.parse().unwrap();

        assert_eq!(table.to_string(), printed);
    }

    #[test]
    fn every_way_to_say_it_is_understood() {
        let cases = [
            ("-A -t 192.0.2.1:80", "-A -t 192.0.2.1:80 -s wlc"),
            ("ipvsadm -At 192.0.2.1:80 -srr", "-A -t 192.0.2.1:80 -s rr"),
            (
                "  --add-service --tcp-service=192.0.2.1:80 \t--scheduler rr --persistent",
                "-A -t 192.0.2.1:80 -s rr -p 360",
            ),
            ("-A -t 192.0.2.1 -p -s rr", "-A -t 192.0.2.1:0 -s rr -p 360"),
            ("-A -t 192.0.2.1 -p30 -M 255.255.0.0", "-A -t 192.0.2.1:0 -s wlc -p 30 -M 255.255.0.0"),
            ("-A -t 192.0.2.1:1 -M 255.255.0.0", "-A -t 192.0.2.1:1 -s wlc"),
            ("-A --ipv6 --fwmark-service 7 --ops", "-A -f 7 -6 -s wlc -o"),
            ("-A -f -1", "-A -f 4294967295 -s wlc"),
            (
                "-A -u 192.0.2.1:53 -b flag-1,sh-port,flag-3 -s sh",
                "-A -u 192.0.2.1:53 -s sh -b sh-fallback,sh-port,flag-3",
            ),
        ];

        for (text, printed) in cases {
            assert_eq!(
                text.parse::<Service>().map(|service| service.to_string()),
                Ok(printed.into()),
                "{text}"
            );
        }
        let table = "# a comment\n\n -A -f 3\nipvsadm -af 3 -r [2001:db8::1] -imx 9".parse::<Table>();
        assert_eq!(
            table.unwrap_err().to_string(),
            "line 4: `-imx`: given twice, or beside another that excludes it"
        );
        let table: Table =
            "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r [2001:db8::1] -ix 9 -y 8\n-a -t 192.0.2.1:80 -r 10.0.0.1 -m\n"
                .parse()
                .unwrap();
        assert_eq!(
            table.to_string(),
            "-A -t 192.0.2.1:80 -s wlc\n\
             -a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1\n\
             -a -t 192.0.2.1:80 -r [2001:db8::1]:80 -i -w 1 -x 9 -y 8 --tun-type ipip\n"
        );
    }

    #[test]
    fn the_port_is_the_services_where_packets_keep_theirs() {
        let port = |forwarding| {
            let lines = format!("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:81 {forwarding}\n");
            let table: Table = lines.parse().unwrap();
            table.servers()[0].destinations()[0].address().port()
        };

        assert_eq!(["-g", "-i", "-m"].map(port), [80, 80, 81]);
        let mark: Table = "-A -f 1\n-a -f 1 -r 10.0.0.1:81 -g\n".parse().unwrap();
        assert_eq!(mark.servers()[0].destinations()[0].address().port(), 81);
    }

    #[test]
    fn errors_name_the_line_and_the_word() {
        let cases = [
            ("-Q -t 192.0.2.1:80", "`-Q`: unknown option"),
            ("-E -t 192.0.2.1:80", "`-E`: unknown option"),
            ("-t 192.0.2.1:80", "`-t`: the line has to begin with -A or -a"),
            ("-A", "``: -t, -u, --sctp-service or -f is missing"),
            ("-A -t", "`-t`: the option needs a value"),
            ("-A -t 192.0.2.1:80 rr", "`rr`: not an option"),
            ("-A -t 192.0.2.1:80 -t 192.0.2.1:81", "`-t`: given twice, or beside another that excludes it"),
            ("-A -t 192.0.2.1:80 -f 1", "`1`: given twice, or beside another that excludes it"),
            ("-A -t 192.0.2.1:80 -6", "`-6`: not an option of this command, or not with its other options"),
            ("-A -t 192.0.2.1:80 -w 1", "`-w`: not an option of this command, or not with its other options"),
            ("-A -t 192.0.2.1:80 --ops=1", "`--ops=1`: the option has no value"),
            (
                "-A -t 192.0.2.1:http",
                "`192.0.2.1:http`: expected an address and port, like 192.0.2.1:80 or [2001:db8::1]:80",
            ),
            (
                "-A -t 224.0.0.1:80",
                "`224.0.0.1:80`: 224.0.0.1 cannot be the address of a service: it is not a unicast address",
            ),
            ("-A -t 192.0.2.1", "`192.0.2.1`: port 0, which is every port, needs a persistent service"),
            (
                "-A -t [::ffff:192.0.2.1]:80",
                "`[::ffff:192.0.2.1]:80`: ::ffff:192.0.2.1 cannot be the address of a service: it is what sockets of IPv6 call 192.0.2.1",
            ),
            (
                "-A -t 192.0.2.1:80 -o",
                "`-o`: one-packet scheduling is for udp and firewall marks, not for `-t`",
            ),
            ("-A -f 0", "`0`: firewall mark 0 is out of range: 1 to 4294967295"),
            ("-A -f 0x7", "`0x7`: expected a number, 0 to 4294967295"),
            (
                "-A -f 1 -s abcdefghijklmnop",
                "`abcdefghijklmnop`: the name of the scheduler has 16 bytes: it has to be one word of 1 to 15",
            ),
            ("-A -f 1 -b sh-port", "`sh-port`: not a flag of this scheduler"),
            (
                "-A -f 1 -p 0",
                "`0`: a persistence timeout of 0ns is out of range: whole seconds, 1 to 2678400 (31 days)",
            ),
            ("-A -f 1 -p -M 24", "`24`: expected a netmask, like 255.255.255.0"),
            (
                "-A -f 1 -p -M 255.0.255.0",
                "`255.0.255.0`: 255.0.255.0 is not a netmask, which has no ones after a zero",
            ),
            ("-A -f 1 -6 -p -M 129", "`129`: prefix length 129 is out of range: 1 to 128"),
            ("-A -f 1 -6 -p -M 300", "`300`: expected a prefix length, 1 to 128"),
            ("-A -f 1 -6 -p -M 0", "`0`: prefix length 0 is out of range: 1 to 128"),
            (
                "-A -f 1 --pe abcdefghijklmnopq",
                "`abcdefghijklmnopq`: the name of the persistence engine has 17 bytes: it has to be one word of 1 to 16",
            ),
            ("-a -f 9 -r 10.0.0.1", "`-f 9`: no line before adds this service"),
            ("-a -f 1", "``: -r is missing"),
            ("-a -f 1 -r 0.0.0.0", "`0.0.0.0`: 0.0.0.0 cannot be the address of a destination"),
            (
                "-a -f 1 -r [2001:db8::1]:1 -g",
                "`[2001:db8::1]:1`: destination [2001:db8::1]:1 is of the other version of IP than `-f 1`: that takes a tunnel",
            ),
            ("-a -f 1 -r 10.0.0.1 --local -m", "`--local`: given twice, or beside another that excludes it"),
            ("-a -f 1 -r 10.0.0.1 -w -1", "`-1`: expected a number, 0 to 4294967295"),
            (
                "-a -f 1 -r 10.0.0.1 -w 2147483648",
                "`2147483648`: weight 2147483648 is out of range: 0 to 2147483647",
            ),
            (
                "-a -f 1 -r 10.0.0.1 -x 3000000000",
                "`3000000000`: upper threshold 3000000000 is out of range: 0 to 2147483647",
            ),
            ("-a -f 1 -r 10.0.0.1 -x 7 -y 9", "`9`: lower threshold 9 is above the upper threshold of 7"),
            (
                "-a -f 1 -r 10.0.0.1 --tun-type gre",
                "`--tun-type`: not an option of this command, or not with its other options",
            ),
            (
                "-a -f 1 -r 10.0.0.1 -i --tun-csum",
                "`--tun-csum`: not an option of this command, or not with its other options",
            ),
            ("-a -f 1 -r 10.0.0.1 -i --tun-type gue", "`gue`: --tun-port is missing"),
            ("-a -f 1 -r 10.0.0.1 -i --tun-type gue --tun-port 0", "`0`: expected a port, 1 to 65535"),
            (
                "-a -f 1 -r 10.0.0.1 -i --tun-type gre --tun-remcsum",
                "`--tun-remcsum`: not an option of this command, or not with its other options",
            ),
            (
                "-a -f 1 -r 10.0.0.1 -i --tun-type gre --tun-csum --tun-nocsum",
                "`--tun-csum`: given twice, or beside another that excludes it",
            ),
            ("-a -f 1 -r 10.0.0.1 -i --tun-type vxlan", "`vxlan`: expected ipip, gue or gre"),
            ("-A -f 7", "`-f 7`: service `-f 7` is given twice"),
            ("-a -f 7 -r 10.0.0.9", "`10.0.0.9:0`: destination 10.0.0.9:0 of `-f 7` is given twice"),
            ("-\u{e9}", "`-\u{e9}`: unknown option"),
            ("-", "`-`: not an option"),
        ];

        for (line, expected) in cases {
            let text = format!("-A -f 7\n-a -f 7 -r 10.0.0.9\n{line}\n");
            let error = text.parse::<Table>().unwrap_err();

            assert_eq!(error.to_string(), format!("line 3: {expected}"));
            assert_eq!(error.line(), Some(3));
        }
    }

    #[test]
    fn single_lines_are_read_on_their_own() {
        let destination: Destination = "-r 10.0.0.1:80 -m -w 5".parse().unwrap();
        let service: ServiceId = "--udp-service [2001:db8::1]:53".parse().unwrap();

        assert_eq!(destination.to_string(), "-r 10.0.0.1:80 -m -w 5");
        assert_eq!(service.to_string(), "-u [2001:db8::1]:53");
        assert!("-r 10.0.0.1".parse::<Destination>().is_err());
        assert!("-u 192.0.2.1:53 -s rr".parse::<ServiceId>().is_err());
        assert!("-a -f 1 -r 10.0.0.1".parse::<Service>().is_err());
        assert!("".parse::<Service>().is_err());
    }
}
