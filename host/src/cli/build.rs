//! `regrow build`

use crate::cli::{Failure, ManifestArgs, load};

pub(super) async fn build(args: &ManifestArgs) -> Result<(), Failure> {
    let application = load(args).await?;
    println!("{:<16} {:>9}  {:<32} FILE", "COMPONENT", "KIB", "ENTRIES");
    for (component, file, size) in application.components() {
        let entries: Vec<&str> = component.entries().iter().map(|entry| entry.name.as_str()).collect();
        let (name, kib) = (component.name(), size.div_ceil(1024));
        println!("{name:<16} {kib:>9}  {:<32} {}", entries.join(", "), file.display());
    }
    Ok(())
}
