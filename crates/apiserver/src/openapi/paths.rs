//! The paths of a document: which operations there are, with the parameters that clients look for.

use serde_json::{Map, Value, json};

use super::schemas::{META, reference};
use crate::catalogue::{Resource, Rows};

/// Adds the paths of a resource whose schema is called `name`.
pub(super) fn add(paths: &mut Map<String, Value>, resource: &Resource, name: &str) {
    if resource.verbs.is_empty() {
        return;
    }
    let root = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    let operations = Operations { resource, name };
    let all = format!("{root}/{}", resource.plural);
    let collection = if resource.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        all.clone()
    };
    if resource.rows == Rows::Virtual {
        paths.insert(collection, operations.path(&["post"], "", false));
        return;
    }
    let item = format!("{collection}/{{name}}");
    if resource.namespaced {
        paths.insert(all, json!({"get": operations.operation("get", "", "list")}));
    }
    paths.insert(
        collection,
        operations.path(&["get", "post", "delete"], "", false),
    );
    paths.insert(
        item.clone(),
        operations.path(&["get", "put", "patch", "delete"], "", true),
    );
    if resource.has_status {
        paths.insert(
            format!("{item}/status"),
            operations.path(&["get", "put", "patch"], "status", true),
        );
    }
    if resource.scaling.is_some() {
        paths.insert(
            format!("{item}/scale"),
            operations.path(&["get", "put", "patch"], "scale", true),
        );
    }
}

struct Operations<'a> {
    resource: &'a Resource,
    name: &'a str,
}

impl Operations<'_> {
    fn path(&self, methods: &[&str], part: &str, item: bool) -> Value {
        let mut path = Map::new();
        for method in methods {
            let action = match (*method, item) {
                ("get", false) => "list",
                ("delete", false) => "deletecollection",
                ("put", _) => "put",
                (other, _) => other,
            };
            path.insert((*method).to_owned(), self.operation(method, part, action));
        }
        let mut parameters = vec![];
        if item {
            parameters.push(in_path(
                "name",
                &format!("name of the {}", self.resource.kind),
            ));
        }
        if self.resource.namespaced {
            parameters.push(in_path("namespace", "namespace of the object"));
        }
        parameters.push(in_query(
            "pretty",
            "string",
            "print the reply with indentation",
        ));
        path.insert("parameters".into(), parameters.into());
        Value::Object(path)
    }

    fn operation(&self, method: &str, part: &str, action: &str) -> Value {
        let resource = self.resource;
        let (schema, kind) = if part == "scale" {
            let kind = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
            ("io.k8s.api.autoscaling.v1.Scale".to_owned(), kind)
        } else {
            let kind = json!({"group": *resource.group, "version": *resource.version,
                "kind": *resource.kind});
            (self.name.to_owned(), kind)
        };
        let reply = match action {
            "list" => format!("{schema}List"),
            "delete" | "deletecollection" => format!("{META}Status"),
            _ => schema.clone(),
        };
        let content = json!({"application/json": {"schema": reference(&reply)},
            "application/yaml": {"schema": reference(&reply)}});
        let mut operation = json!({
            "description": format!("{action} {}", resource.kind),
            "operationId": self.id(action, part),
            "parameters": parameters(action),
            "responses": {"200": {"description": "OK", "content": content},
                "401": {"description": "Unauthorized"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind,
        });
        let body = match method {
            "post" | "put" => Some(json!({"*/*": {"schema": reference(&schema)}})),
            "delete" => {
                Some(json!({"*/*": {"schema": reference(&format!("{META}DeleteOptions"))}}))
            }
            "patch" => Some(self.patches()),
            _ => None,
        };
        if let Some(content) = body {
            operation["requestBody"] = json!({"content": content});
        }
        operation
    }

    fn patches(&self) -> Value {
        let mut content = Map::new();
        let mut types = vec![
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
        ];
        if !self.resource.is_custom() {
            types.push("application/strategic-merge-patch+json");
        }
        for name in types {
            content.insert(
                name.into(),
                json!({"schema": reference(&format!("{META}Patch"))}),
            );
        }
        Value::Object(content)
    }

    fn id(&self, action: &str, part: &str) -> String {
        let scope = if self.resource.namespaced {
            "Namespaced"
        } else {
            ""
        };
        let capital = |text: &str| -> String {
            let mut chars = text.chars();
            chars
                .next()
                .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
        };
        let group: String = self.resource.group.split('.').map(capital).collect();
        format!(
            "{action}{group}{}{scope}{}{}",
            capital(&self.resource.version),
            self.resource.kind,
            capital(part)
        )
    }
}

fn in_path(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": description,
        "schema": {"type": "string", "uniqueItems": true}})
}

fn in_query(name: &str, kind: &str, description: &str) -> Value {
    json!({"name": name, "in": "query", "description": description,
        "schema": {"type": kind, "uniqueItems": true}})
}

/// The options of an operation.
fn parameters(action: &str) -> Vec<Value> {
    let dry_run = || {
        in_query(
            "dryRun",
            "string",
            "All: everything but the write itself is done",
        )
    };
    let manager = || in_query("fieldManager", "string", "name of who makes the change");
    let validation = || {
        let text = "Ignore, Warn or Strict: what happens to unknown and duplicate fields";
        in_query("fieldValidation", "string", text)
    };
    let selection = || {
        vec![
            in_query(
                "labelSelector",
                "string",
                "restricts the objects by their labels",
            ),
            in_query(
                "fieldSelector",
                "string",
                "restricts the objects by their fields",
            ),
            in_query("limit", "integer", "how many objects a reply has at most"),
            in_query("continue", "string", "where a list goes on"),
            in_query(
                "resourceVersion",
                "string",
                "the revision that is asked for",
            ),
            in_query(
                "resourceVersionMatch",
                "string",
                "how that revision is meant",
            ),
            in_query(
                "timeoutSeconds",
                "integer",
                "how long the call lasts at most",
            ),
        ]
    };
    match action {
        "list" => {
            let mut list = selection();
            list.push(in_query("watch", "boolean", "goes on with every change"));
            list.push(in_query(
                "allowWatchBookmarks",
                "boolean",
                "tells revisions now and then",
            ));
            list.push(in_query(
                "sendInitialEvents",
                "boolean",
                "begins a watch with what is there",
            ));
            list
        }
        "post" | "put" => vec![dry_run(), manager(), validation()],
        "patch" => {
            let force = in_query(
                "force",
                "boolean",
                "an apply takes fields from other managers",
            );
            vec![dry_run(), manager(), validation(), force]
        }
        "delete" | "deletecollection" => {
            let mut list = if action == "delete" {
                vec![]
            } else {
                selection()
            };
            list.push(dry_run());
            list.push(in_query("gracePeriodSeconds", "integer", "time to stop"));
            list.push(in_query(
                "propagationPolicy",
                "string",
                "Background, Foreground or Orphan",
            ));
            list
        }
        _ => vec![in_query(
            "resourceVersion",
            "string",
            "the revision that is asked for",
        )],
    }
}
