//! `regrow:otp/registry`

use crate::engine::bindings::regrow::otp::registry::Host;
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::host::process::reserved;
use crate::engine::state::GuestState;

impl Host for GuestState {
    async fn register(&mut self, name: String, pid: wit::Pid) -> wasmtime::Result<Result<(), wit::Error>> {
        let context = self.charge(name.len()).await?;
        if self.owner()?.catalog.is_reserved(&name) {
            return Ok(Err(wit::Error::Denied(reserved(&name))));
        }
        let pid = pid.into();
        if let Err(error) = self.may_signal(pid)? {
            return Ok(Err(error));
        }
        Ok(context.register(&name, pid).map_err(Into::into))
    }

    async fn unregister(&mut self, name: String) -> wasmtime::Result<Result<(), wit::Error>> {
        let context = self.charge(name.len()).await?;
        let Some(owner) = context.runtime().whereis(&name) else {
            return Ok(Err(wit::Error::BadArgument(format!("nobody is registered as {name:?}"))));
        };
        if let Err(error) = self.may_signal(owner)? {
            return Ok(Err(error));
        }
        context.unregister(&name);
        Ok(Ok(()))
    }

    async fn whereis(&mut self, name: String) -> wasmtime::Result<Option<wit::Pid>> {
        let context = self.charge(name.len()).await?;
        Ok(context.runtime().whereis(&name).map(Into::into))
    }
}
