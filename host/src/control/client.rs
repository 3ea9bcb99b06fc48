//! The client's side of the control socket.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::control::protocol::{Reply, Request, SteeringError, to_line};
use crate::control::server::is_served;
use crate::control::socket::{find_sockets, own_uid};

/// A connection to a node.
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// Why there is no answer, or a bad one.
#[derive(Debug)]
pub enum ClientError {
    /// No node runs, or none of that name.
    NoNode(Option<String>),
    /// Several nodes run; their names.
    Several(Vec<String>),
    /// The socket can't be reached.
    Unreachable(PathBuf, io::Error),
    /// The node has gone, or says something that is not understood.
    Lost(String),
    /// The node refused.
    Refused(SteeringError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode(None) => f.write_str("no node of yours is running; start one with `regrow run`"),
            Self::NoNode(Some(name)) => write!(f, "no node of yours runs {name:?}"),
            Self::Several(names) => {
                write!(
                    f,
                    "several nodes are running: {}; choose one with --node or --socket",
                    names.join(", ")
                )
            }
            Self::Unreachable(path, error) => write!(f, "no node answers at {}: {error}", path.display()),
            Self::Lost(why) => write!(f, "the node has gone: {why}"),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl Client {
    /// Connects to the node whose socket is at `path`.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`]
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).await;
        let unreachable = |error| ClientError::Unreachable(path.to_owned(), error);
        let stream = stream.map_err(unreachable)?;
        // Whoever put a socket there could say anything.
        let (own, peer) = (own_uid().map_err(unreachable)?, stream.peer_cred().map_err(unreachable)?);
        if peer.uid() != own && own != 0 {
            return Err(unreachable(io::Error::other("the node is another user's")));
        }
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Connects to the only node of this user that runs, or to the only one that runs the application `name`.
    ///
    /// # Errors
    /// [`ClientError::NoNode`], [`ClientError::Several`]
    pub async fn find(name: Option<&str>) -> Result<Self, ClientError> {
        let mut live = Vec::new();
        for (application, path) in find_sockets() {
            if name.is_none_or(|name| name == application) && is_served(&path).await {
                live.push((application, path));
            }
        }
        match &live[..] {
            [] => Err(ClientError::NoNode(name.map(str::to_owned))),
            [(_, path)] => Self::connect(path).await,
            several => Err(ClientError::Several(
                several.iter().map(|(name, path)| format!("{name} ({})", path.display())).collect(),
            )),
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Lost`]
    pub async fn ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        let sent = self.send(request).await;
        // A node with too many clients says so, and does not listen.
        match self.next().await {
            Err(ClientError::Lost(_)) if sent.is_err() => sent.and(Ok(Reply::Done)),
            answer => answer,
        }
    }

    /// Asks; the answers come by [`Client::next`].
    ///
    /// # Errors
    /// [`ClientError::Lost`]
    pub async fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        let sent = self.stream.write_all(&to_line(request)).await;
        sent.map_err(|error| ClientError::Lost(error.to_string()))
    }

    /// The next answer.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Lost`]
    pub async fn next(&mut self) -> Result<Reply, ClientError> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line).await;
        match read {
            Ok(0) => return Err(ClientError::Lost("it closed the connection".to_owned())),
            Ok(_) => {}
            Err(error) => return Err(ClientError::Lost(error.to_string())),
        }
        match serde_json::from_slice(&line) {
            Ok(Reply::Error(error)) => Err(ClientError::Refused(error)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(ClientError::Lost(format!("its answer is not understood: {error}"))),
        }
    }
}
