//! File descriptors, which all guests share with the host: the last of them are the host's own, for its control socket,
//! its manifests and its components.

use std::os::fd::{AsFd, AsRawFd};

use regrow_otp::Context;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors that guests leave to the host.
const RESERVE: u64 = 64;

/// Lets this program have as many descriptors as the system allows at most: the usual limit of 1,024 is one of programs
/// that use `select`. What the system refuses stays as it is.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _as_it_was = setrlimit(Resource::Nofile, limit);
}

/// Whether a guest may open one more; that it may not is made known.
pub(super) fn may_take(process: &Context) -> bool {
    let are_left = are_left();
    if !are_left {
        process.denied("handles", "the host has no descriptors left");
    }
    are_left
}

/// Whether there is one for a guest. The system always takes the lowest number that is free: if that one is near the limit,
/// all others are taken.
fn are_left() -> bool {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return true };
    let lowest = std::io::stdin().as_fd().try_clone_to_owned();
    match lowest {
        Ok(lowest) => u64::try_from(lowest.as_raw_fd()).is_ok_and(|lowest| lowest + RESERVE < limit),
        Err(error) => error.raw_os_error() != Some(rustix::io::Errno::MFILE.raw_os_error()),
    }
}
