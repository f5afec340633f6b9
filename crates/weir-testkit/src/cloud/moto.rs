use crate::wait::eventually;
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

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
