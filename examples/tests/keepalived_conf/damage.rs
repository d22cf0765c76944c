//! Files that something has happened to.

use failover_examples::keepalived_conf::read_text;

use crate::environment;

const FILES: [&str; 4] = [
    include_str!("../howto/node1.conf"),
    include_str!("../howto/node2.conf"),
    include_str!("files/vrrp.conf"),
    include_str!("files/lvs.conf"),
];

pub(crate) fn no_damage_is_more_than_an_error_at_its_line() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad) = (0, 0);
    for round in 0..3000 {
        let file = FILES[round % FILES.len()];
        let mut bytes = file.as_bytes().to_vec();
        for _ in 0..=dice.below(3) {
            damage(&mut bytes, &mut dice);
        }
        let lines = bytes.split(|byte| *byte == b'\n').count();

        let reading = read_text("damaged.conf", &bytes, &environment());

        for one in &reading.diagnostics {
            assert!(
                (1..=lines).contains(&one.line) && one.column >= 1,
                "{one} in {}",
                String::from_utf8_lossy(&bytes)
            );
            assert!(!one.message.is_empty());
        }
        let has_error = reading
            .diagnostics
            .iter()
            .any(|one| one.severity == failover_examples::keepalived_conf::Severity::Error);
        assert_eq!(reading.config.is_none(), has_error, "refused if and only if it says why");
        if has_error { bad += 1 } else { good += 1 }
    }
    assert!(good > 100 && bad > 1000, "{good} good, {bad} bad: the damage is too small or too great");
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len().max(1));
    if bytes.is_empty() {
        return;
    }
    match dice.below(8) {
        0 => bytes[at] = dice.byte(),
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, b"{}\"#!$~@\\\n \0"[dice.below(12)]),
        3 => bytes.truncate(at),
        4 => {
            let end = (at + dice.below(40)).min(bytes.len());
            bytes.drain(at..end);
        }
        5 => {
            let end = (at + dice.below(200)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let to = dice.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        6 => {
            let number = ["-1", "0", "256", "99999999999999999999", "1e9", "NaN", "0x10", "é"][dice.below(8)];
            let from = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit()).unwrap_or(at);
            let end = (from..bytes.len()).find(|at| !bytes[*at].is_ascii_digit()).unwrap_or(from);
            bytes.splice(from..end, number.bytes());
        }
        _ => {
            // A line more or less.
            let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
            let end = bytes[at..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(bytes.len(), |after| at + after + 1);
            let line = bytes[start..end].to_vec();
            if dice.below(2) == 0 {
                bytes.drain(start..end);
            } else {
                bytes.splice(start..start, line);
            }
        }
    }
}

/// xorshift64: the same damage each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.below(256).try_into().unwrap()
    }
}
