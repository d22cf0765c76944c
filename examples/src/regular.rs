use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::fcntl::OFlag;

/// Opens a file to read it, if it is a regular one: whoever may not wait must not read from a pipe that nobody writes to.
///
/// # Errors
///
/// Those of opening it; [`InvalidInput`](io::ErrorKind::InvalidInput) for anything else than a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // To open a pipe waits for a writer, unless told not to.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}
