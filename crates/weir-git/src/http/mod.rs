//! gix's HTTP transport over a client of our own: one per repository, with its own trust, its own
//! certificate and its own login, which only the URL's own host is shown.

mod client;
mod exchange;
mod file;
#[cfg(test)]
mod tests;

pub use file::{Download, download};

use crate::limits::Guard;
use crate::{Access, GitError};
use client::Client;
use exchange::{Body, Exchange, Headers, Posted};
use gix::protocol::transport::Protocol;
use gix::protocol::transport::client::blocking_io::http::{
    GetResponse, Http, PostBodyDataKind, PostResponse, Transport, connect_http,
};
use std::sync::Arc;

/// A transport to an http or https URL, which may have a user in it.
pub(crate) fn connect(url: &str, access: &Access, guard: Arc<Guard>) -> Result<Transport<Requests>, GitError> {
    let (client, url) = Client::new(url, access, guard)?;
    let parsed = gix::url::parse(url.as_str()).map_err(|_| GitError::url(&url, "it cannot be parsed"))?;
    Ok(connect_http(Requests { client: Arc::new(client) }, parsed, Protocol::V2, false))
}

pub(crate) struct Requests {
    client: Arc<Client>,
}

impl Http for Requests {
    type Headers = Headers;
    type ResponseBody = Body;
    type PostBody = Posted;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::error::Result<GetResponse<Headers, Body>> {
        let exchange = Exchange::get(&self.client, url, base_url, headers);
        exchange.send().map_err(gix::error::Error::from_error)?;
        let (headers, body, _) = exchange.parts();
        Ok(GetResponse { headers, body })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::error::Result<PostResponse<Headers, Body, Posted>> {
        // Sent when its answer is asked for: what we send are a few lines.
        let (headers, body, post_body) = Exchange::post(&self.client, url, headers).parts();
        Ok(PostResponse { post_body, headers, body })
    }

    fn configure(&mut self, _config: &dyn std::any::Any) -> gix::error::Result {
        // Everything was decided when the client was made.
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.client.moved_to()
    }
}
