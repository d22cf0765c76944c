//! Sync groups: what is told of them. What they do is the engine's.

use failover_examples::keepalived_conf::model;
use vrrp_engine::{GroupId, State};

use super::Vrrp;
use crate::{
    log,
    outbox::{Subject, VrrpNews, Word},
};

/// A sync group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) model: model::SyncGroup,
    pub(super) id: Option<GroupId>,
    /// The state that was last told.
    pub(crate) state: State,
}

impl Group {
    pub(super) fn new(model: model::SyncGroup) -> Self {
        Self { model, id: None, state: State::Initialize }
    }
}

impl Vrrp {
    /// Says how a group is, if that is now something else: what its members all are.
    pub(super) fn tell_group_of(&mut self, member: &str) {
        let is_its = |group: &&mut Group| group.model.members.iter().any(|name| name == member);
        let Some(group) = self.groups.iter_mut().find(is_its) else { return };
        let is_member = |name: &String| group.model.members.contains(name);
        let mut states = self.instances.iter().filter(|it| is_member(&it.model.name)).map(|it| it.state);
        let Some(first) = states.next() else { return };
        // Between two of them, they are on their way.
        if states.any(|state| state != first) || group.state == first {
            return;
        }
        group.state = first;
        let word = match first {
            State::Master => Word::Master,
            State::Backup => Word::Backup,
            State::Fault => Word::Fault,
            State::Initialize => Word::Stop,
        };
        log::info(&group.model.name, format_args!("sync group: {first}"));
        self.news.push(VrrpNews {
            subject: Subject::Group,
            name: group.model.name.clone(),
            word,
            priority: 0,
            notify: group.model.notify.clone(),
            mails: group.model.mail,
        });
    }
}
