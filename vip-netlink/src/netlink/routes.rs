//! Routes: listed, added, removed, and found again after a crash.

use std::collections::BTreeMap;

use nix::libc;

use super::{Batch, Change, Netlink, Owner, batch::Request};
use crate::{
    address::Family,
    error::{Cause, Error, Failure, Operation},
    route::{Addition, Installed, Route, Table},
};

impl Netlink {
    /// Lists the routes of this [`owner`](Self::owner) in all tables, those of IPv4 first (`RTM_GETROUTE`). Needs no privilege.
    ///
    /// # Errors
    ///
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging), after some attempts.
    pub fn routes(&mut self) -> Result<Vec<Route>, Error> {
        let mut routes = Vec::new();
        for family in [Family::V4, Family::V6] {
            let listed = self.list_routes(family, Wanted::Of(self.owner));
            routes.extend(listed.map_err(|failure| Operation::ListRoutes.failed(failure))?);
        }
        Ok(routes.into_iter().map(|installed| installed.route).collect())
    }

    /// Adds a route (`RTM_NEWROUTE`), with the mark of this [`owner`](Self::owner) (`rtm_protocol`). Needs `CAP_NET_ADMIN`.
    ///
    /// Adding what is there changes nothing and is [`Change::AlreadySo`], whoever put it there. Where the owner has another
    /// route in its place, this one takes it, without a moment in between, and without the next hops that somebody may have
    /// appended to it over IPv6; where somebody else has a route, it is an error.
    ///
    /// A route holds as long as its interface is up and, over IPv4, as long as its [`source`](Route::source) is there: then the
    /// kernel removes it, over IPv4 without telling anybody, and does not bring it back. So add it again when the interface
    /// comes up, and after the address.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted); [`Taken`](crate::ErrorKind::Taken) where another program's route,
    /// which the error names, is in its place; [`Unsuitable`](crate::ErrorKind::Unsuitable) where the source is no address
    /// of this host, and where IPv6 is disabled on the interface;
    /// [`NoWayToGateway`](crate::ErrorKind::NoWayToGateway), [`InterfaceDown`](crate::ErrorKind::InterfaceDown),
    /// [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface).
    pub fn add_route(&mut self, route: &Route) -> Result<Change, Error> {
        self.carry_out_one(Request::AddRoute(Box::new(route.clone())))
    }

    /// Removes a route (`RTM_DELROUTE`), if this [`owner`](Self::owner) put it there. Needs `CAP_NET_ADMIN` if it is there.
    ///
    /// Removing what is not there changes nothing and is [`Change::AlreadySo`]: another owner's, or one that differs in anything
    /// that was asked for.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted); as [`routes`](Self::routes).
    pub fn remove_route(&mut self, route: &Route) -> Result<Change, Error> {
        self.carry_out_one(Request::RemoveRoute(Box::new(route.clone())))
    }

    /// Takes over the routes that a predecessor with the same [`owner`](Self::owner) left behind, in whatever table: keeps those
    /// that are still wanted, without interruption, and removes the others. Returns those it keeps. Needs `CAP_NET_ADMIN` if
    /// there is something to remove.
    ///
    /// ```no_run
    /// # use vip_netlink::{Netlink, Route};
    /// # fn take_over(netlink: &mut Netlink, configured: &[Route]) -> Result<(), vip_netlink::Error> {
    /// netlink.adopt_routes(|left| configured.iter().any(|route| route.is_met_by(left)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`routes`](Self::routes) and [`remove_route`](Self::remove_route); the first of them, after all was tried.
    pub fn adopt_routes(&mut self, mut is_wanted: impl FnMut(&Route) -> bool) -> Result<Vec<Route>, Error> {
        let (kept, stale): (Vec<_>, Vec<_>) = self.routes()?.into_iter().partition(|route| is_wanted(route));
        let mut batch = Batch::new();
        for route in &stale {
            batch.remove_route(route);
        }
        self.carry_out(&batch).into_iter().try_for_each(|result| result.map(drop))?;
        Ok(kept)
    }

    /// Removes routes that are there.
    ///
    /// The kernel would take the first that has what the request says, and a metric of 0 says nothing: so it is asked what there
    /// is, and told to remove just that.
    pub(super) fn remove_routes(&mut self, requests: &[Request]) -> Vec<Result<Change, Failure>> {
        let mut there = BTreeMap::new();
        let found: Vec<_> = requests
            .iter()
            .map(|request| {
                let Request::RemoveRoute(route) = request else { return Ok(None) };
                let wanted = Wanted::Of(self.owner);
                let list =
                    there.entry(route.family()).or_insert_with(|| self.list_routes(route.family(), wanted));
                let list = list.as_mut().map_err(|failure| failure.clone())?;
                let is_it = |one: &Installed| **route == one.route || route.is_met_by(&one.route);
                if let Some(place) = list.iter().position(is_it) {
                    return Ok(Some(list.remove(place).route));
                }
                let has_it = list.iter().any(|one| route.is_part_of(&one.route));
                Ok(has_it.then(|| (**route).clone()))
            })
            .collect();
        let to_go: Vec<_> = found.iter().flatten().flatten().collect();
        let owner = self.owner;
        let mut outcomes = self
            .socket
            .batch(to_go.len(), |index, envelope| {
                if let Some(route) = to_go.get(index) {
                    route.write_remove(envelope, owner);
                }
            })
            .into_iter();
        let mut conclude = |(request, found): (&Request, &Result<Option<Route>, Failure>)| match found {
            Ok(Some(_)) => outcomes.next().map_or(Ok(Change::AlreadySo), |outcome| request.change(outcome)),
            Ok(None) => Ok(Change::AlreadySo),
            Err(failure) => Err(failure.clone()),
        };
        requests.iter().zip(&found).map(&mut conclude).collect()
    }

    /// Looks after routes that were there already: their place may be taken by others.
    pub(super) fn settle_routes(&mut self, requests: &[Request], results: &mut [Result<Change, Failure>]) {
        let mut there = BTreeMap::new();
        for (request, result) in requests.iter().zip(results) {
            let Request::AddRoute(route) = request else { continue };
            if matches!(result, Ok(Change::AlreadySo)) {
                let key = (route.family(), route.table());
                let list =
                    there.entry(key).or_insert_with(|| self.list_routes(key.0, Wanted::In(route.table())));
                *result = match list {
                    Ok(list) => self.settle_route(route, list),
                    Err(failure) => Err(failure.clone()),
                };
            }
        }
    }

    fn settle_route(&mut self, route: &Route, list: &mut Vec<Installed>) -> Result<Change, Failure> {
        let owner = self.owner;
        let in_place: Vec<_> = list.iter().filter(|one| route.has_place_of(&one.route)).collect();
        if in_place.iter().any(|one| route.is_met_by(&one.route)) {
            return Ok(Change::AlreadySo);
        }
        if let Some(foreign) = in_place.iter().find(|one| one.protocol != owner.get()) {
            let Installed { route, protocol } = (*foreign).clone();
            return Err(Cause::RouteTaken { route: Box::new(route), protocol }.into());
        }
        // It may have gone meanwhile.
        let addition = if in_place.is_empty() { Addition::New } else { Addition::Replacing };
        self.socket.request(|envelope| route.write_add(envelope, owner, addition), |_, _| Ok(()))?;
        list.retain(|one| !route.has_place_of(&one.route));
        list.push(Installed { route: route.clone(), protocol: owner.get() });
        Ok(Change::Made)
    }

    /// Lists routes. The kernel filters them, if it is not too old (4.20); in any case they are filtered here.
    fn list_routes(&mut self, family: Family, wanted: Wanted) -> Result<Vec<Installed>, Failure> {
        let (table, protocol) = match wanted {
            Wanted::In(table) => (Some(table), 0),
            Wanted::Of(owner) => (None, owner.get()),
        };
        let routes = self.socket.dump(
            |envelope| {
                envelope.message(libc::RTM_GETROUTE, 0, |payload| {
                    payload.header([family.number(), 0, 0, 0]).header([0, protocol, 0, 0]).header([0; 4]);
                    if let Some(table) = table {
                        payload.number(libc::RTA_TABLE, table.get());
                    }
                });
            },
            |kind, payload| {
                let parse = || Installed::parse(payload);
                let installed = (kind == libc::RTM_NEWROUTE).then(parse).transpose()?.flatten();
                Ok(installed.filter(|one| one.route.family() == family && wanted.is_met_by(one)))
            },
        );
        match routes {
            // There is no such table.
            Err(failure) if table.is_some() && failure.is(libc::ENOENT) => Ok(Vec::new()),
            routes => Ok(routes?),
        }
    }
}

/// Which routes to list.
#[derive(Copy, Clone, Debug)]
enum Wanted {
    In(Table),
    Of(Owner),
}

impl Wanted {
    fn is_met_by(self, installed: &Installed) -> bool {
        match self {
            Self::In(table) => installed.route.table() == table,
            Self::Of(owner) => installed.protocol == owner.get(),
        }
    }
}
