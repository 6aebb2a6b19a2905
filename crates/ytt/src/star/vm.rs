//! The machine that executes instructions.
//!
//! Calls between functions of the language push a frame here and use none of the machine's own
//! stack, so the depth of a recursion is bounded by the budget alone. Only a function of the
//! engine that calls back enters anew. Source: starlark-go (k14s fork, 3a5c849cc368)
//! starlark/interp.go.

mod call;
mod step;

use super::error::Error;
use super::thread::Thread;
use super::value::Value;

/// What one stretch of execution ended with.
enum Flow {
    /// Another frame is on top now.
    Switched,
    /// The frame that execution began with returned.
    Done(Value),
}

impl Thread {
    /// Executes until as many frames as `floor` are left.
    fn execute(&mut self, floor: usize) -> Result<Value, Error> {
        loop {
            match self.execute_frame(floor) {
                Ok(Flow::Switched) => {}
                Ok(Flow::Done(value)) => return Ok(value),
                Err(mut error) => {
                    self.locate(&mut error);
                    self.unwind(floor);
                    return Err(error);
                }
            }
        }
    }

    /// Records the calls in progress in a failure, unless they are known already, and pays for it
    /// and for the message: failures can be caught, so a program may make many.
    fn locate(&self, error: &mut Error) {
        let is_new = error.locate(|| self.call_stack());
        let cost = self.frames.len() + error.message().len() / 8;
        if is_new && let Err(spent) = self.budget.work(cost) {
            *error = spent;
            error.locate(|| self.call_stack());
        }
    }

    /// Leaves all frames above `floor`.
    fn unwind(&mut self, floor: usize) {
        let Some(lowest) = self.frames.get(floor) else {
            return;
        };
        let (locals, stack, iters) = (lowest.locals, lowest.stack, lowest.iters);
        self.frames.truncate(floor);
        self.locals.truncate(locals);
        self.stack.truncate(stack);
        self.iters.truncate(iters);
    }

    /// Takes the top of the stack.
    fn pop(&mut self) -> Value {
        let top = self.stack.pop();
        debug_assert!(top.is_some(), "instructions take only what others left");
        top.unwrap_or(Value::None)
    }

    /// Takes the two on top of the stack.
    fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }
}
