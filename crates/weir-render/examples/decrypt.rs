//! Builds a folder whose files SOPS encrypted, as one Kustomization: `decrypt FOLDER AGE-KEY-FILE`. It says how many
//! objects there are; `cargo xtask bench sops` times it.
#![allow(clippy::print_stdout, reason = "a tool of the command line")]

use std::sync::Arc;
use weir_base::{Budget, Diagnose, Tree};
use weir_render::{Decryption, Keyring, Overlay, render};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(key)) = (args.next(), args.next()) else {
        return Err("usage: decrypt FOLDER AGE-KEY-FILE".into());
    };
    let (mut tree, mut keyring) = (Tree::new(), Keyring::new());
    keyring.add_age(&key, &std::fs::read(&key)?)?;
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tree.insert(&name, std::fs::read(&path)?)?;
    }
    let decryption = Decryption::Keys { keyring: Arc::new(keyring), services: None, enforce_mac: true };
    let overlay = Overlay { decryption: Some(decryption), ..Overlay::default() };
    match render(&tree, "", &overlay, &Budget::standard()) {
        Ok(rendered) => println!("{} objects, {}", rendered.objects.len(), rendered.digest),
        Err(error) => return Err(error.report().to_string().into()),
    }
    Ok(())
}
