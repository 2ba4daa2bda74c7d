//! Gives LoadBalancer Services their addresses, in place of the load balancer of a real cluster.

use std::collections::BTreeSet;

use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use lgtm_topology::Segment;
use serde_json::json;

use super::{
    FIELD_MANAGER,
    addresses::{Assignment, assign},
    follow::Follow,
};

pub(super) async fn play(client: Client, segment: Option<Segment>) {
    let mut services = Follow::<Service>::new(Api::all(client.clone()));
    let mut said = BTreeSet::new();
    loop {
        services.changed().await;
        serve_all(&client, &mut services, segment, &mut said).await;
    }
}

async fn serve_all(
    client: &Client,
    services: &mut Follow<Service>,
    segment: Option<Segment>,
    said: &mut BTreeSet<(String, String)>,
) {
    let keys: Vec<_> = services.store.keys().cloned().collect();
    for key in keys {
        let Some(service) = services.store.get(&key).cloned() else { continue };
        let (status, complaint) = match assign(&service, &services.store, segment) {
            Assignment::Keep => continue,
            Assignment::Refuse(why) => (None, Some(why)),
            Assignment::Take => (Some(json!({"loadBalancer": {"ingress": null}})), None),
            Assignment::Give { address, instead_of } => (
                Some(json!({"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}})),
                instead_of.map(|why| format!("{why}; {address} is given instead")),
            ),
        };
        if let Some(status) = status {
            let api = Api::<Service>::namespaced(client.clone(), &key.0);
            let parameters =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            let patch = Patch::Merge(json!({"status": status}));
            match api.patch_status(&key.1, &parameters, &patch).await {
                // Kept at once, so that the next Service of this round does not get the same address.
                Ok(patched) => {
                    services.store.insert(key, patched);
                }
                // A Service that was deleted meanwhile needs none; any other failure shows again with
                // the next change.
                Err(error) => tracing::warn!(service = key.1, namespace = key.0, %error, "no address given"),
            }
        }
        if let Some(complaint) = complaint
            && said.insert((service.uid().unwrap_or_default(), complaint.clone()))
        {
            complain(client, &service, &complaint).await;
        }
    }
}

/// Says on the Service itself why it has no address, or not the one it asked for.
async fn complain(client: &Client, service: &Service, why: &str) {
    let namespace = service.namespace().unwrap_or_default();
    let now = Time(Timestamp::now());
    let event = k8s_openapi::api::core::v1::Event {
        metadata: kube::core::ObjectMeta {
            generate_name: Some(format!("{}.", service.name_any())),
            namespace: Some(namespace.clone()),
            ..Default::default()
        },
        involved_object: service.object_ref(&()),
        type_: Some("Warning".to_owned()),
        reason: Some("AddressNotAssigned".to_owned()),
        message: Some(why.to_owned()),
        reporting_component: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(FIELD_MANAGER.to_owned()),
        action: Some("AssignAddress".to_owned()),
        first_timestamp: Some(now.clone()),
        last_timestamp: Some(now),
        count: Some(1),
        ..Default::default()
    };
    let events = Api::namespaced(client.clone(), &namespace);
    if let Err(error) = events.create(&PostParams::default(), &event).await {
        tracing::warn!(service = service.name_any(), namespace, %error, "no event written");
    }
}
