use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};

/// Turns SIGTERM and SIGINT into something to poll: they are blocked in this thread and readable from the result.
///
/// Call it before other threads are started, so that they inherit the block. Child processes do too, through `exec`: who
/// starts programs that know nothing of it should have handlers instead, as `lvs_director` does.
///
/// # Errors
///
/// File descriptors are used up.
pub fn termination_signals() -> nix::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}
