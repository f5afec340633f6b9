use crate::fields::{FieldSet, FieldsError};
use weir_base::Diagnose;
use weir_doc::{Map, Node};

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedEntry {
    pub manager: String,
    pub operation: Operation,
    pub api_version: String,
    pub subresource: String,
    pub time: Option<String>,
    pub fields: FieldSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Apply,
    Update,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManagedError {
    #[error("operation must be `Apply` or `Update`")]
    Operation,
    #[error("apiVersion must not be empty")]
    ApiVersion,
    #[error("missing fieldsType in managed fields entry {0}")]
    NoFieldsType(usize),
    #[error("invalid fieldsType {1:?} in managed fields entry {0}")]
    FieldsType(usize, String),
    #[error(transparent)]
    Fields(#[from] FieldsError),
}

impl Diagnose for ManagedError {
    fn reason(&self) -> &'static str {
        "InvalidManagedFields"
    }
}

impl ManagedEntry {
    /// Whether both are entries of one manager. An applier is the same at any version.
    pub fn same_manager(&self, other: &ManagedEntry) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// The manager as conflicts name it.
    pub fn describe(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", self.subresource);
        }
        if self.operation == Operation::Update {
            text += &format!(" using {}", self.api_version);
        }
        text
    }
}

/// Reads `metadata.managedFields`.
pub fn decode(node: Option<&Node>) -> Result<Vec<ManagedEntry>, ManagedError> {
    let entries = node.and_then(Node::as_seq).into_iter().flatten().enumerate();
    entries
        .map(|(index, entry)| {
            let text = |key| entry.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
            let operation = match text("operation").as_str() {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return Err(ManagedError::Operation),
            };
            let api_version = text("apiVersion");
            if api_version.is_empty() {
                return Err(ManagedError::ApiVersion);
            }
            match text("fieldsType").as_str() {
                "FieldsV1" => {}
                "" => return Err(ManagedError::NoFieldsType(index)),
                _ => return Err(ManagedError::FieldsType(index, text("fieldsType"))),
            }
            Ok(ManagedEntry {
                manager: text("manager"),
                operation,
                api_version,
                subresource: text("subresource"),
                time: entry.get("time").and_then(Node::as_str).map(str::to_owned),
                fields: entry.get("fieldsV1").map(FieldSet::from_node).transpose()?.unwrap_or_default(),
            })
        })
        .collect()
}

/// The value of `metadata.managedFields`, in Kubernetes' order; `None` when there are no entries.
pub fn encode(entries: &[ManagedEntry]) -> Option<Node> {
    let mut entries: Vec<&ManagedEntry> = entries.iter().filter(|entry| !entry.fields.is_empty()).collect();
    entries.sort_by(|a, b| {
        let key = |e: &ManagedEntry| (e.operation, e.time.clone(), e.manager.clone());
        key(a).cmp(&key(b)).then_with(|| (&a.api_version, &a.subresource).cmp(&(&b.api_version, &b.subresource)))
    });
    let nodes: Vec<Node> = entries
        .into_iter()
        .map(|entry| {
            let mut map = Map::new();
            map.insert("manager", entry.manager.as_str());
            map.insert("operation", if entry.operation == Operation::Apply { "Apply" } else { "Update" });
            map.insert("apiVersion", entry.api_version.as_str());
            if let Some(time) = &entry.time {
                map.insert("time", time.as_str());
            }
            map.insert("fieldsType", "FieldsV1");
            map.insert("fieldsV1", entry.fields.to_node());
            if !entry.subresource.is_empty() {
                map.insert("subresource", entry.subresource.as_str());
            }
            Node::from(map)
        })
        .collect();
    (!nodes.is_empty()).then(|| Node::from(nodes))
}
