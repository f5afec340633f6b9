use crate::{IdError, ObjectId, ObjectRef};
use std::collections::BTreeMap;

/// One line of an inventory, as it stands in `.status.inventory.entries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `NAMESPACE_NAME_GROUP_KIND`.
    pub id: String,
    /// The version alone.
    pub v: String,
}

/// The objects that a Kustomization or release put on the cluster. Sorted, so that a change of the
/// status means a change of the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    objects: BTreeMap<ObjectId, String>,
}

impl Inventory {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the entries of a status. One that cannot be read is an error: what it names must not be
    /// forgotten.
    pub fn from_entries<'e>(entries: impl IntoIterator<Item = (&'e str, &'e str)>) -> Result<Self, IdError> {
        let mut inventory = Self::new();
        for (id, version) in entries {
            inventory.objects.insert(ObjectId::parse_inventory_id(id)?, version.to_owned());
        }
        Ok(inventory)
    }

    pub fn insert(&mut self, object: &ObjectRef) {
        self.objects.insert(object.id.clone(), object.version.clone());
    }

    pub fn remove(&mut self, id: &ObjectId) {
        self.objects.remove(id);
    }

    pub fn contains(&self, id: &ObjectId) -> bool {
        self.objects.contains_key(id)
    }

    pub fn len(&self) -> usize {
        self.objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = ObjectRef> + '_ {
        self.objects.iter().map(|(id, version)| ObjectRef { id: id.clone(), version: version.clone() })
    }

    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> =
            self.objects.iter().map(|(id, v)| Entry { id: id.inventory_id(), v: v.clone() }).collect();
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries
    }

    /// This inventory and `other` together; the versions of `other` win. Written before the first
    /// mutation, so that a crash loses no object.
    pub fn union(&self, other: &Self) -> Self {
        let mut objects = self.objects.clone();
        objects.extend(other.objects.clone());
        Self { objects }
    }

    /// What is here and not in `newer`. A change of the version alone is not stale.
    pub fn stale(&self, newer: &Self) -> Vec<ObjectRef> {
        self.iter().filter(|object| !newer.contains(&object.id)).collect()
    }
}

impl FromIterator<ObjectRef> for Inventory {
    fn from_iter<I: IntoIterator<Item = ObjectRef>>(objects: I) -> Self {
        let mut inventory = Self::new();
        objects.into_iter().for_each(|object| inventory.insert(&object));
        inventory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_version_is_not_stale_and_an_unreadable_entry_is_an_error() {
        let old = Inventory::from_entries([("a_x_apps_Deployment", "v1beta1"), ("a_y__ConfigMap", "v1")]).expect("ok");
        let new = Inventory::from_entries([("a_x_apps_Deployment", "v1")]).expect("ok");
        let stale: Vec<String> = old.stale(&new).iter().map(ToString::to_string).collect();
        assert_eq!(stale, ["ConfigMap/a/y"]);
        let both = old.union(&new).entries();
        assert_eq!(
            both.iter().map(|e| (e.id.as_str(), e.v.as_str())).collect::<Vec<_>>(),
            [("a_x_apps_Deployment", "v1"), ("a_y__ConfigMap", "v1")]
        );
        assert!(Inventory::from_entries([("nonsense", "v1")]).is_err());
    }
}
