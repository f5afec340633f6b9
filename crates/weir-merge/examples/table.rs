//! Makes a schema table: `cargo run -p weir-merge --example table OPENAPI.json OUT.json.gz`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(input), Some(output)) = (args.next(), args.next()) else {
        return Err("usage: table OPENAPI.json OUT.json.gz".into());
    };
    let document = weir_doc::from_json(&std::fs::read(input)?)?;
    std::fs::write(output, weir_merge::Table::from_swagger(&document).to_bytes())?;
    Ok(())
}
