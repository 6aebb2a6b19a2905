//! Composition root: controllers, and where wanted the embedded API server and the actors.
