//! The report as text.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use access_log_messages::Totals;

const TOP_PATHS: usize = 10;
const BAR_WIDTH: u64 = 40;

/// One line, while there is more to come.
pub fn progress(totals: &Totals) -> String {
    let (requests, bytes) = (grouped(totals.counts.requests), grouped(totals.counts.bytes));
    format!("… {requests:>12} requests  {bytes:>16} bytes  {:>6} poison lines", grouped(totals.poison_lines))
}

/// The report at the end.
pub fn summary(totals: &Totals) -> String {
    let mut text = String::new();
    write_summary(&mut text, totals).expect("a string takes all text");
    text
}

fn write_summary(out: &mut String, totals: &Totals) -> fmt::Result {
    let counts = &totals.counts;
    writeln!(out, "\nREQUESTS PER MINUTE")?;
    let highest = counts.minutes.values().max().copied().unwrap_or(1).max(1);
    for (minute, count) in in_order(&counts.minutes) {
        let bar = "█".repeat(usize::try_from(count * BAR_WIDTH / highest).unwrap_or(0));
        writeln!(out, "  {minute}  {:>10}  {bar}", grouped(count))?;
    }
    writeln!(out, "\nTOP PATHS")?;
    for (path, count) in top(&counts.paths) {
        writeln!(out, "  {:>12}  {}", grouped(count), printable(path))?;
    }
    if !totals.first_poison.is_empty() {
        writeln!(out, "\nPOISON LINES (the first {})", totals.first_poison.len())?;
        for poison in &totals.first_poison {
            writeln!(out, "  {:<44}  {}", printable(&poison.why), printable(&poison.excerpt))?;
        }
    }
    writeln!(out, "\nSUMMARY")?;
    for (class, count) in (1..).zip(counts.status_classes) {
        writeln!(out, "  status {class}xx    {:>16}", grouped(count))?;
    }
    writeln!(out, "  requests      {:>16}", grouped(counts.requests))?;
    writeln!(out, "  bytes         {:>16}", grouped(counts.bytes))?;
    writeln!(out, "  poison lines  {:>16}", grouped(totals.poison_lines))?;
    Ok(())
}

/// Text of unknown origin, for a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

fn top(paths: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut paths: Vec<(&str, u64)> = paths.iter().map(|(path, count)| (path.as_str(), *count)).collect();
    paths.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    paths.truncate(TOP_PATHS);
    paths
}

/// Minutes by time: as text, `01/Dec` comes before `30/Nov`.
fn in_order(minutes: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = |minute: &str| MONTHS.iter().position(|month| minute.get(3..6) == Some(month));
    let mut minutes: Vec<(&str, u64)> =
        minutes.iter().map(|(minute, count)| (minute.as_str(), *count)).collect();
    minutes.sort_by_key(|(minute, _)| (minute.get(7..11), month(minute), minute.get(0..2), minute.get(12..)));
    minutes
}

/// `1234567` → `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn minutes_are_in_the_order_of_time() {
        let minutes = ["01/Dec/2026:00:00", "30/Nov/2026:23:59", "31/Dec/2025:10:00"];
        let counted = minutes.iter().map(|minute| (minute.to_string(), 1)).collect();
        let order: Vec<&str> = in_order(&counted).into_iter().map(|(minute, _)| minute).collect();
        assert_eq!(order, ["31/Dec/2025:10:00", "30/Nov/2026:23:59", "01/Dec/2026:00:00"]);
    }
}
