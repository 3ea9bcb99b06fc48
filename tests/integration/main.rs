//! Whole nodes with real guests.

mod access_log;
mod behaviour;
mod components;
mod reports;
mod supervision;
