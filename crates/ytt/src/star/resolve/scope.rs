//! Blocks, bindings and uses.

use super::super::ast::{Ident, Name};
use super::super::spell;
use super::{Binding, BindingId, Resolver, Scope};
use std::collections::BTreeMap;

/// Index of a block.
pub(super) type BlockId = usize;

/// The block of the whole file.
pub(super) const FILE: BlockId = 0;

/// A file, function or comprehension.
#[derive(Debug, Default)]
pub(super) struct Block {
    parent: BlockId,
    /// The function whose block this is.
    pub(super) function: Option<usize>,
    bindings: BTreeMap<Name, BindingId>,
    children: Vec<BlockId>,
    uses: Vec<Use>,
}

/// A use of a name, to be bound later.
#[derive(Debug, Clone, Copy)]
struct Use {
    ident: u32,
    name: Name,
    line: u32,
    env: BlockId,
}

impl Resolver<'_> {
    pub(super) fn push(&mut self, function: Option<usize>) {
        let id = self.blocks.len();
        self.blocks.push(Block {
            parent: self.env,
            function,
            ..Block::default()
        });
        self.blocks[self.env].children.push(id);
        self.env = id;
    }

    pub(super) fn pop(&mut self) {
        self.env = self.blocks[self.env].parent;
    }

    /// The innermost function or file around here.
    fn container(&self) -> BlockId {
        let mut at = self.env;
        while at != FILE && self.blocks[at].function.is_none() {
            at = self.blocks[at].parent;
        }
        at
    }

    pub(super) fn in_function(&self) -> bool {
        self.blocks[self.container()].function.is_some()
    }

    fn add(&mut self, scope: Scope, index: usize, name: Name) -> BindingId {
        let index = u32::try_from(index).expect("a file has fewer names than 2^32");
        self.bindings.push(Binding { scope, index, name });
        self.bindings.len() - 1
    }

    /// Numbers an identifier.
    fn number(&mut self, ident: &mut Ident) -> u32 {
        ident.id = u32::try_from(self.of_ident.len()).expect("a file has fewer names than 2^32");
        self.of_ident.push(usize::MAX);
        ident.id
    }

    /// Binds a name here; gives whether it was bound before.
    pub(super) fn bind(&mut self, ident: &mut Ident) -> bool {
        if self.env != FILE {
            return self.bind_local(ident);
        }
        let id = self.number(ident);
        let known = self.blocks[FILE].bindings.get(&ident.name);
        let known = known
            .or_else(|| self.global_bindings.get(&ident.name))
            .copied();
        let binding = known.unwrap_or_else(|| {
            let binding = self.add(Scope::Global, self.globals.len(), ident.name);
            self.globals.push(ident.name);
            self.global_bindings.insert(ident.name, binding);
            binding
        });
        self.of_ident[id as usize] = binding;
        known.is_some()
    }

    /// Binds a name as a local of the innermost block.
    pub(super) fn bind_local(&mut self, ident: &mut Ident) -> bool {
        let known = self.blocks[self.env].bindings.contains_key(&ident.name);
        if !known {
            let function = self.blocks[self.container()].function;
            let index = match function {
                Some(function) => self.functions[function].locals.len(),
                None => self.locals.len(),
            };
            let binding = self.add(Scope::Local, index, ident.name);
            match function {
                Some(function) => self.functions[function].locals.push(binding),
                None => self.locals.push(binding),
            }
            self.blocks[self.env].bindings.insert(ident.name, binding);
        }
        self.use_name(ident);
        known
    }

    /// Notes a use of a name.
    pub(super) fn use_name(&mut self, ident: &mut Ident) {
        let id = self.number(ident);
        let found = Use {
            ident: id,
            name: ident.name,
            line: ident.line,
            env: self.env,
        };
        if self.env == FILE {
            self.use_at_top_level(found);
        } else {
            let container = self.container();
            self.blocks[container].uses.push(found);
        }
    }

    /// Binds a use to what the whole file sees.
    fn use_at_top_level(&mut self, found: Use) -> BindingId {
        let name = found.name;
        let known = self.blocks[FILE].bindings.get(&name);
        let known = known.or_else(|| self.global_bindings.get(&name));
        let known = known.or_else(|| self.outside_bindings.get(&name)).copied();
        let binding = match known {
            Some(binding) => binding,
            None => self.bind_outside(found),
        };
        self.of_ident[found.ident as usize] = binding;
        binding
    }

    fn bind_outside(&mut self, found: Use) -> BindingId {
        let text = self.names.text(found.name);
        let outside = self.outside;
        let predeclared = outside.predeclared.iter().position(|name| *name == text);
        let universal = (outside.universal)(text);
        let binding = match (predeclared, universal) {
            (Some(index), _) => self.add(Scope::Predeclared, index, found.name),
            (None, Some(index)) => self.add(Scope::Universal, index as usize, found.name),
            (None, None) => {
                let hint = match self.near(found) {
                    Some(near) => format!(" (did you mean {near}?)"),
                    None => String::new(),
                };
                self.fail(found.line, format!("undefined: {text}{hint}"));
                return self.add(Scope::Undefined, 0, found.name);
            }
        };
        self.outside_bindings.insert(found.name, binding);
        binding
    }

    /// A name that the user may have meant: a local or global, not a universal value.
    fn near(&self, found: Use) -> Option<&str> {
        let mut candidates: Vec<&str> = self
            .globals
            .iter()
            .map(|name| self.names.text(*name))
            .collect();
        let mut at = found.env;
        loop {
            let block = &self.blocks[at];
            candidates.extend(block.bindings.keys().map(|name| self.names.text(*name)));
            if at == FILE {
                break;
            }
            at = block.parent;
        }
        candidates.sort_unstable();
        spell::nearest(self.names.text(found.name), candidates)
    }

    /// Binds the uses in a function or file that are its own locals.
    pub(super) fn resolve_local_uses(&mut self, block: BlockId) {
        let uses = std::mem::take(&mut self.blocks[block].uses);
        let mut others = Vec::new();
        for found in uses {
            match self.look_up_local(found) {
                Some(binding) => self.of_ident[found.ident as usize] = binding,
                None => others.push(found),
            }
        }
        self.blocks[block].uses = others;
    }

    fn look_up_local(&self, found: Use) -> Option<BindingId> {
        let mut at = found.env;
        loop {
            let block = &self.blocks[at];
            if let Some(&binding) = block.bindings.get(&found.name) {
                let scope = self.bindings[binding].scope;
                return matches!(scope, Scope::Local | Scope::Cell).then_some(binding);
            }
            if block.function.is_some() || at == FILE {
                return None;
            }
            at = block.parent;
        }
    }

    /// Binds what is left in a block and the blocks in it.
    pub(super) fn resolve_other_uses(&mut self, block: BlockId) {
        for child in std::mem::take(&mut self.blocks[block].children) {
            self.resolve_other_uses(child);
        }
        for found in std::mem::take(&mut self.blocks[block].uses) {
            let binding = self.look_up(found, found.env);
            self.of_ident[found.ident as usize] = binding;
        }
    }

    fn look_up(&mut self, found: Use, env: BlockId) -> BindingId {
        if env == FILE {
            return self.use_at_top_level(found);
        }
        if let Some(&binding) = self.blocks[env].bindings.get(&found.name) {
            return binding;
        }
        let mut binding = self.look_up(found, self.blocks[env].parent);
        let scope = self.bindings[binding].scope;
        if let Some(function) = self.blocks[env].function
            && matches!(scope, Scope::Local | Scope::Free | Scope::Cell)
        {
            if scope == Scope::Local {
                self.bindings[binding].scope = Scope::Cell;
            }
            let index = self.functions[function].free.len();
            self.functions[function].free.push(binding);
            let name = self.bindings[binding].name;
            binding = self.add(Scope::Free, index, name);
        }
        self.blocks[env].bindings.insert(found.name, binding);
        binding
    }
}
