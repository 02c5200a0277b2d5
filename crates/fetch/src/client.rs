//! The client itself, over the wire code that requests use.
//!
//! Such a server is asked seldom, so each question has a connection of its own: nothing can be wrong with a connection that
//! waited, certificates and sockets that were replaced are followed, and what failed is simple to tell.
//!
//! *Promise*: a question ends within its time, whatever the server does; an answer that is read whole has a bound, and so
//! has each line of one that is read as it comes.
//! *Not here*: redirects (following one would carry the token elsewhere), compression, proxies.

mod door;
mod lines;

pub use door::{Door, keep_alive};
pub use lines::Lines;

use crate::secret::Secret;
use crate::trouble::Trouble;
use bytes::{Bytes, BytesMut};
use message::{Fields, Method, Name, RequestHead, Target, Version};
use net::{Answer, Ask, Body, BodyError, Cause, Connection};
use std::future::poll_fn;
use std::rc::Weak;
use std::time::{Duration, Instant};

/// Bytes of an answer that is read whole: a list of some thousand endpoints fits.
pub const ANSWER_MOST: usize = 8 << 20;

const USER_AGENT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// One server.
#[derive(Debug)]
pub struct Client {
    /// Where it is.
    pub door: Door,
}

/// What is asked. It has no `Debug`, since an environment may stand in its body.
pub struct Question<'a> {
    /// How.
    pub method: Method,
    /// Path and query.
    pub target: &'a str,
    /// Who asks, as a bearer of this token.
    pub token: Option<&'a Secret>,
    /// Who asks, in the words of another scheme of `Authorization`.
    pub authorization: Option<Secret>,
    /// Media type and body.
    pub content: Option<(&'static str, Bytes)>,
    /// How long connecting and the answer may take; of an answer that is read as it comes: its head.
    pub patience: Duration,
    /// Bytes of an answer that is read whole.
    pub most: usize,
}

impl<'a> Question<'a> {
    /// A question without a body.
    pub fn new(method: Method, target: &'a str, patience: Duration) -> Self {
        Self { method, target, token: None, authorization: None, content: None, patience, most: ANSWER_MOST }
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn with(self, media_type: &'static str, json: &serde_json::Value) -> Self {
        Self { content: Some((media_type, json.to_string().into())), ..self }
    }
}

/// An answer that was read whole. It has no `Debug`, for the same reason.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The field `Retry-After`, in seconds.
    pub retry_after: Option<Duration>,
    /// The field `Api-Version`, by which Docker tells what it speaks.
    pub api_version: Option<Box<str>>,
    /// The body.
    pub body: BytesMut,
}

impl Reply {
    /// The answer to a question that was granted, or the server's no.
    pub fn granted(self) -> Result<Self, Trouble> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.refusal()) }
    }

    /// The server's no in its own words: both Kubernetes and Docker have a `message` in it.
    pub fn refusal(&self) -> Trouble {
        #[derive(serde::Deserialize)]
        struct Words {
            message: String,
        }
        let words = serde_json::from_slice::<Words>(&self.body).map(|words| words.message);
        let message = words.unwrap_or_else(|_| "without a reason that could be understood".into());
        Trouble::refused(self.status, &message, self.retry_after)
    }

    /// The body as JSON. `what` it should be.
    pub fn json<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body).map_err(|error| Trouble::json(what, &error))
    }
}

impl Client {
    /// Asks, and reads the whole answer.
    pub async fn ask(&self, question: Question<'_>) -> Result<Reply, Trouble> {
        let (patience, most) = (question.patience, question.most);
        let asking = async {
            let answer = self.send(question, patience).await?;
            read(answer, most).await
        };
        tokio::time::timeout(patience, Box::pin(asking)).await.unwrap_or(Err(Trouble::Timeout))
    }

    /// Asks for an answer without an end, and reads its head. `silence`: how long the server may say nothing in its
    /// middle. Anything but 200 is the server's no.
    pub async fn follow(&self, question: Question<'_>, silence: Duration) -> Result<Lines, Trouble> {
        let patience = question.patience;
        let asking = async {
            let answer = self.send(question, silence).await?;
            if answer.head.status == 200 {
                return Ok(Lines::new(answer.body));
            }
            Err(read(answer, ANSWER_MOST).await?.refusal())
        };
        tokio::time::timeout(patience, Box::pin(asking)).await.unwrap_or(Err(Trouble::Timeout))
    }

    async fn send(&self, question: Question<'_>, idle: Duration) -> Result<Answer, Trouble> {
        let patience = question.patience;
        let (head, mut body) = self.request(question)?;
        let stream = self.door.open(patience).await?;
        let ask = Ask {
            head: &head,
            host: &self.door.authority,
            body: &mut body,
            expects_continue: false,
            interim: None,
            timeout: patience,
            idle,
            began: Instant::now(),
        };
        // It waits nowhere for another exchange: it closes behind this one.
        let asked = Connection::new(stream, Weak::new(), None).exchange(ask).await;
        asked.map_err(|failure| match failure.cause {
            Cause::Timeout => Trouble::Timeout,
            cause => Trouble::Cut(cause.to_string().into()),
        })
    }

    fn request(&self, question: Question<'_>) -> Result<(RequestHead, Body), Trouble> {
        let raw = format!("{}{}", self.door.prefix, question.target);
        let target = Target::parse(raw.as_bytes(), false)
            .map_err(|_| Trouble::Setup("its path is none that could be asked for".into()))?;
        let mut fields = Fields::new();
        fields.add(Name::UserAgent, USER_AGENT.as_bytes());
        fields.add(Name::Accept, b"application/json");
        fields.add(Name::Connection, b"close");
        let bearer = question.token.map(|token| format!("Bearer {}", token.expose()));
        if let Some(value) = bearer.or(question.authorization.map(|words| words.expose().to_owned())) {
            fields
                .push(Name::Authorization.as_str(), value.as_bytes())
                .map_err(|_| Trouble::Setup("its token has characters that no token has".into()))?;
        }
        let mut body = Body::empty();
        if let Some((media_type, content)) = question.content {
            fields.add(Name::ContentType, media_type.as_bytes());
            body = Body::full(content);
        }
        let (method, version) = (question.method, Version::HTTP_11);
        Ok((RequestHead { method, target, authority: None, version, fields, upgrade: None }, body))
    }
}

async fn read(answer: Answer, most: usize) -> Result<Reply, Trouble> {
    let Answer { head, mut body, .. } = answer;
    let mut whole = BytesMut::new();
    while let Some(data) = next(&mut body).await? {
        if whole.len() + data.len() > most {
            return Err(Trouble::TooLarge(most));
        }
        whole.extend_from_slice(&data);
    }
    let api_version = head.fields.all_named("api-version").next();
    Ok(Reply {
        status: head.status.as_u16(),
        retry_after: head
            .fields
            .get_str(Name::RetryAfter)
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs),
        api_version: api_version.and_then(|text| std::str::from_utf8(text).ok()).map(Into::into),
        body: whole,
    })
}

/// The next bytes of a body; `None` at its end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Trouble> {
    while let Some(frame) = poll_fn(|cx| body.poll_next(cx)).await {
        match frame {
            // Trailers say nothing here.
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Err(BodyError::UpstreamSilent) => return Err(Trouble::Timeout),
            Err(error) => return Err(Trouble::Cut(error.to_string().into())),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that takes one connection, says this and then nothing more; it hangs up where the client does.
    async fn saying(text: &'static str) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        Client { door: Door::at(&url, net::tls::ClientSettings::default()).unwrap() }
    }

    fn question(patience: Duration) -> Question<'static> {
        Question::new(Method::GET, "/", patience)
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn an_answer_that_goes_on_is_left_when_it_is_silent_for_too_long() {
        let client = saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\na\n\r\n").await;
        let mut lines = client.follow(question(LONG), SHORT).await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), "a");
        assert_eq!(lines.next().await, Err(Trouble::Timeout));
    }

    #[tokio::test]
    async fn an_answer_without_a_head_is_left_in_time() {
        let silent = saying("").await.follow(question(SHORT), LONG).await;
        assert_eq!(silent.err(), Some(Trouble::Timeout));
    }

    #[tokio::test]
    async fn a_body_without_an_end_is_left_in_time() {
        assert_eq!(saying(HEAD).await.ask(question(SHORT)).await.err(), Some(Trouble::Timeout));
    }

    #[tokio::test]
    async fn an_answer_beyond_its_bound_is_not_read_on() {
        let client = saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789").await;
        let question = Question { most: 9, ..question(LONG) };
        assert_eq!(client.ask(question).await.err(), Some(Trouble::TooLarge(9)));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let away = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(
            saying(away).await.ask(question(LONG)).await.unwrap().granted().err().unwrap().status(),
            Some(302)
        );
        assert_eq!(saying(away).await.follow(question(LONG), LONG).await.err().unwrap().status(), Some(302));
    }
}
