//! When a certificate ends: the one date in it that somebody must act on (RFC 5280, 4.1).

use std::time::{Duration, SystemTime};

/// Returns until when a certificate (DER) is valid, `None` for what cannot be read.
pub(super) fn end(certificate: &[u8]) -> Option<SystemTime> {
    let mut outer = certificate;
    let mut signed = take(&mut outer, SEQUENCE)?;
    let mut fields = take(&mut signed, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        take(&mut fields, VERSION)?;
    }
    take(&mut fields, INTEGER)?; // serial number
    take(&mut fields, SEQUENCE)?; // algorithm
    take(&mut fields, SEQUENCE)?; // issuer
    let mut dates = take(&mut fields, SEQUENCE)?;
    take_any(&mut dates)?; // from when on
    let (tag, date) = (*dates.first()?, take_any(&mut dates)?);
    let (years, rest) = match tag {
        UTC_TIME => date.split_at_checked(2)?,
        GENERALIZED_TIME => date.split_at_checked(4)?,
        _ => return None,
    };
    let mut year = number(years)?;
    if tag == UTC_TIME {
        year += if year < 50 { 2000 } else { 1900 };
    }
    let [month, day, hour, minute, second] = parts(rest)?;
    let days = days_since_1970(year, month, day)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// `MMDDHHMMSSZ`.
fn parts(text: &[u8]) -> Option<[u64; 5]> {
    let (digits, zone) = text.split_at_checked(10)?;
    let mut parts = [0; 5];
    for (part, digits) in parts.iter_mut().zip(digits.chunks(2)) {
        *part = number(digits)?;
    }
    (zone == b"Z").then_some(parts)
}

fn number(digits: &[u8]) -> Option<u64> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// The days of the Gregorian calendar, counted from 1 March, so that the day of a leap year comes last.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month > 2 { year } else { year.checked_sub(1)? };
    let month = (month + 9) % 12;
    let day_of_year = (month * 153 + 2) / 5 + day - 1;
    (year * 365 + year / 4 + year / 400 + day_of_year).checked_sub(year / 100 + DAYS_TO_1970)
}

/// Takes the content of an element of this kind.
fn take<'d>(rest: &mut &'d [u8], tag: u8) -> Option<&'d [u8]> {
    (rest.first() == Some(&tag)).then(|| take_any(rest))?
}

fn take_any<'d>(rest: &mut &'d [u8]) -> Option<&'d [u8]> {
    rest.split_off_first()?;
    let length = match usize::from(*rest.split_off_first()?) {
        length @ 0..0x80 => length,
        long => {
            let bytes = rest.split_off(..long - 0x80)?;
            let is_sane = (1..=4).contains(&bytes.len());
            is_sane.then(|| bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))?
        }
    };
    rest.split_off(..length)
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// The version's own tag, explicit 0.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// From 1 March of the year 0 to 1970.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(["shop.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, month, day);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_dates() {
        // As `date -u -d 2049-12-31 +%s` says.
        for (date, seconds) in [
            ((1999, 2, 28), 920_160_000),
            ((2000, 2, 29), 951_782_400),
            ((2024, 3, 1), 1_709_251_200),
            ((2049, 12, 31), 2_524_521_600),
            ((2050, 1, 1), 2_524_608_000),
            ((2100, 3, 1), 4_107_542_400),
            ((9999, 12, 31), 253_402_214_400),
        ] {
            let end = end(&certificate(date.0, date.1, date.2)).unwrap();
            assert_eq!(end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), seconds, "{date:?}");
        }
    }

    #[test]
    fn a_certificate_cut_or_changed_anywhere_does_no_harm() {
        let good = certificate(2040, 1, 2);
        for length in 0..good.len() {
            let _ = end(&good[..length]);
        }
        for index in 0..good.len() {
            for value in [0, 0x7f, 0x80, 0x84, 0xff, good[index] ^ 1] {
                let mut changed = good.clone();
                changed[index] = value;
                let _ = end(&changed);
            }
        }
    }
}
