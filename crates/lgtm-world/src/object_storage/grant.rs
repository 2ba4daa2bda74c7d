//! Buckets, a policy, a user, and that the one is the other's.
//!
//! Knows the calls, their order and what their answers mean. The admin calls are those of RustFS, whose
//! bodies are plain JSON under `/rustfs/admin`.

use http::{Method, StatusCode};
use lgtm_executor::Failure;
use serde_json::{Map, Value, json};

use super::{
    AccessKey,
    ask::{Ask, Line},
    trouble::Trouble,
};

const ADMIN: &str = "/rustfs/admin/v3";

/// Who may open what.
pub(super) struct Grant<'a> {
    /// May do everything.
    pub(super) root: &'a AccessKey,
    /// The user's, as it shall be.
    pub(super) key: &'a AccessKey,
    /// What the ids of this user's earlier keys begin with.
    pub(super) family: &'a str,
    /// The policy's name, which is this user's own.
    pub(super) policy: &'a str,
    pub(super) buckets: &'a [String],
}

/// Asked before every write.
pub(super) type MayWrite<'a> = &'a (dyn Fn() -> Result<(), Failure> + Sync);

impl Grant<'_> {
    /// Ensures all of it. Each part needs those before it: a policy is attached to a user that is there. Users
    /// are listed first, since the refusal of a list says why, and that of a look for a bucket cannot.
    pub(super) async fn ensure(&self, line: &mut Line, may_write: MayWrite<'_>) -> Result<(), Trouble> {
        if self.buckets.is_empty() {
            return Err(Trouble::NoBuckets);
        }
        let denied = |failure| Trouble::Said(Box::new(failure));
        self.users(line).await?;
        for bucket in self.buckets {
            self.ensure_bucket(line, bucket, &|| may_write().map_err(denied)).await?;
        }
        for ask in self.user() {
            may_write().map_err(denied)?;
            line.ask(ask, self.root).await?.success()?;
        }
        for bucket in self.buckets {
            self.check_bucket(line, bucket).await?;
        }
        Ok(())
    }

    /// Removes the users that this one was before. Whoever still has one of their keys opens nothing any more.
    pub(super) async fn retire(&self, line: &mut Line, may_write: MayWrite<'_>) -> Result<(), Trouble> {
        let users = self.users(line).await?;
        let earlier = |id: &&String| {
            id.starts_with(self.family)
                && id.as_str() != self.key.id()
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        for id in users.keys().filter(earlier) {
            may_write().map_err(|failure| Trouble::Said(Box::new(failure)))?;
            let path = format!("{ADMIN}/remove-user?accessKey={id}");
            let removed =
                line.ask(ask("removing an earlier key's user", Method::DELETE, path), self.root).await?;
            // Gone is what it shall be.
            if removed.status != StatusCode::NOT_FOUND {
                removed.success()?;
            }
        }
        Ok(())
    }

    async fn ensure_bucket(
        &self,
        line: &mut Line,
        bucket: &str,
        may_write: &(dyn Fn() -> Result<(), Trouble> + Sync),
    ) -> Result<(), Trouble> {
        let path = format!("/{bucket}");
        let looked = ask(&format!("looking for the bucket {bucket}"), Method::HEAD, path.clone());
        let found = line.ask(looked, self.root).await?;
        if found.status != StatusCode::NOT_FOUND {
            return found.success().map(drop);
        }
        may_write()?;
        let made =
            line.ask(ask(&format!("making the bucket {bucket}"), Method::PUT, path), self.root).await?;
        match (made.status, made.code.as_deref()) {
            // Another key that opens it came first.
            (StatusCode::CONFLICT, Some("BucketAlreadyOwnedByYou")) => Ok(()),
            _ => made.success().map(drop),
        }
    }

    /// The calls that make the user what it shall be. All of them replace what was there.
    fn user(&self) -> [Ask; 3] {
        let Self { key, policy, .. } = self;
        let id = key.id();
        let put = |doing: &str, path: String, body: Vec<u8>| Ask { body, ..ask(doing, Method::PUT, path) };
        let user = json!({"secretKey": key.secret(), "status": "enabled"});
        [
            put(
                &format!("making the policy {policy}"),
                format!("{ADMIN}/add-canned-policy?name={policy}"),
                policy_for(self.buckets).to_string().into_bytes(),
            ),
            put(
                &format!("making the user of the policy {policy}"),
                format!("{ADMIN}/add-user?accessKey={id}"),
                user.to_string().into_bytes(),
            ),
            put(
                &format!("giving the user the policy {policy}"),
                format!(
                    "{ADMIN}/set-user-or-group-policy?isGroup=false&policyName={policy}&userOrGroup={id}"
                ),
                Vec::new(),
            ),
        ]
    }

    /// Sees that the new key opens the bucket: that the secret is the user's, and the policy in force.
    async fn check_bucket(&self, line: &mut Line, bucket: &str) -> Result<(), Trouble> {
        let doing = format!("opening the bucket {bucket} with the new key");
        let looked = ask(&doing, Method::HEAD, format!("/{bucket}"));
        let opened = line.ask(looked, self.key).await?;
        match opened.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Err(Trouble::Closed { doing, status: opened.status.as_u16() })
            }
            _ => opened.success().map(drop),
        }
    }

    /// Everybody's users, by id.
    async fn users(&self, line: &mut Line) -> Result<Map<String, Value>, Trouble> {
        let doing = "listing users";
        let listed =
            line.ask(ask(doing, Method::GET, format!("{ADMIN}/list-users")), self.root).await?.success()?;
        serde_json::from_slice(&listed.body).map_err(|_| Trouble::Unreadable { doing: doing.to_owned() })
    }
}

fn ask(doing: &str, method: Method, path: String) -> Ask {
    Ask { doing: doing.to_owned(), method, path, body: Vec::new() }
}

/// Everything in these buckets, and nothing else.
fn policy_for(buckets: &[String]) -> Value {
    let resources = buckets
        .iter()
        .flat_map(|bucket| [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]);
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": resources.collect::<Vec<_>>()}],
    })
}
