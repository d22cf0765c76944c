//! One of our nodes, in a thread of its own that is in the node's namespace.

use std::{
    io::{Read as _, Write as _},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use failover_examples::{
    AuthenticationSettings, Event, Node, PeerSettings, Preemption as Preempt, RouterSettings, Settings,
};
use lab::Namespace;
use vrrp_engine::State;
use vrrp_proto::{Priority, Vrid};

use crate::{
    combination::{Combination, Preemption, Role, Secret, Side, To},
    router::{Log, VRID},
};

/// A node that runs until it is crashed or stopped.
pub(crate) struct Ours {
    log: Arc<Mutex<Log>>,
    says_goodbye: Arc<AtomicBool>,
    /// A byte on it is a new priority. Closed, it ends the node.
    line: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Ours {
    pub(crate) fn start(host: &Namespace, combination: Combination, side: Side, role: Role) -> Self {
        let settings = settings(combination, side, role);
        let (line, other_end) = UnixStream::pair().unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let says_goodbye = Arc::new(AtomicBool::new(true));
        let host = host.try_clone().unwrap();
        let name = thread::current().name().unwrap_or("ours").to_owned();
        let thread = thread::Builder::new().name(name).spawn({
            let (log, says_goodbye) = (Arc::clone(&log), Arc::clone(&says_goodbye));
            move || host.run(|| live(&settings, other_end, &log, &says_goodbye)).unwrap()
        });
        Self { log, says_goodbye, line: Some(line), thread: Some(thread.unwrap()) }
    }

    pub(crate) fn set_priority(&self, priority: u8) {
        self.line.as_ref().unwrap().write_all(&[priority]).unwrap();
    }

    /// Ends it as SIGTERM would.
    pub(crate) fn stop(&mut self) {
        self.line = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Ends it as SIGKILL would: nothing is said, nothing is cleaned up.
    pub(crate) fn crash(&mut self) {
        self.says_goodbye.store(false, Ordering::SeqCst);
        self.stop();
    }

    pub(crate) fn log(&self) -> Log {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.line = None;
        // Its panic, if it was one, has been printed.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn settings(combination: Combination, side: Side, role: Role) -> Settings {
    let addresses = combination.vips().iter().map(|&vip| vip.to_owned()).collect();
    let secret = role.secret.to_owned();
    Settings {
        version: Some(combination.version()),
        peers: match combination.to {
            To::Group => Vec::new(),
            To::Peers => vec![PeerSettings::new(combination.source(side.other()))],
        },
        preemption: match role.preemption {
            Preemption::Allow => Preempt::Allow,
            Preemption::Forbid => Preempt::Forbid,
            Preemption::Delay(delay) => Preempt::Delay(delay),
        },
        authentication: match combination.secret {
            Secret::None => AuthenticationSettings::None,
            Secret::Password => AuthenticationSettings::Password(secret),
            Secret::Header => AuthenticationSettings::Header(secret),
        },
        ..Settings::new("eth0", [RouterSettings { vrid: VRID, priority: role.priority, addresses }])
    }
}

fn live(settings: &Settings, mut line: UnixStream, log: &Mutex<Log>, says_goodbye: &AtomicBool) {
    let mut node = Node::open(settings).unwrap();
    let mut note = |event: Event| {
        let mut log = log.lock().unwrap();
        if let Event::Transition { transition, .. } = &event
            && transition.to != State::Initialize
        {
            log.states.push(transition.to.to_string());
        }
        log.lines.push(event.to_string());
    };
    node.start(&mut note).unwrap();
    loop {
        let is_told = node.wait(&[line.as_fd()]).unwrap();
        // What came in before it was told so counts as before.
        node.turn(&mut note).unwrap();
        if is_told {
            let mut priority = [0];
            match line.read(&mut priority).unwrap() {
                0 => break,
                _ => {
                    let (vrid, priority) = (Vrid::new(VRID).unwrap(), Priority::new(priority[0]));
                    node.set_priority(vrid, priority, &mut note).unwrap();
                }
            }
        }
    }
    if says_goodbye.load(Ordering::SeqCst) {
        node.shutdown(&mut note);
    }
}
