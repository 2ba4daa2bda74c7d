//! Following all objects of a kind: a list, then a watch from there, resumed when it ends and begun anew
//! when the API server has forgotten the place. Refuses to know what is done with the objects.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use futures::TryStreamExt as _;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;

const PAUSE: Duration = Duration::from_millis(500);

/// All objects of a kind, by namespace and name.
pub(super) type Store<K> = BTreeMap<(String, String), K>;

/// The place of an object in a [`Store`].
pub(super) fn key<K: Resource>(object: &K) -> (String, String) {
    let meta = object.meta();
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// Follows a kind for ever.
pub(super) struct Follow<K> {
    api: Api<K>,
    /// All objects, as far as they have been heard of.
    pub(super) store: Store<K>,
    events: Option<Events<K>>,
    version: Option<String>,
}

type Events<K> = futures::stream::BoxStream<'static, Result<WatchEvent<K>, kube::Error>>;

impl<K> Follow<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    pub(super) fn new(api: Api<K>) -> Self {
        Self { api, store: Store::new(), events: None, version: None }
    }

    /// Waits until the store has changed.
    pub(super) async fn changed(&mut self) {
        loop {
            match self.step().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "a followed kind could not be read; trying again");
                    self.events = None;
                    // A version that the API server no longer knows must not be asked for again.
                    self.version = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<bool, kube::Error> {
        let Some(version) = &self.version else {
            let listed = self.api.list(&ListParams::default()).await?;
            self.version = Some(listed.metadata.resource_version.unwrap_or_default());
            self.store = listed.items.into_iter().map(|object| (key(&object), object)).collect();
            return Ok(true);
        };
        let events = match &mut self.events {
            Some(events) => events,
            none => {
                let events = self.api.watch(&WatchParams::default(), version).await?;
                none.insert(Box::pin(events))
            }
        };
        match events.try_next().await? {
            // The API server ends each watch after some minutes; the next one goes on from there.
            None => {
                self.events = None;
                Ok(false)
            }
            Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                self.version = object.resource_version().or_else(|| self.version.take());
                self.store.insert(key(&object), object);
                Ok(true)
            }
            Some(WatchEvent::Deleted(object)) => {
                self.version = object.resource_version().or_else(|| self.version.take());
                self.store.remove(&key(&object));
                Ok(true)
            }
            Some(WatchEvent::Bookmark(bookmark)) => {
                self.version = Some(bookmark.metadata.resource_version);
                Ok(false)
            }
            Some(WatchEvent::Error(status)) => Err(kube::Error::Api(status)),
        }
    }
}
