//! `watch_addresses` in tokio: waits with its reactor, beside whatever else the program does.
//!
//! `cargo run --example watch_addresses_tokio`, with no privilege.

mod line;

use std::{error::Error, time::Duration};

use vip_netlink::Monitor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut monitor = vip_netlink::tokio::Monitor::new(Monitor::open()?)?;
    loop {
        match monitor.next().await {
            Ok(event) => println!("{}", line::line(&event, monitor.picture())),
            Err(error) => {
                // What was missed is found out by the next call.
                eprintln!("{error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
