//! From grants to the WASI context of one process.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use regrow_otp::{Context, Resource, Runtime};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use crate::engine::descriptors;
use crate::engine::grants::Grants;
use crate::engine::grants::net::{Network, Protocol};
use crate::engine::stdio::GuestOutput;

/// Random bytes that one call may ask for.
pub(in crate::engine) const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// Handles that a component may have while it describes itself.
const DESCRIBE_HANDLES: u64 = 256;

/// Handles of a process whose budget has none left: for its standard streams and its waits.
const UNCHARGED_HANDLES: u64 = 32;

/// What clocks show without a grant: enough for timeouts, too little to time others.
const COARSE: Duration = Duration::from_millis(1);

/// The WASI side of a process.
pub(in crate::engine) struct Wasi {
    pub(in crate::engine) context: WasiCtx,
    pub(in crate::engine) resources: ResourceTable,
    pub(in crate::engine) network: Arc<Network>,
    /// Whether its budget had handles left for it: otherwise there are neither files nor sockets.
    pub(in crate::engine) has_handles: bool,
    /// What its handles are charged to.
    handles: Option<(Context, u64)>,
}

impl Wasi {
    /// The context of a process with these grants; without a process, of a component that describes itself.
    pub(in crate::engine) fn new(
        grants: &Grants,
        network: Arc<Network>,
        output: &GuestOutput,
        process: Option<&Context>,
    ) -> Self {
        let wanted = process.map_or(DESCRIBE_HANDLES, |process| process.limits().handles);
        // What it may have at most is charged at once: it has no more say in what others have.
        let charged = process.filter(|process| match process.charge(Resource::Handles, wanted) {
            Ok(()) => true,
            Err(limit) => {
                process.denied("handles", &limit.to_string());
                false
            }
        });
        // Each folder is a descriptor.
        let charged = charged.filter(|process| {
            let are_left = grants.dirs.is_empty() || descriptors::may_take(process);
            if !are_left {
                process.release(Resource::Handles, wanted);
            }
            are_left
        });
        let has_handles = process.is_none() || charged.is_some();
        let without =
            Grants { dirs: Vec::new(), tcp: Vec::new(), udp: Vec::new(), dns: Vec::new(), ..grants.clone() };
        let reachable = if has_handles { grants } else { &without };
        // A folder that has vanished since the node looked at it is not there for the guest either.
        let context = build(reachable, output, process, &network);
        let mut resources = ResourceTable::new();
        let capacity = if has_handles { wanted } else { wanted.min(UNCHARGED_HANDLES) };
        resources.set_max_capacity(usize::try_from(capacity).unwrap_or(usize::MAX));
        Self {
            has_handles,
            context,
            resources,
            network,
            handles: charged.map(|process| (process.clone(), wanted)),
        }
    }
}

impl Drop for Wasi {
    fn drop(&mut self) {
        if let Some((process, handles)) = &self.handles {
            process.release(Resource::Handles, *handles);
        }
    }
}

fn build(
    grants: &Grants,
    output: &GuestOutput,
    process: Option<&Context>,
    network: &Arc<Network>,
) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder.envs(&grants.env).args(&grants.args).max_random_size(MAX_RANDOM_BYTES);
    if grants.stdio {
        builder.inherit_stdio();
    } else {
        builder.stdout(output.stdout()).stderr(output.stderr());
    }
    for dir in &grants.dirs {
        let perms = if dir.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        // There is no way to hand a folder over that is open, but by this name for it.
        let opened = dir.folder.as_ref().map(|folder| format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let there = opened.is_some_and(|opened| builder.preopened_dir(opened, &dir.guest, perms).is_ok());
        if !there && let Some(process) = process {
            process.denied("dirs", &format!("{} is not there any more", dir.guest));
        }
    }
    if let Some(process) = process {
        let runtime = process.runtime();
        // The seed of hash maps, say: nobody's secret, but not the same for everybody.
        builder.insecure_random_seed(seed(process));
        if !grants.clocks {
            builder.wall_clock(Coarse(runtime.clone())).monotonic_clock(Coarse(runtime.clone()));
        }
        let (network, process) = (network.clone(), process.clone());
        builder.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(true).socket_addr_check(
            move |address, purpose| {
                let allowed = check(&network, address, purpose, &process);
                Box::pin(std::future::ready(allowed))
            },
        );
    } else {
        builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    }
    builder.build()
}

fn seed(process: &Context) -> u128 {
    let half = || u128::from(process.new_reference().0);
    (half() << 64) | half()
}

/// Connections and datagrams go out; nobody listens.
fn check(network: &Network, address: SocketAddr, purpose: SocketAddrUse, process: &Context) -> bool {
    let protocol = match purpose {
        // The system's choice of a local address, before the first connection or datagram.
        SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if is_unspecified(address) => return true,
        SocketAddrUse::TcpConnect => Protocol::Tcp,
        SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => Protocol::Udp,
        SocketAddrUse::UdpBind => {
            process.denied("udp", &format!("binding {address}"));
            return false;
        }
        _ => {
            process.denied("tcp", &format!("listening at {address}"));
            return false;
        }
    };
    let allowed = network.allows(protocol, address);
    if !allowed {
        process.denied(protocol.grant(), &address.to_string());
    }
    allowed
}

fn is_unspecified(address: SocketAddr) -> bool {
    address.ip().is_unspecified() && address.port() == 0
}

/// The runtime's time, coarsely.
struct Coarse(Runtime);

impl Coarse {
    fn time(&self) -> Duration {
        let time = self.0.now().since_start();
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl HostWallClock for Coarse {
    fn resolution(&self) -> Duration {
        COARSE
    }

    fn now(&self) -> Duration {
        self.time()
    }
}

impl HostMonotonicClock for Coarse {
    fn resolution(&self) -> u64 {
        u64::try_from(COARSE.as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.time().as_nanos()).unwrap_or(u64::MAX)
    }
}
