//! Makes `tables/kubernetes-*.json.gz` from a Swagger v2 document: `schema_table SWAGGER.json TABLE.json.gz`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("usage: schema_table SWAGGER.json TABLE.json.gz".into());
    };
    let document = weir_doc::from_json(&std::fs::read(from)?)?;
    std::fs::write(to, weir_kustomize::schema::Schema::from_swagger(&document).to_bytes())?;
    Ok(())
}
