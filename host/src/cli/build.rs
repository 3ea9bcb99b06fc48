//! `regrow build`

use std::collections::BTreeMap;

use crate::cli::{Failure, ManifestArgs, load, print};

pub(super) async fn build(args: &ManifestArgs) -> Result<(), Failure> {
    let application = load(args).await?;
    print(&format!("{:<16} {:>9} {:>11}  {:<32} FILE", "COMPONENT", "KIB", "MEMORY KIB", "ENTRIES"))?;
    for (component, file, size) in application.components() {
        let entries: Vec<&str> = component.entries().iter().map(|entry| entry.name.as_str()).collect();
        let (name, kib) = (component.name(), size.div_ceil(1024));
        let memory = component.initial_memory_bytes().div_ceil(1024);
        let entries = entries.join(", ");
        print(&format!("{name:<16} {kib:>9} {memory:>11}  {entries:<32} {}", file.display()))?;
        print(&format!("{:16} imports {}", "", by_package(&component.imports())))?;
    }
    Ok(())
}

/// Interfaces as `wasi:io/{poll, streams}`.
fn by_package(imports: &[String]) -> String {
    let mut packages: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in imports {
        let (package, interface) = import.split_once('/').unwrap_or((import, ""));
        packages.entry(package).or_default().push(interface);
    }
    let shown = packages.into_iter().map(|(package, mut interfaces)| {
        interfaces.sort_unstable();
        match &interfaces[..] {
            [one] => format!("{package}/{one}"),
            several => format!("{package}/{{{}}}", several.join(", ")),
        }
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_shown_by_package() {
        let imports = ["wasi:io/streams", "regrow:otp/log", "wasi:io/poll"].map(str::to_owned);
        assert_eq!(by_package(&imports), "regrow:otp/log, wasi:io/{poll, streams}");
        assert_eq!(by_package(&[]), "nothing");
    }
}
