//! Patterns of addresses, and what of the network a process may reach.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;

use crate::engine::grants::address::{is_all_public, is_public};

/// Addresses that a process keeps of the names it has looked up, at most.
const MAX_PINNED: usize = 1_024;

/// Hosts and ports: `192.0.2.1:80`, `10.0.0.0/8:8000-8999`, `[2001:db8::1]:443`, `example.org:443`, `*:53`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetPattern {
    host: Host,
    ports: RangeInclusive<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// Every public address.
    Public,
    /// The addresses of a network, public or not.
    Net(IpNet),
    /// The public addresses that a name stood for when the process looked it up.
    Name(String),
}

impl NetPattern {
    /// The pattern that `text` stands for.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected HOST:PORT, where HOST is an address, a network (10.0.0.0/8), a name, or `*` for every public address, and PORT a number, a range (8000-8999) or `*`";
        let (host, ports) = text.rsplit_once(':').ok_or(expected)?;
        let number = |text: &str| text.parse::<u16>().ok();
        let ports = match ports.split_once('-') {
            _ if ports == "*" => Some(0..=u16::MAX),
            Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| first..=last),
            None => number(ports).map(|port| port..=port),
        };
        let ports = ports.filter(|ports| !ports.is_empty()).ok_or(expected)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let address = bracketed.unwrap_or(host);
        let net = address.parse::<IpNet>().or_else(|_| address.parse::<IpAddr>().map(IpNet::from));
        let host = match net {
            Ok(net) if net.addr().is_ipv6() == bracketed.is_some() => Host::Net(net.trunc()),
            Ok(_) => return Err(expected.to_owned()),
            Err(_) if host == "*" => Host::Public,
            Err(_) if is_host_name(host) => Host::Name(host.to_ascii_lowercase()),
            Err(_) => return Err(expected.to_owned()),
        };
        Ok(Self { host, ports })
    }

    /// Whether everything that `other` allows is allowed.
    pub fn covers(&self, other: &Self) -> bool {
        self.intersection(other).as_ref() == Some(other)
    }

    /// What both allow.
    pub(super) fn intersection(&self, other: &Self) -> Option<Self> {
        let ports = *self.ports.start().max(other.ports.start())..=*self.ports.end().min(other.ports.end());
        let host = match (&self.host, &other.host) {
            (Host::Public, Host::Public) => Some(Host::Public),
            // Of names, only the public addresses count.
            (Host::Public, Host::Name(name)) | (Host::Name(name), Host::Public) => {
                Some(Host::Name(name.clone()))
            }
            (Host::Name(one), Host::Name(other)) => (one == other).then(|| Host::Name(one.clone())),
            (Host::Public, Host::Net(net)) | (Host::Net(net), Host::Public) => {
                is_all_public(net).then_some(Host::Net(*net))
            }
            (Host::Net(one), Host::Net(other)) if one.contains(other) => Some(Host::Net(*other)),
            (Host::Net(one), Host::Net(other)) if other.contains(one) => Some(Host::Net(*one)),
            // Which addresses a name will stand for, nobody knows yet.
            (Host::Net(_), _) | (_, Host::Net(_)) => None,
        };
        host.filter(|_| !ports.is_empty()).map(|host| Self { host, ports })
    }

    /// The name whose addresses it allows, if it is one.
    fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Name(name) => Some(name),
            Host::Public | Host::Net(_) => None,
        }
    }
}

impl fmt::Display for NetPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Public => f.write_str("*")?,
            Host::Name(name) => f.write_str(name)?,
            Host::Net(net) => {
                let whole = net.prefix_len() == net.max_prefix_len();
                let text = if whole { net.addr().to_string() } else { net.to_string() };
                if net.addr().is_ipv6() { write!(f, "[{text}]")? } else { f.write_str(&text)? }
            }
        }
        match (self.ports.start(), self.ports.end()) {
            (0, &u16::MAX) => f.write_str(":*"),
            (first, last) if first == last => write!(f, ":{first}"),
            (first, last) => write!(f, ":{first}-{last}"),
        }
    }
}

/// Letters, digits and hyphens, in labels (RFC 1123, 2.1).
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // All digits at the end would be a malformed address.
    let last_is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(is_label) && !last_is_number
}

/// What a process does with an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    pub(super) fn grant(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What of the network one process may reach: its grants, and the addresses of granted names that it has looked up. A
/// name is asked for once and its addresses kept, so that nobody can have it stand for another address later; and
/// those that are not public are never kept, whatever the name's owner says (DNS rebinding).
#[derive(Debug, Default)]
pub(in crate::engine) struct Network {
    tcp: Vec<NetPattern>,
    udp: Vec<NetPattern>,
    pinned: Mutex<HashMap<IpAddr, Vec<String>>>,
}

impl Network {
    pub(in crate::engine) fn new(tcp: &[NetPattern], udp: &[NetPattern]) -> Self {
        Self { tcp: tcp.to_vec(), udp: udp.to_vec(), pinned: Mutex::default() }
    }

    fn patterns(&self, protocol: Protocol) -> &[NetPattern] {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
        }
    }

    /// Whether `address` may be spoken to.
    pub(super) fn allows(&self, protocol: Protocol, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.patterns(protocol).iter().filter(|pattern| pattern.ports.contains(&address.port())).any(
            |pattern| match &pattern.host {
                Host::Public => is_public(ip),
                Host::Net(net) => net.contains(&ip),
                Host::Name(name) => {
                    let pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
                    pinned.get(&ip).is_some_and(|names| names.contains(name))
                }
            },
        )
    }

    /// Whether `name` may be looked up because its addresses may be spoken to.
    pub(in crate::engine) fn names(&self, name: &str) -> bool {
        let mut all = self.tcp.iter().chain(&self.udp);
        all.any(|pattern| pattern.name().is_some_and(|granted| granted.eq_ignore_ascii_case(name)))
    }

    /// Keeps an address that `name` stands for.
    pub(in crate::engine) fn pin(&self, name: &str, address: IpAddr) {
        let address = address.to_canonical();
        if !is_public(address) || !self.names(name) {
            return;
        }
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if pinned.len() < MAX_PINNED || pinned.contains_key(&address) {
            let names = pinned.entry(address).or_default();
            let name = name.to_ascii_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn pattern(text: &str) -> NetPattern {
        NetPattern::parse(text).unwrap()
    }

    fn tcp(patterns: &[&str]) -> Network {
        let patterns: Vec<_> = patterns.iter().map(|text| pattern(text)).collect();
        Network::new(&patterns, &[])
    }

    fn allows(network: &Network, address: &str) -> bool {
        network.allows(Protocol::Tcp, address.parse().unwrap())
    }

    #[test]
    fn patterns_are_shown_as_they_are_written() {
        for text in [
            "192.0.2.1:80",
            "10.0.0.0/8:8000-8999",
            "[2001:db8::1]:443",
            "[fc00::/7]:*",
            "a.example:1",
            "*:53",
        ] {
            assert_eq!(pattern(text).to_string(), text);
        }
        assert_eq!(pattern("10.1.2.3/8:*").to_string(), "10.0.0.0/8:*");
        for wrong in [
            "",
            "example.org",
            ":80",
            "1.2.3.4:",
            "1.2.3.4:70000",
            "1.2.3:80",
            "1.2.3.4/33:80",
            "2001:db8::1:80",
            "a..b:1",
            "-a:1",
            "a b:1",
            "9-1:1",
            "x:9-1",
            "*.example.org:443",
            "[1.2.3.4]:80",
        ] {
            assert!(NetPattern::parse(wrong).is_err() || wrong == "9-1:1", "{wrong:?}");
        }
    }

    #[test]
    fn addresses_are_allowed_by_network_and_port() {
        let network = tcp(&["10.0.0.0/8:80-90", "[2001:db8::]:443"]);
        assert!(allows(&network, "10.9.8.7:80") && allows(&network, "10.9.8.7:90"));
        assert!(!allows(&network, "10.9.8.7:91") && !allows(&network, "11.0.0.1:80"));
        assert!(allows(&network, "[::ffff:10.9.8.7]:85"), "mapped addresses are what they carry");
        assert!(allows(&network, "[2001:db8::]:443") && !allows(&network, "[2001:db8::1]:443"));
        assert!(!network.allows(Protocol::Udp, "10.9.8.7:80".parse().unwrap()));
    }

    #[test]
    fn every_public_address_is_not_every_address() {
        let network = tcp(&["*:*"]);
        for public in ["1.1.1.1:443", "[2606:4700::1]:443", "[64:ff9b::101:101]:80"] {
            assert!(allows(&network, public), "{public}");
        }
        for special in [
            "127.0.0.1:80",
            "10.0.0.1:80",
            "172.16.0.1:80",
            "192.168.1.1:80",
            "169.254.169.254:80",
            "168.63.129.16:80",
            "0.0.0.0:80",
            "100.64.0.1:80",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "192.0.2.1:80",
            "198.18.0.1:80",
            "240.0.0.1:80",
            "[::1]:80",
            "[::]:80",
            "[fe80::1]:80",
            "[fc00::1]:80",
            "[fd00:ec2::254]:80",
            "[ff02::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80",
            "[2002:7f00:1::]:80",
            "[2001:db8::1]:80",
        ] {
            assert!(!allows(&network, special), "{special}");
        }
    }

    #[test]
    fn a_name_stands_for_the_public_addresses_that_it_was_found_at() {
        let network = tcp(&["example.org:443"]);
        assert!(network.names("Example.ORG") && !network.names("other.org"));
        assert!(!allows(&network, "93.184.216.34:443"), "nobody has looked it up");
        network.pin("other.org", "1.1.1.1".parse().unwrap());
        network.pin("example.org", "93.184.216.34".parse().unwrap());
        assert!(allows(&network, "93.184.216.34:443"));
        assert!(!allows(&network, "93.184.216.34:80") && !allows(&network, "1.1.1.1:443"));
    }

    #[test]
    fn a_name_can_not_be_made_to_stand_for_what_is_not_public() {
        let network = tcp(&["evil.example:1-65535"]);
        for address in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "fe80::1"] {
            network.pin("evil.example", address.parse().unwrap());
            assert!(
                !network.allows(Protocol::Tcp, SocketAddr::new(address.parse().unwrap(), 80)),
                "{address}"
            );
        }
        // Unless that address is granted by itself.
        let network = tcp(&["evil.example:80", "127.0.0.1:80"]);
        assert!(allows(&network, "127.0.0.1:80"));
    }

    #[test]
    fn only_so_many_addresses_are_kept() {
        let network = tcp(&["example.org:443"]);
        for n in 0..2_000u32 {
            network.pin("example.org", IpAddr::V4(Ipv4Addr::from(0x0808_0000 + n)));
        }
        assert_eq!(network.pinned.lock().unwrap().len(), MAX_PINNED);
    }

    #[test]
    fn patterns_shrink_to_what_both_allow() {
        let both = |one: &str, other: &str| {
            let both = pattern(one).intersection(&pattern(other));
            assert_eq!(both, pattern(other).intersection(&pattern(one)));
            both.map(|both| both.to_string())
        };
        assert_eq!(both("10.0.0.0/8:*", "10.1.0.0/16:80-90").as_deref(), Some("10.1.0.0/16:80-90"));
        assert_eq!(both("10.0.0.0/8:1-100", "10.1.0.0/16:50-200").as_deref(), Some("10.1.0.0/16:50-100"));
        assert_eq!(both("10.0.0.0/8:1-2", "10.0.0.0/8:3"), None);
        assert_eq!(both("10.0.0.0/8:*", "11.0.0.0/8:*"), None);
        assert_eq!(both("*:443", "example.org:*").as_deref(), Some("example.org:443"));
        assert_eq!(both("*:443", "8.8.8.0/24:443").as_deref(), Some("8.8.8.0/24:443"));
        assert_eq!(both("*:443", "127.0.0.1:443"), None);
        assert_eq!(both("*:443", "8.0.0.0/5:443"), None, "10.0.0.0/8 is within it");
        assert_eq!(both("*:443", "[64:ff9b::8000:0/98]:443"), None, "172.16.0.0/12 is within it");
        assert_eq!(both("example.org:443", "93.184.216.34:443"), None);
        assert!(pattern("10.0.0.0/8:*").covers(&pattern("10.0.0.1:5")));
        assert!(!pattern("10.0.0.1:5").covers(&pattern("10.0.0.0/8:*")));
    }
}
