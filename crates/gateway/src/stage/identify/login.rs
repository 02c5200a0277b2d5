//! Sessions of browsers that have logged in at an OpenID provider, and the ways there and back.

use super::{shown, token};
use crate::arrival::Arrival;
use crate::guard::{Guards, Login};
use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use auth::token::Question;
use auth::token::oidc::{BadCallback, Exchange, Session, Tokens, is_navigation};
use auth::{Denied, Known, Way, csrf};
use bytes::BytesMut;
use fetch::{Client, Door, Trouble};
use message::{Fields, Method, Name, ResponseHead, Scheme, StatusCode};
use net::Body;
use observe::log::{Level, Throttle};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long the provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

static TROUBLES: Throttle = Throttle::new();

/// Whose session does the browser show?
pub(super) fn caller(trip: &mut Trip, login: &Login, guards: &Guards) -> Result<Arc<Known>, Denied> {
    let (now, secure) = (trip.desk.unix(), is_secure(trip));
    let Some(head) = &trip.head else { return Err(Denied::Absent) };
    let opened = Session::open(&login.settings, &head.fields, secure, now, &*login.seal);
    let opened = opened.ok_or(Denied::Absent)?;
    if login.revocations.is_revoked(&opened.verified) {
        return Err(Denied::Revoked);
    }
    // A cookie comes along whoever has written the page, so a change must come from a page of this host.
    let one = |name: &'static str| head.fields.all_named(name).next();
    let evidence = csrf::Evidence {
        method: &head.method,
        upgrade: head.upgrade.is_some(),
        sec_fetch_site: one("sec-fetch-site"),
        origin: head.fields.get(Name::Origin),
        referer: head.fields.get(Name::Referer),
        host: head.authority.as_ref().map_or("", |host| host.as_str()),
        scheme: if secure { Scheme::Https } else { trip.peer.scheme },
    };
    if !csrf::allowed(&evidence) {
        return Err(Denied::Invalid("the request comes from a page of another site"));
    }
    let caller = token::caller_of(Way::Oidc, &opened.verified, guards)?;
    if let Some(head) = &mut trip.head {
        for name in Session::cookie_names(&login.settings) {
            shown::remove_cookie(&mut head.fields, &name);
        }
    }
    let guarded = trip.guarded.get_or_insert_default();
    for cookie in &opened.prolonged {
        guarded.told.add(Name::SetCookie, cookie.as_bytes());
    }
    Ok(caller)
}

/// Sends a browser that wants a page to the provider. A script gets 401: it could not follow.
pub(super) fn invite(trip: &mut Trip, login: &Login) -> Option<Arrival> {
    let head = trip.head.as_ref()?;
    if !is_navigation(head.method.as_str(), &head.fields) {
        return None;
    }
    let found = login.keeper.discovery(&login.issuer)?;
    let (now, back) = (trip.desk.unix(), url(trip, &login.callback)?);
    let asked = trip.asked.as_ref().unwrap_or(&head.target).as_str().to_owned();
    let begun =
        login.flow(&found).begin(&back, &asked, &mut |bytes| (login.random)(bytes), now, &*login.seal)?;
    let mut answer = elsewhere(&begun.location);
    answer.fields.add(Name::SetCookie, begun.cookie.as_bytes());
    Some(Arrival { head: answer, body: Body::empty(), tunnel: None })
}

/// Answers what belongs to logins and to no route: the way back from the provider, and the end of a session.
pub(crate) async fn own(trip: &mut Trip) -> Result<Option<Arrival>, Stop> {
    let here = Rc::clone(&trip.here);
    let Some(login) = here.site.guards.as_ref().and_then(|guards| guards.login.as_ref()) else {
        return Ok(None);
    };
    let Some(head) = &trip.head else { return Ok(None) };
    match head.target.path() {
        path if path == &*login.callback => back(trip, login).await.map(Some),
        // Another site shall not end somebody's session.
        path if path == &*login.logout && is_of_another_site(&head.fields) => {
            Err(refused("The request to log out comes from another site."))
        }
        path if path == &*login.logout => Ok(Some(leave(trip, login))),
        _ => Ok(None),
    }
}

/// The browser comes back.
async fn back(trip: &Trip, login: &Login) -> Result<Arrival, Stop> {
    let (now, secure) = (trip.desk.unix(), is_secure(trip));
    let Some(head) = &trip.head else { return Err(refused("")) };
    let Some(found) = login.keeper.discovery(&login.issuer) else {
        return Err(unavailable("the provider is not known yet"));
    };
    let flow = login.flow(&found);
    let exchange = match flow.callback(head.target.query().unwrap_or(""), &head.fields, now, &*login.seal) {
        Ok(exchange) => exchange,
        Err(why) => return Err(bad_callback(&why)),
    };
    let Exchange { question, login: pending, forget } = exchange;
    let Some(endpoint) = &found.token_endpoint else { return Err(unavailable("it has no token endpoint")) };
    let asking = exchange_code(login, endpoint, question);
    let (status, body) =
        Box::pin(asking).await.map_err(|why| unavailable(&format!("the token endpoint {why}")))?;
    let tokens = Tokens::read(status, &body).map_err(|why| denied(&why))?;
    let verifying =
        identity::verify(&login.verifiers, &login.keeper, &login.issuer, &tokens.id_token, PATIENCE);
    let verified = Box::pin(verifying).await.map_err(|why| denied(&why))?;
    let session = flow.finish(&pending, &tokens, &verified, now).map_err(|why| denied(&why))?;
    let cookies = session.cookies(&login.settings, secure, &*login.seal);
    let Some(cookies) = cookies else { return Err(unavailable("the session fits into no cookie")) };
    let mut answer = elsewhere(&pending.return_to);
    for cookie in cookies.iter().chain([&forget]) {
        answer.fields.add(Name::SetCookie, cookie.as_bytes());
    }
    Ok(Arrival { head: answer, body: Body::empty(), tunnel: None })
}

/// Asks the provider for the tokens of a code. Logins are few, so each has a connection of its own.
async fn exchange_code(login: &Login, endpoint: &str, form: Question) -> Result<(u16, BytesMut), Trouble> {
    let (door, target) = Door::of(endpoint, login.tls.clone())?;
    let mut question = fetch::Question::new(Method::POST, &target, PATIENCE);
    question.content = Some(("application/x-www-form-urlencoded", form.body.into()));
    question.authorization = form
        .fields
        .iter()
        .find(|(name, _)| *name == "authorization")
        .map(|(_, value)| fetch::Secret::new(&**value));
    let reply = Client { door }.ask(question).await?;
    Ok((reply.status, reply.body))
}

/// The session ends, here and where it can at the provider.
fn leave(trip: &Trip, login: &Login) -> Arrival {
    let found = login.keeper.discovery(&login.issuer);
    let home = url(trip, "/");
    let away = found.as_ref().zip(home).and_then(|(found, home)| login.flow(found).logout(&home));
    let mut answer = elsewhere(away.as_deref().unwrap_or("/"));
    for cookie in Session::end(&login.settings, is_secure(trip)) {
        answer.fields.add(Name::SetCookie, cookie.as_bytes());
    }
    Arrival { head: answer, body: Body::empty(), tunnel: None }
}

fn elsewhere(location: &str) -> ResponseHead {
    let mut head = ResponseHead::new(StatusCode::FOUND);
    if head.fields.push(Name::Location.as_str(), location.as_bytes()).is_err() {
        head.fields.add(Name::Location, b"/");
    }
    // What it leads to is one browser's own.
    head.fields.add(Name::CacheControl, b"no-store");
    head
}

fn is_of_another_site(fields: &Fields) -> bool {
    fields.all_named("sec-fetch-site").next() == Some(b"cross-site")
}

/// A path of the host that the client wanted, as a URL.
fn url(trip: &Trip, path: &str) -> Option<String> {
    let host = trip.head.as_ref()?.authority.as_ref()?.as_str();
    let scheme = if is_secure(trip) { "https" } else { "http" };
    Some(format!("{scheme}://{host}{path}"))
}

/// Did the client come over TLS, here or at a proxy that is trusted?
fn is_secure(trip: &Trip) -> bool {
    if trip.peer.scheme == Scheme::Https {
        return true;
    }
    let trusted = crate::client_address::is_trusted(trip.peer.ip(), &trip.here.site.trusted_proxies);
    let told = |fields: &Fields| fields.get(Name::XForwardedProto).is_some_and(|proto| proto == b"https");
    trusted && trip.head.as_ref().is_some_and(|head| told(&head.fields))
}

fn bad_callback(why: &BadCallback) -> Stop {
    match why {
        BadCallback::NotBegun => refused("No login was begun in this browser, or too long ago: begin again."),
        BadCallback::Refused(_) => refused("The login was refused."),
        BadCallback::Malformed(_) | BadCallback::OtherIssuer => refused("This is not the end of a login."),
    }
}

fn refused(public: &str) -> Stop {
    Stop::new(Reason::Forbidden, public)
}

fn denied(why: &Denied) -> Stop {
    match why {
        Denied::Unverified(why) => unavailable(why),
        why => {
            TROUBLES.write(Level::Warning, format_args!("a login was refused: {why}"));
            refused("The login is not valid: begin again.")
        }
    }
}

fn unavailable(why: &str) -> Stop {
    let stop = Stop::new(Reason::IdentityUnavailable, "The login provider cannot be asked at the moment.");
    Stop { detail: Some(format!("login: {why}")), ..stop.retry_after(Duration::from_secs(1)) }
}
