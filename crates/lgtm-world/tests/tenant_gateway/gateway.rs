//! The gateway under test: the chart rendered by helm from the catalog's values, run by HAProxy.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use lgtm_planner::catalog::tenant_gateway::{GatewayInputs, values};
use lgtm_world::{pki::Issued, tools::Tool};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::tools;

/// How long anything may take that should happen at once; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Below the range from which the system picks ports for outgoing connections, and each handed out once.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A free loopback port that no other test of this process gets.
pub(crate) fn free_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = first + NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/tenant-gateway")
}

/// The pinned helm.
pub(crate) fn helm() -> Command {
    Command::new(tools().find(Tool::Helm).unwrap())
}

/// Helm's output, or its complaint.
pub(crate) fn render(values: &Value) -> Result<Vec<Value>, String> {
    let mut helm = helm();
    helm.args(["template", "tenant-gateway"]).arg(chart());
    helm.args(["--namespace", "lgtm-gateway", "--values", "-"]);
    let mut child = helm.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(values.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    Ok(serde_saphyr::from_multiple(std::str::from_utf8(&output.stdout).unwrap()).unwrap())
}

/// The only object of a kind.
pub(crate) fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let of_kind: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(of_kind.len(), 1, "{kind}");
    of_kind[0]
}

/// Replaces what only a test decides: where the backends are, and where the gateway listens.
fn on_loopback(inputs: &GatewayInputs, port: u16, health_port: u16, upstreams: &Value) -> Value {
    let mut values = values(inputs);
    let all = values.as_object_mut().unwrap();
    all.insert("listen".into(), json!({"address": "127.0.0.1", "port": port, "healthPort": health_port}));
    all.insert("shutdown".into(), json!({"graceSeconds": 0, "hardStopSeconds": 5}));
    all.insert("limits".into(), json!({"connections": 100, "threads": 1, "bodyBytes": 4096}));
    for (key, value) in upstreams.as_object().unwrap() {
        all.insert(key.clone(), value.clone());
    }
    values
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) port: u16,
    pub(crate) health_port: u16,
    upstreams: Value,
    certificate: Issued,
    process: Process,
}

impl Gateway {
    /// Starts with `extra` over the catalog's values; it holds at least `upstreams`.
    pub(crate) fn start(inputs: &GatewayInputs, certificate: Issued, extra: Value) -> Self {
        let (port, health_port) = (free_port(), free_port());
        let values = on_loopback(inputs, port, health_port, &extra);
        let process = Process::start(&values, &certificate, health_port);
        Self { port, health_port, upstreams: extra, certificate, process }
    }

    /// What a rolling update does: the successor serves the same ports, then the old process is told
    /// to finish, and only its end counts.
    pub(crate) fn roll(&mut self, inputs: &GatewayInputs) {
        let values = on_loopback(inputs, self.port, self.health_port, &self.upstreams);
        let successor = Process::start(&values, &self.certificate, self.health_port);
        std::mem::replace(&mut self.process, successor).finish();
    }

    /// Begins what the end of a pod begins.
    pub(crate) fn begin_to_stop(&self) {
        self.process.ask_to_finish();
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.child.try_wait().unwrap().is_some()
    }

    /// Waits for a log line that holds all of `parts`.
    pub(crate) fn logged(&self, parts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.process.log.lock().unwrap().clone();
            if let Some(line) = lines.iter().find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "no line with {parts:?} in {lines:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A GET on the plain port for probes: the answer's first line and its text.
    pub(crate) fn probe(&self, path: &str) -> Option<(String, String)> {
        probe(self.health_port, path)
    }
}

fn probe(port: u16, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.lines().next()?.to_owned();
    Some((status, answer))
}

/// One HAProxy process with a folder of its own. It is ended by its id, however the test ends.
struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl Process {
    fn start(values: &Value, certificate: &Issued, health_port: u16) -> Self {
        let objects = render(values).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let data = only(&objects, "ConfigMap")["data"].as_object().unwrap().clone();
        for (name, content) in data {
            std::fs::write(folder.path().join(name), content.as_str().unwrap()).unwrap();
        }
        let tls = folder.path().join("tls");
        std::fs::create_dir(&tls).unwrap();
        std::fs::write(tls.join("tls.crt"), &certificate.certificate_pem).unwrap();
        std::fs::write(tls.join("tls.key"), certificate.private_key.expose()).unwrap();
        std::fs::write(tls.join("ca.crt"), &certificate.authority_pem).unwrap();

        // The pod's own command line; only the folder differs.
        let container = &only(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
        let program = container["command"][0].as_str().unwrap();
        let arguments = container["args"].as_array().unwrap().iter().map(|argument| {
            let text = argument.as_str().unwrap();
            if text == "/etc/tenant-gateway" { folder.path().as_os_str() } else { text.as_ref() }
        });
        let spawned = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => panic!("{program} cannot be run ({error}): run `apt-get install haproxy`"),
        };
        let log = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().unwrap(), log.clone());
        collect(child.stderr.take().unwrap(), log.clone());
        let mut process = Self { child, log, _folder: folder };
        process.await_listeners(health_port);
        process
    }

    /// With a predecessor on the same ports an answer proves nothing of this process, so its own sockets
    /// are looked for.
    fn await_listeners(&mut self, health_port: u16) {
        let deadline = Instant::now() + PATIENCE;
        while !(self.listens(health_port) && probe(health_port, "/healthz").is_some()) {
            let ended = self.child.try_wait().unwrap();
            let log = self.log.lock().unwrap().clone();
            assert!(ended.is_none(), "haproxy ended with {ended:?}: {log:#?}");
            assert!(Instant::now() < deadline, "haproxy does not listen: {log:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether one of the process's open files is a listening socket on the port.
    fn listens(&self, port: u16) -> bool {
        let proc = PathBuf::from(format!("/proc/{}", self.child.id()));
        let sockets = std::fs::read_to_string(proc.join("net/tcp")).unwrap_or_default();
        let local = format!("0100007F:{port:04X}");
        let listening = sockets.lines().filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let matches = fields.get(1) == Some(&local.as_str()) && fields.get(3) == Some(&"0A");
            matches.then(|| format!("socket:[{}]", fields[9]))
        });
        let listening: Vec<String> = listening.collect();
        let Ok(files) = std::fs::read_dir(proc.join("fd")) else { return false };
        files.flatten().any(|file| {
            std::fs::read_link(file.path())
                .is_ok_and(|target| listening.iter().any(|socket| Path::new(socket) == target))
        })
    }

    /// The signal with which Kubernetes stops the image.
    fn ask_to_finish(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-USR1", &id]).status().unwrap().success());
    }

    /// The signal, and the end of the process.
    fn finish(mut self) {
        let id = self.child.id();
        self.ask_to_finish();
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "haproxy {id} does not finish");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have finished by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn collect(stream: impl std::io::Read + Send + 'static, log: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            log.lock().unwrap().push(line);
        }
    });
}
