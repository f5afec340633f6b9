use crate::wait::eventually;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The program that `cargo xtask moto` installs. The tests are run through `cargo xtask`, which names it.
fn program() -> PathBuf {
    std::env::var_os("WEIR_MOTO")
        .map(PathBuf::from)
        .expect("WEIR_MOTO is set: run the tests with `cargo xtask test`, or set it to what `cargo xtask moto` prints")
}

/// AWS as moto has it. It verifies no signatures; what it keeps are the forms of requests and answers.
pub struct Moto {
    pub url: String,
    child: Child,
}

impl Moto {
    pub fn start() -> Self {
        // The port may be taken by somebody else before moto listens; then moto ends, and so does the test.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let child = Command::new(program())
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut moto = Self { url: format!("http://127.0.0.1:{port}"), child };
        eventually("moto listens", || {
            assert!(moto.child.try_wait().unwrap().is_none(), "moto has ended");
            TcpStream::connect(("127.0.0.1", port)).map(drop)
        });
        moto
    }
}

impl Moto {
    /// An operation of KMS, by somebody with all rights: what moto answers.
    pub fn kms(&self, operation: &str, body: &Value) -> Value {
        let (host, body) = (self.url.trim_start_matches("http://"), body.to_string());
        // moto reads the region from the signature and does not verify it.
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\
             X-Amz-Target: TrentService.{operation}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=x/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=x\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
