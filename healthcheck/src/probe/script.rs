use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Cause, Kind, Layer, Outcome, WeightHint};

/// A program that looks at the target, and says by its exit status what it found.
///
/// It is run as it is, with these arguments and without a shell, in a process group of its own, in the directory `/`, with
/// nothing on its standard input, with no signal blocked, and with no environment but what is given here and a `PATH`. What it
/// prints is kept, the last 4 KiB.
///
/// When its time is over its group is sent SIGTERM, and after a grace SIGKILL; the run ends with it, so one that ignores SIGTERM is
/// known to have failed that much later. Whatever is left of its group when the program itself has ended is killed, whether
/// in time or not. Only what has left the group (`setsid`) escapes: check what you run.
///
/// ```
/// use healthcheck::{ExitMap, Script};
///
/// let disk = Script::new("/usr/lib/nagios/plugins/check_disk", ExitMap::Nagios)
///     .args(["-w", "10%", "-c", "5%"])
///     .env("LANG", "C")
///     .user(65534, 65534);
/// # drop(disk);
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    user: Option<(u32, u32)>,
    grace: Duration,
    exit_map: ExitMap,
}

/// What the exit status of a program means. A program that ended by a signal has failed, in each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitMap {
    /// 0 passes, everything else fails: HAProxy's external-check, keepalived's vrrp_script, and its MISC_CHECK without
    /// `misc_dynamic`.
    Plain,
    /// keepalived's MISC_CHECK with `misc_dynamic`: 0 passes, 1 fails, 2 to 255 pass and say a weight of 0 to 253.
    Keepalived,
    /// A Nagios plugin's: 0 (OK) and 1 (warning) pass, 2 (critical) fails, all else is inconclusive (3 is unknown).
    Nagios,
}

impl Script {
    /// Names a program by its path; one without a slash is looked for in the `PATH` that is given to it.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, exit_map: ExitMap) -> Self {
        let env =
            vec![("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into())];
        let grace = Duration::from_secs(2);
        Self { program: program.into(), args: Vec::new(), env, user: None, grace, exit_map }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref().to_owned();
        self.env.retain(|(other, _)| *other != name);
        self.env.push((name, value.as_ref().to_owned()));
        self
    }

    /// Runs it as another user, with this group and no others: numbers of users and groups. Needs root.
    ///
    /// In a process with much memory this makes it ten times as expensive to start, for it has to be forked.
    #[must_use]
    pub fn user(self, user: u32, group: u32) -> Self {
        Self { user: Some((user, group)), ..self }
    }

    /// Sets the time between SIGTERM and SIGKILL: 2 s if not set.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.args
    }

    pub(crate) fn environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.env.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    pub(crate) fn user_and_group(&self) -> Option<(u32, u32)> {
        self.user
    }

    pub(crate) fn grace_time(&self) -> Duration {
        self.grace
    }

    pub(crate) fn exit_map(&self) -> ExitMap {
        self.exit_map
    }
}

impl ExitMap {
    /// Returns what this exit status, 0 to 255, says.
    #[must_use]
    pub fn outcome(self, status: i32) -> Outcome {
        let passed = Outcome::passed(Layer::Script);
        let cause = Cause::new(Layer::Script, Kind::WrongStatus, status);
        match (self, status) {
            (_, 0) | (Self::Nagios, 1) => {
                Outcome { cause: Cause::new(Layer::Script, Kind::Passed, status), ..passed }
            }
            (Self::Keepalived, 2..=255) => {
                let passed = Outcome { cause: Cause::new(Layer::Script, Kind::Passed, status), ..passed };
                passed.with_weight(WeightHint::Absolute((status - 2).unsigned_abs()))
            }
            (Self::Nagios, 2) | (Self::Plain | Self::Keepalived, _) => Outcome::failed(cause),
            (Self::Nagios, _) => Outcome::inconclusive(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    #[test]
    fn exit_statuses_mean_what_their_inventors_say() {
        use Verdict::{Fail, Inconclusive, Pass};
        for (map, status, verdict, weight) in [
            (ExitMap::Plain, 0, Pass, None),
            (ExitMap::Plain, 1, Fail, None),
            (ExitMap::Plain, 255, Fail, None),
            (ExitMap::Keepalived, 0, Pass, None),
            (ExitMap::Keepalived, 1, Fail, None),
            (ExitMap::Keepalived, 2, Pass, Some(0)),
            (ExitMap::Keepalived, 255, Pass, Some(253)),
            (ExitMap::Nagios, 0, Pass, None),
            (ExitMap::Nagios, 1, Pass, None),
            (ExitMap::Nagios, 2, Fail, None),
            (ExitMap::Nagios, 3, Inconclusive, None),
            (ExitMap::Nagios, 127, Inconclusive, None),
        ] {
            let outcome = map.outcome(status);
            assert_eq!(outcome.verdict, verdict, "{map:?} {status}");
            assert_eq!(outcome.weight, weight.map(WeightHint::Absolute), "{map:?} {status}");
            assert_eq!(outcome.cause.code, status);
        }
    }
}
