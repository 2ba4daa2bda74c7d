//! Clusters as a whole: whose they are, what they are called, and that no two are the same.

use std::collections::BTreeMap;

use crate::{
    Cluster, ClusterName, Provider, Segment, TenantId,
    defaults::WORKERS,
    diagnostic::{Code, Place},
    input::{
        At, Field,
        file::{ClusterProviderInput, SpecInput, TopologyProviderInput},
        network::{PodCidr, SegmentText, ServiceCidr},
        places::FilePath,
        scalars::{ClusterId, ContextName, Workers},
    },
    problems::{Problem, Problems, quoted},
    tenant::HUB_TENANT,
};

/// A cluster while it is checked: the fields that hub and spokes share.
pub(super) struct Draft<'a> {
    pub(super) is_hub: bool,
    pub(super) path: String,
    /// The key `hub`, or the first key of the spoke.
    pub(super) place: Place,
    pub(super) name: &'a Field<ClusterName>,
    id: &'a Field<ClusterId>,
    pub(super) workers: &'a Field<Workers>,
    /// Absent when it could not be told, which has been reported.
    pub(super) provider: Option<Provider>,
    context: Option<&'a At<ContextName>>,
    pub(super) pod_cidr: &'a Field<PodCidr>,
    pub(super) service_cidr: &'a Field<ServiceCidr>,
    pub(super) segment: &'a Field<SegmentText>,
    pub(super) tenant: &'a Field<TenantId>,
}

impl Draft<'_> {
    /// How messages call the cluster.
    pub(super) fn called(&self) -> String {
        match self.name.value() {
            Some(name) => quoted(name.as_str()),
            None => quoted(&self.path),
        }
    }

    /// The cluster, if everything that it needs could be read.
    pub(super) fn finish(&self, segment: Option<Segment>) -> Option<Cluster> {
        let tenant = if self.is_hub { TenantId::new(HUB_TENANT) } else { self.tenant.value()?.clone() };
        Some(Cluster {
            name: self.name.value()?.clone(),
            id: self.id.value().map(|id| id.0),
            workers: self.workers.value().map_or(WORKERS, |workers| workers.0),
            provider: self.provider.clone()?,
            pod_cidr: self.pod_cidr.value().map(|cidr| cidr.0),
            service_cidr: self.service_cidr.value().map(|cidr| cidr.0),
            segment,
            tenant,
        })
    }
}

/// All clusters, the hub first, with their providers settled.
pub(super) fn drafts<'a>(spec: &'a SpecInput, problems: &mut Problems) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    // What hub and spokes share is read into fields of the same names, but of two types.
    macro_rules! draft {
        ($cluster:expr, $is_hub:expr) => {
            let input = &$cluster.value;
            let mut draft = Draft {
                is_hub: $is_hub,
                path: $cluster.path.clone(),
                place: $cluster.place,
                name: &input.name,
                id: &input.id,
                workers: &input.workers,
                provider: None,
                context: context(&input.provider),
                pod_cidr: &input.pod_cidr,
                service_cidr: &input.service_cidr,
                segment: &input.segment,
                tenant: &input.tenant,
            };
            settle(&mut draft, &input.provider, &spec.provider, problems);
            drafts.push(draft);
        };
    }
    if let Some(hub) = spec.hub.get() {
        draft!(hub, true);
    }
    for spoke in spec.spokes.value().into_iter().flatten() {
        draft!(spoke, false);
    }
    drafts
}

fn context(own: &Field<ClusterProviderInput>) -> Option<&At<ContextName>> {
    own.value()?.existing.value()?.context.get()
}

/// Settles who provides the cluster: its own provider, else the topology's.
fn settle(
    draft: &mut Draft<'_>,
    own: &Field<ClusterProviderInput>,
    general: &Field<TopologyProviderInput>,
    problems: &mut Problems,
) {
    let general_existing = general.value().and_then(|provider| provider.existing.value());
    draft.provider = match own {
        Field::Invalid => None,
        Field::Given(given) if !given.value.kwok.is_absent() => Some(Provider::Kwok),
        Field::Given(given) => given.value.existing.value().and_then(|existing| {
            let general = general_existing.and_then(|existing| existing.kubeconfig.value());
            let kubeconfig = existing.kubeconfig.value().or(general).map(|FilePath(path)| path.clone());
            Some(Provider::Existing { kubeconfig, context: existing.context.value()?.0.clone() })
        }),
        Field::Absent if general.value().is_some_and(|general| !general.kwok.is_absent()) => {
            Some(Provider::Kwok)
        }
        Field::Absent => {
            if general_existing.is_some() {
                report_no_context(draft, problems);
            }
            None
        }
    };
}

fn report_no_context(draft: &Draft<'_>, problems: &mut Problems) {
    problems.report_at(
        &draft.path,
        Problem {
            code: Code::MissingField,
            at: draft.place,
            message: format!("nothing says which existing cluster {} is", draft.called()),
            label: "no `provider` with a context".to_owned(),
            help: "add `provider: {existing: {context: …}}` to the cluster; \
                   `kubectl config get-contexts` lists the contexts"
                .to_owned(),
        },
    );
}

/// Checks the clusters against one another.
pub(super) fn check(drafts: &[Draft<'_>], problems: &mut Problems) {
    let names = drafts.iter().filter_map(|draft| draft.name.get());
    unique(names, ClusterName::clone, problems, |name| {
        (
            format!("two clusters are called {}", quoted(name.as_str())),
            "give each cluster a name of its own: it labels all of the cluster's telemetry".to_owned(),
        )
    });
    let ids = drafts.iter().filter_map(|draft| draft.id.get());
    unique(
        ids,
        |id| *id,
        problems,
        |id| {
            (
                format!("two clusters have the id {}", id.0),
                "give each cluster an id of its own, 1 to 255".to_owned(),
            )
        },
    );
    let tenants = drafts.iter().filter(|draft| !draft.is_hub).filter_map(|draft| draft.tenant.get());
    unique(tenants, TenantId::clone, problems, |tenant| {
        (
            format!("two spokes write as tenant {}", quoted(tenant.as_str())),
            "give each spoke a tenant of its own, so that neither can write as the other".to_owned(),
        )
    });
    for draft in drafts {
        check_tenant(draft, problems);
        check_workers(draft, problems);
    }
    check_contexts(drafts, problems);
}

/// Reports each value that was there before.
pub(super) fn unique<'a, T: 'a, K: Ord>(
    values: impl Iterator<Item = &'a At<T>>,
    key: impl Fn(&T) -> K,
    problems: &mut Problems,
    words: impl Fn(&T) -> (String, String),
) {
    let mut first_uses: BTreeMap<K, &At<T>> = BTreeMap::new();
    for value in values {
        let Some(first) = first_uses.get(&key(&value.value)) else {
            first_uses.insert(key(&value.value), value);
            continue;
        };
        let (message, help) = words(&value.value);
        let label = "again here".to_owned();
        problems.report_pair(
            &value.path,
            Problem { code: Code::Duplicate, at: value.place, message, label, help },
            first.place,
            "first here".to_owned(),
        );
    }
}

fn check_tenant(draft: &Draft<'_>, problems: &mut Problems) {
    let Some(tenant) = draft.tenant.get() else { return };
    let is_local = tenant.value.as_str() == HUB_TENANT;
    if is_local == draft.is_hub {
        return;
    }
    let (message, label, help) = if draft.is_hub {
        (
            format!("the hub's tenant cannot be {}", quoted(tenant.value.as_str())),
            "not the hub's tenant",
            format!("remove the field, or write `tenant: {HUB_TENANT}`"),
        )
    } else {
        (
            format!("the spoke {} cannot write as `{HUB_TENANT}`", draft.called()),
            "the hub's own tenant",
            "give the spoke a tenant of its own, such as `remote01`".to_owned(),
        )
    };
    let label = label.to_owned();
    problems
        .report_at(&tenant.path, Problem { code: Code::Conflict, at: tenant.place, message, label, help });
}

fn check_workers(draft: &Draft<'_>, problems: &mut Problems) {
    if let (Some(Provider::Existing { .. }), Some(workers)) = (&draft.provider, draft.workers.get()) {
        problems.report_at(
            &workers.path,
            Problem {
                code: Code::Conflict,
                at: workers.key,
                message: format!("the number of workers of {} is not lgtmctl's to choose", draft.called()),
                label: "means nothing for a cluster that exists".to_owned(),
                help: "remove the field, or use a provider that makes clusters (`kwok`)".to_owned(),
            },
        );
    }
}

/// Two clusters that are one cluster would overwrite each other's agents.
fn check_contexts(drafts: &[Draft<'_>], problems: &mut Problems) {
    let mut first_uses: BTreeMap<(&str, &str), &Draft<'_>> = BTreeMap::new();
    for draft in drafts {
        let (Some(Provider::Existing { kubeconfig, context }), Some(at)) = (&draft.provider, draft.context)
        else {
            continue;
        };
        let mut path = kubeconfig.as_deref().unwrap_or_default();
        while let Some(rest) = path.strip_prefix("./") {
            path = rest;
        }
        let Some(first) = first_uses.get(&(path, context.as_str())) else {
            first_uses.insert((path, context), draft);
            continue;
        };
        let Some(first_at) = first.context else { continue };
        problems.report_pair(
            &at.path,
            Problem {
                code: Code::Duplicate,
                at: at.place,
                message: format!("{} and {} are the same existing cluster", first.called(), draft.called()),
                label: "the same context again".to_owned(),
                help: "give each cluster the context of a cluster of its own".to_owned(),
            },
            first_at.place,
            "first here".to_owned(),
        );
    }
}
