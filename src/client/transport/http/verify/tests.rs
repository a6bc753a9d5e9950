//! Chains of certificates, good and forged.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};

use super::super::signatures::algorithms;
use super::*;

/// Within the time of all that is issued here.
const NOW: i64 = 1_767_225_600;

/// A certificate that others can be issued with.
struct Node {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

type Change = fn(&mut CertificateParams);

fn params(name: &str, change: Change) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    params
}

impl Node {
    /// One that is its own authority.
    fn root(name: &str, change: Change) -> Self {
        let (params, key) = (params(name, change), KeyPair::generate().expect("a key"));
        let der = params.self_signed(&key).expect("a certificate").der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str, change: Change) -> Self {
        self.issue_for(name, change, KeyPair::generate().expect("a key"))
    }

    fn issue_for(&self, name: &str, change: Change, key: KeyPair) -> Self {
        let params = params(name, change);
        let der = params.signed_by(&key, &self.issuer).expect("a certificate").der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn server(params: &mut CertificateParams) {
    params.subject_alt_names = vec![
        rcgen::SanType::DnsName("api.example.org".try_into().expect("a name")),
        rcgen::SanType::IpAddress("10.1.2.3".parse().expect("an address")),
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

/// What is said of a chain, the server's first; the last is trusted. Empty for a good one.
fn judged(chain: &[&Node], host: &str) -> String {
    let parsed: Result<Vec<_>, _> = chain.iter().map(|node| Certificate::parse(&node.der)).collect();
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(why) => return why.to_owned(),
    };
    let (leaf, rest) = parsed.split_first().expect("a server");
    let (intermediates, roots) = rest.split_at(rest.len().saturating_sub(1));
    let question = Question { roots, intermediates, host, now: NOW, algorithms: algorithms() };
    question.ask(leaf).err().unwrap_or_default()
}

const HOST: &str = "api.example.org";

#[test]
fn believes_good_chains_and_no_forged_ones() {
    let root = Node::root("root", authority);
    let middle = root.issue("middle", authority);
    let lower = middle.issue("lower", authority);
    let leaf = lower.issue("leaf", server);
    assert_eq!(judged(&[&leaf, &lower, &middle, &root], HOST), "");
    assert_eq!(judged(&[&leaf, &middle, &lower, &root], HOST), "", "in any order");
    assert_eq!(judged(&[&leaf, &lower, &lower, &middle, &root, &root], HOST), "", "with what is too much");
    assert_eq!(judged(&[&leaf, &lower], HOST), "", "a trusted one in the midst");
    assert_eq!(judged(&[&leaf, &leaf], HOST), "", "itself trusted");
    let unknown = "x509: certificate signed by unknown authority";
    let because = |why: &str, whose: &str| {
        format!(
            "{unknown} (possibly because of {why:?} while trying to verify candidate authority certificate {whose:?})"
        )
    };
    assert_eq!(judged(&[&leaf, &middle, &root], HOST), unknown, "one is missing");
    // Another key under the same name.
    let forged = Node::root("root", authority);
    let failure = because("x509: ECDSA verification failure", "root");
    assert_eq!(judged(&[&root.issue("leaf", server), &forged], HOST), failure);
    // A server signs for another.
    let short = "x509: invalid signature: parent certificate cannot sign this kind of certificate";
    let signs = root.issue("own", server);
    assert_eq!(judged(&[&signs.issue("leaf", server), &signs, &root], HOST), because(short, "own"));
    let denied = root.issue("own", |params| params.is_ca = IsCa::ExplicitNoCa);
    assert_eq!(judged(&[&denied.issue("leaf", server), &denied, &root], HOST), because(short, "own"));
    let for_lists = root.issue("lists", |params| {
        authority(params);
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    });
    assert_eq!(judged(&[&for_lists.issue("leaf", server), &for_lists, &root], HOST), because(short, "lists"));
    // Fewer may stand below.
    let none_below = root.issue("last", |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    assert_eq!(judged(&[&none_below.issue("leaf", server), &none_below, &root], HOST), "");
    let below = none_below.issue("below", authority);
    assert_eq!(
        judged(&[&below.issue("leaf", server), &below, &none_below, &root], HOST),
        "x509: too many intermediates for path length constraint"
    );
    // Out of its time, at each place.
    let past: Change = |params| {
        authority(params);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    let expired = "x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is after 2021-01-01T00:00:00Z";
    let old = root.issue("old", past);
    assert_eq!(judged(&[&old.issue("leaf", server), &old, &root], HOST), expired);
    let old_root = Node::root("old", past);
    assert_eq!(judged(&[&old_root.issue("leaf", server), &old_root], HOST), expired);
}

#[test]
fn goes_round_no_ring_and_ends() {
    let (one, two) = (Node::root("one", authority), Node::root("two", authority));
    // Each vouches for the other.
    let crossed = two.issue_for("one", authority, copy(one.issuer.key()));
    let back = one.issue_for("two", authority, copy(two.issuer.key()));
    let leaf = one.issue("leaf", server);
    let stranger = Node::root("stranger", authority);
    let said = judged(&[&leaf, &crossed, &back, &stranger], HOST);
    assert_eq!(said, "x509: certificate signed by unknown authority");
    assert_eq!(judged(&[&leaf, &crossed, &back, &two], HOST), "");
    // Many of one name and one key, which differ: no more signatures are checked than a hundred.
    let many: Vec<Node> =
        (0..120).map(|_| two.issue_for("one", server_and_authority, copy(one.issuer.key()))).collect();
    let chain: Vec<&Node> = [&leaf].into_iter().chain(&many).chain([&stranger]).collect();
    let said = judged(&chain, HOST);
    assert!(said.contains("unknown authority") || said.contains("attempts limit reached"), "{said}");
}

fn server_and_authority(params: &mut CertificateParams) {
    authority(params);
    let name = format!("n{}.example.org", fastrand::u64(..));
    params.subject_alt_names = vec![rcgen::SanType::DnsName(name.try_into().expect("a name"))];
}

fn copy(key: &KeyPair) -> KeyPair {
    KeyPair::try_from(key.serialize_der()).expect("a key")
}

fn narrowed(permitted: &[GeneralSubtree], excluded: &[GeneralSubtree]) -> Node {
    let own = NameConstraints { permitted_subtrees: permitted.to_vec(), excluded_subtrees: excluded.to_vec() };
    let mut params = params("narrow", authority);
    params.name_constraints = Some(own);
    let key = KeyPair::generate().expect("a key");
    let der = params.self_signed(&key).expect("a certificate").der().to_vec();
    Node { der, issuer: Issuer::new(params, key) }
}

#[test]
fn authorities_vouch_for_their_names_only() {
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let net = |octets: [u8; 4], bits: u8| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(octets.into(), bits));
    let no = "x509: a root or intermediate certificate is not authorized to sign for this name: ";
    for (permitted, excluded, want) in [
        (vec![dns("example.org"), net([10, 0, 0, 0], 8)], vec![], ""),
        (vec![dns("example.org")], vec![], ""),
        (vec![dns("other.org")], vec![], "DNS name \"api.example.org\" is not permitted by any constraint"),
        (vec![dns("pi.example.org")], vec![], "DNS name \"api.example.org\" is not permitted by any constraint"),
        (vec![net([192, 168, 0, 0], 16)], vec![], "IP address \"10.1.2.3\" is not permitted by any constraint"),
        (vec![], vec![dns("example.org")], "DNS name \"api.example.org\" is excluded by constraint \"example.org\""),
        (vec![], vec![net([10, 1, 0, 0], 16)], "IP address \"10.1.2.3\" is excluded by constraint \"10.1.0.0/16\""),
        (vec![], vec![dns("other.org"), net([10, 2, 0, 0], 16)], ""),
        (
            vec![dns("example.org")],
            vec![dns("api.example.org")],
            "DNS name \"api.example.org\" is excluded by constraint \"api.example.org\"",
        ),
    ] {
        let root = narrowed(&permitted, &excluded);
        let want = if want.is_empty() { String::new() } else { format!("{no}{want}") };
        assert_eq!(judged(&[&root.issue("leaf", server), &root], HOST), want, "{permitted:?} {excluded:?}");
        // What is further down is narrowed, too.
        let middle = root.issue("middle", authority);
        assert_eq!(judged(&[&middle.issue("leaf", server), &middle, &root], HOST), want, "{permitted:?} {excluded:?}");
    }
    // A chain that narrows nothing is as good.
    let (strict, root) = (narrowed(&[dns("other.org")], &[]), Node::root("free", authority));
    let free = root.issue_for("narrow", authority, copy(strict.issuer.key()));
    let leaf = strict.issue("leaf", server);
    assert_eq!(judged(&[&leaf, &free, &root], HOST), "");
}

#[test]
fn certificates_say_what_they_are_for() {
    let root = Node::root("root", authority);
    let unfit = "x509: certificate specifies an incompatible key usage";
    let client: Change = |params| {
        server(params);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    assert_eq!(judged(&[&root.issue("leaf", client), &root], HOST), unfit);
    let any: Change = |params| {
        server(params);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    };
    assert_eq!(judged(&[&root.issue("leaf", any), &root], HOST), "");
    let for_clients = root.issue("clients", |params| {
        authority(params);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_eq!(judged(&[&for_clients.issue("leaf", server), &for_clients, &root], HOST), unfit);
    let critical: Change = |params| {
        server(params);
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    };
    assert_eq!(judged(&[&root.issue("leaf", critical), &root], HOST), "x509: unhandled critical extension");
}

#[test]
fn names_are_the_hosts() {
    let root = Node::root("root", authority);
    let leaf = root.issue("api.example.org", server);
    let legacy = root.issue("api.example.org", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    for (node, host, want) in [
        (&leaf, "api.example.org", ""),
        (&leaf, "API.example.org.", ""),
        (&leaf, "10.1.2.3", ""),
        (&leaf, "10.1.2.4", "x509: certificate is valid for 10.1.2.3, not 10.1.2.4"),
        (&leaf, "::ffff:10.1.2.3", ""),
        (&leaf, "other.example.org", "x509: certificate is valid for api.example.org, not other.example.org"),
        (&legacy, "api.example.org", "x509: certificate relies on legacy Common Name field, use SANs instead"),
        (&legacy, "x", "x509: certificate is not valid for any names, but wanted to match x"),
        (&legacy, "10.1.2.3", "x509: cannot validate certificate for 10.1.2.3 because it doesn't contain any IP SANs"),
    ] {
        assert_eq!(judged(&[node, &root], host), want, "{host}");
    }
}

#[test]
fn weak_signatures_count_for_nothing() {
    let read = |name: &str| {
        let file = format!("{}/tests/data/certificates/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        super::super::pem::certificates(&std::fs::read(file).expect("a file")).remove(0).to_vec()
    };
    for (name, want) in [
        ("rsa2048-sha256", ""),
        ("p521-sha512", ""),
        ("rsa1024-sha256", ""),
        ("rsa2048-sha1", "x509: cannot verify signature: insecure algorithm SHA1-RSA"),
        (
            "rsa768-sha256",
            "crypto/rsa: 768-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)",
        ),
    ] {
        let der = read(name);
        let certificate = Certificate::parse(&der).expect("a certificate");
        let question = Question { roots: &[], intermediates: &[], host: "", now: NOW, algorithms: algorithms() };
        assert_eq!(question.signed_by(&certificate, &certificate).err().unwrap_or_default(), want, "{name}");
    }
    // A key of another kind under the name of the one that signed.
    let (rsa, ecdsa) = (read("rsa2048-sha256"), read("p384-sha512"));
    let (rsa, ecdsa) = (Certificate::parse(&rsa).expect("one"), Certificate::parse(&ecdsa).expect("another"));
    let question = Question { roots: &[], intermediates: &[], host: "", now: NOW, algorithms: algorithms() };
    assert_eq!(
        question.signed_by(&rsa, &ecdsa).expect_err("another kind"),
        "x509: signature algorithm specifies an RSA public key, but have public key of type *ecdsa.PublicKey"
    );
}

#[test]
fn matches_names_of_hosts() {
    for (pattern, host, want) in [
        ("a.example.org", "A.example.org", true),
        ("a.example.org", "a.example.org.", true),
        ("*.example.org", "b.example.org", true),
        ("*.example.org", "example.org", false),
        ("*.example.org", "a.b.example.org", false),
        ("*", "a", false),
        ("b.*.org", "b.x.org", false),
        ("", "a", false),
        ("a", "", false),
        (".", ".", false),
        ("a.example.org.", "a.example.org.", true),
        ("*.example.org", "-b.example.org", false),
        ("-b.example.org", "-B.example.org", true),
        ("*.example.org", ".example.org", false),
        ("a*.example.org", "ab.example.org", false),
        ("*.*.org", "a.b.org", false),
        ("b_c.org", "b_c.org", true),
    ] {
        assert_eq!(matches(pattern, host), want, "{pattern} {host}");
    }
}
