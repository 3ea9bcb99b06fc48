use core::cmp::Ordering;

use crate::Term;

/// The total order of terms, as Erlang's: number < null < bool < map < list < text < bytes. Of two maps the smaller one comes
/// first.
///
/// Numbers compare by value whatever their kind; where an integer equals a float, the integer comes
/// first, so that equality stays exact (`1` is not `1.0`), as Erlang's `=:=`.
impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Integer(a), Self::Float(b)) => compare_mixed(*a, *b, true),
            (Self::Float(a), Self::Integer(b)) => compare_mixed(*b, *a, true).reverse(),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            (Self::Map(a), Self::Map(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Term {}

fn rank(term: &Term) -> u8 {
    match term {
        Term::Integer(_) | Term::Float(_) => 0,
        Term::Null => 1,
        Term::Bool(_) => 2,
        Term::Map(_) => 3,
        Term::List(_) => 4,
        Term::Text(_) => 5,
        Term::Bytes(_) => 6,
    }
}

/// Compares, where they are equal the integer first if that is to be `exact`; without rounding the integer: its range (±2⁶⁴) is far inside that of `i128`, so a float
/// outside `i128` lies beyond every integer, and one inside has an exact whole part.
pub(crate) fn compare_mixed(integer: i128, float: f64, exact: bool) -> Ordering {
    if float.is_nan() {
        return if float.is_sign_negative() { Ordering::Greater } else { Ordering::Less };
    }
    let whole = float as i128;
    integer.cmp(&whole).then_with(|| {
        let fraction = float - whole as f64;
        if fraction == 0.0 && !exact {
            Ordering::Equal
        } else if fraction < 0.0 {
            Ordering::Greater
        } else {
            Ordering::Less
        }
    })
}
