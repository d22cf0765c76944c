//! One of our nodes, in a thread of its own that is in the node's namespace.

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use failover_examples::{AuthenticationSettings, Event, Node, RouterSettings, Settings};
use lab::Namespace;

use super::interop::Role;

/// A node that runs until it is crashed or stopped.
pub(crate) struct Ours {
    events: Arc<Mutex<Vec<Event>>>,
    says_goodbye: Arc<AtomicBool>,
    /// Closed, it ends the node.
    lifeline: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Ours {
    pub(crate) fn start(host: &Namespace, role: Role<'_>) -> Self {
        let Role { version, priority, vip, password } = role;
        let router = RouterSettings { vrid: 51, priority, addresses: vec![vip.to_owned()] };
        let settings = Settings {
            version: Some(version),
            authentication: password.map_or(AuthenticationSettings::None, |password| {
                AuthenticationSettings::Password(password.to_owned())
            }),
            ..Settings::new("eth0", [router])
        };
        let (lifeline, other_end) = UnixStream::pair().unwrap();
        let events = Arc::default();
        let says_goodbye = Arc::new(AtomicBool::new(true));
        let host = host.try_clone().unwrap();
        let thread = thread::spawn({
            let (events, says_goodbye) = (Arc::clone(&events), Arc::clone(&says_goodbye));
            move || host.run(|| live(&settings, &other_end, &events, &says_goodbye)).unwrap()
        });
        Self { events, says_goodbye, lifeline: Some(lifeline), thread: Some(thread) }
    }

    /// Ends it as SIGTERM would.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    /// Ends it as SIGKILL would: nothing is said, nothing is cleaned up.
    pub(crate) fn crash(mut self) {
        self.says_goodbye.store(false, Ordering::SeqCst);
        self.end();
    }

    /// What it has said, a line for each event.
    pub(crate) fn said(&self) -> Vec<String> {
        self.events.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    fn end(&mut self) {
        self.lifeline = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.end();
    }
}

fn live(settings: &Settings, lifeline: &UnixStream, events: &Mutex<Vec<Event>>, says_goodbye: &AtomicBool) {
    let mut node = Node::open(settings).unwrap();
    let mut log = |event| events.lock().unwrap().push(event);
    node.start(&mut log).unwrap();
    while !node.wait(&[lifeline.as_fd()]).unwrap() {
        node.turn(&mut log).unwrap();
    }
    if says_goodbye.load(Ordering::SeqCst) {
        node.shutdown(&mut log);
    }
}
