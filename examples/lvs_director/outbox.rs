//! Who is told of what happens: scripts, FIFOs, mails, in that order for each event.

use std::{process::Child, time::Instant};

use failover_examples::keepalived_conf::model::{self, Command, Globals, Notify};

use crate::{
    commands::{Commands, Run},
    fifo::Fifo,
    mail,
};

/// What has happened to an instance or a sync group.
#[derive(Clone, Debug)]
pub(crate) struct VrrpNews {
    pub(crate) subject: Subject,
    pub(crate) name: String,
    pub(crate) word: Word,
    /// The priority; 0 for groups.
    pub(crate) priority: u8,
    pub(crate) notify: Notify,
    pub(crate) mails: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Instance,
    Group,
}

/// keepalived's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Master,
    Backup,
    Fault,
    Stop,
    Deleted,
    MasterRxLowerPri,
    MasterPriority,
    BackupPriority,
}

/// What has happened to a virtual or a real server.
#[derive(Clone, Debug)]
pub(crate) struct LvsNews {
    /// The queue of those who are told: the virtual server's name.
    pub(crate) queue: String,
    pub(crate) command: Option<Command>,
    pub(crate) fifo_line: String,
    /// Subject and text.
    pub(crate) mail: Option<(String, String)>,
}

/// Everybody who is told.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    commands: Commands,
    router_id: String,
    mail: model::Mail,
    fifo: Option<Fifo>,
    vrrp_fifo: Option<Fifo>,
    lvs_fifo: Option<Fifo>,
    /// Who read a FIFO that is gone, and has not ended yet.
    dismissed: Vec<Child>,
}

impl Outbox {
    /// Takes a configuration: the first, or another. A FIFO that stays the same stays open.
    pub(crate) fn configure(&mut self, globals: &Globals) {
        self.commands.set_security(globals.script_security);
        self.router_id.clone_from(&globals.router_id);
        self.mail.clone_from(&globals.mail);
        replace(&mut self.fifo, globals.fifo.as_ref(), &mut self.dismissed);
        replace(&mut self.vrrp_fifo, globals.vrrp_fifo.as_ref(), &mut self.dismissed);
        replace(&mut self.lvs_fifo, globals.lvs_fifo.as_ref(), &mut self.dismissed);
    }

    /// Tells everybody whom an instance or a group concerns.
    pub(crate) fn tell_vrrp(&mut self, news: &VrrpNews, now: Instant) {
        let queue = format!("{} {}", news.subject.word(), news.name);
        for command in news.commands() {
            self.commands.run(&queue, Run { command, input: None }, now);
        }
        let line = news.fifo_line();
        for fifo in [&mut self.fifo, &mut self.vrrp_fifo].into_iter().flatten() {
            fifo.tell(&line);
        }
        let is_wanted = news.mails && !(self.mail.no_faults && news.word == Word::Fault);
        if let Some((subject, body)) = news.mail().filter(|_| is_wanted) {
            self.send(&subject, body, now);
        }
    }

    /// Writes how an instance is to the FIFOs, and tells nobody else.
    pub(crate) fn repeat_vrrp(&mut self, news: &VrrpNews) {
        let line = news.fifo_line();
        for fifo in [&mut self.fifo, &mut self.vrrp_fifo].into_iter().flatten() {
            fifo.tell(&line);
        }
    }

    /// Tells everybody whom a virtual or a real server concerns.
    pub(crate) fn tell_lvs(&mut self, news: LvsNews, now: Instant) {
        if let Some(command) = news.command {
            self.commands.run(&news.queue, Run { command, input: None }, now);
        }
        for fifo in [&mut self.fifo, &mut self.lvs_fifo].into_iter().flatten() {
            fifo.tell(&news.fifo_line);
        }
        if let Some((subject, body)) = news.mail {
            self.send(&subject, &body, now);
        }
    }

    fn send(&mut self, subject: &str, body: &str, now: Instant) {
        if let Some(run) = mail::compose(&self.mail, &self.router_id, subject, body) {
            self.commands.run("mail", run, now);
        }
    }

    /// Goes on with those who waited for a program that has ended: after each SIGCHLD.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.commands.advance(now);
        for fifo in [&mut self.fifo, &mut self.vrrp_fifo, &mut self.lvs_fifo].into_iter().flatten() {
            fifo.advance();
        }
        self.dismissed.retain_mut(|reader| matches!(reader.try_wait(), Ok(None)));
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.commands.handle_timeout(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.commands.poll_timeout()
    }

    /// Whether all who were to be told have been.
    pub(crate) fn is_idle(&self) -> bool {
        self.commands.is_idle()
    }

    /// How many programs run or wait, how many were left out, and how many lines no FIFO's reader took.
    pub(crate) fn counts(&self) -> (usize, u64, u64) {
        let fifos = [&self.fifo, &self.vrrp_fifo, &self.lvs_fifo];
        let lost = fifos.into_iter().flatten().map(Fifo::lost).sum();
        (self.commands.pending(), self.commands.left_out(), lost)
    }

    /// Ends what does not end by itself.
    pub(crate) fn end(&mut self) {
        self.commands.end();
    }
}

fn replace(fifo: &mut Option<Fifo>, model: Option<&model::Fifo>, dismissed: &mut Vec<Child>) {
    if fifo.as_ref().map(Fifo::model) != model {
        // The old one first: it may have the same path.
        dismissed.extend(fifo.as_mut().and_then(Fifo::dismiss));
        *fifo = None;
        *fifo = model.map(Fifo::open);
    }
}

impl VrrpNews {
    /// The specific script, then the generic one.
    fn commands(&self) -> impl Iterator<Item = Command> {
        let notify = &self.notify;
        let own = match self.word {
            Word::Master => &notify.master,
            Word::Backup => &notify.backup,
            Word::Fault => &notify.fault,
            Word::Stop => &notify.stop,
            Word::Deleted => &notify.deleted,
            Word::MasterRxLowerPri => &notify.master_rx_lower_pri,
            Word::MasterPriority | Word::BackupPriority => &None,
        };
        let any = notify.any.clone().filter(|_| self.word != Word::Deleted || notify.deleted.is_some());
        let any = any.map(|mut command| {
            let told = [self.subject.word(), &self.name, self.word.text(), &self.priority.to_string()];
            command.args.extend(told.map(str::to_owned));
            command
        });
        own.clone().into_iter().chain(any)
    }

    fn fifo_line(&self) -> String {
        format!("{} \"{}\" {} {}", self.subject.word(), self.name, self.word.text(), self.priority)
    }

    fn mail(&self) -> Option<(String, &'static str)> {
        let kind = match self.subject {
            Subject::Instance => "VRRP Instance",
            Subject::Group => "VRRP Group",
        };
        let (state, body) = match (self.subject, self.word) {
            (Subject::Instance, Word::Master) => ("MASTER", "=> VRRP Instance is now owning VRRP VIPs <="),
            (Subject::Instance, Word::Backup) => {
                ("BACKUP", "=> VRRP Instance is no longer owning VRRP VIPs <=")
            }
            (Subject::Instance, Word::Fault) => {
                ("FAULT", "=> VRRP Instance is no longer owning VRRP VIPs <=")
            }
            (Subject::Group, Word::Master) => {
                ("MASTER", "=> All VRRP group instances are now in MASTER state <=")
            }
            (Subject::Group, Word::Backup) => {
                ("BACKUP", "=> All VRRP group instances are now in BACKUP state <=")
            }
            (Subject::Group, Word::Fault) => {
                ("FAULT", "=> All VRRP group instances are now in FAULT state <=")
            }
            (
                _,
                Word::Stop
                | Word::Deleted
                | Word::MasterRxLowerPri
                | Word::MasterPriority
                | Word::BackupPriority,
            ) => return None,
        };
        Some((format!("{kind} {} - Entering {state} state", self.name), body))
    }
}

impl Subject {
    fn word(self) -> &'static str {
        match self {
            Self::Instance => "INSTANCE",
            Self::Group => "GROUP",
        }
    }
}

impl Word {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::MasterRxLowerPri => "MASTER_RX_LOWER_PRI",
            Self::MasterPriority => "MASTER_PRIORITY",
            Self::BackupPriority => "BACKUP_PRIORITY",
        }
    }
}
