//! Any bytes from the kernel, or from whoever pretends to be it: reading them does not panic, and what a monitor makes of
//! them agrees with itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    vip_netlink::fuzzing::read_netlink(bytes);
    vip_netlink::fuzzing::follow_netlink(bytes);
    vip_netlink::fuzzing::read_packet(bytes);
});
