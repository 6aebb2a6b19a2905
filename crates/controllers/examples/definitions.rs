//! Prints the definitions of the carto.run kinds as JSON, for development: `definitions | kubectl apply -f -`.

#![expect(clippy::print_stdout, reason = "a tool for development")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": carto_api::crds()});
    println!("{}", serde_json::to_string_pretty(&list)?);
    Ok(())
}
