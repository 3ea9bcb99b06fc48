//! Attacks on what is outside: files and the network.

use std::hint::black_box;
use std::net::{TcpStream, UdpSocket};

/// Tries ways out of its folder for ever.
pub fn escapes(_: ()) {
    let ways =
        ["/data/../secret.txt", "/data/link", "/data/loop", "/data/pipe", "/proc/self/mem", "/dev/zero"];
    loop {
        for way in ways {
            assert!(std::fs::read(way).is_err(), "{way}");
            black_box(std::fs::write(way, "mine").is_err());
        }
    }
}

/// Tries addresses that it has no grant for, for ever.
pub fn scan(victim: String) {
    loop {
        for address in ["169.254.169.254:80", "127.0.0.1:22", "[::1]:80", "[::ffff:127.0.0.1]:80", &victim] {
            assert!(TcpStream::connect(address).is_err(), "{address}");
        }
        black_box(UdpSocket::bind("0.0.0.0:0").is_err());
    }
}
