//! Match specifications in words.

use alloc::{string::String, vec, vec::Vec};

use crate::Term;
use crate::match_spec::{Clause, Expression, MatchSpec, Operator, Pattern};

/// A variable of a clause: a pattern, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable(
    /// Its number.
    pub u8,
);

impl MatchSpec {
    /// All rows, as lists of key and value.
    pub fn new() -> Self {
        let clause =
            Clause { key: Pattern::Any, value: Pattern::Any, guards: Vec::new(), result: Expression::Row };
        Self(vec![clause])
    }

    /// Only those whose key looks so.
    #[must_use]
    pub fn key(self, pattern: impl Into<Pattern>) -> Self {
        self.last(|clause| clause.key = pattern.into())
    }

    /// Only those whose value looks so.
    #[must_use]
    pub fn value(self, pattern: impl Into<Pattern>) -> Self {
        self.last(|clause| clause.value = pattern.into())
    }

    /// Only those for which this is true, too.
    #[must_use]
    pub fn when(self, guard: impl Into<Expression>) -> Self {
        self.last(|clause| clause.guards.push(guard.into()))
    }

    /// This, of each of them.
    #[must_use]
    pub fn give(self, result: impl Into<Expression>) -> Self {
        self.last(|clause| clause.result = result.into())
    }

    /// And of the rows that are not wanted so far, those that another specification wants.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Clause)) -> Self {
        if let Some(clause) = self.0.last_mut() {
            change(clause);
        }
        self
    }
}

impl Default for MatchSpec {
    fn default() -> Self {
        Self::new()
    }
}

impl Pattern {
    /// A list of as many items that look so.
    pub fn list<P: Into<Self>>(items: impl IntoIterator<Item = P>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// A map, or a struct, that has these fields at least.
    pub fn fields<N: Into<String>, P: Into<Self>>(fields: impl IntoIterator<Item = (N, P)>) -> Self {
        Self::Map(
            fields.into_iter().map(|(name, pattern)| (Term::from(name.into()), pattern.into())).collect(),
        )
    }
}

impl Expression {
    fn with(self, operator: Operator, other: impl Into<Self>) -> Self {
        Self::Apply(operator, vec![self, other.into()])
    }

    fn only(self, operator: Operator) -> Self {
        Self::Apply(operator, vec![self])
    }

    /// A list of what these give.
    pub fn list<E: Into<Self>>(items: impl IntoIterator<Item = E>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// Whether they are equal, numbers by value.
    #[must_use]
    pub fn equals(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Equal, other)
    }

    /// Whether they are not.
    #[must_use]
    pub fn differs_from(self, other: impl Into<Self>) -> Self {
        self.with(Operator::NotEqual, other)
    }

    /// Whether it is before the other in the order of terms.
    #[must_use]
    pub fn less_than(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Less, other)
    }

    /// Whether it is before or equal.
    #[must_use]
    pub fn at_most(self, other: impl Into<Self>) -> Self {
        self.with(Operator::LessOrEqual, other)
    }

    /// Whether it is after the other.
    #[must_use]
    pub fn greater_than(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Greater, other)
    }

    /// Whether it is after or equal.
    #[must_use]
    pub fn at_least(self, other: impl Into<Self>) -> Self {
        self.with(Operator::GreaterOrEqual, other)
    }

    /// Whether both are true.
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        self.with(Operator::And, other)
    }

    /// Whether one is true.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Or, other)
    }

    /// Whether a text or bytes begin so.
    #[must_use]
    pub fn starts_with(self, start: impl Into<Self>) -> Self {
        self.with(Operator::StartsWith, start)
    }

    /// The value of a map under a key, the item of a list at an index.
    #[must_use]
    pub fn get(self, step: impl Into<Self>) -> Self {
        self.with(Operator::Get, step)
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Add, other)
    }

    /// The product.
    #[must_use]
    pub fn times(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Multiply, other)
    }

    /// How many items, entries or bytes it has.
    #[must_use]
    pub fn length(self) -> Self {
        self.only(Operator::Length)
    }

    /// Whether it is false.
    #[must_use]
    pub fn negated(self) -> Self {
        self.only(Operator::Not)
    }
}

impl Variable {
    /// What it stands for.
    pub fn bound(self) -> Expression {
        Expression::Variable(self.0)
    }
}

impl From<Variable> for Pattern {
    fn from(variable: Variable) -> Self {
        Self::Variable(variable.0)
    }
}

impl From<Variable> for Expression {
    fn from(variable: Variable) -> Self {
        variable.bound()
    }
}

macro_rules! from_terms {
    ($($of:ty),*) => { $(
        impl From<$of> for Pattern {
            fn from(value: $of) -> Self {
                Self::Term(value.into())
            }
        }

        impl From<$of> for Expression {
            fn from(value: $of) -> Self {
                Self::Term(value.into())
            }
        }
    )* };
}

from_terms!(Term, bool, i64, u64, f64, &str, String);
