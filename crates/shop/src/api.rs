//! Which answer belongs to a request: path, then method, then the one function that knows the rest.

use crate::Settings;
use crate::reply::{Problem, Reply, ReplyBody};
use crate::{about, echo, feed, orders, products, reports};
use base::IdSource;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

/// What all requests of one instance share.
pub(crate) struct Shop {
    pub(crate) settings: Settings,
    pub(crate) flaky_calls: AtomicU64,
    instance: HeaderValue,
    ids: Mutex<IdSource>,
    leaving: watch::Receiver<bool>,
}

impl Shop {
    /// Opens the shop. `leaving` becomes true when the instance is told to shut down.
    pub(crate) fn open(settings: Settings, leaving: watch::Receiver<bool>) -> io::Result<Self> {
        let instance = HeaderValue::from_str(&settings.name).map_err(|_| {
            let says = format!("the instance name {:?} cannot stand in a header field", settings.name);
            io::Error::new(io::ErrorKind::InvalidInput, says)
        })?;
        Ok(Self { settings, flaky_calls: AtomicU64::new(0), instance, ids: Mutex::default(), leaving })
    }

    /// Becomes true when the instance is told to shut down.
    pub(crate) fn leaving(&self) -> watch::Receiver<bool> {
        self.leaving.clone()
    }

    /// A new id of 32 hex digits, which no other instance gives.
    pub(crate) fn new_id(&self) -> String {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.request_id().as_str().to_owned()
    }
}

/// Everything that has an address here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    Index,
    OpenApi,
    Health,
    Products,
    Product(&'a str),
    Search,
    Image(&'a str),
    Feed,
    Echo,
    Reports,
    Report,
    Flaky,
    Orders,
    Order(&'a str),
    Me,
}

impl<'a> Place<'a> {
    fn at(path: &'a str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/openapi.json" => Self::OpenApi,
            "/healthz" => Self::Health,
            "/v1/products" => Self::Products,
            "/v1/search" => Self::Search,
            "/v1/feed" => Self::Feed,
            "/v1/echo" => Self::Echo,
            "/v1/reports" => Self::Reports,
            "/v1/report" => Self::Report,
            "/v1/flaky" => Self::Flaky,
            "/v1/orders" => Self::Orders,
            "/v1/me" => Self::Me,
            _ => match path.strip_prefix("/v1/")?.split_once('/')? {
                ("products", id) => Self::Product(id),
                ("orders", id) => Self::Order(id),
                ("images", file) => Self::Image(file.strip_suffix(".svg")?),
                _ => return None,
            },
        })
    }

    /// The methods that may be used here, as the `Allow` field says them.
    const fn allow(self) -> &'static str {
        match self {
            Self::Orders | Self::Reports => "POST",
            _ => "GET, HEAD",
        }
    }

    fn allows(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// The answer to one request. Where it is to switch the protocol, `switch` gets the way to do so.
pub(crate) async fn answer(
    shop: &Shop,
    request: Request<Incoming>,
    switch: &mpsc::Sender<OnUpgrade>,
) -> Response<ReplyBody> {
    let mut response = find(shop, request, switch).await.unwrap_or_else(Problem::into_response);
    response.headers_mut().insert("x-instance", shop.instance.clone());
    response
}

async fn find(shop: &Shop, request: Request<Incoming>, switch: &mpsc::Sender<OnUpgrade>) -> Reply {
    let path = request.uri().path().to_owned();
    let place = Place::at(&path)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "nothing is here; GET / lists what there is"))?;
    if !place.allows(request.method()) {
        let says = format!("{} is not allowed here; use {}", request.method(), place.allow());
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, says)
            .with(header::ALLOW, HeaderValue::from_static(place.allow())));
    }
    match place {
        Place::Index => Ok(about::index(shop)),
        Place::OpenApi => Ok(about::openapi()),
        Place::Health => Ok(about::health()),
        Place::Me => Ok(about::me(shop, request.headers())),
        Place::Flaky => about::flaky(shop),
        Place::Products => products::list(&request),
        Place::Product(id) => products::one(id, &request),
        Place::Search => products::search(request.uri()).await,
        Place::Image(id) => products::image(id, &request),
        Place::Feed => Ok(feed::open(shop, request.headers())),
        Place::Echo => echo::accept(request, switch),
        Place::Reports => reports::post(shop, request).await,
        Place::Report => reports::get(shop, request.uri()).await,
        Place::Orders => orders::post(shop, request).await,
        Place::Order(id) => orders::get(shop, id),
    }
}

/// The first value of the query parameter `name`, decoded.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_paths_are_places() {
        assert_eq!(Place::at("/v1/products/7"), Some(Place::Product("7")));
        assert_eq!(Place::at("/v1/images/7.svg"), Some(Place::Image("7")));
        for nothing in ["", "/v1", "/v1/", "/v1/products7", "/v2/products", "/v1/images/7.png", "//", "*"] {
            assert_eq!(Place::at(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_parameter_is_decoded_and_the_first_wins() {
        let uri = Uri::from_static("/v1/search?x=1&q=tea+pot%21&q=no");
        assert_eq!(parameter(&uri, "q").as_deref(), Some("tea pot!"));
        assert_eq!(parameter(&uri, "z"), None);
    }
}
