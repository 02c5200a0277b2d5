//! A list of claims, or the scopes of the caller, where it lies. See `lazy.rs`.

use super::functions::spend;
use super::lazy::{COMPARED, boxed, value};
use crate::Scopes;
use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{CelInt, CelList, CelString, Type};
use cel::common::value::{Builtin, BuiltinRef, CowVal, Val};
use serde_json::Value;
use std::sync::OnceLock;

/// A list.
#[derive(Clone, Debug)]
pub(super) struct Array<'a> {
    items: Items<'a>,
    made: OnceLock<CelList<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum Items<'a> {
    Json(&'a [Value]),
    Words(&'a Scopes),
}

impl<'a> Array<'a> {
    pub(super) fn json(items: &'a [Value]) -> Self {
        Self { items: Items::Json(items), made: OnceLock::new() }
    }

    pub(super) fn words(scopes: &'a Scopes) -> Self {
        Self { items: Items::Words(scopes), made: OnceLock::new() }
    }

    fn len(&self) -> usize {
        match self.items {
            Items::Json(items) => items.len(),
            Items::Words(scopes) => scopes.iter().count(),
        }
    }

    fn made(&self) -> &CelList<'a> {
        self.made.get_or_init(|| {
            let all: Vec<Box<dyn Val + 'a>> = match self.items {
                Items::Json(items) => items.iter().map(boxed).collect(),
                Items::Words(scopes) => {
                    scopes.iter().map(|word| Box::new(CelString::from(word)) as Box<dyn Val + 'a>).collect()
                }
            };
            CelList::from(all)
        })
    }
}

impl Val for Array<'_> {
    fn get_type(&self) -> &Type {
        CelList::cel_type()
    }

    fn cel_type() -> &'static Type {
        CelList::cel_type()
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self.made())
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

    fn into_indexer<'v>(self: Box<Self>) -> Option<Box<dyn Indexer + 'v>>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self.made())
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self.made())
    }

    fn equals(&self, other: &dyn Val) -> bool {
        spend(self.len() / COMPARED).is_ok() && self.made().equals(other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self { items: self.items, made: OnceLock::new() })
    }

    fn as_builtin<'b, 'v>(&'b self) -> BuiltinRef<'b, 'v>
    where
        Self: 'v,
    {
        BuiltinRef::List(self.made())
    }

    fn into_builtin<'v>(self: Box<Self>) -> Option<Builtin<'v>>
    where
        Self: 'v,
    {
        self.made();
        self.made.into_inner().map(Builtin::List)
    }
}

impl Container for Array<'_> {
    fn contains(&self, wanted: &dyn Val) -> Result<bool, ExecutionError> {
        spend(self.len() / COMPARED)?;
        Ok(match (self.items, wanted.downcast_ref::<CelString<'_>>()) {
            (Items::Json(items), Some(text)) => items.iter().any(|item| item.as_str() == Some(text.inner())),
            (Items::Json(items), None) => items.iter().any(|item| boxed(item).equals(wanted)),
            (Items::Words(scopes), Some(text)) => scopes.has(text.inner()),
            (Items::Words(_), None) => false,
        })
    }
}

impl Indexer for Array<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match (self.items, index.downcast_ref::<CelInt>()) {
            (Items::Json(items), Some(at)) => {
                let item = usize::try_from(*at.inner()).ok().and_then(|at| items.get(at));
                item.map(value).ok_or_else(|| ExecutionError::IndexOutOfBounds((*at.inner()).into()))
            }
            _ => self.made().get(index),
        }
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

impl Sizer for Array<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.len()).unwrap_or(i64::MAX))
    }
}
