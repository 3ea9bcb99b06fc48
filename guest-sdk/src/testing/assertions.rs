//! Assertions about what arrives.

/// Waits for a plain message that fits a pattern, and takes it out of the mailbox; the value of the expression after `=>`, if there is
/// one. Other messages stay. It waits for 100 ms of virtual time, or for as long as the last argument says.
///
/// The type of the message is that of the pattern: `assert_receive!(Event::Tick(n) => n)`, or, where that does not say it,
/// `assert_receive!(n: u64 => n)`.
///
/// # Panics
/// If there is no such message in time.
#[macro_export]
macro_rules! assert_receive {
    ($name:ident : $type:ty $(=> $value:expr)? $(, $timeout:expr)? $(,)?) => {
        $crate::__assert_receive!(
            { |message: &$crate::mailbox::Message| message.decode::<$type>().ok().map(|$name| { let _ = &$name; $crate::__or_unit!($($value)?) }) },
            stringify!($name : $type), $crate::__or_default!($($timeout)?)
        )
    };
    ($pattern:pat $(if $guard:expr)? $(=> $value:expr)? $(, $timeout:expr)? $(,)?) => {
        $crate::__assert_receive!(
            { |message: &$crate::mailbox::Message| match message.decode() {
                #[allow(unused_variables)]
                Ok($pattern) $(if $guard)? => Some($crate::__or_unit!($($value)?)),
                _ => None,
            } },
            stringify!($pattern $(if $guard)?), $crate::__or_default!($($timeout)?)
        )
    };
}

/// Waits for 100 ms of virtual time, or for as long as the last argument says, and finds that no plain message comes that fits a
/// pattern.
///
/// # Panics
/// If one does.
#[macro_export]
macro_rules! refute_receive {
    ($pattern:pat $(if $guard:expr)? $(, $timeout:expr)? $(,)?) => {
        let found = $crate::__private::receive_plain($crate::__or_default!($($timeout)?), |message| {
            match message.decode() {
                #[allow(unused_variables)]
                Ok($pattern) $(if $guard)? => Some(()),
                _ => None,
            }
        });
        assert!(found.is_err(), "a message came that fits {}", stringify!($pattern $(if $guard)?));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __assert_receive {
    ($select:block, $what:expr, $timeout:expr) => {
        match $crate::__private::receive_plain($timeout, $select) {
            Ok(value) => value,
            Err(others) => panic!("no message came that fits {}; in the mailbox: {others}", $what),
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __or_unit {
    () => {
        ()
    };
    ($value:expr) => {
        $value
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __or_default {
    () => {
        ::core::time::Duration::from_millis(100)
    };
    ($timeout:expr) => {
        $timeout
    };
}
