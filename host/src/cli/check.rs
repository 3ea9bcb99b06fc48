//! `regrow check`

use crate::cli::{Failure, ManifestArgs, load, print};

pub(super) async fn check(args: &ManifestArgs) -> Result<(), Failure> {
    let application = load(args).await?;
    let components: Vec<String> =
        application.components().map(|(component, ..)| component.name().to_string()).collect();
    let (supervisors, workers) = application.count_children();
    print(&format!(
        "{}: good: {} components ({}), {supervisors} supervisors, {workers} workers",
        application.name(),
        components.len(),
        components.join(", ")
    ))?;
    for (name, grants, ungranted) in application.reach() {
        print(&format!("  {name} may reach: {grants}"))?;
        if !ungranted.is_empty() {
            print(&format!(
                "    imports without a grant (a hint, most programs never use them): {}",
                ungranted.join(", ")
            ))?;
        }
    }
    Ok(())
}
