//! No key in anything that is shown, written to a log or traced.

use std::{
    io,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;

/// Everything that is traced, by anyone, at any level.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A secret as it is, and in the forms in which dumps show bytes.
fn forms(secret: &str) -> [String; 3] {
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    [secret.to_owned(), STANDARD.encode(secret), hex]
}

#[test]
fn no_failure_and_no_trace_holds_a_key() {
    let heard = Heard::default();
    let writer = heard.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let mut shown = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // For the whole process: whether a callsite is heard is settled once for all threads.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for at in 0..11 {
        let faults = [
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::Nonsense,
            Fault::Refuse(403, "InvalidAccessKeyId"),
            Fault::Refuse(400, "lgtmfamilyNew"),
            Fault::Refuse(500, "root/secret+that-nobody-sees"),
        ];
        for fault in faults {
            let storage = Storage::with(half_made(0b10_0000));
            storage.fail(at, fault);
            if let Err(trouble) = runtime.block_on(ensure(&storage)) {
                shown.push(format!("{trouble:?}"));
                shown.push(format!("{:#?}", told(trouble)));
            }
        }
    }
    let shown = shown.join("\n");
    let traced = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
    assert!(traced.contains("the object storage answered"), "{traced}");
    assert!(shown.contains("HTTP status 403"), "{shown}");
    for secret in [KEY.1, EARLIER.1, OTHER.1, ROOT.1].iter().flat_map(|secret| forms(secret)) {
        assert!(!traced.contains(&secret), "a secret was traced");
        assert!(!shown.contains(&secret), "a secret was shown");
    }
    // Libraries trace ids; lgtmctl shows and writes only what its own crates trace.
    let ours: String = traced.lines().filter(|line| line.contains(" lgtm_")).collect();
    assert!(ours.contains("the object storage answered"), "{ours}");
    for id in [KEY.0, EARLIER.0, OTHER.0, ROOT.0] {
        assert!(!shown.contains(id), "an id was shown: {shown}");
        assert!(!ours.contains(id), "an id was traced: {ours}");
    }
}
