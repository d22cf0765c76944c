//! The program that the kernel runs on each packet to find out whether it is for one of the virtual routers given: a
//! classic BPF program (Documentation/networking/filter.rst).
//!
//! The number of the virtual router is the second byte of a VRRP message (RFC 3768 §5.1). A packet that ends before it may
//! be anybody's and is let in: only what is surely for others is kept out.

use nix::libc;
use socket2::SockFilter;

use super::{Failure, Socket};

/// Where the VRRP message stands in what the kernel hands to the program.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Behind an IPv4 header with its options.
    Ipv4,
    /// Behind an IPv4 header and an Authentication Header.
    Ipv4Ah,
    /// At the beginning: the kernel has read IPv6's headers.
    Ipv6,
}

/// Lets in only what is for these virtual routers, in place of what was let in before.
pub(super) fn attach(
    socket: &Socket,
    layout: Layout,
    vrids: impl IntoIterator<Item = u8>,
) -> Result<(), Failure> {
    let program = program(layout, vrids);
    let of_the_library = |instruction: &Instruction| {
        let Instruction { code, when_true, when_false, operand } = *instruction;
        SockFilter::new(code, when_true, when_false, operand)
    };
    Ok(socket.attach_filter(&program.iter().map(of_the_library).collect::<Vec<_>>())?)
}

/// One instruction, linux/filter.h's `struct sock_filter`.
#[derive(Copy, Clone, Debug)]
struct Instruction {
    code: u16,
    /// How many instructions a jump steps over.
    when_true: u8,
    when_false: u8,
    operand: u32,
}

/// Leaves the number in the accumulator, then looks it up: which of eight words it is in, and which bit of that word. So it
/// takes as long for two hundred numbers as for eight.
fn program(layout: Layout, vrids: impl IntoIterator<Item = u8>) -> Vec<Instruction> {
    let mut program = match layout {
        Layout::Ipv4 => vec![load_header_length_to_index(), copy_index_to_accumulator()],
        Layout::Ipv4Ah => authentication_header().to_vec(),
        Layout::Ipv6 => vec![load(0)],
    };
    program.extend([add(NUMBER_AT), copy_accumulator_to_index()]);
    program.extend([load_packet_length(), skip_if_more_than_index(1), accept(), load_byte(0)]);
    program.extend([store(0), and(u32::BITS - 1), copy_accumulator_to_index(), load_stored(0)]);
    program.push(shift_right(u32::BITS.ilog2()));
    for (number, word) in (0..).zip(words(vrids)) {
        // The bit of the number, put in front by shifting the word to the right.
        let find = [load(word), shift_right_by_index(), skip_unless_bit(1), accept(), reject()];
        program.push(skip_unless_equal(number, 5));
        program.extend(find);
    }
    program.push(reject());
    program
}

/// Leaves in the accumulator where the Authentication Header ends (RFC 2402 §2: next header, length in words but two).
fn authentication_header() -> [Instruction; 12] {
    [
        load_header_length_to_index(),
        load_packet_length(),
        subtract_index(),
        skip_if_at_least(2, 1),
        accept(),
        load_byte(0),
        skip_if_equal(VRRP, 1),
        reject(),
        load_byte(1),
        add(2),
        shift_left(2),
        add_index(),
    ]
}

fn words(vrids: impl IntoIterator<Item = u8>) -> [u32; 8] {
    let mut words = [0; 8];
    for vrid in vrids.into_iter().map(u32::from) {
        if let Some(word) = words.get_mut((vrid / u32::BITS) as usize) {
            *word |= 1 << (vrid % u32::BITS);
        }
    }
    words
}

const fn instruction(code: u32, operand: u32) -> Instruction {
    jump(code, operand, 0, 0)
}

const fn jump(code: u32, operand: u32, when_true: u8, when_false: u8) -> Instruction {
    // All codes fit: they are of 16 bits in linux/filter.h too.
    Instruction { code: code as u16, when_true, when_false, operand }
}

const fn load(value: u32) -> Instruction {
    instruction(libc::BPF_LD | libc::BPF_IMM, value)
}

/// Loads the byte so far behind the index.
const fn load_byte(behind: u32) -> Instruction {
    instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, behind)
}

const fn load_packet_length() -> Instruction {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_LEN, 0)
}

const fn load_header_length_to_index() -> Instruction {
    instruction(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0)
}

const fn store(cell: u32) -> Instruction {
    instruction(libc::BPF_ST, cell)
}

const fn load_stored(cell: u32) -> Instruction {
    instruction(libc::BPF_LD | libc::BPF_MEM, cell)
}

const fn copy_accumulator_to_index() -> Instruction {
    instruction(libc::BPF_MISC | libc::BPF_TAX, 0)
}

const fn copy_index_to_accumulator() -> Instruction {
    instruction(libc::BPF_MISC | libc::BPF_TXA, 0)
}

const fn add(value: u32) -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, value)
}

const fn add_index() -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X, 0)
}

const fn subtract_index() -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_SUB | libc::BPF_X, 0)
}

const fn and(mask: u32) -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask)
}

const fn shift_left(bits: u32) -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K, bits)
}

const fn shift_right(bits: u32) -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, bits)
}

const fn shift_right_by_index() -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_X, 0)
}

const fn skip_if_more_than_index(skipped: u8) -> Instruction {
    jump(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_X, 0, skipped, 0)
}

const fn skip_if_at_least(value: u32, skipped: u8) -> Instruction {
    jump(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, value, skipped, 0)
}

const fn skip_if_equal(value: u32, skipped: u8) -> Instruction {
    jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, skipped, 0)
}

const fn skip_unless_equal(value: u32, skipped: u8) -> Instruction {
    jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, 0, skipped)
}

/// Looks at the lowest bit.
const fn skip_unless_bit(skipped: u8) -> Instruction {
    jump(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, 0, skipped)
}

/// Returns how much of the packet is let in: all of it.
const fn accept() -> Instruction {
    instruction(libc::BPF_RET | libc::BPF_K, u32::MAX)
}

const fn reject() -> Instruction {
    instruction(libc::BPF_RET | libc::BPF_K, 0)
}

/// The second byte of the message.
const NUMBER_AT: u32 = 1;

const VRRP: u32 = 112;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn lets_in_what_is_not_surely_for_others(
            (layout, packet) in packets(),
            vrids in prop_oneof![vec(any::<u8>(), 0..4), vec(any::<u8>(), 0..255)],
        ) {
            let expected = number_of(layout, &packet).is_none_or(|number| {
                number.is_ok_and(|number| vrids.contains(&number))
            });

            prop_assert_eq!(run(&program(layout, vrids), &packet), expected);
        }
    }

    #[test]
    fn each_number_is_told_from_all_others() {
        for layout in LAYOUTS {
            for vrid in 0..=u8::MAX {
                let alone = program(layout, [vrid]);
                let all_others = program(layout, (0..=u8::MAX).filter(|other| *other != vrid));
                for number in 0..=u8::MAX {
                    let packet = packet(layout, 5, 4, &[0x21, number, 100]);
                    assert_eq!(run(&alone, &packet), number == vrid, "{layout:?} {vrid} {number}");
                    assert_eq!(run(&all_others, &packet), number != vrid, "{layout:?} {vrid} {number}");
                }
            }
        }
    }

    #[test]
    fn without_numbers_only_what_is_nobodys_is_let_in() {
        for layout in LAYOUTS {
            let nobody = program(layout, []);

            assert!(!run(&nobody, &packet(layout, 5, 4, &[0x21, 0])));
            assert!(run(&nobody, &packet(layout, 5, 4, &[0x21])));
            assert!(run(&nobody, &packet(layout, 5, 4, &[])));
        }
    }

    #[test]
    fn an_authentication_header_of_other_protocols_is_kept_out() {
        let mut of_tcp = packet(Layout::Ipv4Ah, 5, 4, &[0x21, 7]);
        of_tcp[20] = 6;

        assert!(!run(&program(Layout::Ipv4Ah, 0..=u8::MAX), &of_tcp));
    }

    #[test]
    fn a_program_fits_whatever_it_looks_for() {
        for layout in LAYOUTS {
            assert!(program(layout, 0..=u8::MAX).len() < 100);
        }
    }

    /// Packets whole and cut off, with options and with Authentication Headers of any length.
    fn packets() -> impl Strategy<Value = (Layout, Vec<u8>)> {
        let layout = prop_oneof![Just(Layout::Ipv4), Just(Layout::Ipv4Ah), Just(Layout::Ipv6)];
        let lengths = (5_u8..=15, prop_oneof![0..8_u8, any::<u8>()]);
        let next = prop_oneof![9 => Just(112), 1 => any::<u8>()];
        (layout, lengths, next, vec(any::<u8>(), 0..4), any::<prop::sample::Index>()).prop_map(
            |(layout, (words, ah_words), next, message, end)| {
                let mut packet = packet(layout, words, ah_words, &message);
                let ip_len = if layout == Layout::Ipv6 { 0 } else { usize::from(words) * 4 };
                if layout == Layout::Ipv4Ah {
                    packet[ip_len] = next;
                }
                // The kernel hands over no packet without a whole IP header.
                packet.truncate(ip_len + end.index(packet.len() - ip_len + 1));
                (layout, packet)
            },
        )
    }

    fn packet(layout: Layout, words: u8, ah_words: u8, message: &[u8]) -> Vec<u8> {
        let mut ip = vec![0xee; usize::from(words) * 4];
        ip[0] = 0x40 | words;
        let mut ah = vec![0xdd; (usize::from(ah_words) + 2) * 4];
        ah[..2].copy_from_slice(&[112, ah_words]);
        match layout {
            Layout::Ipv4 => [&ip, message].concat(),
            Layout::Ipv4Ah => [&ip, &ah, message].concat(),
            Layout::Ipv6 => message.to_vec(),
        }
    }

    /// What the program is for, in plain words: the number, none where the packet ends before it, an error where it is not
    /// of VRRP.
    fn number_of(layout: Layout, packet: &[u8]) -> Option<Result<u8, u8>> {
        let behind_ip = |packet: &[u8]| packet.get(usize::from(packet[0] % 16) * 4..).map(<[u8]>::to_vec);
        let message = match layout {
            Layout::Ipv4 => behind_ip(packet)?,
            Layout::Ipv6 => packet.to_vec(),
            Layout::Ipv4Ah => {
                let header = behind_ip(packet)?;
                let (next, words) = (*header.first()?, *header.get(1)?);
                if next != 112 {
                    return Some(Err(next));
                }
                header.get((usize::from(words) + 2) * 4..)?.to_vec()
            }
        };
        message.get(1).copied().map(Ok)
    }

    /// Runs a program as the kernel would, and checks what the kernel checks.
    fn run(program: &[Instruction], packet: &[u8]) -> bool {
        let (mut a, mut x, mut cells, mut at) = (0_u32, 0_u32, [None; 16], 0);
        let byte = |at: u32| packet.get(at as usize).copied().map(u32::from);
        loop {
            let Instruction { code, when_true, when_false, operand: k } = program[at];
            at += 1;
            let mut jump = |condition| at += usize::from(if condition { when_true } else { when_false });
            // linux/bpf_common.h
            match code {
                0x00 => a = k,
                0x80 => a = u32::try_from(packet.len()).unwrap(),
                // A byte that is not there ends the program, and the packet: this one never reads any.
                0x50 => a = byte(x + k).expect("a byte within the packet"),
                0xb1 => x = (byte(k).expect("an IP header") & 0xf) * 4,
                0x02 => cells[k as usize] = Some(a),
                0x60 => a = cells[k as usize].expect("something was stored"),
                0x07 => x = a,
                0x87 => a = x,
                0x04 => a = a.wrapping_add(k),
                0x0c => a = a.wrapping_add(x),
                0x1c => a = a.wrapping_sub(x),
                0x54 => a &= k,
                0x64 => a = a.checked_shl(k).expect("less than a word"),
                0x74 => a = a.checked_shr(k).expect("less than a word"),
                0x7c => a = a.checked_shr(x).expect("less than a word"),
                0x15 => jump(a == k),
                0x35 => jump(a >= k),
                0x2d => jump(a > x),
                0x45 => jump(a & k != 0),
                0x06 => return k != 0,
                _ => panic!("no instruction: {code:#x}"),
            }
        }
    }

    const LAYOUTS: [Layout; 3] = [Layout::Ipv4, Layout::Ipv4Ah, Layout::Ipv6];
}
