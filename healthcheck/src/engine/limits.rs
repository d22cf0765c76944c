use std::collections::VecDeque;

use super::{CheckId, reserve};
use crate::Class;

/// How many runs of each class may be in flight at once; others wait, first come, first served, and their time does not
/// begin before they start.
///
/// A target that answers takes a place for a moment, one that hangs for its whole timeout. What is limited is therefore how much
/// of the network may be dead at once before the rest is looked at late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits(PerClass<u32>);

impl Limits {
    /// Sets the limit of a class, at least 1.
    #[must_use]
    pub fn set(mut self, class: Class, limit: u32) -> Self {
        *self.0.get_mut(class) = limit.max(1);
        self
    }

    /// Returns the limit of a class.
    #[must_use]
    pub fn get(&self, class: Class) -> u32 {
        *self.0.get(class)
    }
}

impl Default for Limits {
    /// 512 streams, 64 more with TLS, 512 for datagrams, 4,096 pings, 16 programs.
    fn default() -> Self {
        Self(PerClass { stream: 512, tls: 64, datagram: 512, echo: 4096, script: 16 })
    }
}

/// Those of each class that are in flight, and those that wait.
#[derive(Debug)]
pub(super) struct Lines(PerClass<Line>);

#[derive(Debug, Default)]
struct Line {
    limit: u32,
    in_flight: u32,
    waiting: VecDeque<CheckId>,
    /// How many checks there are.
    members: u32,
}

impl Lines {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(limits.0.map(|limit| Line { limit, ..Line::default() }))
    }

    pub(super) fn join(&mut self, class: Class) {
        let line = self.0.get_mut(class);
        line.members += 1;
        // A check stands in line once, and one that has been removed until its turn comes.
        reserve(&mut line.waiting, line.members as usize);
    }

    pub(super) fn quit(&mut self, class: Class) {
        self.0.get_mut(class).members -= 1;
    }

    /// Takes a place, unless others wait for one.
    pub(super) fn enter(&mut self, class: Class) -> bool {
        let line = self.0.get_mut(class);
        let may = line.waiting.is_empty() && line.in_flight < line.limit;
        line.in_flight += u32::from(may);
        may
    }

    pub(super) fn wait(&mut self, class: Class, check: CheckId) {
        self.0.get_mut(class).waiting.push_back(check);
    }

    /// Takes a place for one that waits: the first of a class that has a place free. It may have been removed since.
    pub(super) fn next(&mut self) -> Option<(Class, CheckId)> {
        ALL.into_iter().find_map(|class| {
            let line = self.0.get_mut(class);
            let next = line.may_start().then(|| line.waiting.pop_front()).flatten()?;
            line.in_flight += 1;
            Some((class, next))
        })
    }

    pub(super) fn leave(&mut self, class: Class) {
        self.0.get_mut(class).in_flight -= 1;
    }

    /// Whether somebody waits for whom there is a place.
    pub(super) fn has_next(&self) -> bool {
        ALL.into_iter().any(|class| self.0.get(class).may_start())
    }

    pub(super) fn in_flight(&self, class: Class) -> u32 {
        self.0.get(class).in_flight
    }

    pub(super) fn members(&self, class: Class) -> u32 {
        self.0.get(class).members
    }

    /// How many sockets and programs there are if as many run as may.
    pub(super) fn most(&self, class: Class) -> u64 {
        let line = self.0.get(class);
        line.members.min(line.limit).into()
    }
}

impl Line {
    fn may_start(&self) -> bool {
        self.in_flight < self.limit && !self.waiting.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PerClass<T> {
    stream: T,
    tls: T,
    datagram: T,
    echo: T,
    script: T,
}

impl<T> PerClass<T> {
    fn get(&self, class: Class) -> &T {
        match class {
            Class::Stream => &self.stream,
            Class::Tls => &self.tls,
            Class::Datagram => &self.datagram,
            Class::Echo => &self.echo,
            Class::Script => &self.script,
        }
    }

    fn get_mut(&mut self, class: Class) -> &mut T {
        match class {
            Class::Stream => &mut self.stream,
            Class::Tls => &mut self.tls,
            Class::Datagram => &mut self.datagram,
            Class::Echo => &mut self.echo,
            Class::Script => &mut self.script,
        }
    }

    fn map<U>(self, f: impl Fn(T) -> U) -> PerClass<U> {
        let Self { stream, tls, datagram, echo, script } = self;
        PerClass { stream: f(stream), tls: f(tls), datagram: f(datagram), echo: f(echo), script: f(script) }
    }
}

const ALL: [Class; 5] = [Class::Stream, Class::Tls, Class::Datagram, Class::Echo, Class::Script];
