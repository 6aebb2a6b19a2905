use super::*;
use crate::key::Kind;

fn key(namespace: &str, name: &str) -> Key {
    Key::new(Kind::Workload, namespace, name)
}

fn wake(queue: &Queue, key: &Key) {
    queue.wake(key, Cause::default());
}

fn mark(uid: &str, version: u64) -> Mark {
    Mark {
        uid: Uid::new(uid),
        version,
    }
}

fn seen(uid: &str, version: u64) -> Cause {
    Cause {
        mark: Some(mark(uid, version)),
        read_at: None,
    }
}

async fn take(queue: &Queue) -> Key {
    tokio::time::timeout(Duration::from_secs(1), queue.next())
        .await
        .expect("a key is ready")
        .key
}

async fn nothing_ready(queue: &Queue) -> bool {
    tokio::time::timeout(Duration::from_millis(1), queue.next())
        .await
        .is_err()
}

/// Whether no key waits, runs or is delayed.
fn is_empty(queue: &Queue) -> bool {
    queue.depth() == (0, 0) && queue.delayed() == 0
}

#[tokio::test(start_paused = true)]
async fn a_key_waits_only_once() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    wake(&queue, &a);
    wake(&queue, &a);
    assert_eq!(take(&queue).await, a);
    assert!(nothing_ready(&queue).await);
    assert!(!queue.done(&a, Next::Await));
    assert!(is_empty(&queue));
}

#[tokio::test(start_paused = true)]
async fn tenants_take_turns() {
    let queue = Queue::new(100);
    for n in 0..5 {
        wake(&queue, &key("noisy", &n.to_string()));
    }
    wake(&queue, &key("quiet", "x"));
    let order = [take(&queue).await, take(&queue).await, take(&queue).await];
    assert_eq!(order[1], key("quiet", "x"), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn no_tenant_occupies_all_slots() {
    let queue = Queue::new(4);
    for n in 0..5 {
        wake(&queue, &key("noisy", &n.to_string()));
    }
    for _ in 0..3 {
        take(&queue).await;
    }
    assert!(nothing_ready(&queue).await);
    wake(&queue, &key("quiet", "x"));
    assert_eq!(take(&queue).await, key("quiet", "x"));
    queue.done(&key("noisy", "0"), Next::Await);
    assert_eq!(take(&queue).await, key("noisy", "3"));
}

#[tokio::test(start_paused = true)]
async fn a_change_during_a_pass_runs_it_once_more() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    wake(&queue, &a);
    take(&queue).await;
    wake(&queue, &a);
    wake(&queue, &a);
    assert!(nothing_ready(&queue).await, "never two passes over one key");
    assert!(queue.done(&a, Next::Await));
    assert_eq!(take(&queue).await, a);
    assert!(!queue.done(&a, Next::Await));
}

#[tokio::test(start_paused = true)]
async fn our_own_writes_do_not_wake_us() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    wake(&queue, &a);
    take(&queue).await;
    queue.wake(&a, seen("uid", 7));
    queue.absolve(&a, &mark("uid", 7));
    assert!(!queue.done(&a, Next::Await));
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_than_our_own_write_wakes_us() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    wake(&queue, &a);
    take(&queue).await;
    queue.wake(&a, seen("uid", 8));
    queue.absolve(&a, &mark("uid", 7));
    queue.absolve(&a, &mark("other", 9));
    assert!(queue.done(&a, Next::Await));
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_success_resets() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    wake(&queue, &a);
    for wait_ms in [5, 10, 20, 40] {
        let turn = queue.next().await;
        assert!(queue.done(&turn.key, Next::Retry));
        let started = Instant::now();
        let turn = queue.next().await;
        assert_eq!(started.elapsed().as_millis(), wait_ms);
        queue.done(&turn.key, Next::Retry);
        // Undo the extra failure: the loop looks at each wait once.
        let mut inner = queue.lock();
        inner.entries.get_mut(&a).unwrap().attempts -= 1;
        let (_, key) = inner.delayed.pop_first().unwrap();
        inner.enqueue(&key);
    }
    queue.next().await;
    assert!(!queue.done(&a, Next::Await));
    wake(&queue, &a);
    assert_eq!(queue.next().await.attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_ends_the_wait_of_a_failing_key() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    wake(&queue, &a);
    for _ in 0..12 {
        take(&queue).await;
        queue.done(&a, Next::Retry);
        queue.release_delayed();
    }
    take(&queue).await;
    queue.done(&a, Next::Retry);
    assert!(nothing_ready(&queue).await);
    wake(&queue, &a);
    let turn = queue.next().await;
    assert_eq!(
        turn.attempts, 13,
        "the wait is over, the failures are not forgotten"
    );
    queue.done(&a, Next::Await);
    assert!(
        is_empty(&queue),
        "nothing stays behind in the list of delays"
    );
}

#[tokio::test(start_paused = true)]
async fn outdated_reads_repeat_at_once_and_then_back_off() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    wake(&queue, &a);
    take(&queue).await;
    let started = Instant::now();
    queue.done(&a, Next::Outdated);
    take(&queue).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    queue.done(&a, Next::Outdated);
    take(&queue).await;
    assert_eq!(started.elapsed(), Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_cause_is_what_a_pass_answers() {
    let queue = Queue::new(4);
    let a = key("one", "a");
    let first = Instant::now();
    queue.wake(&a, Cause::unmarked(Some(first)));
    tokio::time::advance(Duration::from_millis(5)).await;
    queue.wake(&a, Cause::unmarked(Some(Instant::now())));
    assert_eq!(queue.next().await.read_at, Some(first));
}

#[tokio::test(start_paused = true)]
async fn blueprints_go_first() {
    let queue = Queue::new(4);
    let (a, chain) = (key("one", "a"), Key::new(Kind::ClusterSupplyChain, "", "c"));
    queue.blueprints_only(true);
    wake(&queue, &a);
    assert!(nothing_ready(&queue).await);
    wake(&queue, &chain);
    assert_eq!(take(&queue).await, chain);
    assert!(!queue.blueprints_done());
    queue.done(&chain, Next::Await);
    assert!(queue.blueprints_done());
    queue.blueprints_only(false);
    wake(&queue, &chain);
    assert_eq!(take(&queue).await, chain);
    assert_eq!(take(&queue).await, a);
}

#[test]
fn backoff_is_bounded() {
    assert_eq!(backoff(0), Duration::from_millis(5));
    assert_eq!(backoff(3), Duration::from_millis(40));
    assert_eq!(backoff(u32::MAX), BACKOFF_LAST);
}
