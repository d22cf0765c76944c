//! Any text as a table: an error that says where, or a table that prints as it reads.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| ipvs_netlink::fuzzing::read_table(text));
