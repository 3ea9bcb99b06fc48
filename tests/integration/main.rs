//! Whole nodes with real guests.

mod access_log;
mod behaviour;
mod components;
mod mailboxes;
mod reports;
mod supervision;
