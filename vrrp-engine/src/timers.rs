//! The RFCs' arithmetic of time (RFC 3768 §6.1, RFC 9568 §6.1), in whole nanoseconds: multiplied before it is divided.

use core::time::Duration;

use vrrp_proto::{AdvertInterval, Priority, Version};

/// What the Skew_Times of all priorities lie within: a second in version 2, the Master's interval in version 3.
pub(crate) const fn skew_range(version: Version, master_interval: AdvertInterval) -> Duration {
    match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => master_interval.as_duration(),
    }
}

/// Skew_Time: so many 256ths of the range as the priority is short of 256.
pub(crate) const fn skew_time(
    version: Version,
    priority: Priority,
    master_interval: AdvertInterval,
) -> Duration {
    let parts = 256 - priority.get() as u64;
    // At most 256 times 40.95 s.
    Duration::from_nanos(skew_range(version, master_interval).as_nanos() as u64 * parts / 256)
}

/// Master_Down_Interval: so many of the Master's intervals (the RFCs: three), and the Skew_Time.
pub(crate) const fn master_down_interval(
    version: Version,
    priority: Priority,
    master_interval: AdvertInterval,
    multiplier: u8,
) -> Duration {
    let silence = master_interval.as_duration().saturating_mul(multiplier as u32);
    silence.saturating_add(skew_time(version, priority, master_interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_rfcs_come_out_to_the_nanosecond() {
        let cs = |centis: u64| AdvertInterval::try_from(Duration::from_millis(centis * 10)).unwrap();
        let skew =
            |version, priority, centis| skew_time(version, Priority::new(priority), cs(centis)).as_nanos();
        let down = |version, priority, centis| {
            master_down_interval(version, Priority::new(priority), cs(centis), 3).as_nanos()
        };
        assert_eq!(skew(Version::V2, 100, 100), 609_375_000);
        assert_eq!(down(Version::V2, 100, 100), 3_609_375_000);
        assert_eq!(down(Version::V3, 100, 100), 3_609_375_000);
        assert_eq!(down(Version::V2, 254, 100), 3_007_812_500);
        assert_eq!(skew(Version::V3, 254, 1), 78_125);
        assert_eq!(down(Version::V3, 100, 10), 360_937_500);
        assert_eq!(skew(Version::V3, 1, 4095), 40_790_039_062);
        assert_eq!(skew(Version::V3, 255, 100), 3_906_250);
    }
}
