//! Terms that stay encoded: read, compared and matched where they are, without building a [`Term`].

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use core::cmp::Ordering;

use crate::Term;
use crate::encoding::{DecodeError, decode, encode};
use crate::order::compare_mixed;

/// How deep lists and maps may be nested in a term that is kept.
pub const MAX_DEPTH: usize = 64;

/// One term in the one form in which terms are kept: lengths are definite, integers as short as they can be, no tags. So
/// equal bytes are equal terms, and different bytes different ones. (A float of 32 bits is another term than one of 64.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Encoded<'a>(&'a [u8]);

/// How numbers of different kinds compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// `1` is not `1.0` and comes before it (Erlang's `=:=`).
    Exact,
    /// They are equal (Erlang's `==`).
    ByValue,
}

/// The outermost layer of a term.
#[derive(Clone, Debug)]
pub enum View<'a> {
    /// The absence of a value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A floating-point number.
    Float(f64),
    /// UTF-8 text.
    Text(&'a str),
    /// Opaque bytes.
    Bytes(&'a [u8]),
    /// Its items.
    List(Items<'a>),
    /// Its keys and values, in turns.
    Map(Items<'a>),
}

/// The items of a list, or the keys and values of a map.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
    left: u64,
}

impl Items<'_> {
    /// How many are left.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Encoded<'a>;

    fn next(&mut self) -> Option<Encoded<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (item, rest) = self.rest.split_at(len_of_first(self.rest)?);
        self.rest = rest;
        Some(Encoded(item))
    }
}

/// Terms of so many bytes are rewritten, if they are in another form: it takes many times as much memory.
pub const MAX_REWRITTEN: usize = 64 << 10;

/// Bytes that hold one term, in the form in which terms are kept. What is in another form is rewritten, if it is no larger than
/// [`MAX_REWRITTEN`].
///
/// # Errors
/// [`DecodeError`] for bytes that aren't one term, or one that is nested deeper than [`MAX_DEPTH`].
pub fn canonical(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeError> {
    if Encoded::check(bytes).is_some() {
        return Ok(Cow::Borrowed(bytes));
    }
    if bytes.len() > MAX_REWRITTEN {
        let why = format!("more than {MAX_REWRITTEN} bytes must be in canonical form, and these are not");
        return Err(DecodeError::new(why));
    }
    let again = encode(&decode::<Term>(bytes)?).map_err(|error| DecodeError::new(error.to_string()))?;
    match Encoded::check(&again) {
        Some(_) => Ok(Cow::Owned(again)),
        None => Err(DecodeError::new("it is nested too deeply".to_string())),
    }
}

impl<'a> Encoded<'a> {
    /// The term, if the bytes are one, in the form in which terms are kept.
    pub fn check(bytes: &'a [u8]) -> Option<Self> {
        // How many items are still to come of each list or map that is open.
        let mut open = [0u64; MAX_DEPTH];
        let mut depth = 0;
        let mut rest = bytes;
        loop {
            let head = Head::of(rest)?;
            let (content, after) = head.content(rest)?;
            if head.major == TEXT && core::str::from_utf8(content).is_err() {
                return None;
            }
            rest = after;
            match head.items()? {
                0 => {}
                items => {
                    *open.get_mut(depth)? = items;
                    depth += 1;
                    continue;
                }
            }
            // An item has ended, and with it the lists whose last one it was.
            loop {
                let Some(last) = depth.checked_sub(1) else {
                    return rest.is_empty().then_some(Self(bytes));
                };
                open[last] -= 1;
                if open[last] > 0 {
                    break;
                }
                depth = last;
            }
        }
    }

    /// Bytes that [`canonical`] gave, or that were taken from them.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        debug_assert!(Self::check(bytes).is_some());
        Self(bytes)
    }

    /// As they are.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its outermost layer.
    pub fn view(self) -> View<'a> {
        let Some(head) = Head::of(self.0) else { return View::Null };
        let (content, rest) = head.content(self.0).unwrap_or_default();
        match head.major {
            UNSIGNED | NEGATIVE => View::Integer(head.integer()),
            BYTES => View::Bytes(content),
            TEXT => View::Text(core::str::from_utf8(content).unwrap_or_default()),
            LIST => View::List(Items { rest, left: head.argument }),
            MAP => View::Map(Items { rest, left: head.argument * 2 }),
            _ => match head.simple {
                FALSE | TRUE => View::Bool(head.simple == TRUE),
                FLOAT_32 | FLOAT_64 => View::Float(head.float()),
                _ => View::Null,
            },
        }
    }

    /// The order of terms, as [`Term`] has it.
    pub fn compare(self, other: Self, numbers: Numbers) -> Ordering {
        let (mut a, mut b) = (self.0, other.0);
        compare_first(&mut a, &mut b, numbers)
    }

    /// The value under a key of a map, or at an index of a list, counted from 0.
    pub fn get(self, step: Encoded<'_>) -> Option<Self> {
        match self.view() {
            View::List(mut items) => match step.view() {
                View::Integer(index) => items.nth(usize::try_from(index).ok()?),
                _ => None,
            },
            View::Map(mut items) => {
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    if key == step {
                        return Some(value);
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// The term.
    pub fn to_term(self) -> Term {
        decode(self.0).unwrap_or(Term::Null)
    }
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;
const FALSE: u8 = 20;
const TRUE: u8 = 21;
const NULL: u8 = 22;
const FLOAT_32: u8 = 26;
const FLOAT_64: u8 = 27;

/// The beginning of an item (RFC 8949, section 3).
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    /// The low five bits of the first byte.
    simple: u8,
    argument: u64,
    len: usize,
}

impl Head {
    /// None if it is cut off, or not in the form in which terms are kept.
    fn of(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let (major, simple) = (first >> 5, first & 31);
        let (argument, len, least) = match simple {
            0..24 => (u64::from(simple), 1, 0),
            24 => (u64::from(*bytes.get(1)?), 2, 24),
            25 => (u64::from(u16::from_be_bytes(*bytes.get(1..3)?.first_chunk()?)), 3, 1 << 8),
            26 => (u64::from(u32::from_be_bytes(*bytes.get(1..5)?.first_chunk()?)), 5, 1 << 16),
            27 => (u64::from_be_bytes(*bytes.get(1..9)?.first_chunk()?), 9, 1 << 32),
            _ => return None,
        };
        let kept = match major {
            SIMPLE => matches!(simple, FALSE | TRUE | NULL | FLOAT_32 | FLOAT_64),
            UNSIGNED..=MAP => argument >= least,
            _ => false,
        };
        kept.then_some(Self { major, simple, argument, len })
    }

    /// What follows it and belongs to it, and what comes then. The items of a list or map come then.
    fn content<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let after = bytes.get(self.len..)?;
        match self.major {
            BYTES | TEXT => after.split_at_checked(usize::try_from(self.argument).ok()?),
            _ => Some((&[], after)),
        }
    }

    /// How many items it has.
    fn items(&self) -> Option<u64> {
        match self.major {
            LIST => Some(self.argument),
            MAP => self.argument.checked_mul(2),
            _ => Some(0),
        }
    }

    fn integer(&self) -> i128 {
        let argument = i128::from(self.argument);
        if self.major == NEGATIVE { -1 - argument } else { argument }
    }

    fn float(&self) -> f64 {
        match self.simple {
            FLOAT_32 => f32::from_bits(self.argument as u32).into(),
            _ => f64::from_bits(self.argument),
        }
    }

    fn is_float(&self) -> bool {
        self.major == SIMPLE && self.simple >= FLOAT_32
    }

    /// The place of its kind in the order of terms, as [`Term`] has it.
    fn rank(&self) -> u8 {
        match self.major {
            SIMPLE if self.is_float() => NUMBER,
            UNSIGNED | NEGATIVE => NUMBER,
            SIMPLE => 1 + u8::from(self.simple != NULL),
            MAP => 3,
            LIST => 4,
            TEXT => 5,
            _ => 6,
        }
    }
}

/// The length of the first item.
fn len_of_first(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut pending = 1u64;
    while pending > 0 {
        let head = Head::of(rest)?;
        rest = head.content(rest)?.1;
        pending = (pending - 1).checked_add(head.items()?)?;
    }
    Some(bytes.len() - rest.len())
}

/// The place of numbers in the order of terms.
const NUMBER: u8 = 0;

/// Compares the first items, and takes them off if they are equal.
fn compare_first(a: &mut &[u8], b: &mut &[u8], numbers: Numbers) -> Ordering {
    let (Some(head_a), Some(head_b)) = (Head::of(a), Head::of(b)) else { return a.len().cmp(&b.len()) };
    let (content_a, rest_a) = head_a.content(a).unwrap_or_default();
    let (content_b, rest_b) = head_b.content(b).unwrap_or_default();
    (*a, *b) = (rest_a, rest_b);
    let rank = head_a.rank();
    if rank != head_b.rank() {
        return rank.cmp(&head_b.rank());
    }
    match head_a.major {
        TEXT | BYTES => content_a.cmp(content_b),
        LIST | MAP => {
            let (items_a, items_b) = (head_a.items().unwrap_or(0), head_b.items().unwrap_or(0));
            if head_a.major == MAP && items_a != items_b {
                return items_a.cmp(&items_b);
            }
            for _ in 0..items_a.min(items_b) {
                let order = compare_first(a, b, numbers);
                if order != Ordering::Equal {
                    return order;
                }
            }
            items_a.cmp(&items_b)
        }
        _ if rank == NUMBER => compare_numbers(&head_a, &head_b, numbers),
        _ => head_a.simple.cmp(&head_b.simple),
    }
}

fn compare_numbers(a: &Head, b: &Head, numbers: Numbers) -> Ordering {
    let exact = numbers == Numbers::Exact;
    match (a.is_float(), b.is_float()) {
        (false, false) => a.integer().cmp(&b.integer()),
        (true, true) => {
            let kinds = if exact { a.simple.cmp(&b.simple) } else { Ordering::Equal };
            by_value(a.float(), b.float(), exact).then(kinds)
        }
        (false, true) => compare_mixed(a.integer(), b.float(), exact),
        (true, false) => compare_mixed(b.integer(), a.float(), exact).reverse(),
    }
}

/// Exact: `-0.0` is not `0.0` (as in OTP 27).
fn by_value(a: f64, b: f64, exact: bool) -> Ordering {
    if !exact && a == b { Ordering::Equal } else { a.total_cmp(&b) }
}
