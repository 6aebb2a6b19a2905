//! Single instructions.

use super::super::ast::UnOp;
use super::super::code::{Capture, Code, Op, Program};
use super::super::error::{Error, fail};
use super::super::iter::Iter;
use super::super::text::Str;
use super::super::thread::{Slot, Thread};
use super::super::token::Literal;
use super::super::value::{CellBox, Dict, Function, Value};
use super::super::{access, budget, ops, spell, universe};
use super::Flow;
use std::rc::Rc;
use std::sync::Arc;

impl Thread {
    /// Executes the frame on top until it calls, returns or fails.
    pub(super) fn execute_frame(&mut self, floor: usize) -> Result<Flow, Error> {
        let Some(frame) = self.frames.last() else {
            return Ok(Flow::Done(Value::None));
        };
        let function = Rc::clone(&frame.function);
        let depth = self.frames.len();
        let base = frame.locals;
        let mut pc = frame.pc;
        let code = function.code();
        loop {
            let op = code.ops[pc];
            pc += 1;
            let flow = self
                .budget
                .step()
                .and_then(|()| self.instruction(op, &function, code, base, &mut pc));
            match flow {
                Ok(Next::Continue) => {}
                Ok(Next::Called) => return Ok(Flow::Switched),
                Ok(Next::Return) => {
                    let value = self.pop();
                    self.leave_frame();
                    if self.frames.len() == floor {
                        return Ok(Flow::Done(value));
                    }
                    self.stack.push(value);
                    return Ok(Flow::Switched);
                }
                Err(error) => {
                    // A call that fails to bind its arguments leaves the callee's frame on top.
                    if self.frames.len() == depth {
                        self.set_pc(pc);
                    }
                    return Err(error);
                }
            }
        }
    }

    fn set_pc(&mut self, pc: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.pc = pc;
        }
    }

    fn leave_frame(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.locals.truncate(frame.locals);
            self.stack.truncate(frame.stack);
            self.iters.truncate(frame.iters);
        }
    }

    #[inline]
    fn instruction(
        &mut self,
        op: Op,
        function: &Rc<Function>,
        code: &Code,
        base: usize,
        pc: &mut usize,
    ) -> Result<Next, Error> {
        let program = &function.program;
        match op {
            Op::Pop => {
                self.pop();
            }
            Op::Dup => {
                let top = self.stack.last().cloned().unwrap_or(Value::None);
                self.stack.push(top);
            }
            Op::Dup2 => {
                let below = self.stack.len().saturating_sub(2);
                self.stack.extend_from_within(below..);
            }
            Op::Exchange => {
                let (x, y) = self.pop2();
                self.stack.push(y);
                self.stack.push(x);
            }
            Op::Const(at) => self.stack.push(constant(&program.constants[at as usize])),
            Op::None => self.stack.push(Value::None),
            Op::Local(at) => match &self.locals[base + at as usize] {
                Slot::Plain(value) => self.stack.push(value.clone()),
                _ => return unset_local(code, at),
            },
            Op::SetLocal(at) => {
                let value = self.pop();
                self.locals[base + at as usize] = Slot::Plain(value);
            }
            Op::Cell(at) => match &self.locals[base + at as usize] {
                Slot::Shared(cell) => match cell.get() {
                    Some(value) => self.stack.push(value),
                    None => return unset_local(code, at),
                },
                _ => return unset_local(code, at),
            },
            Op::SetCell(at) => {
                let value = self.pop();
                match &self.locals[base + at as usize] {
                    Slot::Shared(cell) => cell.set(Some(value)),
                    _ => self.locals[base + at as usize] = Slot::Plain(value),
                }
            }
            Op::Free(at) => match function.free.get(at as usize).and_then(|cell| cell.get()) {
                Some(value) => self.stack.push(value),
                None => {
                    let name = &code.free[at as usize];
                    fail!("local variable {name} referenced before assignment")
                }
            },
            Op::Global(at) => match &function.module.globals.borrow().get(at as usize) {
                Some(Some(value)) => self.stack.push(value.clone()),
                _ => {
                    let name = &program.globals[at as usize];
                    fail!("global variable {name} referenced before assignment")
                }
            },
            Op::SetGlobal(at) => {
                let value = self.pop();
                let old = match function.module.globals.borrow_mut().get_mut(at as usize) {
                    Some(slot) => slot.replace(value),
                    None => None,
                };
                drop(old);
            }
            Op::Predeclared(at) => {
                let value = function
                    .module
                    .predeclared
                    .borrow()
                    .get(at as usize)
                    .cloned();
                match value {
                    Some(value) => self.stack.push(value),
                    None => fail!("internal error: predeclared variable is uninitialized"),
                }
            }
            Op::Universal(at) => self.stack.push(universe::get(at)),
            Op::Binary(op) => {
                let (x, y) = self.pop2();
                let value = ops::binary(self, op, &x, &y)?;
                self.stack.push(value);
            }
            Op::InplaceAdd => {
                let (x, y) = self.pop2();
                let value = ops::inplace_add(self, x, &y)?;
                self.stack.push(value);
            }
            Op::Unary(UnOp::Not) => {
                let value = self.pop();
                self.stack.push(Value::Bool(!value.truth()));
            }
            Op::Unary(op) => {
                let value = self.pop();
                let value = ops::unary(self, op, &value)?;
                self.stack.push(value);
            }
            Op::Jump(to) => *pc = to as usize,
            Op::JumpUnless(to) => {
                if !self.pop().truth() {
                    *pc = to as usize;
                }
            }
            Op::Or(to) => self.keep_if(true, to, pc),
            Op::And(to) => self.keep_if(false, to, pc),
            Op::Call(count) => {
                self.set_pc(*pc);
                return self.call_plain(count as usize, false).map(Next::after);
            }
            Op::CallMethod(count) => {
                self.set_pc(*pc);
                return self.call_plain(count as usize, true).map(Next::after);
            }
            Op::CallFull(shape) => {
                self.set_pc(*pc);
                return self
                    .call_full(&program.shapes[shape as usize])
                    .map(Next::after);
            }
            Op::Method(name) => {
                let receiver = self.pop();
                let (callee, receiver) = access::method(receiver, &program.names[name as usize])?;
                self.stack.push(receiver);
                self.stack.push(callee);
            }
            Op::Attr(name) => {
                let value = self.pop();
                let value = access::attr(&value, &program.names[name as usize])?;
                self.stack.push(value);
            }
            Op::SetField(name) => {
                let (target, _) = self.pop2();
                let name = &program.names[name as usize];
                fail!("can't assign to .{name} field of {}", target.type_name())
            }
            Op::Index => {
                let (x, y) = self.pop2();
                let value = access::index(self, &x, &y)?;
                self.stack.push(value);
            }
            Op::SetIndex => {
                let value = self.pop();
                let (target, key) = self.pop2();
                access::set_index(self, &target, key, value)?;
            }
            Op::Slice => {
                let step = self.pop();
                let (from, to) = self.pop2();
                let value = self.pop();
                let value = access::slice(self, &value, &from, &to, &step)?;
                self.stack.push(value);
            }
            Op::IterPush => {
                let value = self.pop();
                match Iter::begin(&value) {
                    Some(iter) => self.iters.push(iter),
                    None => fail!("{} value is not iterable", value.type_name()),
                }
            }
            Op::IterNext(to) => match self.iters.last_mut().and_then(Iter::next) {
                Some(value) => self.stack.push(value),
                None => *pc = to as usize,
            },
            Op::IterPop => {
                self.iters.pop();
            }
            Op::Return => return Ok(Next::Return),
            _ => self.construct(op, function, program, base)?,
        }
        Ok(Next::Continue)
    }

    /// Instructions that make values.
    fn construct(
        &mut self,
        op: Op,
        function: &Rc<Function>,
        program: &Arc<Program>,
        base: usize,
    ) -> Result<(), Error> {
        match op {
            Op::MakeList(count) => {
                let items = self.take(count)?;
                self.stack.push(Value::list(items));
            }
            Op::MakeTuple(count) => {
                let items = self.take(count)?;
                self.stack.push(Value::tuple(items));
            }
            Op::MakeDict => {
                self.budget.allocate(budget::ENTRY_BYTES)?;
                self.stack.push(Value::Dict(Rc::new(Dict::default())));
            }
            Op::SetDict | Op::SetDictUnique => {
                let (key, value) = self.pop2();
                self.set_entry(key, value, matches!(op, Op::SetDictUnique))?;
            }
            Op::Append => {
                let value = self.pop();
                self.budget.allocate(size_of::<Value>() * 2)?;
                if let Some(Value::List(list)) = self.stack.last() {
                    list.fill().push(value);
                }
            }
            Op::Unpack(count) => {
                let value = self.pop();
                self.unpack(&value, count as usize)?;
            }
            Op::MakeFunction(code) => self.make_function(code as usize, function, base)?,
            Op::Load(site) => self.load_site(program, site as usize)?,
            other => debug_assert!(false, "{other:?} is executed elsewhere"),
        }
        Ok(())
    }

    /// Keeps the top and jumps if its truth is `wanted`, else takes it.
    fn keep_if(&mut self, wanted: bool, to: u32, pc: &mut usize) {
        if self.stack.last().is_some_and(|top| top.truth() == wanted) {
            *pc = to as usize;
        } else {
            self.pop();
        }
    }

    /// Takes `count` values off the stack.
    fn take(&mut self, count: u32) -> Result<Vec<Value>, Error> {
        let count = count as usize;
        self.budget.allocate_values(count)?;
        let from = self.stack.len().saturating_sub(count);
        Ok(self.stack.split_off(from))
    }

    fn set_entry(&mut self, key: Value, value: Value, unique: bool) -> Result<(), Error> {
        self.budget.allocate(budget::ENTRY_BYTES)?;
        let Some(Value::Dict(dict)) = self.stack.last() else {
            return Ok(());
        };
        let dict = Rc::clone(dict);
        let shown = if unique { Some(key.clone()) } else { None };
        if !dict.insert(key, value)?
            && let Some(key) = shown
        {
            let key = super::super::format::repr(self, &key)?;
            fail!("duplicate key: {key}")
        }
        // Comprehensions and literals keep the dict on the stack below.
        Ok(())
    }

    fn unpack(&mut self, value: &Value, count: usize) -> Result<(), Error> {
        let Some(mut iter) = Iter::begin(value) else {
            fail!("got {} in sequence assignment", value.type_name())
        };
        let mut values = Vec::with_capacity(count.min(64));
        while values.len() < count {
            match iter.next() {
                Some(value) => values.push(value),
                None => fail!(
                    "too few values to unpack (got {}, want {count})",
                    values.len()
                ),
            }
        }
        if iter.next().is_some() {
            let got = value.len().map_or("-1".to_owned(), |len| len.to_string());
            fail!("too many values to unpack (got {got}, want {count})");
        }
        drop(iter);
        self.stack.extend(values.into_iter().rev());
        Ok(())
    }

    fn make_function(
        &mut self,
        code: usize,
        around: &Rc<Function>,
        base: usize,
    ) -> Result<(), Error> {
        let made = &around.program.codes[code];
        self.budget.allocate(
            budget::FUNCTION_BYTES
                + (made.defaults.len() + made.captures.len()) * size_of::<Value>(),
        )?;
        let given = made
            .defaults
            .iter()
            .filter(|has_default| **has_default)
            .count();
        let from = self.stack.len().saturating_sub(given);
        let mut values = self.stack.split_off(from).into_iter();
        let defaults = made
            .defaults
            .iter()
            .map(|has| if *has { values.next() } else { None })
            .collect();
        let mut free = Vec::with_capacity(made.captures.len());
        for capture in &made.captures {
            let cell = match *capture {
                Capture::Free(at) => around.free.get(at as usize).cloned(),
                Capture::Local(at) => match &self.locals[base + at as usize] {
                    Slot::Shared(cell) => Some(Rc::clone(cell)),
                    _ => None,
                },
            };
            let cell = cell.unwrap_or_default();
            self.watched.add_cell(Rc::clone(&cell));
            free.push(cell);
        }
        self.stack.push(Value::Function(Rc::new(Function {
            program: Arc::clone(&around.program),
            code,
            module: Rc::clone(&around.module),
            defaults,
            free,
        })));
        Ok(())
    }

    fn load_site(&mut self, program: &Arc<Program>, site: usize) -> Result<(), Error> {
        let site = &program.loads[site];
        let exports = self.load(&site.module)?;
        for name in &site.from {
            match exports.get(name) {
                Some(value) => self.stack.push(value.clone()),
                None => {
                    let mut names: Vec<String> = exports
                        .names()
                        .map(|name| name.to_text().into_owned())
                        .collect();
                    names.sort();
                    let hint = spell::nearest(&name.to_text(), names.iter().map(String::as_str));
                    let hint =
                        hint.map_or(String::new(), |near| format!(" (did you mean {near}?)"));
                    fail!(
                        "load: name {name} not found in module {}{hint}",
                        site.module
                    )
                }
            }
        }
        Ok(())
    }

    /// Makes the locals of a function that other functions share.
    pub(super) fn share_locals(&mut self, code: &Code, base: usize) {
        for at in &code.cells {
            let slot = &mut self.locals[base + *at as usize];
            let value = match std::mem::replace(slot, Slot::Unset) {
                Slot::Plain(value) => Some(value),
                _ => None,
            };
            *slot = Slot::Shared(Rc::new(CellBox::new(value)));
        }
    }
}

/// What comes after an instruction.
pub(super) enum Next {
    Continue,
    /// A new frame is on top.
    Called,
    Return,
}

impl Next {
    /// After a call: `entered` says whether it pushed a frame.
    fn after(entered: bool) -> Self {
        if entered {
            Self::Called
        } else {
            Self::Continue
        }
    }
}

fn unset_local(code: &Code, at: u32) -> Result<Next, Error> {
    let unknown = Str::from("?");
    let name = code.locals.get(at as usize).unwrap_or(&unknown);
    fail!("local variable {name} referenced before assignment")
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Int(value) => Value::Int(*value),
        Literal::Big(value) => Value::Big(Arc::clone(value)),
        Literal::Float(value) => Value::Float(*value),
        Literal::Str(value) => Value::Str(value.clone()),
    }
}
