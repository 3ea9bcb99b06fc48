//! Match specifications at work, on encoded rows.

use alloc::{string::ToString, vec::Vec};
use core::cell::Cell;
use core::cmp::Ordering;

use crate::Term;
use crate::encoded::{Encoded, Numbers, View, canonical};
use crate::encoding::encode;
use crate::match_spec::{Clause, Expression, MAX_VARIABLES, MatchSpec, MatchSpecError, Operator, Pattern};

/// The work that is done for one row, in bytes that are looked at or written: a row that takes more is not matched. It is what
/// keeps a few bytes of specification from becoming any amount of work.
pub const MAX_WORK: usize = 16 << 20;

/// What it takes to look at a clause.
const CLAUSE_WORK: usize = 64;

/// A match specification, made ready to be run on many rows.
#[derive(Clone, Debug)]
pub struct Matcher {
    clauses: Vec<ReadyClause>,
}

#[derive(Clone, Debug)]
struct ReadyClause {
    key: ReadyPattern,
    value: ReadyPattern,
    guards: Vec<ReadyExpression>,
    result: ReadyExpression,
}

#[derive(Clone, Debug)]
enum ReadyPattern {
    Any,
    Variable(usize),
    Exactly(Vec<u8>),
    List(Vec<ReadyPattern>),
    Map(Vec<(Vec<u8>, ReadyPattern)>),
}

#[derive(Clone, Debug)]
enum ReadyExpression {
    Term(Vec<u8>),
    Variable(usize),
    Key,
    Value,
    Row,
    List(Vec<ReadyExpression>),
    Map(Vec<(Vec<u8>, ReadyExpression)>),
    Apply(Operator, Vec<ReadyExpression>),
}

impl Matcher {
    /// # Errors
    /// [`MatchSpecError`], if it makes no sense.
    pub fn new(spec: &MatchSpec) -> Result<Self, MatchSpecError> {
        spec.check()?;
        let clauses = spec.0.iter().map(ReadyClause::new).collect::<Result<_, _>>()?;
        Ok(Self { clauses })
    }

    /// The only key that a row can have which matches, if there is one.
    pub fn only_key(&self) -> Option<&[u8]> {
        match self.clauses.as_slice() {
            [ReadyClause { key: ReadyPattern::Exactly(key), .. }] => Some(key),
            _ => None,
        }
    }

    /// Appends what comes of a row, encoded, if it matches; whether it does. Key and value are in the form in which
    /// terms are kept.
    pub fn run(&self, key: &[u8], value: &[u8], result: &mut Vec<u8>) -> bool {
        self.run_counted(key, value, result).0
    }

    /// As [`Matcher::run`], with the work that was done, in bytes that were looked at or written: [`MAX_WORK`] at most, for all clauses
    /// together.
    pub fn run_counted(&self, key: &[u8], value: &[u8], result: &mut Vec<u8>) -> (bool, usize) {
        let left = Cell::new(MAX_WORK);
        let matches = self.run_within(key, value, result, &left);
        (matches, MAX_WORK - left.get())
    }

    fn run_within(&self, key: &[u8], value: &[u8], result: &mut Vec<u8>, left: &Cell<usize>) -> bool {
        let begin = result.len();
        let (key, value) = (Encoded::trusted(key), Encoded::trusted(value));
        for clause in &self.clauses {
            // Each clause costs something, whatever it says.
            left.set(left.get().saturating_sub(CLAUSE_WORK));
            let mut row = Row { key, value, variables: [None; MAX_VARIABLES], left };
            if row.matches(&clause.key, key)
                && row.matches(&clause.value, value)
                && clause.guards.iter().all(|guard| row.evaluate(guard).is_some_and(|value| value.is_true()))
                && row.write(&clause.result, result).is_some()
            {
                return true;
            }
            result.truncate(begin);
        }
        false
    }
}

fn ready_term(term: &Term) -> Result<Vec<u8>, MatchSpecError> {
    let bytes = encode(term).map_err(|error| MatchSpecError::Term(error.to_string()))?;
    canonical(&bytes).map(|bytes| bytes.into_owned()).map_err(|error| MatchSpecError::Term(error.to_string()))
}

impl ReadyClause {
    fn new(clause: &Clause) -> Result<Self, MatchSpecError> {
        Ok(Self {
            key: ReadyPattern::new(&clause.key)?,
            value: ReadyPattern::new(&clause.value)?,
            guards: clause.guards.iter().map(ReadyExpression::new).collect::<Result<_, _>>()?,
            result: ReadyExpression::new(&clause.result)?,
        })
    }
}

impl ReadyPattern {
    fn new(pattern: &Pattern) -> Result<Self, MatchSpecError> {
        Ok(match pattern {
            Pattern::Any => Self::Any,
            Pattern::Variable(number) => Self::Variable(usize::from(*number)),
            Pattern::Term(term) => Self::Exactly(ready_term(term)?),
            Pattern::List(items) => {
                let items: Vec<Self> = items.iter().map(Self::new).collect::<Result<_, _>>()?;
                Self::all_exactly(&items).unwrap_or(Self::List(items))
            }
            Pattern::Map(entries) => {
                let entry = |(key, value): &(Term, Pattern)| Ok((ready_term(key)?, Self::new(value)?));
                Self::Map(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
        })
    }

    /// A list of terms is a term.
    fn all_exactly(items: &[Self]) -> Option<Self> {
        let mut bytes = Vec::new();
        write_head(LIST, items.len() as u64, &mut bytes);
        for item in items {
            let Self::Exactly(term) = item else { return None };
            bytes.extend(term);
        }
        Encoded::check(&bytes)?;
        Some(Self::Exactly(bytes))
    }
}

impl ReadyExpression {
    fn new(expression: &Expression) -> Result<Self, MatchSpecError> {
        let all = |expressions: &[Expression]| expressions.iter().map(Self::new).collect::<Result<_, _>>();
        Ok(match expression {
            Expression::Term(term) => Self::Term(ready_term(term)?),
            Expression::Variable(number) => Self::Variable(usize::from(*number)),
            Expression::Key => Self::Key,
            Expression::Value => Self::Value,
            Expression::Row => Self::Row,
            Expression::List(items) => Self::List(all(items)?),
            Expression::Map(entries) => {
                let entry = |(key, value): &(Term, Expression)| Ok((ready_term(key)?, Self::new(value)?));
                Self::Map(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
            Expression::Apply(operator, operands) => Self::Apply(*operator, all(operands)?),
        })
    }
}

struct Row<'a> {
    key: Encoded<'a>,
    value: Encoded<'a>,
    variables: [Option<Encoded<'a>>; MAX_VARIABLES],
    /// What is left of the work that may be done.
    left: &'a Cell<usize>,
}

/// What an expression gives: a part of the row or of the specification, something new, or what has to be written down to
/// be looked at.
enum Value<'a> {
    Part(Encoded<'a>),
    Bool(bool),
    Integer(i128),
    Float(f64),
    Written(Vec<u8>),
}

impl Value<'_> {
    /// Its bytes, roughly.
    fn len(&self) -> usize {
        match self {
            Self::Part(part) => part.bytes().len(),
            Self::Written(bytes) => bytes.len(),
            Self::Bool(_) | Self::Integer(_) | Self::Float(_) => size_of::<i128>(),
        }
    }

    fn is_true(&self) -> bool {
        self.as_bool() == Some(true)
    }

    fn as_bool(&self) -> Option<bool> {
        match self.view() {
            View::Bool(value) => Some(value),
            _ => None,
        }
    }

    fn view(&self) -> View<'_> {
        match self {
            Self::Part(part) => part.view(),
            Self::Bool(value) => View::Bool(*value),
            Self::Integer(number) => View::Integer(*number),
            Self::Float(number) => View::Float(*number),
            Self::Written(bytes) => Encoded::trusted(bytes).view(),
        }
    }

    fn write(&self, to: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Part(part) => to.extend(part.bytes()),
            Self::Written(bytes) => to.extend(bytes),
            Self::Bool(value) => to.extend(encode(value).ok()?),
            Self::Integer(number) => to.extend(encode(&Term::Integer(*number)).ok()?),
            Self::Float(number) => to.extend(encode(number).ok()?),
        }
        Some(())
    }

    fn compare(&self, other: &Self, numbers: Numbers) -> Option<Ordering> {
        if let (Self::Part(a), Self::Part(b)) = (self, other) {
            return Some(a.compare(*b, numbers));
        }
        let (mut a, mut b) = (Vec::new(), Vec::new());
        self.write(&mut a)?;
        other.write(&mut b)?;
        Some(Encoded::trusted(&a).compare(Encoded::trusted(&b), numbers))
    }
}

impl<'a> Row<'a> {
    /// None if that is too much.
    fn work(&self, bytes: usize) -> Option<()> {
        self.left.set(self.left.get().checked_sub(bytes + 1)?);
        Some(())
    }

    fn matches(&mut self, pattern: &ReadyPattern, term: Encoded<'a>) -> bool {
        match pattern {
            ReadyPattern::Any => true,
            ReadyPattern::Exactly(bytes) => {
                self.work(bytes.len()).is_some() && term.bytes() == bytes.as_slice()
            }
            ReadyPattern::Variable(number) => {
                self.work(term.bytes().len()).is_some()
                    && *self.variables[*number].get_or_insert(term) == term
            }
            ReadyPattern::List(patterns) => {
                let View::List(items) = term.view() else { return false };
                items.left() == patterns.len() as u64
                    && self.work(term.bytes().len()).is_some()
                    && patterns.iter().zip(items).all(|(pattern, item)| self.matches(pattern, item))
            }
            ReadyPattern::Map(entries) => {
                matches!(term.view(), View::Map(_))
                    && entries.iter().all(|(key, pattern)| {
                        if self.work(term.bytes().len()).is_none() {
                            return false;
                        }
                        let value = term.get(Encoded::trusted(key));
                        value.is_some_and(|value| self.matches(pattern, value))
                    })
            }
        }
    }

    /// None if it makes no sense.
    fn evaluate<'s>(&self, expression: &'s ReadyExpression) -> Option<Value<'s>>
    where
        'a: 's,
    {
        self.work(0)?;
        match expression {
            ReadyExpression::Term(bytes) => Some(Value::Part(Encoded::trusted(bytes))),
            ReadyExpression::Variable(number) => self.variables[*number].map(Value::Part),
            ReadyExpression::Key => Some(Value::Part(self.key)),
            ReadyExpression::Value => Some(Value::Part(self.value)),
            ReadyExpression::Row | ReadyExpression::List(_) | ReadyExpression::Map(_) => {
                let mut written = Vec::new();
                self.write(expression, &mut written)?;
                Encoded::check(&written)?;
                Some(Value::Written(written))
            }
            ReadyExpression::Apply(operator, operands) => self.apply(*operator, operands),
        }
    }

    fn write(&self, expression: &ReadyExpression, to: &mut Vec<u8>) -> Option<()> {
        match expression {
            ReadyExpression::Row => {
                self.work(self.key.bytes().len() + self.value.bytes().len())?;
                write_head(LIST, 2, to);
                to.extend(self.key.bytes());
                to.extend(self.value.bytes());
                Some(())
            }
            ReadyExpression::List(items) => {
                write_head(LIST, items.len() as u64, to);
                items.iter().try_for_each(|item| self.write(item, to))
            }
            ReadyExpression::Map(entries) => {
                write_head(MAP, entries.len() as u64, to);
                entries.iter().try_for_each(|(key, value)| {
                    to.extend(key);
                    self.write(value, to)
                })
            }
            _ => {
                let value = self.evaluate(expression)?;
                self.work(value.len())?;
                value.write(to)
            }
        }
    }

    fn apply<'s>(&self, operator: Operator, operands: &'s [ReadyExpression]) -> Option<Value<'s>>
    where
        'a: 's,
    {
        match operator {
            Operator::And | Operator::Or => {
                let decides = operator == Operator::Or;
                for operand in operands {
                    if self.evaluate(operand)?.as_bool()? == decides {
                        return Some(Value::Bool(decides));
                    }
                }
                Some(Value::Bool(!decides))
            }
            _ => match operands {
                [operand] => of_one(operator, &self.evaluate(operand)?),
                [one, other] => {
                    let (one, other) = (self.evaluate(one)?, self.evaluate(other)?);
                    self.work(one.len() + other.len())?;
                    of_two(operator, one, other)
                }
                _ => None,
            },
        }
    }
}

fn of_one<'a>(operator: Operator, operand: &Value<'_>) -> Option<Value<'a>> {
    let view = operand.view();
    Some(match (operator, view) {
        (Operator::Not, View::Bool(value)) => Value::Bool(!value),
        (Operator::Absolute, View::Integer(number)) => integer(number.checked_abs())?,
        (Operator::Absolute, View::Float(number)) => Value::Float(number.abs()),
        (Operator::Length, View::List(items)) => Value::Integer(items.left().into()),
        (Operator::Length, View::Map(entries)) => Value::Integer((entries.left() / 2).into()),
        (Operator::Length, View::Text(text)) => Value::Integer(text.len() as i128),
        (Operator::Length, View::Bytes(bytes)) => Value::Integer(bytes.len() as i128),
        (Operator::IsNull, view) => Value::Bool(matches!(view, View::Null)),
        (Operator::IsBool, view) => Value::Bool(matches!(view, View::Bool(_))),
        (Operator::IsInteger, view) => Value::Bool(matches!(view, View::Integer(_))),
        (Operator::IsFloat, view) => Value::Bool(matches!(view, View::Float(_))),
        (Operator::IsText, view) => Value::Bool(matches!(view, View::Text(_))),
        (Operator::IsBytes, view) => Value::Bool(matches!(view, View::Bytes(_))),
        (Operator::IsList, view) => Value::Bool(matches!(view, View::List(_))),
        (Operator::IsMap, view) => Value::Bool(matches!(view, View::Map(_))),
        _ => return None,
    })
}

fn of_two<'a>(operator: Operator, one: Value<'a>, other: Value<'a>) -> Option<Value<'a>> {
    let order = |numbers| one.compare(&other, numbers);
    Some(Value::Bool(match operator {
        Operator::Equal => order(Numbers::ByValue)?.is_eq(),
        Operator::NotEqual => order(Numbers::ByValue)?.is_ne(),
        Operator::Identical => order(Numbers::Exact)?.is_eq(),
        Operator::NotIdentical => order(Numbers::Exact)?.is_ne(),
        Operator::Less => order(Numbers::ByValue)?.is_lt(),
        Operator::LessOrEqual => order(Numbers::ByValue)?.is_le(),
        Operator::Greater => order(Numbers::ByValue)?.is_gt(),
        Operator::GreaterOrEqual => order(Numbers::ByValue)?.is_ge(),
        Operator::StartsWith => match (one.view(), other.view()) {
            (View::Text(text), View::Text(start)) => text.starts_with(start),
            (View::Bytes(bytes), View::Bytes(start)) => bytes.starts_with(start),
            _ => return None,
        },
        Operator::Get => return get(one, &other),
        _ => return arithmetic(operator, &one, &other),
    }))
}

fn get<'a>(of: Value<'a>, step: &Value<'_>) -> Option<Value<'a>> {
    let mut written = Vec::new();
    step.write(&mut written)?;
    let step = Encoded::trusted(&written);
    match of {
        Value::Part(part) => part.get(step).map(Value::Part),
        Value::Written(bytes) => {
            let found = Encoded::trusted(&bytes).get(step)?;
            Some(Value::Written(found.bytes().to_vec()))
        }
        _ => None,
    }
}

fn arithmetic<'a>(operator: Operator, one: &Value<'_>, other: &Value<'_>) -> Option<Value<'a>> {
    let (one, other) = (one.view(), other.view());
    if let (View::Integer(a), View::Integer(b)) = (&one, &other) {
        let (a, b) = (*a, *b);
        match operator {
            Operator::Add => return integer(a.checked_add(b)),
            Operator::Subtract => return integer(a.checked_sub(b)),
            Operator::Multiply => return integer(a.checked_mul(b)),
            Operator::Quotient => return integer(a.checked_div(b)),
            Operator::Remainder => return integer(a.checked_rem(b)),
            _ => {}
        }
    }
    let (a, b) = (as_float(&one)?, as_float(&other)?);
    let result = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        _ => return None,
    };
    result.is_finite().then_some(Value::Float(result))
}

fn as_float(view: &View<'_>) -> Option<f64> {
    match view {
        View::Integer(number) => Some(*number as f64),
        View::Float(number) => Some(*number),
        _ => None,
    }
}

/// An integer, if it has an encoding.
fn integer<'a>(number: Option<i128>) -> Option<Value<'a>> {
    number.filter(|number| (-(1 << 64)..1 << 64).contains(number)).map(Value::Integer)
}

const LIST: u8 = 4;
const MAP: u8 = 5;

/// The head of a list or map (RFC 8949, section 3).
fn write_head(major: u8, argument: u64, to: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..24 => to.push(major | argument as u8),
        24..0x100 => to.extend([major | 24, argument as u8]),
        0x100..0x1_0000 => {
            to.push(major | 25);
            to.extend((argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            to.push(major | 26);
            to.extend((argument as u32).to_be_bytes());
        }
        _ => {
            to.push(major | 27);
            to.extend(argument.to_be_bytes());
        }
    }
}
