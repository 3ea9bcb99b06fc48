//! What stands between the log and whoever reads it: a thread that may be held up, so that nobody else is.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines that wait to be written, at most, and their bytes; more are dropped and counted.
const MAX_LINES: usize = 4_096;
const MAX_BYTES: usize = 8 << 20;

/// Lines on their way out. Clones are the same queue.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Lines that had no room since the last that had.
    dropped: u64,
    is_writing: bool,
    is_closed: bool,
}

impl State {
    fn push(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    fn tell_dropped(&mut self) {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let notice = format!("regrow: {dropped} events of the log were dropped: it is read too slowly\n");
            self.push(notice.into_bytes());
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut out: Box<dyn Write + Send>) {
        let mut state = self.state();
        loop {
            state.is_writing = false;
            self.changed.notify_all();
            let waits = |state: &mut State| state.lines.is_empty() && !state.is_closed;
            state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
            let Some(line) = state.lines.pop_front() else { return };
            state.bytes -= line.len();
            if state.lines.is_empty() {
                state.tell_dropped();
            }
            state.is_writing = true;
            drop(state);
            // There is nobody to tell that the log can't be written.
            let _ = out.write_all(&line).and_then(|()| out.flush());
            state = self.state();
        }
    }
}

impl Queue {
    /// A queue to `out`, which a thread of its own writes to.
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        let shared = Arc::new(Shared::default());
        let writer = shared.clone();
        let thread = std::thread::Builder::new().name("log".to_owned());
        if thread.spawn(move || writer.write_all(out)).is_err() {
            // Without a thread there is no log: each line finds the queue closed.
            shared.state().is_closed = true;
        }
        Self(shared)
    }

    /// Waits until everything has been written, or for so long.
    pub(super) fn wait_until_written(&self, timeout: Duration) {
        let waits = |state: &mut State| !state.lines.is_empty() || state.is_writing;
        let _ = self.0.changed.wait_timeout_while(self.0.state(), timeout, waits);
    }
}

/// Each write is a line, and never waits.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut state = self.0.state();
        let is_full = state.lines.len() >= MAX_LINES || state.bytes + line.len() > MAX_BYTES;
        if is_full || state.is_closed {
            state.dropped += 1;
            return Ok(line.len());
        }
        state.tell_dropped();
        state.push(line.to_owned());
        self.0.changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Writes only what it is let.
    struct Slow {
        lets: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.lets.recv();
            let _ = self.written.send(bytes.to_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stops_reading_holds_nobody_up_and_hears_what_it_missed() {
        let ((go, lets), (written, read)) = (channel(), channel());
        let mut queue = Queue::new(Box::new(Slow { lets, written }));
        for number in 0..MAX_LINES + 10 {
            queue.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        queue.wait_until_written(Duration::from_millis(1));
        drop(go);
        queue.wait_until_written(Duration::from_secs(60));
        queue.write_all(b"last\n").unwrap();
        queue.wait_until_written(Duration::from_secs(60));
        let lines: Vec<_> = read.try_iter().map(|line| String::from_utf8(line).unwrap()).collect();
        assert_eq!(lines[0], "0\n");
        let [.., notice, last] = &lines[..] else { panic!("{lines:?}") };
        let dropped: usize = notice.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!((lines.len() - 2 + dropped, last.as_str()), (MAX_LINES + 10, "last\n"));
        assert!((9..=10).contains(&dropped), "one line may have been on its way: {dropped}");
    }
}
