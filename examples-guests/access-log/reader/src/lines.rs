//! The lines of all logs of a folder, in batches.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A batch of very long lines ends early.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Reads the `*.log` files of a folder, one after another in the order of their names.
pub struct Lines {
    files: VecDeque<PathBuf>,
    file: Option<File>,
    buffer: Vec<u8>,
    /// Up to where the buffer has been handed out.
    start: usize,
    /// The number of the next line.
    line: u64,
    lines_per_batch: usize,
}

impl Lines {
    pub fn open(folder: &Path, lines_per_batch: usize) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                files.push(path);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no *.log file"));
        }
        let lines_per_batch = lines_per_batch.max(1);
        Ok(Self { files: files.into(), file: None, buffer: Vec::new(), start: 0, line: 1, lines_per_batch })
    }

    /// Whether every line has been handed out.
    pub fn at_end(&self) -> bool {
        self.files.is_empty() && self.file.is_none() && self.start == self.buffer.len()
    }

    /// The next lines and the number of the first; none at the end.
    pub fn next_batch(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        let (mut length, mut count, mut searched) = (0, 0, 0);
        while count < self.lines_per_batch && length < MAX_BATCH_BYTES {
            let unread = &self.buffer[self.start + searched..];
            if let Some(position) = unread.iter().position(|byte| *byte == b'\n') {
                searched += position + 1;
                length = searched;
                count += 1;
            } else {
                searched += unread.len();
                if !self.read_more()? {
                    break;
                }
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let lines = self.buffer[self.start..self.start + length].to_vec();
        self.start += length;
        let first = self.line;
        self.line += count as u64;
        Ok(Some((first, lines)))
    }

    /// Appends to the buffer; false when there is nothing left anywhere.
    fn read_more(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.start = 0;
        loop {
            let file = match &mut self.file {
                Some(file) => file,
                None => match self.files.pop_front() {
                    Some(path) => self.file.insert(File::open(path)?),
                    None => return Ok(false),
                },
            };
            let read = file.take(CHUNK_BYTES as u64).read_to_end(&mut self.buffer)?;
            if read > 0 {
                return Ok(true);
            }
            self.file = None;
            // The last line of a file may lack its line end; the next file's first line is another one.
            if self.buffer.last().is_some_and(|byte| *byte != b'\n') {
                self.buffer.push(b'\n');
                return Ok(true);
            }
        }
    }
}
