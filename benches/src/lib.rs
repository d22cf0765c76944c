//! Benchmarks of the family: `cargo bench`. Each stands beside a peer or a bound in the same run; on a shared machine,
//! only their ratios mean something.
