// SPDX-License-Identifier: MIT

use std::io::Write;

#[test]
fn golden() {
    let golden = std::fs::read_to_string("testdata/golden.txt").unwrap();
    assert_eq!(hwcrate::read().unwrap(), golden);
    let dir = std::env::current_dir().unwrap();
    assert_eq!(dir.as_os_str(), env!("CARGO_MANIFEST_DIR"));
    println!("in {}", dir.display());
}

#[test]
fn fails() {
    if std::env::var("RUST_TEST_HW").as_deref() == Ok("fail") {
        panic!("as asked");
    }
}

#[test]
fn oopses() {
    if std::env::var("RUST_TEST_HW").as_deref() == Ok("oops") {
        let mut device = std::fs::OpenOptions::new().write(true).open("/dev/hw").unwrap();
        let _ = device.write(b"x");
    }
}
