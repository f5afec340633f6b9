use std::path::PathBuf;

/// A running process, as Linux tells of it.
#[derive(Clone, Debug)]
pub struct Process(PathBuf);

impl Process {
    pub fn new(pid: u32) -> Self {
        Self(format!("/proc/{pid}").into())
    }

    /// The child of a process that was started with this first argument.
    pub fn child(parent: u32, argument: &str) -> Option<Self> {
        let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| Self(entry.path()));
        let read = |process: &Self, file: &str| std::fs::read_to_string(process.0.join(file)).unwrap_or_default();
        let is_it = |process: &Self| {
            let of = fields(&read(process, "stat")).and_then(|fields| fields.get(1)?.parse::<u32>().ok());
            of == Some(parent) && read(process, "cmdline").split('\0').nth(1) == Some(argument)
        };
        all.into_iter().find(is_it)
    }

    /// The time that it has worked, in all threads.
    pub fn cpu_seconds(&self) -> f64 {
        let fields = fields(&self.read("stat")).unwrap();
        // Linux tells times in hundredths of a second.
        [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    /// The most bytes that were ever resident.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The bytes that are resident.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The bytes that are resident and its own: not pages of files, which the kernel may drop.
    pub fn own_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// Whether its arguments or its environment have this in them, which others on the machine can read.
    pub fn shows(&self, text: &str) -> bool {
        let read = |file: &str| std::fs::read(self.0.join(file)).unwrap();
        let has = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).contains(text);
        has(read("cmdline")) || has(read("environ"))
    }

    /// How often these bytes are in its memory.
    pub fn holds(&self, bytes: &[u8]) -> usize {
        use std::os::unix::fs::FileExt;
        let memory = std::fs::File::open(self.0.join("mem")).unwrap();
        let (mut found, mut buffer) = (0, vec![0; 1 << 20]);
        for line in self.read("maps").lines().filter(|line| line.split(' ').nth(1).is_some_and(|r| r.starts_with("rw")))
        {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let [mut at, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
            // A piece overlaps with the next one, so that nothing is missed between them.
            while at < to {
                let length = buffer.len().min((to - at) as usize);
                let Ok(read) = memory.read_at(&mut buffer[..length], at) else { break };
                found += buffer[..read].windows(bytes.len()).filter(|window| *window == bytes).count();
                at += (read as u64).saturating_sub(bytes.len() as u64 - 1).max(1);
                if read < bytes.len() {
                    break;
                }
            }
        }
        found
    }

    fn status(&self, key: &str) -> u64 {
        let status = self.read("status");
        let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        let kib: u64 = value.trim().trim_end_matches(" kB").parse().unwrap();
        kib << 10
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).unwrap()
    }
}

/// The fields of `stat` behind the name, which may have spaces in it.
fn fields(stat: &str) -> Option<Vec<String>> {
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}
