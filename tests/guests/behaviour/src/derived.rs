//! Servers that are made from their methods, and what all servers can do.

use std::time::Duration;

use regrow_sdk::gen_server::{self, CallResult, Caller, ControlError, Init, Next, ServerRef, StartError};
use regrow_sdk::mailbox::{self, CallError, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{Error, ExitReason, Pid, Term, agent, server, timer};
use serde::{Deserialize, Serialize};

/// A shop that tells its owner what happens to it.
pub struct Shop {
    owner: Pid,
    stock: Vec<String>,
    waiting: Vec<Caller<String>>,
}

#[derive(Serialize, Deserialize)]
pub struct Delivery(String);

#[server]
impl Shop {
    #[init]
    fn open(owner: Pid, stock: Vec<String>) -> Init<Self> {
        if stock.is_empty() {
            return Init::Error(ExitReason::error("nothing to sell"));
        }
        process::trap_exit(true);
        // G2, G28: before any message, and after the start is known.
        Init::Started(Shop { owner, stock, waiting: Vec::new() }).continue_with(|shop| {
            shop.tell("dust");
            Next::continue_with(|shop: &mut Shop| {
                shop.tell("open");
                Next::NoReply
            })
        })
    }

    /// What there is.
    #[call]
    fn stock(&self) -> Vec<String> {
        self.stock.clone()
    }

    #[call]
    fn sell(&mut self, name: String, count: u32) -> Result<u32, String> {
        let before = self.stock.len();
        self.stock.retain(|known| *known != name);
        if self.stock.len() < before { Ok(count) } else { Err(format!("no {name}")) }
    }

    /// Waits for the next delivery (G16).
    #[call]
    fn order(&mut self, from: Caller<String>) {
        self.waiting.push(from);
    }

    /// Says when nobody has come for a while (G26).
    #[call]
    fn watch(&mut self, ms: u64) -> CallResult<Self, String> {
        CallResult::Reply("watching".to_owned()).timeout(Duration::from_millis(ms))
    }

    #[call]
    fn close(&mut self) -> CallResult<Self, bool> {
        gen_server::reply(true).stop(ExitReason::Shutdown)
    }

    #[call]
    fn too_much(&self) -> Vec<u8> {
        vec![1; 5 << 20]
    }

    #[call]
    fn call_itself(&self) -> bool {
        let own: ShopClient = ShopClient::new(process::self_pid());
        own.stock() == Err(CallError::CallingSelf) && own.stop() == Err(ControlError::CallingSelf)
    }

    #[cast]
    fn burn(&mut self) -> Next<Self> {
        Next::Stop(ExitReason::error("fire"))
    }

    #[info]
    fn delivered(&mut self, delivery: Delivery) {
        for from in self.waiting.drain(..) {
            from.reply(&delivery.0).expect("a short answer");
            // The second answer goes nowhere.
            from.reply(&"twice".to_owned()).expect("a short answer");
        }
        self.stock.push(delivery.0);
    }

    #[info]
    fn other(&mut self, received: Received) {
        self.tell(received.kind());
    }

    #[timeout]
    fn quiet(&mut self) {
        self.tell("quiet");
    }

    #[terminate]
    fn shut(&mut self, reason: &ExitReason) {
        self.tell(&format!("shut {reason}"));
    }

    #[status]
    fn shown(&self) -> usize {
        self.stock.len()
    }

    fn tell(&self, what: &str) {
        mailbox::send(self.owner, what).expect("the owner is there");
    }
}

fn heard() -> String {
    mailbox::receive_message(None).expect("a message").decode().expect("text")
}

fn open() -> ShopClient {
    let stock = vec!["tea".to_owned(), "salt".to_owned()];
    let shop = Shop::start_with(process::self_pid(), stock, &SpawnOptions::default()).expect("it opens");
    assert_eq!((heard(), heard()), ("dust".to_owned(), "open".to_owned()), "G28");
    shop
}

pub fn derived(_: ()) -> Result<(), ExitReason> {
    let shop = open();
    assert_eq!(shop.stock()?, ["tea", "salt"]);
    assert_eq!(shop.sell("tea".into(), 3)?, Ok(3));
    assert_eq!(shop.sell("tea".into(), 3)?, Err("no tea".to_owned()));
    assert_eq!(shop.server().get_state(), Ok(Some(Term::from(1u64))), "G44");

    // G16, G39 to G41: answers that come later, to one who does not wait, and once.
    let first = shop.send_order()?;
    let second = shop.send_order()?;
    assert_eq!(first.wait(Some(Duration::ZERO)), None);
    let pid = shop.pid().expect("it runs");
    mailbox::send(pid, &Delivery("rice".into()))?;
    assert_eq!(first.receive(None), Ok("rice".to_owned()));
    assert_eq!(second.check(mailbox::receive(None).expect("it comes")), Ok(Ok("rice".to_owned())));
    assert_eq!(mailbox::receive(Some(Duration::ZERO)), None, "an answer comes once");
    // A plain message that is no delivery, and a timer's.
    mailbox::send(pid, &7)?;
    assert_eq!(heard(), "message");
    timer::start(Duration::ZERO, pid, &Delivery("mint".into()))?;
    while !shop.stock()?.contains(&"mint".to_owned()) {}

    // G26, G27: any request ends a timeout, but not a question of `sys`.
    assert_eq!(shop.watch(1)?, "watching");
    assert_eq!(heard(), "quiet");
    assert_eq!(shop.watch(10_000)?, "watching");
    assert!(shop.stock().is_ok());
    assert_eq!(shop.watch(30)?, "watching");
    assert!(shop.server().get_state().is_ok());
    assert_eq!(heard(), "quiet");
    assert_eq!(mailbox::receive(Some(Duration::ZERO)), None);

    // What can't be answered, or understood, harms nobody, and the caller learns why.
    let Err(CallError::NotUnderstood(why)) = shop.too_much() else { panic!("it is too large") };
    assert!(why.contains("message_bytes"), "{why}");
    let other: Result<(), _> = mailbox::call(pid, &("sell", 1), None);
    assert!(matches!(other, Err(CallError::NotUnderstood(_))), "{other:?}");
    mailbox::cast(pid, &"stock")?;
    assert!(shop.call_itself()?, "G13, G37");

    // G36: stopping.
    assert_eq!(shop.stop(), Ok(()));
    assert_eq!(heard(), "shut normal");
    assert_eq!(shop.stop(), Err(ControlError::Exit(ExitReason::NoProc)));
    let shop = open();
    assert_eq!(shop.server().stop_with(ExitReason::error("enough"), None), Ok(()));
    assert_eq!(heard(), "shut error(\"enough\")");
    // G17
    let shop = open();
    assert_eq!(shop.close(), Ok(true));
    assert_eq!(heard(), "shut shutdown");
    // G38: the state is in the log.
    let shop = open();
    shop.burn()?;
    assert_eq!(heard(), "shut error(\"fire\")");
    // G3: an error of `init` is no crash.
    let refused = Shop::start_link(process::self_pid(), Vec::new()).map(|shop| shop.pid());
    assert_eq!(refused, Err(StartError::Failed(ExitReason::error("nothing to sell"))));

    // A client can be sent, and knows its timeout.
    let shop = open();
    let sent: ShopClient = regrow_sdk::decode(&regrow_sdk::encode(&shop)?)?;
    assert_eq!(sent.with_timeout(Some(Duration::ZERO)).order(), Err(CallError::Timeout));
    // Who is no server does not know what to do with it.
    let echo = process::spawn("helper-echo", &(), &SpawnOptions::default())?.pid;
    assert!(matches!(gen_server::get_state(echo), Err(ControlError::Refused(Error::Denied(_)))));
    several()?;
    shop.stop()?;
    Ok(())
}

/// G8, G43.
fn several() -> Result<(), ExitReason> {
    let counts =
        |start: i64| gen_server::start_monitor::<Tally>("tally", &Tally(start), &SpawnOptions::default());
    let (one, monitor) = counts(1)?;
    let (two, _) = counts(2)?;
    let nobody: ServerRef<Tally> = ServerRef::new("nobody");
    let all = [one.clone(), nobody, two];
    let asked = all.iter().map(|server| TallyClient::from(server.clone()).send_sum());
    let sums = gen_server::receive_all(asked, Some(Duration::from_secs(60)));
    assert_eq!(sums, [Ok(1), Err(CallError::Down(ExitReason::NoProc)), Ok(2)]);
    gen_server::abcast(&all, &TallyCast::Add { number: 10 });
    assert_eq!(TallyClient::from(all[2].clone()).sum(), Ok(12));
    one.stop()?;
    assert!(matches!(
        mailbox::wait_for(monitor, None),
        Some(Received::Down { reason: ExitReason::Normal, .. })
    ));
    assert_eq!(mailbox::receive(Some(Duration::ZERO)), None);
    Ok(())
}

#[derive(Serialize, Deserialize)]
pub struct Tally(i64);

#[agent]
impl Tally {
    pub fn sum(&self) -> i64 {
        self.0
    }

    /// A1: get and update.
    pub fn take(&mut self, number: i64) -> i64 {
        self.0 -= number;
        self.0
    }

    /// A3
    pub fn divide(&mut self, by: i64) {
        self.0 /= by;
    }

    #[cast]
    pub fn add(&mut self, number: i64) {
        self.0 += number;
    }
}

pub fn agents(_: ()) -> Result<(), ExitReason> {
    let tally = Tally(40).start_with(&SpawnOptions::default().named("tally"))?;
    tally.add(4)?;
    assert_eq!(tally.take(2)?, 42);
    assert_eq!(TallyClient::new("tally").sum()?, 42, "by its name");
    assert_eq!(tally.server().get_state(), Ok(Some(Term::from(42i64))));
    // A3: a function that fails takes the agent and who waits along.
    let Err(CallError::Down(ExitReason::Trap(trap))) = tally.divide(0) else { panic!("it crashes") };
    assert!(trap.message.contains("divide by zero"), "{}", trap.message);
    assert_eq!(tally.sum(), Err(CallError::Down(ExitReason::NoProc)));
    Ok(())
}
