//! The state behind the API: objects, resources, and who hears of changes.

use crate::auth::Keys;
use crate::resources::{Registry, Resource};
use crate::store::{Change, ChangeKind, Disk, Object, Record, Ref, Store};
use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use weir_doc::Node;

/// One sandbox. A write holds the lock from reading the old object to committing the new one.
pub(crate) struct Cluster {
    state: Mutex<State>,
    pub disk: Option<Arc<Disk>>,
    pub keys: Keys,
    pub ca_pem: String,
    pub watches: AtomicUsize,
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub watches: usize,
}

pub(crate) struct State {
    pub store: Store,
    pub registry: Arc<Registry>,
    /// Cluster IPs in use: the last octets of 10.96.0.0/16.
    pub service_ips: HashSet<u16>,
    pub node_ports: HashSet<u16>,
    controllers: Option<mpsc::Sender<Arc<Change>>>,
    disk: Option<Arc<Disk>>,
}

impl Cluster {
    pub fn new(
        disk: Option<Arc<Disk>>,
        keys: Keys,
        ca_pem: String,
        limits: Limits,
        controllers: Option<mpsc::Sender<Arc<Change>>>,
    ) -> Self {
        let state = State {
            store: Store::default(),
            registry: Arc::new(Registry::builtin()),
            service_ips: HashSet::new(),
            node_ports: HashSet::new(),
            controllers,
            disk: disk.clone(),
        };
        Cluster { state: Mutex::new(state), disk, keys, ca_pem, watches: AtomicUsize::new(0), limits }
    }

    /// A panic in one request does not stop the others: each write is one assignment.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what was written so far would survive a crash.
    pub async fn durable(&self) -> bool {
        match &self.disk {
            Some(disk) => disk.sync().await.unwrap_or(false),
            None => true,
        }
    }
}

impl State {
    pub fn resource(&self, key: &str) -> Option<Arc<Resource>> {
        self.registry.by_key(key).cloned()
    }

    /// Writes an object and tells everybody.
    pub fn put(&mut self, at: Ref, node: Node) -> Arc<Object> {
        let change = self.store.put(at, node);
        self.announce(&change);
        change.object.clone()
    }

    /// Removes an object and tells everybody.
    pub fn remove(&mut self, at: &Ref) -> Option<Arc<Object>> {
        let change = self.store.delete(at)?;
        self.announce(&change);
        Some(change.object.clone())
    }

    fn announce(&mut self, change: &Arc<Change>) {
        if let Some(disk) = &self.disk {
            let key = record_key(&change.at);
            let value = (change.kind != ChangeKind::Deleted).then(|| change.object.json());
            disk.write(Record { key, value }, change.object.revision);
        }
        self.note(change);
        if let Some(controllers) = &self.controllers {
            // The controllers end before the state does only when the sandbox is dropped.
            let _ = controllers.send(change.clone());
        }
    }

    /// Keeps what is derived from objects in step with them.
    fn note(&mut self, change: &Change) {
        match &*change.at.resource {
            "customresourcedefinitions.apiextensions.k8s.io" => {
                let mut registry = Registry::clone(&self.registry);
                let established = crate::crd::is_established(&change.object.node);
                if let Some(old) = &change.old {
                    registry.remove(&crate::crd::resource_key(&old.node));
                }
                if change.kind == ChangeKind::Deleted {
                    self.store.drop_collection(&crate::crd::resource_key(&change.object.node));
                } else if established {
                    registry.put(crate::resources::resource_of_crd(&change.object.node));
                }
                self.registry = Arc::new(registry);
            }
            "services" => {
                for (object, present) in
                    [(change.old.as_ref(), false), (Some(&change.object), change.kind != ChangeKind::Deleted)]
                {
                    for ip in object.into_iter().filter_map(|object| crate::kinds::service::cluster_ip(&object.node)) {
                        if present {
                            self.service_ips.insert(ip)
                        } else {
                            self.service_ips.remove(&ip)
                        };
                    }
                    for port in object.into_iter().flat_map(|object| crate::kinds::service::node_ports(&object.node)) {
                        if present {
                            self.node_ports.insert(port)
                        } else {
                            self.node_ports.remove(&port)
                        };
                    }
                }
            }
            _ => {}
        }
    }

    /// Puts an object from disk in its place.
    pub fn restore(&mut self, at: Ref, node: Node, revision: u64) {
        let object = Arc::new(Object::new(node, revision));
        self.store.load(at.clone(), object.clone());
        self.note(&Change { kind: ChangeKind::Added, at, object, old: None });
    }
}

pub(crate) fn record_key(at: &Ref) -> String {
    format!("{}\u{1f}{}\u{1f}{}", at.resource, at.namespace, at.name)
}

pub(crate) fn ref_of_record(key: &str) -> Option<Ref> {
    let mut parts = key.split('\u{1f}');
    let (resource, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Ref { resource: resource.into(), namespace: namespace.to_owned(), name: name.to_owned() })
}
