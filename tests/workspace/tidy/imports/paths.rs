//! The paths that a module's items name: in code, in the tokens of macros, in attributes.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, LitStr, Meta, Token, UseTree};

/// A path's segments, as written.
type Path = Vec<String>;

#[derive(Default)]
pub(super) struct Named {
    /// The items of this module.
    pub(super) items: BTreeSet<String>,
    /// Names of items from other modules.
    pub(super) aliases: BTreeMap<String, Path>,
    pub(super) globs: Vec<Path>,
    pub(super) paths: BTreeSet<Path>,
}

impl Named {
    /// Adds the paths that an item names, unless the item is for tests.
    pub(super) fn read(&mut self, item: &Item) {
        let (name, attributes) = match item {
            Item::Const(item) => (Some(&item.ident), &item.attrs),
            Item::Enum(item) => (Some(&item.ident), &item.attrs),
            Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
            Item::Impl(item) => (None, &item.attrs),
            Item::Macro(item) => (item.ident.as_ref(), &item.attrs),
            Item::Static(item) => (Some(&item.ident), &item.attrs),
            Item::Struct(item) => (Some(&item.ident), &item.attrs),
            Item::Trait(item) => (Some(&item.ident), &item.attrs),
            Item::Type(item) => (Some(&item.ident), &item.attrs),
            Item::Use(item) => (None, &item.attrs),
            _ => (None, &Vec::new()),
        };
        if !is_for_tests(attributes) {
            self.items.extend(name.map(ToString::to_string));
            self.visit_item(item);
        }
    }

    fn read_use(&mut self, tree: &UseTree, before: &Path) {
        let with = |name: &syn::Ident| [before.as_slice(), &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.read_use(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.read_use(tree, before)),
            UseTree::Glob(_) => self.globs.push(before.clone()),
            UseTree::Name(name) if name.ident == "self" => self.bind(before.last().cloned(), before.clone()),
            UseTree::Name(name) => self.bind(Some(name.ident.to_string()), with(&name.ident)),
            UseTree::Rename(rename) => self.bind(Some(rename.rename.to_string()), with(&rename.ident)),
        }
    }

    fn bind(&mut self, name: Option<String>, path: Path) {
        // For example a crate, by its own name.
        if let Some(name) = name.filter(|name| path.first() != Some(name)) {
            self.aliases.insert(name, path.clone());
        }
        self.paths.insert(path);
    }

    /// Everything that looks like a path among tokens that only a macro understands.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Path::new(), 0);
        for token in tokens {
            let seen = mem::take(&mut colons);
            let goes_on = seen == 2;
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons = seen + 1,
                TokenTree::Ident(name) if goes_on => path.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.paths.insert(mem::replace(&mut path, vec![name.to_string()]));
                }
                TokenTree::Group(group) => {
                    let before = mem::take(&mut path);
                    self.paths.insert(before.clone());
                    let is_list = goes_on && group.delimiter() == Delimiter::Brace;
                    match syn::parse2::<UseTree>(TokenTree::Group(group.clone()).into()) {
                        Ok(tree) if is_list => self.read_use(&tree, &before),
                        _ => self.read_tokens(group.stream()),
                    }
                }
                TokenTree::Literal(literal) => {
                    let text = syn::parse2::<LitStr>(TokenTree::Literal(literal).into());
                    if let Ok(path) = text.and_then(|text| text.parse::<syn::Path>()) {
                        self.visit_path(&path);
                    }
                }
                TokenTree::Punct(_) => drop(self.paths.insert(mem::take(&mut path))),
            }
        }
        self.paths.insert(path);
    }
}

impl Visit<'_> for Named {
    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.read_use(&item.tree, &Path::new());
        }
    }

    fn visit_macro(&mut self, called: &syn::Macro) {
        self.visit_path(&called.path);
        self.read_tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.read_tokens(list.tokens.clone());
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        let is_for_tests = matches!(item, ImplItem::Fn(function) if is_for_tests(&function.attrs));
        if !is_for_tests {
            visit::visit_impl_item(self, item);
        }
    }
}

/// Whether an item with these attributes is only compiled for tests.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    fn are_only_met_in_tests(conditions: &syn::MetaList) -> bool {
        let all = conditions.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        all.into_iter().flatten().any(|condition| match &condition {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) => list.path.is_ident("all") && are_only_met_in_tests(list),
            Meta::NameValue(_) => false,
        })
    }
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && are_only_met_in_tests(list),
        _ => false,
    })
}
