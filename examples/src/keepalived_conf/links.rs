//! `interface_up_down_delays`.

use std::time::Duration;

use super::{
    model::{Config, InterfaceDelay},
    tree::Item,
    values::Context,
};

pub(super) fn read_delays(context: &Context, item: &Item, config: &mut Config) {
    if !item.is("interface_up_down_delays") {
        return;
    }
    for line in item.items() {
        let Some(interface) = line.words.first() else { continue };
        let delay = |place: usize| {
            let word = line.words.get(place)?;
            context.seconds_of("delay", word, 0.0..=255.0)
        };
        let down = delay(1).unwrap_or(Duration::ZERO);
        config.interface_delays.push(InterfaceDelay {
            interface: interface.text.clone(),
            down,
            up: delay(2).unwrap_or(Duration::ZERO),
        });
    }
}
