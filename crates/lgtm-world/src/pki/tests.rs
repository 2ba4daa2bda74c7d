//! Authorities and certificates together: round trips, every reason for a replacement, the renewal
//! threshold, and a real TLS library's opinion of what is issued.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);
const YEAR: Duration = Duration::days(365);

fn authority(name: &str) -> Authority {
    Authority::generate(name, NOW, YEAR).unwrap()
}

fn client(name: &str) -> CertificateRequest {
    CertificateRequest {
        common_name: name.to_owned(),
        dns_names: BTreeSet::new(),
        ip_addresses: BTreeSet::new(),
        usage: Usage::Client,
        validity: Duration::days(90),
    }
}

fn server(name: &str, address: &str) -> CertificateRequest {
    CertificateRequest {
        dns_names: BTreeSet::from([name.to_owned()]),
        ip_addresses: BTreeSet::from([address.parse::<IpAddr>().unwrap()]),
        usage: Usage::Server,
        ..client(name)
    }
}

#[test]
fn an_authority_survives_a_round_trip_through_pem() {
    let made = authority("lgtmctl tenant gateway");
    let read = Authority::from_pem(made.certificate_pem(), made.private_key().clone()).unwrap();
    assert_eq!(read.certificate(), made.certificate());
    let facts = read.certificate().facts();
    assert!(facts.is_authority);
    assert_eq!(facts.common_name, "lgtmctl tenant gateway");
    assert_eq!(facts.not_before, NOW - Duration::minutes(5));
    assert_eq!(facts.not_after, NOW + YEAR);

    let issued = read.issue(&client("remote01"), NOW).unwrap();
    let leaf = Certificate::from_pem(&issued.certificate_pem).unwrap();
    assert_eq!(leaf.satisfies(&client("remote01"), made.certificate(), NOW), Ok(()));
}

#[test]
fn an_issued_certificate_holds_what_was_asked_for() {
    let request = server("gateway.example", "172.18.255.249");
    let issued = authority("ca").issue(&request, NOW).unwrap();
    let facts = CertificateFacts::from_pem(&issued.certificate_pem).unwrap();
    assert_eq!(facts, issued.facts);
    assert_eq!(facts.common_name, "gateway.example");
    assert_eq!(facts.dns_names, request.dns_names);
    assert_eq!(facts.ip_addresses, request.ip_addresses);
    assert_eq!(facts.not_before, NOW - Duration::minutes(5));
    assert_eq!(facts.not_after, NOW + Duration::days(90));
    assert!(!facts.is_authority);
    assert!(facts.authority_key_id.is_some());
    assert_eq!(facts.fingerprint_sha256.len(), 64);
    assert!(facts.fingerprint_sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    assert!(Certificate::from_pem(&issued.certificate_pem).unwrap().matches_key(&issued.private_key));
    assert!(issued.private_key.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn two_certificates_for_one_request_have_different_keys_and_fingerprints() {
    let authority = authority("ca");
    let one = authority.issue(&client("remote01"), NOW).unwrap();
    let two = authority.issue(&client("remote01"), NOW).unwrap();
    assert_ne!(one.facts.fingerprint_sha256, two.facts.fingerprint_sha256);
    assert_ne!(one.private_key.expose(), two.private_key.expose());
    assert!(!Certificate::from_pem(&one.certificate_pem).unwrap().matches_key(&two.private_key));
}

#[test]
fn a_leaf_does_not_outlive_its_authority_nor_begin_before_it() {
    let short = Authority::generate("ca", NOW, Duration::days(10)).unwrap();
    let issued = short.issue(&client("remote01"), NOW - Duration::minutes(3)).unwrap();
    assert_eq!(issued.facts.not_after, NOW + Duration::days(10));
    assert_eq!(issued.facts.not_before, NOW - Duration::minutes(5));
    for then in [NOW + Duration::days(10), NOW - Duration::minutes(6)] {
        let refused = short.issue(&client("remote01"), then);
        assert!(matches!(refused, Err(Error::AuthorityNotValid { .. })), "{refused:?}");
    }
}

#[test]
fn renewal_is_due_when_less_than_a_third_of_the_life_is_left() {
    let mut facts = authority("ca").issue(&client("remote01"), NOW).unwrap().facts;
    (facts.not_before, facts.not_after) = (NOW, NOW + Duration::days(90));
    let threshold = NOW + Duration::days(60);
    assert!(!facts.is_due_for_renewal(NOW));
    assert!(!facts.is_due_for_renewal(threshold));
    assert!(facts.is_due_for_renewal(threshold + Duration::SECOND));
    assert!(facts.is_due_for_renewal(NOW + Duration::days(91)));
}

#[test]
fn every_difference_from_the_request_is_a_reason() {
    let authority = authority("ca");
    let wanted = server("gateway.example", "172.18.255.249");
    let leaf = Certificate::from_pem(&authority.issue(&wanted, NOW).unwrap().certificate_pem).unwrap();
    let check = |request: &CertificateRequest, now| leaf.satisfies(request, authority.certificate(), now);
    assert_eq!(check(&wanted, NOW), Ok(()));

    let renamed = CertificateRequest { common_name: "other".to_owned(), ..wanted.clone() };
    assert!(matches!(check(&renamed, NOW), Err(Reason::CommonName { .. })));
    let moved = CertificateRequest {
        ip_addresses: BTreeSet::from(["172.18.255.250".parse::<IpAddr>().unwrap()]),
        ..wanted.clone()
    };
    assert_eq!(
        check(&moved, NOW).unwrap_err().to_string(),
        "its names and addresses are [gateway.example, 172.18.255.249] instead of [gateway.example, \
         172.18.255.250]"
    );
    let fewer = CertificateRequest { dns_names: BTreeSet::new(), ..wanted.clone() };
    assert!(matches!(check(&fewer, NOW), Err(Reason::AlternativeNames { .. })));
    let other_role = CertificateRequest { usage: Usage::Client, ..wanted.clone() };
    assert_eq!(check(&other_role, NOW), Err(Reason::Usage { wanted: Usage::Client }));
    assert_eq!(check(&wanted, NOW + Duration::days(90)), Ok(()));
    let late = NOW + Duration::days(90) + Duration::SECOND;
    assert_eq!(check(&wanted, late), Err(Reason::Expired { not_after: NOW + Duration::days(90) }));
    let longer = CertificateRequest { validity: Duration::days(30), ..wanted };
    assert_eq!(check(&longer, NOW), Ok(()), "a new lifetime counts from the next renewal");
}

#[test]
fn a_certificate_is_not_valid_before_its_life() {
    let authority = authority("ca");
    let later = NOW + Duration::days(5);
    let issued = authority.issue(&client("remote01"), later).unwrap();
    let leaf = Certificate::from_pem(&issued.certificate_pem).unwrap();
    let verdict = leaf.satisfies(&client("remote01"), authority.certificate(), NOW);
    assert_eq!(verdict, Err(Reason::NotYetValid { not_before: later - Duration::minutes(5) }));
}

#[test]
fn an_authority_of_another_name_key_or_time_is_a_reason() {
    let own = authority("ca");
    let request = client("remote01");
    let leaf = Certificate::from_pem(&own.issue(&request, NOW).unwrap().certificate_pem).unwrap();

    let other = leaf.satisfies(&request, authority("another").certificate(), NOW);
    assert_eq!(other, Err(Reason::OtherAuthority { authority: "another".to_owned() }));
    let remade = leaf.satisfies(&request, authority("ca").certificate(), NOW);
    assert_eq!(remade, Err(Reason::Signature { authority: "ca".to_owned() }));
    let expired = leaf.satisfies(&request, own.certificate(), NOW + YEAR + Duration::SECOND);
    assert_eq!(expired, Err(Reason::AuthorityNotValid { authority: "ca".to_owned() }));

    // A leaf that bears an authority's name and key is still no authority.
    let impostor = own.issue(&client("ca"), NOW).unwrap();
    let impostor = Certificate::from_pem(&impostor.certificate_pem).unwrap();
    let verdict = leaf.satisfies(&request, &impostor, NOW);
    assert_eq!(verdict, Err(Reason::OtherAuthority { authority: "ca".to_owned() }));
}

#[test]
fn what_is_no_usable_authority_is_refused() {
    let own = authority("ca");
    let foreign_key = authority("ca").private_key().clone();
    assert!(matches!(
        Authority::from_pem(own.certificate_pem(), foreign_key),
        Err(Error::KeyMismatch { .. })
    ));
    let leaf = own.issue(&client("remote01"), NOW).unwrap();
    let refused = Authority::from_pem(&leaf.certificate_pem, leaf.private_key.clone());
    assert!(matches!(refused, Err(Error::NotAnAuthority { .. })), "{refused:?}");
    let refused = Authority::from_pem("", own.private_key().clone());
    assert!(matches!(refused, Err(Error::NoCertificate)), "{refused:?}");
    let broken = pem::encode(&pem::Pem::new("CERTIFICATE", b"nonsense".as_slice()));
    let refused = Authority::from_pem(&broken, own.private_key().clone());
    assert!(matches!(refused, Err(Error::UnreadableCertificate { .. })), "{refused:?}");
}

#[test]
fn requests_that_no_certificate_can_meet_are_refused() {
    let authority = authority("ca");
    let nameless = CertificateRequest { usage: Usage::Server, ..client("gateway") };
    for request in [nameless, client(""), client(&"x".repeat(65))] {
        let refused = authority.issue(&request, NOW);
        assert!(matches!(refused, Err(Error::InvalidRequest { .. })), "{refused:?}");
    }
    let instant = CertificateRequest { validity: Duration::ZERO, ..client("remote01") };
    assert!(matches!(authority.issue(&instant, NOW), Err(Error::InvalidRequest { .. })));
    let endless = CertificateRequest { validity: Duration::MAX, ..client("remote01") };
    assert!(matches!(authority.issue(&endless, NOW), Err(Error::InvalidRequest { .. })));
    let unspeakable = CertificateRequest { dns_names: BTreeSet::from(["bücher".to_owned()]), ..client("x") };
    assert!(matches!(authority.issue(&unspeakable, NOW), Err(Error::Signing { .. })));
}

#[test]
fn no_output_holds_key_material() {
    let authority = authority("ca");
    let issued = authority.issue(&client("remote01"), NOW).unwrap();
    let facts = serde_json::to_string(&issued.facts).unwrap();
    let shown = format!("{authority:?} {issued:#?} {facts}");
    for key in [authority.private_key(), &issued.private_key] {
        for line in key.expose().lines().filter(|line| line.len() > 8) {
            assert!(!shown.contains(line.trim_matches('-')), "a line of a private key is shown");
        }
    }
    assert!(shown.contains("PrivateKey(redacted)"));

    // A broken key is described, and not quoted.
    let broken = authority.private_key().expose().replace("BEGIN PRIVATE", "BEGIN SECRETWORD");
    let truncated = authority.private_key().expose().chars().take(90).collect::<String>();
    for text in [broken, truncated, "hunter2".to_owned()] {
        let error = Authority::from_pem(authority.certificate_pem(), PrivateKey::new(&text)).unwrap_err();
        let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
        assert!(matches!(error, Error::UnreadablePrivateKey), "{shown}");
        assert!(!shown.contains("SECRETWORD") && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn an_intermediate_authority_sends_its_chain_and_trusts_its_root() {
    let root = rcgen::KeyPair::generate().unwrap();
    let middle = rcgen::KeyPair::generate().unwrap();
    let params = |name: &str| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    };
    let issuer = rcgen::CertifiedIssuer::self_signed(params("root"), root).unwrap();
    let signed = params("middle").signed_by(&middle, &issuer).unwrap();
    let bundle = signed.pem() + &issuer.pem();
    let authority = Authority::from_pem(&bundle, PrivateKey::new(middle.serialize_pem())).unwrap();

    let now = OffsetDateTime::now_utc();
    let issued = authority.issue(&server("localhost", "127.0.0.1"), now).unwrap();
    let names = |pem: &str| -> Vec<String> {
        let all = Certificate::all_from_pem(pem).unwrap();
        all.iter().map(|certificate| certificate.facts().common_name.clone()).collect()
    };
    assert_eq!(names(&issued.certificate_pem), ["localhost", "middle"]);
    assert_eq!(names(&issued.authority_pem), ["middle", "root"]);
    let spoke = authority.issue(&client("remote01"), now).unwrap();
    handshake(&issued, &spoke).unwrap();
}

#[test]
fn a_tls_library_accepts_a_pair_of_one_authority_and_no_other() {
    let now = OffsetDateTime::now_utc();
    let own = Authority::generate("ca", now, YEAR).unwrap();
    let gateway = own.issue(&server("localhost", "127.0.0.1"), now).unwrap();
    handshake(&gateway, &own.issue(&client("remote01"), now).unwrap()).unwrap();

    let foreign = Authority::generate("ca", now, YEAR).unwrap();
    let stranger =
        Issued { authority_pem: gateway.authority_pem.clone(), ..foreign.issue(&client("x"), now).unwrap() };
    assert!(handshake(&gateway, &stranger).is_err(), "another authority's client");
    let old = Authority::generate("ca", now - YEAR, YEAR * 2).unwrap();
    let old_gateway = old.issue(&server("localhost", "127.0.0.1"), now).unwrap();
    handshake(&old_gateway, &old.issue(&client("remote01"), now).unwrap()).unwrap();
    let expired = old.issue(&client("remote01"), now - Duration::days(91)).unwrap();
    assert!(handshake(&old_gateway, &expired).is_err(), "an expired client");
    let wrong_role = own.issue(&server("localhost", "127.0.0.1"), now).unwrap();
    assert!(handshake(&gateway, &wrong_role).is_err(), "a server's certificate as a client");
}

/// A whole handshake in memory, with both sides' certificates checked.
fn handshake(gateway: &Issued, spoke: &Issued) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = |pem: &str| {
        let mut store = RootCertStore::empty();
        let all = CertificateDer::pem_slice_iter(pem.as_bytes());
        store.add_parsable_certificates(all.map(Result::unwrap));
        Arc::new(store)
    };
    let identity = |issued: &Issued| {
        let chain = CertificateDer::pem_slice_iter(issued.certificate_pem.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(issued.private_key.expose().as_bytes()).unwrap();
        (chain.map(Result::unwrap).collect::<Vec<_>>(), key)
    };
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots(&gateway.authority_pem), provider.clone())
            .build()
            .unwrap();
    let (chain, key) = identity(gateway);
    let accepting = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    let (chain, key) = identity(spoke);
    let connecting = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(&spoke.authority_pem))
        .with_client_auth_cert(chain, key)?;
    let mut receiving = ServerConnection::new(Arc::new(accepting))?;
    let mut sending =
        ClientConnection::new(Arc::new(connecting), ServerName::try_from("localhost").unwrap())?;
    while receiving.is_handshaking() || sending.is_handshaking() {
        let mut wire = Vec::new();
        sending.write_tls(&mut wire).unwrap();
        receiving.read_tls(&mut wire.as_slice()).unwrap();
        receiving.process_new_packets()?;
        wire.clear();
        receiving.write_tls(&mut wire).unwrap();
        sending.read_tls(&mut wire.as_slice()).unwrap();
        sending.process_new_packets()?;
    }
    Ok(())
}
