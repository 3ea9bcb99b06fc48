//! `regrow:otp/log`

use crate::engine::bindings::regrow::otp::log::{Host, Level as WitLevel};
use crate::engine::state::GuestState;
use crate::observe::Level;

impl Host for GuestState {
    async fn max_level(&mut self) -> wasmtime::Result<WitLevel> {
        self.charge(0).await?;
        Ok(match self.owner()?.log.max_level() {
            Level::Error => WitLevel::Error,
            Level::Warning => WitLevel::Warning,
            Level::Info => WitLevel::Info,
            Level::Debug => WitLevel::Debug,
            Level::Trace => WitLevel::Trace,
        })
    }

    async fn write(&mut self, level: WitLevel, target: String, message: String) -> wasmtime::Result<()> {
        self.charge(message.len() + target.len()).await?;
        let level = match level {
            WitLevel::Error => Level::Error,
            WitLevel::Warning => Level::Warning,
            WitLevel::Info => Level::Info,
            WitLevel::Debug => Level::Debug,
            WitLevel::Trace => Level::Trace,
        };
        self.owner()?.log.write(level, &target, &message);
        Ok(())
    }
}
