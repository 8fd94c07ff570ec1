//! Subject files.
#![no_main]

#[path = "../demands.rs"]
#[allow(dead_code, reason = "each target makes one of the demands")]
mod demands;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| demands::subject(bytes));
