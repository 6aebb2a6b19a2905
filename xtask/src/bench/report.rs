//! Prints figures as aligned text or as one JSON object.

use serde_json::{Map, Value};

/// Figures in the order in which they were measured.
#[derive(Default)]
pub(super) struct Report {
    figures: Vec<(String, Value, &'static str)>,
}

impl Report {
    /// Adds a figure with its unit.
    pub(super) fn add(&mut self, name: &str, value: impl Into<Value>, unit: &'static str) {
        self.figures.push((name.to_owned(), value.into(), unit));
    }

    /// Adds a figure rounded to three decimals.
    pub(super) fn number(&mut self, name: &str, value: f64, unit: &'static str) {
        self.add(name, (value * 1e3).round() / 1e3, unit);
    }

    /// Prints everything. In JSON the unit is part of the key.
    #[expect(
        clippy::print_stdout,
        reason = "the report is the product of this task"
    )]
    pub(super) fn print(&self, json: bool) {
        if json {
            let object: Map<String, Value> = self
                .figures
                .iter()
                .map(|(name, value, unit)| (key(name, unit), value.clone()))
                .collect();
            println!("{}", Value::Object(object));
            return;
        }
        let width = self
            .figures
            .iter()
            .map(|(name, ..)| name.len())
            .max()
            .unwrap_or(0);
        for (name, value, unit) in &self.figures {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            println!("{name:<width$}  {value:>12} {unit}");
        }
    }
}

fn key(name: &str, unit: &str) -> String {
    let words = format!("{name} {unit}");
    let cleaned: String = words
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    cleaned
        .split('_')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}
