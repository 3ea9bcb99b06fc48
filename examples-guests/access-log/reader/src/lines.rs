//! The lines of all logs of a folder, in batches.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A line that is longer is cut: it is poison all the same.
const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

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
                if searched - length > MAX_LINE_BYTES {
                    self.skip_line_rest()?;
                } else if !self.read_more()? {
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

    /// Throws away what is left of a line; the next line follows in the buffer.
    fn skip_line_rest(&mut self) -> io::Result<()> {
        let kept = self.buffer.len() - self.start;
        // At the end of a file `read_more` ends the line.
        while self.read_more()? {
            match self.buffer[kept..].iter().position(|byte| *byte == b'\n') {
                Some(position) => {
                    self.buffer.drain(kept..kept + position);
                    return Ok(());
                }
                None => self.buffer.truncate(kept),
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(files: &[(&str, &[u8])]) -> Vec<(u64, usize)> {
        let folder = std::env::temp_dir().join(format!("regrow-lines-{}-{}", std::process::id(), files[0].0));
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        let mut lines = Lines::open(&folder, 1).unwrap();
        let mut read = Vec::new();
        while let Some((number, line)) = lines.next_batch().unwrap() {
            assert_eq!(line.last(), Some(&b'\n'));
            read.push((number, line.len()));
        }
        assert!(lines.at_end());
        fs::remove_dir_all(folder).unwrap();
        read
    }

    #[test]
    fn files_follow_each_other_and_a_missing_line_end_ends_a_line() {
        let read = lines_of(&[("a.log", b"one\n\nthree"), ("b.log", b"four\n"), ("c.txt", b"not a log\n")]);
        assert_eq!(read, [(1, 4), (2, 1), (3, 6), (4, 5)]);
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let mut content = b"first\n".to_vec();
        content.resize(content.len() + 20 * MAX_LINE_BYTES, b'x');
        content.extend_from_slice(b"\nthird\n");
        content.resize(content.len() + 2 * MAX_LINE_BYTES, b'y');
        let read = lines_of(&[("endless.log", &content)]);
        assert_eq!((read[0], read[2]), ((1, 6), (3, 6)));
        assert_eq!(read.len(), 4);
        assert!(read.iter().all(|(_, length)| *length < MAX_LINE_BYTES + 2 * CHUNK_BYTES));
    }
}
