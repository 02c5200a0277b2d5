//! One API server: asks it as the account, in the namespace.

use super::settings::Settings;
use super::slice::Port;
use super::slices::Slices;
use super::workload::{Kind, Workload};
use fetch::Trouble;
use fetch::{Client, Door, Lines, Question, Reply};
use message::Method;
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;

/// The longest name of an object (RFC 1123 subdomain).
const NAME_MOST: usize = 253;

/// An API server and a namespace in it. Clones share it.
#[derive(Clone, Debug)]
pub struct Api(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    settings: Settings,
}

impl Api {
    /// Checks the settings; asks nobody yet.
    pub fn new(settings: Settings) -> Result<Self, Trouble> {
        checked("namespace", &settings.namespace)?;
        let client = Client { door: Door::at(&settings.url, settings.tls())? };
        Ok(Self(Rc::new(Inner { client, settings })))
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.0.settings.namespace
    }

    /// The endpoints of a Service.
    pub fn slices(&self, service: &str, port: Port) -> Result<Slices, Trouble> {
        checked("Service", service)?;
        Ok(Slices::new(self.clone(), service, port))
    }

    /// A Deployment or something like it.
    pub fn workload(&self, kind: Kind, name: &str) -> Result<Workload, Trouble> {
        checked("workload", name)?;
        Ok(Workload::new(self.clone(), kind, name))
    }

    pub(super) async fn get(&self, target: &str) -> Result<Reply, Trouble> {
        self.ask(Question::new(Method::GET, target, self.0.settings.timeout)).await
    }

    /// Changes only what stands in `json` (RFC 7396).
    pub(super) async fn merge(&self, target: &str, json: &Value) -> Result<Reply, Trouble> {
        let question = Question::new(Method::PATCH, target, self.0.settings.timeout);
        self.ask(question.with("application/merge-patch+json", json)).await
    }

    pub(super) async fn watch(&self, target: &str, silence: Duration) -> Result<Lines, Trouble> {
        let token = self.0.settings.token.now()?;
        let question = Question::new(Method::GET, target, self.0.settings.timeout);
        self.0.client.follow(Question { token: token.as_ref(), ..question }, silence).await
    }

    async fn ask(&self, question: Question<'_>) -> Result<Reply, Trouble> {
        let token = self.0.settings.token.now()?;
        self.0.client.ask(Question { token: token.as_ref(), ..question }).await?.granted()
    }
}

/// Names become parts of paths: nothing but what a name may have gets there.
pub(super) fn checked(what: &str, name: &str) -> Result<(), Trouble> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let good = bytes.len() <= NAME_MOST && bytes.iter().all(|&byte| fits(byte));
    // Alphanumeric at both ends, and no empty part: neither `.` nor `..` is a name.
    if good && ends(bytes.first()) && ends(bytes.last()) && !name.contains("..") {
        return Ok(());
    }
    Err(Trouble::Setup(format!("`{}` is not the name of a {what}", name.escape_debug()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_become_parts_of_paths() {
        for name in ["shop", "shop-v2", "a.b", "9"] {
            assert_eq!(checked("Service", name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", "a..b", "Shop", "a/b", "-a", "a-", "a b", "ä", "a%2fb", &"a".repeat(254)]
        {
            assert!(checked("Service", name).is_err(), "{name}");
        }
    }
}
