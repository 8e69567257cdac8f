//! How to declare a store operation: once, as a method of its resource's trait, which each store
//! implements next to its SQL. The macros here derive the object-safe form that the server holds
//! (`dyn Database` and the like), with timings for `/metrics`. They know no resource and no store.

use crate::metrics::Metrics;
use std::sync::Arc;

/// Times each operation of `store` under the operation's name.
#[derive(Debug)]
pub(super) struct Timed<S> {
    pub(super) store: Arc<S>,
    pub(super) metrics: Arc<Metrics>,
}

/// Declares a resource's operations. Stores implement the first trait with `async fn`. The second
/// trait is the same for a store behind a pointer, which can't have `async fn`: only there are
/// futures boxed.
// Decision: docs/decisions/storage.md#a-store-operation-is-declared-once
macro_rules! operations {
    (
        $(#[$about:meta])*
        trait $Operations:ident as $Object:ident {
            $(
                $(#[$says:meta])*
                async fn $name:ident(&self $(, $argument:ident: $kind:ty)* $(,)?) -> $outcome:ty;
            )+
        }
    ) => {
        $(#[$about])*
        pub(crate) trait $Operations: ::std::fmt::Debug + Send + Sync + 'static {
            $(
                $(#[$says])*
                fn $name(&self $(, $argument: $kind)*) -> impl Future<Output = $outcome> + Send;
            )+
        }

        $(#[$about])*
        pub(crate) trait $Object: ::std::fmt::Debug + Send + Sync {
            $(
                $(#[$says])*
                fn $name(
                    &self $(, $argument: $kind)*
                ) -> ::futures_util::future::BoxFuture<'_, $outcome>;
            )+
        }

        impl<S: $Operations> $Object for S {
            $(
                fn $name(
                    &self $(, $argument: $kind)*
                ) -> ::futures_util::future::BoxFuture<'_, $outcome> {
                    Box::pin($Operations::$name(self $(, $argument)*))
                }
            )+
        }

        impl<S: $Operations> $Object for $crate::store::Timed<S> {
            $(
                fn $name(
                    &self $(, $argument: $kind)*
                ) -> ::futures_util::future::BoxFuture<'_, $outcome> {
                    // The store's future is created inside this one, so that it never moves.
                    Box::pin(async move {
                        let start = ::std::time::Instant::now();
                        let outcome = self.store.$name($($argument),*).await;
                        self.metrics.note_store_operation(stringify!($name), start);
                        outcome
                    })
                }
            )+
        }
    };
}

/// Declares a store of several resources, such as `dyn Database`.
macro_rules! store_of {
    (
        $(#[$about:meta])*
        trait $Store:ident { $($Operations:ident as $Object:ident),+ $(,)? }
    ) => {
        $(#[$about])*
        pub(crate) trait $Store: $($Object +)+ 'static {
            /// The same store with each operation timed.
            fn timed(
                self: ::std::sync::Arc<Self>,
                metrics: &::std::sync::Arc<$crate::metrics::Metrics>,
            ) -> ::std::sync::Arc<dyn $Store>;
        }

        impl<S: $($Operations +)+> $Store for S {
            fn timed(
                self: ::std::sync::Arc<Self>,
                metrics: &::std::sync::Arc<$crate::metrics::Metrics>,
            ) -> ::std::sync::Arc<dyn $Store> {
                ::std::sync::Arc::new($crate::store::Timed { store: self, metrics: metrics.clone() })
            }
        }

        impl<S: $($Operations +)+> $Store for $crate::store::Timed<S> {
            fn timed(
                self: ::std::sync::Arc<Self>,
                _: &::std::sync::Arc<$crate::metrics::Metrics>,
            ) -> ::std::sync::Arc<dyn $Store> {
                self
            }
        }
    };
}

pub(super) use {operations, store_of};
