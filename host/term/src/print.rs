use core::fmt::{self, Display, Formatter, Write};

use crate::Term;

/// Prints CBOR's diagnostic notation (RFC 8949, section 8), with control characters escaped, so that a
/// term of unknown origin can go to a terminal.
impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => write_text(f, text),
            Self::Bytes(bytes) => write_bytes(f, bytes),
            Self::List(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_char(']')
            }
            Self::Map(pairs) => {
                f.write_char('{')?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_char('}')
            }
        }
    }
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

fn write_bytes(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("h'")?;
    for byte in bytes {
        write!(f, "{byte:02x}")?;
    }
    f.write_char('\'')
}

/// A term printed up to a number of characters, then `…`: for logs, where a term may be of any size.
pub struct Preview<'a> {
    term: &'a Term,
    max_chars: usize,
}

impl Term {
    /// This term, printed up to `max_chars` characters.
    pub fn preview(&self, max_chars: usize) -> Preview<'_> {
        Preview { term: self, max_chars }
    }
}

impl Display for Preview<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut limited = Limited { out: f, left: self.max_chars, failed: false };
        match write!(limited, "{}", self.term) {
            Err(fmt::Error) if limited.failed => Err(fmt::Error),
            Err(fmt::Error) => f.write_char('…'),
            Ok(()) => Ok(()),
        }
    }
}

/// Stops the printing when its characters are used up, by an error that [`Preview`] turns into `…`.
struct Limited<'a, 'b> {
    out: &'a mut Formatter<'b>,
    left: usize,
    failed: bool,
}

impl Write for Limited<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.char_indices().nth(self.left).map_or(text.len(), |(index, _)| index);
        if self.out.write_str(&text[..end]).is_err() {
            self.failed = true;
            return Err(fmt::Error);
        }
        self.left -= text[..end].chars().count();
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
