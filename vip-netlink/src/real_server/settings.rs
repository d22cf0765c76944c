//! The sysctls that make ARP silent about addresses of the loopback interface, and the values they had before.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd, unix::fs::FileExt},
};

use crate::{
    error::{Cause, Error, Failure, Operation},
    link::Interface,
    netlink::Netlink,
};

/// The sysctls of the network namespace that the thread was in: their files stay those of that namespace.
#[derive(Debug)]
pub(super) struct Sysctls {
    files: [File; Setting::ALL.len()],
}

impl Sysctls {
    pub(super) fn open() -> Result<Self, Error> {
        let [ignore, announce] = Setting::ALL.map(|setting| open(setting.path()));
        Ok(Self { files: [ignore?, announce?] })
    }

    pub(super) fn read(&self, setting: Setting) -> Result<i32, Error> {
        self.try_read(setting).map_err(|failure| Operation::ReadSetting(setting.name()).failed(failure))
    }

    /// Sets a sysctl so that it hides addresses, unless it does already, and keeps the value it had for
    /// [`restore`](Self::restore): before, so that whatever happens it is not lost.
    pub(super) fn tighten(
        &self,
        setting: Setting,
        lo: &Interface,
        netlink: &mut Netlink,
    ) -> Result<Option<SettingChange>, Error> {
        let from = self.read(setting)?;
        if setting.is_strict(from) {
            return Ok(None);
        }
        // The oldest value counts: the sysctl may have been changed between two starts.
        if self.kept(setting, lo, netlink)?.is_none() {
            let name = setting.keepsake(from);
            let kept = netlink.add_alternative_name(lo, &name);
            kept.map_err(|failure| Operation::KeepSetting(name.into()).failed(failure))?;
        }
        self.write(setting, setting.strict()).map(|()| Some(setting.change(from, setting.strict())))
    }

    /// Sets a sysctl back to the value kept, if there is one, and forgets it then. What somebody else gave it since stays.
    pub(super) fn restore(
        &self,
        setting: Setting,
        lo: &Interface,
        netlink: &mut Netlink,
    ) -> Result<Option<SettingChange>, Error> {
        let Some(to) = self.kept(setting, lo, netlink)? else { return Ok(None) };
        let from = self.read(setting)?;
        let is_to_change = from == setting.strict();
        if is_to_change {
            self.write(setting, to)?;
        }
        let name = setting.keepsake(to);
        let forgotten = netlink.remove_alternative_name(lo, &name);
        forgotten.map_err(|failure| Operation::ForgetSetting(name.into()).failed(failure))?;
        Ok(is_to_change.then(|| setting.change(from, to)))
    }

    fn kept(&self, setting: Setting, lo: &Interface, netlink: &mut Netlink) -> Result<Option<i32>, Error> {
        let names = netlink.alternative_names(lo);
        let names = names.map_err(|failure| Operation::FindInterface(lo.name().into()).failed(failure))?;
        Ok(names.iter().find_map(|name| setting.read_keepsake(name)))
    }

    fn try_read(&self, setting: Setting) -> Result<i32, Failure> {
        let mut text = [0; 16];
        let length = self.file(setting).read_at(&mut text, 0)?;
        let text = text.get(..length).and_then(|text| str::from_utf8(text).ok());
        text.and_then(|text| text.trim_end().parse().ok()).ok_or(Cause::Malformed.into())
    }

    fn write(&self, setting: Setting, value: i32) -> Result<(), Error> {
        self.try_write(setting, value)
            .map_err(|error| Operation::ChangeSetting(setting.name(), value).failed(error))
    }

    /// The file is open for reading, for which nobody lacks the privilege; through this path it is opened as it is, in its
    /// own namespace.
    fn try_write(&self, setting: Setting, value: i32) -> io::Result<()> {
        let path = format!("/proc/thread-self/fd/{}", self.file(setting).as_raw_fd());
        OpenOptions::new().write(true).open(path)?.write_all_at(format!("{value}\n").as_bytes(), 0)
    }

    fn file(&self, setting: Setting) -> &File {
        let [ignore, announce] = &self.files;
        match setting {
            Setting::ArpIgnore => ignore,
            Setting::ArpAnnounce => announce,
        }
    }
}

/// One of the sysctls, of all interfaces. The higher of this and of an interface's own one counts, whatever they mean
/// (`IN_DEV_MAXCONF`, linux/inetdevice.h).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    ArpIgnore,
    ArpAnnounce,
}

impl Setting {
    pub(super) const ALL: [Self; 2] = [Self::ArpIgnore, Self::ArpAnnounce];

    /// Tells whether a value hides what is on loopback, for whatever scope it has there.
    pub(super) fn is_strict(self, value: i32) -> bool {
        match self {
            // Not 3, which hides what has scope host; all others are 0 (`arp_ignore`, net/ipv4/arp.c).
            Self::ArpIgnore => matches!(value, 1 | 2 | 8),
            // Not 1, which hides what is of no subnet of the interface; those above 2 are 0 (`arp_solicit`, net/ipv4/arp.c).
            Self::ArpAnnounce => value == self.strict(),
        }
    }

    /// The value to set.
    fn strict(self) -> i32 {
        match self {
            Self::ArpIgnore => 1,
            Self::ArpAnnounce => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ArpIgnore => "net.ipv4.conf.all.arp_ignore",
            Self::ArpAnnounce => "net.ipv4.conf.all.arp_announce",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::ArpIgnore => "/proc/sys/net/ipv4/conf/all/arp_ignore",
            Self::ArpAnnounce => "/proc/sys/net/ipv4/conf/all/arp_announce",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::ArpIgnore => "vip-netlink.arp_ignore.was=",
            Self::ArpAnnounce => "vip-netlink.arp_announce.was=",
        }
    }

    /// The alternative name of the loopback interface by which a value is kept.
    fn keepsake(self, value: i32) -> String {
        format!("{}{value}", self.prefix())
    }

    fn read_keepsake(self, name: &str) -> Option<i32> {
        let value = name.strip_prefix(self.prefix())?.parse().ok()?;
        // Only as it was written: it is to be found again to be removed.
        (self.keepsake(value) == name).then_some(value)
    }

    fn change(self, from: i32, to: i32) -> SettingChange {
        SettingChange { name: self.name(), from, to }
    }
}

/// A sysctl that got another value.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SettingChange {
    /// Its name, such as `net.ipv4.conf.all.arp_ignore`.
    pub name: &'static str,
    /// What it was.
    pub from: i32,
    /// What it is now.
    pub to: i32,
}

pub(super) fn open(path: &'static str) -> Result<File, Error> {
    File::open(path).map_err(|error| Operation::OpenFile(path).failed(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_in_a_name_and_found_again() {
        for value in [0, 3, -1, i32::MIN, i32::MAX] {
            let name = Setting::ArpAnnounce.keepsake(value);

            assert!(name.len() < 128 && !name.contains(['/', ':', ' ']), "{name} can be a name");
            assert_eq!(Setting::ArpAnnounce.read_keepsake(&name), Some(value));
            assert_eq!(Setting::ArpIgnore.read_keepsake(&name), None);
        }
    }

    #[test]
    fn a_name_that_somebody_else_made_is_no_keepsake() {
        for name in [
            "lo1",
            "vip-netlink.arp_ignore.was=",
            "vip-netlink.arp_ignore.was=01",
            "vip-netlink.arp_ignore.was=+1",
        ] {
            assert_eq!(Setting::ArpIgnore.read_keepsake(name), None, "{name}");
        }
    }
}
