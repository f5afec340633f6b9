//! The store on disk: one redb file, written by one thread. What waits while a commit runs goes into
//! the next commit together.

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;
use std::sync::mpsc;
use tokio::sync::oneshot;

const OBJECTS: TableDefinition<&str, &[u8]> = TableDefinition::new("objects");
const SETTINGS: TableDefinition<&str, &[u8]> = TableDefinition::new("settings");

/// A change to be made durable; `None` removes.
pub(crate) struct Record {
    pub key: String,
    pub value: Option<bytes::Bytes>,
}

enum Job {
    Write(Record, u64),
    /// Answers once everything sent before is durable.
    Sync(oneshot::Sender<bool>),
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DiskError(String);

impl DiskError {
    fn of(error: impl std::fmt::Display) -> Self {
        DiskError(error.to_string())
    }
}

/// The sending side of the writer's thread, which ends when this is dropped.
pub(crate) struct Disk {
    jobs: mpsc::Sender<Job>,
}

/// What was on disk.
#[derive(Default)]
pub(crate) struct Saved {
    pub objects: Vec<(String, Vec<u8>)>,
    pub settings: Vec<(String, Vec<u8>)>,
}

impl Disk {
    pub fn open(path: &Path) -> Result<(Disk, Saved), DiskError> {
        let database = Database::create(path).map_err(DiskError::of)?;
        let mut saved = Saved::default();
        let transaction = database.begin_write().map_err(DiskError::of)?;
        transaction.open_table(OBJECTS).map_err(DiskError::of)?;
        transaction.open_table(SETTINGS).map_err(DiskError::of)?;
        transaction.commit().map_err(DiskError::of)?;
        let transaction = database.begin_read().map_err(DiskError::of)?;
        for (definition, rows) in [(OBJECTS, &mut saved.objects), (SETTINGS, &mut saved.settings)] {
            let table = transaction.open_table(definition).map_err(DiskError::of)?;
            for row in table.iter().map_err(DiskError::of)? {
                let (key, value) = row.map_err(DiskError::of)?;
                rows.push((key.value().to_owned(), value.value().to_vec()));
            }
        }
        drop(transaction);
        let (jobs, inbox) = mpsc::channel();
        std::thread::Builder::new()
            .name("weir-sandbox-disk".to_owned())
            .spawn(move || write_all(&database, &inbox))
            .map_err(DiskError::of)?;
        Ok((Disk { jobs }, saved))
    }

    /// Queues a write; the revision survives with it.
    pub fn write(&self, record: Record, revision: u64) {
        // The thread ends only when this sender does, or when the disk failed: then `sync` says so.
        let _ = self.jobs.send(Job::Write(record, revision));
    }

    /// Waits until everything queued before is durable.
    pub fn sync(&self) -> oneshot::Receiver<bool> {
        let (done, wait) = oneshot::channel();
        let _ = self.jobs.send(Job::Sync(done));
        wait
    }

    /// Stores a setting, durably.
    pub fn set(&self, key: &str, value: &[u8]) {
        let record = Record { key: format!("\u{0}{key}"), value: Some(bytes::Bytes::copy_from_slice(value)) };
        self.write(record, 0);
    }
}

fn write_all(database: &Database, inbox: &mpsc::Receiver<Job>) {
    while let Ok(first) = inbox.recv() {
        let mut waiting = Vec::new();
        let mut records = Vec::new();
        let mut revision = 0;
        for job in std::iter::once(first).chain(inbox.try_iter()) {
            match job {
                Job::Write(record, at) => {
                    revision = revision.max(at);
                    records.push(record);
                }
                Job::Sync(done) => waiting.push(done),
            }
        }
        let outcome = if records.is_empty() { Ok(()) } else { commit(database, &records, revision) };
        if let Err(error) = &outcome {
            tracing::error!(%error, "the sandbox's store cannot be written");
        }
        for done in waiting {
            // Who asked may be gone.
            let _ = done.send(outcome.is_ok());
        }
        if outcome.is_err() {
            return;
        }
    }
}

fn commit(database: &Database, records: &[Record], revision: u64) -> Result<(), DiskError> {
    let mut transaction = database.begin_write().map_err(DiskError::of)?;
    transaction.set_durability(Durability::Immediate).map_err(DiskError::of)?;
    {
        let mut objects = transaction.open_table(OBJECTS).map_err(DiskError::of)?;
        let mut settings = transaction.open_table(SETTINGS).map_err(DiskError::of)?;
        for record in records {
            match (record.key.strip_prefix('\u{0}'), &record.value) {
                (Some(setting), Some(value)) => settings.insert(setting, &**value).map(|_| ()),
                (Some(setting), None) => settings.remove(setting).map(|_| ()),
                (None, Some(value)) => objects.insert(record.key.as_str(), &**value).map(|_| ()),
                (None, None) => objects.remove(record.key.as_str()).map(|_| ()),
            }
            .map_err(DiskError::of)?;
        }
        if revision > 0 {
            settings.insert("revision", revision.to_string().as_bytes()).map_err(DiskError::of)?;
        }
    }
    transaction.commit().map_err(DiskError::of)
}
