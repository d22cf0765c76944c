use super::{
    dice::Dice,
    garbage::Garbage,
    invariants::Broken,
    lan::{Lan, Pause, Weather},
    spec::{MAX_ROLES, Nanos},
};

/// One thing that goes wrong on a LAN, or right again.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    Weather(Weather),
    /// The first host is not heard by the second.
    Cut(usize, usize),
    /// Hosts hear only those of their own side.
    Split(Vec<bool>),
    Heal,
    Pause(usize, Pause),
    Resume(usize),
    Crash(usize),
    /// Boots it, or starts it after a shutdown.
    Start(usize),
    Shutdown(usize),
    /// Shuts down and starts without a pause.
    Bounce(usize),
    /// Garbage for a host: so much, at most so long after each other.
    Junk {
        to: usize,
        count: u64,
        apart: Nanos,
    },
}

impl Trouble {
    /// Draws one that makes sense now; `unit` is how long the slowest Backup waits for a Master.
    pub(crate) fn draw(dice: &mut Dice, lan: &Lan, unit: Nanos) -> Self {
        let count = lan.nodes.len();
        let host = dice.index(count);
        let node = &lan.nodes[host];
        if node.paused.is_some() && dice.chance(60) {
            return if dice.chance(80) { Self::Resume(host) } else { Self::Crash(host) };
        }
        if node.paused.is_none() && node.witness.is_none() {
            return Self::Start(host);
        }
        match dice.roll(if node.paused.is_some() { 8 } else { 15 }) {
            0..=1 => Self::Weather(Weather::draw(dice, unit)),
            2..=3 => Self::Cut(host, dice.index(count)),
            4 => Self::Split((0..count).map(|_| dice.chance(50)).collect()),
            5 => Self::Heal,
            6..=7 => {
                let apart = if dice.chance(50) { unit / 2 } else { unit / 40 };
                Self::Junk { to: host, count: 1 + dice.roll(20), apart: apart + 1 }
            }
            8..=9 => {
                let room = dice.roll(40) as usize;
                Self::Pause(host, dice.pick(&[Pause::Stopped(room), Pause::Suspended, Pause::Frozen]))
            }
            10 => Self::Crash(host),
            11 => Self::Shutdown(host),
            12 => Self::Bounce(host),
            // Started already: nothing is to happen; shut down: it comes back.
            _ => Self::Start(host),
        }
    }

    pub(crate) fn happen(&self, lan: &mut Lan) -> Result<(), Broken> {
        lan.note(format_args!("--- {self:?}"));
        match self {
            Self::Weather(weather) => lan.weather = *weather,
            Self::Cut(from, to) => lan.cut[*from][*to] = true,
            Self::Split(sides) => {
                for (from, cut) in lan.cut.iter_mut().enumerate() {
                    for (to, cut) in cut.iter_mut().enumerate() {
                        *cut = sides[from] != sides[to];
                    }
                }
            }
            Self::Heal => lan.cut.iter_mut().flatten().for_each(|cut| *cut = false),
            Self::Pause(host, how) => lan.pause(*host, *how),
            Self::Resume(host) => lan.resume(*host)?,
            Self::Crash(host) => lan.crash(*host)?,
            Self::Start(host) => lan.start(*host)?,
            Self::Shutdown(host) => lan.shutdown(*host)?,
            Self::Bounce(host) => {
                lan.shutdown(*host)?;
                lan.start(*host)?;
            }
            Self::Junk { to, count, apart } => throw_junk(lan, *to, *count, *apart),
        }
        Ok(())
    }
}

impl Weather {
    fn draw(dice: &mut Dice, unit: Nanos) -> Self {
        let delay = 1 + match dice.roll(3) {
            0 => unit / 1000,
            1 => dice.roll(unit / 5),
            _ => dice.roll(unit),
        };
        let (loss, twice) = (dice.pick(&[0, 10, 30, 60, 90]), dice.pick(&[0, 0, 20]));
        Self { loss, twice, delay, overtaking: dice.chance(70) }
    }
}

fn throw_junk(lan: &mut Lan, to: usize, count: u64, apart: Nanos) {
    let mut after = 0;
    for _ in 0..count {
        after += 1 + lan.dice.roll(apart);
        let (mut from, to_spec) = (lan.nodes[lan.dice.index(lan.nodes.len())].spec, lan.nodes[to].spec);
        let Some((_, role)) = from.roles().nth(lan.dice.index(MAX_ROLES)) else { continue };
        if from.last == to_spec.last {
            // A stranger.
            from.last ^= 1;
        }
        let garbage = Garbage::draw(&mut lan.dice, &role);
        let source = from.source(role.family);
        let (datagram, fate) = garbage.make(&mut lan.dice, source, &role, &to_spec);
        lan.inject(to, after, datagram, fate);
    }
}
