//! Between the types of the WIT interface and those of `otp`.

use regrow_otp::{TableError, TableId};

use crate::engine::bindings::regrow::otp::table as wit;

impl From<wit::TableId> for TableId {
    fn from(id: wit::TableId) -> Self {
        Self { slot: id.slot, nonce: id.nonce }
    }
}

impl From<TableId> for wit::TableId {
    fn from(id: TableId) -> Self {
        Self { slot: id.slot, nonce: id.nonce }
    }
}

impl From<wit::Kind> for regrow_otp::TableKind {
    fn from(kind: wit::Kind) -> Self {
        match kind {
            wit::Kind::Set => Self::Set,
            wit::Kind::OrderedSet => Self::OrderedSet,
            wit::Kind::Bag => Self::Bag,
            wit::Kind::DuplicateBag => Self::DuplicateBag,
        }
    }
}

impl From<regrow_otp::TableKind> for wit::Kind {
    fn from(kind: regrow_otp::TableKind) -> Self {
        match kind {
            regrow_otp::TableKind::Set => Self::Set,
            regrow_otp::TableKind::OrderedSet => Self::OrderedSet,
            regrow_otp::TableKind::Bag => Self::Bag,
            regrow_otp::TableKind::DuplicateBag => Self::DuplicateBag,
        }
    }
}

impl From<wit::Access> for regrow_otp::Access {
    fn from(access: wit::Access) -> Self {
        match access {
            wit::Access::Public => Self::Public,
            wit::Access::Protected => Self::Protected,
            wit::Access::Private => Self::Private,
        }
    }
}

impl From<regrow_otp::Access> for wit::Access {
    fn from(access: regrow_otp::Access) -> Self {
        match access {
            regrow_otp::Access::Public => Self::Public,
            regrow_otp::Access::Protected => Self::Protected,
            regrow_otp::Access::Private => Self::Private,
        }
    }
}

impl From<TableError> for wit::TableError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::NoTable => Self::NoTable,
            TableError::NotOwner(access) => Self::NotOwner(access.into()),
            TableError::NameTaken => Self::NameTaken,
            TableError::BadName => Self::BadName,
            TableError::NotNamed => Self::NotNamed,
            TableError::NoKey => Self::NoKey,
            TableError::NoElement => Self::NoElement,
            TableError::NotAnInteger => Self::NotAnInteger,
            TableError::WrongKind => Self::WrongKind,
            TableError::BadTerm(why) => Self::BadTerm(why),
            TableError::KeyTooLong(len) => Self::KeyTooLong(len as u64),
            TableError::BadMatchSpec(why) => Self::BadMatchSpec(why),
            TableError::BadContinuation => Self::BadContinuation,
            TableError::NoProc => Self::Noproc,
            TableError::OwnAlready => Self::OwnAlready,
            TableError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
