//! The store against a model: every revision is remembered exactly, by lists, by watches and across
//! restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

type Picture = BTreeMap<(String, String), String>;

#[derive(Debug, Clone)]
enum Op {
    Put(u8, u8, u8),
    Delete(u8, u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..3_u8, 0..4_u8, any::<u8>()).prop_map(|(ns, name, v)| Op::Put(ns, name, v)),
        1 => (0..3_u8, 0..4_u8).prop_map(|(ns, name)| Op::Delete(ns, name)),
    ]
}

fn key(ns: u8, name: u8) -> Key {
    Key::new("/configmaps", format!("ns{ns}"), format!("n{name}"))
}

fn draft(key: Key, value: u8) -> Draft {
    let object = json!({"metadata": {"name": &*key.name, "namespace": &*key.namespace},
        "data": {"v": value.to_string()}});
    Draft::new(key, &object)
}

async fn perform(store: &Store, op: &Op) -> Option<Arc<Object>> {
    match *op {
        Op::Put(ns, name, value) => {
            let key = key(ns, name);
            let draft = draft(key.clone(), value);
            let write = match store.get(&key) {
                None => Write::create(draft, vec![]),
                Some(there) => Write::replace(draft, there.revision),
            };
            Some(store.write(write).await.expect("nobody else writes"))
        }
        Op::Delete(ns, name) => {
            let there = store.get(&key(ns, name))?;
            Some(
                store
                    .write(Write::delete(&there))
                    .await
                    .expect("nobody else writes"),
            )
        }
    }
}

fn picture<'a>(objects: impl IntoIterator<Item = &'a Arc<Object>>) -> Picture {
    objects
        .into_iter()
        .map(|o| {
            (
                (o.key.namespace.to_string(), o.key.name.to_string()),
                text(o),
            )
        })
        .collect()
}

fn text(object: &Object) -> String {
    String::from_utf8(object.json.to_vec()).unwrap()
}

/// All pictures that the store still remembers agree with those that were taken at the time.
fn check_past(store: &Store, pictures: &[Picture]) {
    let state = store.read();
    for (revision, expect) in pictures.iter().enumerate() {
        let revision = revision as u64;
        let listing = state.list_at("/configmaps", None, revision, None);
        if revision < state.compacted() {
            assert!(listing.is_err());
            continue;
        }
        assert_eq!(picture(&listing.unwrap().objects), *expect, "at {revision}");
        let one = state
            .list_at("/configmaps", Some("ns1"), revision, Some(("ns1", "n0")))
            .unwrap();
        let mut part = expect.clone();
        part.retain(|(ns, name), _| ns == "ns1" && name.as_str() > "n0");
        assert_eq!(picture(&one.objects), part, "namespace at {revision}");
    }
}

/// Whoever resumes at any remembered revision arrives at the present.
fn check_resume(store: &Store, pictures: &[Picture]) {
    for (revision, then) in pictures.iter().enumerate() {
        let revision = revision as u64;
        let scope = Scope::Resource("/configmaps".into());
        let Ok(mut watch) = store.subscribe(scope, Some(revision)) else {
            assert!(revision < store.read().compacted());
            continue;
        };
        let mut seen = then.clone();
        let mut last = revision;
        loop {
            let events = watch.ready().unwrap();
            if events.is_empty() {
                break;
            }
            for event in events {
                assert_eq!(event.revision, last + 1, "exactly once and in order");
                last = event.revision;
                let place = (event.key.namespace.to_string(), event.key.name.to_string());
                assert_eq!(seen.get(&place).cloned(), event.prev.as_deref().map(text));
                if event.deleted {
                    seen.remove(&place);
                } else {
                    seen.insert(place, text(&event.object));
                }
            }
        }
        assert_eq!(&seen, pictures.last().unwrap());
        assert_eq!(watch.position(), store.revision());
    }
}

fn run(store: &Store, ops: &[Op], pictures: &mut Vec<Picture>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for op in ops {
            if let Some(object) = perform(store, op).await {
                assert_eq!(usize::try_from(object.revision), Ok(pictures.len()));
                pictures.push(picture(store.read().list("/configmaps", None)));
            }
        }
    });
}

const SMALL: Limits = Limits {
    events: 12,
    bytes: 1 << 20,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_past_is_remembered_exactly(ops in prop::collection::vec(op(), 0..40)) {
        let store = Store::in_memory(SMALL);
        let mut pictures = vec![Picture::new()];
        run(&store, &ops, &mut pictures);
        check_past(&store, &pictures);
        check_resume(&store, &pictures);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_restart_forgets_nothing(
        before in prop::collection::vec(op(), 0..30),
        after in prop::collection::vec(op(), 0..30),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut pictures = vec![Picture::new()];
        for ops in [&before, &after] {
            let store = Store::open(dir.path(), SMALL).unwrap();
            check_past(&store, &pictures);
            check_resume(&store, &pictures);
            run(&store, ops, &mut pictures);
            check_past(&store, &pictures);
            store.close();
        }
    }
}

#[tokio::test]
async fn expectations_and_guards_are_checked_against_the_present() {
    let store = Store::in_memory(Limits::default());
    let guard = key(0, 0);
    let guarded = || Write::create(draft(key(0, 1), 1), vec![guard.clone()]);
    assert!(matches!(
        store.write(guarded()).await,
        Err(WriteError::Guard(_))
    ));
    let first = store
        .write(Write::create(draft(guard.clone(), 1), vec![]))
        .await
        .unwrap();
    store.write(guarded()).await.unwrap();
    assert!(matches!(
        store.write(guarded()).await,
        Err(WriteError::Exists(_))
    ));
    store
        .write(Write::replace(draft(guard.clone(), 2), first.revision))
        .await
        .unwrap();
    let stale = Write::replace(draft(guard.clone(), 3), first.revision);
    assert!(matches!(
        store.write(stale).await,
        Err(WriteError::Changed(Some(_)))
    ));
    assert!(matches!(
        store.write(Write::delete(&first)).await,
        Err(WriteError::Changed(Some(_)))
    ));
    assert_eq!(store.revision(), 3, "failed writes take no revision");
}

#[tokio::test]
async fn writes_of_many_tasks_share_commits_and_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Limits::default()).unwrap();
    let (_, mut watch) = store.list_and_subscribe(Scope::All);
    let writes = (0..200_u8).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let key = Key::new("/pods", "a", format!("p{n}"));
            store
                .write(Write::create(draft(key, n), vec![]))
                .await
                .unwrap()
                .revision
        })
    });
    let mut revisions: Vec<_> = futures::future::join_all(writes)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=200).collect::<Vec<_>>());
    let mut seen = vec![];
    while seen.len() < 200 {
        seen.extend(
            watch
                .next()
                .await
                .unwrap()
                .iter()
                .map(|event| event.revision),
        );
    }
    assert_eq!(seen, revisions);
    store.end_watches("/configmaps");
    assert!(
        watch.ready().unwrap().is_empty(),
        "another resource's end does not concern it"
    );
    drop(watch);
    tokio::task::spawn_blocking(move || store.close())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_quiet_watcher_is_not_overtaken_by_the_ring() {
    let store = Store::in_memory(SMALL);
    let quiet = Scope::Namespace("/configmaps".into(), "ns0".into());
    let mut watch = store.subscribe(quiet, None).unwrap();
    for n in 0..100 {
        perform(&store, &Op::Put(1, 0, n)).await.unwrap();
    }
    let object = perform(&store, &Op::Put(0, 0, 1)).await.unwrap();
    let events = watch.next().await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].revision, object.revision);
    for n in 0..100 {
        perform(&store, &Op::Put(0, 0, n)).await.unwrap();
    }
    assert!(
        matches!(watch.next().await, Err(WatchEnd::Expired(_))),
        "a slow one is"
    );
}

#[test]
fn a_second_process_is_told_that_the_folder_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), Limits::default()).unwrap();
    assert!(matches!(
        Store::open(dir.path(), Limits::default()),
        Err(OpenError::InUse)
    ));
    first.close();
    Store::open(dir.path(), Limits::default()).unwrap().close();
}

#[tokio::test]
async fn secrets_survive() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Limits::default()).unwrap();
    assert_eq!(store.secret("ca").await.unwrap(), None);
    store.put_secret("ca", b"key").await.unwrap();
    tokio::task::spawn_blocking(move || store.close())
        .await
        .unwrap();
    let store = Store::open(dir.path(), Limits::default()).unwrap();
    assert_eq!(
        store.secret("ca").await.unwrap().as_deref(),
        Some(&b"key"[..])
    );
    tokio::task::spawn_blocking(move || store.close())
        .await
        .unwrap();
}

#[tokio::test]
async fn on_a_full_disk_writes_fail_reads_go_on_and_space_heals() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Limits::default()).unwrap();
    let before = perform(&store, &Op::Put(0, 0, 1)).await.unwrap();
    faulty::set_full(dir.path(), true);
    let write = Write::replace(draft(key(0, 0), 2), before.revision);
    for _ in 0..3 {
        let Err(WriteError::Disk(reason)) = store.write(write.clone()).await else {
            panic!("a write on a full disk must fail");
        };
        assert!(
            reason.contains("no space left") || reason.contains("not recovered"),
            "{reason}"
        );
        assert!(!store.is_healthy());
        let there = store.get(&key(0, 0)).unwrap();
        assert_eq!(
            (there.revision, text(&there)),
            (before.revision, text(&before))
        );
    }
    faulty::set_full(dir.path(), false);
    let after = store.write(write).await.unwrap();
    assert!(after.revision > before.revision);
    assert!(store.is_healthy());
    let expect = picture(store.read().list("/configmaps", None));
    tokio::task::spawn_blocking(move || store.close())
        .await
        .unwrap();
    let store = Store::open(dir.path(), Limits::default()).unwrap();
    assert_eq!(picture(store.read().list("/configmaps", None)), expect);
    tokio::task::spawn_blocking(move || store.close())
        .await
        .unwrap();
}
