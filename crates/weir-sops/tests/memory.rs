//! A data key is gone from the memory of the process with whoever held it, on the heap and on the stack.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

use std::os::unix::fs::FileExt;
use weir_base::Budget;
use weir_sops::{File, Format, Keyring, Resolved};

/// Where the key would be looked for is not a place where it is.
const MASK: u8 = 0x55;
/// Their key is known to everybody.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/fixtures/sops");

/// The places in memory that can be written where the masked bytes are.
fn places(masked: &[u8]) -> Vec<String> {
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let (mut found, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        let (from, to) = range.split_once('-').unwrap();
        let [mut at, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        while rights.starts_with("rw") && at < to {
            let length = buffer.len().min((to - at) as usize);
            let Ok(read) = memory.read_at(&mut buffer[..length], at) else { break };
            let is_key = |window: &[u8]| window.iter().zip(masked).all(|(byte, masked)| byte ^ MASK == *masked);
            let here = buffer[..read].windows(masked.len()).enumerate().filter(|(_, window)| is_key(window));
            found.extend(here.map(|(offset, _)| format!("{:x} of {line}", at + offset as u64)));
            if read < masked.len() {
                break;
            }
            at += (read + 1 - masked.len()) as u64;
        }
    }
    found
}

/// Decrypts a file and says its data key, masked.
fn decrypted() -> Vec<u8> {
    let read = |name: &str| std::fs::read(format!("{FIXTURES}/{name}")).unwrap();
    let (mut keyring, budget) = (Keyring::new(), Budget::standard());
    keyring.add_age("throwaway", &read("throwaway.agekey")).unwrap();
    let file = File::parse(&read("secret.yaml"), Format::Yaml, "secret.yaml", &budget).unwrap().unwrap();
    let key = file.data_key(&keyring, &Resolved::new(), &budget).unwrap();
    let masked = key.expose().iter().map(|byte| byte ^ MASK).collect::<Vec<u8>>();
    assert!(!places(&masked).is_empty(), "while it is held it is found");
    let plain = file.decrypt(&key, &budget).unwrap();
    assert!(String::from_utf8_lossy(&plain.text).contains("canary"));
    masked
}

#[test]
fn a_data_key_is_gone_with_its_holder() {
    let masked = decrypted();
    assert_eq!(places(&masked), Vec::<String>::new());
}
