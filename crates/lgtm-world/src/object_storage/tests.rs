//! What is asked of a storage, whatever state it is in and wherever it fails.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use lgtm_executor::Kind;
use lgtm_planner::unit::SecretRef;
use serde_json::json;

use super::*;

mod secrets;
mod server;
mod vectors;

use server::{Fault, ROOT, State, Storage};

const FAMILY: &str = "lgtmfamily";
const KEY: (&str, &str) = ("lgtmfamilyNew", "the-new-secret-that-nobody-sees");
const EARLIER: (&str, &str) = ("lgtmfamilyOld", "the-old-secret-that-nobody-sees");
/// Of a family whose name this one's begins.
const OTHER: (&str, &str) = ("lgtmfamil0Old", "another-secret-that-nobody-sees");
const POLICY: &str = "lgtmctl-topology-unit";

fn storage() -> ObjectStorage {
    ObjectStorage {
        namespace: "storage".to_owned(),
        service: "rustfs-svc".to_owned(),
        port: 9000,
        root: SecretRef { namespace: "storage".to_owned(), name: "root-key".to_owned() },
        root_unit: None,
        root_id_key: "id".to_owned(),
        root_secret_key: "secret".to_owned(),
    }
}

/// What the user is told of it.
fn told(trouble: Trouble) -> Failure {
    let storage = storage();
    Place { cluster: &ClusterName::new("hub"), storage: &storage }.failure(trouble)
}

/// Opens the buckets, and retires earlier keys as if everybody had the new one.
async fn ensure_while(storage: &Storage, may_write: grant::MayWrite<'_>) -> Result<(), Trouble> {
    let (root, key) = (AccessKey::new(ROOT.0, ROOT.1), AccessKey::new(KEY.0, KEY.1));
    let buckets = ["chunks".to_owned(), "ruler".to_owned()];
    let grant = Grant { root: &root, key: &key, family: FAMILY, policy: POLICY, buckets: &buckets };
    let mut line = storage.line().await;
    grant.ensure(&mut line, may_write).await?;
    grant.retire(&mut line, may_write).await
}

async fn ensure(storage: &Storage) -> Result<(), Trouble> {
    ensure_while(storage, &|| Ok(())).await
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// What others have there, which stays as it is.
fn theirs() -> State {
    State {
        buckets: ["theirs".to_owned()].into(),
        users: texts([OTHER]),
        policies: [("theirs".to_owned(), json!({"theirs": true}))].into(),
        attached: texts([(OTHER.0, "theirs")]),
    }
}

fn whole() -> State {
    let mut state = theirs();
    state.buckets.extend(["chunks".to_owned(), "ruler".to_owned()]);
    state.users.extend(texts([KEY]));
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": [
            "arn:aws:s3:::chunks", "arn:aws:s3:::chunks/*", "arn:aws:s3:::ruler", "arn:aws:s3:::ruler/*",
        ]}],
    });
    state.policies.insert(POLICY.to_owned(), policy);
    state.attached.extend(texts([(KEY.0, POLICY)]));
    state
}

/// Every state that is half made, half lost or half of another time: each bit is one thing that may be so.
fn half_made(bits: u32) -> State {
    let mut state = theirs();
    let is = |bit: u32| bits & (1 << bit) != 0;
    if is(0) {
        state.buckets.insert("chunks".to_owned());
    }
    if is(1) {
        state.buckets.insert("ruler".to_owned());
    }
    if is(2) {
        state.policies.insert(POLICY.to_owned(), json!({"Statement": [{"Resource": ["arn:aws:s3:::all"]}]}));
    }
    if is(3) {
        state.users.extend(texts([(KEY.0, "another secret")]));
    }
    if is(4) && is(3) {
        state.attached.extend(texts([(KEY.0, "theirs")]));
    }
    if is(5) {
        state.users.extend(texts([EARLIER]));
        state.attached.extend(texts([(EARLIER.0, POLICY)]));
    }
    state
}

#[tokio::test]
async fn each_call_is_made_once_and_in_its_order() {
    let storage = Storage::with(half_made(0b10_0000));
    ensure(&storage).await.unwrap();
    assert_eq!(storage.state(), whole());
    assert_eq!(
        storage.asked(),
        [
            "GET /rustfs/admin/v3/list-users",
            "HEAD /chunks",
            "PUT /chunks",
            "HEAD /ruler",
            "PUT /ruler",
            "PUT /rustfs/admin/v3/add-canned-policy?name=lgtmctl-topology-unit",
            "PUT /rustfs/admin/v3/add-user?accessKey=lgtmfamilyNew",
            "PUT /rustfs/admin/v3/set-user-or-group-policy?isGroup=false&policyName=lgtmctl-topology-unit\
             &userOrGroup=lgtmfamilyNew",
            "HEAD /chunks",
            "HEAD /ruler",
            "GET /rustfs/admin/v3/list-users",
            "DELETE /rustfs/admin/v3/remove-user?accessKey=lgtmfamilyOld",
        ]
    );
    let again = Storage::with(storage.state());
    ensure(&again).await.unwrap();
    assert_eq!(again.state(), whole());
    assert!(!again.asked().iter().any(|asked| asked.contains("PUT /chunks") || asked.contains("DELETE")));
}

#[tokio::test]
async fn cut_before_or_after_any_request_in_any_state_and_run_again_it_converges() {
    let mut runs = 0;
    for bits in 0..64 {
        // Cut before a request is cut after the one before it, but for what this side sees.
        for after in if bits % 21 == 0 { [false, true].as_slice() } else { &[true] } {
            for at in 0.. {
                let storage = Storage::with(half_made(bits));
                storage.fail(at, if *after { Fault::CutAfter } else { Fault::CutBefore });
                let cut = ensure(&storage).await;
                if at >= storage.asked().len() {
                    cut.unwrap();
                    break;
                }
                let trouble = cut.unwrap_err();
                assert!(matches!(trouble, Trouble::NoAnswer { .. }), "{trouble:?}");
                assert_eq!(told(trouble).kind, Kind::Transient);
                storage.fail(usize::MAX, Fault::CutBefore);
                ensure(&storage).await.unwrap();
                assert_eq!(storage.state(), whole(), "state {bits}, cut at {at}");
                runs += 1;
            }
        }
    }
    assert!(runs > 600, "{runs}");
}

#[tokio::test]
async fn a_refusal_at_any_request_ends_the_run_with_what_it_means() {
    let cases = [
        (403, "SignatureDoesNotMatch", Kind::Permanent),
        (404, "NoSuchResource", Kind::Permanent),
        (409, "BucketAlreadyExists", Kind::Permanent),
        (409, "OperationAborted", Kind::Transient),
        (429, "SlowDown", Kind::Transient),
        (500, "InternalError", Kind::Transient),
        (501, "NotImplemented", Kind::Permanent),
        (503, "ServiceUnavailable", Kind::Transient),
        (301, "PermanentRedirect", Kind::Permanent),
    ];
    let looks_for_a_bucket = |at: usize| [1, 3, 8, 9].contains(&at);
    for (status, code, kind) in cases {
        for at in 0..12 {
            let storage = Storage::with(half_made(0b10_0000));
            storage.fail(at, Fault::Refuse(status, code));
            let outcome = ensure(&storage).await;
            // A bucket that is not there is made, and a user that is not there is removed already.
            if status == 404 && (at == 1 || at == 3 || at == 11) {
                outcome.unwrap();
                continue;
            }
            let failure = told(outcome.unwrap_err());
            assert_eq!(storage.asked().len(), at + 1, "nothing is asked after a refusal");
            let (is_check, is_look) = (at == 8 || at == 9, looks_for_a_bucket(at));
            let closed = is_check && matches!(status, 403 | 404);
            // A HEAD has no body that could say more.
            let kind = if closed {
                Kind::Transient
            } else if is_look && status == 409 {
                Kind::Permanent
            } else {
                kind
            };
            assert_eq!(failure.kind, kind, "{status} {code} at {at}: {failure:?}");
            assert!(failure.message.contains(&format!("HTTP status {status}")), "{failure:?}");
            assert!(failure.message.contains(" in the object storage storage/rustfs-svc on cluster hub: "));
            assert_eq!(failure.message.contains(code), !is_look, "{failure:?}");
            assert_eq!(failure.retry_after.is_some(), !closed, "{failure:?}");
        }
    }
}

#[tokio::test]
async fn messages_say_which_call_which_bucket_what_status_and_what_to_do() {
    let message = async |at: usize, fault: Fault| {
        let storage = Storage::with(half_made(0b10_0000));
        storage.fail(at, fault);
        let failure = told(ensure(&storage).await.unwrap_err());
        format!("{}\n  {}", failure.message, failure.help.unwrap_or_default())
    };
    let mut shown = Vec::new();
    shown.push(message(0, Fault::Refuse(403, "RequestTimeTooSkewed")).await);
    shown.push(message(0, Fault::Refuse(403, "InvalidAccessKeyId")).await);
    shown.push(message(0, Fault::Refuse(404, "")).await);
    shown.push(message(0, Fault::Nonsense).await);
    shown.push(message(1, Fault::Refuse(403, "")).await);
    shown.push(message(2, Fault::Refuse(409, "BucketAlreadyExists")).await);
    shown.push(message(2, Fault::Refuse(400, "InvalidBucketName")).await);
    shown.push(message(5, Fault::CutAfter).await);
    shown.push(message(7, Fault::Refuse(503, "ServiceUnavailable")).await);
    shown.push(message(8, Fault::Refuse(403, "")).await);
    insta::assert_snapshot!(shown.join("\n"));
}

#[tokio::test]
async fn an_earlier_key_opens_the_buckets_until_it_is_retired() {
    let storage = Storage::with(half_made(0b10_0000));
    let (root, key) = (AccessKey::new(ROOT.0, ROOT.1), AccessKey::new(KEY.0, KEY.1));
    let buckets = ["chunks".to_owned(), "ruler".to_owned()];
    let grant = Grant { root: &root, key: &key, family: FAMILY, policy: POLICY, buckets: &buckets };
    let mut line = storage.line().await;
    grant.ensure(&mut line, &|| Ok(())).await.unwrap();
    let mut both = whole();
    both.users.extend(texts([EARLIER]));
    both.attached.extend(texts([(EARLIER.0, POLICY)]));
    assert_eq!(storage.state(), both);
    grant.retire(&mut line, &|| Ok(())).await.unwrap();
    assert_eq!(storage.state(), whole());
}

#[tokio::test]
async fn whoever_makes_the_bucket_meanwhile_is_as_good() {
    let storage = Storage::with(theirs());
    storage.fail(2, Fault::Race(409, "BucketAlreadyOwnedByYou"));
    ensure(&storage).await.unwrap();
    assert_eq!(storage.state(), whole());
}

#[tokio::test]
async fn nothing_is_written_once_the_lock_is_lost() {
    for granted in 0..6 {
        let storage = Storage::with(half_made(0b10_0000));
        let asked = AtomicUsize::new(0);
        let lost = || {
            if asked.fetch_add(1, Ordering::Relaxed) < granted {
                return Ok(());
            }
            Err(Failure::new(Kind::Locked, "the lock is lost"))
        };
        let failure = told(ensure_while(&storage, &lost).await.unwrap_err());
        assert_eq!((failure.kind, failure.message.as_str()), (Kind::Locked, "the lock is lost"));
        let writes = storage
            .asked()
            .iter()
            .filter(|asked| !asked.starts_with("HEAD") && !asked.starts_with("GET"))
            .count();
        assert_eq!(writes, granted);
    }
}

#[tokio::test]
async fn a_key_without_buckets_is_refused_before_anything_is_asked() {
    let storage = Storage::with(theirs());
    let (root, key) = (AccessKey::new(ROOT.0, ROOT.1), AccessKey::new(KEY.0, KEY.1));
    let grant = Grant { root: &root, key: &key, family: FAMILY, policy: POLICY, buckets: &[] };
    let refused = grant.ensure(&mut storage.line().await, &|| Ok(())).await.unwrap_err();
    assert_eq!(told(refused).kind, Kind::Permanent);
    assert_eq!(storage.asked(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_never_answers_is_not_waited_for() {
    let (ours, _theirs) = tokio::io::duplex(1 << 16);
    let never = Box::pin(std::future::pending());
    let mut line = Line::over(ours, 9000, never).await.unwrap();
    let (root, key) = (AccessKey::new(ROOT.0, ROOT.1), AccessKey::new(KEY.0, KEY.1));
    let buckets = ["chunks".to_owned()];
    let grant = Grant { root: &root, key: &key, family: FAMILY, policy: POLICY, buckets: &buckets };
    let failure = told(grant.ensure(&mut line, &|| Ok(())).await.unwrap_err());
    assert_eq!(failure.kind, Kind::Transient);
    assert!(failure.message.ends_with("on cluster hub: no answer within 10 s"), "{failure}");
}

#[tokio::test]
async fn what_the_kubelet_says_of_the_way_is_the_reason() {
    let (ours, _theirs) = tokio::io::duplex(1 << 16);
    let said = Box::pin(std::future::ready(Some("connection refused".to_owned())));
    let mut line = Line::over(ours, 9000, said).await.unwrap();
    let (root, key) = (AccessKey::new(ROOT.0, ROOT.1), AccessKey::new(KEY.0, KEY.1));
    let buckets = ["chunks".to_owned()];
    let grant = Grant { root: &root, key: &key, family: FAMILY, policy: POLICY, buckets: &buckets };
    let failure = told(grant.ensure(&mut line, &|| Ok(())).await.unwrap_err());
    assert!(failure.message.ends_with("on cluster hub: connection refused"), "{failure}");
}

#[test]
fn families_of_units_and_topologies_differ() {
    let of = |topology: &str, unit: &str| family(&TopologyName::new(topology), &unit.parse().unwrap());
    let families = [of("a", "hub/x"), of("b", "hub/x"), of("a", "hub/y"), of("a", "h/x")];
    let distinct: std::collections::BTreeSet<&String> = families.iter().collect();
    assert_eq!(distinct.len(), 4);
    assert!(families.iter().all(|family| family.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    let lengths: std::collections::BTreeSet<usize> = families.iter().map(String::len).collect();
    assert_eq!(lengths.len(), 1, "none is the beginning of another");
}
