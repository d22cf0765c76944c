//! Any bytes as a keepalived.conf: errors that say where, or a configuration.
#![no_main]

use failover_examples::keepalived_conf::{Environment, Severity, read_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let environment = Environment {
        config_id: "here".into(),
        instance: None,
        host_name: "host".into(),
        may_look_around: false,
        most_lines: 2_000,
    };
    let reading = read_text("fuzz.conf", bytes, &environment);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    for diagnostic in &reading.diagnostics {
        assert!((1..=lines).contains(&diagnostic.line), "{diagnostic}");
        assert!(!diagnostic.to_string().is_empty());
    }
    let has_error = reading.diagnostics.iter().any(|one| one.severity == Severity::Error);
    assert_eq!(reading.config.is_none(), has_error);
});
