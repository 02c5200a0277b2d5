//! The ways to be identified that a file describes -> what the gateway tries.

use super::aside;
use super::guard::Making;
use crate::guarding::Known;
use auth::session::{Sealer, derive_key};
use auth::token::forward::{Forward, ForwardSettings};
use auth::token::introspection::{Introspection, IntrospectionSettings};
use auth::token::oidc::{OidcSettings, Seal};
use auth::token::{Algorithm, ClientAuth, ClientAuthMethod, Issuer, JwtSettings, KeySet};
use auth::{Consumer, basic, key};
use config::{ClientCertificate, HttpUrl, KeySource, Path, PeriodOrOff, Report, Way};
use gateway::guard::{
    ApiKeys, Certificates, Elsewhere, ForwardAuth, Login, Passwords, TokenSource, Tokens, WayIn,
};
use identity::{Source, Wanted};
use net::tls::{ClientSettings, San};
use rustc_hash::FxHashMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What a seal of sessions is for, so that the same secret used elsewhere makes another key.
const SESSIONS: &str = "oidc-session-cookies";

/// The ways, each made once.
#[derive(Default)]
pub(crate) struct Ways {
    api_key: Option<Arc<ApiKeys>>,
    jwt: Option<Arc<Tokens>>,
    introspection: Option<Arc<Elsewhere>>,
    basic: Option<Arc<Passwords>>,
    mtls: Option<Arc<Certificates>>,
    forward: Option<Arc<ForwardAuth>>,
    pub(crate) login: Option<Arc<Login>>,
    /// The issuers whose keys are to be kept.
    pub(crate) wanted: Vec<Wanted>,
    /// Keys that stand in the file, by their hash.
    pub(crate) typed: Vec<([u8; 32], Box<str>)>,
}

type Consumers = FxHashMap<Box<str>, Arc<Consumer>>;

impl Ways {
    /// Makes those that a route takes.
    pub(crate) fn make(making: &Making<'_>, consumers: &Consumers, report: &mut Report) -> Self {
        let mut ways = Self::default();
        let used = |way| making.file.routes.iter().any(|route| route.auth.contains(&way));
        if used(Way::ApiKey) {
            ways.api_keys(making);
        }
        if used(Way::Jwt) {
            ways.tokens(making, report);
        }
        if used(Way::Introspection) {
            ways.introspection(making);
        }
        if used(Way::Basic) {
            ways.passwords(making, consumers, report);
        }
        if used(Way::Mtls) {
            ways.certificates(making, consumers);
        }
        if used(Way::Forward) {
            ways.forward(making);
        }
        if used(Way::Oidc) {
            ways.login(making, report);
        }
        ways
    }

    /// What stands for a way of the file.
    pub(crate) fn of(&self, way: Way) -> Option<WayIn> {
        match way {
            Way::Anonymous => Some(WayIn::Anonymous),
            Way::ApiKey => self.api_key.clone().map(WayIn::ApiKey),
            Way::Jwt => self.jwt.clone().map(WayIn::Jwt),
            Way::Introspection => self.introspection.clone().map(WayIn::Introspection),
            Way::Basic => self.basic.clone().map(WayIn::Basic),
            Way::Mtls => self.mtls.clone().map(WayIn::Mtls),
            Way::Forward => self.forward.clone().map(WayIn::Forward),
            Way::Oidc => self.login.clone().map(WayIn::Oidc),
        }
    }

    fn api_keys(&mut self, making: &Making<'_>) {
        let typed = &making.file.auth.api_key;
        self.api_key = Some(Arc::new(ApiKeys {
            book: Arc::clone(&making.guarding.keys.book),
            header: typed.header.as_str().into(),
            query: typed.query.as_ref().map(|name| name.as_str().into()),
            cookie: typed.cookie.as_ref().map(|name| name.as_str().into()),
        }));
        for consumer in &making.file.consumers {
            let hash = |typed: &config::ApiKey| key::hash(typed.reveal().as_bytes());
            let own = consumer.api_keys.iter().map(|typed| (hash(typed), consumer.name.as_str().into()));
            self.typed.extend(own);
        }
    }

    fn tokens(&mut self, making: &Making<'_>, report: &mut Report) {
        let mut sources = Vec::new();
        for (number, typed) in making.file.auth.jwt.iter().enumerate() {
            let at = Path::new().key("auth").key("jwt").index(number);
            let Some(issuer) = issuer(typed, making, &at, report) else { continue };
            if let Some(wanted) = wanted(typed, &issuer) {
                self.wanted.push(wanted);
            }
            sources.push(TokenSource {
                issuer,
                header: typed.header.as_str().into(),
                cookie: typed.cookie.as_ref().map(|name| name.as_str().into()),
            });
        }
        match making.guarding.known(making.file) {
            Ok(Known { verifiers, keeper }) => {
                self.jwt = Some(Arc::new(Tokens { sources, verifiers, keeper }));
            }
            Err(why) => report.add(&Path::new().key("auth").key("jwt"), format!("{why:#}"), None, None),
        }
    }

    fn introspection(&mut self, making: &Making<'_>) {
        let Some(typed) = &making.file.auth.introspection else { return };
        let Some(service) = place(making, aside::INTROSPECTION) else { return };
        let rules = JwtSettings {
            audiences: typed.audience.iter().map(|name| name.as_str().into()).collect(),
            consumer_claim: typed.consumer_claim.as_str().into(),
            ..JwtSettings::default()
        };
        let client = ClientAuth {
            id: typed.client_id.as_ref().map_or_else(|| "".into(), |id| id.as_str().into()),
            secret: typed.client_secret.as_ref().map_or_else(|| "".into(), |secret| secret.reveal().into()),
            method: ClientAuthMethod::Basic,
        };
        let settings = IntrospectionSettings { client, cache: for_how_long(typed.cache), rules };
        let introspection =
            Introspection::new(settings).with_revocations(Arc::clone(&making.guarding.revoked.known));
        self.introspection = Some(Arc::new(Elsewhere {
            introspection,
            service,
            target: typed.url.path().into(),
            patience: typed.timeout.get(),
        }));
    }

    fn passwords(&mut self, making: &Making<'_>, consumers: &Consumers, report: &mut Report) {
        let auth = &making.file.auth;
        let mut users = HashMap::new();
        for (number, typed) in making.file.consumers.iter().enumerate() {
            let (Some(name), Some(login)) = (typed.username(), &typed.basic) else { continue };
            if let Err(why) = basic::examine(login.password_hash.reveal()) {
                let at = Path::new().key("consumers").index(number).key("basic").key("password_hash");
                report.add(&at, why.to_string(), None, Some("`tidegate hash-password` makes one"));
            }
            if let Some(consumer) = consumers.get(typed.name.as_str()) {
                users.insert(name.into(), (login.password_hash.reveal().into(), Arc::clone(consumer)));
            }
        }
        let known = match making.guarding.known(making.file) {
            Ok(known) => known,
            Err(why) => {
                return report.add(&Path::new().key("auth").key("basic"), format!("{why:#}"), None, None);
            }
        };
        let hashes = users.values().map(|(hash, _): &(Box<str>, Arc<Consumer>)| &**hash);
        self.basic = Some(Arc::new(Passwords {
            realm: auth.basic.realm.as_ref().unwrap_or(&auth.realm).as_str().into(),
            stand_in: basic::stand_in(hashes).into(),
            users,
            verifiers: known.verifiers,
        }));
    }

    fn certificates(&mut self, making: &Making<'_>, consumers: &Consumers) {
        let mut known = Certificates::default();
        for typed in &making.file.consumers {
            let Some(consumer) = consumers.get(typed.name.as_str()) else { continue };
            for certificate in &typed.certificate {
                let consumer = Arc::clone(consumer);
                match certificate {
                    ClientCertificate::San(name) => drop(known.sans.insert(San::of(name.as_str()), consumer)),
                    ClientCertificate::Fingerprint(print) => {
                        known.fingerprints.insert(*print.bytes(), consumer);
                    }
                    ClientCertificate::Subject(name) => {
                        known.subjects.insert(name.as_str().into(), consumer);
                    }
                }
            }
        }
        self.mtls = Some(Arc::new(known));
    }

    fn forward(&mut self, making: &Making<'_>) {
        let Some(typed) = &making.file.auth.forward else { return };
        let Some(service) = place(making, aside::FORWARD) else { return };
        let names = |names: &[config::HeaderName]| names.iter().map(|name| name.as_str().into()).collect();
        let one = |name: &config::HeaderName| name.as_str().into();
        let settings = ForwardSettings {
            send: names(&typed.send),
            keep: names(&typed.keep),
            subject: Some(one(&typed.subject)),
            plan: typed.plan.as_ref().map(one),
            scopes: typed.scopes.as_ref().map(one),
            cache: for_how_long(typed.cache),
        };
        self.forward = Some(Arc::new(ForwardAuth {
            forward: Forward::new(settings),
            service,
            target: typed.url.path().into(),
            patience: typed.timeout.get(),
        }));
    }

    fn login(&mut self, making: &Making<'_>, report: &mut Report) {
        let Some(typed) = &making.file.auth.oidc else { return };
        let at = Path::new().key("auth").key("oidc");
        let claim = |name: &config::ClaimName| Box::<str>::from(name.as_str());
        let usual = JwtSettings::default();
        let settings = OidcSettings {
            client: ClientAuth {
                id: typed.client_id.as_str().into(),
                secret: typed.client_secret.as_ref().map_or_else(|| "".into(), |s| s.reveal().into()),
                method: ClientAuthMethod::Basic,
            },
            scopes: typed.scopes.iter().map(|scope| scope.as_str().into()).collect(),
            cookie: typed.session.cookie.as_str().into(),
            lifetime: typed.session.lifetime.get(),
            idle: typed.session.idle.get(),
            rules: JwtSettings {
                consumer_claim: claim(&typed.consumer_claim),
                plan_claim: typed.plan_claim.as_ref().map(claim),
                scope_claims: typed.scope_claim.as_ref().map_or(usual.scope_claims, |name| vec![claim(name)]),
                ..JwtSettings::default()
            },
        };
        let rules = settings.jwt(typed.issuer.as_str());
        let revocations = Arc::clone(&making.guarding.revoked.known);
        let issuer = Arc::new(Issuer::new("oidc", rules, None).with_revocations(Arc::clone(&revocations)));
        let tls = trusting(typed.ca.as_ref());
        self.wanted.push(Wanted {
            issuer: Arc::clone(&issuer),
            source: Source::Discovery(typed.issuer.as_str().into()),
            refresh: Duration::from_secs(600),
            tls: tls.clone(),
        });
        let own = making.guarding.session_key();
        let mut keys: Vec<[u8; 32]> =
            typed.session.secret.iter().map(|s| derive_key(s.reveal().as_bytes(), SESSIONS)).collect();
        if keys.is_empty() {
            keys.push(own);
        }
        let (known, sealer) = match (making.guarding.known(making.file), Sealer::new(&keys)) {
            (Ok(known), Ok(sealer)) => (known, sealer),
            (Err(why), _) => return report.add(&at, format!("{why:#}"), None, None),
            (_, Err(why)) => return report.add(&at, why.to_string(), None, None),
        };
        self.login = Some(Arc::new(Login {
            settings,
            seal: Box::new(Seals(sealer)),
            issuer,
            keeper: known.keeper,
            tls,
            verifiers: known.verifiers,
            revocations,
            random: crate::random::fill,
            callback: typed.callback.as_str().into(),
            logout: typed.logout.as_str().into(),
        }));
    }
}

/// Seals cookies, each with a nonce of its own.
struct Seals(Sealer);

impl Seal for Seals {
    fn seal(&self, purpose: &str, plain: &[u8]) -> String {
        let mut nonce = [0; 12];
        crate::random::fill(&mut nonce);
        self.0.seal(purpose, plain, nonce)
    }

    fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        self.0.open(purpose, text)
    }
}

/// The issuer: the one of the config before, where nothing about it has changed, so that what it has verified stays known.
fn issuer(typed: &config::Jwt, making: &Making<'_>, at: &Path, report: &mut Report) -> Option<Arc<Issuer>> {
    if let Some(issuer) = making.guarding.issuer(typed) {
        return Some(issuer);
    }
    let keys = match typed.keys()? {
        KeySource::Secret(secret) => match KeySet::from_secret(secret.reveal().as_bytes()) {
            Ok(keys) => Some(keys),
            Err(why) => {
                report.add(&at.key("secret"), why.to_string(), None, None);
                return None;
            }
        },
        KeySource::PublicKey(path) | KeySource::JwksFile(path) => {
            let key = if typed.public_key.is_some() { "public_key" } else { "jwks_file" };
            let read = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()));
            let keys = read.and_then(|bytes| {
                let is_pem = !bytes.trim_ascii_start().starts_with(b"{");
                let keys = if is_pem { KeySet::from_pem(&bytes) } else { KeySet::from_jwks(&bytes) };
                keys.map_err(|why| format!("{}: {why}", path.display()))
            });
            match keys {
                Ok(keys) => Some(keys),
                Err(why) => {
                    report.add(&at.key(key), why, None, None);
                    return None;
                }
            }
        }
        KeySource::Jwks(_) | KeySource::Discovery(_) => None,
    };
    let name = typed.issuer.as_ref().map_or("jwt", |name| name.as_str());
    let issuer = Issuer::new(name, rules(typed), keys);
    let issuer = Arc::new(issuer.with_revocations(Arc::clone(&making.guarding.revoked.known)));
    making.guarding.learn_issuer(typed, &issuer);
    Some(issuer)
}

fn rules(typed: &config::Jwt) -> JwtSettings {
    let claim = |name: &config::ClaimName| Box::<str>::from(name.as_str());
    let usual = JwtSettings::default();
    JwtSettings {
        issuer: typed.issuer.as_ref().map(|name| name.as_str().into()),
        audiences: typed.audience.iter().map(|name| name.as_str().into()).collect(),
        algorithms: typed.algorithms.iter().copied().filter_map(algorithm).collect(),
        leeway: for_how_long(typed.leeway),
        consumer_claim: claim(&typed.consumer_claim),
        plan_claim: typed.plan_claim.as_ref().map(claim),
        scope_claims: typed.scope_claim.as_ref().map_or(usual.scope_claims, |name| vec![claim(name)]),
        required: typed.required_claims.iter().map(claim).collect(),
        ..JwtSettings::default()
    }
}

fn algorithm(typed: config::Algorithm) -> Option<Algorithm> {
    // Both are the registered names.
    Algorithm::named(serde_json::to_value(typed).ok()?.as_str()?)
}

/// Where its keys are to be looked for again and again.
fn wanted(typed: &config::Jwt, issuer: &Arc<Issuer>) -> Option<Wanted> {
    let source = match typed.keys()? {
        KeySource::Jwks(url) => Source::Jwks(address(url)),
        KeySource::Discovery(issuer) => Source::Discovery(issuer.as_str().into()),
        KeySource::JwksFile(path) | KeySource::PublicKey(path) => Source::File(path.clone()),
        KeySource::Secret(_) => return None,
    };
    let tls = trusting(typed.ca.as_ref());
    Some(Wanted { issuer: Arc::clone(issuer), source, refresh: typed.refresh.get(), tls })
}

fn address(url: &HttpUrl) -> Box<str> {
    url.to_string().into()
}

fn trusting(ca: Option<&std::path::PathBuf>) -> ClientSettings {
    ClientSettings { ca: ca.cloned(), ..ClientSettings::default() }
}

fn for_how_long(typed: PeriodOrOff) -> Duration {
    typed.get().unwrap_or(Duration::ZERO)
}

/// The place of a service in the site.
fn place(making: &Making<'_>, name: &str) -> Option<usize> {
    making.services.iter().position(|service| *service.settings.name == *name)
}
