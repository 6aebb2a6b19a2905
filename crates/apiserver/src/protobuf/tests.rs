//! Messages that a kube-apiserver wrote, against the JSON that it wrote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ProtobufError, decode};

/// Recorded together with the answers of `tests/it/answers.rs`.
const MESSAGES: &[u8] = include_bytes!("../../tests/data/messages.json.gz");

#[test]
fn messages_of_all_kinds_say_what_their_json_says() {
    let messages: Vec<Value> =
        serde_json::from_reader(flate2::read::GzDecoder::new(MESSAGES)).unwrap();
    assert!(messages.len() > 30);
    for mut recorded in messages {
        let message = STANDARD
            .decode(recorded["message"].as_str().unwrap())
            .unwrap();
        let expected = &mut recorded["object"];
        if expected["apiVersion"] == "test.example.com/v1" {
            continue;
        }
        // Messages in messages do not say what they are.
        if let Some(templates) = expected.pointer_mut("/spec/volumeClaimTemplates") {
            let template = templates[0].as_object_mut().unwrap();
            template.retain(|name, _| name != "apiVersion" && name != "kind");
        }
        let found = decode(&message);
        assert_eq!(found.as_ref(), Ok(&*expected), "{expected}");
    }
}

/// What kubectl 1.36 sends for `kubectl create configmap c --from-literal=a=`.
#[test]
fn what_kubectl_sends_is_read() {
    let message = b"k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x1a\n\x11\n\x01c\x12\0\x1a\0\"\0*\x002\08\0B\0\x12\x05\n\x01a\x12\x00\x1a\0\"\0";
    assert_eq!(
        decode(message),
        Ok(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": ""}})
        )
    );
}

#[test]
fn damaged_messages_are_refused() {
    assert_eq!(decode(b"{}"), Err(ProtobufError::Prefix));
    for body in [&b"k8s\0\xff"[..], b"k8s\0\n\x7f", b"k8s\0\x0f\x01"] {
        assert!(
            matches!(decode(body), Err(ProtobufError::Damaged(_))),
            "{body:?}"
        );
    }
    let widget = b"k8s\0\n\x14\n\ndemo.io/v1\x12\x06Widget";
    assert_eq!(
        decode(widget).expect_err("refused").to_string(),
        "no kind \"Widget\" is registered for version \"demo.io/v1\" in protobuf"
    );
}
