//! Sockets and names: refusals are events, and every call is charged.

use std::net::IpAddr;

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::{
    ErrorCode as SocketErrorCode, IpAddress, IpAddressFamily,
};
use wasmtime_wasi::p2::bindings::sockets::{
    ip_name_lookup, network, tcp, tcp_create_socket, udp, udp_create_socket,
};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use crate::engine::host::wasi::{Store, charged};
use crate::engine::state::GuestState;

type SocketResult<T> = Result<T, SocketErrorCode>;

impl GuestState {
    fn socket_result<T>(
        &mut self,
        result: wasmtime_wasi::p2::SocketResult<T>,
    ) -> wasmtime::Result<SocketResult<T>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(error) => network::Host::convert_error_code(&mut self.sockets(), error).map(Err),
        }
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    linker.instance("wasi:sockets/tcp-create-socket@0.2.12")?.func_wrap_async(
        "create-tcp-socket",
        |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let state = store.data_mut();
                state.charge_moved(0).await;
                if state.grants().tcp.is_empty() || !state.has_handles() {
                    state.denied("tcp", "a socket");
                    return Ok((Err::<Resource<tcp::TcpSocket>, _>(SocketErrorCode::AccessDenied),));
                }
                if !state.may_take_descriptor() {
                    return Ok((Err(SocketErrorCode::NewSocketLimit),));
                }
                let socket = tcp_create_socket::Host::create_tcp_socket(&mut state.sockets(), family);
                Ok((state.socket_result(socket)?,))
            })
        },
    )?;
    linker.instance("wasi:sockets/udp-create-socket@0.2.12")?.func_wrap_async(
        "create-udp-socket",
        |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let state = store.data_mut();
                state.charge_moved(0).await;
                if state.grants().udp.is_empty() || !state.has_handles() {
                    state.denied("udp", "a socket");
                    return Ok((Err::<Resource<udp::UdpSocket>, _>(SocketErrorCode::AccessDenied),));
                }
                if !state.may_take_descriptor() {
                    return Ok((Err(SocketErrorCode::NewSocketLimit),));
                }
                let socket = udp_create_socket::Host::create_udp_socket(&mut state.sockets(), family).await;
                Ok((state.socket_result(socket)?,))
            })
        },
    )?;
    let mut lookup = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    lookup.func_wrap_async(
        "resolve-addresses",
        |mut store: Store<'_>, (network, name): (Resource<network::Network>, String)| {
            Box::new(async move {
                let state = store.data_mut();
                state.charge_moved(name.len()).await;
                if !state.may_resolve(&name) {
                    state.denied("dns", &name);
                    return Ok((Err(SocketErrorCode::AccessDenied),));
                }
                if !state.may_look_up_now() {
                    return Ok((Err(SocketErrorCode::TemporaryResolverFailure),));
                }
                let stream =
                    ip_name_lookup::Host::resolve_addresses(&mut state.sockets(), network, name.clone());
                let stream = state.socket_result(stream)?;
                if let Ok(stream) = &stream {
                    state.resolving(stream.rep(), name);
                }
                Ok((stream,))
            })
        },
    )?;
    lookup.func_wrap_async(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: Store<'_>, (stream,): (Resource<ip_name_lookup::ResolveAddressStream>,)| {
            Box::new(async move {
                let (state, rep) = (store.data_mut(), stream.rep());
                state.charge_moved(0).await;
                let next = ip_name_lookup::HostResolveAddressStream::resolve_next_address(
                    &mut state.sockets(),
                    stream,
                );
                let next: SocketResult<Option<IpAddress>> = state.socket_result(next)?;
                if let Ok(Some(address)) = &next {
                    state.resolved(rep, ip_address(*address));
                }
                Ok((next,))
            })
        },
    )?;
    add_tcp(linker)?;
    add_udp(linker)
}

/// Each of these is a system call, which takes as long as moving so many bytes.
const SYSTEM_CALL_BYTES: usize = 8 << 10;

/// Datagrams that one call receives, at most.
const MAX_DATAGRAMS: usize = 16;

macro_rules! sockets {
    ($state:ident) => {
        &mut $state.sockets()
    };
}

fn add_tcp(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    type Socket = Resource<tcp::TcpSocket>;
    type Network = Resource<network::Network>;
    let mut tcp = linker.instance("wasi:sockets/tcp@0.2.12")?;
    charged! { tcp, sockets, socket_result, SYSTEM_CALL_BYTES;
        "[method]tcp-socket.start-connect": tcp::HostTcpSocket::start_connect,
            (socket: Socket, network: Network, address: network::IpSocketAddress);
        "[method]tcp-socket.finish-connect": tcp::HostTcpSocket::finish_connect, (socket: Socket);
        "[method]tcp-socket.local-address": tcp::HostTcpSocket::local_address, (socket: Socket);
        "[method]tcp-socket.remote-address": tcp::HostTcpSocket::remote_address, (socket: Socket);
        "[method]tcp-socket.keep-alive-enabled": tcp::HostTcpSocket::keep_alive_enabled, (socket: Socket);
        "[method]tcp-socket.set-keep-alive-enabled": tcp::HostTcpSocket::set_keep_alive_enabled,
            (socket: Socket, value: bool);
        "[method]tcp-socket.keep-alive-idle-time": tcp::HostTcpSocket::keep_alive_idle_time, (socket: Socket);
        "[method]tcp-socket.set-keep-alive-idle-time": tcp::HostTcpSocket::set_keep_alive_idle_time,
            (socket: Socket, value: u64);
        "[method]tcp-socket.keep-alive-interval": tcp::HostTcpSocket::keep_alive_interval, (socket: Socket);
        "[method]tcp-socket.set-keep-alive-interval": tcp::HostTcpSocket::set_keep_alive_interval,
            (socket: Socket, value: u64);
        "[method]tcp-socket.keep-alive-count": tcp::HostTcpSocket::keep_alive_count, (socket: Socket);
        "[method]tcp-socket.set-keep-alive-count": tcp::HostTcpSocket::set_keep_alive_count,
            (socket: Socket, value: u32);
        "[method]tcp-socket.hop-limit": tcp::HostTcpSocket::hop_limit, (socket: Socket);
        "[method]tcp-socket.set-hop-limit": tcp::HostTcpSocket::set_hop_limit, (socket: Socket, value: u8);
        "[method]tcp-socket.receive-buffer-size": tcp::HostTcpSocket::receive_buffer_size, (socket: Socket);
        "[method]tcp-socket.set-receive-buffer-size": tcp::HostTcpSocket::set_receive_buffer_size,
            (socket: Socket, value: u64);
        "[method]tcp-socket.send-buffer-size": tcp::HostTcpSocket::send_buffer_size, (socket: Socket);
        "[method]tcp-socket.set-send-buffer-size": tcp::HostTcpSocket::set_send_buffer_size,
            (socket: Socket, value: u64);
        "[method]tcp-socket.shutdown": tcp::HostTcpSocket::shutdown, (socket: Socket, how: tcp::ShutdownType);
    }
    Ok(())
}

fn add_udp(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    type Socket = Resource<udp::UdpSocket>;
    type Incoming = Resource<udp::IncomingDatagramStream>;
    type Outgoing = Resource<udp::OutgoingDatagramStream>;
    let mut udp = linker.instance("wasi:sockets/udp@0.2.12")?;
    charged! { udp, sockets, socket_result, SYSTEM_CALL_BYTES;
        "[method]udp-socket.local-address": udp::HostUdpSocket::local_address, (socket: Socket);
        "[method]udp-socket.remote-address": udp::HostUdpSocket::remote_address, (socket: Socket);
        "[method]udp-socket.unicast-hop-limit": udp::HostUdpSocket::unicast_hop_limit, (socket: Socket);
        "[method]udp-socket.set-unicast-hop-limit": udp::HostUdpSocket::set_unicast_hop_limit,
            (socket: Socket, value: u8);
        "[method]udp-socket.receive-buffer-size": udp::HostUdpSocket::receive_buffer_size, (socket: Socket);
        "[method]udp-socket.set-receive-buffer-size": udp::HostUdpSocket::set_receive_buffer_size,
            (socket: Socket, value: u64);
        "[method]udp-socket.send-buffer-size": udp::HostUdpSocket::send_buffer_size, (socket: Socket);
        "[method]udp-socket.set-send-buffer-size": udp::HostUdpSocket::set_send_buffer_size,
            (socket: Socket, value: u64);
        "[method]incoming-datagram-stream.receive": udp::HostIncomingDatagramStream::receive,
            (stream: Incoming, most: u64) moves MAX_DATAGRAMS * SYSTEM_CALL_BYTES;
        "[method]outgoing-datagram-stream.check-send": udp::HostOutgoingDatagramStream::check_send,
            (stream: Outgoing);
        "[method]outgoing-datagram-stream.send": udp::HostOutgoingDatagramStream::send,
            (stream: Outgoing, datagrams: Vec<udp::OutgoingDatagram>)
            moves datagrams.iter().map(|datagram| datagram.data.len() + SYSTEM_CALL_BYTES).sum::<usize>();
    }
    Ok(())
}

fn ip_address(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => IpAddr::from([a, b, c, d]),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => IpAddr::from([a, b, c, d, e, f, g, h]),
    }
}
