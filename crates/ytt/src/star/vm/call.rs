//! Calls and their arguments.

use super::super::args::Args;
use super::super::budget::MAX_REENTRY;
use super::super::code::{CallShape, Code};
use super::super::error::{Error, fail};
use super::super::format::quote;
use super::super::iter::Iter;
use super::super::text::Str;
use super::super::thread::{Activation, Slot, Thread};
use super::super::value::{Dict, Function, Value};
use std::rc::Rc;

/// Named arguments.
type Named = Vec<(Str, Value)>;

/// Positional arguments; few of them need no allocation.
enum Positional {
    Few([Value; FEW], usize),
    Many(Vec<Value>),
}

const FEW: usize = 3;

impl Positional {
    fn as_slice(&self) -> &[Value] {
        match self {
            Self::Few(values, count) => &values[..*count],
            Self::Many(values) => values,
        }
    }
}

impl Thread {
    /// Calls a value.
    ///
    /// # Errors
    /// Whatever the call fails with; the calls in progress are recorded in it.
    pub fn call(
        &mut self,
        callee: &Value,
        positional: &[Value],
        named: &[(Str, Value)],
    ) -> Result<Value, Error> {
        let Value::Function(function) = callee else {
            let result = self.call_native(callee, None, positional, named);
            return result.map_err(|mut error| {
                self.locate(&mut error);
                error
            });
        };
        if self.reentry >= MAX_REENTRY {
            return Err(self.budget.too_deep_reentry());
        }
        let floor = self.frames.len();
        self.reentry += 1;
        let entered = self.enter(
            Rc::clone(function),
            positional.iter().cloned(),
            named.to_vec(),
        );
        let result = match entered {
            Ok(()) => self.execute(floor),
            Err(mut error) => {
                self.locate(&mut error);
                self.unwind(floor);
                Err(error)
            }
        };
        self.reentry -= 1;
        result
    }

    /// Calls with `count` positional arguments from the stack; gives whether a frame was pushed.
    pub(super) fn call_plain(&mut self, count: usize, method: bool) -> Result<bool, Error> {
        let from = self.stack.len().saturating_sub(count);
        let below = from.saturating_sub(1);
        if let Some(Value::Function(function)) = self.stack.get(below) {
            let function = Rc::clone(function);
            let args = self.take_positional(from);
            self.drop_callee(method);
            let args = match args {
                Positional::Few(values, count) => {
                    let values = values.into_iter().take(count);
                    return self.enter(function, values, Named::new()).map(|()| true);
                }
                Positional::Many(values) => values,
            };
            return self
                .enter(function, args.into_iter(), Named::new())
                .map(|()| true);
        }
        let args = self.take_positional(from);
        let callee = self.pop();
        let receiver = if method { Some(self.pop()) } else { None };
        let result = self.call_native(&callee, receiver.as_ref(), args.as_slice(), &[])?;
        self.stack.push(result);
        Ok(false)
    }

    /// Takes positional arguments off the stack.
    fn take_positional(&mut self, from: usize) -> Positional {
        let count = self.stack.len() - from;
        if count > FEW {
            return Positional::Many(self.stack.split_off(from));
        }
        let mut values = [const { Value::None }; FEW];
        for slot in values[..count].iter_mut().rev() {
            *slot = self.pop();
        }
        Positional::Few(values, count)
    }

    fn drop_callee(&mut self, method: bool) {
        self.pop();
        if method {
            self.pop();
        }
    }

    /// Calls with all kinds of arguments; gives whether a frame was pushed.
    pub(super) fn call_full(&mut self, shape: &CallShape) -> Result<bool, Error> {
        let kwargs = if shape.kwargs { Some(self.pop()) } else { None };
        let varargs = if shape.varargs {
            Some(self.pop())
        } else {
            None
        };
        let from = self
            .stack
            .len()
            .saturating_sub(shape.positional + shape.names.len());
        let (mut positional, mut named) = self.split_args(from, shape);
        if let Some(kwargs) = kwargs {
            self.add_kwargs(&kwargs, &mut named)?;
        }
        if let Some(varargs) = varargs {
            let Some(iter) = Iter::begin(&varargs) else {
                fail!(
                    "argument after * must be iterable, not {}",
                    varargs.type_name()
                )
            };
            for value in iter {
                self.budget.allocate(size_of::<Value>())?;
                self.budget.step()?;
                positional.push(value);
            }
        }
        let callee = self.pop();
        let receiver = if shape.method { Some(self.pop()) } else { None };
        if let Value::Function(function) = callee {
            self.enter(function, positional.into_iter(), named)?;
            return Ok(true);
        }
        let result = self.call_native(&callee, receiver.as_ref(), &positional, &named)?;
        self.stack.push(result);
        Ok(false)
    }

    fn split_args(&mut self, from: usize, shape: &CallShape) -> (Vec<Value>, Named) {
        let values = self.stack.split_off(from.saturating_add(shape.positional));
        let named = shape.names.iter().cloned().zip(values).collect();
        (self.stack.split_off(from), named)
    }

    fn add_kwargs(&mut self, kwargs: &Value, named: &mut Named) -> Result<(), Error> {
        let Some(items) = super::super::access::items(kwargs)? else {
            fail!(
                "argument after ** must be a mapping, not {}",
                kwargs.type_name()
            )
        };
        self.budget.allocate_values(items.len() * 2)?;
        for (key, value) in items {
            let Value::Str(key) = key else {
                fail!("keywords must be strings, not {}", key.type_name())
            };
            named.push((key, value));
        }
        Ok(())
    }

    /// Calls a function of the engine or the host.
    fn call_native(
        &mut self,
        callee: &Value,
        receiver: Option<&Value>,
        positional: &[Value],
        named: &[(Str, Value)],
    ) -> Result<Value, Error> {
        let args = |name| Args {
            name,
            receiver,
            captured: &[],
            positional,
            named,
        };
        match callee {
            Value::Native(native) => native.call(self, &args(native.name)),
            Value::Method(method) => {
                let args = Args {
                    receiver: Some(&method.receiver),
                    ..args(method.native.name)
                };
                method.native.call(self, &args)
            }
            Value::Closure(closure) => {
                let args = Args {
                    captured: &closure.captured,
                    ..args(closure.name())
                };
                closure.call(self, &args)
            }
            Value::Function(_) => self.call(callee, positional, named),
            other => fail!("invalid call of non-function ({})", other.type_name()),
        }
    }

    /// Pushes a frame for a function and binds its parameters.
    fn enter(
        &mut self,
        function: Rc<Function>,
        positional: impl ExactSizeIterator<Item = Value>,
        named: Named,
    ) -> Result<(), Error> {
        if self.frames.len() >= self.budget.limits().depth {
            return Err(self.budget.too_deep());
        }
        let locals = self.locals.len();
        self.frames.push(Activation {
            function: Rc::clone(&function),
            pc: 0,
            locals,
            stack: self.stack.len(),
            iters: self.iters.len(),
        });
        let code = function.code();
        self.budget.allocate(code.locals.len() * 8)?;
        if code.is_simple() && named.is_empty() && positional.len() == code.params {
            self.locals.extend(positional.map(Slot::Plain));
        } else {
            self.bind(&function, code, positional.collect(), named)?;
        }
        self.locals
            .resize_with(locals + code.locals.len(), || Slot::Unset);
        self.share_locals(code, locals);
        Ok(())
    }

    /// Binds parameters in the general case.
    ///
    /// Source: starlark-go starlark/eval.go, `setArgs`.
    fn bind(
        &mut self,
        function: &Rc<Function>,
        code: &Code,
        positional: Vec<Value>,
        named: Named,
    ) -> Result<(), Error> {
        let name = &code.name;
        let given = positional.len();
        if code.params == 0 {
            let count = given + named.len();
            if count > 0 {
                fail!("function {name} accepts no arguments ({count} given)");
            }
            return Ok(());
        }
        let ordinary = code.params - usize::from(code.has_kwargs) - usize::from(code.has_varargs);
        let by_position = ordinary - code.keyword_only;
        if given > by_position && !code.has_varargs {
            let optional = code.defaults.len() > code.keyword_only;
            let at_most = if optional { "at most " } else { "" };
            let plural = if by_position == 1 { "" } else { "s" };
            fail!(
                "function {name} accepts {at_most}{by_position} positional argument{plural} ({given} given)"
            );
        }
        let mut values: Vec<Option<Value>> = Vec::with_capacity(code.params);
        let mut positional = positional.into_iter();
        values.extend(positional.by_ref().take(by_position).map(Some));
        let bound = values.len();
        values.resize(ordinary, None);
        let rest: Vec<Value> = positional.collect();

        let extra = Dict::default();
        self.budget.work(named.len().saturating_mul(ordinary) / 8)?;
        for (key, value) in named {
            if let Some(at) = code.locals[..ordinary]
                .iter()
                .position(|param| *param == key)
            {
                if values[at].replace(value).is_some() {
                    let key = quote(&key);
                    fail!("function {name} got multiple values for parameter {key}");
                }
                continue;
            }
            let shown = quote(&key);
            if !code.has_kwargs {
                fail!("function {name} got an unexpected keyword argument {shown}");
            }
            self.budget.allocate(super::super::budget::ENTRY_BYTES)?;
            if !extra.insert(Value::Str(key), value)? {
                fail!("function {name} got multiple values for parameter {shown}");
            }
        }
        if bound < ordinary || code.keyword_only > 0 {
            fill_defaults(function, code, &mut values)?;
        }
        self.locals
            .extend(values.into_iter().map(|value| match value {
                Some(value) => Slot::Plain(value),
                None => Slot::Unset,
            }));
        if code.has_varargs {
            self.budget.allocate_values(rest.len())?;
            self.locals.push(Slot::Plain(Value::tuple(rest)));
        }
        if code.has_kwargs {
            self.locals.push(Slot::Plain(Value::Dict(Rc::new(extra))));
        }
        Ok(())
    }
}

/// Gives parameters without an argument their defaults.
fn fill_defaults(
    function: &Function,
    code: &Code,
    values: &mut [Option<Value>],
) -> Result<(), Error> {
    let first_default = values.len() - code.defaults.len();
    let mut missing = Vec::new();
    for (at, value) in values.iter_mut().enumerate() {
        if value.is_some() {
            continue;
        }
        let default = at
            .checked_sub(first_default)
            .and_then(|at| function.defaults.get(at));
        match default {
            Some(Some(default)) => *value = Some(default.clone()),
            _ => missing.push(code.locals[at].to_text()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let plural = if missing.len() > 1 { "s" } else { "" };
    fail!(
        "function {} missing {} argument{plural} ({})",
        code.name,
        missing.len(),
        missing.join(", ")
    )
}
