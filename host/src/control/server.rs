//! The node's side of the control socket.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast};
use tokio::time::timeout;

use crate::control::protocol::{ErrorKind, Reply, Request, SteeringError, to_line};
use crate::control::socket::{SocketError, own_uid};

/// Clients at once; more are told to come back.
const MAX_CLIENTS: usize = 64;

/// The longest request, in bytes.
const MAX_REQUEST_BYTES: u64 = 64 << 10;

/// How long a client may say nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a client may take to read an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a node does for its clients.
pub trait Commands: Send + Sync + 'static {
    /// Carries out a request that is no `logs`. It goes on even if the client has gone.
    fn run(&self, request: Request) -> Pin<Box<dyn Future<Output = Reply> + Send>>;

    /// The last `lines` lines of the log, and those that are to come.
    fn log(&self, lines: usize) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>);
}

/// A control socket that is being served. Dropping it removes the socket.
pub struct Server {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Opens the socket at `path` and serves it on the calling thread's runtime. A socket that a dead node has left
    /// there is replaced.
    ///
    /// # Errors
    /// [`SocketError`]
    pub fn open(path: &Path, commands: Arc<dyn Commands>) -> Result<Self, SocketError> {
        let wrong = |error: std::io::Error| SocketError::new(path, error.to_string());
        let own = own_uid().map_err(wrong)?;
        if fs::symlink_metadata(path).is_ok() {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(SocketError::new(path, "another node has it"));
            }
            let is_socket = fs::symlink_metadata(path)
                .is_ok_and(|there| std::os::unix::fs::FileTypeExt::is_socket(&there.file_type()));
            if !is_socket {
                return Err(SocketError::new(path, "a file is there that is no socket"));
            }
            fs::remove_file(path).map_err(wrong)?;
        }
        let listener = UnixListener::bind(path).map_err(wrong)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        let task = tokio::spawn(serve(listener, own, commands));
        Ok(Self { path: path.to_owned(), task })
    }

    /// Where the socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, own: u32, commands: Arc<dyn Commands>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, say: that passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Whatever the file's permissions: the owner, and root, which could do everything anyway.
        let allowed = stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0);
        let place = places.clone().try_acquire_owned();
        let commands = commands.clone();
        tokio::spawn(async move {
            let (reader, mut writer) = stream.into_split();
            match place {
                Ok(_place) if allowed => {
                    // What goes wrong with a client is the client's affair.
                    let _ = serve_client(reader, &mut writer, commands).await;
                }
                _ => {
                    let busy =
                        SteeringError::new(ErrorKind::Busy, "the node has too many clients, try again");
                    let _ = write(&mut writer, &Reply::Error(busy)).await;
                }
            }
        });
    }
}

async fn serve_client(
    reader: OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
    commands: Arc<dyn Commands>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut reader).take(MAX_REQUEST_BYTES);
        let read = timeout(IDLE_TIMEOUT, limited.read_until(b'\n', &mut line)).await;
        let read = read.map_err(|_| std::io::ErrorKind::TimedOut)??;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            let message = format!("a request is a line of at most {MAX_REQUEST_BYTES} bytes");
            return write(writer, &Reply::Error(SteeringError::new(ErrorKind::BadRequest, message))).await;
        }
        let reply = match serde_json::from_slice(&line) {
            Ok(Request::Logs { lines, follow }) => {
                log(&mut reader, writer, &*commands, lines, follow).await?;
                Reply::Done
            }
            Ok(request) => {
                // It goes on even if the client goes, but does not take a client's place any more.
                let mut running = tokio::spawn(commands.run(request));
                tokio::select! {
                    done = &mut running => done.unwrap_or_else(|error| {
                        Reply::Error(SteeringError::new(ErrorKind::Failed, error.to_string()))
                    }),
                    () = gone(&mut reader) => return Ok(()),
                }
            }
            Err(error) => {
                let message = format!("the request is not understood: {error}");
                Reply::Error(SteeringError::new(ErrorKind::BadRequest, message))
            }
        };
        write(writer, &reply).await?;
    }
}

/// Waits until the client has gone.
async fn gone(reader: &mut BufReader<OwnedReadHalf>) {
    // What it says meanwhile is read when it has its answer; then it is not looked whether it is still there.
    if matches!(reader.fill_buf().await, Ok(said) if !said.is_empty()) {
        std::future::pending::<()>().await;
    }
}

async fn log(
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
    commands: &dyn Commands,
    lines: usize,
    follow: bool,
) -> std::io::Result<()> {
    let (last, mut more) = commands.log(lines);
    for line in last {
        write(writer, &Reply::Log(line.to_string())).await?;
    }
    if !follow {
        return Ok(());
    }
    loop {
        let line = tokio::select! {
            line = more.recv() => line,
            // A client that says something more, or goes, has enough.
            _ = reader.fill_buf() => return Ok(()),
        };
        let line = match line {
            Ok(line) => line.to_string(),
            Err(broadcast::error::RecvError::Lagged(lost)) => format!("… {lost} lines were lost"),
            Err(broadcast::error::RecvError::Closed) => return Ok(()),
        };
        write(writer, &Reply::Log(line)).await?;
    }
}

async fn write(writer: &mut OwnedWriteHalf, reply: &Reply) -> std::io::Result<()> {
    match timeout(WRITE_TIMEOUT, writer.write_all(&to_line(reply))).await {
        Ok(written) => written,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
    }
}

/// Whether somebody serves the socket at `path`.
pub(super) async fn is_served(path: &Path) -> bool {
    UnixStream::connect(path).await.is_ok()
}
