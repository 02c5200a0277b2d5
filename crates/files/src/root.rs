//! The door of the room.

use crate::accepted::Accepted;
use crate::answer::{Telling, answer};
use crate::beneath::Beneath;
use crate::shelf::{Kept, Place, Shelf};
use crate::wanted::{Wanted, extension};
use crate::{FilesSettings, RootError, types};
use message::{Fields, Method, Name, RequestHead, ResponseHead, StatusCode};
use net::Body;
use std::borrow::Cow;
use std::sync::Arc;

/// A folder that is served.
#[derive(Debug)]
pub struct Root {
    settings: FilesSettings,
    shelf: Shelf,
}

/// An answer.
#[derive(Debug)]
pub struct Served {
    /// Its head: 200, 206, 301 to the folder's own path, 304, 412, 416.
    pub head: ResponseHead,
    /// Its body.
    pub body: Body,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// There is no such file, or none that may be served: 404. The client is not told which.
    NotFound,
    /// The method is not GET or HEAD: 405.
    Method,
    /// The disk refuses: 500. For the operator.
    Failed(String),
}

/// What answers.
enum Answer<'a> {
    /// This file, under that name.
    File(Arc<Kept>, Cow<'a, [u8]>),
    /// The folder's own path.
    Redirect,
}

impl Root {
    /// The folder.
    pub fn path(&self) -> &std::path::Path {
        &self.settings.root
    }

    /// Opens the folder.
    pub fn open(mut settings: FilesSettings) -> Result<Self, RootError> {
        let values = settings.cache_control.iter().chain(settings.types.iter().map(|(_, value)| value));
        for value in values {
            let checked = Fields::new().push("x", value.as_bytes());
            checked.map_err(|_| RootError::Value(value.clone()))?;
        }
        let beneath = Beneath::new(&settings.root, settings.links).map_err(|why| match why.kind() {
            std::io::ErrorKind::NotADirectory => RootError::NoFolder(settings.root.clone()),
            _ => RootError::Folder { path: settings.root.clone(), why },
        })?;
        // Names below the folder, however they are written.
        for name in settings.index.iter_mut().chain(&mut settings.spa) {
            *name = name.trim_start_matches('/').into();
        }
        Ok(Self { settings, shelf: Shelf::new(beneath) })
    }

    /// Answers. `path`: what of the request's path is below the route, still percent-encoded, with or without a `/` in front.
    /// `boundary`: a random number.
    pub async fn serve(&self, path: &str, request: &RequestHead, boundary: u64) -> Result<Served, Unserved> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Unserved::Method);
        }
        let mut wanted = Wanted::read(path, self.settings.dotfiles).ok_or(Unserved::NotFound)?;
        // The route's own path may be asked for without a slash.
        wanted.is_folder &= !wanted.name.is_empty() || request.target.path().ends_with('/');
        match self.find(&wanted).await? {
            Answer::Redirect => Ok(redirect(request)),
            Answer::File(kept, name) => self.file(kept, &name, request, boundary).await,
        }
    }

    /// What answers for a name.
    async fn find<'a>(&'a self, wanted: &'a Wanted<'_>) -> Result<Answer<'a>, Unserved> {
        let there = if wanted.is_too_long { None } else { self.there(wanted).await? };
        match (there, &self.settings.spa) {
            (Some(answer), _) => Ok(answer),
            (None, Some(spa)) if !wanted.has_extension() => {
                let kept = self.shelf.look(spa.as_bytes()).await?;
                Ok(Answer::File(kept, spa.as_bytes().into()))
            }
            (None, _) => Err(Unserved::NotFound),
        }
    }

    /// What lies under that name.
    async fn there<'a>(&self, wanted: &'a Wanted<'_>) -> Result<Option<Answer<'a>>, Unserved> {
        if wanted.is_folder {
            let index = self.index(&wanted.name).await?;
            return Ok(index.map(|(kept, name)| Answer::File(kept, name.into())));
        }
        let kept = self.shelf.look(&wanted.name).await?;
        match kept.place {
            Place::File(_) => Ok(Some(Answer::File(kept, Cow::Borrowed(&wanted.name)))),
            Place::Folder => Ok(self.index(&wanted.name).await?.map(|_| Answer::Redirect)),
            Place::Nothing => Ok(None),
        }
    }

    /// The file that stands for a folder, and its name.
    async fn index(&self, folder: &[u8]) -> Result<Option<(Arc<Kept>, Vec<u8>)>, Unserved> {
        for index in &self.settings.index {
            let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
            let name = [folder, slash, index.as_bytes()].concat();
            let kept = self.shelf.look(&name).await?;
            if kept.file().is_some() {
                return Ok(Some((kept, name)));
            }
        }
        Ok(None)
    }

    /// Answers with a file, in the form that the client likes best.
    async fn file(
        &self,
        mut kept: Arc<Kept>,
        name: &[u8],
        request: &RequestHead,
        boundary: u64,
    ) -> Result<Served, Unserved> {
        let mut coding = None;
        if self.settings.precompressed {
            for preferred in Accepted::read(&request.fields).preferred() {
                let sibling = self.shelf.look(&[name, preferred.suffix().as_bytes()].concat()).await?;
                if sibling.file().is_some() {
                    (kept, coding) = (sibling, Some(preferred));
                    break;
                }
            }
        }
        let telling = Telling {
            content_type: self.content_type(name),
            coding,
            cache_control: self.settings.cache_control.as_deref(),
            varies: self.settings.precompressed,
        };
        let opened = kept.file().ok_or(Unserved::NotFound)?;
        Ok(answer(opened, telling, request, boundary))
    }

    fn content_type(&self, name: &[u8]) -> &str {
        let Some(extension) = extension(name) else { return types::UNKNOWN };
        let own = self.settings.types.iter().find(|(own, _)| own.as_bytes().eq_ignore_ascii_case(extension));
        own.map(|(_, value)| &**value).or_else(|| types::of(extension)).unwrap_or(types::UNKNOWN)
    }
}

/// 301 to the same path with a slash at its end. It begins with one slash and no more: two would name another host.
fn redirect(request: &RequestHead) -> Served {
    let mut fields = Fields::new();
    fields.add_with(Name::Location, |out| {
        out.push(b'/');
        out.extend_from_slice(request.target.path().trim_start_matches('/').as_bytes());
        out.push(b'/');
        if let Some(query) = request.target.query() {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
    });
    Served { head: ResponseHead { status: StatusCode::MOVED_PERMANENTLY, fields }, body: Body::empty() }
}

#[cfg(test)]
mod tests;
