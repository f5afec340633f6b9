//! Prints the definitions of all kinds as YAML, or writes one file for each into the directory given as argument.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let directory = std::env::args_os().nth(1);
    for crd in weir_api::crds() {
        let (name, text) = weir_api::crd::to_file(&crd);
        match &directory {
            Some(directory) => std::fs::write(std::path::Path::new(directory).join(name), text)?,
            None => write!(std::io::stdout(), "---\n{text}")?,
        }
    }
    Ok(())
}
