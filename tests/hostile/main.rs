//! Guests that mean harm, each beside a victim that goes on answering; afterwards the host has everything back.

mod arena;
mod attacks;
mod protocol;
