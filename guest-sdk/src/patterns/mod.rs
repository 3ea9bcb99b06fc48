//! Pieces that applications are often made of. Each has a core without processes, whose time is an argument, and, where more than one
//! process is to use it, a server around it: an entry of the component that uses it.
//!
//! | piece | core | server |
//! |---|---|---|
//! | circuit breaker | [`Breaker`](circuit_breaker::Breaker) | [`CircuitBreaker`](circuit_breaker::CircuitBreaker) |
//! | worker pool | | [`WorkerPool`](worker_pool::WorkerPool) |
//! | rate limiter | [`TokenBucket`](rate_limiter::TokenBucket) | [`RateLimiter`](rate_limiter::RateLimiter) |
//! | cache | [`Entries`](cache::Entries) | [`CacheServer`](cache::CacheServer) |
//! | pipeline of tasks | [`Pipeline`](pipeline::Pipeline) | |
//! | retries with back-off | [`Retry`](retry::Retry) | |
//! | periodic work | [`Ticker`](periodic::Ticker) | |

pub mod cache;
pub mod circuit_breaker;
pub mod periodic;
pub mod pipeline;
pub mod rate_limiter;
pub mod retry;
pub mod worker_pool;

/// The process does nothing for a while. What comes meanwhile stays in its mailbox.
pub fn sleep(duration: core::time::Duration) {
    crate::mailbox::receive_match(Some(duration), |_| None::<()>);
}
