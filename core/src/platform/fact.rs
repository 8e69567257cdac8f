//! Facts of the catalogue: each has its sources, or is not known.

/// A fact about a platform, and where it is documented; or that it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact<T> {
    value: Option<T>,
    sources: Sources,
}

/// Web addresses. The browser's module has no use for them, and leaves them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sources {
    #[cfg(not(target_arch = "wasm32"))]
    addresses: &'static [&'static str],
}

impl Sources {
    #[cfg_attr(target_arch = "wasm32", expect(unused_variables, reason = "left out there"))]
    const fn new(addresses: &'static [&'static str]) -> Self {
        Self {
            #[cfg(not(target_arch = "wasm32"))]
            addresses,
        }
    }
}

impl<T: Copy> Fact<T> {
    /// Nobody has documented it.
    pub(super) const NOT_KNOWN: Self = Self { value: None, sources: Sources::new(&[]) };

    /// A fact that these web addresses document.
    pub(super) const fn known(value: T, sources: &'static [&'static str]) -> Self {
        Self { value: Some(value), sources: Sources::new(sources) }
    }

    /// The fact; `None` if it is not known.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        self.value
    }

    /// The web addresses that document it.
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn sources(&self) -> &'static [&'static str] {
        self.sources.addresses
    }
}

impl<T> Fact<&'static [T]> {
    /// The list; empty if it is not known.
    #[must_use]
    pub fn all(&self) -> &'static [T] {
        self.value.unwrap_or_default()
    }
}
