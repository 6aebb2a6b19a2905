//! The kubectl JSONPath dialect, interpolation of templates, label and field selectors.
