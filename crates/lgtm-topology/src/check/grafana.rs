//! Grafana: one source of its administrator's password, and a way in that is complete.

use crate::{
    AdminPassword, Entrance, EntranceGateway, Grafana, Issuer,
    diagnostic::{Code, Place},
    input::{
        Field,
        file::{GatewayInput, GrafanaInput, HubInput, IssuerInput, SpecInput},
        scalars::ProfileName,
    },
    problems::{Problem, Problems},
};

const PATH: &str = "spec.hub.grafana";

/// Checks Grafana's settings.
pub(super) fn check(spec: &SpecInput, hub: &HubInput, problems: &mut Problems) -> Grafana {
    let Some(grafana) = hub.grafana.value() else {
        return Grafana { admin: AdminPassword::Generated, entrance: None };
    };
    Grafana { admin: admin(grafana, problems), entrance: entrance(spec, grafana, problems) }
}

fn admin(grafana: &GrafanaInput, problems: &mut Problems) -> AdminPassword {
    let GrafanaInput { admin_password, admin_secret, .. } = grafana;
    if let (Some(password), Some(secret)) = (admin_password.get(), admin_secret.get()) {
        problems.report_pair(
            PATH,
            Problem {
                code: Code::Conflict,
                at: secret.key,
                message: "Grafana's administrator cannot have two passwords".to_owned(),
                label: "a Secret holds it".to_owned(),
                help: "keep `adminSecret` and remove `adminPassword`, so that no password is in this file"
                    .to_owned(),
            },
            password.key,
            "and it is written here".to_owned(),
        );
    }
    let secret = admin_secret.value().and_then(|secret| {
        let (name, key) = (secret.name.value()?, secret.key.value()?);
        Some(AdminPassword::Secret { name: name.0.clone(), key: key.0.clone() })
    });
    let given = admin_password.value().cloned().map(AdminPassword::Given);
    secret.or(given).unwrap_or(AdminPassword::Generated)
}

/// The way in, if it could be read in full.
fn entrance(spec: &SpecInput, grafana: &GrafanaInput, problems: &mut Problems) -> Option<Entrance> {
    let GrafanaInput { host, gateway_class, gateway, install_gateway_crds, issuer, .. } = grafana;
    if host.is_absent() {
        report_without_host(grafana, problems);
        return None;
    }
    if let (Some(class), Some(gateway)) = (gateway_class.get(), gateway.get()) {
        problems.report_pair(
            PATH,
            Problem {
                code: Code::Conflict,
                at: gateway.key,
                message: "`gateway` and `gatewayClass` exclude each other".to_owned(),
                label: "a Gateway that exists".to_owned(),
                help: "keep `gateway` for a Gateway of yours, or `gatewayClass` for one that lgtmctl makes"
                    .to_owned(),
            },
            class.key,
            "and a class for another one".to_owned(),
        );
    }
    if let Some(host) = host.get().filter(|_| gateway_class.is_absent() && gateway.is_absent()) {
        problems.report_at(
            PATH,
            Problem {
                code: Code::MissingField,
                at: host.key,
                message: "the host needs a Gateway".to_owned(),
                label: "neither `gatewayClass` nor `gateway` is given".to_owned(),
                help: "lgtmctl installs no gateway controller yet: add `gatewayClass: …` with a class that \
                       `kubectl get gatewayclasses` shows on the hub, or `gateway: {name: …, namespace: …}` with \
                       a Gateway that exists"
                    .to_owned(),
            },
        );
    }
    check_issuer(spec, grafana, problems);
    let made = gateway_class.value().map(|class| {
        let issuer = issuer.value().and_then(issuer_of);
        EntranceGateway::Made { class: class.0.clone(), issuer }
    });
    let gateway = made.or_else(|| existing(gateway.value()?))?;
    Some(Entrance {
        host: host.value()?.0.clone(),
        install_crds: install_gateway_crds.value().is_some_and(|wanted| wanted.0),
        gateway,
    })
}

fn existing(gateway: &GatewayInput) -> Option<EntranceGateway> {
    Some(EntranceGateway::Existing {
        namespace: gateway.namespace.value()?.0.clone(),
        name: gateway.name.value()?.0.clone(),
        listener: gateway.listener.value().map(|listener| listener.0.clone()),
    })
}

fn issuer_of(issuer: &IssuerInput) -> Option<Issuer> {
    Some(Issuer { name: issuer.name.value()?.0.clone(), kind: *issuer.kind.value()? })
}

/// What is about the way in means nothing without a host.
fn report_without_host(grafana: &GrafanaInput, problems: &mut Problems) {
    fn key<T>(field: &Field<T>) -> Option<Place> {
        field.get().map(|given| given.key)
    }
    let GrafanaInput { gateway_class, gateway, install_gateway_crds, issuer, .. } = grafana;
    let fields = [
        ("gatewayClass", key(gateway_class)),
        ("gateway", key(gateway)),
        ("installGatewayCRDs", key(install_gateway_crds)),
        ("issuer", key(issuer)),
    ];
    for (name, key) in fields {
        let Some(at) = key else { continue };
        problems.report_at(
            &format!("{PATH}.{name}"),
            Problem {
                code: Code::Conflict,
                at,
                message: format!("`{name}` means nothing without a host"),
                label: "no `host` is given".to_owned(),
                help: "add `host: …`, the DNS name by which people reach Grafana, or remove the field"
                    .to_owned(),
            },
        );
    }
}

/// What could not be read may be another profile.
fn is_compact(spec: &SpecInput) -> bool {
    spec.profile.is_absent() || spec.profile.value() == Some(&ProfileName::Compact)
}

fn check_issuer(spec: &SpecInput, grafana: &GrafanaInput, problems: &mut Problems) {
    let Some(issuer) = grafana.issuer.get() else { return };
    let report = |problems: &mut Problems, message: &str, label: &str, help: &str| {
        let problem = Problem {
            code: Code::Conflict,
            at: issuer.key,
            message: message.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
        };
        problems.report_at(&issuer.path, problem);
    };
    if grafana.gateway.get().is_some() {
        report(
            problems,
            "a Gateway that exists needs no issuer",
            "its certificate is its own",
            "remove `issuer`, or let lgtmctl make a Gateway with `gatewayClass`",
        );
    } else if is_compact(spec) {
        report(
            problems,
            "the profile `compact` has no cert-manager to ask for a certificate",
            "only with `profile: distributed`",
            "remove `issuer`, and lgtmctl makes the certificate; or name a Gateway of yours with `gateway`",
        );
    }
}
