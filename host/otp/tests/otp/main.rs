//! The rules of OTP, by their numbers, on native processes under virtual time.

mod aliases;
mod blobs;
mod budgets;
mod calls;
mod costs;
mod dying;
mod full_mailboxes;
mod groups;
mod info;
mod links;
mod mailbox;
mod monitors;
mod names;
mod properties;
mod registries;
mod scheduler;
mod shares;
mod signals;
mod start;
mod supervisor;
mod support;
mod tables;
mod timers;
mod waits;
