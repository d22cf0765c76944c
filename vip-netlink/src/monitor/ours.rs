//! Which changes are ours: what handles note, and a monitor reads.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::event::{EventKind, Origin};
use crate::address::AssignedAddress;

/// A monitor's notes on the handles that are ours.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    book: Arc<Mutex<Book>>,
}

impl Ours {
    /// Counts a handle among ours.
    pub(crate) fn admit(&self, port: u32, monitors: &mut Monitors) {
        let mut book = lock(&self.book);
        book.handles.retain(|handle| handle.port != port);
        book.handles.push(Handle { port, age: Age::Present });
        monitors.books.retain(|entry| entry.book.upgrade().is_some_and(|b| !Arc::ptr_eq(&b, &self.book)));
        monitors.books.push(Entry { book: Arc::downgrade(&self.book), port });
    }

    /// Says whose doing it is that something changed, according to the port that the kernel names, 0 for none.
    pub(crate) fn origin(&self, port: u32, kind: &EventKind) -> Origin {
        lock(&self.book).origin(port, kind)
    }

    /// Takes note that no event is waiting: what is past may be forgotten the next time.
    pub(crate) fn settle(&self) {
        lock(&self.book).settle();
    }

    /// Takes note that events are lost.
    pub(crate) fn forget(&self) {
        let mut book = lock(&self.book);
        book.additions.clear();
        book.removals.clear();
    }
}

/// The monitors that a handle is known to; dropped with it.
#[derive(Debug, Default)]
pub(crate) struct Monitors {
    books: Vec<Entry>,
}

impl Monitors {
    /// Notes that the handle is about to add an address. Of one of IPv6 the kernel will not say who did.
    pub(crate) fn adding(&self, interface: u32, ip: IpAddr) {
        self.each(ip, |book, ip| {
            *book.additions.entry((interface, ip)).or_default() += 1;
        });
    }

    /// Notes how that ended. What was there before is perhaps of an addition of ours whose event has not come yet.
    pub(crate) fn added(&self, interface: u32, ip: IpAddr, is_added: bool) {
        if !is_added {
            self.each(ip, |book, ip| {
                let key = (interface, ip);
                let left = book.additions.get(&key).map_or(0, |count| count.saturating_sub(1));
                if left == 0 {
                    book.additions.remove(&key)
                } else {
                    book.additions.insert(key, left)
                };
            });
        }
    }

    /// Notes that the handle is about to remove an address.
    pub(crate) fn removing(&self, interface: u32, ip: IpAddr) {
        self.each(ip, |book, ip| {
            book.additions.remove(&(interface, ip));
            let removal = book.removals.entry((interface, ip)).or_default();
            removal.count = removal.count.saturating_add(1);
            removal.age = Age::Present;
        });
    }

    /// Notes how that ended.
    pub(crate) fn removed(&self, interface: u32, ip: IpAddr, is_removed: bool) {
        self.each(ip, |book, ip| {
            let Some(removal) = book.removals.get_mut(&(interface, ip)) else { return };
            removal.age = Age::Past;
            if !is_removed {
                removal.count = removal.count.saturating_sub(1);
            }
        });
    }

    fn each(&self, ip: IpAddr, note: impl Fn(&mut Book, Ipv6Addr)) {
        if let IpAddr::V6(ip) = ip {
            for book in self.books.iter().filter_map(|entry| entry.book.upgrade()) {
                note(&mut lock(&book), ip);
            }
        }
    }
}

impl Drop for Monitors {
    /// The kernel may give the port to another socket from now on, but events of this one are perhaps still to be read.
    fn drop(&mut self) {
        for entry in &self.books {
            let Some(book) = entry.book.upgrade() else { continue };
            for handle in lock(&book).handles.iter_mut().filter(|handle| handle.port == entry.port) {
                handle.age = Age::Past;
            }
        }
    }
}

#[derive(Debug)]
struct Entry {
    book: Weak<Mutex<Book>>,
    port: u32,
}

#[derive(Debug, Default)]
struct Book {
    handles: Vec<Handle>,
    /// How many additions of IPv6 addresses there are whose events have not come yet: they come later than the request is
    /// answered, once the kernel has decided not to look for duplicates.
    additions: HashMap<(u32, Ipv6Addr), u32>,
    /// Removals of IPv6 addresses whose events have not come yet.
    removals: HashMap<(u32, Ipv6Addr), Removal>,
}

#[derive(Debug)]
struct Handle {
    port: u32,
    age: Age,
}

#[derive(Debug, Default)]
struct Removal {
    count: u32,
    age: Age,
}

/// When something was, for the kernel queues an event before the request that caused it is answered: what is past has its
/// event in the queue, and what was past when the queue was empty has none.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum Age {
    #[default]
    Present,
    Past,
    LongPast,
}

impl Book {
    fn origin(&mut self, port: u32, kind: &EventKind) -> Origin {
        let is_ours = match (port, kind) {
            (0, EventKind::AddressRemoved(address)) => self.is_removal_of_ours(address),
            (0, EventKind::AddressAdded(address)) => match address.ip() {
                IpAddr::V6(ip) => self.additions.remove(&(address.interface(), ip)).is_some(),
                IpAddr::V4(_) => false,
            },
            (0, _) => false,
            (port, _) => self.handles.iter().any(|handle| handle.port == port),
        };
        match (port, is_ours) {
            (_, true) => Origin::Us,
            (0, false) => Origin::Unknown,
            (_, false) => Origin::Others,
        }
    }

    fn is_removal_of_ours(&mut self, address: &AssignedAddress) -> bool {
        let IpAddr::V6(ip) = address.ip() else { return false };
        let key = (address.interface(), ip);
        let Some(removal) = self.removals.get_mut(&key) else { return false };
        let is_noted = removal.count > 0;
        removal.count = removal.count.saturating_sub(1);
        if removal.count == 0 && removal.age != Age::Present {
            self.removals.remove(&key);
        }
        is_noted
    }

    fn settle(&mut self) {
        self.handles.retain_mut(|handle| handle.age.pass());
        self.removals.retain(|_, removal| removal.age.pass());
    }
}

impl Age {
    /// Lets time pass; tells whether it is still to be remembered.
    fn pass(&mut self) -> bool {
        let before = *self;
        *self = if before == Self::Present { Self::Present } else { Self::LongPast };
        before != Self::LongPast
    }
}

/// No code panics while it holds the lock, and the notes are whole between any two lines.
fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
