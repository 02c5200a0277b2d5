//! Cross-origin requests (the CORS protocol, Fetch Standard section 3.3): which pages of other sites may read answers.
//!
//! CORS opens what browsers would otherwise keep shut, so what is not sure gets no permission. `*` together with
//! credentials is refused when the config is read: it would let any site act as any visitor. Where the answer depends on
//! the origin, and to be safe everywhere, `Vary: Origin` stands on every answer, also on those that permit nothing.
//!
//! *Not here*: what a browser may send without asking; whether the request is forged (`csrf`).

mod origin;

use message::{Fields, Name, is_token_byte};
use origin::Pattern;
use std::time::Duration;

/// Longest list of field names in a preflight that is repeated to the client.
const MOST_ECHO: usize = 2048;

/// What is typed in the config.
#[derive(Clone, Debug, Default)]
pub struct CorsSettings {
    /// `https://app.example.com`, `https://*.example.com` (its subdomains, not itself), or `*`.
    pub origins: Vec<String>,
    /// Methods; `*` is any. GET, HEAD and POST need no permission.
    pub methods: Vec<String>,
    /// Names of request fields; `*` is any.
    pub headers: Vec<String>,
    /// Names of response fields that pages may read.
    pub expose: Vec<String>,
    /// May pages send cookies and passwords?
    pub credentials: bool,
    /// How long a browser remembers a preflight.
    pub max_age: Duration,
}

/// Why settings were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCors {
    /// Any page could act as its visitor.
    #[error("origin `*` with credentials would let every site act as its visitor: name the origins")]
    AnyoneWithCredentials,
    /// Nobody could use it.
    #[error("no origins")]
    NoOrigins,
    /// A text that is no origin.
    #[error("`{0}` is not an origin such as https://app.example.com or https://*.example.com")]
    Origin(String),
    /// A text that is no method and no name of a field.
    #[error("`{0}` is not a token")]
    Token(String),
}

/// Who may read across origins.
#[derive(Clone, Debug)]
pub struct Cors {
    anyone: bool,
    origins: Box<[Pattern]>,
    methods: Tokens,
    headers: Tokens,
    expose: Box<str>,
    credentials: bool,
    max_age: Box<str>,
}

/// A list of names, and as it is written in a field.
#[derive(Clone, Debug)]
struct Tokens {
    any: bool,
    list: Box<[String]>,
    text: Box<str>,
}

impl Tokens {
    fn of(words: &[String]) -> Result<Self, BadCors> {
        let any = words.iter().any(|word| word == "*");
        let list: Box<[String]> = words.iter().filter(|word| *word != "*").cloned().collect();
        if let Some(bad) = list.iter().find(|word| !is_token(word.as_bytes())) {
            return Err(BadCors::Token(bad.clone()));
        }
        Ok(Self { any, text: list.join(", ").into(), list })
    }
}

impl Cors {
    /// Checks settings.
    pub fn new(settings: &CorsSettings) -> Result<Self, BadCors> {
        let anyone = settings.origins.iter().any(|origin| origin == "*");
        if anyone && settings.credentials {
            return Err(BadCors::AnyoneWithCredentials);
        }
        if settings.origins.is_empty() {
            return Err(BadCors::NoOrigins);
        }
        let named = settings.origins.iter().filter(|origin| *origin != "*");
        let expose = Tokens::of(&settings.expose)?;
        // `*` means every field where no credentials are sent, and a field of that name where they are.
        let expose_all = expose.any && !settings.credentials;
        Ok(Self {
            anyone,
            origins: named.map(|text| Pattern::parse(text)).collect::<Result<_, _>>()?,
            methods: Tokens::of(&settings.methods)?,
            headers: Tokens::of(&settings.headers)?,
            expose: if expose_all { "*".into() } else { expose.text },
            credentials: settings.credentials,
            max_age: settings.max_age.as_secs().to_string().into(),
        })
    }

    /// The fields of the answer (204) to a preflight: `Origin`, `Access-Control-Request-Method` and
    /// `Access-Control-Request-Headers` of an OPTIONS request. `None`: not permitted; the answer has no such fields, but
    /// `Vary` as [`Cors::apply`] writes it.
    pub fn preflight(&self, origin: &[u8], method: &[u8], headers: Option<&[u8]>) -> Option<Fields> {
        let mut fields = self.actual(origin)?;
        let is_simple = matches!(method, b"GET" | b"HEAD" | b"POST");
        let is_listed = self.methods.list.iter().any(|m| m.as_bytes() == method);
        if !(is_simple || is_listed || self.methods.any && is_token(method)) {
            return None;
        }
        // A wildcard is answered with what was asked for: browsers do not take `*` for Authorization, nor with credentials.
        let methods = if self.methods.any { method } else { self.methods.text.as_bytes() };
        push(&mut fields, "access-control-allow-methods", methods);
        let asked = headers.unwrap_or_default();
        if !self.takes_headers(asked) {
            return None;
        }
        let headers = if self.headers.any { asked } else { self.headers.text.as_bytes() };
        push(&mut fields, "access-control-allow-headers", headers);
        push(&mut fields, "access-control-max-age", self.max_age.as_bytes());
        fields.set(Name::Vary, b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
        Some(fields)
    }

    /// The fields that every answer to a page of this origin has; `None` where it is not permitted.
    pub fn actual(&self, origin: &[u8]) -> Option<Fields> {
        if !self.permits(origin) {
            return None;
        }
        let mut fields = Fields::with_capacity(6, 384);
        self.add_to(origin, &mut fields);
        fields.add(Name::Vary, b"Origin");
        Some(fields)
    }

    /// Writes permissions into an answer, instead of those that the service may have written: one place decides.
    pub fn apply(&self, origin: Option<&[u8]>, answer: &mut Fields) {
        answer.retain(|_, name, _| !is_permission(name));
        if let Some(origin) = origin.filter(|origin| self.permits(origin)) {
            self.add_to(origin, answer);
        }
        if !answer.lists(Name::Vary, "origin") && !answer.lists(Name::Vary, "*") {
            answer.add(Name::Vary, b"Origin");
        }
    }

    fn permits(&self, origin: &[u8]) -> bool {
        self.anyone || self.origins.iter().any(|pattern| pattern.matches(origin))
    }

    fn add_to(&self, origin: &[u8], answer: &mut Fields) {
        push(answer, "access-control-allow-origin", if self.anyone { b"*" } else { origin });
        if self.credentials {
            push(answer, "access-control-allow-credentials", b"true");
        }
        push(answer, "access-control-expose-headers", self.expose.as_bytes());
    }

    fn takes_headers(&self, asked: &[u8]) -> bool {
        asked.len() <= MOST_ECHO
            && asked.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()).all(
                |name| {
                    let is_listed =
                        || self.headers.list.iter().any(|h| h.as_bytes().eq_ignore_ascii_case(name));
                    if self.headers.any { is_token(name) } else { is_listed() }
                },
            )
    }
}

/// A field by which a service permits reading.
fn is_permission(name: &[u8]) -> bool {
    const START: &[u8] = b"access-control-";
    name.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

/// Adds what is not empty.
fn push(fields: &mut Fields, name: &str, value: &[u8]) {
    if !value.is_empty() {
        // What comes from the client has been checked for what may stand in a field; without it there is no permission.
        let _ = fields.push(name, value);
    }
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

#[cfg(test)]
mod tests;
