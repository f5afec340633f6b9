use super::{Schema, Type, TypeRef};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// The content of a [`Schema`] as a file: compressed JSON, the same bytes for the same input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub(super) types: Vec<Type>,
    pub(super) names: Vec<(String, TypeRef)>,
    pub(super) kinds: Vec<(String, String, String, TypeRef)>,
}

impl Table {
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a table has string keys and writing to memory cannot fail");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&json).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
    }

    pub fn from_bytes(bytes: &[u8]) -> std::io::Result<Table> {
        let mut json = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut json)?;
        Ok(serde_json::from_slice(&json)?)
    }
}

impl From<Table> for Schema {
    fn from(table: Table) -> Self {
        Schema {
            types: table.types,
            names: table.names.into_iter().collect(),
            kinds: table.kinds.into_iter().map(|(g, v, k, ty)| ((g, v, k), ty)).collect(),
        }
    }
}
