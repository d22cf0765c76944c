//! Rules: listed, added, removed, and found again after a crash.

use std::collections::BTreeMap;

use nix::libc;

use super::{Batch, Change, Netlink, batch::Request};
use crate::{
    address::Family,
    error::{Cause, Error, Failure, Operation},
    rule::{Addition, Installed, Rule},
};

impl Netlink {
    /// Lists the rules of this [`owner`](Self::owner), those of IPv4 first, in the order in which they are asked
    /// (`RTM_GETRULE`). Needs no privilege.
    ///
    /// # Errors
    ///
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging), after some attempts.
    pub fn rules(&mut self) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        for family in [Family::V4, Family::V6] {
            rules.extend(self.list_rules(family).map_err(|failure| Operation::ListRules.failed(failure))?);
        }
        Ok(rules)
    }

    /// Adds a rule (`RTM_NEWRULE`), with the mark of this [`owner`](Self::owner) (`FRA_PROTOCOL`). Needs `CAP_NET_ADMIN`.
    ///
    /// Adding what is there changes nothing and is [`Change::AlreadySo`]. Another owner's is another rule, of the same effect:
    /// it may go, and this one stays. Of rules with the same priority, the oldest is asked first.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted); as [`rules`](Self::rules).
    pub fn add_rule(&mut self, rule: &Rule) -> Result<Change, Error> {
        self.carry_out_one(Request::AddRule(Box::new(rule.clone())))
    }

    /// Removes a rule (`RTM_DELRULE`), if this [`owner`](Self::owner) put it there. Needs `CAP_NET_ADMIN` if it is there.
    ///
    /// Removing what is not there changes nothing and is [`Change::AlreadySo`].
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted); [`Unsuitable`](crate::ErrorKind::Unsuitable) where the kernel would
    /// take another rule of the owner's for it, which it could not be told to put back; as [`rules`](Self::rules).
    pub fn remove_rule(&mut self, rule: &Rule) -> Result<Change, Error> {
        self.carry_out_one(Request::RemoveRule(Box::new(rule.clone())))
    }

    /// Takes over the rules that a predecessor with the same [`owner`](Self::owner) left behind: keeps those that are still
    /// wanted, without interruption, and removes the others. Returns those it keeps. Needs `CAP_NET_ADMIN` if there is
    /// something to remove.
    ///
    /// Linux keeps the mark since 4.17; before, nothing is found.
    ///
    /// # Errors
    ///
    /// As [`rules`](Self::rules) and [`remove_rule`](Self::remove_rule); the first of them, after all was tried.
    pub fn adopt_rules(&mut self, mut is_wanted: impl FnMut(&Rule) -> bool) -> Result<Vec<Rule>, Error> {
        let (kept, stale): (Vec<_>, Vec<_>) = self.rules()?.into_iter().partition(|rule| is_wanted(rule));
        let mut batch = Batch::new();
        for rule in &stale {
            batch.remove_rule(rule);
        }
        self.carry_out(&batch).into_iter().try_for_each(|result| result.map(drop))?;
        Ok(kept)
    }

    /// Removes rules that are there.
    ///
    /// The kernel takes the first that has what the request says: of one priority, this may be another one that says more. It is
    /// then put behind the one that is to go, which is for the same packets as long as it stands, and the request made again.
    pub(super) fn remove_rules(&mut self, requests: &[Request]) -> Vec<Result<Change, Failure>> {
        let mut there = BTreeMap::new();
        let (mut steps, mut results) = (Vec::new(), Vec::with_capacity(requests.len()));
        for (index, request) in requests.iter().enumerate() {
            let Request::RemoveRule(rule) = request else { continue };
            let list = there.entry(rule.family()).or_insert_with(|| self.list_rules(rule.family()));
            results.push(match list {
                Ok(list) => plan_removal(rule, list).map(|plan| {
                    steps.extend(plan.into_iter().map(|step| (index, step)));
                    Change::AlreadySo
                }),
                Err(failure) => Err(failure.clone()),
            });
        }
        let owner = self.owner;
        let outcomes = self.socket.batch(steps.len(), |index, envelope| match steps.get(index) {
            Some((_, Step::Remove(rule))) => rule.write_remove(envelope, owner),
            Some((_, Step::PutBack(rule))) => rule.write_add(envelope, owner, Addition::Beside),
            None => {}
        });
        for ((index, _), outcome) in steps.iter().zip(outcomes) {
            if let (Some(request), Some(result)) = (requests.get(*index), results.get_mut(*index))
                && result.is_ok()
            {
                *result = request.change(outcome);
            }
        }
        results
    }

    /// Looks after rules that were there already: the kernel says so of those, too, that are for more packets than another one.
    pub(super) fn settle_rules(&mut self, requests: &[Request], results: &mut [Result<Change, Failure>]) {
        let mut there = BTreeMap::new();
        let owner = self.owner;
        for (request, result) in requests.iter().zip(results) {
            let Request::AddRule(rule) = request else { continue };
            if matches!(result, Ok(Change::AlreadySo)) {
                let list = there.entry(rule.family()).or_insert_with(|| self.list_rules(rule.family()));
                *result = match list {
                    Ok(list) if list.contains(rule) => Ok(Change::AlreadySo),
                    Ok(list) => {
                        list.push((**rule).clone());
                        let write = |envelope: kernel_netlink::Envelope<'_>| {
                            rule.write_add(envelope, owner, Addition::Beside);
                        };
                        self.socket
                            .request(write, |_, _| Ok(()))
                            .map(|()| Change::Made)
                            .map_err(Failure::from)
                    }
                    Err(failure) => Err(failure.clone()),
                };
            }
        }
    }

    /// Lists the owner's rules of a family. A kernel without it answers with all others.
    fn list_rules(&mut self, family: Family) -> Result<Vec<Rule>, Failure> {
        let owner = self.owner;
        Ok(self.socket.dump(
            |envelope| {
                envelope.message(libc::RTM_GETRULE, 0, |payload| {
                    payload.header([family.number(), 0, 0, 0]).header([0; 8]);
                });
            },
            |kind, payload| {
                let parse = || Installed::parse(payload);
                let installed = (kind == libc::RTM_NEWRULE).then(parse).transpose()?.flatten();
                let is_wanted = |one: &Installed| one.protocol == owner.get() && one.rule.family() == family;
                Ok(installed.filter(is_wanted).map(|installed| installed.rule))
            },
        )?)
    }
}

/// What to ask of the kernel so that in the end just one rule is gone.
enum Step {
    Remove(Rule),
    PutBack(Rule),
}

/// Plans the removal of a rule from those that are there, and makes it in the list.
fn plan_removal(rule: &Rule, list: &mut Vec<Rule>) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    while list.contains(rule) {
        let Some(first) = list.iter().position(|one| rule.covers(one)) else { break };
        let gone = list.remove(first);
        if gone != *rule && !gone.is_whole() {
            list.insert(first, gone.clone());
            return Err(Cause::InTheWay(Box::new(gone)).into());
        }
        steps.push(Step::Remove(rule.clone()));
        if gone == *rule {
            break;
        }
        let behind =
            list.iter().rposition(|one| one.priority() == gone.priority()).map_or(first, |last| last + 1);
        list.insert(behind, gone.clone());
        steps.push(Step::PutBack(gone));
    }
    Ok(steps)
}
