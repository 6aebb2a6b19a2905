//! YAML as kubectl and ytt read and write it: YAML 1.1 scalars, comments, positions.
