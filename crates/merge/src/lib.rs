//! Server-side apply, strategic and JSON merge patches: typed merges, field sets, managed fields.
