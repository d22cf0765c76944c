//! `vrrp_sync_group`.

use vrrp_engine::MemberWeights;

use super::{
    globals::Defaults,
    instances::read_notify,
    model::{Config, Notify, SyncGroup, Tracks},
    tracking::read_tracks,
    tree::Item,
    unheeded,
    values::Context,
};

pub(super) fn read_groups(context: &Context, top: &[Item], config: &mut Config, defaults: &Defaults) {
    for block in top.iter().filter(|item| item.is("vrrp_sync_group")) {
        let Some(group) = read_group(context, top, block, defaults) else { continue };
        let Some(word) = block.arg(1) else { continue };
        if config.groups.iter().any(|other| other.name == group.name) {
            context.error(word, format!("there is a vrrp_sync_group {} already", group.name));
            continue;
        }
        check_members(context, block, &group, config);
        config.groups.push(group);
    }
}

fn read_group(context: &Context, top: &[Item], block: &Item, defaults: &Defaults) -> Option<SyncGroup> {
    let mut group = SyncGroup {
        name: context.text(block)?,
        members: Vec::new(),
        weights: MemberWeights::Ignore,
        track: Tracks::default(),
        notify: Notify { priority_changes: defaults.priority_changes, ..Notify::default() },
        mail: defaults.vrrp_mails(),
    };
    for item in block.items() {
        match item.keyword() {
            "group" => group.members.extend(item.listed().map(|word| word.text.clone())),
            "smtp_alert" => group.mail = context.switch(item),
            "sync_group_tracking_weight" => group.weights = MemberWeights::Apply,
            // Its members' trackers count for all in any case.
            "global_tracking" => {}
            _ if read_tracks(context, top, item, &mut group.track) => {}
            _ if read_notify(context, item, &mut group.notify, defaults) => {}
            _ => unheeded::note(context, item),
        }
    }
    Some(group)
}

fn check_members(context: &Context, block: &Item, group: &SyncGroup, config: &Config) {
    let words = block.items().iter().filter(|item| item.is("group")).flat_map(Item::listed);
    let mut count = 0;
    for word in words {
        count += 1;
        let name = &word.text;
        if !config.instances.iter().any(|instance| instance.name == *name) {
            context.error(word, format!("there is no vrrp_instance {name}"));
        }
        if let Some(other) = config.groups.iter().find(|other| other.members.contains(name)) {
            context.error(word, format!("{name} is in vrrp_sync_group {} already", other.name));
        }
        if group.members.iter().filter(|member| *member == name).count() > 1 {
            context.error(word, format!("{name} is in this group twice"));
        }
    }
    if let (0, Some(word)) = (count, block.words.first()) {
        context.error(word, format!("vrrp_sync_group {} has no members", group.name));
    }
}
