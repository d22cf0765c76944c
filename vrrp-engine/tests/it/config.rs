//! What can be configured, and what is refused in which words.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_engine::{Config, ConfigError};
use vrrp_proto::{AdvertInterval, Priority, Vrid};

use super::{OURS, builder};

fn with_addresses(addresses: impl IntoIterator<Item = impl Into<IpAddr>>) -> Result<Config, ConfigError> {
    Config::builder(Vrid::new(51).unwrap(), OURS, addresses).build()
}

#[test]
fn refuses_what_cannot_be_and_says_why() {
    let address = |last| Ipv4Addr::new(10, 0, 0, last);
    let many = |count: u32| (0..count).map(|n| Ipv4Addr::from(0x0a00_0000 + n));
    let errors = [
        (with_addresses([] as [IpAddr; 0]), "0 virtual addresses are out of range: 1 to 255"),
        (with_addresses(many(256)), "256 virtual addresses are out of range: 1 to 255"),
        (with_addresses([Ipv4Addr::new(224, 0, 0, 9)]), "virtual address 224.0.0.9 is not a unicast address"),
        (with_addresses([Ipv4Addr::UNSPECIFIED]), "virtual address 0.0.0.0 is not a unicast address"),
        (with_addresses([Ipv4Addr::BROADCAST]), "virtual address 255.255.255.255 is not a unicast address"),
        (with_addresses([address(1), address(2), address(1)]), "virtual address 10.0.0.1 is given twice"),
        (builder(0).build(), "priority 0 is out of range: 1 to 254, or 255 for the owner of the addresses"),
        (
            builder(100).group(address(1)).build(),
            "group 10.0.0.1 is not a multicast address of the source's family: 224.0.0.0 to 239.255.255.255, or ff00::/8",
        ),
        (
            with_addresses([OURS]),
            "source address 192.0.2.10 is one of the virtual addresses, which asks for priority 255, not 100",
        ),
        (
            Config::builder(Vrid::new(51).unwrap(), Ipv4Addr::UNSPECIFIED, [address(1)]).build(),
            "source address 0.0.0.0 is not a unicast address",
        ),
    ];
    for (result, text) in errors {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
    assert!(with_addresses(many(255).map(|address| Ipv4Addr::from(u32::from(address) + 1))).is_ok());
}

#[test]
fn s6_1_skew_time_and_master_down_interval() {
    let cases = [(100, 1, 609_375), (254, 1, 7_812), (255, 1, 3_906), (1, 1, 996_093), (100, 255, 609_375)];
    for (priority, secs, skew_micros) in cases {
        let config = builder(priority).interval(AdvertInterval::from_secs(secs).unwrap()).build().unwrap();
        assert_eq!(config.skew_time().as_micros(), skew_micros, "priority {priority}");
        let expected = Duration::from_secs(3 * u64::from(secs)) + config.skew_time();
        assert_eq!(config.master_down_interval(), expected);
    }
    assert_eq!(builder(100).build().unwrap().skew_time(), Duration::from_nanos(609_375_000));
    assert_eq!(builder(1).build().unwrap().priority(), Priority::new(1));
}
