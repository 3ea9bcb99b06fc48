//! Whole nodes with real guests.

mod access_log;
mod applying;
mod behaviour;
mod components;
mod engines;
mod gallery;
mod grants;
mod mailboxes;
mod reports;
mod services;
mod steering;
mod supervision;
mod testing;
