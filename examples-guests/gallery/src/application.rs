//! An application's supervision tree: a pool of connections, publishing, workers that come and go, a cache, a rate limiter. What serves
//! others starts before them.

use std::time::Duration;

use regrow_sdk::patterns::cache::{Cache, CacheServer, Options as CacheOptions};
use regrow_sdk::patterns::rate_limiter::{Rate, RateLimiter, RateLimiterClient};
use regrow_sdk::patterns::worker_pool::{Options as PoolOptions, WorkerPool, WorkerPoolClient};
use regrow_sdk::supervisor::{Strategy, Supervisor, SupervisorRef};
use regrow_sdk::task::TaskSupervisor;
use regrow_sdk::topic::PubSub;
use regrow_sdk::{ExitReason, mailbox, process, server, task};

/// What a pool has several of.
pub struct Connection;

#[server]
impl Connection {
    #[init]
    fn open(_address: String) -> Self {
        Connection
    }

    #[call]
    fn population(&self, city: String) -> u64 {
        city.len() as u64 * 100_000
    }
}

fn start() -> Result<SupervisorRef, ExitReason> {
    let connections =
        PoolOptions::of(2, Connection::child("db:5432".into())).job_timeout(Duration::from_secs(5));
    let cached = CacheOptions { ttl: Duration::from_secs(60), size: 1_000 };
    let tree = Supervisor::new()
        .strategy(Strategy::RestForOne)
        .intensity(5, Duration::from_secs(10))
        .child(WorkerPool::child(connections).named("app.connections"))
        .child(CacheServer::child(cached).named("app.cache"))
        .child(RateLimiter::child(Rate { per_second: 50.0, burst: 2.0 }).named("app.limiter"));
    Ok(tree.start_link()?)
}

/// Serves a request, with all that the tree has to offer.
pub fn request(city: String) -> Result<u64, String> {
    RateLimiterClient::new("app.limiter").wait("everybody").map_err(|error| error.to_string())?;
    let cache: Cache<String, u64> = Cache::new("app.cache");
    let found = cache.get(&city).map_err(|error| error.to_string())?;
    let population = match found {
        Some(population) => population,
        None => {
            let connections = WorkerPoolClient::new("app.connections");
            let asked =
                connections.run(|connection| ConnectionClient::new(connection).population(city.clone()));
            let population = asked.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            cache.put(&city, &population).map_err(|error| error.to_string())?;
            population
        }
    };
    let served = PubSub::named("app.events").topic("served");
    served.broadcast(&(city, population)).map_err(|error| error.to_string())?;
    Ok(population)
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let events = PubSub::start("app.events")?;
    events.topic::<(String, u64)>("served").subscribe()?;
    let (tree, workers) = (start()?, TaskSupervisor::start_link()?);
    let cities = ["Lima", "Oslo", "Lima", "Rome"].map(str::to_owned);
    let tasks: Result<Vec<_>, _> =
        cities.iter().map(|city| workers.start_nolink(task!(request), city)).collect();
    for task in tasks? {
        assert_eq!(task.join(task::TIMEOUT)?, Ok(400_000));
        let served: Option<(String, u64)> =
            mailbox::receive_message(None).and_then(|event| event.decode().ok());
        assert!(served.is_some_and(|(city, _)| cities.contains(&city)));
    }
    // The pool crashes: what was started behind it begins anew, too.
    let limiter = RateLimiterClient::new("app.limiter").pid();
    let pool = WorkerPoolClient::new("app.connections").pid().ok_or(ExitReason::NoProc)?;
    process::exit_process(pool, ExitReason::Kill)?;
    while tree.count_children()?.active < 3 || RateLimiterClient::new("app.limiter").pid() == limiter {}
    assert_eq!(request("Bern".to_owned()), Ok(400_000));
    log::info!("application: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn the_tree_serves_and_regrows() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
