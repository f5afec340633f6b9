//! Tables: what kubectl prints.

mod age;
mod builtin;
mod path;

use crate::handlers::metadata_of;
use crate::resources::{Column, Resource, Version};
use std::sync::Arc;
use weir_doc::{Map, Node};

/// A Table of objects. `include` is the query's includeObject; columns are only named when `headed`.
pub(crate) fn table<'a>(
    resource: &Resource,
    version: &Version,
    objects: impl Iterator<Item = &'a Node>,
    include: &str,
    headed: bool,
) -> Node {
    let columns: &Arc<Vec<Column>> = &version.columns;
    let rows = objects.map(|object| {
        let mut row = Map::new();
        row.insert("cells", cells(resource, columns, object));
        match include {
            "None" => {}
            "Object" => drop(row.insert("object", object.clone())),
            _ => drop(row.insert("object", metadata_of(object))),
        }
        Node::from(row)
    });
    let rows: Vec<Node> = rows.collect();
    let mut map = Map::new();
    map.insert("kind", "Table");
    map.insert("apiVersion", "meta.k8s.io/v1");
    map.insert("metadata", Node::map());
    let definitions: Vec<Node> = if headed { columns.iter().map(definition).collect() } else { Vec::new() };
    map.insert("columnDefinitions", definitions);
    map.insert("rows", rows);
    Node::from(map)
}

fn definition(column: &Column) -> Node {
    let mut map = Map::new();
    map.insert("name", column.name.as_str());
    map.insert("type", column.ty.as_str());
    map.insert("format", column.format.as_str());
    map.insert("description", column.description.as_str());
    map.insert("priority", column.priority);
    Node::from(map)
}

fn cells(resource: &Resource, columns: &[Column], object: &Node) -> Vec<Node> {
    columns
        .iter()
        .map(|column| match &column.path {
            Some(path) => path::cell(object, path, &column.ty),
            None if column.name == "Name" => object.path(&["metadata", "name"]).cloned().unwrap_or_default(),
            None if column.name == "Age" || column.name == "Created At" => {
                let created = object.path(&["metadata", "creationTimestamp"]).and_then(Node::as_str);
                if column.name == "Age" { age::since(created) } else { Node::string(created.unwrap_or("<unknown>")) }
            }
            None => builtin::cell(resource, &column.name, object),
        })
        .collect()
}
