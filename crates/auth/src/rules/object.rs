//! All claims, or a map among them, where it lies. See `lazy.rs`.

use super::functions::spend;
use super::lazy::{COMPARED, boxed, value};
use crate::Claims;
use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{CelInt, CelMap, CelMapKey, CelString, Type};
use cel::common::value::{Builtin, BuiltinRef, CowVal, Val};
use std::collections::HashMap;
use std::sync::OnceLock;

/// A map from text.
#[derive(Clone, Debug)]
pub(super) struct Object<'a> {
    members: &'a Claims,
    made: OnceLock<CelMap<'a>>,
}

impl<'a> Object<'a> {
    pub(super) fn of(members: &'a Claims) -> Self {
        Self { members, made: OnceLock::new() }
    }

    fn made(&self) -> &CelMap<'a> {
        self.made.get_or_init(|| {
            let members = self.members.iter();
            let members = members.map(|(name, json)| (CelMapKey::String(name.as_str().into()), boxed(json)));
            CelMap::from(members.collect::<HashMap<_, _>>())
        })
    }
}

impl Val for Object<'_> {
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
        spend(self.members.len() / COMPARED).is_ok() && self.made().equals(other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self::of(self.members))
    }

    fn as_builtin<'b, 'v>(&'b self) -> BuiltinRef<'b, 'v>
    where
        Self: 'v,
    {
        BuiltinRef::Map(self.made())
    }

    fn into_builtin<'v>(self: Box<Self>) -> Option<Builtin<'v>>
    where
        Self: 'v,
    {
        self.made();
        self.made.into_inner().map(Builtin::Map)
    }
}

impl Container for Object<'_> {
    fn contains(&self, name: &dyn Val) -> Result<bool, ExecutionError> {
        match name.downcast_ref::<CelString<'_>>() {
            Some(name) => Ok(self.members.contains_key(name.inner())),
            None => self.made().contains(name),
        }
    }
}

impl Indexer for Object<'_> {
    fn get<'b, 'v>(&'b self, name: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match name.downcast_ref::<CelString<'_>>() {
            Some(name) => {
                let found = self.members.get(name.inner());
                found.map(value).ok_or_else(|| ExecutionError::no_such_key(name.inner()))
            }
            None => self.made().get(name),
        }
    }

    fn steal<'v>(self: Box<Self>, name: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(name).map(CowVal::into_owned)
    }
}

impl Sizer for Object<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.members.len()).unwrap_or(i64::MAX))
    }
}
