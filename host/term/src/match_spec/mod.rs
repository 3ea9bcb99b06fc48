//! Match specifications (`ets:match_spec()`): which rows are wanted, and what of them.

mod build;

use alloc::{string::String, vec::Vec};
use core::fmt;

pub use build::Variable;

use ::serde::{Deserialize, Serialize};

use crate::Term;

/// How many variables a clause may have.
pub const MAX_VARIABLES: usize = 32;

/// Clauses that are tried in order: the first that matches a row says what comes of it. A row that none matches is not
/// wanted.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use regrow_term::{Expression, MatchSpec, Matcher, Pattern, Variable, encode};
///
/// // Of `(id, {"age": Age, …})` those with Age >= 18: the id.
/// let age = Variable(0);
/// let adults = MatchSpec::new()
///     .value(Pattern::fields([("age", age)]))
///     .when(age.bound().at_least(18u64))
///     .give(Expression::Key);
/// let matcher = Matcher::new(&adults).unwrap();
/// let (id, person) = (encode(&7).unwrap(), encode(&BTreeMap::from([("age", 40)])).unwrap());
/// let mut found = Vec::new();
/// assert!(matcher.run(&id, &person, &mut found));
/// assert_eq!(found, id);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchSpec(pub Vec<Clause>);

/// Which rows a clause matches, and what comes of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// What the key must look like.
    pub key: Pattern,
    /// What the value must look like.
    pub value: Pattern,
    /// All of them must be `true`. One that makes no sense for a row, as the sum of a text and a number, is not.
    pub guards: Vec<Expression>,
    /// What comes of a row. A row for which it makes no sense, or takes more than [`MAX_WORK`](crate::MAX_WORK), is not matched.
    pub result: Expression,
}

/// What a term must look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// Anything (`'_'`).
    Any,
    /// Anything, which guards and the result call by this number (`'$1'`). If it stands there more than once, all
    /// that it stands for must be equal.
    Variable(u8),
    /// This term, exactly.
    Term(Term),
    /// A list of as many items, each of which looks so.
    List(Vec<Pattern>),
    /// A map that has these keys at least, with values that look so.
    Map(Vec<(Term, Pattern)>),
}

/// What is computed from a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expression {
    /// This term.
    Term(Term),
    /// What a variable of the patterns stands for.
    Variable(u8),
    /// The row's key.
    Key,
    /// The row's value.
    Value,
    /// Both, as a list of two (`'$_'`).
    Row,
    /// A list of what these give.
    List(Vec<Expression>),
    /// A map with what these give.
    Map(Vec<(Term, Expression)>),
    /// What an operator makes of its operands.
    Apply(Operator, Vec<Expression>),
}

/// What is done with operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Equal, numbers by value (`==`).
    Equal,
    /// Not so (`/=`).
    NotEqual,
    /// Exactly equal (`=:=`).
    Identical,
    /// Not so (`=/=`).
    NotIdentical,
    /// Before it, in the order of terms (`<`).
    Less,
    /// Before or equal (`=<`).
    LessOrEqual,
    /// After (`>`).
    Greater,
    /// After or equal (`>=`).
    GreaterOrEqual,
    /// All are true; what comes after one that is not is not looked at (`andalso`).
    And,
    /// One is true; what comes after it is not looked at (`orelse`).
    Or,
    /// It is false (`not`).
    Not,
    /// The sum.
    Add,
    /// The difference.
    Subtract,
    /// The product.
    Multiply,
    /// The quotient as a float (`/`).
    Divide,
    /// The whole part of the quotient of integers (`div`).
    Quotient,
    /// Its remainder (`rem`).
    Remainder,
    /// The absolute value.
    Absolute,
    /// Whether it is null.
    IsNull,
    /// Whether it is `true` or `false`.
    IsBool,
    /// Whether it is an integer.
    IsInteger,
    /// Whether it is a float.
    IsFloat,
    /// Whether it is text.
    IsText,
    /// Whether it is bytes.
    IsBytes,
    /// Whether it is a list.
    IsList,
    /// Whether it is a map.
    IsMap,
    /// How many items a list, entries a map, bytes a text or bytes have.
    Length,
    /// The value of a map under a key, the item of a list at an index from 0.
    Get,
    /// Whether a text or bytes begin with others.
    StartsWith,
}

impl Operator {
    /// How many operands it takes, at least and at most.
    fn operands(self) -> (usize, usize) {
        match self {
            Self::And | Self::Or => (1, usize::MAX),
            Self::Not
            | Self::Absolute
            | Self::IsNull
            | Self::IsBool
            | Self::IsInteger
            | Self::IsFloat
            | Self::IsText
            | Self::IsBytes
            | Self::IsList
            | Self::IsMap
            | Self::Length => (1, 1),
            _ => (2, 2),
        }
    }
}

/// Why something is no match specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchSpecError {
    /// It has no clause.
    Empty,
    /// A variable has a number from [`MAX_VARIABLES`] on.
    TooManyVariables(u8),
    /// A guard or the result of a clause uses a variable that is in none of its patterns.
    Unbound(u8),
    /// An operator has another number of operands than it takes.
    Operands(Operator, usize),
    /// It holds a term that can't be kept.
    Term(String),
}

impl fmt::Display for MatchSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it has no clause"),
            Self::TooManyVariables(number) => {
                write!(f, "variable {number} is beyond the {MAX_VARIABLES} that a clause may have")
            }
            Self::Unbound(number) => write!(f, "variable {number} is in no pattern of its clause"),
            Self::Operands(operator, operands) => {
                write!(f, "{operator:?} does not take {operands} operands")
            }
            Self::Term(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for MatchSpecError {}

impl MatchSpec {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`MatchSpecError`]
    pub fn check(&self) -> Result<(), MatchSpecError> {
        if self.0.is_empty() {
            return Err(MatchSpecError::Empty);
        }
        self.0.iter().try_for_each(Clause::check)
    }
}

impl Clause {
    fn check(&self) -> Result<(), MatchSpecError> {
        let mut bound = 0u32;
        self.key.check(&mut bound)?;
        self.value.check(&mut bound)?;
        self.guards.iter().chain([&self.result]).try_for_each(|expression| expression.check(bound))
    }
}

impl Pattern {
    fn check(&self, bound: &mut u32) -> Result<(), MatchSpecError> {
        match self {
            Self::Any | Self::Term(_) => Ok(()),
            Self::Variable(number) if usize::from(*number) >= MAX_VARIABLES => {
                Err(MatchSpecError::TooManyVariables(*number))
            }
            Self::Variable(number) => {
                *bound |= 1 << number;
                Ok(())
            }
            Self::List(items) => items.iter().try_for_each(|item| item.check(bound)),
            Self::Map(entries) => entries.iter().try_for_each(|(_, value)| value.check(bound)),
        }
    }
}

impl Expression {
    fn check(&self, bound: u32) -> Result<(), MatchSpecError> {
        match self {
            Self::Term(_) | Self::Key | Self::Value | Self::Row => Ok(()),
            Self::Variable(number) => match 1u32.checked_shl((*number).into()) {
                Some(bit) if bound & bit != 0 => Ok(()),
                _ => Err(MatchSpecError::Unbound(*number)),
            },
            Self::List(items) => items.iter().try_for_each(|item| item.check(bound)),
            Self::Map(entries) => entries.iter().try_for_each(|(_, value)| value.check(bound)),
            Self::Apply(operator, operands) => {
                let (least, most) = operator.operands();
                if !(least..=most).contains(&operands.len()) {
                    return Err(MatchSpecError::Operands(*operator, operands.len()));
                }
                operands.iter().try_for_each(|operand| operand.check(bound))
            }
        }
    }
}
