//! The capture file format of tcpdump and Wireshark, with nanoseconds.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    time::Duration,
};

use crate::Result;

/// A capture file that is being written.
#[derive(Debug)]
pub(crate) struct Pcap(BufWriter<File>);

impl Pcap {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let mut pcap = Self(BufWriter::new(file));
        let version = 2 | 4 << 16;
        pcap.words([NANOSECOND_MAGIC, version, 0, 0, SNAP_LEN, LINKTYPE_ETHERNET])?;
        Ok(pcap)
    }

    /// Adds a frame, with the time since 1970.
    pub(crate) fn write(&mut self, at: Duration, frame: &[u8]) -> io::Result<()> {
        let len = frame.len() as u32;
        self.words([at.as_secs() as u32, at.subsec_nanos(), len, len])?;
        self.0.write_all(frame)
    }

    /// Writes out what is still in memory.
    pub(crate) fn finish(mut self) -> Result<()> {
        Ok(self.0.flush().map_err(|error| format!("cannot write the capture: {error}"))?)
    }

    fn words<const N: usize>(&mut self, words: [u32; N]) -> io::Result<()> {
        words.iter().try_for_each(|word| self.0.write_all(&word.to_le_bytes()))
    }
}

const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
const SNAP_LEN: u32 = 65535;
const LINKTYPE_ETHERNET: u32 = 1;
