// SPDX-License-Identifier: MIT

//! Reads the device of the module hw.

/// The device's text.
///
/// ```
/// assert_eq!(hwcrate::read().unwrap(), "hello\n");
/// ```
pub fn read() -> std::io::Result<String> {
    std::fs::read_to_string("/dev/hw")
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads() {
        assert_eq!(super::read().unwrap(), "hello\n");
    }
}
