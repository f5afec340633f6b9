use crate::limits::Guard;
use crate::{GitError, Limits};
use gix::hash::Kind;
use gix::odb::pack::{Bundle, bundle::write};
use gix::progress::Discard;
use gix::protocol::fetch::negotiate::{Action, Round, one_round};
use gix::protocol::fetch::{Arguments, Context, Negotiate, Options, Response, Shallow, Tags};
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::transport::client::blocking_io::Transport;
use gix::protocol::transport::{Protocol, Service};
use gix::protocol::{Handshake, LsRefsCommand};
use gix::{ObjectId, Result};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A reference as the server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advertised {
    pub name: String,
    /// What it points to: a commit, or an annotated tag.
    pub id: ObjectId,
    /// The commit, behind the tag where there is one.
    pub commit: ObjectId,
    /// The reference that it stands for, as HEAD does.
    pub target: Option<String>,
}

/// One conversation with a server.
pub(super) struct Session {
    transport: Box<dyn Transport + Send>,
    handshake: Handshake,
    guard: Arc<Guard>,
    limits: Limits,
    stop: Arc<AtomicBool>,
}

impl Session {
    pub fn open(
        mut transport: Box<dyn Transport + Send>,
        guard: Arc<Guard>,
        limits: Limits,
        stop: Arc<AtomicBool>,
        failed: impl Fn(&gix::Error) -> GitError,
    ) -> std::result::Result<Self, GitError> {
        // Never asks a helper or a terminal.
        let nobody = |_| Ok(None);
        let handshake = gix::protocol::handshake(&mut transport, Service::UploadPack, nobody, Vec::new(), &mut Discard)
            .map_err(|error| guard.failure().unwrap_or_else(|| failed(&error)))?;
        let format =
            handshake.capabilities.capability("object-format").and_then(|found| Some(found.value()?.to_string()));
        match format {
            Some(format) if format != "sha1" => Err(GitError::ObjectFormat { format }),
            _ => Ok(Self { transport, handshake, guard, limits, stop }),
        }
    }

    /// The server's references with one of these prefixes; servers of the old protocol tell all.
    pub fn list(&mut self, prefixes: &[&str]) -> Result<Vec<Advertised>> {
        let refs = match &self.handshake.refs {
            Some(refs) => refs.clone(),
            None => {
                let mut asked = RefPrefixes::new();
                asked.extend(prefixes.iter().map(|prefix| (*prefix).into()));
                LsRefsCommand::new(Some(asked), &self.handshake.capabilities, agent()).invoke_blocking(
                    &mut self.transport,
                    &mut Discard,
                    false,
                )?
            }
        };
        Ok(refs.into_iter().filter_map(advertised).filter(|found| is_asked(&found.name, prefixes)).collect())
    }

    /// Brings commits into the repository at a path: alone, or with their history.
    pub fn receive(&mut self, wants: &[ObjectId], alone: bool, repository: &Path) -> Result<()> {
        let packs = repository.join("objects").join("pack");
        let shallow = if alone { Shallow::DepthAtRemote(NonZeroU32::MIN) } else { Shallow::NoChange };
        let write = write::Options {
            // An object that claims to be larger is not unpacked.
            alloc_limit_bytes: usize::try_from(self.limits.file_bytes).ok(),
            ..write::Options::default()
        };
        gix::protocol::fetch(
            &mut Everything(wants),
            |pack, progress, stop| {
                let nothing_known = None::<gix::odb::Handle>;
                Bundle::write_to_directory(pack, Some(&packs), progress, stop, nothing_known, Kind::Sha1, write)?;
                Ok(true)
            },
            Discard,
            &self.stop,
            Context {
                handshake: &mut self.handshake,
                transport: &mut self.transport,
                user_agent: agent(),
                trace_packetlines: false,
            },
            Options {
                shallow_file: repository.join("shallow"),
                shallow: &shallow,
                tags: Tags::None,
                reject_shallow_remote: false,
            },
        )
        .map(drop)
    }

    /// What ended the conversation on our side.
    pub fn failure(&self) -> Option<GitError> {
        self.guard.failure()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The server is told where the connection outlives a request; it may be gone.
        if self.handshake.server_protocol_version == Protocol::V2 && self.guard.is_alive() {
            let _ = gix::protocol::indicate_end_of_interaction(&mut self.transport, false);
        }
    }
}

/// We have nothing and want these objects.
struct Everything<'w>(&'w [ObjectId]);

impl Negotiate for Everything<'_> {
    fn mark_complete_and_common_ref(&mut self) -> Result<Action> {
        Ok(Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        for id in self.0 {
            arguments.want(id);
        }
        !self.0.is_empty()
    }

    fn one_round(
        &mut self,
        _state: &mut one_round::State,
        _arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> Result<(Round, bool)> {
        let round =
            Round { haves_sent: 0, in_vain: 0, haves_to_send: 0, previous_response_had_at_least_one_in_common: false };
        Ok((round, true))
    }
}

fn agent() -> (&'static str, Option<String>) {
    ("agent", Some(concat!("git/weir-", env!("CARGO_PKG_VERSION")).to_owned()))
}

fn advertised(found: Ref) -> Option<Advertised> {
    let (name, id, commit, target) = match found {
        Ref::Peeled { full_ref_name, tag, object } => (full_ref_name, tag, object, None),
        Ref::Direct { full_ref_name, object } => (full_ref_name, object, object, None),
        Ref::Symbolic { full_ref_name, target, tag, object } => {
            (full_ref_name, tag.unwrap_or(object), object, Some(target.to_string()))
        }
        Ref::Unborn { .. } => return None,
    };
    // A name that is no text is none that anybody asks for.
    let name = String::from_utf8(name.into()).ok()?;
    Some(Advertised { name, id, commit, target })
}

fn is_asked(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}
