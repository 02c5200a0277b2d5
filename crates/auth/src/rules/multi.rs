//! Headers and parameters of the query, asked for by name.
//!
//! Both may come twice. Lines of one header are one list (RFC 9110 section 5.3) and are joined with `, `. Of parameters that
//! come twice nobody can know which one the service will take, so to ask for one is an error, and the request is denied.

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer};
use cel::common::types::{CelMap, CelString, Type};
use cel::common::value::{CowVal, Val};
use message::{Fields, Name};
use std::borrow::Cow;
use std::fmt;

const TWICE: &str = "a parameter of the query that it asks for comes twice";
const NOT_TEXT: &str = "a header that it asks for is not UTF-8";
/// The function that these errors come from, which no rule can call.
const ASKED: &str = "@asked";

/// The error of ours that this is, if it is one.
pub(super) fn ambiguity(function: &str, message: &str) -> Option<&'static str> {
    [TWICE, NOT_TEXT].into_iter().find(|known| function == ASKED && message == *known)
}

/// `request.headers`.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a>(pub(super) &'a Fields);

/// `request.query`.
#[derive(Clone, Copy)]
pub(super) struct Query<'a>(pub(super) &'a str);

impl<'a> Headers<'a> {
    fn find(self, name: &str) -> Result<Option<Cow<'a, str>>, ExecutionError> {
        let (fields, known) = (self.0, Name::of(name.as_bytes()));
        let mut found: Option<Cow<'a, str>> = None;
        for (line, line_name, value) in fields.iter() {
            if line == known && (known != Name::Other || line_name.eq_ignore_ascii_case(name.as_bytes())) {
                let value = std::str::from_utf8(value)
                    .map_err(|_| ExecutionError::function_error(ASKED, NOT_TEXT))?;
                found = Some(found.map_or(value.into(), |before| format!("{before}, {value}").into()));
            }
        }
        Ok(found)
    }
}

impl<'a> Query<'a> {
    fn find(self, name: &str) -> Result<Option<Cow<'a, str>>, ExecutionError> {
        let mut all = form_urlencoded::parse(self.0.as_bytes()).filter(|(key, _)| key == name);
        let found = all.next().map(|(_, value)| value);
        if all.next().is_some() { Err(ExecutionError::function_error(ASKED, TWICE)) } else { Ok(found) }
    }
}

/// What both have in common: a look-up by name, and nothing else.
macro_rules! asked_by_name {
    ($($type:ident)*) => {$(
        impl fmt::Debug for $type<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Headers and parameters hold credentials.
                f.write_str(stringify!($type))
            }
        }

        impl Val for $type<'_> {
            fn get_type(&self) -> &Type {
                CelMap::cel_type()
            }

            fn cel_type() -> &'static Type {
                CelMap::cel_type()
            }

            fn as_container(&self) -> Option<&dyn Container> {
                Some(self)
            }

            fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
            where
                Self: 'v,
            {
                Some(self)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
            where
                Self: 'v,
            {
                Box::new(*self)
            }
        }

        impl Container for $type<'_> {
            fn contains(&self, name: &dyn Val) -> Result<bool, ExecutionError> {
                Ok(self.find(asked_name(name)?)?.is_some())
            }
        }

        impl Indexer for $type<'_> {
            fn get<'b, 'v>(&'b self, name: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
            where
                Self: 'v,
            {
                let name = asked_name(name)?;
                let found = self.find(name)?.ok_or_else(|| ExecutionError::no_such_key(name))?;
                Ok(CowVal::owned(CelString::from(found)))
            }

            fn steal<'v>(self: Box<Self>, name: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
            where
                Self: 'v,
            {
                self.get(name).map(CowVal::into_owned)
            }
        }
    )*};
}

asked_by_name! { Headers Query }

fn asked_name<'b>(name: &'b (dyn Val + '_)) -> Result<&'b str, ExecutionError> {
    let text = name.downcast_ref::<CelString<'_>>().map(CelString::inner);
    text.ok_or_else(|| {
        ExecutionError::no_such_overload("_[_]", vec!["map".into(), name.get_type().name().to_owned()])
    })
}
