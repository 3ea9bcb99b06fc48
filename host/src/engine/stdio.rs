//! What a guest prints when it has no grant for the terminal: lines for the log, and the last of them for its
//! crash report.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use regrow_otp::yield_now;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::observe::{GuestLog, Level};

/// The longest line that is kept; what is longer is cut into several.
const MAX_LINE_BYTES: usize = 4096;

/// The log that a guest's output goes to. Clones are the same.
#[derive(Clone)]
pub(super) struct GuestOutput {
    log: Arc<GuestLog>,
    last_error: Arc<Mutex<String>>,
    /// What may still be written in this turn, to all streams together.
    permit: Arc<AtomicUsize>,
}

impl GuestOutput {
    pub(super) fn new(log: Arc<GuestLog>) -> Self {
        Self { log, last_error: Arc::default(), permit: Arc::new(AtomicUsize::new(BURST_BYTES)) }
    }

    pub(super) fn stdout(&self) -> Lines {
        Lines::new(self, Level::Info)
    }

    pub(super) fn stderr(&self) -> Lines {
        Lines::new(self, Level::Warning)
    }

    /// What the guest printed to its standard error last.
    pub(super) fn last_error(&self) -> String {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What may be written before the others have a turn.
const BURST_BYTES: usize = 16 << 10;

/// Cuts a stream of bytes into log events, line by line. What is written costs the host time that the guest does not
/// pay for: now and then its writer has to wait for a turn.
pub(super) struct Lines {
    output: GuestOutput,
    level: Level,
    line: Vec<u8>,
}

impl Lines {
    fn new(output: &GuestOutput, level: Level) -> Self {
        Self { output: output.clone(), level, line: Vec::new() }
    }

    /// What may be written at once.
    fn permit(&self) -> usize {
        self.output.permit.load(Ordering::Relaxed).min(MAX_LINE_BYTES)
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        if self.level == Level::Warning {
            let mut last = self.output.last_error.lock().unwrap_or_else(PoisonError::into_inner);
            *last = text.clone().into_owned();
        }
        self.output.log.write(self.level, "stdio", &text);
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Self::new(&self.output, self.level))
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let permit = self.permit();
        if bytes.len() > permit {
            return Err(StreamError::trap("more was written than `check-write` had permitted"));
        }
        self.output.permit.fetch_sub(bytes.len().min(permit), Ordering::Relaxed);
        for byte in bytes {
            if byte == b'\n' {
                self.end_line();
            } else {
                self.line.push(byte);
                if self.line.len() == MAX_LINE_BYTES {
                    self.end_line();
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(self.permit())
    }
}

/// Ready in the next turn, if this one's bytes are written. Written out, because `async_trait` would be a dependency for this one function.
impl Pollable for Lines {
    fn ready<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async {
            if self.permit() == 0 {
                yield_now().await;
                self.output.permit.store(BURST_BYTES, Ordering::Relaxed);
            }
        })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}
