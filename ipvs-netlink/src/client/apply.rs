use std::{collections::BTreeSet, fmt};

use kernel_netlink::Failure;
use nix::libc;

use super::Ipvs;
use crate::{
    error::{Cause, Error, Operation},
    message::Request,
    reconcile::{Plan, Step, plan},
    service::{Service, ServiceId},
    table::Table,
};

impl Ipvs {
    /// Says what [`apply`](Self::apply) would do: reads the kernel's table and compares.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn plan(&mut self, desired: &Table, owned: impl FnMut(&Service) -> bool) -> Result<Plan, Error> {
        Ok(plan(desired, &self.table()?, owned))
    }

    /// Makes the kernel's table the desired one, as far as it is ours: see [`plan()`](crate::plan).
    ///
    /// It reads, writes what differs, and reads again, until nothing differs twice in a row: a list that was read while
    /// others wrote may lack entries. Where nothing differs nothing is written. What is refused keeps nothing else from
    /// being done, except that a service which lacks something so keeps what was to be taken from it.
    ///
    /// # Errors
    ///
    /// What the kernel refuses, all of it; that others keep changing the same; that reading failed. What was written by
    /// then stays.
    pub fn apply(
        &mut self,
        desired: &Table,
        mut owned: impl FnMut(&Service) -> bool,
    ) -> Result<Applied, ApplyError> {
        let mut applied = Applied::default();
        let mut left = Plan::default();
        let mut agreements = 0;
        // A look at which nothing differs is always followed by another.
        while applied.reads < READS_MAX || agreements != 0 {
            left = self.plan(desired, &mut owned)?;
            applied.reads += 1;
            let round = self.write(&left)?;
            applied.writes += round.writes;
            agreements = if round.is_at_rest() { agreements + 1 } else { 0 };
            if agreements == AGREEMENTS {
                let refusals = round.refusals;
                return if refusals.is_empty() { Ok(applied) } else { Err(ApplyError::Refused(refusals)) };
            }
        }
        Err(ApplyError::KeptChanging(left))
    }

    /// Carries out a plan as it is, without a look at the table: for who knows what the kernel has, having written it, and has
    /// [compared](crate::plan) that with what is desired. What is there already, or gone already, is not refused but left for the
    /// next look. Returns how many writes were made.
    ///
    /// # Errors
    ///
    /// What the kernel refuses, all of it; that it could not be asked. What was written by then stays.
    pub fn carry_out(&mut self, plan: &Plan) -> Result<usize, ApplyError> {
        if plan.is_empty() {
            return Ok(0);
        }
        let Round { writes, refusals, .. } = self.write(plan)?;
        if refusals.is_empty() { Ok(writes) } else { Err(ApplyError::Refused(refusals)) }
    }

    /// Writes what gives first, then what takes.
    fn write(&mut self, plan: &Plan) -> Result<Round, Error> {
        let mut round = Round::default();
        let gives = |step: &&Step| step.gives();
        self.write_steps(&plan.steps().iter().filter(gives).collect::<Vec<_>>(), &mut round)?;
        let lacking = std::mem::take(&mut round.lacking);
        let takes = |step: &&Step| !step.gives() && !lacking.contains(&step.service());
        self.write_steps(&plan.steps().iter().filter(takes).collect::<Vec<_>>(), &mut round)?;
        Ok(round)
    }

    fn write_steps(&mut self, steps: &[&Step], round: &mut Round) -> Result<(), Error> {
        let requests: Vec<_> = steps.iter().map(|step| step.request()).collect();
        let results = self.batch(&requests).map_err(|cause| Error::new(Operation::ListServices, cause))?;
        for (step, result) in steps.iter().zip(results) {
            if result.is_err() {
                round.lacking.insert(step.service());
            }
            match result {
                Ok(()) => round.writes += 1,
                // The next look at the table shows what became of it.
                Err(failure) if step.is_overtaken(&failure) => {
                    // To a service that was refused nothing can be added.
                    round.overtaken += usize::from(!round.not_made.contains(&step.service()));
                }
                Err(failure) => {
                    if let Step::AddService(service) = step {
                        round.not_made.insert(service.id());
                    }
                    let error = Error::new(step.operation(), Cause::from(failure));
                    round.refusals.push(Refusal { step: (*step).clone(), error });
                }
            }
        }
        Ok(())
    }
}

/// What it took to make the table the desired one.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Services and destinations that were added, edited or removed. 0 where the table was as desired.
    pub writes: usize,
    /// How often the table was read: twice where it was as desired, and more often where it had to be changed.
    pub reads: usize,
}

/// Why the table is not the desired one.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApplyError {
    /// The kernel's table could not be read, or IPVS was unloaded meanwhile.
    Failed(Error),
    /// The kernel refused some of it: at least one. All else is done, but for what would have been taken from the same
    /// services.
    Refused(Vec<Refusal>),
    /// Somebody else kept changing the same: this was left at last.
    KeptChanging(Plan),
}

/// A write that the kernel refused.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// What was to be written.
    pub step: Step,
    /// Why it was not.
    pub error: Error,
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Refused(refusals) => {
                let mut separator = "";
                refusals.iter().try_for_each(|refusal| {
                    write!(f, "{separator}{}", refusal.error)?;
                    separator = "\n";
                    Ok(())
                })
            }
            Self::KeptChanging(left) => {
                let what = match left.steps().len() {
                    1 => "1 difference is left".into(),
                    count => format!("{count} differences are left"),
                };
                write!(f, "cannot bring the table to rest: another program keeps changing it, {what}")
            }
        }
    }
}

impl std::error::Error for ApplyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Refused(refusals) => refusals.first().and_then(|refusal| refusal.error.source()),
            Self::KeptChanging(_) => None,
        }
    }
}

#[derive(Debug, Default)]
struct Round {
    writes: usize,
    /// Writes that somebody else, or what a list did not show, came before.
    overtaken: usize,
    /// Services of which a write failed, whatever the reason.
    lacking: BTreeSet<ServiceId>,
    /// Services that could not be added.
    not_made: BTreeSet<ServiceId>,
    refusals: Vec<Refusal>,
}

impl Round {
    /// Tells whether nothing differed but what the kernel refuses.
    fn is_at_rest(&self) -> bool {
        self.writes == 0 && self.overtaken == 0
    }
}

impl Step {
    /// Tells whether it comes before those that take: connections find more destinations after it, or other settings.
    fn gives(&self) -> bool {
        match self {
            Self::AddService(_) | Self::EditService { .. } | Self::AddDestination { .. } => true,
            Self::EditDestination { to, .. } => to.weight() != 0,
            Self::RemoveDestination { .. } | Self::RemoveService(_) => false,
        }
    }

    /// The service that it is about.
    pub(crate) fn service(&self) -> ServiceId {
        match self {
            Self::AddService(service) | Self::EditService { to: service, .. } => service.id(),
            Self::RemoveService(server) => server.id(),
            Self::AddDestination { service, .. }
            | Self::EditDestination { service, .. }
            | Self::RemoveDestination { service, .. } => *service,
        }
    }

    fn request(&self) -> Request<'_> {
        match self {
            Self::AddService(service) => Request::NewService(service),
            Self::EditService { to, .. } => Request::SetService(to),
            Self::RemoveService(server) => Request::DelService(server.service().id_ref()),
            Self::AddDestination { service, destination } => Request::NewDestination(service, destination),
            Self::EditDestination { service, to, .. } => Request::SetDestination(service, to),
            Self::RemoveDestination { service, destination } => {
                Request::DelDestination(service, destination.address())
            }
        }
    }

    fn operation(&self) -> Operation {
        match self {
            Self::AddService(service) => Operation::AddService(*service),
            Self::EditService { to, .. } => Operation::EditService(*to),
            Self::RemoveService(server) => Operation::RemoveService(server.id()),
            Self::AddDestination { service, destination } => {
                Operation::AddDestination(*service, destination.address())
            }
            Self::EditDestination { service, to, .. } => Operation::EditDestination(*service, to.address()),
            Self::RemoveDestination { service, destination } => {
                Operation::RemoveDestination(*service, destination.address())
            }
        }
    }

    /// Tells whether somebody else was quicker, or what it needs was refused before it.
    fn is_overtaken(&self, failure: &Failure) -> bool {
        match self {
            Self::AddService(_) => failure.is(libc::EEXIST),
            Self::AddDestination { .. } => failure.is(libc::EEXIST) || failure.is(libc::ESRCH),
            Self::EditService { .. } | Self::RemoveService(_) => failure.is(libc::ESRCH),
            Self::EditDestination { .. } | Self::RemoveDestination { .. } => {
                failure.is(libc::ENOENT) || failure.is(libc::ESRCH)
            }
        }
    }
}

/// Looks in a row at which nothing differs, until that is believed.
const AGREEMENTS: u32 = 2;
/// Looks until it is given up. Each but the last two shows what somebody else has changed since the one before.
const READS_MAX: usize = 10;
