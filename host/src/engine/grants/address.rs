//! Which addresses are public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Whether an address is one of the public Internet, by IANA's registries of special-purpose addresses. Those that carry
/// another (mapped, NAT64, 6to4) are what they carry.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240
        // Of the public ones: where Azure tells a machine about itself.
        || address == Ipv4Addr::new(168, 63, 129, 16);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => carried(high, low),
        [0x2002, high, low, ..] => carried(high, low),
        // Global unicast (RFC 4291, 2.5.4), but for what is kept for protocols and documentation.
        [first, second, ..] => {
            (0x2000..0x4000).contains(&first)
                && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
                && !(first == 0x3fff && second < 0x1000)
        }
    }
}

/// Whether a whole network is public: its first and last address are, and no special one is between them.
pub(super) fn is_all_public(net: &IpNet) -> bool {
    if let IpAddr::V6(address) = net.addr()
        && matches!(address.segments(), [0x64, 0xff9b, ..] | [0x2002, ..])
    {
        // It carries addresses of another kind, any of them perhaps.
        return false;
    }
    // Special networks are at most as large as these; a larger one may hold some.
    let least = if net.addr().is_ipv6() { 32 } else { 24 };
    net.prefix_len() >= least && is_public(net.network()) && is_public(net.broadcast())
}
