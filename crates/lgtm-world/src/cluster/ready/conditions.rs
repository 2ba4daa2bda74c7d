//! When custom resources are ready that say so in conditions everybody agrees on: those of the Gateway API and of
//! cert-manager.
//!
//! The module refuses to know other groups: a condition `Ready` means something else to each controller, and many
//! resources have none.

use serde_json::Value;

use super::{Readiness, condition_in};

/// Whether objects of the kind are waited for.
pub(super) fn are_awaited(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        ("gateway.networking.k8s.io", "Gateway" | "HTTPRoute") | ("cert-manager.io", "Certificate")
    )
}

/// How far a live object is; none for a kind that is not awaited.
pub(super) fn readiness(group: &str, kind: &str, live: &Value) -> Option<Readiness> {
    if !are_awaited(group, kind) {
        return None;
    }
    let generation = live.pointer("/metadata/generation").and_then(Value::as_i64);
    let whole = live.get("status");
    Some(match kind {
        "Gateway" => held(whole, &["Programmed"], generation),
        "Certificate" => held(whole, &["Ready"], generation),
        _ => {
            // Each Gateway that the route names says for itself what it makes of it.
            let parents = live.pointer("/status/parents").and_then(Value::as_array);
            let parents = parents.filter(|parents| !parents.is_empty());
            let each = parents.into_iter().flatten();
            let mut said = each.map(|parent| held(Some(parent), &["Accepted", "ResolvedRefs"], generation));
            match parents {
                None => Readiness::Waiting("no Gateway has answered for it yet".to_owned()),
                Some(_) => said.find(|said| *said != Readiness::Ready).unwrap_or(Readiness::Ready),
            }
        }
    })
}

/// Whether all conditions hold, for this generation of the object.
fn held(status: Option<&Value>, names: &[&str], generation: Option<i64>) -> Readiness {
    for name in names {
        let Some((holds, reason, message)) = status.and_then(|status| condition_in(status, name)) else {
            return Readiness::Waiting(format!("not {name}"));
        };
        if !holds {
            let said: Vec<&str> = [&*reason, &*message].into_iter().filter(|text| !text.is_empty()).collect();
            return Readiness::Waiting(if said.is_empty() {
                format!("not {name}")
            } else {
                format!("not {name} ({})", said.join(": "))
            });
        }
        let seen = observed(status, name);
        if seen.zip(generation).is_some_and(|(seen, generation)| seen < generation) {
            return Readiness::Waiting("its controller has not seen it yet".to_owned());
        }
    }
    Readiness::Ready
}

fn observed(status: Option<&Value>, name: &str) -> Option<i64> {
    let conditions = status?.get("conditions")?.as_array()?;
    let named = |condition: &&Value| condition.get("type").and_then(Value::as_str) == Some(name);
    conditions.iter().find(named)?.get("observedGeneration")?.as_i64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GATEWAY_API: &str = "gateway.networking.k8s.io";

    fn waiting(text: &str) -> Option<Readiness> {
        Some(Readiness::Waiting(text.to_owned()))
    }

    #[test]
    fn a_gateway_is_ready_when_this_generation_is_programmed() {
        let gateway = |status: Value| {
            readiness(GATEWAY_API, "Gateway", &json!({"metadata": {"generation": 2}, "status": status}))
        };
        let programmed = |status: &str, seen: i64| {
            json!({"conditions": [
                {"type": "Accepted", "status": "True", "observedGeneration": seen},
                {"type": "Programmed", "status": status, "observedGeneration": seen,
                    "reason": "AddressNotAssigned", "message": "no address yet"},
            ]})
        };
        assert_eq!(gateway(json!({})), waiting("not Programmed"));
        assert_eq!(
            gateway(programmed("False", 2)),
            waiting("not Programmed (AddressNotAssigned: no address yet)")
        );
        assert_eq!(gateway(programmed("True", 1)), waiting("its controller has not seen it yet"));
        assert_eq!(gateway(programmed("True", 2)), Some(Readiness::Ready));
    }

    #[test]
    fn a_route_is_ready_when_every_gateway_that_answers_takes_it() {
        let route = |parents: Value| {
            readiness(
                GATEWAY_API,
                "HTTPRoute",
                &json!({"metadata": {"generation": 1}, "status": {"parents": parents}}),
            )
        };
        let parent = |accepted: &str, resolved: &str| {
            json!({"conditions": [
                {"type": "Accepted", "status": accepted, "reason": "NotAllowedByListeners"},
                {"type": "ResolvedRefs", "status": resolved, "reason": "BackendNotFound"},
            ]})
        };
        assert_eq!(route(json!([])), waiting("no Gateway has answered for it yet"));
        assert_eq!(route(json!([parent("True", "True")])), Some(Readiness::Ready));
        assert_eq!(
            route(json!([parent("True", "True"), parent("False", "True")])),
            waiting("not Accepted (NotAllowedByListeners)")
        );
        assert_eq!(route(json!([parent("True", "False")])), waiting("not ResolvedRefs (BackendNotFound)"));
    }

    #[test]
    fn kinds_of_other_groups_are_nobodys_affair() {
        assert_eq!(readiness("networking.istio.io", "Gateway", &json!({})), None);
        assert_eq!(readiness("cert-manager.io", "Issuer", &json!({})), None);
        assert_eq!(readiness("cert-manager.io", "Certificate", &json!({})), waiting("not Ready"));
    }
}
