//! One idea each: programs that an Elixir programmer would write, as guests. `demo` in each file shows how it is used; its test runs that
//! off wasm, and the manifest on a node.

mod agent_cache;
mod application;
mod back_pressure;
mod background;
mod breaker;
mod concurrent_map;
mod counter;
mod dynamic_workers;
mod errors;
mod links_and_monitors;
mod names;
mod orders;
mod ping_pong;
mod pipeline;
mod restart_types;
mod round_robin;
mod sharded;
mod table_cache;
mod tasks;
mod traffic_light;

use regrow_sdk::patterns::cache::CacheServer;
use regrow_sdk::patterns::circuit_breaker::CircuitBreaker;
use regrow_sdk::patterns::rate_limiter::RateLimiter;
use regrow_sdk::patterns::worker_pool::WorkerPool;

use application::request;
use back_pressure::{all_numbers, doubled, slowly};
use concurrent_map::fetch;
use pipeline::{check_reading, parse_reading, show_reading};
use tasks::{divide, report, word_count};

regrow_sdk::component! {
    /// Shows an agent.
    "agent_cache" => process agent_cache::demo,
    /// Shows an application's tree.
    "application" => process application::demo,
    /// Shows stages.
    "back_pressure" => process back_pressure::demo,
    /// Shows work in the background.
    "background" => process background::demo,
    /// Shows a circuit breaker.
    "breaker" => process breaker::demo,
    /// Shows a stream of tasks.
    "concurrent_map" => process concurrent_map::demo,
    /// Shows a server.
    "counter_demo" => process counter::demo,
    /// Shows a dynamic supervisor.
    "dynamic_workers" => process dynamic_workers::demo,
    /// Shows errors and crashes.
    "errors" => process errors::demo,
    /// Shows links and monitors.
    "links_and_monitors" => process links_and_monitors::demo,
    /// Shows names and keys.
    "names" => process names::demo,
    /// Shows processes that crash.
    "orders" => process orders::demo,
    /// Shows plain messages.
    "ping_pong" => process ping_pong::demo,
    /// Shows a pipeline.
    "pipeline" => process pipeline::demo,
    /// Shows restart types.
    "restart_types" => process restart_types::demo,
    /// Shows workers that take turns.
    "round_robin" => process round_robin::demo,
    /// Shows partitions.
    "sharded" => process sharded::demo,
    /// Shows a table.
    "table_cache" => process table_cache::demo,
    /// Shows tasks.
    "tasks" => process tasks::demo,
    /// Shows a state machine.
    "traffic_light" => process traffic_light::demo,
    // What they use.
    "account" => server errors::Account,
    "all_numbers" => source all_numbers,
    "basket" => server names::Basket,
    "cache-server" => server CacheServer,
    "capitals" => agent agent_cache::Capitals,
    "check_reading" => task check_reading,
    "circuit-breaker" => server CircuitBreaker,
    "collector" => server background::Collector,
    "connection" => server application::Connection,
    "counter" => server counter::Counter,
    "coupled" => process links_and_monitors::coupled,
    "divide" => task divide,
    "doubled" => map doubled,
    "fetch" => task fetch,
    "fragile" => process links_and_monitors::fragile,
    "gauge" => server concurrent_map::Gauge,
    "mortal" => process restart_types::mortal,
    "office" => server orders::Office,
    "parse_reading" => task parse_reading,
    "ponger" => process ping_pong::ponger,
    "process-order" => process orders::process_order,
    "rate-limiter" => server RateLimiter,
    "report" => task report,
    "request" => task request,
    "room" => server dynamic_workers::Room,
    "round-robin" => server round_robin::RoundRobin,
    "shard" => server sharded::Shard,
    "show_reading" => task show_reading,
    "slowly" => each slowly,
    "squarer" => process round_robin::squarer,
    "table-cache" => server table_cache::TableCache,
    "traffic-light" => machine traffic_light::TrafficLight,
    "weather" => server breaker::Weather,
    "word_count" => task word_count,
    "worker-pool" => server WorkerPool,
}
