//! The generator: makes a log to analyse where there is none. The same seed makes the same log.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use regrow_sdk::ExitReason;
use regrow_sdk::process::{self, InitResult};
use serde::Deserialize;

/// What is to be made.
#[derive(Deserialize)]
pub struct Config {
    folder: PathBuf,
    lines: u64,
    /// Of a thousand lines, so many are poison.
    poison_per_mille: u64,
    seed: u64,
}

/// Makes the log unless the folder has one; the application's other parts start when that is done.
fn generator(config: Config) -> Result<(), ExitReason> {
    let has_log = fs::read_dir(&config.folder)?
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
    if has_log {
        log::info!("there is a log in {}: it is analysed as it is", config.folder.display());
    } else {
        log::info!("making a log of {} lines, once", config.lines);
        let bytes = generate(&config, &config.folder)?;
        log::info!("made {} MiB", bytes >> 20);
    }
    process::init_ack(InitResult::Started);
    Ok(())
}

/// Writes the log under another name first: nobody finds half a log.
fn generate(config: &Config, folder: &Path) -> io::Result<u64> {
    let unfinished = folder.join("access.log.unfinished");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    let mut random = Random(config.seed);
    let (mut line, mut bytes) = (Vec::new(), 0);
    for number in 0..config.lines {
        line.clear();
        // An hour in which the traffic rises steadily.
        let second = (number * 3600 * 3600 / config.lines.max(1)).isqrt();
        write_line(&mut line, second, &mut random)?;
        if random.below(1000) < config.poison_per_mille {
            poison(&mut line, &mut random);
        }
        line.push(b'\n');
        out.write_all(&line)?;
        bytes += line.len() as u64;
    }
    out.into_inner()?;
    fs::rename(unfinished, folder.join("access.log"))?;
    Ok(bytes)
}

fn write_line(line: &mut Vec<u8>, second: u64, random: &mut Random) -> io::Result<()> {
    const SECTIONS: [&str; 6] = ["products", "blog", "docs", "users", "static", "api/v1"];
    const AGENTS: [&str; 4] = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",
        "curl/8.15.0",
        "Crawler \\\"Z\\\" (+https://crawler.example/)",
    ];
    const STATUS: [u16; 12] = [200, 200, 200, 200, 200, 200, 206, 301, 304, 404, 403, 500];
    // Few paths are popular: the smaller of two draws.
    let page = random.below(200).min(random.below(200));
    let section = SECTIONS[random.below(6) as usize];
    let status = STATUS[random.below(12) as usize];
    let (a, b) = (random.below(256), random.below(256));
    let (minute, second) = (second / 60, second % 60);
    write!(line, "203.0.{a}.{b} - - [22/Nov/2026:18:{minute:02}:{second:02} +0000] ")?;
    write!(line, "\"GET /{section}/{page}.html")?;
    if random.below(4) == 0 {
        write!(line, "?q={}&lang=de", random.below(10_000))?;
    }
    match status {
        304 => write!(line, " HTTP/1.1\" {status} - ")?,
        _ => write!(line, " HTTP/1.1\" {status} {} ", random.below(100_000))?,
    }
    write!(line, "\"https://example.org/{section}/\" \"{}\"", AGENTS[random.below(4) as usize])
}

/// Spoils a line, in one of several ways.
fn poison(line: &mut Vec<u8>, random: &mut Random) {
    let replace = |line: &mut Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8_lossy(line).replacen(from, to, 1);
        *line = text.into_bytes();
    };
    match random.below(100) {
        0..25 => line.truncate(30 + random.below(30) as usize),
        25..50 => line.splice(20..22, [0xc3, 0x28]).for_each(drop),
        50..70 => replace(line, " HTTP/1.1\" ", " HTTP/1.1\" 9"),
        70..85 => {
            let text = String::from_utf8_lossy(line);
            let (request, rest) = text.split_once(" HTTP/1.1\" ").unwrap_or((&text, ""));
            let agent = rest.split_once('"').map_or("", |(_, agent)| agent);
            *line = format!("{request} HTTP/1.1\" 200 99999999999999999999999999 \"{agent}").into_bytes();
        }
        85..97 => replace(line, "[22/Nov/", "[99/99/"),
        _ => line.resize(1 << 20, b'x'),
    }
}

/// SplitMix64: the same on every machine, unlike what WASI offers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

regrow_sdk::component! {
    /// Makes a log where there is none.
    "generator" => init generator,
}
