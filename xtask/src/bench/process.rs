use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;

/// What one run of a program costs.
pub struct Cost {
    pub seconds: f64,
    pub peak_kib: u64,
}

/// The fastest of several runs, which is the one that others disturbed least.
pub fn best(program: &Path, args: &[String]) -> Result<Cost, String> {
    let mut best: Option<Cost> = None;
    for _ in 0..ROUNDS {
        let cost = once(program, args)?;
        if best.as_ref().is_none_or(|b| cost.seconds < b.seconds) {
            best = Some(cost);
        }
    }
    best.ok_or_else(|| "no round ran".to_owned())
}

fn once(program: &Path, args: &[String]) -> Result<Cost, String> {
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak_kib = 0;
    loop {
        if let Some(ended) = child.try_wait().map_err(|error| error.to_string())? {
            if !ended.success() {
                return Err(format!("{} {}: {ended}", program.display(), args.join(" ")));
            }
            return Ok(Cost { seconds: began.elapsed().as_secs_f64(), peak_kib });
        }
        // The high-water mark of the resident set; gone with the process.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|v| v.split_whitespace().next());
        peak_kib = peak_kib.max(mark.and_then(|v| v.parse().ok()).unwrap_or(0));
        std::thread::sleep(Duration::from_micros(500));
    }
}
