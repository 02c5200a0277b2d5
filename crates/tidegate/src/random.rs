//! Bytes that nobody can guess, from the kernel.

/// Fills them in.
pub(crate) fn fill(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            // A secret that can be guessed is worse than none. The kernel refuses nothing once it has started up.
            Err(why) => panic!("the system gives no random bytes: {why}"),
        }
    }
}
