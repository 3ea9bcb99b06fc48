//! The control socket: how a running node is steered from outside.
//!
//! A Unix socket that only its owner can use. A client writes one [`Request`] as a line of JSON and reads one
//! [`Reply`] as a line of JSON; `logs` with `follow` is answered by one after the other until the client goes. The
//! schema of both is stable: fields and kinds are added, never changed.

mod client;
mod protocol;
mod server;
mod socket;

pub use client::{Client, ClientError};
pub use protocol::{
    Budget, Change, ChangeKind, ChildRow, ErrorKind, Limits, PlanReport, ProcessDetails, ProcessRow, Refused,
    Reply, Request, ResourceUse, SteeringError, TreeNode,
};
pub use server::{Commands, Server};
pub use socket::{SocketError, default_path, find_sockets};
