//! The Combined Log Format of web servers:
//! `host ident user [day/month/year:hour:minute:second zone] "request" status bytes "referer" "agent"`.

use std::fmt;

/// Lines are shorter: a longer one is an attack or a broken file.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Responses are smaller: 1 PiB.
const MAX_RESPONSE_BYTES: u64 = 1 << 50;

/// What is counted of a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The path of the request, without its query.
    pub path: &'a str,
    /// The minute of the request, as `22/Nov/2026:18:04`.
    pub minute: &'a str,
    /// The status, from 100 to 599.
    pub status: u16,
    /// Bytes sent; `-` is none.
    pub bytes: u64,
}

/// Why a line is not in the format.
#[derive(Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is too long.
    TooLong(usize),
    /// It is not UTF-8.
    Encoding,
    /// It ends before this field.
    Missing(&'static str),
    /// This field makes no sense.
    Field(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => write!(f, "{bytes} bytes are too long"),
            Self::Encoding => f.write_str("not UTF-8"),
            Self::Missing(field) => write!(f, "it ends before its {field}"),
            Self::Field(field) => write!(f, "its {field} makes no sense"),
        }
    }
}

/// Parses one line, with or without its line end.
///
/// # Errors
/// [`Malformed`]
pub fn parse(line: &[u8]) -> Result<Record<'_>, Malformed> {
    if line.len() > MAX_LINE_BYTES {
        return Err(Malformed::TooLong(line.len()));
    }
    let line = std::str::from_utf8(line).map_err(|_| Malformed::Encoding)?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);

    let (_host, rest) = word(line, "host")?;
    let (_ident, rest) = word(rest, "ident")?;
    let (_user, rest) = word(rest, "user")?;
    let (time, rest) = enclosed(rest, '[', ']', "time")?;
    let (request, rest) = quoted(rest, "request")?;
    let (status, rest) = word(rest, "status")?;
    let (bytes, rest) = word(rest, "size")?;
    let (_referer, rest) = quoted(rest, "referer")?;
    let (_agent, rest) = quoted(rest, "user agent")?;
    if !rest.is_empty() {
        return Err(Malformed::Field("end"));
    }
    Ok(Record {
        path: path(request)?,
        minute: minute(time)?,
        status: parse_status(status)?,
        bytes: parse_bytes(bytes)?,
    })
}

/// A word up to the next blank, or to the end.
fn word<'a>(text: &'a str, field: &'static str) -> Result<(&'a str, &'a str), Malformed> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    if word.is_empty() { Err(Malformed::Missing(field)) } else { Ok((word, rest)) }
}

fn enclosed<'a>(
    text: &'a str,
    open: char,
    close: char,
    field: &'static str,
) -> Result<(&'a str, &'a str), Malformed> {
    let inside = text.strip_prefix(open).ok_or(Malformed::Missing(field))?;
    let (inside, rest) = inside.split_once(close).ok_or(Malformed::Missing(field))?;
    Ok((inside, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// Text in quotes, in which a backslash protects the next character.
fn quoted<'a>(text: &'a str, field: &'static str) -> Result<(&'a str, &'a str), Malformed> {
    let inside = text.strip_prefix('"').ok_or(Malformed::Missing(field))?;
    let mut protected = false;
    let end = inside.find(|c| {
        let ends = c == '"' && !protected;
        protected = c == '\\' && !protected;
        ends
    });
    let (inside, rest) = inside.split_at(end.ok_or(Malformed::Missing(field))?);
    let rest = &rest[1..];
    Ok((inside, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// `GET /index.html?q HTTP/1.1` → `/index.html`
fn path(request: &str) -> Result<&str, Malformed> {
    let mut words = request.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Malformed::Field("request"));
    };
    let good = !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_uppercase())
        && version.starts_with("HTTP/")
        && !target.is_empty();
    let path = target.split('?').next().unwrap_or(target);
    if good { Ok(path) } else { Err(Malformed::Field("request")) }
}

/// `22/Nov/2026:18:04:59 +0000` → `22/Nov/2026:18:04`
fn minute(time: &str) -> Result<&str, Malformed> {
    let shape = |c: u8| match c {
        b'0'..=b'9' => b'0',
        b'A'..=b'Z' | b'a'..=b'z' => b'a',
        b'+' | b'-' => b'+',
        other => other,
    };
    let good = time.bytes().map(shape).eq(b"00/aaa/0000:00:00:00 +0000".iter().copied());
    if good { Ok(&time[..17]) } else { Err(Malformed::Field("time")) }
}

fn parse_status(text: &str) -> Result<u16, Malformed> {
    let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    let status = text.parse().ok().filter(|status| digits && (100..600).contains(status));
    status.ok_or(Malformed::Field("status"))
}

fn parse_bytes(text: &str) -> Result<u64, Malformed> {
    if text == "-" {
        return Ok(0);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let bytes = text.parse().ok().filter(|bytes| digits && *bytes <= MAX_RESPONSE_BYTES);
    bytes.ok_or(Malformed::Field("size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"203.0.113.7 - frank [22/Nov/2026:18:04:59 +0000] "GET /a/b.html?q=1 HTTP/1.1" 404 2326 "https://example.org/" "Mozilla/5.0 \"quoted\"""#;

    #[test]
    fn a_good_line_gives_what_is_counted() {
        let record = Record { path: "/a/b.html", minute: "22/Nov/2026:18:04", status: 404, bytes: 2326 };
        assert_eq!(parse(GOOD.as_bytes()), Ok(record));
    }

    #[test]
    fn a_dash_is_no_bytes() {
        assert_eq!(parse(GOOD.replace(" 2326 ", " - ").as_bytes()).unwrap().bytes, 0);
    }

    #[test]
    fn each_kind_of_poison_is_named() {
        let poison = |from: &str, to: &str| parse(GOOD.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(parse(&GOOD.as_bytes()[..60]), Err(Malformed::Missing("request")));
        assert_eq!(parse(b"caf\xe9 - -"), Err(Malformed::Encoding));
        assert_eq!(parse(&vec![b'a'; 1 << 20]), Err(Malformed::TooLong(1 << 20)));
        assert_eq!(parse(b""), Err(Malformed::Missing("host")));
        assert_eq!(poison(" 404 ", " 999 "), Malformed::Field("status"));
        assert_eq!(poison(" 404 ", " -40 "), Malformed::Field("status"));
        assert_eq!(poison(" 2326 ", " 99999999999999999999999 "), Malformed::Field("size"));
        assert_eq!(poison("22/Nov", "22/11"), Malformed::Field("time"));
        assert_eq!(poison("GET /a/b.html?q=1 HTTP/1.1", "-"), Malformed::Field("request"));
    }
}
