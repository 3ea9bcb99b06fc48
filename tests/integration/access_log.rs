//! The example that analyses an access log: its totals are those that another language computes, whatever
//! happens to its processes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use access_log_messages::Totals;
use bytes::Bytes;
use regrow::manifest::{Manifest, Source};
use regrow_otp::ExitReason;
use regrow_tests::TestNode;

/// The application's own manifest, on a folder of the test's and a smaller log, kept running at its end.
fn start(folder: &Path, lines: u64) -> TestNode {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples-guests/access-log/regrow.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("host = \"logs\"", &format!("host = {folder:?}"))
        .replace("lines = 1_000_000, poison_per_mille = 1", &format!("lines = {lines}, poison_per_mille = 5"))
        .replace("auto_shutdown = \"any_significant\"", "intensity = 1000")
        .replace("significant = true", "");
    let manifest = Manifest::parse(Source { path, text }).unwrap();
    TestNode::start_manifest(manifest, 2).unwrap()
}

/// Asks the aggregator until it has everything.
fn totals(node: &TestNode) -> Totals {
    node.run(|context| async move {
        let question = Bytes::from(regrow_term::encode("totals").unwrap());
        loop {
            let timeout = Some(Duration::from_secs(60));
            let answer = context.call(&"aggregator".into(), question.clone(), timeout).await;
            // While the tree regrows there is nobody to ask.
            let totals: Option<Totals> = answer.ok().and_then(|bytes| regrow_term::decode(&bytes).ok());
            match totals.filter(|totals| totals.finished) {
                Some(totals) => return totals,
                None => drop(context.receive(Some(Duration::from_millis(5))).await),
            }
        }
    })
}

/// The same totals, by a few lines of Perl: requests, bytes, poison lines, status classes, and the counts of
/// one path and one minute.
const PERL: &str = r#"
    my ($n, $bytes, $bad, %class, %path, %minute) = (0, 0, 0);
    while (my $line = <STDIN>) {
        my $copy = $line;
        if (length($line) <= 65536 && utf8::decode($copy)
            && $line =~ m{^\S+ \S+ \S+ \[(\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d):\d\d [-+]\d{4}\] "[A-Z]+ ([^ ?"]+)\S* HTTP/\S*" ([1-5])\d\d (\d{1,15}|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"\r?\n?$}) {
            $n++; $bytes += $4 unless $4 eq '-'; $class{$3}++; $path{$2}++; $minute{$1}++;
        } else { $bad++ }
    }
    print join(' ', $n, $bytes, $bad, map { $class{$_} // 0 } 1..5), "\n";
    print join(' ', map { "$_=$path{$_}" } sort keys %path), "\n";
    print join(' ', map { "$_=$minute{$_}" } sort keys %minute), "\n";
"#;

fn expected(log: &Path) -> String {
    let input = std::fs::File::open(log).unwrap();
    let output = Command::new("perl").args(["-e", PERL]).stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn shown(totals: &Totals) -> String {
    let counts = &totals.counts;
    let classes = counts.status_classes.map(|count| count.to_string()).join(" ");
    let list = |map: &std::collections::BTreeMap<String, u64>| {
        map.iter().map(|(key, count)| format!("{key}={count}")).collect::<Vec<_>>().join(" ")
    };
    let (paths, minutes) = (list(&counts.paths), list(&counts.minutes));
    format!("{} {} {} {classes}\n{paths}\n{minutes}\n", counts.requests, counts.bytes, totals.poison_lines)
}

#[test]
fn the_totals_are_those_of_another_language() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path(), 30_000);
    let totals = totals(&node);
    assert_eq!(totals.counts.requests + totals.poison_lines, 30_000);
    assert!(totals.poison_lines > 50);
    assert_eq!(shown(&totals), expected(&folder.path().join("access.log")));
}

#[test]
fn every_line_is_counted_once_while_its_processes_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path(), 30_000);
    // Until it runs as a whole, a kill would be a start that failed.
    node.await_child("reporter");
    // Whoever is there is killed, again and again: parsers mostly, the others now and then.
    let runtime = node.node().runtime().clone();
    let victims = |entry: &str| {
        let of_entry = |info: &regrow_otp::ProcessInfo| info.identity.entry.as_deref() == Some(entry);
        runtime
            .processes()
            .into_iter()
            .filter_map(|pid| runtime.process_info(pid))
            .filter(of_entry)
            .collect::<Vec<_>>()
    };
    for round in 0..60 {
        let entry = match round % 20 {
            7 => "reader",
            15 => "aggregator",
            _ => "parser",
        };
        let Some(victim) = victims(entry).into_iter().next() else { continue };
        runtime.exit(victim.pid, ExitReason::Kill);
        node.await_down(victim.pid);
    }
    assert_eq!(shown(&totals(&node)), expected(&folder.path().join("access.log")));
}

#[test]
fn any_other_log_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let log = "\
127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 2326 \"http://www.example.com/start.html\" \"Mozilla/4.08 [en] (Win98; I ;Nav)\"
rubbish
::1 - - [31/Dec/1999:23:59:59 +0000] \"POST /form?x=\\\"1 HTTP/1.1\" 503 - \"-\" \"-\"

192.0.2.1 - - [01/Jan/2000:00:00:00 +0000] \"GET / HTTP/1.1\" 301 0 \"-\" \"without a line end\"";
    std::fs::write(folder.path().join("mine.log"), log).unwrap();
    let node = start(folder.path(), 1);
    let totals = totals(&node);
    assert_eq!((totals.counts.requests, totals.counts.bytes, totals.poison_lines), (3, 2326, 2));
    assert_eq!(totals.counts.status_classes, [0, 1, 1, 0, 1]);
    assert_eq!(totals.counts.paths.keys().collect::<Vec<_>>(), ["/", "/apache_pb.gif", "/form"]);
    let mut lines: Vec<u64> = totals.first_poison.iter().map(|poison| poison.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 4]);
}
