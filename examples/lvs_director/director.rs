//! The loop: it waits, and hands what comes to those who know what to do with it.

use std::{
    error::Error,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use failover_examples::{
    Alarm,
    keepalived_conf::{
        Environment,
        model::{Command, Config, Globals},
    },
    open_regular,
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use std::os::fd::AsFd;

use crate::{
    Options,
    balancer::Balancer,
    commands::{Commands, Run},
    files::Files,
    log, metrics,
    outbox::Outbox,
    poll::{Poll, Token},
    read_and_tell, reports,
    server::{Question, Server},
    signals::Signals,
    statics,
    sync::Sync,
    systemd::Systemd,
    vrrp::Vrrp,
    watcher::Watcher,
};

/// Everything, on one thread.
#[derive(Debug)]
pub(crate) struct Director {
    poll: Rc<Poll>,
    signals: Signals,
    alarm: Alarm,
    /// When the alarm goes off, if it is set.
    armed: Option<Instant>,
    /// When others than instances have something to do.
    others_at: Option<Instant>,
    file: PathBuf,
    /// Whether virtual servers are its business.
    balances: bool,
    environment: Environment,
    pub(crate) config: Config,
    pub(crate) vrrp: Option<Vrrp>,
    pub(crate) balancer: Option<Balancer>,
    pub(crate) watcher: Watcher,
    files: Files,
    sync: Sync,
    pub(crate) outbox: Outbox,
    server: Server,
    systemd: Systemd,
    restores_at: Instant,
    pub(crate) started: SystemTime,
    pub(crate) reloads: Reloads,
}

/// How often the configuration was read again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reloads {
    pub(crate) taken: u64,
    pub(crate) refused: u64,
    /// How long the last one took.
    pub(crate) last: Duration,
}

impl Director {
    /// Opens everything, and runs until it is told to end.
    pub(crate) fn run(
        options: &Options,
        environment: Environment,
        config: Config,
        mut signals: Signals,
    ) -> Result<(), Box<dyn Error>> {
        if let Some((command, timeout)) = &config.globals.startup_script
            && run_and_wait(command, *timeout, &config.globals, &mut signals) == Waited::ToldToEnd
        {
            return Ok(());
        }
        let mut director = Self::open(options, environment, config, signals)?;
        director.begin()?;
        director.go_on()
    }

    fn open(
        options: &Options,
        environment: Environment,
        config: Config,
        signals: Signals,
    ) -> Result<Self, Box<dyn Error>> {
        let poll = Rc::new(Poll::new()?);
        let now = Instant::now();
        let alarm = Alarm::new()?;
        poll.add(&signals, Token::Signals)?;
        poll.add(&alarm, Token::Alarm)?;
        let vrrp = if options.checkers_only { None } else { Some(Vrrp::open(&poll, &config)?) };
        let needs_balancer = !options.vrrp_only && !config.virtual_servers.is_empty();
        let balancer = if needs_balancer { Some(Balancer::open(&poll, &config.globals, now)?) } else { None };
        let server = Server::open(&poll, options.status.as_deref(), options.metrics)?;
        Ok(Self {
            watcher: Watcher::open(&poll, now)?,
            files: Files::open(&poll)?,
            poll,
            signals,
            alarm,
            armed: None,
            others_at: Some(now),
            file: options.file.clone(),
            balances: !options.vrrp_only,
            environment,
            config,
            vrrp,
            balancer,
            sync: Sync::default(),
            outbox: Outbox::default(),
            server,
            systemd: Systemd::new(now),
            restores_at: now + RESTORE,
            started: SystemTime::now(),
            reloads: Reloads::default(),
        })
    }

    fn begin(&mut self) -> Result<(), Box<dyn Error>> {
        self.outbox.configure(&self.config.globals);
        if let Some(vrrp) = &mut self.vrrp {
            let (netlink, picture) = vrrp.netlink();
            statics::put(netlink, picture, &self.config);
            vrrp.handle_monitor();
            vrrp.configure(&self.config);
        }
        let now = Instant::now();
        if let Some(balancer) = &mut self.balancer {
            balancer.configure(&self.config, now)?;
        }
        self.follow_config(now);
        self.systemd.ready();
        log::info("director", "ready");
        Ok(())
    }

    /// Has those who watch something watch what the configuration says.
    fn follow_config(&mut self, now: Instant) {
        if self.vrrp.is_some() {
            self.watcher.configure(&self.config, now);
        }
        let of_servers = self.balancer.iter().flat_map(Balancer::files);
        let numbers = self.files.watch(self.watcher.files().chain(of_servers));
        self.report_files(&numbers, now);
        self.suspend(now);
        self.turn_others(now);
    }

    fn go_on(mut self) -> Result<(), Box<dyn Error>> {
        let mut ready = Vec::new();
        loop {
            if self.signals.take_end() {
                self.end();
                return Ok(());
            }
            if self.signals.take_reload() {
                self.reload();
            }
            self.arm()?;
            self.poll.wait(&mut ready)?;
            // Advertisements first: one that has waited proves that its sender lives.
            ready.sort_by_key(|token| !matches!(token, Token::Channel(_)));
            let mut is_for_others = false;
            for token in &ready {
                is_for_others |= !matches!(token, Token::Channel(_) | Token::Alarm);
                self.handle(*token);
            }
            self.turn(is_for_others);
        }
    }

    /// Sets the alarm to whatever is due first. One that goes off too early costs less than to set it again each time.
    fn arm(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        let vrrp = self.vrrp.as_mut().and_then(|vrrp| vrrp.poll_timeout(now));
        let deadline = [vrrp, self.others_at].into_iter().flatten().min();
        match (deadline, self.armed) {
            (Some(deadline), Some(armed)) if armed <= deadline && armed > now => Ok(()),
            (None, _) => Ok(()),
            (Some(deadline), _) => {
                self.armed = Some(deadline);
                self.alarm.set(Some(deadline.saturating_duration_since(now)))
            }
        }
    }

    fn handle(&mut self, token: Token) {
        let now = Instant::now();
        match token {
            Token::Channel(number) => {
                if let Some(vrrp) = &mut self.vrrp {
                    vrrp.receive(number);
                }
            }
            Token::Alarm => self.armed = None,
            Token::Monitor => {
                if let Some(vrrp) = &mut self.vrrp {
                    vrrp.handle_monitor();
                }
                self.suspend(now);
            }
            Token::Scripts => self.watch(now),
            Token::Checks => {
                if let Some(balancer) = &mut self.balancer {
                    balancer.turn(now);
                }
            }
            Token::Files => {
                let numbers = self.files.handle_readable();
                self.report_files(&numbers, now);
            }
            Token::Signals => {
                self.signals.read();
                self.outbox.advance(now);
            }
            Token::StatusListener => {
                for client in self.server.accept_status() {
                    let text = reports::json(self).to_string();
                    self.server.answer(client, Question::Status, text);
                }
            }
            Token::MetricsListener => self.server.accept_metrics(),
            Token::Client(number) => {
                if let Some(question) = self.server.handle(number) {
                    let text =
                        if question == Question::Metrics { metrics::text(self) } else { String::new() };
                    self.server.answer(number, question, text);
                }
            }
        }
    }

    /// Does what is due.
    fn turn(&mut self, is_for_others: bool) {
        let now = Instant::now();
        if let Some(vrrp) = &mut self.vrrp {
            vrrp.turn(now);
        }
        if is_for_others || self.others_at.is_some_and(|at| at <= now) {
            self.turn_others(now);
        }
        self.deliver(now);
    }

    fn turn_others(&mut self, now: Instant) {
        self.watch(now);
        let numbers = self.files.handle_timeout(now);
        self.report_files(&numbers, now);
        if let Some(balancer) = &mut self.balancer {
            balancer.turn(now);
        }
        if now >= self.restores_at {
            self.restores_at = now + RESTORE;
            if let Some(vrrp) = &mut self.vrrp {
                let (netlink, picture) = vrrp.netlink();
                statics::put(netlink, picture, &self.config);
            }
        }
        self.deliver(now);
        self.outbox.handle_timeout(now);
        self.systemd.handle_timeout(now);
        self.others_at = [
            self.watcher.poll_timeout(),
            self.files.poll_timeout(),
            self.balancer.as_ref().and_then(Balancer::poll_timeout),
            self.outbox.poll_timeout(),
            self.systemd.poll_timeout(),
            Some(self.restores_at),
        ]
        .into_iter()
        .flatten()
        .min();
    }

    /// Has scripts and processes looked at, and tells instances what was found.
    fn watch(&mut self, now: Instant) {
        for (tracked, is_well) in self.watcher.turn(now) {
            if let Some(vrrp) = &mut self.vrrp {
                vrrp.report(&tracked, is_well);
            }
        }
    }

    fn report_files(&mut self, numbers: &[(PathBuf, i64)], now: Instant) {
        for (path, number) in numbers {
            for name in self.watcher.names_of(path) {
                if let Some(vrrp) = &mut self.vrrp {
                    vrrp.report_file(&name, *number);
                }
            }
            if let Some(balancer) = &mut self.balancer {
                balancer.report_file(path, *number, now);
            }
        }
    }

    fn suspend(&mut self, now: Instant) {
        if let (Some(vrrp), Some(balancer)) = (&self.vrrp, &mut self.balancer) {
            balancer.suspend(now, |ip| vrrp.has_address(ip));
        }
    }

    /// Tells everybody what has happened.
    fn deliver(&mut self, now: Instant) {
        let news = self.vrrp.as_mut().map(Vrrp::take_news).unwrap_or_default();
        if !news.is_empty() {
            self.follow_sync();
            self.suspend(now);
            self.others_at = Some(now);
        }
        for one in news {
            self.outbox.tell_vrrp(&one, now);
        }
        let news = self.balancer.as_mut().map(Balancer::take_news).unwrap_or_default();
        for one in news {
            self.outbox.tell_lvs(one, now);
        }
    }

    fn follow_sync(&mut self) {
        let Some(vrrp) = &self.vrrp else { return };
        let state = |name: &str| {
            vrrp.instances()
                .iter()
                .find(|instance| instance.model.name == name)
                .map(|instance| instance.state)
        };
        self.sync.follow(&self.config, state);
    }

    /// Reads the configuration again. A bad one changes nothing.
    fn reload(&mut self) {
        let begun = Instant::now();
        self.systemd.reloading();
        match self.read_again() {
            Ok(()) => {
                self.reloads.taken += 1;
                self.reloads.last = begun.elapsed();
                log::info("director", format_args!("configuration read in {:.1?}", self.reloads.last));
            }
            Err(error) => {
                self.reloads.refused += 1;
                log::error(
                    "director",
                    format_args!("the new configuration is refused, the old one stays: {error}"),
                );
            }
        }
        self.systemd.ready();
    }

    fn read_again(&mut self) -> Result<(), Box<dyn Error>> {
        // What came through a pipe came once, and who waits for more advertises nothing.
        open_regular(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?;
        let reading = read_and_tell(&self.file, &self.environment);
        self.take(reading.config.ok_or("it has errors")?)
    }

    fn take(&mut self, config: Config) -> Result<(), Box<dyn Error>> {
        let now = Instant::now();
        if self.balancer.is_none() && !config.virtual_servers.is_empty() && self.balances {
            self.balancer = Some(Balancer::open(&self.poll, &config.globals, now)?);
        }
        if let Some(balancer) = &mut self.balancer {
            balancer.configure(&config, now)?;
        }
        let old = std::mem::replace(&mut self.config, config);
        self.outbox.configure(&self.config.globals);
        if let Some(vrrp) = &mut self.vrrp {
            let (netlink, picture) = vrrp.netlink();
            statics::take_away(netlink, picture, &old, &self.config);
            statics::put(netlink, picture, &self.config);
            vrrp.handle_monitor();
            vrrp.configure(&self.config);
            if self.config.globals.fifo_states_on_reload {
                for news in vrrp.states() {
                    self.outbox.repeat_vrrp(&news);
                }
            }
        }
        self.follow_sync();
        self.follow_config(now);
        Ok(())
    }

    /// Gives everything up, in order, and waits a little for those who are told.
    fn end(mut self) {
        self.systemd.stopping();
        if let Some(vrrp) = &mut self.vrrp {
            vrrp.shutdown();
        }
        if let Some(balancer) = &mut self.balancer {
            balancer.shutdown();
        }
        self.sync.shutdown();
        if let Some(vrrp) = &mut self.vrrp {
            let (netlink, picture) = vrrp.netlink();
            statics::take_away(netlink, picture, &self.config, &Config::default());
        }
        self.deliver_last();
        if let Some((command, timeout)) = &self.config.globals.shutdown_script {
            run_and_wait(command, *timeout, &self.config.globals, &mut self.signals);
        }
        log::info("director", "ended");
    }

    fn deliver_last(&mut self) {
        let now = Instant::now();
        self.deliver(now);
        wait_for_children(&mut self.signals, Some(LAST_WORDS), || {
            self.outbox.advance(Instant::now());
            self.outbox.is_idle()
        });
        self.outbox.end();
    }
}

/// Why somebody no longer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    Done,
    TooLong,
    ToldToEnd,
}

/// Runs the start-up or the shutdown script.
fn run_and_wait(
    command: &Command,
    timeout: Option<Duration>,
    globals: &Globals,
    signals: &mut Signals,
) -> Waited {
    let mut commands = Commands::default();
    commands.set_security(globals.script_security);
    commands.run("director", Run { command: command.clone(), input: None }, Instant::now());
    let waited = wait_for_children(signals, timeout, || {
        commands.advance(Instant::now());
        commands.is_idle()
    });
    commands.end();
    waited
}

/// Waits until all children it is about have ended, so long at the most, or until it is told to end (once more).
fn wait_for_children(
    signals: &mut Signals,
    timeout: Option<Duration>,
    mut is_done: impl FnMut() -> bool,
) -> Waited {
    let until = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        if is_done() {
            return Waited::Done;
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Waited::TooLong;
        }
        let wait = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, wait).is_err_and(|errno| errno != Errno::EINTR) {
            return Waited::TooLong;
        }
        signals.read();
        if signals.take_end() {
            return Waited::ToldToEnd;
        }
    }
}

/// How long those who are told of the end may take.
const LAST_WORDS: Duration = Duration::from_secs(5);
const RESTORE: Duration = Duration::from_secs(5);
