use alloc::{boxed::Box, vec::Vec};

use vrrp_proto::Family;

use super::RouterId;
use crate::announcements::Pace;

/// Where each virtual router is, and what those on one interface share.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    /// Sorted by interface and family.
    networks: Vec<Network>,
    /// Where the last packet came from: the next one may well come from there too.
    near: usize,
}

#[derive(Clone, Debug)]
struct Network {
    interface: u32,
    family: Family,
    /// The place of each number's virtual router, and one more than it; 0 where there is none.
    places: Box<[u32; 256]>,
    pace: Pace,
}

impl Directory {
    /// Finds a virtual router's place.
    #[inline]
    pub(super) fn find(&self, id: RouterId) -> Option<usize> {
        let network = self.networks.get(self.network(id).ok()?)?;
        let place = *network.places.get(usize::from(id.vrid.get()))?;
        (place as usize).checked_sub(1)
    }

    /// Finds the place of a virtual router that a packet is for.
    #[inline]
    pub(super) fn find_near(&mut self, id: RouterId) -> Option<usize> {
        let is_there = |network: &&Network| (network.interface, network.family) == (id.interface, id.family);
        if self.networks.get(self.near).filter(is_there).is_none() {
            self.near = self.network(id).ok()?;
        }
        let place = *self.networks.get(self.near)?.places.get(usize::from(id.vrid.get()))?;
        (place as usize).checked_sub(1)
    }

    /// Notes a virtual router's place.
    pub(super) fn insert(&mut self, id: RouterId, place: usize) {
        let number = self.network(id).unwrap_or_else(|number| {
            let RouterId { interface, family, .. } = id;
            let network = Network { interface, family, places: Box::new([0; 256]), pace: Pace::default() };
            self.networks.insert(number, network);
            number
        });
        self.set(number, id, place as u32 + 1);
    }

    /// Forgets a virtual router.
    pub(super) fn remove(&mut self, id: RouterId) {
        if let Ok(number) = self.network(id) {
            self.set(number, id, 0);
        }
    }

    /// Returns when its interface is free for announcements.
    pub(super) fn pace(&mut self, id: RouterId) -> Option<&mut Pace> {
        let number = self.network(id).ok()?;
        self.networks.get_mut(number).map(|network| &mut network.pace)
    }

    fn set(&mut self, number: usize, id: RouterId, place: u32) {
        let network = self.networks.get_mut(number);
        let slot = network.and_then(|network| network.places.get_mut(usize::from(id.vrid.get())));
        if let Some(slot) = slot {
            *slot = place;
        }
    }

    #[inline]
    fn network(&self, id: RouterId) -> Result<usize, usize> {
        let key = (id.interface, id.family);
        self.networks.binary_search_by_key(&key, |network| (network.interface, network.family))
    }
}
