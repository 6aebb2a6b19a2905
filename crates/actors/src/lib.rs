//! Laptop stand-ins for Flux, kpack and the Deployment controller: ordinary clients of the API.
