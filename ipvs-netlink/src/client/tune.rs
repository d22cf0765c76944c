use kernel_netlink::Malformed;

use super::Ipvs;
use crate::{
    error::{Error, Operation},
    info::{Info, Timeouts},
    message::{Object, Request},
};

impl Ipvs {
    /// Returns for how long connections without packets are remembered.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn timeouts(&mut self) -> Result<Timeouts, Error> {
        let mut timeouts = None;
        let answer = self.ask(&Request::GetTimeouts, |object| {
            if let Object::Timeouts(read) = object {
                timeouts = Some(read);
            }
        });
        answer
            .and_then(|()| timeouts.ok_or(Malformed.into()))
            .map_err(|cause| Error::new(Operation::ReadTimeouts, cause))
    }

    /// Sets for how long connections without packets are remembered; what is not set is left as it is. Connections have the
    /// new time from their next packet on.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), Error> {
        self.tell(&Request::SetTimeouts(timeouts)).map_err(|cause| Error::new(Operation::SetTimeouts, cause))
    }

    /// Returns which IPVS it is.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn info(&mut self) -> Result<Info, Error> {
        let mut info = None;
        let answer = self.ask(&Request::GetInfo, |object| {
            if let Object::Info(read) = object {
                info = Some(read);
            }
        });
        answer
            .and_then(|()| info.ok_or(Malformed.into()))
            .map_err(|cause| Error::new(Operation::ReadInfo, cause))
    }
}
