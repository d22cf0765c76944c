//! Any bytes from the kernel, or from whoever pretends to be it: reading them does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ipvs_netlink::fuzzing::read_netlink(bytes));
