//! Reads one page of a list, object by object, so that no tree of the whole page ever exists.

use std::fmt;

use carto_core::row::Live;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The list's resourceVersion, from which to watch.
    pub(super) position: String,
    /// Where the next page begins.
    pub(super) token: Option<String>,
    pub(super) items: Vec<T>,
}

/// Reads a page; `decode` makes of each object what is kept of it.
pub(super) fn read<T>(
    body: &[u8],
    decode: impl FnMut(Live) -> Option<T>,
) -> Result<Page<T>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let page = PageSeed { decode }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(page)
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    r#continue: String,
}

struct PageSeed<F> {
    decode: F,
}

impl<'de, T, F: FnMut(Live) -> Option<T>> DeserializeSeed<'de> for PageSeed<F> {
    type Value = Page<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page<T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T, F: FnMut(Live) -> Option<T>> Visitor<'de> for PageSeed<F> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes list")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Page<T>, A::Error> {
        let mut meta = ListMeta::default();
        let mut items = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metadata" => meta = map.next_value()?,
                "items" => {
                    map.next_value_seed(ItemsSeed {
                        decode: &mut self.decode,
                        items: &mut items,
                    })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let token = (!meta.r#continue.is_empty()).then_some(meta.r#continue);
        Ok(Page {
            position: meta.resource_version,
            token,
            items,
        })
    }
}

struct ItemsSeed<'a, T, F> {
    decode: &'a mut F,
    items: &'a mut Vec<T>,
}

impl<'de, T, F: FnMut(Live) -> Option<T>> DeserializeSeed<'de> for ItemsSeed<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Go writes an empty list of some kinds as null.
        deserializer.deserialize_option(self)
    }
}

impl<'de, T, F: FnMut(Live) -> Option<T>> Visitor<'de> for ItemsSeed<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(object) = seq.next_element::<Live>()? {
            self.items.extend((self.decode)(object));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Page<String> {
        read(body.as_bytes(), |object| {
            Some(object.object()["metadata"]["name"].as_str()?.to_owned())
        })
        .unwrap()
    }

    #[test]
    fn a_page_reads_in_any_order_of_keys() {
        let page = names(
            r#"{"kind":"XList","items":[{"metadata":{"name":"a"}},{"metadata":{}}],
                "apiVersion":"v1","metadata":{"resourceVersion":"12","continue":"next"}}"#,
        );
        assert_eq!(page.items, ["a"]);
        assert_eq!(page.position, "12");
        assert_eq!(page.token.as_deref(), Some("next"));
    }

    #[test]
    fn an_empty_list_may_be_null() {
        let page = names(r#"{"metadata":{"resourceVersion":"3"},"items":null}"#);
        assert!(page.items.is_empty());
        assert_eq!(page.token, None);
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        assert!(read(b"[]", |_| Some(())).is_err());
        assert!(read(b"{\"items\":[1,}", |_| Some(())).is_err());
    }
}
