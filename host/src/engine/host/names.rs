//! `regrow:otp/names`

use crate::engine::bindings::regrow::otp::names::Host;
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::host::authority::{check_entries, good};
use crate::engine::state::GuestState;

impl Host for GuestState {
    async fn register(&mut self, name: String, pid: wit::Pid) -> wasmtime::Result<Result<(), wit::Error>> {
        let context = self.charge(name.len()).await?;
        good!(self.may_register(&name)?);
        let pid = pid.into();
        if let Err(error) = self.may_signal(pid)? {
            return Ok(Err(error));
        }
        match context.register(&name, pid) {
            Ok(()) => Ok(Ok(())),
            Err(error) => Ok(Err(self.about_name(Some(&name), error.into())?)),
        }
    }

    async fn unregister(&mut self, name: String) -> wasmtime::Result<Result<(), wit::Error>> {
        let context = self.charge(name.len()).await?;
        good!(self.may_register(&name)?);
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
        if self.may_look_up(&name)?.is_err() {
            return Ok(None);
        }
        Ok(context.runtime().whereis(&name).map(Into::into))
    }

    async fn registered(&mut self) -> wasmtime::Result<Result<Vec<String>, wit::Error>> {
        let context = self.charge(0).await?;
        good!(self.may_list("names")?);
        let names: Vec<String> = context.runtime().registered().into_iter().map(|(name, _)| name).collect();
        good!(check_entries(names.len()));
        self.charge(names.iter().map(String::len).sum()).await?;
        Ok(Ok(names))
    }
}
